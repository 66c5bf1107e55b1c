"""``lift3d export``: a result in another program's format."""

from __future__ import annotations

from pathlib import Path

import click

FORMATS = ("trc",)  # the keys of POSE_FORMATS: the help must not import NumPy


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "format_", type=click.Choice(FORMATS), required=True, help="The format to write.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="The file, or a folder. [default: FILE with the new suffix]"
)
@click.option("--unit", type=click.Choice(["m", "mm"]), default="m", show_default=True, help="Unit of the lengths.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(file: Path, format_: str, out: Path | None, unit: str, overwrite: bool) -> None:
    """Write the skeletons of FILE (*.poses.h5) for another program.

    trc: OpenSim, Pose2Sim, OpenCap. Y up, one marker a joint, gaps left empty. Several people become several files,
    name_P1.trc, name_P2.trc, …
    """
    import numpy as np

    from lift3d.datasets import Poses
    from lift3d.datasets.pose_formats import POSE_FORMATS, export_poses

    poses = Poses.load(file)
    suffix = POSE_FORMATS[format_].suffix
    name = file.name.removesuffix(".h5").removesuffix(".poses") + suffix
    target = file.with_name(name) if out is None else out / name if out.is_dir() else out
    written = export_poses(poses, target, format_, overwrite=overwrite, unit=unit)
    for person, path in enumerate(written):
        present = np.asarray(np.isfinite(poses.xyz[:, person]).all(-1))
        gaps = f"{100 * (1 - present.mean()):.1f} % gaps" if present.size else "nothing in it"
        click.echo(f"{path}: {len(present)} frames at {poses.fps:g} fps, {present.shape[1]} markers, {gaps}")
