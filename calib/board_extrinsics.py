"""Where cameras stand, from a board that was moved before them while they filmed in step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .board_clocks import find_delays, put_in_time
from .board_pose import board_poses
from .board_views import BoardViews
from .boards import Board
from .bundle_adjustment import Adjustment, AdjustmentConfig, BoardObservations, BoardPoses, adjust_boards
from .camera import Camera
from .distortion import Array
from .errors import CalibrationError
from .frame_times import shared_frames
from .lens_parameters import lens_basis
from .pair_graph import PairGraph, build_pair_graph
from .rig import Rig

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]

MIN_FRAMES = 3
MAX_CHOICES = 4  # poses of the board that are compared a frame: two cameras' two each
LOST = 1e3  # pixels: what a corner counts that would lie behind a camera
START_LOSS = 10.0  # pixels: the chain along the tree may be off by as much
OUTLIER = 5.0  # standard deviations
LARGE_ERROR = 5.0  # pixels: cameras that are not in step, a mirrored picture, another lens
CONTRADICTING = 0.25  # of a camera's corners that far off
PRINT_ERROR = 0.01  # of a square: by which printers, paper and glue put corners elsewhere, in the plane and out of it
MAX_DISTANCE_ERROR = 0.02  # of a known length


@dataclass(frozen=True)
class ExtrinsicsConfig:
    """How to adjust.

    Args:
        refine: lens parameters that move with the cameras (fx, fy, cx, cy, k1 …); none by default, since a board that
            is filmed for extrinsics rarely reaches the pictures' corners.
        held_out: every n-th shared frame is kept out of the adjustment and used to check it; 0: none.
        delays: find out which cameras are late, if the frames' times are known.
        bend: find out where the print's corners really are, if the frames tell (Bayes's criterion).
    """

    refine: frozenset[str] = frozenset()
    held_out: int = 5
    delays: bool = True
    bend: bool = True


@dataclass(frozen=True, eq=False)
class BoardExtrinsics:
    """Cameras placed by a moving board.

    Args:
        rig: the cameras, in the frame of the first camera of the tree.
        board: what was moved.
        frames: [P] numbers of the frames in the adjustment.
        held_out: numbers of the frames kept out of it.
        observations: of all frames used, [C, P, N, 2], as they would have been in time; corners that proved wrong are
            NaN.
        adjustment: residuals, covariances and board poses.
        graph: what pairs of cameras share.
        outliers: how many corners were left out.
        delays: [C] seconds by which a camera's pictures are older than the moments they are given for, relative to the
            camera that the others are adjusted to; 0 where none is clearly late.
    """

    rig: Rig
    board: Board
    frames: NDArray[np.int64]
    held_out: NDArray[np.int64]
    observations: BoardObservations
    adjustment: Adjustment
    graph: PairGraph
    outliers: int
    delays: Array

    @property
    def bend(self) -> float:
        """Metres by which the farthest corner of the board is not where it should have been printed."""
        return float(np.linalg.norm(self.adjustment.corners - self.board.corners, axis=1).max())


def calibrate_board_extrinsics(
    views: Sequence[BoardViews],
    lenses: Sequence[Camera],
    *,
    times: Array | None = None,
    config: ExtrinsicsConfig | None = None,
    progress: Progress | None = None,
) -> BoardExtrinsics:
    """Place cameras by what they saw of one moving board.

    Args:
        views: C cameras' views, whose frame numbers speak of the same moments.
        lenses: the cameras' intrinsics, in the same order; their poses do not count.
        times: [M] seconds of the moments that frame numbers speak of, rising; None: the frames are no film, and no
            camera is late.
        config: how.
        progress: called as progress(stage, done, total).

    Raises:
        InputError: the board looks the same after half a turn.
        CalibrationError: fewer than two cameras, pictures of another size than a lens speaks of, too few shared frames,
            cameras that share no view with the rest (named), or views that contradict each other.
    """
    config = config or ExtrinsicsConfig()
    _check_input(views, lenses)
    frames = shared_frames(views)
    if len(frames) < MIN_FRAMES:
        counts = ", ".join(f"{entry.camera} in {len(entry)}" for entry in views)
        raise CalibrationError(
            f"the board was seen by two cameras at once in {len(frames)} frames, at least {MIN_FRAMES} are needed "
            f"(seen by {counts}); check that the videos are in step, and move the board where cameras overlap"
        )
    spare = np.arange(len(frames)) % config.held_out == config.held_out // 2 if config.held_out else np.zeros(0, bool)
    used = frames[~spare] if len(spare) else frames
    corners = views[0].board.corners
    xy = np.stack([entry.at(used) for entry in views])
    _tell(progress, "comparing pairs of cameras", 0)
    graph = build_pair_graph(lenses, corners, xy)
    cameras = chain_cameras(lenses, graph)
    observations = BoardObservations(corners, xy)
    poses = place_board(cameras, observations)
    _tell(progress, "adjusting cameras", 1)
    root = int(np.argmin([np.linalg.norm(camera.t) for camera in cameras]))
    wide = adjust_boards(cameras, observations, poses, config=AdjustmentConfig((root,), loss_scale=START_LOSS))
    late, delays = None, np.zeros(len(cameras))
    if times is not None and config.delays:
        loss = AdjustmentConfig((root,), loss_scale=max(3 * _noise(wide), 0.1))
        late = find_delays(wide, observations, times[used], config=loss)
    if late is not None:
        wide, observations, delays, known = late
        used = used[known]
    before, result, observations, outliers = _adjust(wide, observations, root, config)
    _check_result(result, np.linalg.norm(before.residuals, axis=-1), views)
    _tell(progress, "adjusting cameras", 2)
    kept_out = frames[spare] if len(spare) else frames[:0]
    rig, delays = Rig(result.cameras), delays + result.delays
    return BoardExtrinsics(rig, views[0].board, used, kept_out, observations, result, graph, outliers, delays)


def views_in_time(found: BoardExtrinsics, views: Sequence[BoardViews], times: Array) -> Array:
    """[C, H, N, 2] pixels: what the cameras would have seen in the frames held out if none had been late.

    Args:
        found: the cameras and their delays.
        views: what they saw.
        times: [M] seconds of the moments that frame numbers speak of.
    """
    frames = shared_frames(views)
    cameras = list(found.rig)
    observations = BoardObservations(found.adjustment.corners, np.stack([entry.at(frames) for entry in views]))
    poses = place_board(cameras, observations)
    xy = put_in_time(cameras, found.delays, observations, poses, times[frames])
    return np.asarray(xy[:, np.isin(frames, found.held_out)])


def _tell(progress: Progress | None, stage: str, done: int) -> None:
    """Report, if anybody listens."""
    if progress:
        progress(stage, done, 2)


def _check_input(views: Sequence[BoardViews], lenses: Sequence[Camera]) -> None:
    """Refuse what cannot work, before any work is done."""
    if len(views) < 2 or len(views) != len(lenses):
        raise CalibrationError(
            f"extrinsics need two or more cameras with a lens each, got {len(views)} and {len(lenses)}"
        )
    views[0].board.check_orientable()
    for entry, lens in zip(views, lenses, strict=True):
        if entry.board != views[0].board:
            raise CalibrationError(f"{entry.camera} saw another board than {views[0].camera}; all must see the same")
        if entry.size != lens.size:
            raise CalibrationError(
                f"camera {entry.camera}: its lens speaks of {lens.size[0]}x{lens.size[1]} pictures, the video is "
                f"{entry.size[0]}x{entry.size[1]}; calibrate the lens at the resolution that is filmed"
            )


def chain_cameras(lenses: Sequence[Camera], graph: PairGraph) -> list[Camera]:
    """Cameras along the tree, the root at the origin.

    Raises:
        CalibrationError: some share no view with the others.
    """
    links = graph.tree()
    cameras = list(lenses)
    root = links[0][0]
    cameras[root] = cameras[root].with_pose(np.eye(3), np.zeros(3))
    for known, new in links:
        R, t = graph.second_from_first[known, new]
        cameras[new] = cameras[new].with_pose(R @ cameras[known].R, R @ cameras[known].t + t)
    return cameras


def place_board(cameras: Sequence[Camera], observations: BoardObservations) -> BoardPoses:
    """For every frame, the pose by one camera that all cameras' pictures like best."""
    R, t = [], []
    counts = observations.seen.sum(-1)  # [C, P]
    for p in range(observations.xy.shape[1]):
        views = np.flatnonzero(counts[:, p])
        asked = views[np.argsort(-counts[views, p], kind="stable")]
        choices: list[tuple[float, BoardPoses]] = []
        for c in asked.tolist():
            if len(choices) >= MAX_CHOICES:
                break
            camera = cameras[c]
            for R_cam, t_cam, _ in board_poses(camera, observations.corners, observations.xy[c, p]):
                pose = BoardPoses((camera.R.T @ R_cam)[None], (camera.R.T @ (t_cam - camera.t))[None])
                choices.append((_misfit([cameras[v] for v in views.tolist()], observations, pose, (views, p)), pose))
        if not choices:
            raise CalibrationError(f"frame {p} of those given shows too few corners to place the board; leave it out")
        best = min(choices, key=lambda choice: choice[0])[1]
        R.append(best.R[0])
        t.append(best.t[0])
    return BoardPoses(np.array(R), np.array(t))


