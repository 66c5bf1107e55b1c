"""COCO's joints of a body that is known by Human3.6M's 17: a small anthropometric head, and a detector's idea of hips.

Convention:
    Human3.6M's joints 9 (neck/nose) and 10 (head) lie in the head's plane of symmetry with joint 8 (thorax) and tell
    its turn and nod. Joint 9 is the upper end of the neck plus 75 mm forward; 9 to 10 measures 120 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mocap import H36M
from .skeleton import SKELETONS

Array32 = NDArray[np.float32]

COCO = SKELETONS["coco_17"]
FORWARD_OF_NECK = 0.075
NECK_TO_HEAD = 0.120
GAZE = 0.17  # radians that faces look above those joints' own axis: the median gaze of the mocap is then 3 deg down
LEAST_FACING = 0.1  # cosine between the head's left and the shoulders'; nobody's head turns further than that

# (forward, left, up) metres from the upper end of the neck, of an adult's head: eyes about 64 mm apart, ears 150 mm,
# nose 30 mm in front of the eyes and 35 mm below them.
FACE = {
    "nose": (0.120, 0.0, 0.040),
    "left_eye": (0.090, 0.032, 0.075),
    "right_eye": (0.090, -0.032, 0.075),
    "left_ear": (0.015, 0.075, 0.055),
    "right_ear": (0.015, -0.075, 0.055),
}
_SAME = tuple(H36M.index(joint) for joint in COCO.joints[5:])


@dataclass(frozen=True)
class DetectorBody:
    """How a detector's idea of joints differs from the motion capture's; a sample keeps its own over time.

    Args:
        head: standard deviation of the factor on the head's size.
        face: metres, standard deviation of where the face sits on the neck.
        hip: least and most factor on the distance of the hips from their middle.
        hip_up: metres, least and most that hips are seen nearer to the thorax.
        joint: metres, standard deviation of any other joint's place.
    """

    head: float = 0.06
    face: float = 0.012
    hip: tuple[float, float] = (0.85, 1.35)
    hip_up: tuple[float, float] = (-0.02, 0.06)
    joint: float = 0.008


EXACT = DetectorBody(0.0, 0.0, (1.0, 1.0), (0.0, 0.0), 0.0)
"""The mean head, and all else where the motion capture has it."""


def coco_of_h36m(xyz: Array32, rng: np.random.Generator, body: DetectorBody = EXACT) -> Array32:
    """Where COCO's joints are.

    Args:
        xyz: [B, T, 17, 3] metres, Human3.6M's joints.
        rng: all randomness comes from it; :data:`EXACT` uses none of it.
        body: how the detector's joints differ.

    Returns:
        [B, T, 17, 3] metres, COCO's joints.
    """
    B = len(xyz)
    offsets = np.array(list(FACE.values()), np.float32)[None].repeat(B, 0)
    if body.head or body.face:
        offsets *= 1 + body.head * rng.standard_normal((B, 1, 1))
        offsets += body.face * rng.standard_normal((B, 1, 3)) * (1.0, 0.0, 1.0)  # a face has no side
    out = np.empty((*xyz.shape[:2], len(COCO), 3), np.float32)
    out[:, :, :5] = _face(xyz, offsets.astype(np.float32))
    out[:, :, 5:] = xyz[:, :, _SAME]
    if body.joint:
        out[:, :, 5:] += (body.joint * rng.standard_normal((B, 1, 12, 3))).astype(np.float32)
    if body.hip != (1.0, 1.0) or body.hip_up != (0.0, 0.0):
        _move_hips(out, xyz, rng.uniform(*body.hip, (B, 1, 1, 1)), rng.uniform(*body.hip_up, (B, 1, 1, 1)))
    return out


def _move_hips(out: Array32, xyz: Array32, width: NDArray[np.float64], up: NDArray[np.float64]) -> None:
    """Widen the hips about their middle and lift them towards the thorax."""
    pelvis = xyz[:, :, :1]
    trunk = xyz[:, :, 8:9] - pelvis
    trunk = trunk / np.maximum(np.linalg.norm(trunk, axis=-1, keepdims=True), 1e-6)
    hips = out[:, :, 11:13]
    out[:, :, 11:13] = pelvis + (hips - pelvis) * width.astype(np.float32) + trunk * up.astype(np.float32)


def head_frames(xyz: Array32) -> tuple[Array32, Array32]:
    """The head's axes and its origin.

    Args:
        xyz: [..., 17, 3] metres, Human3.6M's joints.

    Returns:
        axes [..., 3, 3], rows forward, left and up; origin [..., 3], the upper end of the neck, metres.
    """
    thorax, nose, top = (xyz[..., j, :] for j in (8, 9, 10))
    along = _unit(top - nose)  # up and backwards
    left = _unit(np.cross(top - thorax, nose - thorax))
    shoulders = _unit(xyz[..., 11, :] - xyz[..., 14, :])
    across = _unit(shoulders - (shoulders * along).sum(-1, keepdims=True) * along)
    impossible = (left * shoulders).sum(-1, keepdims=True) < LEAST_FACING
    left = np.where(impossible, across, left)
    ahead = np.cross(left, along)  # forwards and up
    size = np.linalg.norm(top - nose, axis=-1, keepdims=True) / NECK_TO_HEAD
    back = FORWARD_OF_NECK / NECK_TO_HEAD
    rise = np.sqrt(1 - back**2)
    forward, up = rise * ahead - back * along, rise * along + back * ahead
    origin = nose - FORWARD_OF_NECK * size * forward
    forward, up = (np.cos(GAZE) * forward + np.sin(GAZE) * up, np.cos(GAZE) * up - np.sin(GAZE) * forward)
    return np.stack([forward, left, up], axis=-2).astype(np.float32), origin.astype(np.float32)


def _face(xyz: Array32, offsets: Array32) -> Array32:
    """Nose, eyes and ears [B, T, 5, 3]."""
    axes, origin = head_frames(xyz)
    return np.asarray(origin[:, :, None] + offsets[:, None] @ axes)


def _unit(v: Array32) -> Array32:
    """At length one; a vector of no length stays."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))
