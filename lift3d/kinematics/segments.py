"""Lengths of segments: each frame's, and what one can say of the person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Skeleton
from lift3d.datasets.skeleton import SIDES

from .points import Points, joints_of
from .uncertainty import propagate

Array = NDArray[np.float64]

_SIDED = {
    "thigh": ("hip", "knee"),
    "shank": ("knee", "ankle"),
    "foot": ("heel", "toe"),
    "upper_arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
}
SEGMENTS: dict[str, tuple[str, str]] = {
    **{side + name: (side + a, side + b) for name, (a, b) in _SIDED.items() for side in SIDES},
    "trunk": ("hips", "shoulders"),
    "hip_width": ("left_hip", "right_hip"),
    "shoulder_width": ("left_shoulder", "right_shoulder"),
    "head_width": ("left_ear", "right_ear"),
}
"""Segment to its two ends."""


@dataclass(frozen=True)
class SegmentLength:
    """A segment's length over a sequence.

    Args:
        name: a key of :data:`SEGMENTS`.
        frames: in how many it was there.
        median: metres.
        spread: metres, the standard deviation over the frames.
        sigma: metres, the median of what the joints' covariances say a single frame's error is; where the spread is
            much larger, the error bars are too small or the joints slide along the body.
    """

    name: str
    frames: int
    median: float
    spread: float
    sigma: float


def segment_lengths(xyz: Array, skeleton: Skeleton) -> dict[str, Array]:
    """[..., J, 3] metres to the length [...] of every segment that the joint set has; NaN where an end is missing."""
    points = Points(xyz, skeleton)
    return {
        name: np.linalg.norm(points[b] - points[a], axis=-1)
        for name, (a, b) in SEGMENTS.items()
        if joints_of(a, skeleton) and joints_of(b, skeleton)
    }


def summarise_segments(xyz: Array, covariance: Array, skeleton: Skeleton) -> tuple[SegmentLength, ...]:
    """What the frames [T, J, 3] say about each segment; NaN for one that was never there."""
    lengths = segment_lengths(xyz, skeleton)
    sigma = propagate(lambda moved: segment_lengths(moved, skeleton), xyz, covariance).sigma
    rows = []
    for name, length in lengths.items():
        there = length[np.isfinite(length)]
        errors = sigma[name][np.isfinite(sigma[name])]
        rows.append(
            SegmentLength(
                name,
                len(there),
                float(np.median(there)) if len(there) else float("nan"),
                float(there.std(ddof=1)) if len(there) > 1 else float("nan"),
                float(np.median(errors)) if len(errors) else float("nan"),
            )
        )
    return tuple(rows)