def _misfit(
    cameras: Sequence[Camera], observations: BoardObservations, pose: BoardPoses, where: tuple[NDArray[np.int64], int]
) -> float:
    """A robust sum of the errors in the cameras that saw the board, pixels."""
    points = pose.points(observations.corners)[0]
    seen = observations.xy[where[0], where[1]]
    error = np.stack([camera.project(points) for camera in cameras]) - seen
    distance = np.where(np.isfinite(error).all(-1), np.linalg.norm(error, axis=-1), LOST)
    return float(np.minimum(distance, LOST)[np.isfinite(seen[..., 0])].sum())


def _adjust(
    wide: Adjustment, observations: BoardObservations, root: int, config: ExtrinsicsConfig
) -> tuple[Adjustment, Adjustment, BoardObservations, int]:
    """Robustly with all corners, then without the outliers; both results, what is left, how many went."""
    lens = _lens(wide.cameras, config.refine)
    narrow = AdjustmentConfig((root,), lens, loss_scale=max(3 * _noise(wide), 0.1))
    result = adjust_boards(wide.cameras, observations, wide.poses, config=narrow)
    if config.bend:
        result, narrow = _bend(result, observations, narrow)
    distance = np.linalg.norm(result.residuals, axis=-1)
    wrong = distance > OUTLIER * _noise(result)
    xy = np.where(wrong[..., None], np.nan, observations.xy)
    few = np.isfinite(xy[..., 0]).sum(-1, keepdims=True) < 4  # what is left of a view that contradicts the others
    xy = np.where(few[..., None], np.nan, xy)
    held = np.isfinite(xy[..., 0]).sum((0, 2)) >= 4
    xy[:, ~held] = observations.xy[:, ~held]
    cleaned = replace(observations, xy=xy)
    last = replace(narrow, loss_scale=max(3 * _noise(result), 0.1))
    final = adjust_boards(result.cameras, cleaned, result.poses, config=last)
    return result, final, cleaned, int(wrong.sum())


