"""Confidence that means something: from a heatmap's peak to the probability that the keypoint is where it says."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets.skeleton import SIDES, Skeleton

from .detection import Array

RADIUS = 0.1
"""Confidence is the probability that a keypoint lies within so many torso diagonals of the truth. Twice that, as
PCK@0.2 has it, is met by nearly every good keypoint, so that triangulation could not tell good from better."""

BINS = 20
PER_BIN = 25
"""A bin of fewer samples would say little: groups with few of them have fewer bins."""

LEAST = 150
"""A group with fewer samples takes the table of all joints together."""

FLOOR = 0.01
"""A keypoint that was found has this confidence at least: 0 means missing."""


@dataclass(frozen=True, eq=False)
class ConfidenceTable:
    """Monotone curves from peak to confidence, one a joint; between their knots they are straight.

    Args:
        peak: J times [K] the knots, rising; K differs from joint to joint.
        confidence: J times [K] not falling, in 0..1.
        radius: torso diagonals within which a keypoint counted as correct.
    """

    peak: tuple[Array, ...]
    confidence: tuple[Array, ...]
    radius: float = RADIUS

    @classmethod
    def fit(
        cls,
        peak: NDArray[np.floating],
        correct: NDArray[np.bool_],
        seen: NDArray[np.bool_],
        *,
        skeleton: Skeleton | None = None,
        radius: float = RADIUS,
    ) -> ConfidenceTable:
        """Learn the curves on people whose truth is known, and who trained nothing.

        Samples are put into bins of equal count along the peak, and the shares of correct ones made monotone by
        isotonic regression. The curve ends in (0, :data:`FLOOR`): joints that nobody could label have low peaks, and
        no truth tells how wrong they are.

        Args:
            peak: [N, J] heatmap values at the keypoints.
            correct: [N, J] whether the keypoint is within ``radius`` torso diagonals of the truth.
            seen: [N, J] whether there is a truth.
            skeleton: left and right of a joint share a curve; None: every joint has its own.
            radius: what ``correct`` means, written down.

        Raises:
            InputError: the shapes differ, or there are fewer than :data:`LEAST` samples in all.
        """
        peaks = np.asarray(peak, np.float64)
        if peaks.ndim != 2 or not peaks.shape == np.shape(correct) == np.shape(seen):
            shapes = ", ".join(str(list(np.shape(each))) for each in (peaks, correct, seen))
            raise InputError(f"peak, correct and seen must all be [N, J], got {shapes}")
        seen = seen & np.isfinite(peaks)
        if seen.sum() < LEAST:
            raise InputError(f"{seen.sum()} labelled keypoints cannot calibrate confidence; {LEAST} are needed")
        parts = _parts(skeleton, peaks.shape[1])
        together = _curve(peaks[seen], correct[seen])
        curves = {}
        for part in set(parts):
            of_part = seen & (np.array(parts) == part)
            enough = of_part.sum() >= LEAST
            curves[part] = _curve(peaks[of_part], correct[of_part]) if enough else together
        return cls(tuple(curves[part][0] for part in parts), tuple(curves[part][1] for part in parts), radius)

    def __call__(self, peak: NDArray[np.floating]) -> Array:
        """Confidence [..., J] of peaks [..., J]; 0 where the peak is NaN.

        Raises:
            InputError: J is not the table's.
        """
        peak = np.asarray(peak, np.float64)
        if peak.shape[-1] != len(self.peak):
            raise InputError(f"peaks of {peak.shape[-1]} joints, but the confidence table is for {len(self.peak)}")
        out = np.empty(peak.shape)
        for j, (knots, values) in enumerate(zip(self.peak, self.confidence, strict=True)):
            out[..., j] = np.interp(peak[..., j], knots, values)
        return np.where(np.isnan(peak), 0.0, out)

    def to_json(self) -> dict[str, Any]:
        """What JSON can hold."""
        tables: dict[str, Any] = {
            name: [[round(float(value), 5) for value in row] for row in side]
            for name, side in (("peak", self.peak), ("confidence", self.confidence))
        }
        return {"radius": self.radius, **tables}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ConfidenceTable:
        """The way back.

        Raises:
            InputError: it is no such table.
        """
        try:
            sides = [tuple(np.array(row, np.float64) for row in content[name]) for name in ("peak", "confidence")]
            whole = all(p.shape == c.shape and p.ndim == 1 and len(p) for p, c in zip(*sides, strict=True))
            table = cls(sides[0], sides[1], float(content["radius"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the confidence table is damaged ({type(error).__name__}: {error})") from error
        if not whole or any((np.diff(row) < 0).any() for side in sides for row in side):
            raise InputError("the confidence table is damaged: peak and confidence must rise, knot by knot")
        return table


def _parts(skeleton: Skeleton | None, joints: int) -> list[str]:
    """A name for each joint; those with the same name share a curve."""
    if skeleton is None:
        return [str(j) for j in range(joints)]
    if len(skeleton) != joints:
        raise InputError(f"peaks of {joints} joints, but {skeleton.name} has {len(skeleton)}")
    return [joint.removeprefix(SIDES[0]).removeprefix(SIDES[1]) for joint in skeleton.joints]


def _curve(peak: Array, correct: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Knots and confidence of one group of samples [n]."""
    order = np.argsort(peak, kind="stable")
    bins = np.array_split(order, max(min(BINS, len(order) // PER_BIN), 1))
    count = np.array([len(each) for each in bins], float)
    knots, which = np.unique([peak[each].mean() for each in bins], return_inverse=True)  # networks saturate
    right = np.bincount(which, [correct[each].sum() for each in bins])
    count = np.asarray(np.bincount(which, count), np.float64)  # as it is: NumPy's stubs have integers, weighted or not
    # Jeffreys' estimate: a bin without a single error is not certain to be right.
    confidence = np.maximum(isotonic((right + 0.5) / (count + 1), count), FLOOR)
    inside = knots > 0
    return np.concatenate([[0.0], knots[inside]]), np.concatenate([[FLOOR], confidence[inside]])


def isotonic(values: Array, weights: Array) -> Array:
    """The sequence that does not fall and is nearest to ``values`` [n] in weighted squares [n].

    Source: Barlow et al., Statistical Inference under Order Restrictions, 1972: pool adjacent violators. SciPy has it
    from 1.12 on, lift3d runs on older ones.
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, count
    for value, weight in zip(values, weights, strict=True):
        block = (float(value), float(weight), 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, heavy, count = blocks.pop()
            both = heavy + block[1]
            block = ((mean * heavy + block[0] * block[1]) / both, both, count + block[2])
        blocks.append(block)
    return np.array(list(itertools.chain.from_iterable([mean] * count for mean, _, count in blocks)))
