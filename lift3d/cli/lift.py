"""``lift3d lift``: one camera's 2D keypoints to 3D poses."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lift3d.calib import Camera


@click.command("lift")
@click.argument("keypoints", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The result, FILE.poses.h5.")
@click.option("--camera", type=click.Path(path_type=Path), help="A calibration with the camera in it.")
@click.option("--size", type=(int, int), metavar="WIDTH HEIGHT", help="The picture's size, where there is no --camera.")
@click.option("--view", help="Which camera of several to lift.")
@click.option("--fps", type=float, help="Frames a second. [default: as the keypoints say]")
@click.option("--lifter", "checkpoint", type=click.Path(path_type=Path),
              help="A lifter.pt of `lift3d train lifter`. [default: the one that comes with lift3d]")  # fmt: skip
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
@click.option("--overwrite", is_flag=True, help="Replace a result that exists.")
def command(
    keypoints: Path,
    out: Path,
    camera: Path | None,
    size: tuple[int, int] | None,
    view: str | None,
    fps: float | None,
    checkpoint: Path | None,
    device: str,
    overwrite: bool,
) -> None:
    """Lift KEYPOINTS, the 2D joints that one camera saw, to 3D.

    Poses are as good as the guess of a person's size: the distance along the line of sight is sure to some 8 %.
    """
    from lift3d.lift import lift_file
    from lift3d.lifters.lifter import Lifter

    chosen = Lifter.load(checkpoint, device=device)
    seen: Camera | Path = camera if camera is not None else _assumed(size)
    began = time.perf_counter()
    poses = lift_file(keypoints, out, camera=seen, lifter=chosen, view=view, fps=fps, overwrite=overwrite)
    seconds = time.perf_counter() - began
    lifted = int((poses.status[:, 0, 0] > 0).sum())
    click.echo(f"{lifted} of {len(poses.xyz)} frames lifted in {seconds:.1f} s: {poses.verdict['level']}")
    for reason in poses.verdict["reasons"]:
        click.echo(f"  {reason}")
    click.echo(f"wrote {out}")


def _assumed(size: tuple[int, int] | None) -> Camera:
    """A camera of that size; says what it assumes."""
    from lift3d.calib import InputError
    from lift3d.lift import assumed_camera

    if size is None:
        raise InputError("the camera is not known; give --camera CALIBRATION, or --size WIDTH HEIGHT to assume one")
    camera = assumed_camera(size)
    click.echo(
        f"assumed: focal length {camera.K[0, 0]:.0f} px, camera level at the origin, looking along y; "
        "a wrong focal length scales the distance alike"
    )
    return camera
