"""What in the residuals persists: the part of the detector's and the calibration's error that is no jitter.

A calibration that does not quite fit, and a detector that sees a joint a little beside its true centre, move the
keypoints of a view in the same direction for seconds. Such errors are no reason to smooth harder, averaging over time
does not lessen them, and where a view comes or goes they move the point. So the noise of a joint is split in two:

    variance = persistent + jitter,    persistent: what residuals still have in common a tenth of a second later

and jitter that is correlated over a few frames counts for as many fewer independent frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

HORIZON_S = 0.1
"""What is still there after this time counts as persistent: smoothing hardly reaches further."""

TRACK_S = 0.5
"""Standard deviation of the window over which a view's persistent error is averaged."""

SHRINK = 300.0
"""Residuals of the average over all joints that count as much as the joint's own."""

CHANCE = 1.5
"""Standard errors of a correlation that are put down to chance: smoothing lessens jitter tenfold, so that one per cent
of persistent noise which is not there would widen the error bars by a tenth."""

MAX_PERSISTENT = 0.98
WORTH = 0.1
"""A smaller persistent share is not worth following."""


@dataclass(frozen=True, eq=False)
class NoiseSplit:
    """How the variance of each joint's keypoints is divided.

    Args:
        persistent: [J] share of the variance that persists.
        jitter: [J] variance of the rest over the whole variance, as if it were independent from frame to frame.
        length: [J] frames over which jitter is correlated, 1 for independent frames.
    """

    persistent: Array
    jitter: Array
    length: Array


def split_noise(u: Array, fps: float) -> NoiseSplit:
    """Split the variance by the residuals' autocorrelation.

    Args:
        u: [n, V, J, 2] residuals in units of their sigma, NaN where there is none; n consecutive frames, or pieces of
            the recording with :data:`HORIZON_S` of NaN between them.
        fps: frames a second.
    """
    horizon = max(2, round(HORIZON_S * fps))
    rho = np.stack([_correlation(u, lag) for lag in range(1, horizon + 1)]) if len(u) > horizon else None
    joints = u.shape[2]
    if rho is None or not np.isfinite(rho).all():
        return NoiseSplit(np.zeros(joints), np.ones(joints), np.ones(joints))
    pairs = np.isfinite(u[horizon:] * u[:-horizon]).sum((0, 1, 3))
    chance = CHANCE / np.sqrt(pairs + SHRINK)
    last = np.clip(rho[-1], 0.0, MAX_PERSISTENT)
    length = np.clip(1 + 2 * ((rho[:-1] - last) / (1 - last)).sum(0), 1.0, horizon)
    persistent = np.clip(rho[-1] - chance, 0.0, MAX_PERSISTENT)
    return NoiseSplit(persistent, (1 - persistent) * length, length)


def _correlation(u: Array, lag: int) -> Array:
    """Autocorrelation [J] at one lag; a joint with few residuals leans on the average of all."""
    product = u[lag:] * u[:-lag]
    both = np.isfinite(product)
    power = 0.5 * (u[lag:] ** 2 + u[:-lag] ** 2)
    top = np.where(both, product, 0.0).sum((0, 1, 3))
    bottom = np.where(both, power, 0.0).sum((0, 1, 3))
    count = both.sum((0, 1, 3))
    if not bottom.sum() > 0:
        return np.full(u.shape[2], np.nan)
    average, unit = top.sum() / bottom.sum(), bottom.sum() / count.sum()
    return np.asarray((top + SHRINK * unit * average) / (bottom + SHRINK * unit))


def persistent_error(e: Array, weight: Array, persistent: Array, fps: float) -> Array:
    """Each view's error that persists, as a running average of its residuals.

    Args:
        e: [2, V, n, J] residuals, finite.
        weight: [V, n, J], 0 where a residual does not count.
        persistent: [J] share of the variance that persists; the average is drawn to zero accordingly.
        fps: frames a second.

    Returns:
        [2, V, n, J] in the unit of e.
    """
    width = TRACK_S * fps
    share = np.clip(persistent, 1e-6, MAX_PERSISTENT)
    least = (1 - share) / share / (2 * np.sqrt(np.pi) * width)  # jitter left in the average, relative
    mean_weight = gaussian_filter1d(weight, width, axis=1, mode="constant")
    sums = gaussian_filter1d(e * weight, width, axis=2, mode="constant")
    return np.asarray(np.where(share >= WORTH, sums / (mean_weight + least), 0.0))
