"""MPI-INF-3DHP's training folders: ``S<n>/Seq<m>/annot.mat`` and ``camera.calibration`` beside it.

Poses are in camera frames, millimetres, 28 joints; the world has y up. The test folders (``TS<n>``) have no
extrinsics, so nobody can put their poses upright, and they are not read.

Source: MPI-INF-3DHP's own README and mpii_get_joint_set.m; the order of joints to Human3.6M's as in FORMATS.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import scipy.io

from lift3d.calib import Camera, InputError, Rig

from ..mocap import Clip
from .recordings import Z_UP_OF_Y_UP, Recordings, Sources, reprojection_px, to_world

OF_28 = (4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16)
"""Which of the 28 joints are Human3.6M's 17; joint 10 is the top of the head here, 9 the head's joint."""

LONG = 9000  # frames: all recordings last some four minutes; the longer ones have 50 frames a second
FOREIGN_PX = 20.0
MILLIMETRE = 1e-3
PATTERN = "S[0-9]*/Seq[0-9]*/annot.mat"


def recognises(path: Path) -> bool:
    """Whether the folder has such recordings."""
    return path.is_dir() and next(path.glob(PATTERN), None) is not None


def read(path: Path, sources: Sources) -> Recordings:
    """Each sequence once, from its first camera.

    Raises:
        FileNotFoundError: a calibration is absent.
        InputError: a file is damaged, or a pose does not project onto its own 2D.
    """
    clips, worst = [], 0.0
    for file in sorted(path.glob(PATTERN)):
        clip, error = _sequence(file)
        clips.append(clip)
        worst = max(worst, error)
    return Recordings(clips, [f"poses reproject onto the files' own 2D, at most {worst:.2f} px off"])


def _sequence(file: Path) -> tuple[Clip, float]:
    """One ``annot.mat`` and how far off it reprojects at most, pixels."""
    subject, trial = file.parts[-3], file.parts[-2]
    rig = read_calibration(file.with_name("camera.calibration"))
    try:
        content = scipy.io.loadmat(str(file))
        x_cam = np.asarray(content["annot3"][0, 0], np.float64).reshape(-1, 28, 3)[:, OF_28] * MILLIMETRE
        xy = np.asarray(content["annot2"][0, 0], np.float64).reshape(-1, 28, 2)[:, OF_28]
    except (ValueError, KeyError, TypeError, IndexError, NotImplementedError) as error:
        raise InputError(f"{file} holds no annot2 and annot3 of 28 joints ({error}); download it again") from error
    xyz = to_world(x_cam, rig[0])
    off = reprojection_px(xyz, rig[0], xy)
    if not off <= FOREIGN_PX:
        raise InputError(
            f"{file}: its poses project up to {off:.0f} px from its own 2D; camera.calibration belongs to another "
            "sequence"
        )
    fps = 50.0 if len(xyz) > LONG else 25.0
    name = f"3dhp{subject}"
    clip = Clip(f"{name}_{trial}", xyz.astype(np.float32), fps, name, trial, "", "MPI-INF-3DHP", rig=rig)
    return clip, off


def read_calibration(path: Path) -> Rig:
    """The cameras of a ``camera.calibration``, world z up, metres.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not such a file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; it lies beside annot.mat in MPI-INF-3DHP's folders")
    cameras = []
    text = path.read_text(encoding="utf-8", errors="replace")
    for block in re.split(r"^\s*name\s+", text, flags=re.MULTILINE)[1:]:
        name, _, rest = block.partition("\n")
        rows = {line.split()[0]: line.split()[1:] for line in rest.splitlines() if line.strip()}
        try:
            K = np.array(rows["intrinsic"], np.float64).reshape(4, 4)[:3, :3]
            world = np.array(rows["extrinsic"], np.float64).reshape(4, 4)
            width, height = (int(float(value)) for value in rows["size"])
        except (KeyError, ValueError) as error:
            raise InputError(f"{path}: camera {name.strip()} cannot be read ({error}); download it again") from error
        R = _orthonormal(world[:3, :3]) @ Z_UP_OF_Y_UP.T
        K[0, 1] = K[1, 0] = 0.0
        cameras.append(Camera(name.strip(), K, R=R, t=world[:3, 3] * MILLIMETRE, size=(width, height)))
    if not cameras:
        raise InputError(f"{path} holds no camera; give MPI-INF-3DHP's camera.calibration")
    return Rig(tuple(cameras))


def _orthonormal(R: np.ndarray) -> np.ndarray:
    """The nearest rotation: the file prints seven digits."""
    u, _, vt = np.linalg.svd(R)
    return np.asarray(u @ vt)
