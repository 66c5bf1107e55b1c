"""What commands on a capture and its keypoints share: where to look, and how to tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lift3d.calib.distortion import Array

Command = Callable[..., Any]


def capture_options(command: Command) -> Command:
    """CAPTURE, ``--calibration``, ``--keypoints`` and ``--json`` (as ``as_json``)."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON."),
        click.option(
            "--keypoints", type=click.Path(path_type=Path), help="The 2D keypoints to take, a folder or file."
        ),
        click.option("--calibration", type=click.Path(path_type=Path), help="The calibration to take."),
        click.argument("capture", type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return command


def click_options(command: Command) -> Command:
    """``--clicks`` and ``--points``: fixed points of the scene, and where some of them are."""
    for option in (
        click.option("--points", type=click.Path(path_type=Path),
                     help="CSV: point, x, y, z in metres of some or all of these; they hold the world."),
        click.option("--clicks", type=click.Path(path_type=Path),
                     help="CSV: camera, point, x, y of fixed points, as `lift3d calibrate scene` writes it."),
    ):  # fmt: skip
        command = option(command)
    return command


def read_fixed_points(
    clicks: Path | None, points: Path | None
) -> tuple[dict[str, dict[str, Array]] | None, dict[str, Array] | None]:
    """What :func:`click_options` name, None for what is not given."""
    from lift3d.calib.scene import read_clicks, read_points

    if points and not clicks:
        raise click.UsageError("--points needs --clicks: where the points are in the pictures")
    return read_clicks(clicks) if clicks else None, read_points(points) if points else None


def rig_file_options(name: str) -> Callable[[Command], Command]:
    """``-o`` (a calibration, called as given), ``--format`` (as ``format_``) and ``--overwrite``."""

    def add(command: Command) -> Command:
        for option in (
            click.option("--overwrite", is_flag=True, help="Replace a calibration that exists."),
            click.option("--format", "format_", default="pose2sim", show_default=True, help="The format to write."),
            click.option("-o", "--out", type=click.Path(path_type=Path), default=Path(name), show_default=True,
                         help="The calibration to write."),
        ):  # fmt: skip
            command = option(command)
        return command

    return add
