"""The least-squares core of triangulation: many points at once, each seen by several cameras.

Convention:
    observations are undistorted coordinates on z = 1; each has an information matrix G (2x2, symmetric: g11, g12, g22)
    that measures their error in units of the pixel noise, so that e' G e is a chi-square with two degrees of freedom
    whatever the focal length and the lens. A view that does not count has G = 0.
    Arrays are [V, n], small symmetric 3x3 matrices are six arrays in the order xx, xy, xz, yy, yz, zz.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Rig

Array = NDArray[np.float64]

SYMMETRIC_3 = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
"""Where the entries of a symmetric 3 x 3 matrix stand among its six: xx, xy, xz, yy, yz, zz."""
Item = TypeVar("Item")
Result = TypeVar("Result")

SERIAL = 20_000
"""Fewer points than this are done before threads have started."""

MAX_WORKERS = 8
"""Beyond that the interpreter's own work between numpy's loops is what takes the time."""


@dataclass(frozen=True, eq=False)
class Observations:
    """What V cameras saw of n points.

    Args:
        R: [V, 3, 3] world to camera.
        t: [V, 3] metres.
        xy: [2, V, n] on z = 1, finite everywhere (zero where not seen).
        info: [3, V, n] entries g11, g12, g22; zero where not seen.
    """

    R: Array
    t: Array
    xy: Array
    info: Array

    def take(self, points: NDArray[np.intp] | slice, views: list[int] | None = None) -> Observations:
        """Some of the points, in all or some of the views."""
        if views is None:
            return Observations(self.R, self.t, self.xy[:, :, points], self.info[:, :, points])
        return Observations(
            self.R[views], self.t[views], self.xy[:, views][..., points], self.info[:, views][..., points]
        )

    def with_noise(self, sigma: Array) -> Observations:
        """The same with another noise, [V, n] in units of the one that these have; not finite = not seen."""
        weight = np.where(sigma > 0, 1.0 / np.where(sigma > 0, sigma, 1.0) ** 2, 0.0)
        return Observations(self.R, self.t, self.xy, self.info * weight)

    def weighted(self, inlier: NDArray[np.bool_]) -> Observations:
        """The same with the views that are not inliers [V, n] switched off."""
        return Observations(self.R, self.t, self.xy, self.info * inlier)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """[V, n] where a view counts."""
        return self.info[0] > 0


def in_parallel(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply a function to each item on all cores; numpy lets go of the interpreter while it computes."""
    workers = min(len(items), os.cpu_count() or 1, MAX_WORKERS)
    if workers < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, items))


def observe(xy: Array, rig: Rig) -> Observations:
    """Turn pixels into observations, with a noise of one pixel carried through the lens.

    Args:
        xy: [V, n, 2] pixels, NaN where not seen.
        rig: V cameras.
    """
    V, n = xy.shape[:2]
    points = np.empty((2, V, n))
    info = np.empty((3, V, n))

    def look(v: int) -> None:
        ideal, J = rig.cameras[v].undistort_scale(xy[v])
        points[:, v] = ideal.T
        info[0, v] = J[:, 0, 0] ** 2 + J[:, 1, 0] ** 2
        info[1, v] = J[:, 0, 0] * J[:, 0, 1] + J[:, 1, 0] * J[:, 1, 1]
        info[2, v] = J[:, 0, 1] ** 2 + J[:, 1, 1] ** 2

    if n > SERIAL:
        in_parallel(look, range(V))
    else:
        for v in range(V):
            look(v)
    unseen = np.isnan(points[0])
    if unseen.any():
        points[:, unseen] = 0.0
        info[:, unseen] = 0.0
    return Observations(np.array([camera.R for camera in rig]), np.array([camera.t for camera in rig]), points, info)


def solve3(H: Array, g: Array) -> Array:
    """Solve n symmetric 3x3 systems in closed form.

    Args:
        H: [6, n].
        g: [3, n].

    Returns:
        [3, n]; not finite where H is singular.
    """
    return apply3(inverse3(H), g)


def inverse3(H: Array) -> Array:
    """Invert n symmetric 3x3 matrices [6, n] by cofactors; not finite where singular."""
    xx, xy, xz, yy, yz, zz = H
    c_xx, c_xy, c_xz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    det = xx * c_xx + xy * c_xy + xz * c_xz
    # Relative to the product of the diagonal, rounding alone gives about 1e-15.
    singular = ~(det > 1e-13 * np.abs(xx * yy * zz))
    scale = 1.0 / np.where(singular, np.nan, det)
    return np.stack([c_xx, c_xy, c_xz, xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy]) * scale


def apply3(H: Array, g: Array) -> Array:
    """N symmetric matrices [6, n] times n vectors [3, n]."""
    x, y, z = g
    return np.stack([H[0] * x + H[1] * y + H[2] * z, H[1] * x + H[3] * y + H[4] * z, H[2] * x + H[4] * y + H[5] * z])


