"""``lift3d view``: a result in an interactive window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .look_options import find_videos, load_results, look_of, look_options, parse_size


@click.command("view")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE…")
@click.option("--frame", type=int, default=0, show_default=True, help="The frame to start at.")
@click.option(
    "--size", default="1280x800", metavar="WxH", callback=parse_size, show_default=True, help="Of the window."
)
@click.option("--paused", is_flag=True, help="Do not start to play.")
@look_options
def command(files: tuple[Path, ...], frame: int, paused: bool, size: tuple[int, int], **given: Any) -> None:
    """Look at the result FILE (*.poses.h5) in a window: play, step, orbit, click joints.

    Several FILEs are compared: matched by time, in one place (one colour each) or side by side.

    Space plays and pauses, H lists all keys; drag to orbit, scroll to zoom, click a joint to read its place and error.
    Without a display, use `lift3d render`.
    """
    from lift3d.viz.open3d_check import begin_open3d_check
    from lift3d.viz.window import WindowOptions, check_display, show

    check_display()
    begin_open3d_check()
    results = load_results(files)
    videos = find_videos(given["capture"], files[0], next(iter(results.values())))
    title = " | ".join(results)
    options = WindowOptions(frame=frame, playing=not paused, size=size, videos=videos)
    show(results, title=title, look=look_of(given), options=options)
