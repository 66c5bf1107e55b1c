"""A moving board before webcams that are late, with every fifth of the frames held out in turn.

    python benchmarks/late_cameras.py ../shared/captures/charuco/session_a

Each line tells which fifth was kept out of the adjustment and, for cameras taken to be in step and for cameras whose
delays were found, the error there: the corners' distances (median), the reprojection's median and root mean square.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from lift3d.calib.board_check import check_corners, check_with_board
from lift3d.calib.board_extrinsics import ExtrinsicsConfig, calibrate_board_extrinsics, views_in_time
from lift3d.calib.board_views import BoardViews, views_of_video
from lift3d.calib.boards import parse_board
from lift3d.calib.formats import read_rig
from lift3d.calib.frame_times import FrameTimes, read_frame_times, shared_frames
from lift3d.calib.rig import Rig

FOLDS = 5


@click.command()
@click.argument("session", type=click.Path(path_type=Path))
def main(session: Path) -> None:
    """Print one line of JSON a fold of SESSION, a capture of the Caliscope tool."""
    board = parse_board(str(session / "charuco.toml"))
    lenses = read_rig(session / "camera_array.toml")
    videos = session / "calibration/extrinsic"
    times = read_frame_times(videos / "timestamps.csv", lenses.names)
    views = [times.renumber(views_of_video(videos / f"{name}.mp4", board, camera=name)) for name in lenses.names]
    frames = shared_frames(views)
    for fold in range(FOLDS):
        kept = [entry.select(np.isin(entry.frames, frames[fold:])) for entry in views]  # so that another fifth is out
        row = {name: measure(kept, lenses, times, delays=name == "late") for name in ("in_step", "late")}
        click.echo(json.dumps({"fold": fold, **row}))


def measure(views: list[BoardViews], lenses: Rig, times: FrameTimes, *, delays: bool) -> dict[str, object]:
    """The error in the frames held out."""
    found = calibrate_board_extrinsics(
        views, list(lenses), times=times.moments, config=ExtrinsicsConfig(delays=delays, held_out=FOLDS)
    )
    if delays:
        check = check_corners(found.rig, found.board, views_in_time(found, views, times.moments))
    else:
        check = check_with_board(found.rig, views, frames=found.held_out)
    distance = np.linalg.norm(check.residuals, axis=-1)
    return {
        "frames": len(found.held_out),
        "corner_distance_mm": round(1000 * check.median_distance_error, 3),
        "median_px": round(float(np.nanmedian(distance)), 3),
        "rms_px": round(check.rms, 3),
        "late_ms": (1000 * found.delays).round(1).tolist(),
    }


if __name__ == "__main__":
    main()
