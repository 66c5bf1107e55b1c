"""VideoPose3D's ``data_3d_h36m.npz``: Human3.6M's poses in the world, 50 frames a second; and its 2D files.

The cameras are not in these files: they come from Human3.6M's metadata. A ``data_2d_h36m_gt.npz`` beside them proves
that poses and cameras belong together, since it is the poses' own projection.

Source: facebookresearch/VideoPose3D, common/h36m_dataset.py and data/.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.calib import InputError, Rig

from ..human36m import CAMERAS, FPS, action_of, check_subject, exchanged_tangential, seventeen
from ..mocap import Clip
from ..npz_file import read_npz
from .recordings import Recordings, Sources, reprojection_px

EXACT_PX = 0.01  # a projection of the same poses through the same cameras; single precision costs a thousandth
FOREIGN_PX = 60.0  # a detector errs; what is further off in the median is another recording's 2D


def recognises(path: Path) -> bool:
    """Whether it is the 3D file."""
    return path.suffix == ".npz" and "positions_3d" in names_in_npz(path)


def names_in_npz(path: Path) -> set[str]:
    """What an npz file holds, without reading it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError):
        return set()


def read(path: Path, sources: Sources) -> Recordings:
    """All actions of all subjects, and what their 2D says of them.

    Raises:
        InputError: the file is another's, or the 2D does not belong to its poses.
    """
    positions = read_npz(path).get("positions_3d")
    if not isinstance(positions, Mapping):
        raise InputError(f"{path} holds no positions_3d by subject and action; give VideoPose3D's data_3d_h36m.npz")
    clips = []
    for subject, actions in sorted(positions.items()):
        rig = check_subject(sources.cameras, subject)
        for name, xyz in sorted(actions.items()):
            action, trial = action_of(name)
            clips.append(
                Clip(
                    f"{subject}_{action}_{trial}",
                    np.asarray(seventeen(np.asarray(xyz)), np.float32),
                    FPS,
                    subject,
                    trial,
                    action,
                    "Human3.6M by VideoPose3D",
                    rig=rig,
                )
            )
    notes = [] if sources.keypoints is None else check_keypoints(clips, sources.keypoints)
    return Recordings(clips, notes)


def check_keypoints(clips: list[Clip], path: Path) -> list[str]:
    """Compare the poses' projection with a 2D file of VideoPose3D.

    Args:
        clips: with their cameras.
        path: ``data_2d_h36m_*.npz``.

    Returns:
        What was found, in a line.

    Raises:
        InputError: there are no cameras to project through, or the 2D does not belong to the poses.
    """
    content = read_npz(path)
    positions = content.get("positions_2d")
    if not isinstance(positions, Mapping):
        raise InputError(f"{path} holds no positions_2d by subject and action; give VideoPose3D's data_2d_h36m_*.npz")
    if any(clip.rig is None for clip in clips):
        raise InputError(f"{path} can be compared only through cameras; give --cameras metadata.xml")
    seen = {(subject, *action_of(name)): views for subject, named in positions.items() for name, views in named.items()}
    errors = [_errors(clip, clip.rig, seen[key]) for clip in clips
              if clip.rig is not None and (key := (clip.subject, clip.action, clip.trial)) in seen]  # fmt: skip
    if not errors:
        raise InputError(f"{path} has none of the actions of the 3D file; give the 2D of the same data set")
    own, exchanged, median = (np.array(column) for column in zip(*errors, strict=True))
    return [_judge(path, (float(own.max()), float(exchanged.max()), float(np.median(median))), len(errors))]


def _errors(clip: Clip, rig: Rig, views: Any) -> tuple[float, float, float]:
    """Largest errors by Human3.6M's lens and by VideoPose3D's, and the median by the former, pixels."""
    own, exchanged, medians = 0.0, 0.0, []
    for name, xy in zip(CAMERAS, views, strict=False):
        if name not in rig.names:
            continue
        length = min(len(clip.xyz), len(xy))
        xyz, xy = clip.xyz[:length].astype(np.float64), np.asarray(xy, np.float64)[:length, ..., :2]
        if xy.shape[-2] != xyz.shape[-2]:
            xy = seventeen(xy)
        own = max(own, reprojection_px(xyz, rig[name], xy))
        exchanged = max(exchanged, reprojection_px(xyz, exchanged_tangential(rig[name]), xy))
        medians.append(float(np.nanmedian(np.linalg.norm(rig[name].project(xyz) - xy, axis=-1))))
    return own, exchanged, float(np.median(medians)) if medians else np.nan


def _judge(path: Path, errors: tuple[float, float, float], actions: int) -> str:
    """What the errors mean."""
    own, exchanged, median = errors
    if own <= EXACT_PX:
        return f"{path.name}: {actions} actions reproject by Human3.6M's own lens model, at most {own:.4f} px off"
    if exchanged <= EXACT_PX:
        return (
            f"{path.name}: {actions} actions reproject by VideoPose3D's lens model, with tangential terms exchanged, "
            f"at most {exchanged:.4f} px off; by Human3.6M's own model {own:.2f} px"
        )
    if median > FOREIGN_PX:
        raise InputError(
            f"{path}: its 2D lies {median:.0f} px in the median from where the cameras see the poses; it belongs to "
            "other poses, or the cameras are another data set's"
        )
    return f"{path.name}: {actions} actions, a detector's 2D, {median:.1f} px in the median from the poses' projection"
