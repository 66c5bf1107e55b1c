"""What every reader of this folder takes and gives, and what all of them do to their poses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError

from ..human36m import RigsBySubject
from ..mocap import UNITS, Clip

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]

Z_UP_OF_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""(x, y, z) of a world with y up is (x, -z, y) here."""

LEAST_FRAMES = 2  # a clip with fewer says nothing of motion


@dataclass(frozen=True)
class Sources:
    """What the reader is told beside the path.

    Args:
        cameras: Human3.6M's cameras by subject; needed where poses are stored in camera frames.
        keypoints: VideoPose3D's 2D file, against which 3D and cameras are checked.
        unit: of layouts that do not say theirs (BVH); None: the layout's custom.
        fps: every n-th frame is taken so that about so many a second remain; None: all.
        subject: a regular expression with a group ``subject``, and perhaps ``trial``, on a file's name (BVH).
    """

    cameras: RigsBySubject | None = None
    keypoints: Path | None = None
    unit: str | None = None
    fps: float | None = None
    subject: str | None = None


@dataclass(frozen=True, eq=False)
class Recordings:
    """What was read.

    Args:
        clips: in the order of their names.
        notes: what a user should know of them, one line each.
    """

    clips: list[Clip]
    notes: list[str] = field(default_factory=list)


def metres_of(unit: str | None, usual: str) -> float:
    """Metres a unit.

    Raises:
        InputError: nobody knows that unit.
    """
    unit = unit or usual
    if unit not in UNITS:
        raise InputError(f"unit {unit!r} is not known; give one of {', '.join(UNITS)}")
    return UNITS[unit]


def fewer_frames(clip: Clip, fps: float | None) -> Clip:
    """Every n-th frame of a clip, so that about ``fps`` a second remain."""
    step = 1 if fps is None else max(1, round(clip.fps / fps))
    if step == 1:
        return clip
    values = {**vars(clip), "xyz": np.ascontiguousarray(clip.xyz[::step]), "fps": clip.fps / step}
    return Clip(**values)


def whole_runs(xyz: NDArray[Any]) -> Iterator[slice]:
    """The stretches of [T, J, 3] in which every joint of every frame is known, of two frames or more."""
    good = np.isfinite(xyz).all((-1, -2))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start >= LEAST_FRAMES:
            yield slice(int(start), int(stop))


def to_world(x_cam: Array, camera: Camera) -> Array:
    """Points [..., 3] metres of a camera's frame in its world."""
    return np.asarray((x_cam - camera.t) @ camera.R)


def reprojection_px(xyz: NDArray[Any], camera: Camera, xy: NDArray[Any]) -> float:
    """The largest distance in pixels between projected points [..., 3] and where they were seen [..., 2]."""
    distance = np.linalg.norm(camera.project(xyz) - xy, axis=-1)
    return float(np.nanmax(distance)) if np.isfinite(distance).any() else float("nan")
