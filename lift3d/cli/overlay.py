"""``lift3d overlay``: a result drawn on the capture's videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lift3d.viz.overlay import OverlayOptions


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
    """Draw FILE on the videos of CAPTURE, all cameras side by side.

    FILE is a result (*.poses.h5): white dots are what the 2D detector saw, coloured bones the 3D skeleton as each
    camera would see it. Where the two part, the calibration or the detector is wrong. Or FILE is 2D keypoints alone,
    of `lift3d detect` or OpenPose: dots and lines; CAPTURE may then be any folder of videos, or one video. Cameras
    without a video get a plain background.
    """
    from lift3d.datasets.keypoint_formats import detect_keypoints
    from lift3d.datasets.poses import is_result
    from lift3d.viz.overlay import OverlayOptions

    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 160 and int(height) >= 120):
        raise click.BadParameter(f"{size!r} is not WxH with at least 160x120, such as 1920x1080", param_hint="--size")
    options = OverlayOptions((int(width), int(height)), start, stop, not no_detections)
    target = out or Path(f"{file.resolve().name.removesuffix('.h5').removesuffix('.poses')}.overlay.mp4")
    plain = file.exists() and not is_result(file) and detect_keypoints(file) is not None
    if plain and no_detections:
        raise click.UsageError(f"--no-detections leaves nothing of {file}, which holds 2D keypoints alone")
    draw = _draw_keypoints if plain else _draw_result
    without = draw(capture, file, target, options, overwrite=overwrite)
    click.echo(f"wrote {target}" + (f"; no video of {', '.join(without)}" if without else ""))


def _draw_result(capture: Path, file: Path, out: Path, options: OverlayOptions, *, overwrite: bool) -> list[str]:
    """The 3D skeletons and the keypoints they came from; the cameras that have no video."""
    from lift3d.datasets import Poses
    from lift3d.datasets.capture_videos import timed_videos
    from lift3d.viz.overlay import write_overlay

    from .console import progress_bar

    poses = Poses.load(file)
    videos = timed_videos(capture, poses.rig.names if poses.rig else (), poses.fps)
    with progress_bar() as progress:
        write_overlay(poses, videos, out, options=options, overwrite=overwrite, progress=progress)
    return [camera for camera in (poses.rig.names if poses.rig else ()) if camera not in videos]


def _draw_keypoints(capture: Path, file: Path, out: Path, options: OverlayOptions, *, overwrite: bool) -> list[str]:
    """2D keypoints alone; the cameras that have no video."""
    from dataclasses import replace

    from lift3d.datasets.keypoint_formats import load_keypoints
    from lift3d.datasets.keypoint_videos import keypoint_videos
    from lift3d.viz.keypoint_overlay import write_keypoint_overlay

    from .console import progress_bar

    with progress_bar() as progress:
        keypoints = load_keypoints(file, progress=progress).keypoints
        found = keypoint_videos(capture, keypoints)
        keypoints = replace(keypoints, fps=keypoints.fps or found.fps)
        write_keypoint_overlay(
            keypoints, found.paths, out, sizes=found.sizes, options=options, overwrite=overwrite, progress=progress
        )
    return [camera for camera in keypoints.cameras if camera not in found.paths]
