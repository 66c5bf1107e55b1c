"""``lift3d render``: a picture or a video of a result, without a display."""

from __future__ import annotations

import re
from pathlib import Path

import click

VIEWS = "three-quarter, front, side, top, overview (people and cameras), turntable, or a camera's name"


def _size(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """``1280x720`` as (1280, 720)."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", value.strip())
    if not found:
        raise click.BadParameter(f"{value!r} is not a size; write it as 1280x720", ctx=context, param=option)
    return int(found[1]), int(found[2])


@click.command("render")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT.png|mp4")
@click.option("--frame", type=int, help="Picture: the frame to draw. Default: the one with most joints, in the middle.")
@click.option("--start", type=int, help="Video: first frame.  [default: 0]")
@click.option("--stop", type=int, help="Video: the frame before which to stop.  [default: the end]")
@click.option("--view", default="three-quarter", show_default=True, help=f"From where: {VIEWS}.")
@click.option("--size", metavar="WxH", callback=_size, help="Pixels.  [default: 1280x720, or a camera's proportions]")
@click.option("--fps", type=float, help="Video: pictures a second; the speed stays real.  [default: at most 30]")
@click.option("--no-caption", is_flag=True, help="No words on the picture.")
@click.option("--no-cameras", is_flag=True, help="No cameras.")
@click.option("--no-floor", is_flag=True, help="No floor and axes.")
@click.option(
    "--renderer",
    type=click.Choice(["auto", "open3d", "painter"]),
    default="auto",
    show_default=True,
    help="What draws; painter needs OpenCV alone.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
def command(
    file: Path,
    out: Path,
    frame: int | None,
    start: int | None,
    stop: int | None,
    view: str,
    size: tuple[int, int] | None,
    fps: float | None,
    no_caption: bool,
    no_cameras: bool,
    no_floor: bool,
    renderer: str,
    overwrite: bool,
) -> None:
    """Draw the result FILE (*.poses.h5) into the picture or video OUT; no display is needed."""
    from lift3d.datasets import Poses
    from lift3d.viz.artist import RenderOptions
    from lift3d.viz.open3d_check import begin_open3d_check
    from lift3d.viz.render import output_kind, render_image, render_video

    from .console import progress_bar

    kind = output_kind(out, overwrite=overwrite)
    _check_options(kind, frame=frame, start=start, stop=stop, fps=fps)
    if renderer != "painter":
        begin_open3d_check()
    poses = Poses.load(file)
    with progress_bar() as progress:
        options = RenderOptions(
            title=file.name,
            caption=not no_caption,
            cameras=not no_cameras,
            floor=not no_floor,
            fps=fps,
            overwrite=overwrite,
            renderer=renderer,  # type: ignore[arg-type]  # click has checked the choice
            progress=progress,
        )
        if kind == "image":
            done = render_image(poses, out, frame=frame, size=size, view=view, options=options)
        else:
            frames = (start or 0, len(poses.xyz) if stop is None else stop)
            done = render_video(poses, out, frames=frames, size=size, view=view, options=options)
    width, height = done.size
    about = f", {done.frames} frames at {done.fps:g} fps ({done.codec})" if kind == "video" else f", frame {done.first}"
    click.echo(f"wrote {done.path}: {width}x{height}{about}")


def _check_options(kind: str, **given: float | None) -> None:
    """An option that would do nothing is a mistake worth telling."""
    idle = ("start", "stop", "fps") if kind == "image" else ("frame",)
    for name in idle:
        if given[name] is not None:
            raise click.UsageError(f"--{name} means nothing for {'a picture' if kind == 'image' else 'a video'}")
