"""Calibrating from a folder of board pictures or videos: lenses, then where the cameras stand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.calib import CalibrationError, Camera
from lift3d.calib.board_check import BoardCheck, check_corners, check_with_board
from lift3d.calib.board_detection import Corners
from lift3d.calib.board_extrinsics import (
    BoardExtrinsics,
    ExtrinsicsConfig,
    calibrate_board_extrinsics,
    views_in_time,
)
from lift3d.calib.board_views import PHOTOS, VIDEOS, BoardViews, views_of_folder, views_of_photos, views_of_video
from lift3d.calib.boards import Board
from lift3d.calib.distortion import Array
from lift3d.calib.frame_times import FrameTimes, read_frame_times
from lift3d.calib.intrinsics import Intrinsics, IntrinsicsConfig, calibrate_intrinsics
from lift3d.datasets.pairing import natural_key, pair_names

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]

TIMES = "timestamps.csv"
SAME_RATE = 0.001


def calibrate_lenses(
    folder: Path,
    board: Board,
    *,
    config: IntrinsicsConfig | None = None,
    every: int = 1,
    corners: Corners = "lift3d",
    progress: Progress | None = None,
) -> list[Intrinsics]:
    """Calibrate the lens of each camera that has board pictures in a folder.

    Args:
        folder: one folder of photos or with one video for each camera; or videos named after their cameras; or one
            camera's photos.
        board: what was photographed.
        config: the lens and how to fit it.
        every: look at every n-th frame of videos.
        corners: "opencv": as OpenCV's tutorial finds them; nothing is then left out and the board is taken to be as
            printed, for comparisons with calibrations that were made so.
        progress: called as progress(stage, done, total).

    Raises:
        FileNotFoundError: there is no such folder.
        CalibrationError: no pictures, no board in them, or pictures that do not tell the lens.
    """
    views = board_views(folder, board, every=every, corners=corners, progress=progress)
    if corners == "opencv":
        config = replace(config or IntrinsicsConfig(), reject=False, bend=False)
    return [calibrate_intrinsics(entry, config=config, progress=progress) for entry in views]


def board_views(
    folder: Path,
    board: Board,
    *,
    every: int = 1,
    corners: Corners = "lift3d",
    progress: Progress | None = None,
) -> list[BoardViews]:
    """What each camera of a folder saw of a board; see :func:`calibrate_lenses` for the layout.

    Raises:
        FileNotFoundError: there is no such folder.
        CalibrationError: there are no pictures in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder")
    entries = sorted(folder.iterdir(), key=lambda entry: natural_key(entry.name))
    cameras = [entry for entry in entries if entry.is_dir() and _has_pictures(entry)]
    if cameras:
        return [views_of_folder(entry, board, corners=corners, progress=progress) for entry in cameras]
    videos = [entry for entry in entries if entry.suffix.lower() in VIDEOS]
    if videos:
        return [
            views_of_video(video, board, camera=video.stem, every=every, corners=corners, progress=progress)
            for video in videos
        ]
    photos = [entry for entry in entries if entry.suffix.lower() in PHOTOS]
    if not photos:
        raise CalibrationError(
            f"{folder} holds no board pictures; wanted a folder of photos or a video for each camera, or photos"
        )
    return [views_of_photos(photos, board, camera=folder.name, corners=corners, progress=progress)]


def _has_pictures(folder: Path) -> bool:
    """Whether a folder holds photos or videos."""
    return any(entry.suffix.lower() in (*PHOTOS, *VIDEOS) for entry in folder.iterdir())


@dataclass(frozen=True, eq=False)
class BoardCalibration:
    """Cameras placed by a moving board, and how well they measure it.

    Args:
        extrinsics: the cameras and all that is known about them.
        views: what they saw, frames numbered by moments.
        check: on frames held out; None: none were. Where cameras are late, on what they would have seen in time.
        times: the frame times that were used; None: videos were taken to be in step.
    """

    extrinsics: BoardExtrinsics
    views: tuple[BoardViews, ...]
    check: BoardCheck | None
    times: FrameTimes | None


def calibrate_cameras(
    folder: Path,
    board: Board,
    lenses: Mapping[str, Camera],
    *,
    times: Path | None = None,
    config: ExtrinsicsConfig | None = None,
    corners: Corners = "lift3d",
    progress: Progress | None = None,
) -> BoardCalibration:
    """Place cameras by videos of a moving board.

    Args:
        folder: videos named after their cameras.
        board: what was moved.
        lenses: intrinsics by camera name; names that differ in spelling only are paired.
        times: a table of frame times; None: ``timestamps.csv`` in the folder, or else frames of equal number are taken
            to be simultaneous.
        config: how.
        corners: "opencv": as OpenCV's tutorial finds them, and the board is taken to be as printed.
        progress: called as progress(stage, done, total).

    Raises:
        FileNotFoundError: no such folder or file.
        CalibrationError: a camera without a lens, or views that do not place the cameras.
    """
    board.check_orientable()
    views = board_views(folder, board, corners=corners, progress=progress)
    if corners == "opencv":
        config = replace(config or ExtrinsicsConfig(), bend=False)
    table = times or (Path(folder) / TIMES if (Path(folder) / TIMES).is_file() else None)
    moments = None
    if table is not None:
        moments = read_frame_times(table, [entry.camera for entry in views])
        views = [moments.renumber(entry) for entry in views]
    chosen = _pair_lenses([entry.camera for entry in views], lenses)
    seconds = moments.moments if moments is not None else _video_times(views)
    found = calibrate_board_extrinsics(views, chosen, times=seconds, config=config, progress=progress)
    check = None
    if len(found.held_out) and seconds is not None and found.delays.any():
        check = check_corners(found.rig, board, views_in_time(found, views, seconds))
    elif len(found.held_out):
        check = check_with_board(found.rig, views, frames=found.held_out)
    return BoardCalibration(found, tuple(views), check, moments)