def _bend(
    flat: Adjustment, observations: BoardObservations, config: AdjustmentConfig
) -> tuple[Adjustment, AdjustmentConfig]:
    """The same with a board that may be other than printed, if that is worth its unknowns by Bayes's criterion."""
    square = float(np.linalg.norm(observations.corners[1] - observations.corners[0]))
    bendable = replace(config, stiffness=_noise(flat) / (PRINT_ERROR * square))
    bent = adjust_boards(flat.cameras, observations, flat.poses, config=bendable)
    numbers = 2 * observations.seen.sum()
    gain = numbers * np.log((_noise(flat) / _noise(bent)) ** 2)
    return (bent, bendable) if gain > observations.corners.size * np.log(numbers) else (flat, config)


def _lens(cameras: Sequence[Camera], refine: frozenset[str]) -> tuple[Array | None, ...] | None:
    """Which lens parameters move."""
    return tuple(lens_basis(camera, refine) for camera in cameras) if refine else None


def _noise(result: Adjustment) -> float:
    """Pixels a coordinate, from the median distance (Rayleigh's is 1.1774 standard deviations)."""
    return float(np.nanmedian(np.linalg.norm(result.residuals, axis=-1))) / 1.1774


def _check_result(result: Adjustment, before: Array, views: Sequence[BoardViews]) -> None:
    """Refuse cameras whose views contradict each other, and name the worst."""
    noise = _noise(result)
    seen = np.isfinite(before).sum((1, 2))
    wrong = (before > max(OUTLIER * noise, LARGE_ERROR)).sum((1, 2)) / np.maximum(seen, 1)
    worst = int(np.argmax(wrong))
    if noise > LARGE_ERROR or wrong[worst] > CONTRADICTING:
        raise CalibrationError(
            f"the views contradict each other: {100 * wrong[worst]:.0f} % of the corners of {views[worst].camera} are "
            f"more than {LARGE_ERROR:.0f} px from where the other cameras put the board; its video may be out of "
            "step, mirrored, or its intrinsics another lens's"
        )


def check_known_distance(rig: Rig, first: str, second: str, *, metres: float, square: float) -> None:
    """Compare the distance of two cameras with a tape measure's, to find a wrong square size.

    Args:
        rig: cameras placed by a board.
        first: a camera's name.
        second: another's.
        metres: their measured distance.
        square: the side of a square that was assumed, metres.

    Raises:
        CalibrationError: they differ by more than 2 %; the message says which square size would fit.
    """
    found = float(np.linalg.norm(rig[first].center - rig[second].center))
    if abs(found / metres - 1) > MAX_DISTANCE_ERROR:
        raise CalibrationError(
            f"{first} and {second} stand {found:.3f} m apart by a board of {1000 * square:.1f} mm squares, "
            f"but {metres:.3f} m as measured: squares of {1000 * square * metres / found:.1f} mm would fit"
        )
