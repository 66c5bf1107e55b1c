"""Lens distortion on the z = 1 plane: OpenCV's pinhole polynomial (4 to 14 coefficients) and its fisheye model.

Convention:
    ``xy_norm`` are undistorted coordinates on z = 1, ``xy_dist`` the same after the lens; K is applied elsewhere.
    Coefficients stand in OpenCV's order: k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4, tau_x, tau_y (pinhole)
    or k1, k2, k3, k4 (fisheye). NaN goes in and comes out.

Source: OpenCV documentation, "Camera Calibration and 3D Reconstruction"; fisheye: Kannala and Brandt, PAMI 2006.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LensModel = Literal["pinhole", "fisheye"]

PINHOLE_LENGTHS = (0, 4, 5, 8, 12, 14)
FISHEYE_LENGTH = 4
CHUNK = 8192  # points whose dozen temporaries fit in a core's second-level cache
FAST_STEPS = 6  # Newton steps before a point is handed to the slow and certain way
SAFE_STEPS = 30
CONVERGED = 1e-13  # on z = 1: about 1e-10 px for a focal length of 1000 px


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
    xy_dist = np.asarray(xy_dist, np.float64)
    if model == "pinhole" and not np.any(dist):
        return np.array(xy_dist)
    straighten = _straighten_pinhole if model == "pinhole" else _straighten_fisheye
    target = xy_dist.reshape(-1, 2)
    xy_norm = np.empty(xy_dist.shape)
    out = xy_norm.reshape(-1, 2)
    for start in range(0, len(target), CHUNK):
        part = slice(start, start + CHUNK)
        out[part, 0], out[part, 1] = straighten(target[part, 0], target[part, 1], dist)
    return xy_norm


def _distort(xy: Array, dist: Array, model: LensModel, jacobian: bool) -> tuple[Array, Array | None]:
    """Both lens models behind one door."""
    xy = np.asarray(xy, np.float64)
    if model == "fisheye":
        return _distort_fisheye(xy, dist, jacobian)
    *bending, tau_x, tau_y = _all_coefficients(dist)
    out = np.empty_like(xy)
    out[..., 0], out[..., 1], slopes = _bend(xy[..., 0], xy[..., 1], tuple(bending), jacobian=jacobian)
    J = None
    if slopes is not None:
        J = np.empty((*xy.shape, 2))
        J[..., 0, 0], J[..., 0, 1], J[..., 1, 0], J[..., 1, 1] = slopes
    if tau_x or tau_y:
        out, J = _tilt(out, J, _tilt_homography(tau_x, tau_y))
    return out, J


def _all_coefficients(dist: Array) -> tuple[float, ...]:
    """All 14 pinhole coefficients; those that are not given are zero."""
    given = np.asarray(dist, np.float64).ravel().tolist()
    return (*given, *(0.0,) * (14 - len(given)))


def _bend(
    x: Array, y: Array, coefficients: tuple[float, ...], *, jacobian: bool
) -> tuple[Array, Array, tuple[Array, Array, Array, Array] | None]:
    """Rational radial, tangential and thin prism terms, and their derivative (xx, xy, yx, yy)."""
    k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4 = coefficients
    r2 = x * x + y * y
    # The tangential and prism terms of x and y are this common factor and a multiple of r2 each.
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    rational = bool(k4 or k5 or k6)
    if rational:
        bottom = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
        radial = radial / bottom
    factor = radial + (2 * p2) * x + (2 * p1) * y
    prism = bool(s2 or s4)
    x_dist = x * factor + r2 * (p2 + s1 + s2 * r2 if prism else p2 + s1)
    y_dist = y * factor + r2 * (p1 + s3 + s4 * r2 if prism else p1 + s3)
    if not jacobian:
        return x_dist, y_dist, None
    d_radial = k1 + r2 * (2 * k2 + r2 * (3 * k3))
    if rational:
        d_radial = (d_radial - radial * (k4 + r2 * (2 * k5 + r2 * (3 * k6)))) / bottom
    d_radial = d_radial + d_radial  # d r2 / d x = 2 x
    factor_x, factor_y = d_radial * x + 2 * p2, d_radial * y + 2 * p1
    shift_x = 2 * (p2 + s1) + (4 * s2) * r2 if prism else 2 * (p2 + s1)
    shift_y = 2 * (p1 + s3) + (4 * s4) * r2 if prism else 2 * (p1 + s3)
    xx, xy = factor + x * (factor_x + shift_x), x * factor_y + shift_x * y
    yx, yy = y * factor_x + shift_y * x, factor + y * (factor_y + shift_y)
    return x_dist, y_dist, (xx, xy, yx, yy)


def _tilt_homography(tau_x: float, tau_y: float) -> Array:
    """[3, 3]: onto a sensor plane that is tilted by these angles (OpenCV's Scheimpflug model)."""
    cx, sx, cy, sy = np.cos(tau_x), np.sin(tau_x), np.cos(tau_y), np.sin(tau_y)
    rotation = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]]) @ np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    onto = np.array([[rotation[2, 2], 0, -rotation[0, 2]], [0, rotation[2, 2], -rotation[1, 2]], [0, 0, 1]])
    return np.asarray(onto @ rotation)


