"""``lift3d calibrate board``: where cameras stand, from videos of a moving board."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .corners import corner_notes, corners_option

LENS_PARAMETERS = ("fx", "fy", "cx", "cy", "k1", "k2")


@click.command("board")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--board", required=True, help="chessboard:9x6:25mm, charuco:5x7:40mm:DICT_4X4_50:0.75, or a .toml file.")
@click.option("--intrinsics", required=True, type=click.Path(path_type=Path), help="The lenses: any calibration file.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=Path("calib.toml"), show_default=True, help="To write."
)
@click.option("--timestamps", type=click.Path(path_type=Path), help="Frame times. [default: timestamps.csv in FOLDER]")
@click.option("--floor-frame", type=int, help="The frame in which the board lies on the floor: it sets the world.")
@click.option("--up", help="The direction of the first camera's frame that points up, such as -y.")
@click.option("--distance", nargs=3, type=(str, str, float), help="Two cameras and their distance in metres, to check.")
@corners_option
@click.option("--refine-lenses", is_flag=True, help="Let focal lengths, principal points, k1 and k2 move as well.")
@click.option("--format", "format_", default="caliscope", show_default=True, help="The calibration's format.")
@click.option("--report", type=click.Path(path_type=Path), help="A folder for pictures and one HTML page.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(folder: Path, board: str, intrinsics: Path, out: Path, **given: Any) -> None:
    """Place cameras by the videos in FOLDER, named after their cameras, in which a board moves.

    Videos must be in step, or FOLDER holds a timestamps.csv (cam_id, frame_time, sync_index); a camera whose pictures
    are constantly late by less than a few frames is found out. Without --floor-frame or --up the world is the frame of
    one of the cameras. A fifth of the frames is kept out to check the result.
    """
    from lift3d.calib.atomic_file import check_writable
    from lift3d.calib.board_extrinsics import ExtrinsicsConfig, check_known_distance
    from lift3d.calib.boards import parse_board
    from lift3d.calib.formats import write_rig
    from lift3d.calib.lens_file import read_lenses
    from lift3d.calibrate_boards import board_summary, calibrate_cameras

    from ..console import progress_bar

    check_writable(out, overwrite=given["overwrite"])
    config = ExtrinsicsConfig(refine=frozenset(LENS_PARAMETERS if given["refine_lenses"] else ()))
    with progress_bar() as progress:
        found = calibrate_cameras(
            folder,
            parse_board(board),
            read_lenses(intrinsics),
            times=given["timestamps"],
            config=config,
            corners=given["corners"],
            progress=progress,
        )
    if given["distance"] is not None:
        first, second, metres = given["distance"]
        square = found.extrinsics.board.square
        check_known_distance(found.extrinsics.rig, first, second, metres=metres, square=square)
    rig, world = _world(found, given["floor_frame"], given["up"])
    write_rig(rig, out, given["format_"], overwrite=given["overwrite"])
    summary = {"file": str(out), "world": world, **board_summary(found)}
    if given["report"] is not None:
        from lift3d.calib.calibration_report import write_board_report

        page = write_board_report(found.extrinsics, rig, given["report"], overwrite=given["overwrite"])
        summary["report"] = str(page)
    if given["as_json"]:
        click.echo(json.dumps(summary, indent=1))
    else:
        _print(summary)


def _world(found: Any, floor_frame: int | None, up: str | None) -> tuple[Any, str]:
    """The rig in the frame that was asked for, and that frame in words."""
    import numpy as np

    from lift3d.calib import CalibrationError
    from lift3d.calib.world import world_of_board, world_with_up

    rig, frames = found.extrinsics.rig, found.extrinsics.frames
    if floor_frame is not None:
        near = int(np.argmin(np.abs(frames - floor_frame)))
        if abs(int(frames[near]) - floor_frame) > 1:  # its neighbour may have been held out
            raise CalibrationError(
                f"frame {floor_frame} shows the board to fewer than two cameras, so it cannot set the floor; the "
                f"nearest that does is {int(frames[near])}"
            )
        poses = found.extrinsics.adjustment.poses
        return world_of_board(poses, near).apply_to_rig(rig), f"the board on the floor in frame {int(frames[near])}"
    if up is not None:
        return world_with_up(up).apply_to_rig(rig), f"the first camera's, turned so that {up} is up"
    return rig, "the frame of the camera in the middle of the tree (z forward); set it with --floor-frame or --up"


def _print(summary: dict[str, Any]) -> None:
    """The tables and the lines below."""
    from ..console import print_table

    rows = summary["cameras"]
    figures = {"median px": "median_px", "rms px": "rms_px", "+- deg": "sigma_deg", "+- mm": "sigma_mm"}
    late = any(row["late_ms"] for row in rows)
    if late:
        figures |= {"late ms": "late_ms", "+- ms": "late_sigma_ms"}
    table = [[row["camera"], str(row["views"]), *(f"{row[key]:.3f}" for key in figures.values())] for row in rows]
    print_table(("camera", "views", *figures), table)
    names = [row["camera"] for row in rows]
    shared = [[name, *map(str, line)] for name, line in zip(names, summary["shared_frames"], strict=True)]
    print_table(["frames shared", *names], shared)
    held = summary.get("held_out")
    if held:
        click.echo(
            f"{summary['held_out_frames']} frames held out: corners' distances off by "
            f"{held['corner_distance_error_mm']:.2f} mm (median), reprojection {held['median_px']:.2f} px median, "
            f"{held['rms_axis_px']:.2f} px rms an axis, {held['rms_px']:.2f} px rms distance; scale {held['scale']:.4f}"
        )
    if "time_spread_ms" in summary:
        click.echo(f"frames taken as simultaneous lie {summary['time_spread_ms']:.1f} ms apart (median)")
    if late:
        click.echo(
            "cameras that are late were accounted for here; when people are filmed, `lift3d calibrate sync` does it"
        )
    if summary["board_bend_mm"]:
        click.echo(
            f"the board is not as printed: corners off by up to {summary['board_bend_mm']:.2f} mm: accounted for"
        )
    if summary["outlier_corners"]:
        click.echo(f"{summary['outlier_corners']} corners that contradict the others were left out")
    for note in corner_notes(summary["corners"]):
        click.echo(note)
    click.echo(f"world: {summary['world']}")
    click.echo(f"wrote {summary['file']}")
