"""``lift3d calibrate convert``: a calibration in another tool's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("convert")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--from", "source_format", help="The source's format. [default: found out from the content]")
@click.option("--to", "target_format", required=True, help="The format to write: pose2sim, anipose, caliscope, …")
@click.option("--unit", type=click.Choice(["m", "cm", "mm"]), help="The source's unit of length, if not its format's.")
@click.option("--size", nargs=2, type=int, help="Width and height of the pictures, for formats that do not hold them.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def command(source: Path, target: Path, **given: Any) -> None:
    """Read the calibration SOURCE and write it as TARGET for another tool."""
    from lift3d.calib.formats import read_rig, write_rig

    options = {} if given["size"] is None else {"size": tuple(given["size"])}
    rig = read_rig(source, given["source_format"], unit=given["unit"], **options)
    written = write_rig(rig, target, given["target_format"], overwrite=given["overwrite"])
    click.echo(f"wrote {written}: {len(rig)} cameras ({', '.join(rig.names)})")
