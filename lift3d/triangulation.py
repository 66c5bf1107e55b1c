"""Robust triangulation of keypoints from any number of calibrated views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError, Rig

from .body_sides import BodyViews, find_body_sides
from .consensus import GATE, Consensus, find_consensus
from .heavy_tails import estimate_tails, heed_tails, read_tails
from .noise import NoiseModel, fit_noise
from .point_solver import Array, Observations, linear_points, observe
from .swaps import Sides, find_swaps

NOISE_SAMPLE = 2_000
NOISE_FRAMES = 400
"""Points, and frames at least, that the noise is estimated from: with four views some 2,000 degrees of freedom a joint,
so that each joint's sigma is known to 2 %."""

NOISE_ROUNDS = 3
BODY_JOINTS = 5
"""From this many joints on, the median joint says where a person is even if some are wrong."""

LOG_SIZE_RANGE = 1.1
"""A person is at most three times as large or small in a view as usual; what lies beyond is a wrong joint."""

START_SIGMA = 0.005
"""First guess of the noise, as a share of the picture's longer side (10 px of 1920)."""


@dataclass(frozen=True, eq=False)
class Triangulation:
    """Points in space with what is known about them. [..., ] stands for [N] or [T, P, J] as the input had it.

    Args:
        xyz: [..., 3] metres, world; NaN where fewer than two views agree.
        covariance: [..., 6] m², entries xx, xy, xz, yy, yz, zz.
        views: [...] how many views the point was computed from.
        reprojection_error: [...] pixels, root mean square over the views used.
        used: [V, N] or [T, V, P, J] the observations that count.
        swapped: same shape, observations whose left and right were exchanged back.
        noise: the detector noise that was estimated or given.
        unsure: [T, P] where the views' left and right disagreed and all may now be exchanged; None for loose points.
    """

    xyz: Array
    covariance: Array
    views: NDArray[np.uint8]
    reprojection_error: Array
    used: NDArray[np.bool_]
    swapped: NDArray[np.bool_]
    noise: NoiseModel
    unsure: NDArray[np.bool_] | None = None


def triangulate(
    xy: Array,
    rig: Rig,
    confidence: Array | None = None,
    *,
    symmetric: Sequence[tuple[int, int]] | Sides = (),
    noise: NoiseModel | None = None,
    tails: str | float = "auto",
    gate: float = GATE,
) -> Triangulation:
    """Triangulate keypoints, leaving out the views that are wrong.

    Convention:
        pixels are as the camera saw them (distorted); a view that missed a point holds NaN there. People must be
        associated: the same p is the same person in every view.

    Args:
        xy: [V, N, 2] points, or [T, V, P, J, 2] keypoints, pixels.
        rig: V cameras.
        confidence: [V, N] or [T, V, P, J] in 0..1, 0 = not seen; None: all alike.
        symmetric: (left, right) joints to check for exchanged sides, better as :class:`Sides`, which knows what is
            exchanged together; needs the second shape, frames in their order.
        noise: the detector's noise; None: estimated from the residuals, joint by joint.
        tails: of noise that is estimated: "auto", "gaussian", "cauchy", or degrees of freedom of Student's t.
        gate: a view further off than this many standard deviations is an outlier.

    Returns:
        The points and how far each can be trusted. The covariance is first-order: (sum of J' S^-1 J)^-1 over the
        views used, with the estimated noise S.

    Raises:
        InputError: shapes disagree, fewer than two cameras, or tails that there are not.

    Source: Hartley and Zisserman, section 12.2 (linear start) and 5.2 (covariance); see :mod:`lift3d.consensus`.
    """
    degrees = read_tails(tails)
    xy, confidence, flat = _as_keypoints(xy, confidence, rig)
    if flat and symmetric:
        raise InputError("symmetric joints need xy as [T, V, P, J, 2], got [V, N, 2]")
    seen = _Seen(observe(_by_view(xy), rig), confidence)
    swapped, unsure = np.zeros(confidence.shape, bool), np.zeros((len(confidence), confidence.shape[2]), bool)
    sides = symmetric if isinstance(symmetric, Sides) else Sides.loose(symmetric)
    if symmetric:
        seen, swapped, unsure = _turn_bodies(seen, sides, rig)
    scale = _apparent_size(seen, rig)
    model = noise or _estimate(seen, scale, rig, gate=gate)
    if symmetric:
        seen, again = _undo_swaps(seen, sides, model.sigma(seen.confidence, scale))
        swapped ^= again
        if noise is None and again.any():
            model = _estimate(seen, scale, rig, gate=gate, start=model)
    sigma = model.sigma(seen.confidence, scale)
    obs = seen.obs.with_noise(_by_view(sigma))
    found = find_consensus(obs, gate)
    if noise is None:
        model = replace(model, tails=estimate_tails(obs, found, gate, degrees))
    found = heed_tails(obs, found, model.tails)
    return replace(_result(found, sigma, swapped, model, flat), unsure=None if flat else unsure)


