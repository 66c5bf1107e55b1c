"""``lift3d calibrate repair``: put a calibration right that has drifted."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("repair")
@click.argument("capture", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("calib_repaired.toml"), show_default=True,
              help="The calibration to write.")  # fmt: skip
@click.option("--moved", multiple=True, metavar="CAM",
              help="A camera known to have moved; the others then hold the world. May be repeated.")  # fmt: skip
@click.option("--focal", is_flag=True, help="Refine focal lengths too, within some 1 %.")
@click.option("--calibration", type=click.Path(path_type=Path), help="The calibration to repair.")
@click.option("--keypoints", type=click.Path(path_type=Path), help="The 2D keypoints to take, a folder or a file.")
@click.option("--format", "format_", default="pose2sim", show_default=True, help="The calibration's format.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace a calibration that exists.")
def command(
    capture: Path,
    out: Path,
    moved: tuple[str, ...],
    focal: bool,
    calibration: Path | None,
    keypoints: Path | None,
    format_: str,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Refine the calibration of CAPTURE by the person in it, and say how far each camera had moved.

    Where the cameras stand to each other comes from the person; the world and its scale from the cameras' old places.
    """
    from lift3d.calib.atomic_file import check_writable
    from lift3d.calib.formats import write_rig
    from lift3d.calibrate_people import repair_people
    from lift3d.calibrate_report import MOVE_COLUMNS, move_rows
    from lift3d.datasets.capture import open_capture

    from ..console import print_table, progress_bar

    check_writable(out, overwrite=overwrite)
    with progress_bar() as progress:
        opened = open_capture(capture, calibration=calibration, keypoints=keypoints, progress=progress)
        found = repair_people(
            opened.keypoints, opened.rig, focal_sd=0.01 if focal else 0.0, moved=moved, progress=progress
        )
    write_rig(found.rig, out, format_, overwrite=overwrite)
    rows = move_rows(found)
    if as_json:
        figures = {"before_px": round(found.before_px, 3), "after_px": round(found.after_px, 3), "moved": found.moved}
        click.echo(json.dumps({"file": str(out), "cameras": rows, **figures}, indent=1))
        return
    print_table(MOVE_COLUMNS, [tuple(row.values()) for row in rows])
    change = 100 * (1 - found.after_px / found.before_px) if found.before_px else 0.0
    click.echo(f"median residual {found.before_px:.2f} px -> {found.after_px:.2f} px ({change:.0f} % less)")
    if found.moved:
        click.echo(f"{found.moved} moved and the others did not: they hold the world")
    elif not moved:
        click.echo("no single camera explains the misfit; all cameras' old places together hold the world")
    click.echo(f"wrote {out}")
