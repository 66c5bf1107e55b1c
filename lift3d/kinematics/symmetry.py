"""How alike left and right are.

Source: Robinson, Herzog and Nigg (1987), J Manipulative Physiol Ther 10:172.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .contacts import Event
from .segments import SegmentLength
from .strides import QUANTITIES, strides

Array = NDArray[np.float64]

RANGE = (0.05, 0.95)  # quantiles: one wild frame must not make a range of motion


@dataclass(frozen=True)
class Symmetry:
    """One quantity of both sides; ``index`` in per cent of their mean, positive where the left one is larger."""

    quantity: str
    unit: str
    left: float
    right: float

    @property
    def index(self) -> float:
        """Robinson's index; NaN where a side is missing or both are zero."""
        return symmetry_index(self.left, self.right)


def symmetry_index(left: float, right: float) -> float:
    """100 (left - right) / mean of both: 0 for equal sides, positive where the left is larger; NaN for two zeros."""
    mean = (abs(left) + abs(right)) / 2
    return 100 * (left - right) / mean if mean else float("nan")


def symmetries(
    angles: Mapping[str, Array], segments: Sequence[SegmentLength], events: Sequence[Event]
) -> tuple[Symmetry, ...]:
    """Left against right: ranges of motion (between the 5 % and 95 % quantiles), segment lengths, strides.

    Args:
        angles: name to [T] radians.
        segments: lengths.
        events: gait events.
    """
    rows = []
    for name in (name[5:] for name in angles if name.startswith("left_")):
        left, right = (float(np.degrees(_range(angles[side + name]))) for side in ("left_", "right_"))
        rows.append(Symmetry(f"{name} range", "deg", left, right))
    median = {segment.name: segment.median for segment in segments}
    for name in (name[5:] for name in median if name.startswith("left_")):
        rows.append(Symmetry(f"{name} length", "m", median["left_" + name], median["right_" + name]))
    each = strides(events)
    for name, unit in QUANTITIES.items():
        rows.append(Symmetry(name, unit, _median(each["left"][name]), _median(each["right"][name])))
    return tuple(row for row in rows if np.isfinite([row.left, row.right]).all())


def _range(angle: Array) -> float:
    """From quantile to quantile; NaN without values."""
    finite = angle[np.isfinite(angle)]
    return float(np.subtract(*np.quantile(finite, RANGE[::-1]))) if len(finite) else float("nan")


def _median(value: Array) -> float:
    """Of what is finite; NaN for nothing."""
    finite = value[np.isfinite(value)]
    return float(np.median(finite)) if len(finite) else float("nan")
