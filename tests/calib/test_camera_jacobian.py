"""Derivatives of projection against central differences, and against OpenCV's own."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lift3d.calib import Camera
from lift3d.calib.camera_jacobian import project_with_jacobians
from lift3d.calib.rotation import rotation_matrix

COEFFICIENTS = [-0.2, 0.1, 0.002, -0.003, 0.01, 0.05, -0.02, 0.01, 0.003, -0.002, 0.001, 0.004, 0.03, -0.02]
LENSES = [("pinhole", COEFFICIENTS[:n]) for n in (0, 4, 5, 8, 12, 14)] + [("fisheye", [0.05, -0.02, 0.01, -0.003])]


@pytest.fixture(params=LENSES, ids=lambda lens: f"{lens[0]}{len(lens[1])}")
def camera(request):
    model, dist = request.param
    K = np.array([[900.0, 0, 630], [0, 870, 350], [0, 0, 1]])
    R, t = rotation_matrix(np.array([0.3, -0.2, 0.5])), np.array([0.1, 0.2, 3.0])
    return Camera("c", K, np.array(dist), R, t, (1280, 720), model)


@pytest.fixture
def xyz(rng):
    return rng.uniform(-1, 1, (20, 3))


def central_difference(f, step=1e-6):
    return (f(step) - f(-step)) / (2 * step)


def test_the_projection_itself_is_that_of_the_camera(camera, xyz):
    np.testing.assert_allclose(project_with_jacobians(camera, xyz)[0], camera.project(xyz), atol=1e-9)


def test_derivative_by_the_point_is_that_of_finite_differences(camera, xyz):
    _, J, _, _ = project_with_jacobians(camera, xyz)
    for i, axis in enumerate(np.eye(3)):
        numeric = central_difference(lambda h, axis=axis: camera.project(xyz + h * axis))
        np.testing.assert_allclose(J[:, :, i], numeric, atol=2e-5)


def test_derivative_by_the_pose_is_a_rotation_on_the_left_then_a_shift(camera, xyz):
    _, _, J, _ = project_with_jacobians(camera, xyz)
    for i, axis in enumerate(np.eye(3)):
        turned = central_difference(
            lambda h, axis=axis: camera.with_pose(rotation_matrix(h * axis) @ camera.R, camera.t).project(xyz)
        )
        moved = central_difference(lambda h, axis=axis: camera.with_pose(camera.R, camera.t + h * axis).project(xyz))
        np.testing.assert_allclose(J[:, :, i], turned, atol=2e-5)
        np.testing.assert_allclose(J[:, :, 3 + i], moved, atol=2e-5)


def test_derivative_by_the_lens_is_that_of_finite_differences(camera, xyz):
    _, _, _, J = project_with_jacobians(camera, xyz, intrinsics=True)
    assert J.shape == (20, 2, 4 + len(camera.dist))
    for i in range(J.shape[-1]):

        def project(h, i=i):
            K, dist = camera.K.copy(), camera.dist.copy()
            if i < 4:
                K[[0, 1, 0, 1][i], [0, 1, 2, 2][i]] += h
            else:
                dist[i - 4] += h
            return replace(camera, K=K, dist=dist).project(xyz)

        np.testing.assert_allclose(J[:, :, i], central_difference(project), atol=2e-5)


def test_derivative_by_the_lens_is_that_of_opencv(camera, xyz):
    if camera.model == "fisheye" or not len(camera.dist):
        pytest.skip("cv2.projectPoints is the oracle for distorted pinholes")
    rvec = cv2.Rodrigues(camera.R)[0]
    _, J = cv2.projectPoints(xyz, rvec, camera.t, camera.K, camera.dist)
    ours = project_with_jacobians(camera, xyz, intrinsics=True)[3]
    np.testing.assert_allclose(ours.reshape(40, -1), J[:, 6 : 10 + len(camera.dist)], rtol=1e-6, atol=1e-6)


def test_points_behind_the_camera_have_no_derivative(camera):
    behind = camera.center - camera.R[2]
    for value in project_with_jacobians(camera, behind[None], intrinsics=True):
        assert np.isnan(value).any()


def test_derivative_at_the_optical_axis_is_finite(camera):
    ahead = camera.center + 2 * camera.R[2]
    for value in project_with_jacobians(camera, ahead[None], intrinsics=True):
        assert np.isfinite(value).all()