def linear_points(obs: Observations) -> Array:
    """Start values [3, n]: the inhomogeneous linear least squares of the ray equations.

    Source: Hartley and Zisserman, section 12.2 (the inhomogeneous variant, good for points at finite distance).
    """
    R, t = obs.R, obs.t
    weight = obs.info[0] + obs.info[2]
    # Row (x r3 - r1) X = t1 - x t3 and the same for y; the weights are absorbed into sums over the views.
    x, y = obs.xy
    wx, wy = weight * x, weight * y
    w2 = wx * x + wy * y
    products = [(a, b) for a in range(3) for b in range(a, 3)]
    r1, r2, r3 = R[:, 0], R[:, 1], R[:, 2]
    H = np.stack(
        [
            (r3[:, a] * r3[:, b]) @ w2
            - (r3[:, a] * r1[:, b] + r1[:, a] * r3[:, b]) @ wx
            - (r3[:, a] * r2[:, b] + r2[:, a] * r3[:, b]) @ wy
            + (r1[:, a] * r1[:, b] + r2[:, a] * r2[:, b]) @ weight
            for a, b in products
        ]
    )
    t1, t2, t3 = t.T
    g = np.stack(
        [
            -(r3[:, a] * t3) @ w2
            + (r3[:, a] * t1 + r1[:, a] * t3) @ wx
            + (r3[:, a] * t2 + r2[:, a] * t3) @ wy
            - (r1[:, a] * t1 + r2[:, a] * t2) @ weight
            for a in range(3)
        ]
    )
    return solve3(H, g)


@dataclass(frozen=True, eq=False)
class Residuals:
    """Reprojection of n points into V views.

    Args:
        e: [2, V, n] predicted minus observed on z = 1.
        B: [2, 3, V, n] its derivative by the point, 1/m.
        chi2: [V, n] e' G e; 0 where the view does not count.
        in_front: [V, n] whether the point lies before the camera.
    """

    e: Array
    B: Array
    chi2: Array
    in_front: NDArray[np.bool_]


def reproject(obs: Observations, X: Array) -> Residuals:
    """Residuals and derivatives at the points X [3, n]."""
    V = len(obs.R)
    x_cam = (obs.R.reshape(-1, 3) @ X).reshape(V, 3, -1) + obs.t[:, :, None]
    z = x_cam[:, 2]
    in_front = z > 1e-6
    inv_z = 1.0 / np.where(in_front, z, 1e-6)
    x, y = x_cam[:, 0] * inv_z, x_cam[:, 1] * inv_z
    e = np.stack([x - obs.xy[0], y - obs.xy[1]])
    B = np.empty((2, 3, *x.shape))
    for k in range(3):
        r3 = obs.R[:, 2, k, None]
        B[0, k] = (obs.R[:, 0, k, None] - x * r3) * inv_z
        B[1, k] = (obs.R[:, 1, k, None] - y * r3) * inv_z
    return Residuals(e, B, chi_square(obs, e), in_front)


def chi_square(obs: Observations, e: Array) -> Array:
    """The squares e' G e, [V, n]."""
    g11, g12, g22 = obs.info
    return np.asarray(e[0] * (g11 * e[0] + 2 * g12 * e[1]) + g22 * e[1] * e[1])


def information(obs: Observations, res: Residuals) -> Array:
    """Sum over the views of B' G B, [6, n]: the inverse of a point's covariance."""
    return _information(_weighted_derivatives(obs, res), res)


def normal_equations(obs: Observations, res: Residuals) -> tuple[Array, Array]:
    """Sums over the views of B' G B [6, n] and B' G e [3, n]."""
    GB = _weighted_derivatives(obs, res)
    g = np.empty((3, *res.chi2.shape[1:]))
    for a in range(3):
        g[a] = np.einsum("vn,vn->n", GB[a][0], res.e[0]) + np.einsum("vn,vn->n", GB[a][1], res.e[1])
    return _information(GB, res), g


def _weighted_derivatives(obs: Observations, res: Residuals) -> list[tuple[Array, Array]]:
    """G B, its two rows for each coordinate of the point."""
    g11, g12, g22 = obs.info
    return [(g11 * res.B[0, k] + g12 * res.B[1, k], g12 * res.B[0, k] + g22 * res.B[1, k]) for k in range(3)]


def _information(GB: list[tuple[Array, Array]], res: Residuals) -> Array:
    """B' (G B)."""
    H = np.empty((6, *res.chi2.shape[1:]))
    entry = 0
    for a in range(3):
        for b in range(a, 3):
            H[entry] = np.einsum("vn,vn->n", GB[a][0], res.B[0, b]) + np.einsum("vn,vn->n", GB[a][1], res.B[1, b])
            entry += 1
    return H


def refine(obs: Observations, X: Array, steps: int) -> Array:
    """Gauss-Newton steps on the reprojection error, from X [3, n].

    A step that leads nowhere (singular, or behind a camera that counts) leaves its point where it was.
    """
    for _ in range(steps):
        res = reproject(obs, X)
        H, g = normal_equations(obs, res)
        with np.errstate(invalid="ignore", over="ignore"):
            step = solve3(H, g)
            usable = np.isfinite(step).all(0)
            X = np.where(usable, X - step, X)
    return X
