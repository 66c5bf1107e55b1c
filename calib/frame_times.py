"""Which frames of several cameras' videos were taken together: a table of frame times, or equal numbers."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .board_views import BoardViews
from .distortion import Array
from .errors import InputError

APART = 0.5  # of the frame interval: frames farther apart in time are not the same moment


@dataclass(frozen=True, eq=False)
class FrameTimes:
    """Which frame of each camera belongs to each of M moments.

    Args:
        cameras: C names.
        frames: [C, M] frame numbers in each camera's video, from 0; -1: none.
        times: [C, M] seconds; NaN: none.
    """

    cameras: tuple[str, ...]
    frames: NDArray[np.int64]
    times: Array

    @property
    def spread(self) -> float:
        """The median over moments of the time between the first and the last camera, seconds."""
        both = self.times[:, np.isfinite(self.times).sum(0) >= 2]
        return float(np.median(np.nanmax(both, axis=0) - np.nanmin(both, axis=0))) if both.size else 0.0

    @property
    def moments(self) -> Array:
        """[M] seconds: the median of the cameras' times."""
        return np.asarray(np.nanmedian(self.times, axis=0))

    def renumber(self, views: BoardViews) -> BoardViews:
        """Views whose frames are numbered by moments instead of by the camera's own count."""
        row = self.frames[self.cameras.index(views.camera)]
        moments = {int(frame): moment for moment, frame in enumerate(row) if frame >= 0}
        kept = np.array([int(frame) in moments for frame in views.frames], bool)
        views = views.select(kept)
        return replace(views, frames=np.array([moments[int(frame)] for frame in views.frames], np.int64))


def read_frame_times(path: Path, cameras: Sequence[str]) -> FrameTimes:
    """Read a timestamps.csv with the columns cam_id, frame_time (seconds) and, if it has it, sync_index.

    The n-th row of a camera, by time, is the n-th frame of its video: recorders number frames from when they were
    started, not from the video's first. Without sync_index, frames are joined that lie within half a frame interval.

    Args:
        path: the file.
        cameras: the videos' names; a camera belongs to the row whose cam_id is its name or the last number in it.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: a column is missing, a number is malformed, or a camera has no row.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"cam_id", "frame_time"} <= set(rows[0]):
        raise InputError(
            f"{path} must have the columns cam_id and frame_time, got {', '.join(rows[0] if rows else ())}"
        )
    table: dict[str, list[tuple[float, int]]] = {}
    try:
        for row in rows:
            moment = int(row["sync_index"]) if row.get("sync_index") else -1
            table.setdefault(row["cam_id"].strip(), []).append((float(row["frame_time"]), moment))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: a row is not of numbers ({error}); export it again") from None
    by_camera = {name: sorted(_rows_of(name, table, path)) for name in cameras}
    synced = all(moment >= 0 for entries in by_camera.values() for _, moment in entries)
    return _by_moment(by_camera) if synced else _by_time(by_camera)


def _rows_of(name: str, table: Mapping[str, list[tuple[float, int]]], path: Path) -> list[tuple[float, int]]:
    """The rows of a camera."""
    digits = "".join(character if character.isdigit() else " " for character in name).split()
    for key in (name, *(str(int(number)) for number in digits[-1:])):
        if key in table:
            return table[key]
    raise InputError(f"{path} has no row of camera {name}; its cam_id are {', '.join(sorted(table))}")


def _by_moment(by_camera: Mapping[str, list[tuple[float, int]]]) -> FrameTimes:
    """Join by the recorder's own index."""
    moments = sorted({moment for entries in by_camera.values() for _, moment in entries})
    column = {moment: i for i, moment in enumerate(moments)}
    frames = np.full((len(by_camera), len(moments)), -1, np.int64)
    times = np.full(frames.shape, np.nan)
    for c, entries in enumerate(by_camera.values()):
        for frame, (time, moment) in enumerate(entries):
            frames[c, column[moment]], times[c, column[moment]] = frame, time
    return FrameTimes(tuple(by_camera), frames, times)


def _by_time(by_camera: Mapping[str, list[tuple[float, int]]]) -> FrameTimes:
    """Join the nearest frames in time; the camera with the fewest frames sets the moments."""
    times = [np.array([time for time, _ in entries]) for entries in by_camera.values()]
    slowest = min(times, key=len)
    interval = float(np.median(np.diff(slowest))) if len(slowest) > 1 else np.inf
    frames = np.full((len(times), len(slowest)), -1, np.int64)
    joined = np.full(frames.shape, np.nan)
    for c, own in enumerate(times):
        nearest = np.abs(own[:, None] - slowest).argmin(0)
        near = np.abs(own[nearest] - slowest) < APART * interval
        frames[c, near], joined[c, near] = nearest[near], own[nearest[near]]
    return FrameTimes(tuple(by_camera), frames, joined)


def shared_frames(views: Iterable[BoardViews], least: int = 2) -> NDArray[np.int64]:
    """Numbers of the frames in which at least so many cameras saw the board, rising."""
    numbers, counts = np.unique(np.concatenate([entry.frames for entry in views]), return_counts=True)
    return np.asarray(numbers[counts >= least], np.int64)
