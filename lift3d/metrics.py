"""Errors of 3D poses by the names and protocols of the literature, with bootstrap confidence intervals.

Convention:
    poses are [N, J, 3] in metres and errors come back in metres, [N, J]; reports turn them into millimetres. A joint
    that is NaN on either side has a NaN error and is left out of means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

Array = NDArray[np.float64]

PCK_THRESHOLD = 0.150  # metres
AUC_THRESHOLDS = np.arange(0.0, 0.1501, 0.005)


def mpjpe(predicted: Array, true: Array) -> Array:
    """Distances [N, J] joint by joint; their mean is the MPJPE, Protocol 1 when both are relative to the pelvis.

    Source: Ionescu et al., Human3.6M, 2014, section 4.
    """
    _check(predicted, true)
    return np.asarray(np.linalg.norm(np.asarray(predicted, np.float64) - true, axis=-1))


def pa_mpjpe(predicted: Array, true: Array) -> Array:
    """The same after the best rotation, translation and scale of each pose: Protocol 2.

    Source: Umeyama, Least-squares estimation of transformation parameters, 1991.
    """
    _check(predicted, true)
    return mpjpe(align_similarity(predicted, true), true)


def n_mpjpe(predicted: Array, true: Array) -> Array:
    """The same after the best scale of each pose about the origin.

    Source: Rhodin et al., Unsupervised geometry-aware representation for 3D human pose estimation, 2018.
    """
    _check(predicted, true)
    seen = _seen(predicted, true)
    p, x = (np.where(seen[..., None], side, 0.0) for side in (predicted, true))
    scale = (p * x).sum((-1, -2)) / np.maximum((p * p).sum((-1, -2)), 1e-12)
    return mpjpe(np.asarray(predicted) * scale[:, None, None], true)


def mpjve(predicted: Array, true: Array) -> Array:
    """Distances [N - 1, J] of the steps from frame to frame, metres a frame.

    Source: Pavllo et al., 3D human pose estimation in video with temporal convolutions, 2019, section 5.
    """
    return mpjpe(np.diff(predicted, axis=0), np.diff(true, axis=0))


def pck3d(errors: Array, threshold: float = PCK_THRESHOLD) -> Array:
    """The share of joints within ``threshold`` metres, [N].

    Source: Mehta et al., Monocular 3D human pose estimation in the wild, 2017.
    """
    return _mean(np.where(np.isfinite(errors), errors <= threshold, np.nan))


def auc3d(errors: Array) -> Array:
    """The mean of 3DPCK over thresholds from 0 to 150 mm in steps of 5 mm, [N]."""
    return np.asarray(np.mean([pck3d(errors, threshold) for threshold in AUC_THRESHOLDS], axis=0))


def align_similarity(moved: Array, fixed: Array) -> Array:
    """``moved`` [N, J, 3] after the rotation, translation and scale that bring it closest to ``fixed`` [N, J, 3]."""
    moved, fixed = np.asarray(moved, np.float64), np.asarray(fixed, np.float64)
    seen = _seen(moved, fixed)
    weight = seen / np.maximum(seen.sum(-1, keepdims=True), 1)
    a, b = (np.where(seen[..., None], side, 0.0) for side in (moved, fixed))
    mean_a, mean_b = ((weight[..., None] * side).sum(-2, keepdims=True) for side in (a, b))
    centred_a, centred_b = ((side - mean) * seen[..., None] for side, mean in ((a, mean_a), (b, mean_b)))
    U, S, Vt = np.linalg.svd(np.swapaxes(centred_a, -1, -2) @ centred_b)
    sign = np.ones_like(S)
    sign[..., 2] = np.sign(np.linalg.det(U @ Vt))
    R = (U * sign[..., None, :]) @ Vt  # row vectors: a @ R
    scale = (S * sign).sum(-1) / np.maximum((centred_a**2).sum((-1, -2)), 1e-12)
    return np.asarray(scale[:, None, None] * (moved - mean_a) @ R + mean_b)


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def text(self, factor: float = 1000.0, digits: int = 1) -> str:
        """``74.9 [71.0, 79.2]``."""
        value, low, high = (f"{factor * number:.{digits}f}" for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"


def bootstrap_mean(
    values: Array, groups: NDArray[np.integer], rng: np.random.Generator, *, rounds: int = 1000
) -> Estimate:
    """The mean of values, and where it would lie had other groups been recorded.

    Frames of one clip are alike, so whole groups are drawn again, not frames. The interval holds 95 %.

    Args:
        values: [N]; NaN is left out.
        groups: [N] which clip each value is from.
        rng: all randomness comes from it.
        rounds: how often.

    Raises:
        InputError: there is no value.
    """
    kept = np.isfinite(values)
    if not kept.any():
        raise InputError("there is not one error to take a mean of: predictions and truth share no joint")
    _, index = np.unique(groups[kept], return_inverse=True)
    total, count = np.bincount(index, values[kept]), np.bincount(index)
    drawn = rng.integers(len(count), size=(rounds, len(count)))
    means = total[drawn].sum(-1) / count[drawn].sum(-1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(values[kept].mean()), float(low), float(high))


def _mean(values: Array) -> Array:
    """Over joints; NaN where none is left."""
    count = np.isfinite(values).sum(-1)
    return np.asarray(np.where(count > 0, np.nansum(values, -1) / np.maximum(count, 1), np.nan))


def mean_over_joints(errors: Array) -> Array:
    """[N] from [N, J], what is NaN left out."""
    return _mean(errors)


def _seen(a: Array, b: Array) -> NDArray[np.bool_]:
    """[N, J] whether both sides have the joint."""
    return np.asarray(np.isfinite(a).all(-1) & np.isfinite(b).all(-1))


def _check(predicted: Array, true: Array) -> None:
    """Both [N, J, 3]."""
    if np.ndim(predicted) != 3 or np.shape(predicted) != np.shape(true) or np.shape(true)[-1] != 3:
        raise InputError(
            f"predicted and true poses must both be [N, J, 3], got {list(np.shape(predicted))} and "
            f"{list(np.shape(true))}"
        )
