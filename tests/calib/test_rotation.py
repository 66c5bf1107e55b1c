import cv2
import numpy as np
import pytest

from lift3d.calib.rotation import rotation_matrix, rotation_vector

VECTORS = [
    [0.0, 0.0, 0.0],
    [1e-9, 0.0, 0.0],
    [1.2, -0.7, 0.4],
    [0.0, np.pi, 0.0],
    [np.pi / np.sqrt(2), 0.0, -np.pi / np.sqrt(2)],
    [0.0, 0.0, 5.0],
]


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_the_matrix_is_opencvs_and_comes_back_from_its_vector(vector):
    R = rotation_matrix(np.array(vector))
    np.testing.assert_allclose(R, cv2.Rodrigues(np.array(vector))[0], atol=1e-14)
    np.testing.assert_allclose(rotation_matrix(rotation_vector(R)), R, atol=1e-14)
    assert np.linalg.norm(rotation_vector(R)) <= np.pi + 1e-12


def test_leading_axes_are_kept():
    vectors = np.random.default_rng(0).normal(size=(4, 5, 3)) * 0.9
    R = rotation_matrix(vectors)
    assert R.shape == (4, 5, 3, 3)
    np.testing.assert_allclose(R[2, 3], cv2.Rodrigues(vectors[2, 3])[0], atol=1e-14)
    np.testing.assert_allclose(rotation_vector(R), vectors, atol=1e-12)
