"""``lift3d lift``: one camera's video or 2D keypoints to 3D poses."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lift3d.calib import Camera

LIFTED = 3  # lift3d.datasets.poses.Status.LIFTED; importing it would make the command's help slow


@click.command("lift")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The result, FILE.poses.h5.")
@click.option("--camera", type=click.Path(path_type=Path), help="A calibration with the camera in it.")
@click.option("--size", type=(int, int), metavar="WIDTH HEIGHT", help="The picture's size, where there is no --camera.")
@click.option("--view", help="Which camera of several to lift.")
@click.option("--fps", type=float, help="Frames a second. [default: as the keypoints say]")
@click.option("--lifter", "checkpoint", type=click.Path(path_type=Path),
              help="A lifter.pt of your own, or one that ships: tcn, mlp, tcn-causal. [default: tcn]")  # fmt: skip
@click.option("--detector", default="light", show_default=True, help="Of a video: see `lift3d detect --help`.")
@click.option("--max-gap", type=float, default=0.2, show_default=True, help="Seconds; shorter gaps are bridged.")
@click.option("--ground", is_flag=True, help="Put the feet onto z = 0, where the camera's height is not known.")
@click.option("--flip-test/--no-flip-test", default=True, show_default=True,
              help="Average with the answer for the mirror image.")  # fmt: skip
@click.option("--one-body/--no-one-body", default=None,
              help="Fit one body, whose bones keep their length, to all frames. [default: with tcn]")  # fmt: skip
@click.option("--joints", type=click.Choice(["h36m17", "detector"]), default="h36m17", show_default=True,
              help="Of the result: Human3.6M's 17, or the detector's own, which have a face.")  # fmt: skip
@click.option("--exact", is_flag=True, help="Where a confidence is 1 the 2D has no error, as no detector's.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
@click.option("--overwrite", is_flag=True, help="Replace a result that exists.")
def command(
    source: Path,
    out: Path,
    camera: Path | None,
    size: tuple[int, int] | None,
    view: str | None,
    fps: float | None,
    checkpoint: Path | None,
    detector: str,
    max_gap: float,
    ground: bool,
    flip_test: bool,
    one_body: bool | None,
    joints: str,
    exact: bool,
    device: str,
    overwrite: bool,
) -> None:
    """Lift SOURCE, one camera's video or the 2D joints that it saw, to 3D.

    What is found in a video is kept beside the result, in OUT's name with .keypoints.h5.

    Poses are as good as the guess of a person's size: the distance along the line of sight is sure to some 8 %.
    """
    from lift3d.calib.atomic_file import check_writable
    from lift3d.lift import LiftConfig, is_video, lift_file, view_named
    from lift3d.lifters.joint_sets import AnswerJoints
    from lift3d.lifters.lifter import Lifter

    check_writable(out, overwrite=overwrite)
    chosen = Lifter.load(checkpoint, device=device)
    AnswerJoints.of(chosen, joints)  # refused before a video is looked through
    config = LiftConfig(
        max_gap=max_gap, ground=ground, flip_test=flip_test, exact=exact, joints=joints, one_body=one_body
    )
    video = source if is_video(source) else None
    seen: Camera | Path = camera if camera is not None else _assumed(size or _size_of(video))
    if video is not None:
        view = view_named((video.stem,), view, str(video))  # refused before it is looked through, too
        source = _keypoints_of(video, out, (detector, device), overwrite=overwrite)
    began = time.perf_counter()
    poses = lift_file(source, out, camera=seen, lifter=chosen, view=view, fps=fps, overwrite=overwrite, config=config)
    seconds = time.perf_counter() - began
    lifted = int((poses.status[:, 0, 0] == LIFTED).sum())
    filled = int((poses.status[:, 0, 0] > 0).sum()) - lifted
    click.echo(f"{lifted} of {len(poses.xyz)} frames lifted in {seconds:.1f} s: {poses.verdict['level']}")
    for reason in poses.verdict["reasons"]:
        click.echo(f"  {reason}")
    if filled:
        click.echo(f"  {filled} frames in short gaps were bridged")
    click.echo(f"wrote {out}")


def _size_of(video: Path | None) -> tuple[int, int] | None:
    """The size of a video's pictures."""
    from lift3d.datasets.video import probe

    return None if video is None else probe(video).size


def _keypoints_of(video: Path, out: Path, how: tuple[str, str], *, overwrite: bool) -> Path:
    """Find the joints in a video; the file that they were written to."""
    from lift3d.datasets.video import probe
    from lift3d.detect import detect_videos
    from lift3d.detectors.registry import DetectorOptions, open_detector
    from lift3d.lift import keypoints_beside

    from .console import progress_bar

    path = keypoints_beside(out)
    name, device = how
    found = open_detector(name, DetectorOptions(device=device, fps=probe(video).fps))
    with progress_bar() as progress:
        detect_videos({video.stem: video}, path, found, overwrite=overwrite, progress=progress)
    click.echo(f"wrote {path}")
    return path


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
