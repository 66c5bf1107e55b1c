"""``lift3d render``: a picture or a video of a result, without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .look_options import find_videos, load_results, look_of, look_options, parse_size

if TYPE_CHECKING:
    from lift3d.datasets import Poses
    from lift3d.viz.artist import RenderOptions
    from lift3d.viz.render import Rendered

    from .console import Report

VIEWS = "three-quarter, front, side, top, overview (people and cameras), turntable, or a camera's name"


@click.command("render")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE…")
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT.png|mp4|gif")
@click.option("--frame", type=int, help="Picture: the frame to draw. Default: the one with most joints, in the middle.")
@click.option("--sheet", is_flag=True, help="Picture: a contact sheet of the key moments.")
@click.option("--moments", type=int, help="Sheet: how many moments.  [default: 12]")
@click.option("--start", type=int, help="Video: first frame.  [default: 0]")
@click.option("--stop", type=int, help="Video: the frame before which to stop.  [default: the end]")
@click.option("--view", default="three-quarter", show_default=True, help=f"From where: {VIEWS}.")
@click.option(
    "--size", metavar="WxH", callback=parse_size, help="Pixels.  [default: 1280x720, or a camera's proportions]"
)
@click.option("--fps", type=float, help="Video: pictures a second; the speed stays real.  [default: at most 30]")
@look_options
@click.option("--no-caption", is_flag=True, help="No words on the picture.")
@click.option("--no-cameras", is_flag=True, help="No cameras.")
@click.option("--pictures", is_flag=True, help="Show the videos' pictures in the cameras.")
@click.option("--no-floor", is_flag=True, help="No floor and axes.")
@click.option(
    "--renderer",
    type=click.Choice(["auto", "open3d", "painter"]),
    default="auto",
    show_default=True,
    help="What draws; painter needs OpenCV alone.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
def command(files: tuple[Path, ...], out: Path, **given: Any) -> None:
    """Draw the result FILE (*.poses.h5) into the picture or video OUT; no display is needed.

    Several FILEs are compared: matched by time, in one place (one colour each) or side by side.
    """
    from lift3d.viz.open3d_check import begin_open3d_check
    from lift3d.viz.render import output_kind

    from .console import progress_bar

    kind = output_kind(out, overwrite=given["overwrite"])
    _check_options("sheet" if given["sheet"] and kind == "image" else kind, given)
    if given["renderer"] != "painter":
        begin_open3d_check()
    results = load_results(files)
    with progress_bar() as progress:
        options = _options(files, results, given, progress)
        done = _draw(results, out, kind, given, options)
    width, height = done.size
    about = f", {done.frames} frames at {done.fps:g} fps ({done.codec})" if kind == "video" else f", frame {done.first}"
    click.echo(f"wrote {done.path}: {width}x{height}{f', {done.frames} moments' if given['sheet'] else about}")


def _options(
    files: Sequence[Path], results: dict[str, Poses], given: dict[str, Any], progress: Report
) -> RenderOptions:
    """The renderer's options from the command line's."""
    from lift3d.viz.artist import RenderOptions

    poses = next(iter(results.values()))
    is_camera = poses.rig is not None and given["view"] in poses.rig.names
    if given["capture"] is not None and not (is_camera or given["pictures"]):
        raise click.UsageError("--capture means nothing but for the --view of a camera, or with --pictures")
    videos = find_videos(given["capture"], files[0], poses) if is_camera or given["pictures"] else None
    if given["pictures"] and is_camera:
        raise click.UsageError("--pictures means nothing where one looks through a camera: its picture stands behind")
    if given["pictures"] and not videos:
        raise click.UsageError(f"--pictures finds no video beside {files[0]}; name the capture's folder by --capture")
    return RenderOptions(
        title=files[0].name if len(files) == 1 else "",
        caption=not given["no_caption"],
        cameras=not given["no_cameras"],
        floor=not given["no_floor"],
        fps=given["fps"],
        overwrite=given["overwrite"],
        renderer=given["renderer"],
        progress=progress,
        look=look_of(given),
        videos=videos,
        pictures=given["pictures"],
    )


def _draw(results: dict[str, Poses], out: Path, kind: str, given: dict[str, Any], options: RenderOptions) -> Rendered:
    """A picture, a sheet or a video."""
    from lift3d.viz.render import render_image, render_sheet, render_video

    view, size = given["view"], given["size"]
    if given["sheet"]:
        from lift3d.viz.sheet import SHEET_MOMENTS

        moments = SHEET_MOMENTS if given["moments"] is None else given["moments"]
        return render_sheet(results, out, moments=moments, size=size, view=view, options=options)
    if kind == "image":
        return render_image(results, out, frame=given["frame"], size=size, view=view, options=options)
    total = len(next(iter(results.values())).xyz)
    frames = (given["start"] or 0, total if given["stop"] is None else given["stop"])
    return render_video(results, out, frames=frames, size=size, view=view, options=options)


def _check_options(kind: str, given: dict[str, Any]) -> None:
    """An option that would do nothing is a mistake worth telling."""
    if given["pictures"] and (given["no_cameras"] or kind == "sheet"):
        raise click.UsageError(
            "--pictures means nothing " + ("without cameras" if given["no_cameras"] else "for a sheet")
        )
    if kind == "sheet" and given["follow"] is not None:
        raise click.UsageError("--follow means nothing for a sheet: each moment is shown by itself")
    if kind == "video" and given["sheet"]:
        raise click.UsageError("--sheet makes a picture; let OUT end in .png")
    idle = {
        "image": ("start", "stop", "fps", "moments"),
        "sheet": ("start", "stop", "fps", "frame"),
        "video": ("frame", "moments"),
    }[kind]
    for name in idle:
        if given[name] is not None:
            what = {"image": "a picture", "sheet": "a sheet", "video": "a video"}[kind]
            raise click.UsageError(f"--{name} means nothing for {what}")
