"""``lift3d report``: one page about a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("report")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The page. [default: FILE with the suffix .html]")
@click.option("--angles", is_flag=True, help="Compute joint angles too, as `lift3d analyze` does.")
@click.option("--overwrite", is_flag=True, help="Replace a page that exists.")
def command(file: Path, out: Path | None, angles: bool, overwrite: bool) -> None:
    """Write one self-contained HTML page about FILE (*.poses.h5): verdict, 3D scene, residuals, gaps, limb lengths.

    The page needs no network and opens in any browser from the disk.
    """
    from lift3d.datasets import Poses
    from lift3d.viz.report import write_report

    from .console import progress_bar

    poses = Poses.load(file)
    name = file.name.removesuffix(".h5").removesuffix(".poses")
    rows: list[dict[str, Any]] = []
    if angles:
        from lift3d.kinematics import angle_figures

        with progress_bar() as progress:
            rows = angle_figures(poses, progress=progress)
    page = write_report(poses, out or file.with_name(f"{name}.html"), title=name, overwrite=overwrite, angles=rows)
    click.echo(f"{page}: {page.stat().st_size / 1e6:.1f} MB, verdict {poses.verdict.get('level', 'not judged')}")
