"""``lift3d overlay``: a result drawn on the capture's videos."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("overlay")
@click.argument("capture", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The MP4. [default: ./<FILE's name>.overlay.mp4]")
@click.option("--size", default="1920x1080", show_default=True, help="WxH that all cameras together must fit into.")
@click.option("--start", type=int, default=0, show_default=True, help="First frame.")
@click.option("--stop", type=int, help="Frame after the last. [default: to the end]")
@click.option("--no-detections", is_flag=True, help="Leave the 2D keypoints out.")
@click.option("--overwrite", is_flag=True, help="Replace a video that exists.")
def command(
    capture: Path,
    file: Path,
    out: Path | None,
    size: str,
    start: int,
    stop: int | None,
    no_detections: bool,
    overwrite: bool,
) -> None:
    """Draw FILE (*.poses.h5) on the videos of CAPTURE, all cameras side by side.

    White dots are what the 2D detector saw, coloured bones the 3D skeleton as each camera would see it. Where the two
    part, the calibration or the detector is wrong. Cameras without a video get a plain background.
    """
    from lift3d.datasets import Poses
    from lift3d.datasets.capture_videos import capture_videos
    from lift3d.viz.overlay import OverlayOptions, write_overlay

    from .console import progress_bar

    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 160 and int(height) >= 120):
        raise click.BadParameter(f"{size!r} is not WxH with at least 160x120, such as 1920x1080", param_hint="--size")
    poses = Poses.load(file)
    videos = capture_videos(capture, poses.rig.names if poses.rig else ())
    name = file.name.removesuffix(".h5").removesuffix(".poses")
    options = OverlayOptions((int(width), int(height)), start, stop, not no_detections)
    with progress_bar() as progress:
        path = write_overlay(
            poses, videos, out or Path(f"{name}.overlay.mp4"), options=options, overwrite=overwrite, progress=progress
        )
    without = [camera for camera in (poses.rig.names if poses.rig else ()) if camera not in videos]
    click.echo(f"wrote {path}" + (f"; no video of {', '.join(without)}" if without else ""))
