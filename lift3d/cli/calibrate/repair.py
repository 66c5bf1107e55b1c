"""``lift3d calibrate repair``: put a calibration right that has drifted."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..capture_options import capture_options, click_options, read_fixed_points, rig_file_options


@click.command("repair")
@capture_options
@rig_file_options("calib_repaired.toml")
@click_options
@click.option("--moved", multiple=True, metavar="CAM",
              help="A camera known to have moved; the others then hold the world. May be repeated.")  # fmt: skip
@click.option("--focal", is_flag=True, help="Refine focal lengths too, within some 1 %.")
def command(
    capture: Path,
    out: Path,
    moved: tuple[str, ...],
    focal: bool,
    clicks: Path | None,
    points: Path | None,
    calibration: Path | None,
    keypoints: Path | None,
    format_: str,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Refine the calibration of CAPTURE by the person in it, and say how far each camera had moved.

    Where the cameras stand to each other comes from the person, and from fixed points that several of them see
    (--clicks); the world and its scale from points of known place (--points), or else from the cameras' old places.
    """
    from lift3d.calib.atomic_file import check_writable
    from lift3d.calib.formats import write_rig
    from lift3d.calibrate_people import repair_people
    from lift3d.calibrate_report import MOVE_COLUMNS, click_lines, move_rows, who_moved
    from lift3d.calibrate_scene import static_points
    from lift3d.datasets.capture import open_capture

    from ..console import print_table, progress_bar

    clicked, known = read_fixed_points(clicks, points)
    check_writable(out, overwrite=overwrite)
    with progress_bar() as progress:
        opened = open_capture(capture, calibration=calibration, keypoints=keypoints, progress=progress)
        static = static_points(clicked, known, opened.rig) if clicked is not None else None
        found = repair_people(
            opened.keypoints,
            opened.rig,
            focal_sd=0.01 if focal else 0.0,
            moved=moved,
            static=static,
            progress=progress,
        )
    write_rig(found.rig, out, format_, overwrite=overwrite)
    rows = move_rows(found)
    if as_json:
        figures = {
            "before_px": round(found.before_px, 3),
            "after_px": round(found.after_px, 3),
            "moved": list(found.moved),
            "notes": click_lines(found),
        }
        click.echo(json.dumps({"file": str(out), "cameras": rows, **figures}, indent=1))
        return
    print_table(MOVE_COLUMNS, [tuple(row.values()) for row in rows])
    change = 100 * (1 - found.after_px / found.before_px) if found.before_px else 0.0
    click.echo(f"median residual {found.before_px:.2f} px -> {found.after_px:.2f} px ({change:.0f} % less)")
    holds = "known points" if found.anchored else "the others"
    click.echo(who_moved(found) or f"{', '.join(moved)} moved, as said; {holds} hold the world")
    for line in click_lines(found):
        click.echo(line)
    click.echo(f"wrote {out}")