def exchange_sides(value: Array, swapped: NDArray[np.bool_], pairs: Sequence[tuple[int, int]]) -> Array:
    """Exchange what was found of left and right joints.

    Args:
        value: [..., J].
        swapped: [..., J], alike for both joints of a pair.
        pairs: (left, right) positions.
    """
    mirror = np.arange(value.shape[-1])
    for left, right in pairs:
        mirror[[left, right]] = right, left
    return np.where(swapped, value[..., mirror], value)


@dataclass(frozen=True, eq=False)
class _Seen:
    """All observations, with a noise of one pixel.

    Args:
        obs: [V, n], n = T * P * J.
        confidence: [T, V, P, J], 0 where nothing is seen.
    """

    obs: Observations
    confidence: Array

    def joints(self, positions: Sequence[int]) -> Observations:
        """The observations of some joints."""
        T, _, P, J = self.confidence.shape
        return self.obs.take((np.arange(T * P)[:, None] * J + np.asarray(positions)).ravel())

    def frames(self, positions: NDArray[np.intp]) -> _Seen:
        """Some of the frames."""
        _, _, P, J = self.confidence.shape
        points = (positions[:, None] * (P * J) + np.arange(P * J)).ravel()
        return _Seen(self.obs.take(points), self.confidence[positions])


def _as_keypoints(xy: Array, confidence: Array | None, rig: Rig) -> tuple[Array, Array, bool]:
    """Bring both input shapes to [T, V, P, J, 2]; N loose points are N frames of one joint."""
    xy = np.asarray(xy, np.float64)
    flat = xy.ndim == 3
    if xy.ndim not in (3, 5) or xy.shape[-1] != 2:
        raise InputError(f"xy must be [V, N, 2] or [T, V, P, J, 2], got {list(xy.shape)}")
    views = xy.shape[0 if flat else 1]
    if views != len(rig):
        raise InputError(f"xy has {views} views but the rig has {len(rig)} cameras")
    if len(rig) < 2:
        raise InputError("triangulation needs at least two cameras, got 1")
    if confidence is None:
        confidence = np.ones(xy.shape[:-1])
    confidence = np.array(confidence, np.float64)
    if confidence.shape != xy.shape[:-1]:
        raise InputError(f"confidence must be {list(xy.shape[:-1])}, got {list(confidence.shape)}")
    if flat:
        xy, confidence = xy.transpose(1, 0, 2)[:, :, None, None], confidence.T[:, :, None, None]
    seen = np.isfinite(xy).all(-1) & (confidence > 0)
    return np.where(seen[..., None], xy, np.nan), np.where(seen, confidence, 0.0), flat


def _by_view(value: Array) -> Array:
    """[T, V, P, J, …] laid out as [V, T*P*J, …]."""
    T, V, P, J = value.shape[:4]
    return np.moveaxis(value, 1, 0).reshape(V, T * P * J, *value.shape[4:])