def _tilt(xy: Array, J: Array | None, H: Array) -> tuple[Array, Array | None]:
    """Apply a homography to [..., 2] and carry the derivative along."""
    w = xy @ H[2, :2] + H[2, 2]
    out = (xy @ H[:2, :2].T + H[:2, 2]) / w[..., None]
    if J is not None:
        J_tilt = (H[:2, :2] - out[..., :, None] * H[2, :2]) / w[..., None, None]
        J = J_tilt @ J
    return out, J


def _straighten_pinhole(x_dist: Array, y_dist: Array, dist: Array) -> tuple[Array, Array]:
    """The inverse of the pinhole model for one chunk of points."""
    *bending, tau_x, tau_y = _all_coefficients(dist)
    coefficients = tuple(bending)
    if tau_x or tau_y:
        level = np.asarray(np.linalg.inv(_tilt_homography(tau_x, tau_y)), np.float64)
        flat, _ = _tilt(np.stack([x_dist, y_dist], axis=-1), None, level)
        x_dist, y_dist = flat[:, 0], flat[:, 1]
    fold = _fold_radius(coefficients[:8])
    start = (x_dist, y_dist)
    x, y, good = _newton(x_dist, y_dist, start=start, coefficients=coefficients, fold=fold, steps=FAST_STEPS)
    x[~good], y[~good] = np.nan, np.nan
    rest = np.flatnonzero(~good & np.isfinite(x_dist + y_dist))
    if len(rest):
        x[rest], y[rest] = _straighten_safely(x_dist[rest], y_dist[rest], coefficients=coefficients, fold=fold)
    return x, y


