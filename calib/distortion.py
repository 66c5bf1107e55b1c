"""Lens distortion on the z = 1 plane: OpenCV's pinhole polynomial (4 to 14 coefficients) and its fisheye model.

Convention:
    ``xy_norm`` are undistorted coordinates on z = 1, ``xy_dist`` the same after the lens; K is applied elsewhere.
    Coefficients stand in OpenCV's order: k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4, tau_x, tau_y (pinhole)
    or k1, k2, k3, k4 (fisheye). NaN goes in and comes out.

Source: OpenCV documentation, "Camera Calibration and 3D Reconstruction"; fisheye: Kannala and Brandt, PAMI 2006.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LensModel = Literal["pinhole", "fisheye"]

PINHOLE_LENGTHS = (0, 4, 5, 8, 12, 14)
FISHEYE_LENGTH = 4
MAX_NEWTON_STEPS = 30
CONVERGED = 1e-11  # on z = 1: about 1e-8 px for a focal length of 1000 px


def distort(xy_norm: Array, dist: Array, model: LensModel = "pinhole") -> Array:
    """Bend ideal coordinates as the lens does.

    Args:
        xy_norm: [..., 2] on z = 1.
        dist: coefficients in OpenCV's order.
        model: "pinhole" or "fisheye".

    Returns:
        xy_dist [..., 2] on z = 1.
    """
    return _distort(xy_norm, dist, model, jacobian=False)[0]


def distort_jacobian(xy_norm: Array, dist: Array, model: LensModel = "pinhole") -> tuple[Array, Array]:
    """Bend ideal coordinates and say how the result moves with them.

    Args:
        xy_norm: [..., 2] on z = 1.
        dist: coefficients in OpenCV's order.
        model: "pinhole" or "fisheye".

    Returns:
        xy_dist [..., 2]; the derivative of xy_dist by xy_norm [..., 2, 2].
    """
    xy, J = _distort(xy_norm, dist, model, jacobian=True)
    assert J is not None
    return xy, J


def undistort(xy_dist: Array, dist: Array, model: LensModel = "pinhole") -> Array:
    """Undo the lens by Newton's method, to machine precision.

    A coordinate that no ideal point maps to (outside the model's one-to-one region) comes back NaN.

    Args:
        xy_dist: [..., 2] on z = 1, distorted.
        dist: coefficients in OpenCV's order.
        model: "pinhole" or "fisheye".

    Returns:
        xy_norm [..., 2].
    """
    if not np.any(dist):
        if model == "pinhole":
            return xy_dist.copy()
    if model == "fisheye":
        return _undistort_fisheye(xy_dist, dist)
    target = xy_dist.reshape(-1, 2)
    out = target.copy()
    todo = np.flatnonzero(np.isfinite(target).all(-1))
    failed = np.zeros(len(target), bool)
    for _ in range(MAX_NEWTON_STEPS):
        xy, J = distort_jacobian(out[todo], dist)
        miss = target[todo] - xy
        det = J[:, 0, 0] * J[:, 1, 1] - J[:, 0, 1] * J[:, 1, 0]
        folded = ~(det > 0)
        failed[todo[folded]] = True
        safe = np.where(folded, 1.0, det)
        out[todo, 0] += (J[:, 1, 1] * miss[:, 0] - J[:, 0, 1] * miss[:, 1]) / safe
        out[todo, 1] += (J[:, 0, 0] * miss[:, 1] - J[:, 1, 0] * miss[:, 0]) / safe
        todo = todo[~folded & ~(np.abs(miss).max(-1) < CONVERGED)]
        if not len(todo):
            break
    failed[todo] = True
    failed |= _beyond_fold(out, dist)
    out[failed] = np.nan
    return out.reshape(xy_dist.shape)


def _distort(xy: Array, dist: Array, model: LensModel, jacobian: bool) -> tuple[Array, Array | None]:
    """Both lens models behind one door."""
    if model == "fisheye":
        return _distort_fisheye(xy, dist, jacobian)
    return _distort_pinhole(xy, dist, jacobian)


def _distort_pinhole(xy: Array, dist: Array, jacobian: bool) -> tuple[Array, Array | None]:
    """Rational radial, tangential, thin prism and tilt terms."""
    k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4, tau_x, tau_y = np.pad(dist, (0, 14 - len(dist)))
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    top = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    bottom = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    radial = top / bottom
    out = np.empty_like(xy)
    out[..., 0] = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (s1 + r2 * s2)
    out[..., 1] = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + r2 * (s3 + r2 * s4)
    J = None
    if jacobian:
        d_top = k1 + r2 * (2 * k2 + r2 * 3 * k3)
        d_bottom = k4 + r2 * (2 * k5 + r2 * 3 * k6)
        d_radial = 2 * (d_top - radial * d_bottom) / bottom  # d radial / d r2, times 2 for d r2 / d x = 2 x
        prism_x, prism_y = 2 * (s1 + 2 * r2 * s2), 2 * (s3 + 2 * r2 * s4)
        J = np.empty((*xy.shape, 2))
        J[..., 0, 0] = radial + x * x * d_radial + 2 * p1 * y + 6 * p2 * x + prism_x * x
        J[..., 0, 1] = x * y * d_radial + 2 * p1 * x + 2 * p2 * y + prism_x * y
        J[..., 1, 0] = x * y * d_radial + 2 * p1 * x + 2 * p2 * y + prism_y * x
        J[..., 1, 1] = radial + y * y * d_radial + 6 * p1 * y + 2 * p2 * x + prism_y * y
    if tau_x or tau_y:
        out, J = _tilt(out, J, tau_x, tau_y)
    return out, J


def _tilt(xy: Array, J: Array | None, tau_x: float, tau_y: float) -> tuple[Array, Array | None]:
    """Project onto a sensor plane that is tilted by (tau_x, tau_y) radians (OpenCV's Scheimpflug model)."""
    cx, sx, cy, sy = np.cos(tau_x), np.sin(tau_x), np.cos(tau_y), np.sin(tau_y)
    rotation = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]]) @ np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    onto = np.array([[rotation[2, 2], 0, -rotation[0, 2]], [0, rotation[2, 2], -rotation[1, 2]], [0, 0, 1]])
    H = onto @ rotation
    w = xy @ H[2, :2] + H[2, 2]
    out = (xy @ H[:2, :2].T + H[:2, 2]) / w[..., None]
    if J is not None:
        J_tilt = (H[:2, :2] - out[..., :, None] * H[2, :2]) / w[..., None, None]
        J = J_tilt @ J
    return out, J


