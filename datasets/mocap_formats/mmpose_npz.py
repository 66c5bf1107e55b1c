"""mmpose's Human3.6M npz: poses in camera frames, metres, one row a picture, named after subject, action and camera.

Its files name joint 1 ``left_hip``; the poses have the right one there, as Human3.6M does, and are read so.

Source: open-mmlab/mmpose, tools/dataset_converters/preprocess_h36m.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from lift3d.calib import InputError

from ..human36m import CAMERAS, FPS, action_of, check_subject
from ..mocap import Clip
from ..npz_file import read_npz
from .recordings import Recordings, Sources, reprojection_px, to_world
from .videopose3d import names_in_npz

NAME = re.compile(r"(?P<subject>S\d+)_(?P<action>.+)\.(?P<camera>\d+)_(?P<frame>\d+)\.\w+")


def recognises(path: Path) -> bool:
    """Whether it is such a file."""
    return path.suffix == ".npz" and {"imgname", "S"} <= names_in_npz(path)


def read(path: Path, sources: Sources) -> Recordings:
    """Each action once, from the first camera that has it.

    Raises:
        InputError: no cameras were given, or the file is another's.
    """
    content = read_npz(path)
    rigs = sources.cameras
    if rigs is None:
        raise InputError(f"{path} holds poses in camera frames; give --cameras cameras.pkl or metadata.xml")
    poses, parts = np.asarray(content["S"], np.float64), content.get("part")
    if poses.ndim != 3 or poses.shape[1:] != (17, 4):
        raise InputError(f"{path}: S is {list(poses.shape)}, wanted [N, 17, 4]; give mmpose's h36m npz")
    clips, worst = [], 0.0
    for (subject, named), views in sorted(_rows(content["imgname"], path).items()):
        rig = check_subject(rigs, subject)
        assert rig is not None
        name = next((name for name in CAMERAS if name in views and name in rig.names), None)
        if name is None:
            raise InputError(f"{path}: {subject} {named} has cameras {', '.join(views)}, --cameras has none of them")
        frames, rows = (np.array(column) for column in zip(*sorted(views[name]), strict=True))
        xyz = to_world(poses[rows, :, :3], rig[name])
        if parts is not None:
            worst = max(worst, reprojection_px(xyz, rig[name], np.asarray(parts, np.float64)[rows, :, :2]))
        step = int(np.median(np.diff(frames))) if len(frames) > 1 else 1
        action, trial = action_of(named)
        clip_name = f"{subject}_{action}_{trial}"
        clips.append(Clip(clip_name, xyz.astype(np.float32), FPS / max(step, 1), subject, trial, action,
                          "Human3.6M by mmpose", rig=rig))  # fmt: skip
    notes = [] if parts is None else [f"{path.name}: poses reproject onto its own 2D, at most {worst:.3f} px off"]
    return Recordings(clips, notes)


def _rows(names: object, path: Path) -> dict[tuple[str, str], dict[str, list[tuple[int, int]]]]:
    """By subject and action: of each camera its (frame, row)."""
    rows: dict[tuple[str, str], dict[str, list[tuple[int, int]]]] = {}
    for row, name in enumerate(np.ravel(np.asarray(names))):
        text = name.decode() if isinstance(name, bytes) else str(name)
        match = NAME.fullmatch(Path(text).name)
        if match is None:
            raise InputError(f"{path}: picture {text} is not named like S1_Directions_1.54138969_000001.jpg")
        views = rows.setdefault((match["subject"], match["action"]), {})
        views.setdefault(match["camera"], []).append((int(match["frame"]), row))
    return rows
