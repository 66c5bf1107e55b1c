"""``lift3d report``: one page about a result."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The page. [default: FILE with the suffix .html]")
@click.option("--overwrite", is_flag=True, help="Replace a page that exists.")
def command(file: Path, out: Path | None, overwrite: bool) -> None:
    """Write one self-contained HTML page about FILE (*.poses.h5): verdict, 3D scene, residuals, gaps, limb lengths.

    The page needs no network and opens in any browser from the disk.
    """
    from lift3d.datasets import Poses
    from lift3d.viz.report import write_report

    poses = Poses.load(file)
    name = file.name.removesuffix(".h5").removesuffix(".poses")
    page = write_report(poses, out or file.with_name(f"{name}.html"), title=name, overwrite=overwrite)
    click.echo(f"{page}: {page.stat().st_size / 1e6:.1f} MB, verdict {poses.verdict.get('level', 'not judged')}")