def _beyond_fold(xy: Array, dist: Array) -> Array:
    """Where the radius lies past the first turning point of the radial polynomial: the lens maps no ray there."""
    k1, k2, _, _, k3, k4, k5, k6 = np.pad(dist, (0, max(0, 8 - len(dist))))[:8]
    radius = np.hypot(xy[..., 0], xy[..., 1])
    if not np.isfinite(radius).any():
        return np.zeros(radius.shape, bool)
    top = np.array([k3, 0, k2, 0, k1, 0, 1, 0])
    bottom = np.array([k6, 0, k5, 0, k4, 0, 1])
    slope = np.polysub(np.polymul(np.polyder(top), bottom), np.polymul(top, np.polyder(bottom)))
    roots = np.roots(np.trim_zeros(slope, "f")) if np.any(slope[:-1]) else np.array([])
    turning = roots[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)].real
    return radius > turning.min() if len(turning) else np.zeros(radius.shape, bool)


def _distort_fisheye(xy: Array, dist: Array, jacobian: bool) -> tuple[Array, Array | None]:
    """Equidistant projection with a polynomial in the angle."""
    r = np.hypot(xy[..., 0], xy[..., 1])
    theta = np.arctan(r)
    t2 = theta * theta
    k1, k2, k3, k4 = dist
    poly = 1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))
    small = r < 1e-9
    safe_r = np.where(small, 1.0, r)
    scale = np.where(small, 1.0, theta * poly / safe_r)
    out = xy * scale[..., None]
    if not jacobian:
        return out, None
    d_theta_d = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
    d_r = d_theta_d / (1 + r * r)
    d_scale = np.where(small, 0.0, (d_r - scale) / (safe_r * safe_r))
    J = d_scale[..., None, None] * xy[..., :, None] * xy[..., None, :]
    J[..., 0, 0] += scale
    J[..., 1, 1] += scale
    return out, J


def _undistort_fisheye(xy_dist: Array, dist: Array) -> Array:
    """Newton's method on the angle alone, since the model is radial."""
    k1, k2, k3, k4 = dist
    theta_d = np.hypot(xy_dist[..., 0], xy_dist[..., 1])
    theta = np.minimum(theta_d, np.pi / 2)
    ok = np.isfinite(theta_d)
    slope = np.ones_like(theta)
    miss = np.zeros_like(theta)
    for _ in range(MAX_NEWTON_STEPS):
        t2 = theta * theta
        slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
        miss = theta_d - theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
        if not (np.abs(miss[ok]) > CONVERGED).any():
            break
        theta = theta + miss / np.where(slope > 1e-3, slope, 1e-3)
    good = ok & (np.abs(miss) <= CONVERGED * 10) & (slope > 0) & (theta < np.pi / 2) & (theta >= 0)
    scale = np.where(theta_d > 1e-9, np.tan(theta) / np.where(theta_d > 1e-9, theta_d, 1.0), 1.0)
    return np.where(good[..., None], xy_dist * scale[..., None], np.nan)
