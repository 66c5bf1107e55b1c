"""Keeping a person in view: where they are in every frame, calmly, and how much room they take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .bounds import Bounds, bounds_of

Array = NDArray[np.float64]

CALM_S = 0.4  # standard deviation of the smoothing: the view does not nod with every step
MAX_FRAMES = 2000  # evenly spread, to find how much room a person takes


@dataclass(frozen=True, eq=False)
class Followed:
    """A person whom the view moves with.

    Args:
        middle: [T, 3] metres, where the view's middle is.
        room: the person's box about that middle.
    """

    middle: Array
    room: Bounds

    def bounds(self, frame: int) -> Bounds:
        """The box that the view of a frame fits."""
        return Bounds(self.room.low + self.middle[frame], self.room.high + self.middle[frame])


def follow(poses: Poses, person: int) -> Followed:
    """Find a person's way.

    Args:
        poses: T frames, P people.
        person: 0..P-1.

    Raises:
        InputError: there is no such person.
    """
    people = poses.xyz.shape[1]
    if not 0 <= person < people:
        has = f"people 1 to {people}" if people > 1 else "one person" if people else "no people"
        raise InputError(f"there is no person {person + 1} to follow; the poses have {has}")
    xyz = poses.xyz[:, person]
    seen = np.asarray(np.isfinite(xyz).all(-1)) & (poses.status[:, person] != Status.MISSING)
    count = seen.sum(-1)
    there = np.flatnonzero(count)
    if not len(there):
        raise InputError(f"person {person + 1} has no joint in any frame, so there is nobody to follow")
    total = np.where(seen[..., None], xyz, 0.0).sum(1)[there] / count[there, None]  # [K, 3]
    frames = np.arange(len(xyz))
    middle = np.column_stack([np.interp(frames, there, total[:, axis]) for axis in range(3)])
    middle[:, 2] = np.median(total[:, 2])
    middle = _calm(middle, poses.fps)
    step = max(1, -(-len(xyz) // MAX_FRAMES))
    about = np.where(seen[..., None], xyz - middle[:, None], np.nan)[::step]
    return Followed(middle, bounds_of(about[:, None]))


def _calm(path: Array, fps: float) -> Array:
    """A path [T, 3] smoothed by a Gaussian, its ends held."""
    rate = fps if np.isfinite(fps) and fps > 0 else 30.0
    reach = int(np.ceil(3 * CALM_S * rate))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (CALM_S * rate)) ** 2)
    padded = np.pad(path, ((reach, reach), (0, 0)), mode="edge")
    return np.column_stack([np.convolve(padded[:, axis], weights / weights.sum(), "valid") for axis in range(3)])
