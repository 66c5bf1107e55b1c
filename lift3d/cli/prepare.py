"""``lift3d prepare``: published recordings to the file that `lift3d train lifter` reads."""

from __future__ import annotations

from pathlib import Path

import click

LAYOUT_NAMES = (
    "videopose3d", "mmpose", "h36m-cdf", "pose-baseline", "h36m-fetch", "mpi-inf-3dhp", "panoptic", "asf-amc", "bvh",
)  # fmt: skip


@click.command("prepare")
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="The file to write, for example m.h5."
)
@click.option("--layout", type=click.Choice(LAYOUT_NAMES), help="How the recordings are laid out. [default: found out]")
@click.option("--cameras", type=click.Path(path_type=Path),
              help="Human3.6M's metadata.xml, or cameras.h5 or cameras.pkl.")  # fmt: skip
@click.option("--keypoints", type=click.Path(path_type=Path),
              help="VideoPose3D's data_2d_h36m_*.npz, to check poses and cameras against.")  # fmt: skip
@click.option("--unit", type=click.Choice(["mm", "cm", "m"]), help="Of BVH files. [default: cm]")
@click.option("--subject", metavar="REGEX", help="Of BVH files' names, with a group (?P<subject>...).")
@click.option("--fps", type=float, default=50.0, show_default=True,
              help="Take every n-th frame so that about so many a second remain.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def command(
    paths: tuple[Path, ...],
    out: Path,
    layout: str | None,
    cameras: Path | None,
    keypoints: Path | None,
    unit: str | None,
    subject: str | None,
    fps: float,
    overwrite: bool,
) -> None:
    """Turn recordings in PATHS into one file of world joints, cameras, subjects and actions.

    Human3.6M as VideoPose3D, mmpose, 3d-pose-baseline, h36m-fetch or its own CDFs have it, MPI-INF-3DHP, CMU Panoptic,
    CMU's ASF/AMC and BVH folders are told apart by what they hold.
    """
    from lift3d.calib import InputError
    from lift3d.datasets.human36m import read_h36m_cameras
    from lift3d.datasets.mocap_formats import Sources
    from lift3d.prepare import prepare

    if not fps > 0:
        raise InputError(f"--fps must be above zero, got {fps:g}")
    rigs = None if cameras is None else read_h36m_cameras(cameras)
    sources = Sources(rigs, keypoints, unit, fps, subject)
    written = prepare(paths, out, sources=sources, layout=layout, overwrite=overwrite)
    for note in written.notes:
        click.echo(note)
    subjects = sorted({clip.subject for clip in written.clips})
    frames = sum(len(clip.xyz) for clip in written.clips)
    minutes = sum(len(clip.xyz) / clip.fps for clip in written.clips) / 60
    filmed = sum(clip.rig is not None for clip in written.clips)
    click.echo(
        f"{len(written.clips)} clips of {len(subjects)} subjects ({', '.join(subjects)}), {frames} frames, "
        f"{minutes:.1f} minutes, {filmed} with cameras"
    )
    click.echo(f"wrote {out}")
