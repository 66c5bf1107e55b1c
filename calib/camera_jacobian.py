"""How a pixel moves with the point, with the camera's pose and with its lens: the derivatives of projection.

Convention:
    A pose moves by (omega, dt) with R' = exp([omega]x) @ R and t' = t + dt (the rotation on the left, the translation
    by plain addition). Lens parameters stand in the order fx, fy, cx, cy, then ``dist`` in OpenCV's order.
"""

from __future__ import annotations

import numpy as np

from .camera import Camera
from .distortion import Array, LensModel, _tilt, _tilt_homography, distort_jacobian

TILT_STEP = 1e-5  # radians; central differences of a smooth 3x3 matrix, exact to about 1e-11


def project_with_jacobians(
    camera: Camera, xyz: Array, *, intrinsics: bool = False
) -> tuple[Array, Array, Array, Array | None]:
    """World points to pixels, with every first derivative.

    Args:
        camera: pinhole or fisheye; its ``dist`` has D coefficients.
        xyz: [N, 3] metres, world.
        intrinsics: also derive by the lens.

    Returns:
        xy [N, 2] pixels; the derivative of xy by xyz [N, 2, 3] px/m; by the pose [N, 2, 6] (omega in px/rad, then dt
        in px/m, as the module states); by fx, fy, cx, cy, dist [N, 2, 4 + D], None if not asked for. NaN for points
        that are not in front of the camera.
    """
    rotated = np.asarray(xyz, np.float64) @ camera.R.T
    xy, J_cam, J_lens = project_camera_frame(camera, rotated + camera.t, intrinsics=intrinsics)
    return xy, J_cam @ camera.R, np.concatenate([turn_jacobian(J_cam, rotated), J_cam], axis=-1), J_lens


def project_camera_frame(
    camera: Camera, x_cam: Array, *, intrinsics: bool = False
) -> tuple[Array, Array, Array | None]:
    """Points in the camera's own frame to pixels; the pose of ``camera`` does not count.

    Args:
        camera: pinhole or fisheye.
        x_cam: [N, 3] metres, camera frame.
        intrinsics: also derive by the lens.

    Returns:
        xy [N, 2] pixels; the derivative by x_cam [N, 2, 3] px/m; by fx, fy, cx, cy, dist [N, 2, 4 + D] or None.
    """
    x_cam = np.asarray(x_cam, np.float64)
    z = np.where(x_cam[:, 2] > 0, x_cam[:, 2], np.nan)
    xy_norm = x_cam[:, :2] / z[:, None]
    xy_dist, J_bend = distort_jacobian(xy_norm, camera.dist, camera.model)
    J = np.empty((len(z), 2, 3))
    J[..., :2] = camera.focal[:, None] * J_bend / z[:, None, None]
    J[..., 2] = -np.einsum("nij,nj->ni", J[..., :2], xy_norm)
    xy = xy_dist * camera.focal + camera.principal_point
    if not intrinsics:
        return xy, J, None
    J_lens = np.zeros((len(z), 2, 4 + len(camera.dist)))
    J_lens[:, 0, 0], J_lens[:, 1, 1] = xy_dist[:, 0], xy_dist[:, 1]
    J_lens[:, 0, 2] = J_lens[:, 1, 3] = 1.0
    J_lens[:, :, 4:] = camera.focal[:, None] * distortion_jacobian(xy_norm, camera.dist, camera.model)
    return xy, J, J_lens


def turn_jacobian(J: Array, rotated: Array) -> Array:
    """Chain a derivative by a point with the derivative of that point by a rotation on the left.

    Args:
        J: [N, M, 3] by the point.
        rotated: [N, 3], R @ x: the rotated part of the point, without the translation.

    Returns:
        [N, M, 3] by omega: J @ (omega x (R x)) as a matrix on omega.
    """
    return np.asarray(np.cross(rotated[:, None, :], J))  # J . (omega x p) = omega . (p x J)


def distortion_jacobian(xy_norm: Array, dist: Array, model: LensModel = "pinhole") -> Array:
    """How bent coordinates move with the distortion coefficients.

    Args:
        xy_norm: [N, 2] ideal coordinates on z = 1.
        dist: D coefficients in OpenCV's order.
        model: "pinhole" or "fisheye".

    Returns:
        [N, 2, D].
    """
    if model == "fisheye":
        return _fisheye_jacobian(xy_norm)
    k = np.zeros(14)
    k[: len(dist)] = dist
    J = _bending_jacobian(xy_norm, k)
    if len(dist) == 14:
        J = _tilt_jacobian(xy_norm, k, J)
    return J[..., : len(dist)]


def _fisheye_jacobian(xy_norm: Array) -> Array:
    """By k1 to k4 of the equidistant model."""
    r = np.hypot(xy_norm[:, 0], xy_norm[:, 1])
    theta = np.arctan(r)
    direction = xy_norm / np.where(r > 1e-9, r, 1.0)[:, None]
    powers = theta[:, None] ** np.array([3, 5, 7, 9])
    return np.asarray(direction[:, :, None] * powers[:, None, :])


def _bending_jacobian(xy_norm: Array, k: Array) -> Array:
    """By the radial, tangential and prism coefficients; the last two columns (tilt) stay zero."""
    x, y = xy_norm[:, 0], xy_norm[:, 1]
    r2 = x * x + y * y
    powers = np.stack([r2, r2**2, r2**3], axis=-1)
    bottom = 1 + powers @ k[5:8]
    radial = (1 + powers @ k[[0, 1, 4]]) / bottom
    J = np.zeros((len(x), 2, 14))
    rising = xy_norm[:, :, None] * (powers / bottom[:, None])[:, None, :]
    J[:, :, [0, 1, 4]] = rising
    J[:, :, 5:8] = -radial[:, None, None] * rising
    J[:, 0, 2] = J[:, 1, 3] = 2 * x * y
    J[:, 1, 2], J[:, 0, 3] = r2 + 2 * y * y, r2 + 2 * x * x
    J[:, 0, 8:10] = J[:, 1, 10:12] = powers[:, :2]
    return J


def _tilt_jacobian(xy_norm: Array, k: Array, J: Array) -> Array:
    """Carry the derivative onto the tilted sensor, and add the derivative by the two angles."""
    flat, _ = distort_jacobian(xy_norm, k[:12])
    _, J_tilt = _tilt(flat, np.broadcast_to(np.eye(2), (len(flat), 2, 2)), _tilt_homography(k[12], k[13]))
    assert J_tilt is not None
    J = J_tilt @ J
    for column, step in ((12, np.array([TILT_STEP, 0])), (13, np.array([0, TILT_STEP]))):
        ahead, _ = _tilt(flat, None, _tilt_homography(*(k[12:] + step)))
        behind, _ = _tilt(flat, None, _tilt_homography(*(k[12:] - step)))
        J[:, :, column] = (ahead - behind) / (2 * TILT_STEP)
    return J
