"""The container of 2D keypoints, seen by several cameras over time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from .skeleton import Skeleton

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Keypoints:
    """2D keypoints of T frames, V views, up to P candidates a view, J joints.

    Convention:
        a keypoint that was not seen is NaN with confidence 0; the same p in two views is *not* the same person
        until :mod:`lift3d.association` has said so.

    Args:
        xy: [T, V, P, J, 2] pixels.
        confidence: [T, V, P, J] in 0..1.
        cameras: V names.
        skeleton: the joint set, J joints.
        fps: frames a second, None where nothing told it.
        frames: [T] the frame numbers, rising; None means 0..T-1.
        times: [T, V] the moments, in frames, at which the views' pictures were really taken, NaN where there is
            none; None: on the frame. See :func:`lift3d.datasets.resampling.in_step`.

    Raises:
        InputError: shapes disagree.
    """

    xy: Array
    confidence: Array
    cameras: tuple[str, ...]
    skeleton: Skeleton
    fps: float | None = None
    frames: NDArray[np.int64] | None = None
    times: Array | None = None

    def __post_init__(self) -> None:
        xy = np.asarray(self.xy, np.float64)
        if xy.ndim != 5 or xy.shape[-1] != 2:
            raise InputError(f"keypoints xy must be [T, V, P, J, 2], got {list(xy.shape)}")
        confidence = np.array(self.confidence, np.float64)
        if confidence.shape != xy.shape[:-1]:
            raise InputError(f"keypoints confidence must be {list(xy.shape[:-1])}, got {list(confidence.shape)}")
        if len(self.cameras) != xy.shape[1]:
            raise InputError(f"keypoints have {xy.shape[1]} views but {len(self.cameras)} camera names")
        if len(self.skeleton) != xy.shape[3]:
            raise InputError(f"keypoints have {xy.shape[3]} joints but {self.skeleton.name} names {len(self.skeleton)}")
        frames = np.arange(len(xy)) if self.frames is None else np.asarray(self.frames, np.int64)
        if frames.shape != (len(xy),):
            raise InputError(f"keypoints frames must be [{len(xy)}], got {list(frames.shape)}")
        if self.times is not None and self.times.shape != xy.shape[:2]:
            raise InputError(f"keypoints times must be {list(xy.shape[:2])}, got {list(self.times.shape)}")
        missing = ~(np.isfinite(xy[..., 0]) & np.isfinite(xy[..., 1]) & (confidence > 0))
        confidence[missing] = 0.0
        object.__setattr__(self, "xy", np.where(missing[..., None], np.nan, xy))
        object.__setattr__(self, "confidence", confidence)
        object.__setattr__(self, "cameras", tuple(self.cameras))
        object.__setattr__(self, "frames", frames)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, V, P, J)."""
        t, v, p, j = self.confidence.shape
        return t, v, p, j

    def select_frames(self, index: NDArray[np.intp]) -> Keypoints:
        """The frames at these positions, with their numbers."""
        assert self.frames is not None
        times = None if self.times is None else self.times[index]
        return replace(
            self, xy=self.xy[index], confidence=self.confidence[index], frames=self.frames[index], times=times
        )

    def select_views(self, cameras: tuple[str, ...] | list[str]) -> Keypoints:
        """The views of these cameras, in this order."""
        order = [self.cameras.index(name) for name in cameras]
        times = None if self.times is None else self.times[:, order]
        return replace(
            self, xy=self.xy[:, order], confidence=self.confidence[:, order], cameras=tuple(cameras), times=times
        )
