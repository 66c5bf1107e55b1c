"""A parametric body: segments whose lengths follow from the stature, and forward kinematics.

Convention:
    body axes are x forward, y left, z up; a segment's frame stands in its proximal joint and is parallel to the body
    when the person stands straight with hanging arms.

Source: lengths as fractions of stature by Drillis and Contini (1966), as in Winter, Biomechanics and Motor Control of
Human Movement, 4th edition, figure 4.1. Not from there: the hip joints' distance (0.18 m at 1.75 m, the mean of the
CMU motion capture skeletons) and the positions of the face, which are plain estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from .skeleton import SIDES, SKELETONS, Skeleton

Array = NDArray[np.float64]

SOLE = 0.010  # heel and toe keypoints lie this far above the floor
ANKLE_HEIGHT, SHANK, THIGH = 0.039, 0.246, 0.245
HIP_HEIGHT = ANKLE_HEIGHT + SHANK + THIGH
LUMBAR, SHOULDER_HEIGHT, NECK_HEIGHT = 0.06, 0.818, 0.86  # the lumbar joint is measured from the hips
UPPER_ARM, FOREARM, HALF_SHOULDERS, HALF_HIPS = 0.186, 0.146, 0.129, 0.052

Offset = tuple[float, float, float]


def _segments() -> dict[str, tuple[str, Offset]]:
    """Segment -> (parent, where its proximal joint lies in the parent's frame), parents first, in statures."""
    tree: dict[str, tuple[str, Offset]] = {
        "pelvis": ("", (0, 0, 0)),
        "trunk": ("pelvis", (0, 0, LUMBAR)),
        "head": ("trunk", (0, 0, NECK_HEIGHT - HIP_HEIGHT - LUMBAR)),
    }
    for side, sign in zip(SIDES, (1, -1), strict=True):
        tree[side + "upper_arm"] = ("trunk", (0, sign * HALF_SHOULDERS, SHOULDER_HEIGHT - HIP_HEIGHT - LUMBAR))
        tree[side + "forearm"] = (side + "upper_arm", (0, 0, -UPPER_ARM))
        tree[side + "thigh"] = ("pelvis", (0, sign * HALF_HIPS, 0))
        tree[side + "shank"] = (side + "thigh", (0, 0, -THIGH))
        tree[side + "foot"] = (side + "shank", (0, 0, -SHANK))
    return tree


def _points() -> dict[str, tuple[str, Offset]]:
    """Joint of BODY_25B -> (segment, position in its frame), in statures."""
    points: dict[str, tuple[str, Offset]] = {
        "nose": ("head", (0.065, 0, 0.055)),
        "neck": ("head", (0, 0, 0)),
        "head": ("head", (0, 0, 1 - NECK_HEIGHT)),
    }
    for side, sign in zip(SIDES, (1, -1), strict=True):
        points[side + "eye"] = ("head", (0.052, sign * 0.018, 0.076))
        points[side + "ear"] = ("head", (0, sign * 0.043, 0.065))
        points[side + "shoulder"] = (side + "upper_arm", (0, 0, 0))
        points[side + "elbow"] = (side + "forearm", (0, 0, 0))
        points[side + "wrist"] = (side + "forearm", (0, 0, -FOREARM))
        points[side + "hip"] = (side + "thigh", (0, 0, 0))
        points[side + "knee"] = (side + "shank", (0, 0, 0))
        points[side + "ankle"] = (side + "foot", (0, 0, 0))
        points[side + "heel"] = (side + "foot", (-0.040, 0, SOLE - ANKLE_HEIGHT))
        points[side + "big_toe"] = (side + "foot", (0.112, -sign * 0.015, SOLE - ANKLE_HEIGHT))
        points[side + "small_toe"] = (side + "foot", (0.085, sign * 0.030, SOLE - ANKLE_HEIGHT))
    return points


SEGMENTS = _segments()
POINTS = _points()


def rotation_about(axis: str, angle: Array) -> Array:
    """Right-handed rotations about a coordinate axis.

    Args:
        axis: "x", "y" or "z".
        angle: [...] radians.

    Returns:
        [..., 3, 3].
    """
    angle = np.asarray(angle, np.float64)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    R = np.zeros((*angle.shape, 3, 3))
    R[..., [0, 1, 2], [0, 1, 2]] = 1.0
    R[..., i, i] = R[..., j, j] = np.cos(angle)
    R[..., j, i] = np.sin(angle)
    R[..., i, j] = -R[..., j, i]
    return R


@dataclass(frozen=True)
class Body:
    """A person of a given height.

    Args:
        stature: metres.

    Raises:
        InputError: the stature is not a person's.
    """

    stature: float = 1.75

    def __post_init__(self) -> None:
        if not 0.5 <= self.stature <= 2.5:
            raise InputError(f"stature must be 0.5 to 2.5 m, got {self.stature:g}")

    @property
    def skeleton(self) -> Skeleton:
        """The joint set that :meth:`place` gives: BODY_25B."""
        return SKELETONS["body_25b"]

    def place(self, rotations: Mapping[str, Array], root: Array) -> Array:
        """Joint positions from segment rotations.

        Args:
            rotations: segment -> [T, 3, 3], its orientation in its parent's frame; a segment not named keeps its
                parent's. "pelvis" turns in the world.
            root: [T, 3] metres, world: the midpoint of the hip joints.

        Returns:
            xyz [T, 25, 3] metres, world, joints of :attr:`skeleton`.

        Raises:
            InputError: a segment is not known.
        """
        unknown = sorted(set(rotations) - set(SEGMENTS))
        if unknown:
            raise InputError(f"no segment {', '.join(unknown)}; there are {', '.join(SEGMENTS)}")
        frames: dict[str, tuple[Array, Array]] = {"": (np.eye(3), np.asarray(root, np.float64))}
        for segment, (parent, offset) in SEGMENTS.items():
            R, origin = frames[parent]
            origin = origin + R @ np.multiply(offset, self.stature)
            frames[segment] = (R @ rotations[segment] if segment in rotations else R, origin)
        joints = []
        for joint in self.skeleton.joints:
            segment, offset = POINTS[joint]
            R, origin = frames[segment]
            joints.append(origin + R @ np.multiply(offset, self.stature))
        return np.stack(joints, axis=-2)
