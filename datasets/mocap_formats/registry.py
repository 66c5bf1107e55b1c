"""The layouts that recordings are published in, and how to tell which one a path has."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lift3d.calib import Camera, InputError, Rig

from ..mocap import Clip, check_thighs
from . import asf_amc, bvh, human36m_files, mmpose_npz, mpi_inf_3dhp, panoptic_sequence, videopose3d
from .recordings import LEAST_FRAMES, Recordings, Sources, fewer_frames

ANKLE = 0.08  # metres that the ankle's centre is above the floor
FLOOR = (-0.1, 0.3)  # a lower ankle in these heights stands on a floor near zero, as virtual cameras take it to be


@dataclass(frozen=True)
class Layout:
    """One layout.

    Args:
        text: what it is, for messages.
        recognises: whether a path has it.
        read: reads it.
    """

    text: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Sources], Recordings]


LAYOUTS: dict[str, Layout] = {
    "videopose3d": Layout("VideoPose3D's data_3d_h36m.npz", videopose3d.recognises, videopose3d.read),
    "mmpose": Layout("mmpose's Human3.6M npz", mmpose_npz.recognises, mmpose_npz.read),
    "h36m-cdf": Layout("Human3.6M's CDF files", human36m_files.recognises_cdf, human36m_files.read_cdf),
    "pose-baseline": Layout(
        "3d-pose-baseline's h36m", human36m_files.recognises_baseline, human36m_files.read_baseline
    ),
    "h36m-fetch": Layout("h36m-fetch's annot.h5", human36m_files.recognises_fetch, human36m_files.read_fetch),
    "mpi-inf-3dhp": Layout("MPI-INF-3DHP's training folders", mpi_inf_3dhp.recognises, mpi_inf_3dhp.read),
    "panoptic": Layout("CMU Panoptic's sequences", panoptic_sequence.recognises, panoptic_sequence.read),
    "asf-amc": Layout("CMU's ASF and AMC files", asf_amc.recognises, asf_amc.read),
    "bvh": Layout("BVH files", bvh.recognises, bvh.read),
}


def read_recordings(
    path: str | os.PathLike[str], sources: Sources | None = None, *, layout: str | None = None
) -> Recordings:
    """Read clips in any layout, put them onto the floor, and take as many frames as are wanted.

    Args:
        path: a file or a folder.
        sources: what the layout itself does not say.
        layout: a name of :data:`LAYOUTS`; None: by what is found.

    Raises:
        FileNotFoundError: the path does not exist, or lacks a file.
        InputError: no layout fits, a file is damaged, or the bones are no human's.
    """
    path, sources = Path(path), sources or Sources()
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; give a file or folder of recordings")
    if layout is not None and layout not in LAYOUTS:
        raise InputError(f"there is no layout {layout!r}; there are {', '.join(LAYOUTS)}")
    chosen = LAYOUTS[layout] if layout is not None else _layout_of(path)
    found = chosen.read(path, sources)
    whole = [clip for clip in found.clips if np.isfinite(clip.xyz).all() and len(clip.xyz) >= LEAST_FRAMES]
    if not whole:
        raise InputError(f"{path} holds no clip of two frames or more in which every joint is known")
    notes = list(found.notes)
    if len(whole) < len(found.clips):
        notes.append(f"{len(found.clips) - len(whole)} clips were left out: too short, or joints are missing")
    check_thighs(whole, str(path))
    standing = [onto_floor(clip) for clip in whole]
    moved = sum(new is not old for new, old in zip(standing, whole, strict=True))
    if moved:
        notes.append(f"{moved} clips were moved up or down so that their ankles stand on the floor, z = 0")
    return Recordings([fewer_frames(clip, sources.fps) for clip in standing], notes)


def _layout_of(path: Path) -> Layout:
    """The layout that a path has."""
    for layout in LAYOUTS.values():
        if layout.recognises(path):
            return layout
    known = "; ".join(layout.text for layout in LAYOUTS.values())
    raise InputError(f"{path} has none of the layouts that are read ({known}); docs/prepare.md shows them")


def onto_floor(clip: Clip) -> Clip:
    """The clip, moved up or down with its cameras where its lowest ankles are far from the floor at zero."""
    lowest = float(np.quantile(clip.xyz[:, [3, 6], 2].min(1), 0.05))
    if FLOOR[0] <= lowest <= FLOOR[1]:
        return clip
    shift = np.array([0.0, 0.0, ANKLE - lowest])
    rig = None if clip.rig is None else Rig(tuple(_moved(camera, shift) for camera in clip.rig))
    return replace(clip, xyz=(clip.xyz + shift).astype(np.float32), rig=rig)


def _moved(camera: Camera, shift: np.ndarray) -> Camera:
    """The camera of a world that was moved by ``shift``."""
    return replace(camera, t=camera.t - camera.R @ shift)
