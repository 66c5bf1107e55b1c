"""Joint angles from joint positions: which there are, and what each means.

Convention:
    radians; zero is standing straight with hanging arms; axes as in :mod:`lift3d.kinematics.axes`. Joint angles do
    not change when the whole body is moved; those of ``WORLD_ANGLES`` are measured against the vertical.

What joint centres cannot give is NaN: the plane of a limb, and with it the axial rotation of its upper segment, where
the limb is straighter than 15 degrees; directions nearer than that to the axis they turn about; the tilt of the
pelvis against the trunk without a joint on the spine. Not given at all, since it would need markers on the bones:
varus and rotation of the knee, inversion of the ankle, pronation.

Source: Wu et al. (2002) J Biomech 35:543 (hip, ankle, spine) and (2005) 38:981 (shoulder, elbow); Grood and Suntay
(1983) J Biomech Eng 105:136 (the order of rotations of hip and knee).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Skeleton
from lift3d.datasets.skeleton import SIDES

from .axes import LEAST_SINE, TINY, Axes, angle_between, bend_axis, dot, elevation, flexion_adduction, unit
from .points import Points

Array = NDArray[np.float64]

SIDED_ANGLES = {
    "hip_flexion": "thigh against pelvis, in its sagittal plane; forward positive",
    "hip_adduction": "thigh against pelvis; towards the midline positive",
    "hip_rotation": "thigh about its long axis, its front taken from the bent knee; internal positive",
    "knee_flexion": "180 degrees less the angle hip-knee-ankle; never negative, so hyperextension reads as flexion",
    "ankle_dorsiflexion": "90 degrees less the angle between shank and sole (heel to toes); toes up positive",
    "shoulder_flexion": "upper arm against trunk, in its sagittal plane; forward positive",
    "shoulder_abduction": "upper arm against trunk's sagittal plane; away from the body positive",
    "shoulder_plane": "ISB plane of elevation; 0 in abduction, 90 in forward flexion",
    "shoulder_elevation": "ISB elevation, without its minus sign; 0 hanging, 180 upwards",
    "shoulder_rotation": "ISB axial rotation, the elbow's axis taken from the bent elbow; internal positive",
    "elbow_flexion": "180 degrees less the angle shoulder-elbow-wrist; never negative",
}
CENTRAL_ANGLES = {
    "trunk_flexion": "trunk against pelvis; forward positive; needs a joint on the spine",
    "trunk_side_bend": "trunk against pelvis; to the right positive",
    "trunk_rotation": "shoulders against hips about the trunk; to the left positive",
    "neck_flexion": "head against trunk; forward (chin down) positive",
    "neck_side_bend": "head against trunk; to the right positive",
    "neck_rotation": "head against trunk; to the left positive",
}
WORLD_ANGLES = {
    "trunk_lean": "trunk against the vertical, in its own sagittal plane; forward positive",
    "trunk_side_lean": "trunk against the vertical; to the right positive",
    "trunk_heading": "where the chest faces, from world x towards y; wraps at 180 degrees",
    "pelvis_obliquity": "the line of the hips against the horizontal; right side up positive",
    "head_pitch": "the line from ears to eyes (or nose) against the horizontal; up positive",
    "head_roll": "the line of the ears against the horizontal; right ear down positive",
    "head_heading": "where the face points, from world x towards y; wraps at 180 degrees",
}
ANGLES: dict[str, str] = {
    **{side + name: text for name, text in SIDED_ANGLES.items() for side in SIDES},
    **CENTRAL_ANGLES,
    **WORLD_ANGLES,
}
"""Every angle and its convention; a result has all of them, NaN where the joint set cannot give one."""


def joint_angles(xyz: Array, skeleton: Skeleton, *, least_sine: float = LEAST_SINE) -> dict[str, Array]:
    """All angles of :data:`ANGLES`.

    Args:
        xyz: [..., J, 3] metres, world, Z up; a missing joint is NaN.
        skeleton: the joint set.
        least_sine: how far from degenerate a direction must be for angles that rest on it.

    Returns:
        Name to [...] radians; NaN where a joint is missing or the angle is not defined.
    """
    points = Points(np.asarray(xyz, np.float64), skeleton)
    found: dict[str, Array] = {}
    pelvis, trunk, head = points.pelvis(), points.trunk(), points.head()
    for side in SIDES:
        found |= {side + name: value for name, value in _leg(points, pelvis, side, least_sine).items()}
        found |= {side + name: value for name, value in _arm(points, trunk, side, least_sine).items()}
    found |= _central(trunk, pelvis, "trunk", least_sine) | _central(head, trunk, "neck", least_sine)
    if not points.has("spine"):
        found["trunk_flexion"] = np.full(xyz.shape[:-2], np.nan)
    found |= _against_vertical(points, trunk) | head_angles(head)
    return {name: found[name] for name in ANGLES}


def head_angles(head: Axes) -> dict[str, Array]:
    """Pitch, roll and heading of a head whose axes are known in the world."""
    forward, right = head.x, head.z
    level = np.hypot(forward[..., 0], forward[..., 1])
    # Roll turns about the face's direction: the ears are held against the level line that is across it.
    across = unit(np.stack([forward[..., 1], -forward[..., 0], np.zeros_like(level)], axis=-1), TINY)
    return {
        "head_pitch": np.arctan2(forward[..., 2], level),
        "head_roll": np.arctan2(-dot(right, np.cross(across, forward)), dot(right, across)),
        "head_heading": np.where(level > TINY, np.arctan2(forward[..., 1], forward[..., 0]), np.nan),
    }


def _leg(points: Points, pelvis: Axes, side: str, least_sine: float) -> dict[str, Array]:
    """Hip, knee and ankle of one side."""
    hip, knee, ankle = (points[side + joint] for joint in ("hip", "knee", "ankle"))
    thigh = pelvis.components(unit(hip - knee), side)
    shank = pelvis.components(unit(ankle - knee), side)
    lateral = bend_axis(thigh, shank, least_sine)
    flexion, adduction, rotation = flexion_adduction(thigh, lateral, least_sine)
    sole = points[side + "toe"] - points[side + "foot_back"]
    return {
        "hip_flexion": flexion,
        "hip_adduction": adduction,
        "hip_rotation": rotation,
        "knee_flexion": angle_between(knee - hip, ankle - knee),
        "ankle_dorsiflexion": np.pi / 2 - angle_between(knee - ankle, sole),
    }


def _arm(points: Points, trunk: Axes, side: str, least_sine: float) -> dict[str, Array]:
    """Shoulder and elbow of one side."""
    shoulder, elbow, wrist = (points[side + joint] for joint in ("shoulder", "elbow", "wrist"))
    upper = trunk.components(unit(shoulder - elbow), side)
    fore = trunk.components(unit(wrist - elbow), side)
    lateral = bend_axis(fore, upper, least_sine)
    flexion, adduction, _ = flexion_adduction(upper, lateral, least_sine)
    plane, raised, rotation = elevation(upper, lateral, least_sine)
    return {
        "shoulder_flexion": flexion,
        "shoulder_abduction": -adduction,
        "shoulder_plane": plane,
        "shoulder_elevation": raised,
        "shoulder_rotation": rotation,
        "elbow_flexion": angle_between(elbow - shoulder, wrist - elbow),
    }


def _central(segment: Axes, parent: Axes, name: str, least_sine: float) -> dict[str, Array]:
    """Flexion, side bend and rotation of one part of the spine against the next."""
    bend, side, turn = flexion_adduction(parent.components(segment.y), parent.components(segment.z), least_sine)
    return {f"{name}_flexion": -bend, f"{name}_side_bend": side, f"{name}_rotation": turn}


def _against_vertical(points: Points, trunk: Axes) -> dict[str, Array]:
    """Angles that need to know where up is."""
    right = unit(trunk.z * [1.0, 1.0, 0.0], 1e-6)
    ahead = np.stack([-right[..., 1], right[..., 0], np.zeros_like(right[..., 0])], axis=-1)
    forward, up = dot(trunk.y, ahead), trunk.y[..., 2]
    hips = unit(points["right_hip"] - points["left_hip"])
    return {
        "trunk_lean": np.arctan2(forward, up),
        "trunk_side_lean": np.arctan2(dot(trunk.y, right), np.hypot(forward, up)),
        "trunk_heading": np.arctan2(ahead[..., 1], ahead[..., 0]),
        "pelvis_obliquity": np.arctan2(hips[..., 2], np.hypot(hips[..., 0], hips[..., 1])),
    }
