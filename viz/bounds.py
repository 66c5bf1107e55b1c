"""Where the people are, whatever else the data hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TAIL = 2.0  # percent of a person's frames, at either end, whose place does not count if it is far from the others
JOINT_TAIL = 0.5  # percent of the joints in the other frames
REACH = 3.2  # a joint counts up to this many median distances from its person's middle
LEAST_HALF = 0.4  # metres, so that a single joint is not shown from within


@dataclass(frozen=True, eq=False)
class Bounds:
    """An upright box.

    Args:
        low: [3] metres.
        high: [3] metres.
    """

    low: Array
    high: Array

    @property
    def center(self) -> Array:
        """[3] metres."""
        return 0.5 * (self.low + self.high)

    @property
    def size(self) -> float:
        """The diagonal, metres."""
        return float(np.linalg.norm(self.high - self.low))

    @property
    def corners(self) -> Array:
        """[8, 3] metres."""
        grid = np.meshgrid(*zip(self.low, self.high, strict=True), indexing="ij")
        return np.stack(grid, axis=-1).reshape(8, 3)


NOWHERE = Bounds(np.array([-0.6, -0.6, 0.0]), np.array([0.6, 0.6, 1.8]))
"""A box for a scene without a single joint: about where a person would stand."""


def bounds_of(xyz: Array) -> Bounds:
    """The box in which the people are, unmoved by a few wild joints or frames.

    Frames in which a person's middle (the median joint) is far from where it is in the others do not count, nor do
    joints further from the middle than :data:`REACH` times the usual distance.

    Args:
        xyz: [T, P, J, 3] metres; NaN where missing.
    """
    boxes = [box for person in range(xyz.shape[1]) if (box := _person(xyz[:, person])) is not None]
    if not boxes:
        return NOWHERE
    around = bounds_around(boxes)
    short = np.maximum(0.0, LEAST_HALF - 0.5 * (around.high - around.low))
    return Bounds(around.low - short, around.high + short)


def bounds_around(boxes: Sequence[Bounds]) -> Bounds:
    """The box of all boxes; :data:`NOWHERE` for none."""
    if not boxes:
        return NOWHERE
    return Bounds(np.min([box.low for box in boxes], axis=0), np.max([box.high for box in boxes], axis=0))


def _person(xyz: Array) -> Bounds | None:
    """The box of one person over time, [T, J, 3]; None without a joint."""
    seen = np.asarray(np.isfinite(xyz).all(-1))
    present = np.asarray(seen.any(-1))
    if not present.any():
        return None
    xyz = np.where(seen[..., None], xyz, np.nan)[present]
    middle = np.nanmedian(xyz, axis=1)  # [T, 3]
    distance = np.linalg.norm(xyz - middle[:, None], axis=-1)
    usual = float(np.nanmedian(distance))
    start, end = np.percentile(middle, [TAIL, 100 - TAIL], axis=0)
    there = ((middle >= start - usual) & (middle <= end + usual)).all(-1)
    near = distance <= REACH * usual + 1e-9  # False for NaN
    kept = xyz[there[:, None] & near]
    if not len(kept):
        kept = middle
    low, high = np.percentile(kept, [JOINT_TAIL, 100 - JOINT_TAIL], axis=0)
    return Bounds(low, high)
