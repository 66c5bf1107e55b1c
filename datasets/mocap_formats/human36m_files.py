"""Human3.6M as folders: the official CDFs, 3d-pose-baseline's h5 files, and h36m-fetch's ``annot.h5``.

Source: Human3.6M's D3_Positions; una-dinosauria/3d-pose-baseline, data_utils.py; anibali/h36m-fetch, process_all.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError, Rig

from ..human36m import FPS, MILLIMETRE, action_of, check_subject, seventeen
from ..mocap import Clip
from .recordings import Array, Recordings, Sources, reprojection_px, to_world

CDF = "S*/MyPoseFeatures/D3_Positions/*.cdf"
BASELINE = "S*/MyPoses/3D_positions/*.h5"
FETCH = "S*/*/annot.h5"


def recognises_cdf(path: Path) -> bool:
    """Whether the folder has the official layout."""
    return path.is_dir() and next(path.glob(CDF), None) is not None


def recognises_baseline(path: Path) -> bool:
    """Whether the folder has 3d-pose-baseline's layout."""
    return path.is_dir() and next(path.glob(BASELINE), None) is not None


def recognises_fetch(path: Path) -> bool:
    """Whether the folder has h36m-fetch's layout."""
    return path.is_dir() and next(path.glob(FETCH), None) is not None


def read_cdf(path: Path, sources: Sources) -> Recordings:
    """``S*/MyPoseFeatures/D3_Positions/*.cdf``: variable ``Pose``, 96 numbers a frame, millimetres, world.

    Raises:
        InputError: cdflib is not installed, or a file is damaged.
    """
    try:
        import cdflib
    except ModuleNotFoundError:
        raise InputError("reading CDF files needs cdflib; run: pip install cdflib") from None
    clips = []
    for file in sorted(path.glob(CDF)):
        try:
            pose = np.asarray(cdflib.CDF(file).varget("Pose"), np.float64)
        except (ValueError, KeyError, OSError) as error:
            raise InputError(f"{file} holds no variable Pose ({error}); download it again") from error
        clips.append(_world_clip(file, file.parts[-4], pose.reshape(-1, 32, 3), sources, "Human3.6M"))
    return Recordings(clips)


def read_baseline(path: Path, sources: Sources) -> Recordings:
    """``S*/MyPoses/3D_positions/*.h5``: dataset ``3D_positions`` [96, T], millimetres, world.

    Raises:
        InputError: a file is damaged.
    """
    clips = []
    for file in sorted(path.glob(BASELINE)):
        try:
            with h5py.File(file, "r") as content:
                stored = np.asarray(content["3D_positions"][()], np.float64)
            pose = stored.reshape(32, 3, -1).transpose(2, 0, 1)
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{file} holds no 3D_positions [96, T] ({error}); download it again") from error
        clips.append(_world_clip(file, file.parts[-4], pose, sources, "Human3.6M by 3d-pose-baseline"))
    return Recordings(clips)


def _world_clip(file: Path, subject: str, pose_mm: Array, sources: Sources, source: str) -> Clip:
    """A clip of the file's name."""
    action, trial = action_of(file.stem)
    xyz = (seventeen(pose_mm) * MILLIMETRE).astype(np.float32)
    rig = check_subject(sources.cameras, subject)
    return Clip(f"{subject}_{action}_{trial}", xyz, FPS, subject, trial, action, source, rig=rig)


def read_fetch(path: Path, sources: Sources) -> Recordings:
    """``S*/<Action>-<n>/annot.h5``: some frames of each camera in its frame, millimetres.

    One camera's poses are taken, since all have the same; ``pose/3d`` where there is one, otherwise ``pose/3d-univ``,
    whose bones are one universal skeleton's.

    Raises:
        InputError: no cameras were given to bring the poses into the world, or a file is damaged.
    """
    if sources.cameras is None:
        raise InputError(f"{path} holds poses in camera frames; give --cameras metadata.xml to put them upright")
    clips, worst, universal = [], 0.0, 0
    for file in sorted(path.glob(FETCH)):
        subject, action = file.parts[-3], file.parts[-2]
        rig = check_subject(sources.cameras, subject)
        assert rig is not None
        try:
            with h5py.File(file, "r") as content:
                clip, error = _fetched(content, rig, subject, action)
        except (OSError, KeyError, ValueError) as error_read:
            raise InputError(f"{file} is no annot.h5 of h36m-fetch ({error_read}); make it again") from error_read
        clips.append(clip)
        universal += clip.skeleton != "native"
        worst = max(worst, error)
    notes = []
    if universal < len(clips):
        notes.append(f"poses reproject onto the files' own 2D, at most {worst:.3f} px off")
    if universal:
        notes.append(f"{universal} clips have the universal skeleton; their 2D is another body's")
    return Recordings(clips, notes)


def _fetched(content: h5py.File, rig: Rig, subject: str, name: str) -> tuple[Clip, float]:
    """One action, and how far off it reprojects at most, pixels."""
    match = re.fullmatch(r"(.+?)-(\d+)", name)
    action, _ = action_of(match[1] if match else name)
    trial = match[2] if match else "0"
    camera_of_row = content["camera"][()]
    number = next(n for n in np.unique(camera_of_row) if str(n) in rig.names)
    rows = np.flatnonzero(camera_of_row == number)
    rows = rows[np.argsort(content["frame"][()][rows], kind="stable")]
    step = int(np.median(np.diff(content["frame"][()][rows]))) if len(rows) > 1 else 1
    native = "3d" in content["pose"]
    x_cam = np.asarray(content["pose/3d" if native else "pose/3d-univ"][()][rows], np.float64) * MILLIMETRE
    xyz, camera = to_world(x_cam, rig[str(number)]), rig[str(number)]
    error = reprojection_px(xyz, camera, content["pose/2d"][()][rows]) if native else 0.0
    return (
        Clip(
            f"{subject}_{action}_{trial}", _seventeen32(xyz), FPS / max(step, 1), subject, trial, action,
            "Human3.6M by h36m-fetch", skeleton="native" if native else "universal", rig=rig,
        ),
        error,
    )  # fmt: skip


def _seventeen32(xyz: NDArray[Any]) -> NDArray[np.float32]:
    """The 17 joints in single precision."""
    return np.asarray(seventeen(xyz), np.float32)
