"""CMU Panoptic's folders: ``hdPose3d_stage1_coco19/body3DScene_*.json`` and ``calibration_<sequence>.json``.

Panoptic has no spine and no head joints. Joint 8 is put 40 mm above its neck, which lies between the shoulders, 7 at
the usual share of the way from the pelvis to it, and 9 and 10 are those of the mean head that fits nose, eyes and ears
best.

Source: CMU-Perceptual-Computing-Lab/panoptic-toolbox, README.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lift3d.calib import InputError

from ..mocap import H36M, Clip
from ..panoptic import CENTIMETRE, Z_UP, read_panoptic_rig
from ..skeleton import SKELETONS
from .head import head_joints, head_of_face
from .recordings import Array, Recordings, Sources, whole_runs

PANOPTIC = SKELETONS["panoptic_19"]
FPS = 29.97
LEAST_CONFIDENCE = 0.0  # -1 stands for a joint that no camera saw
ABOVE_NECK = 0.04  # metres that Human3.6M's joint 8 lies above the line of the shoulders
SPINE_SHARE = 0.41  # of the way from pelvis to joint 8, the median of motion capture
PATTERN = "hdPose3d_stage1_coco19/body3DScene_*.json"
FACE_JOINTS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


def recognises(path: Path) -> bool:
    """Whether it is a sequence, or a folder of sequences."""
    return path.is_dir() and bool(_sequences(path))


def _sequences(path: Path) -> list[Path]:
    """The sequences' folders."""
    return [folder for folder in (path, *sorted(path.iterdir())) if next(folder.glob(PATTERN), None) is not None]


def read(path: Path, sources: Sources) -> Recordings:
    """Each person of each sequence, in pieces that are whole.

    Raises:
        FileNotFoundError: a calibration is absent.
        InputError: a file is damaged.
    """
    clips = []
    for folder in _sequences(path):
        calibration = next(iter(sorted(folder.glob("calibration_*.json"))), folder / f"calibration_{folder.name}.json")
        rig = read_panoptic_rig(calibration)
        for person, xyz in _people(folder).items():
            poses = h36m_of_panoptic(xyz)
            subject = f"{folder.name}-{person}"
            for n, run in enumerate(whole_runs(poses)):
                clips.append(Clip(f"{subject}_{n:03d}", poses[run].astype(np.float32), FPS, subject, str(n), "",
                                  "CMU Panoptic", "research use only", rig=rig))  # fmt: skip
    return Recordings(clips, ["CMU Panoptic may be used for research; do not train weights on it that you ship"])


def _people(folder: Path) -> dict[int, Array]:
    """By identity: [T, 19, 3] metres, z up, NaN where a joint or the person is missing."""
    files = sorted(folder.glob(PATTERN))
    people: dict[int, Array] = {}
    for t, file in enumerate(files):
        try:
            bodies = json.loads(file.read_text(encoding="utf-8"))["bodies"]
            rows = [(int(body["id"]), np.array(body["joints19"], np.float64).reshape(19, 4)) for body in bodies]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{file} is no body3DScene of Panoptic ({error}); download it again") from error
        for person, row in rows:
            xyz = people.setdefault(person, np.full((len(files), 19, 3), np.nan))
            xyz[t] = np.where(row[:, 3:] > LEAST_CONFIDENCE, row[:, :3] @ Z_UP.T * CENTIMETRE, np.nan)
    return people


def h36m_of_panoptic(xyz: Array) -> Array:
    """Human3.6M's joints of Panoptic's.

    Args:
        xyz: [T, 19, 3] metres.

    Returns:
        [T, 17, 3] metres; NaN where what a joint is made of is missing.
    """
    out = np.full((len(xyz), len(H36M), 3), np.nan)
    for j, joint in enumerate(H36M.joints):
        if joint in PANOPTIC.joints:
            out[:, j] = xyz[:, PANOPTIC.index(joint)]
    neck, pelvis = (xyz[:, PANOPTIC.index(joint)] for joint in ("neck", "pelvis"))
    axes, origin = head_of_face(xyz[:, [PANOPTIC.index(joint) for joint in FACE_JOINTS]])
    trunk = neck - pelvis
    out[:, 8] = neck + ABOVE_NECK * trunk / np.linalg.norm(trunk, axis=-1, keepdims=True)
    out[:, 7] = pelvis + SPINE_SHARE * (out[:, 8] - pelvis)
    out[:, 9], out[:, 10] = head_joints(axes, origin)
    return out
