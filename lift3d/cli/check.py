"""``lift3d check``: what a capture holds, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .capture_options import capture_options


@click.command("check")
@capture_options
@click.option("--fps", type=float, help="Frames a second.")
@click.pass_context
def command(
    context: click.Context,
    capture: Path,
    calibration: Path | None,
    keypoints: Path | None,
    fps: float | None,
    as_json: bool,
) -> None:
    """Say what was found in CAPTURE, how cameras were paired with keypoints, and what is wrong.

    Nothing is written. Exit code 0 if `lift3d reconstruct` would run, 1 if not.
    """
    from lift3d.check import check_capture

    from .console import progress_bar

    with progress_bar() as progress:
        found = check_capture(capture, calibration=calibration, keypoints=keypoints, fps=fps, progress=progress)
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        _print(found)
    if found["problems"]:
        context.exit(1)


def _print(found: dict[str, Any]) -> None:
    """For a person."""
    from .console import print_table
    from .summary_table import print_input

    if found["input"]["keypoints"] is None:
        _print_videos(found)
        return
    print_input(found["input"])
    rate = f" at {found['fps']:g} fps" if found["fps"] else ""
    click.echo(f"frames       {found['frames']}{rate}\n")
    rows = [
        (
            camera["name"],
            f"{camera['keypoints']} (by {camera['by']})",
            "x".join(map(str, camera["size"])),
            camera["lens"],
            camera["frames_with_people"],
            camera["most_people"],
            camera["agrees_percent"],
        )
        for camera in found["cameras"]
    ]
    print_table(("camera", "keypoints", "size", "lens", "frames with people", "most people", "agrees %"), rows)
    click.echo()
    for problem in found["problems"]:
        click.echo(f"wrong: {problem}")
    if not found["problems"]:
        click.echo("nothing wrong was found; `lift3d reconstruct` will run")


def _print_videos(found: dict[str, Any]) -> None:
    """For a person: a capture whose keypoints are still to be found."""
    from .console import print_table
    from .summary_table import print_notes

    click.echo(f"calibration  {found['input']['calibration'] or 'none'}")
    click.echo("keypoints    none yet")
    print_notes(found["input"]["notes"])
    click.echo()
    rows = [
        (
            camera["name"],
            camera["video"],
            "x".join(map(str, camera["video_size"])),
            "x".join(map(str, camera["size"])) if camera["size"] else None,
            camera["frames"],
            f"{camera['fps']:g}",
        )
        for camera in found["cameras"]
    ]
    print_table(("camera", "video", "size", "calibrated size", "frames", "fps"), rows)
    click.echo()
    for problem in found["problems"]:
        click.echo(f"wrong: {problem}")
    if not found["problems"]:
        click.echo("nothing wrong was found; `lift3d reconstruct` will first find keypoints in the videos")
