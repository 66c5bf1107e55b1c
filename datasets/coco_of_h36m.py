"""A detector's joints of a body that is known by Human3.6M's 17: a small anthropometric head, and its idea of hips.

Convention:
    Human3.6M's joints 9 (neck/nose) and 10 (head) lie in the head's plane of symmetry with joint 8 (thorax) and tell
    its turn and nod. Joint 9 is the upper end of the neck plus 75 mm forward; 9 to 10 measures 120 mm. Feet and hands
    are not in the motion capture, so no detector's joint set has them here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mocap import H36M
from .skeleton import SKELETONS, Skeleton

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
# What other detectors see of a head, the same way: the eyes' corners, the mouth's, and the top (HALPE's "head").
MORE_OF_FACE = {
    "left_eye_inner": (0.092, 0.018, 0.075),
    "right_eye_inner": (0.092, -0.018, 0.075),
    "left_eye_outer": (0.082, 0.046, 0.075),
    "right_eye_outer": (0.082, -0.046, 0.075),
    "left_mouth": (0.100, 0.025, 0.005),
    "right_mouth": (0.100, -0.025, 0.005),
    "head": (0.015, 0.0, 0.185),
}
_SAME = tuple(H36M.index(joint) for joint in COCO.joints[5:])
_UNKNOWN = ("heel", "toe", "foot_index", "pinky", "index", "thumb")


def without_hands_and_feet(skeleton: Skeleton) -> Skeleton:
    """Those joints of a detector that :func:`detector_joints` can place."""
    joints = tuple(joint for joint in skeleton.joints if not joint.endswith(_UNKNOWN))
    return Skeleton(f"{skeleton.name} without hands and feet", joints)


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
    hip: tuple[float, float] = (1.0, 1.0)
    hip_up: tuple[float, float] = (0.0, 0.0)
    joint: float = 0.008


EXACT = DetectorBody(0.0, 0.0, (1.0, 1.0), (0.0, 0.0), 0.0)
"""The mean head, and all else where the motion capture has it."""


def coco_of_h36m(xyz: Array32, rng: np.random.Generator, body: DetectorBody = EXACT) -> Array32:
    """Where COCO's joints are: :func:`detector_joints` of COCO-17."""
    return detector_joints(xyz, COCO, rng, body=body)


def detector_joints(
    xyz: Array32, skeleton: Skeleton, rng: np.random.Generator, *, body: DetectorBody = EXACT
) -> Array32:
    """Where a detector's joints are.

    Convention:
        a detector's neck and pelvis are the middle of its own shoulders and hips, as BODY_25 and HALPE-26 mean them.

    Args:
        xyz: [B, T, 17, 3] metres, Human3.6M's joints.
        skeleton: J joints without hands and feet.
        rng: all randomness comes from it; :data:`EXACT` uses none of it.
        body: how the detector's joints differ.

    Returns:
        [B, T, J, 3] metres.
    """
    B = len(xyz)
    more = [joint for joint in skeleton.joints if joint in MORE_OF_FACE]
    face = [*FACE.values(), *(MORE_OF_FACE[joint] for joint in more)]
    offsets = np.array(face, np.float32)[None].repeat(B, 0)
    if body.head or body.face:
        offsets *= 1 + body.head * rng.standard_normal((B, 1, 1))
        offsets += body.face * rng.standard_normal((B, 1, 3)) * (1.0, 0.0, 1.0)  # a face has no side
    out = np.empty((*xyz.shape[:2], len(COCO), 3), np.float32)
    seen = _face(xyz, offsets.astype(np.float32))
    out[:, :, :5] = seen[:, :, :5]
    out[:, :, 5:] = xyz[:, :, _SAME]
    if body.joint:
        out[:, :, 5:] += (body.joint * rng.standard_normal((B, 1, 12, 3))).astype(np.float32)
    if body.hip != (1.0, 1.0) or body.hip_up != (0.0, 0.0):
        _move_hips(out, xyz, rng.uniform(*body.hip, (B, 1, 1, 1)), rng.uniform(*body.hip_up, (B, 1, 1, 1)))
    if skeleton is COCO:
        return out
    places = {joint: out[:, :, j] for j, joint in enumerate(COCO.joints)}
    places |= {joint: seen[:, :, 5 + j] for j, joint in enumerate(more)}
    places["neck"] = (places["left_shoulder"] + places["right_shoulder"]) / 2
    places["pelvis"] = (places["left_hip"] + places["right_hip"]) / 2
    return np.stack([places[joint] for joint in skeleton.joints], 2)


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
    """The points [B, T, N, 3] of offsets [B, N, 3]."""
    axes, origin = head_frames(xyz)
    return np.asarray(origin[:, :, None] + offsets[:, None] @ axes)


def _unit(v: Array32) -> Array32:
    """At length one; a vector of no length stays."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))
