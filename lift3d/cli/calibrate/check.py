"""``lift3d calibrate check``: does a calibration fit what the cameras saw, and which camera is off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ..capture_options import capture_options, click_options, read_fixed_points


@click.command("check")
@capture_options
@click.option("--known-length", type=(str, str, float), metavar="POINT POINT METRES",
              help="The true distance of two joints that stay as far apart, or of two clicked points.")  # fmt: skip
@click_options
@click.pass_context
def command(
    context: click.Context,
    capture: Path,
    calibration: Path | None,
    keypoints: Path | None,
    known_length: tuple[str, str, float] | None,
    clicks: Path | None,
    points: Path | None,
    as_json: bool,
) -> None:
    """Compare the calibration of CAPTURE with the keypoints of the person in it; nothing is written.

    Shows residuals per camera and per pair, how well the others agree without each camera, what a repair would change
    and the known length. People show how the cameras stand to each other; which of them moved is told by those that
    did not, or better by points of known place (--clicks, --points). Exit code 1 where something is wrong.
    """
    from lift3d.calibrate_check import check_calibration
    from lift3d.datasets.capture import open_capture

    from ..console import progress_bar

    clicked, known = read_fixed_points(clicks, points)
    with progress_bar() as progress:
        opened = open_capture(capture, calibration=calibration, keypoints=keypoints, progress=progress)
        found = check_calibration(
            opened.keypoints,
            opened.rig,
            known_length=known_length,
            clicks=clicked,
            known_points=known,
            progress=progress,
        )
    found = {"calibration": str(opened.calibration_path), "keypoints": str(opened.keypoints_path), **found}
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        _print(found)
    if found["problems"]:
        context.exit(1)


def _print(found: dict[str, Any]) -> None:
    """For a person."""
    from lift3d.calibrate_report import MOVE_COLUMNS

    from ..console import print_table

    click.echo(f"calibration  {found['calibration']}")
    click.echo(f"keypoints    {found['keypoints']}\n")
    rows = [(row["name"], row["agrees_percent"], row["residual_px"], row["without_px"]) for row in found["cameras"]]
    print_table(("camera", "agrees %", "residual px", "noise of the others px"), rows)
    if found["pairs"]:
        click.echo(f"noise of all views {found['noise_px']:g} px\n")
        names = [row["name"] for row in found["cameras"]]
        rows = [(name, *found["pairs"][name].values()) for name in names]
        print_table(("epipolar px", *names), rows)
    if found["repair"]:
        click.echo()
        print_table(MOVE_COLUMNS, [tuple(row.values()) for row in found["repair"]], title="what a repair would change")
    if found["bones"]:
        click.echo()
        print_table(("limb", "length mm", "variation %"), [tuple(row.values()) for row in found["bones"]])
    click.echo()
    for note in found["notes"]:
        click.echo(f"note: {note}")
    for problem in found["problems"]:
        click.echo(f"wrong: {problem}")
    if not found["problems"]:
        click.echo("nothing wrong was found")
