"""What a camera that is late would have seen of a moving board in time.

Cameras that are said to film in step often do not: webcams hand out pictures tens of milliseconds after they took them,
each model after its own time. The board's path tells what each camera would have seen at the moment that a frame is
given for, and how fast it moved there, which is what a delay is adjusted by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from .bundle_adjustment import Adjustment, AdjustmentConfig, BoardObservations, BoardPoses, adjust_boards
from .camera import Camera
from .distortion import Array

CLOSE = 0.1  # seconds: a hand's motion ends at some 3 Hz, so that frames must be closer to show it
MAX_GAP = 0.5  # seconds: within it a hand moves a board smoothly
ROUNDS = 8
SETTLED = 1e-4  # seconds
SETTLED_PX = 0.02
CLEAR = 5.0  # standard deviations by which a delay must differ from none
LEAST_DELAY = 1e-3  # seconds; less moves a hand-held board by less than corners are uncertain
LEAST_FRAMES = 3  # a camera that is to have a delay must have seen the board pass in so many
LEAST_SHARE = 0.5  # of the frames must belong to a path


def seen_late(cameras: Sequence[Camera], delays: Array, points: Array, times: Array) -> tuple[Array, Array]:
    """How far, and how fast, a board's corners had still to move in the pictures of cameras that are late.

    Args:
        cameras: C.
        delays: [C] seconds.
        points: [P, N, 3] the corners, world.
        times: [P] seconds, rising.

    Returns:
        pixels seen late minus pixels in time, and pixels a second, both [C, P, N, 2]; NaN where a frame stands alone.
    """
    shift = np.full((len(cameras), *points.shape[:2], 2), np.nan)
    motion = shift.copy()
    for part in np.split(np.arange(len(times)), np.flatnonzero(np.diff(times) > MAX_GAP) + 1):
        if len(part) < 2:
            continue
        for c, camera in enumerate(cameras):
            then, velocity = _go_back(points[part], times[part], delays[c])
            ahead = 1e-3 * velocity  # a millisecond's way
            shift[c, part] = camera.project(then) - camera.project(points[part])
            motion[c, part] = (camera.project(then + ahead) - camera.project(then - ahead)) / 2e-3
    return shift, motion


def _go_back(points: Array, times: Array, delay: float) -> tuple[Array, Array]:
    """Where the corners [P, N, 3] were a delay before each frame, and how fast they moved.

    Frames that are close draw the path of a hand. Between others the board is taken to move steadily from the last
    frame that is passed on the way back: a curve through the noisy places of frames so far apart foretells worse.
    """
    wanted = times - delay
    if len(times) > 3 and np.median(np.diff(times)) <= CLOSE:
        path = CubicSpline(times, points)
        return np.asarray(path(wanted)), np.asarray(path(wanted, 1))
    velocity = np.gradient(points, times, axis=0)
    passed = np.searchsorted(times, wanted, "left") if delay > 0 else np.searchsorted(times, wanted, "right") - 1
    near = np.clip(passed, 0, len(times) - 1)
    return points[near] + (wanted - times[near])[:, None, None] * velocity[near], velocity[near]


def find_delays(
    start: Adjustment, observations: BoardObservations, times: Array, *, config: AdjustmentConfig
) -> tuple[Adjustment, BoardObservations, Array, NDArray[np.bool_]] | None:
    """Adjust cameras, board poses and the cameras' delays together.

    Args:
        start: the result of an adjustment that took all cameras to be in time.
        observations: what it explained, [C, P, N, 2].
        times: [P] seconds, rising.
        config: of the adjustment; cameras whose pose is fixed are in time.

    Returns:
        The adjustment, the observations as they would have been in time (with their motion, NaN where that is not
        known), the delays [C] in seconds up to the adjustment's own, and which frames remain [P]. None: no camera is
        clearly late, or the frames lie too far apart to tell.
    """
    delays = np.zeros(len(start.cameras))
    known = _on_a_path(times)
    if not _enough(observations, known):
        return None
    observations, times = observations.select(known), times[known]
    result = replace(start, poses=BoardPoses(start.poses.R[known], start.poses.t[known]))
    in_time = observations
    for _ in range(ROUNDS):
        shift, motion = seen_late(result.cameras, delays, result.poses.points(result.corners), times)
        in_time = replace(observations, xy=observations.xy - shift, motion=np.nan_to_num(motion))
        result = adjust_boards(result.cameras, in_time, result.poses, config=config)
        if np.abs(result.delays).max() < SETTLED:
            break
        delays = delays + result.delays
    clear = np.abs(delays) > np.maximum(CLEAR * result.delay_sigma, LEAST_DELAY)
    return (result, in_time, delays, known) if clear.any() else None


def _on_a_path(times: Array) -> NDArray[np.bool_]:
    """[P]: whether a frame has a neighbour in time."""
    near = np.diff(times) <= MAX_GAP
    return np.asarray(np.append(near, False) | np.append(False, near))


def _enough(observations: BoardObservations, known: NDArray[np.bool_]) -> bool:
    """Whether the frames that belong to a path can take the place of all."""
    views = np.isfinite(observations.xy[:, known]).any((2, 3)).sum(1)
    return bool(known.mean() >= LEAST_SHARE and (views >= LEAST_FRAMES).all())


def put_in_time(
    cameras: Sequence[Camera], delays: Array, observations: BoardObservations, poses: BoardPoses, times: Array
) -> Array:
    """What cameras whose place and delay are known would have seen in time, [C, P, N, 2]; NaN where nobody can tell.

    Args:
        cameras: C.
        delays: [C] seconds.
        observations: what they saw.
        poses: roughly where the board was.
        times: [P] seconds, rising.
    """
    config = AdjustmentConfig(tuple(range(len(cameras))))
    known = _on_a_path(times)
    seen, times = observations.select(known), times[known]
    placed, xy = BoardPoses(poses.R[known], poses.t[known]), seen.xy
    for _ in range(ROUNDS):
        placed = adjust_boards(cameras, replace(seen, xy=xy), placed, config=config).poses
        before = xy
        xy = np.asarray(seen.xy - seen_late(cameras, delays, placed.points(seen.corners), times)[0])
        if np.nanmax(np.abs(xy - before)) < SETTLED_PX:
            break
    in_time = np.full(observations.xy.shape, np.nan)
    in_time[:, known] = xy
    return in_time
