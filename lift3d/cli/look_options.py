"""What ``lift3d view`` and ``lift3d render`` share: results to compare, colours, ellipsoids, paths, videos behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lift3d.calib import InputError

if TYPE_CHECKING:
    from lift3d.datasets import Poses
    from lift3d.datasets.capture_videos import TimedVideo
    from lift3d.viz.look import Look

# As in lift3d.viz.look, which would bring NumPy before anything is asked for.
COLORS = ("person", "side", "file", "sigma", "residual", "confidence", "status")


def parse_size(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """``1280x720`` as (1280, 720)."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", value.strip())
    if not found:
        raise click.BadParameter(f"{value!r} is not a size; write it as 1280x720", ctx=context, param=option)
    return int(found[1]), int(found[2])


def look_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; they reach the command as keywords, for :func:`look_of`; ``capture`` is a folder."""
    for option in (
        click.option(
            "--color", type=click.Choice(COLORS), help="What colours tell. Default: person; of several FILEs: file."
        ),
        click.option("--ellipsoids", is_flag=True, help="Draw rings that hold each joint with 90 % probability."),
        click.option("--trails", type=float, default=0.0, metavar="S", help="Draw the paths of the last S seconds."),
        click.option("--trail-joints", metavar="NAME,…", help="Whose paths.  [default: wrists and ankles]"),
        click.option("--follow", type=click.IntRange(min=1), metavar="N", help="Let the view move with person N."),
        click.option("--side-by-side", is_flag=True, help="Put several results beside each other, not in one place."),
        click.option(
            "--capture",
            type=click.Path(path_type=Path),
            help="Capture folder whose videos stand behind cameras' views.  [default: FILE's folder, if it has them]",
        ),
    )[::-1]:
        command = option(command)
    return command


def look_of(given: dict[str, Any]) -> Look:
    """The look that the options describe; people are counted from 1 on the command line."""
    from lift3d.viz.look import Look

    if given["trail_joints"] and not given["trails"]:
        raise click.UsageError("--trail-joints means nothing without --trails")
    return Look(
        color=given["color"],
        ellipsoids=given["ellipsoids"],
        trails=given["trails"],
        trail_joints=tuple(name.strip() for name in (given["trail_joints"] or "").split(",") if name.strip()),
        follow=None if given["follow"] is None else given["follow"] - 1,
        layout="side" if given["side_by_side"] else "overlay",
    )


def load_results(files: Sequence[Path]) -> dict[str, Poses]:
    """All results, by the files' names; where those are equal, by as much of the path as tells them apart.

    Raises:
        InputError: a file is given twice, or is no result.
        FileNotFoundError: a file does not exist.
    """
    from lift3d.datasets import Poses

    if len({file.resolve() for file in files}) < len(files):
        raise InputError("a file is given twice; give different results to compare")
    names = [file.name for file in files]
    depth = 1
    while len(set(names)) < len(names):
        depth += 1
        names = ["/".join(file.resolve().parts[-depth:]) for file in files]
    return {name: Poses.load(file) for name, file in zip(names, files, strict=True)}


def find_videos(capture: Path | None, file: Path, poses: Poses) -> dict[str, TimedVideo]:
    """Camera to video, of the capture folder, or of the file's own folder where none is given.

    Raises:
        InputError: the given folder has no video of the result's cameras.
        FileNotFoundError: the given folder does not exist.
    """
    from lift3d.datasets.capture_videos import timed_videos

    if poses.rig is None:
        if capture is None:
            return {}
        raise InputError(f"{file} holds no cameras, so videos have no place; give a file of `lift3d reconstruct`")
    if capture is not None:
        videos = timed_videos(capture, poses.rig.names, poses.fps)
        if not videos:
            raise InputError(f"{capture} has no video of {', '.join(poses.rig.names)}; name them in capture.toml")
        return videos
    try:
        return timed_videos(file.resolve().parent, poses.rig.names, poses.fps)
    except (OSError, InputError):  # not a capture: nobody said that it is one
        return {}