def _newton(
    x_dist: Array,
    y_dist: Array,
    *,
    start: tuple[Array, Array],
    coefficients: tuple[float, ...],
    fold: float,
    steps: int,
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Up to ``steps`` steps for all points at once; True for those that arrived, and inside the fold."""
    x, y = start[0].copy(), start[1].copy()
    seen = np.isfinite(x_dist + y_dist)
    good = np.zeros(len(x), bool)
    with np.errstate(all="ignore"):  # points that run away are left to the caller
        for _ in range(steps):
            x_now, y_now, slopes = _bend(x, y, coefficients, jacobian=True)
            assert slopes is not None
            xx, xy, yx, yy = slopes
            det = xx * yy - xy * yx
            miss_x, miss_y = x_dist - x_now, y_dist - y_now
            step_x, step_y = (yy * miss_x - xy * miss_y) / det, (xx * miss_y - yx * miss_x) / det
            x += step_x
            y += step_y
            # What is left after a step of Newton's method is about its square over the determinant.
            good = step_x * step_x + step_y * step_y < CONVERGED * np.minimum(det, 1.0)
            if not (seen & ~good).any():
                break
        good &= x * x + y * y <= fold * fold
    return x, y, good


def _straighten_safely(
    x_dist: Array, y_dist: Array, *, coefficients: tuple[float, ...], fold: float
) -> tuple[Array, Array]:
    """Newton's method from a bracketed radius; NaN where there is no solution inside the fold."""
    k1, k2, _, _, k3, k4, k5, k6, *_ = coefficients
    radial = (k1, k2, 0.0, 0.0, k3, k4, k5, k6, 0.0, 0.0, 0.0, 0.0)

    def radius_after(radius: Array) -> Array:
        return _bend(radius, np.zeros_like(radius), radial, jacobian=False)[0]

    r_dist = np.hypot(x_dist, y_dist)
    radius = _bisect(radius_after, r_dist, fold)
    # At the fold itself the slope is zero; a solution that tangential terms put beside it is reached from below.
    radius[radius > (1 - 1e-6) * fold] *= 0.95
    scale = radius / np.where(r_dist > 0, r_dist, 1.0)
    start = (x_dist * scale, y_dist * scale)
    x, y, good = _newton(x_dist, y_dist, start=start, coefficients=coefficients, fold=fold, steps=SAFE_STEPS)
    return np.where(good, x, np.nan), np.where(good, y, np.nan)


def _bisect(rising: Callable[[Array], Array], target: Array, upper: float) -> Array:
    """Where a function that rises on [0, upper] takes the target values; upper may be infinite."""
    low, high = np.zeros_like(target), np.full_like(target, upper / (1 + upper) if np.isfinite(upper) else 1.0)
    with np.errstate(all="ignore"):  # poles of the rational model
        for _ in range(SAFE_STEPS):
            middle = (low + high) / 2
            under = rising(middle / (1 - middle)) < target
            low, high = np.where(under, middle, low), np.where(under, high, middle)
    return low / (1 - low)


@lru_cache(maxsize=1024)
def _fold_radius(coefficients: tuple[float, ...]) -> float:
    """Up to where the radial polynomial rises; beyond it a lens maps no ray. Infinite if it never turns."""
    k1, k2, _, _, k3, k4, k5, k6 = coefficients
    top, bottom = np.array([k3, k2, k1, 1.0]), np.array([k6, k5, k4, 1.0])  # by r2
    # d (r top / bottom) / d r = ((top + 2 r2 top') bottom - 2 r2 top bottom') / bottom^2
    rise = np.polysub(
        np.polymul(top + np.array([6 * k3, 4 * k2, 2 * k1, 0]), bottom),
        np.polymul(top, [6 * k6, 4 * k5, 2 * k4, 0]),
    )
    return float(np.sqrt(min(_first_root(rise), _first_root(bottom))))


def _first_root(polynomial: Array) -> float:
    """The smallest root above zero of a polynomial that is 1 at zero, infinite if there is none."""
    coefficients = np.trim_zeros(np.where(np.abs(polynomial) < 1e-15, 0.0, polynomial), "f")
    roots = np.roots(coefficients) if len(coefficients) > 1 else np.array([])
    real = roots[(np.abs(roots.imag) < 1e-9 * np.abs(roots)) & (roots.real > 0)].real
    return float(real.min()) if len(real) else np.inf


def _distort_fisheye(xy: Array, dist: Array, jacobian: bool) -> tuple[Array, Array | None]:
    """Equidistant projection with a polynomial in the angle."""
    r = np.hypot(xy[..., 0], xy[..., 1])
    theta = np.arctan(r)
    theta_dist, d_theta_dist = _bend_angle(theta, dist)
    small = r < 1e-9
    safe_r = np.where(small, 1.0, r)
    scale = np.where(small, 1.0, theta_dist / safe_r)
    out = xy * scale[..., None]
    if not jacobian:
        return out, None
    d_r = d_theta_dist / (1 + r * r)
    d_scale = np.where(small, 0.0, (d_r - scale) / (safe_r * safe_r))
    J = d_scale[..., None, None] * xy[..., :, None] * xy[..., None, :]
    J[..., 0, 0] += scale
    J[..., 1, 1] += scale
    return out, J


def _bend_angle(theta: Array, dist: Array) -> tuple[Array, Array]:
    """The fisheye's angle after the lens, and its derivative."""
    k1, k2, k3, k4 = (float(k) for k in dist)
    t2 = theta * theta
    bent = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
    return bent, 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * (9 * k4))))


def _straighten_fisheye(x_dist: Array, y_dist: Array, dist: Array) -> tuple[Array, Array]:
    """The inverse of the fisheye model: Newton's method on the angle alone, since the model is radial."""
    theta_dist = np.hypot(x_dist, y_dist)
    k1, k2, k3, k4 = (float(k) for k in dist)
    limit = min(np.sqrt(_first_root(np.array([9 * k4, 7 * k3, 5 * k2, 3 * k1, 1.0]))), np.pi / 2)
    theta = _newton_angle(np.minimum(theta_dist, limit), theta_dist, dist, FAST_STEPS)
    rest = np.flatnonzero(~((theta >= 0) & (theta < limit)) & np.isfinite(theta_dist))
    if len(rest):
        start = _bisect(lambda angle: _bend_angle(angle, dist)[0], theta_dist[rest], limit)
        theta[rest] = _newton_angle(start, theta_dist[rest], dist, SAFE_STEPS)
    theta[~((theta >= 0) & (theta < limit))] = np.nan
    scale = np.where(theta_dist > 1e-9, np.tan(theta) / np.where(theta_dist > 1e-9, theta_dist, 1.0), 1.0)
    return x_dist * scale, y_dist * scale


def _newton_angle(theta: Array, theta_dist: Array, dist: Array, steps: int) -> Array:
    """Newton's method on the fisheye's angle; NaN for an angle that did not arrive."""
    seen = np.isfinite(theta_dist)
    good = np.zeros(theta.shape, bool)
    with np.errstate(all="ignore"):
        for _ in range(steps):
            bent, slope = _bend_angle(theta, dist)
            step = (theta_dist - bent) / slope
            theta = theta + step
            good = step * step < CONVERGED * np.minimum(slope, 1.0)
            if not (seen & ~good).any():
                break
    return np.where(good, theta, np.nan)
