"""``lift3d view``: a result in an interactive window."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("view")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--frame", type=int, default=0, show_default=True, help="The frame to start at.")
@click.option("--paused", is_flag=True, help="Do not start to play.")
def command(file: Path, frame: int, paused: bool) -> None:
    """Look at the result FILE (*.poses.h5) in a window: play, step, orbit.

    Space plays and pauses, the left and right arrows step, home and end jump, + and - change the speed; drag to
    orbit, scroll to zoom. Without a display, use `lift3d render`.
    """
    from lift3d.datasets import Poses
    from lift3d.viz.open3d_check import begin_open3d_check
    from lift3d.viz.window import check_display, show

    check_display()
    begin_open3d_check()
    poses = Poses.load(file)
    show(poses, title=file.name, frame=frame, playing=not paused)
