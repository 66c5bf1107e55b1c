"""The formats that poses can be exported to, one entry a format."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lift3d.calib import InputError

from ..poses import Poses
from .trc import write_trc


@dataclass(frozen=True)
class PoseFormat:
    """One format.

    Args:
        suffix: of its files, with the dot.
        write: called as write(poses, path, person, overwrite=..., **options) for each person.
        programs: what reads it, for `lift3d export --help`.
    """

    suffix: str
    write: Callable[..., Path]
    programs: str


POSE_FORMATS: dict[str, PoseFormat] = {
    "trc": PoseFormat(".trc", write_trc, "OpenSim, Pose2Sim, OpenCap, Mokka"),
}


def export_poses(
    poses: Poses, path: str | os.PathLike[str], format: str, *, overwrite: bool = False, **options: Any
) -> list[Path]:
    """Write poses in another program's format, one file a person.

    Args:
        poses: what to write.
        path: the file; with several people ``name.trc`` becomes ``name_P1.trc``, ``name_P2.trc``, …
        format: a key of :data:`POSE_FORMATS`.
        overwrite: replace files that are there.
        options: the format's own, such as ``unit`` of TRC.

    Returns:
        The files written.

    Raises:
        InputError: the format is not known, or there is nobody to write.
        FileExistsError: one of the files exists and ``overwrite`` is False; then none is written.
    """
    if format not in POSE_FORMATS:
        raise InputError(f"there is no pose format {format!r}; there are {', '.join(POSE_FORMATS)}")
    people = poses.xyz.shape[1]
    if not people:
        raise InputError(f"{path}: the poses hold nobody, so there is nothing to write")
    targets = export_paths(path, people)
    taken = [target for target in targets if target.exists()]
    if taken and not overwrite:
        raise FileExistsError(f"{taken[0]} exists; give --overwrite to replace it, or another -o")
    write = POSE_FORMATS[format].write
    return [write(poses, target, person, overwrite=overwrite, **options) for person, target in enumerate(targets)]


def export_paths(path: str | os.PathLike[str], people: int) -> list[Path]:
    """The files that so many people go to."""
    path = Path(path)
    if people == 1:
        return [path]
    return [path.with_name(f"{path.stem}_P{person + 1}{path.suffix}") for person in range(people)]