def _video_times(views: Sequence[BoardViews]) -> Array | None:
    """Seconds of every frame number, if all cameras filmed at one rate."""
    rate = views[0].fps
    if rate <= 0 or any(abs(entry.fps - rate) > SAME_RATE * rate for entry in views):
        return None
    return np.arange(1 + max(int(entry.frames[-1]) for entry in views)) / rate


def _pair_lenses(cameras: Sequence[str], lenses: Mapping[str, Camera]) -> list[Camera]:
    """The lens of each camera, under the camera's name."""
    pairs = pair_names(list(cameras), list(lenses))
    missing = [name for name in cameras if name not in pairs]
    if missing:
        raise CalibrationError(
            f"{', '.join(missing)} has no lens in the intrinsics, whose cameras are {', '.join(lenses)}; calibrate it "
            "with `lift3d calibrate intrinsics`, or rename the video"
        )
    return [replace(lenses[pairs[name].name], name=name) for name in cameras]


def lens_row(lens: Intrinsics) -> dict[str, Any]:
    """One camera's lens as text and numbers for tables and JSON."""
    values = {name: round(float(v), 6) for name, v in zip(lens.names, lens.values, strict=True)}
    return {
        "camera": lens.camera.name,
        "size": list(lens.camera.size),
        "model": lens.camera.model,
        "corners": lens.views.corners,
        **values,
        "sigma": {name: round(float(s), 6) for name, s in zip(lens.names, lens.sigma, strict=True)},
        "fixed": lens.fixed,
        "frames": len(lens.views),
        "looked_at": lens.views.looked,
        "left_out": lens.left_out,
        "outlier_corners": lens.outliers,
        "board_bend_mm": round(1000 * lens.bend, 3),
        "rms_px": round(lens.rms, 4),
        "held_out_rms_px": round(lens.held_out_rms, 4),
        "held_out_rms_axis_px": round(lens.held_out_rms / np.sqrt(2), 4),
    }


def camera_rows(found: BoardCalibration) -> list[dict[str, Any]]:
    """One row a camera: views, error, place and its standard deviations, by how much it is late."""
    rows = []
    result = found.extrinsics.adjustment
    for i, camera in enumerate(found.extrinsics.rig):
        sigma = np.sqrt(np.maximum(np.diag(result.covariance[i]), 0))
        distance = np.linalg.norm(result.residuals[i], axis=-1)
        rows.append(
            {
                "camera": camera.name,
                "views": int(np.isfinite(distance).any(1).sum()),
                "median_px": round(float(np.nanmedian(distance)), 3),
                "rms_px": round(float(np.sqrt(np.nanmean(distance**2))), 3),
                "center_m": camera.center.round(4).tolist(),
                "sigma_deg": round(float(np.degrees(np.linalg.norm(sigma[:3]))), 4),
                "sigma_mm": round(float(1000 * np.linalg.norm(sigma[3:])), 3),
                "late_ms": round(1000 * float(found.extrinsics.delays[i]), 2),
                "late_sigma_ms": round(1000 * float(result.delay_sigma[i]), 2),
            }
        )
    return rows


def board_summary(found: BoardCalibration) -> dict[str, Any]:
    """The figures of a calibration by board."""
    extrinsics = found.extrinsics
    summary: dict[str, Any] = {
        "cameras": camera_rows(found),
        "corners": found.views[0].corners,
        "frames": len(extrinsics.frames),
        "held_out_frames": len(extrinsics.held_out),
        "outlier_corners": extrinsics.outliers,
        "board_bend_mm": round(1000 * extrinsics.bend, 3),
        "noise_px": round(extrinsics.adjustment.noise, 4),
        "shared_frames": extrinsics.graph.shared.tolist(),
    }
    if found.times is not None:
        summary["time_spread_ms"] = round(1000 * found.times.spread, 2)
    if found.check is not None:
        distance = np.linalg.norm(found.check.residuals, axis=-1)
        summary["held_out"] = {
            "corner_distance_error_mm": round(1000 * found.check.median_distance_error, 4),
            "scale": round(found.check.scale, 5),
            "median_px": round(float(np.nanmedian(distance)), 4),
            "rms_px": round(found.check.rms, 4),
            "rms_axis_px": round(found.check.rms / np.sqrt(2), 4),
        }
    return summary
