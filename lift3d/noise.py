"""How precise a detector is, read off the residuals of what it saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TRIM = 3.0
"""Residuals above this many sigmas do not speak of the ordinary noise; the loss of Gaussian tails is made good."""

MIN_DEGREES = 40
"""A joint with fewer degrees of freedom keeps the average: its own estimate would be off by over 10 %."""

CONFIDENCE_FLOOR = 0.02
"""Below this a confidence says nothing more."""

MAX_EXPONENT = 2.0
SIGMA_FLOOR_PX = 0.05
"""No detector is better; keeps noise-free synthetic input from dividing by zero."""


@dataclass(frozen=True)
class Tails:
    """Student's t law of the noise.

    Args:
        degrees: of freedom; inf: Gaussian.
        width: scale of the law, as a share of the standard deviation that the noise model states.
        spread: what covariances are multiplied by, where the law was asked for and the data's is another.
    """

    degrees: float = np.inf
    width: float = 1.0
    spread: float = 1.0

    @property
    def gaussian(self) -> bool:
        """Whether the tails are no heavier than a Gaussian's."""
        return not np.isfinite(self.degrees)


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """Standard deviation of a keypoint along each image axis: joint * scale * (confidence / reference)^-exponent.

    ``scale`` is how large the person appears in the view, relative to the average: a detector's error grows with its
    crop. It is computed from the geometry, not fitted: with a handful of views, fitted factors run away to trusting
    one pair of cameras alone.

    Args:
        joint: [J] pixels.
        exponent: how fast the noise falls with confidence; 0 means that confidence says nothing.
        reference: the confidence at which ``joint`` holds.
        tails: how much heavier than a Gaussian's the tails are, see :mod:`lift3d.heavy_tails`.
    """

    joint: Array
    exponent: float = 0.0
    reference: float = 1.0
    tails: Tails = Tails()

    def sigma(self, confidence: Array, scale: Array | None = None) -> Array:
        """Pixels for every observation.

        Args:
            confidence: [T, V, P, J].
            scale: [T, V, P] relative size in the picture; None: all alike.

        Returns:
            [T, V, P, J], NaN where the confidence is 0.
        """
        size = 1.0 if scale is None else scale[..., None]
        return np.where(confidence > 0, self.relative(confidence) * self.joint * size, np.nan)

    def relative(self, confidence: Array) -> Array:
        """The part that depends on the confidence."""
        if self.exponent == 0:
            return np.ones_like(confidence)
        return (np.maximum(confidence, CONFIDENCE_FLOOR) / self.reference) ** -self.exponent

    def as_dict(self) -> dict[str, Any]:
        """For the result file's settings."""
        return {
            "joint_px": [round(float(value), 3) for value in self.joint],
            "exponent": round(self.exponent, 3),
            "reference": round(self.reference, 3),
            "degrees_of_freedom": None if self.tails.gaussian else self.tails.degrees,
        }


def fit_noise(
    squared: Array, leverage: Array, confidence: Array, start: NoiseModel, scale: Array | None = None
) -> NoiseModel:
    """Estimate the noise of each joint, and what confidence says of it, from residuals.

    A fit pulls the point towards each observation, so that a residual's expected square is
    2 sigma² (1 - leverage): the sums are divided by their degrees of freedom, not by their count.

    Args:
        squared: [T, V, P, J] squared reprojection errors in pixels, NaN where there is none.
        leverage: [T, V, P, J] see :class:`lift3d.consensus.Consensus`.
        confidence: [T, V, P, J].
        start: the model that the residuals were computed with.
        scale: [T, V, P] relative size of the person in the picture; None: all alike.

    Returns:
        The better model; ``start`` where there are too few residuals to tell.
    """
    degrees = np.where(np.isfinite(squared), 2 * (1 - np.clip(leverage, 0, 1)), 0.0)
    usable = degrees > 0.2
    if scale is not None:
        squared = squared / scale[..., None] ** 2
    squared, degrees = np.where(usable, squared, 0.0), np.where(usable, degrees, 0.0)
    if degrees.sum() < MIN_DEGREES:
        return start
    model = _with_confidence(squared, degrees, confidence, start)
    unit = np.where(usable, model.relative(confidence) ** 2, 1.0)
    variance = model.joint**2
    for _ in range(8):
        variance = _variance(squared / unit, degrees, variance)
    return NoiseModel(np.maximum(np.sqrt(variance), SIGMA_FLOOR_PX), model.exponent, model.reference)


def _variance(ratio: Array, degrees: Array, current: Array) -> Array:
    """Trimmed variance of each joint [J]; a joint with little data takes the average."""
    keep = (degrees > 0) & (ratio <= TRIM**2 * current * degrees / 2)
    sums, counts = np.where(keep, ratio, 0.0).sum((0, 1, 2)), np.where(keep, degrees, 0.0).sum((0, 1, 2))
    lost = np.exp(-(TRIM**2) / 2)
    shrink = 1 - TRIM**2 / 2 * lost / (1 - lost)  # the variance that a 2D Gaussian keeps inside TRIM sigmas
    average = sums.sum() / max(counts.sum(), 1e-9)
    return np.maximum(np.where(counts >= MIN_DEGREES, sums / np.maximum(counts, 1e-9), average) / shrink, 1e-12)


def _with_confidence(squared: Array, degrees: Array, confidence: Array, start: NoiseModel) -> NoiseModel:
    """The exponent, by regression of log residuals on log confidence within joints."""
    use = (degrees > 0) & (confidence > 0) & (squared > 0)
    log_c = np.log(np.maximum(np.where(use, confidence, 1.0), CONFIDENCE_FLOOR))
    reference = float(np.exp(np.median(log_c[use]))) if use.any() else 1.0
    spread = log_c[use].std() if use.any() else 0.0
    if spread < 0.02 or use.sum() < 10 * MIN_DEGREES:
        return NoiseModel(start.joint, 0.0, reference)
    log_r = 0.5 * np.log(np.where(use, squared / np.maximum(degrees, 1e-9), 1.0))
    x, y = _centred(log_c, use), _centred(log_r, use)
    # Logs of residuals have a long lower tail; what lies far below carries no information on the slope.
    use = use & (y > -3.0)
    slope = float((x[use] * y[use]).sum() / max((x[use] ** 2).sum(), 1e-9))
    return NoiseModel(start.joint, float(np.clip(-slope, 0.0, MAX_EXPONENT)), reference)


def _centred(value: Array, use: NDArray[np.bool_]) -> Array:
    """Minus its mean over frames and people, joint by joint and view by view."""
    count = np.maximum(use.sum((0, 2), keepdims=True), 1)
    centred: Array = value - np.where(use, value, 0.0).sum((0, 2), keepdims=True) / count
    return centred
