"""What the network sees does not depend on where in the picture a person is, nor on missing joints' values."""

import numpy as np
import pytest

from lift3d.calib.rotation import rotation_matrix
from lift3d.datasets.augment import MIRRORED
from lift3d.datasets.mocap import H36M
from lift3d.lifters.encoding import encode, feature_count, mirror_features, turn_to_axis


@pytest.fixture
def person(mocap_body):
    """[17, 3] in the camera frame, four metres away."""
    return mocap_body[:, [1, 2, 0]] * (1, -1, 1) + (0, 0.9, 4.0)


def test_turning_brings_the_direction_onto_the_axis(rng):
    v = rng.normal(size=(100, 3))
    v[:, 2] = np.abs(v[:, 2])
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    R = turn_to_axis(v)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", R, v), np.tile([0, 0, 1.0], (100, 1)), atol=1e-6)
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.tile(np.eye(3), (100, 1, 1)), atol=1e-6)


def test_a_turned_camera_sees_the_same_person(person):
    seen = np.ones(17)
    straight = encode(person[:, :2] / person[:, 2:], seen)
    pan = person @ rotation_matrix(np.array([0.0, 0.3, 0.0])).T
    panned = encode(pan[:, :2] / pan[:, 2:], seen)
    # a person who is not on the horizon is rolled by 0.3 deg: two smallest rotations are not one
    np.testing.assert_allclose(panned.features, straight.features, atol=0.01)
    np.testing.assert_allclose(pan @ panned.R.T, person @ straight.R.T, atol=0.02)
    on_axis = encode(person[:, :2] / person[:, 2:] + 0.3, seen).features  # without turning it is another picture
    assert np.abs(on_axis - straight.features).max() > 0.1


def test_missing_joints_leave_no_trace_of_their_values(person):
    xy, seen = person[:, :2] / person[:, 2:], np.ones(17)
    seen[3] = 0.0
    nowhere, elsewhere = xy.copy(), xy.copy()
    nowhere[3], elsewhere[3] = np.nan, 99.0
    features = encode(nowhere, seen).features
    np.testing.assert_array_equal(features, encode(elsewhere, seen).features)
    assert (features[[6, 7, 34 + 3]] == 0).all()


def test_nan_counts_as_missing_even_with_confidence(person):
    xy = person[:, :2] / person[:, 2:]
    xy[3] = np.nan
    assert np.isfinite(encode(xy, np.ones(17)).features).all()


def test_nobody_is_all_zeros():
    encoded = encode(np.full((2, 17, 2), np.nan), np.zeros((2, 17)))
    assert encoded.features.shape == (2, feature_count(17))
    assert (encoded.features == 0).all()
    np.testing.assert_array_equal(encoded.R[0], np.eye(3))


def test_scale_is_taken_out_and_told(person):
    near, far = (encode((person + (0, 0, z))[:, :2] / (person[:, 2:] + z), np.ones(17)).features for z in (0.0, 36.0))
    assert near[-1] - far[-1] == pytest.approx(np.log(10), abs=0.05)
    np.testing.assert_allclose(near[:34], far[:34], atol=0.15)


def test_mirrored_features_are_those_of_the_mirrored_person(person, rng):
    xy = person[:, :2] / person[:, 2:] + rng.normal(0, 0.02, (17, 2)) + (0.2, 0.1)
    seen = rng.uniform(0.2, 1, 17)
    mirrored = (xy * (-1, 1))[MIRRORED]
    expected = encode(mirrored, seen[MIRRORED]).features
    np.testing.assert_allclose(mirror_features(encode(xy, seen).features, H36M), expected, atol=1e-5)