def _unflatten(value: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """[V, T*P*J] back to [T, V, P, J]."""
    T, V, P, J = shape
    return np.moveaxis(value.reshape(V, T, P, J), 0, 1)


def _estimate(seen: _Seen, scale: Array, rig: Rig, *, gate: float, start: NoiseModel | None = None) -> NoiseModel:
    """Noise of the detector from a sample of the frames, alternating with triangulation."""
    T, _, P, J = seen.confidence.shape
    count = min(T, max(NOISE_FRAMES, NOISE_SAMPLE // max(P * J, 1)))
    frames = np.linspace(0, max(T - 1, 0), count).astype(np.intp)
    sample, scale = seen.frames(frames), scale[frames]
    longer = float(np.mean([max(camera.size) for camera in rig]))
    model = start or NoiseModel(np.full(J, START_SIGMA * longer))
    for _ in range(NOISE_ROUNDS):
        sigma = model.sigma(sample.confidence, scale)
        found = find_consensus(sample.obs.with_noise(_by_view(sigma)), gate, leverage=True)
        squared = np.where(found.inlier & (found.inlier.sum(0) >= 3), found.chi2, np.nan)
        if not np.isfinite(squared).any():  # two cameras only: what is left of a residual is across the epipolar line
            squared = np.where(found.inlier, found.chi2, np.nan)
        squared, leverage = (_unflatten(value, sigma.shape) for value in (squared, found.leverage))
        model = fit_noise(squared * sigma**2, leverage, sample.confidence, model, scale)
    return model


def _apparent_size(seen: _Seen, rig: Rig) -> Array:
    """[T, V, P] pixels a metre where the person is, relative to the geometric mean over all."""
    T, V, P, J = seen.confidence.shape
    if J >= BODY_JOINTS:
        X = _rough_points(seen.obs).reshape(T, P, J, 3)
        middle = np.ma.median(np.ma.masked_invalid(X), axis=2).filled(np.nan)
    else:
        X = _rough_points(seen.obs.take(slice(None, None, max(1, T * P * J // NOISE_SAMPLE))))
        X = X[np.isfinite(X).all(-1)]
        middle = (np.median(X, axis=0) if len(X) else np.full(3, np.nan))[None, None]  # one for all
    depth = np.stack([middle @ camera.R[2] + camera.t[2] for camera in rig], axis=1)  # [T, V, P]
    focal = np.array([camera.focal.mean() for camera in rig])[:, None]
    size = np.log(focal / np.where(depth > 0.1, depth, np.nan))
    view = np.ma.median(np.ma.masked_invalid(size), axis=(0, 2), keepdims=True).filled(0.0)
    size = np.where(np.isfinite(size), np.clip(size, view - LOG_SIZE_RANGE, view + LOG_SIZE_RANGE), view)
    return np.broadcast_to(np.exp(size - size.mean()), (T, V, P)) if size.size else np.ones((T, V, P))


def _rough_points(obs: Observations) -> Array:
    """[n, 3] linear least squares, outliers included."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return linear_points(obs).T


def _turn_bodies(seen: _Seen, sides: Sides, rig: Rig) -> tuple[_Seen, NDArray[np.bool_], NDArray[np.bool_]]:
    """Exchange whole bodies back where views take back for front; where that is not sure [T, P]."""
    T, V, P, J = seen.confidence.shape
    found = find_body_sides(BodyViews.of(seen.obs, rig, (T, P, J), sides.pairs, sides.facing))
    swapped = np.zeros((T, V, P, J), bool)
    swapped[..., np.ravel(sides.pairs)] = found.exchanged[..., None]
    return _exchanged(seen, sides, swapped), swapped, found.unsure


def _undo_swaps(seen: _Seen, sides: Sides, sigma: Array) -> tuple[_Seen, NDArray[np.bool_]]:
    """Exchange left and right back where the other views and frames say so."""
    T, V, P, J = seen.confidence.shape
    lefts, rights = (list(side) for side in zip(*sides.pairs, strict=True))
    left, right = (seen.joints(side).with_noise(_by_view(sigma[..., side])) for side in (lefts, rights))
    swapped = np.zeros((T, V, P, J), bool)
    swapped[..., lefts] = swapped[..., rights] = np.moveaxis(find_swaps(left, right, sides, P), 0, 1)
    return _exchanged(seen, sides, swapped), swapped


def _exchanged(seen: _Seen, sides: Sides, swapped: NDArray[np.bool_]) -> _Seen:
    """The observations with left and right exchanged where [T, V, P, J] says so."""
    T, V, P, J = swapped.shape
    obs = Observations(seen.obs.R, seen.obs.t, seen.obs.xy.copy(), seen.obs.info.copy())
    where = np.moveaxis(swapped, 1, 0)
    for array in (obs.xy, obs.info):
        joints = array.reshape(len(array), V, T, P, J)
        joints[:] = exchange_sides(joints, where, sides.pairs)
    return _Seen(obs, exchange_sides(seen.confidence, swapped, sides.pairs))


def _result(found: Consensus, sigma: Array, swapped: NDArray[np.bool_], model: NoiseModel, flat: bool) -> Triangulation:
    """Back to the shape that came in."""
    shape = (len(sigma), *sigma.shape[2:])
    used = _unflatten(found.inlier, sigma.shape)
    squared = np.where(used, _unflatten(found.chi2, sigma.shape) * sigma**2, 0.0).sum(1)
    views = used.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.where(views > 0, np.sqrt(squared / views), np.nan)
    xyz, covariance = found.X.T.reshape(*shape, 3), found.C.T.reshape(*shape, 6)
    views = views.astype(np.uint8)
    if flat:
        return Triangulation(
            xyz[:, 0, 0], covariance[:, 0, 0], views[:, 0, 0], error[:, 0, 0],
            used[:, :, 0, 0].T, swapped[:, :, 0, 0].T, model,
        )  # fmt: skip
    return Triangulation(xyz, covariance, views, error, used, swapped, model)
