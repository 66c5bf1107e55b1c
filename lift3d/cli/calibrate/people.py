"""``lift3d calibrate people``: where cameras stand, from the person who moves through the volume."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..capture_options import capture_options, rig_file_options


@click.command("people")
@capture_options
@rig_file_options("calib.toml")
@click.option("--height", type=float, help="The person's height in metres; gives the scale to some 3.5 %.")
@click.option("--distance", type=(str, str, float), metavar="CAM CAM METRES",
              help="A measured distance between two cameras; gives the scale exactly.")  # fmt: skip
def command(
    capture: Path,
    out: Path,
    height: float | None,
    distance: tuple[str, str, float] | None,
    calibration: Path | None,
    keypoints: Path | None,
    format_: str,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Find where the cameras of CAPTURE stand from the 2D keypoints of one person; only the lenses must be known.

    The person should walk a loop through the whole volume with moving arms, 20 s or more, synchronised. Poses in the
    calibration are not used. The world has z up, the floor at 0 and the origin below the middle of the walk.
    """
    from lift3d.calib.atomic_file import check_writable
    from lift3d.calib.formats import write_rig
    from lift3d.calibrate_people import calibrate_people
    from lift3d.calibrate_report import camera_places
    from lift3d.datasets.capture import open_capture

    from ..console import print_table, progress_bar

    check_writable(out, overwrite=overwrite)
    with progress_bar() as progress:
        opened = open_capture(capture, calibration=calibration, keypoints=keypoints, progress=progress)
        found = calibrate_people(opened.keypoints, opened.rig, stature=height, distance=distance, progress=progress)
    write_rig(found.rig, out, format_, overwrite=overwrite)
    rows = camera_places(found)
    if as_json:
        world = {"scale_spread_percent": round(100 * found.world.scale_spread, 1), "floor_from": found.world.floor_from}
        click.echo(json.dumps({"file": str(out), "cameras": rows, "motion": found.motion, **world}, indent=1))
        return
    print_table(
        ("camera", "x m", "y m", "height m", "sigma deg", "sigma cm", "residual px"),
        [tuple(row.values()) for row in rows],
    )
    click.echo(
        f"{found.frames} frames; volume {' x '.join(f'{x:g}' for x in found.motion['volume_m'])} m; "
        f"up and floor from {found.world.floor_from}; "
        + (f"scale sure to {100 * found.world.scale_spread:.1f} %" if found.world.scale_spread else "scale as measured")
    )
    if found.motion["advice"]:
        click.echo(f"weak: {found.motion['advice']}")
    click.echo(f"wrote {out}")
