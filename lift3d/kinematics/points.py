"""A skeleton's points by name, with those that are not joints but follow from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Skeleton

from .axes import Axes, axes_from_y, axes_from_z

Array = NDArray[np.float64]

# The first that the joint set has in full; the choice is the set's, never a frame's, so that no curve jumps.
DERIVED: dict[str, tuple[tuple[str, ...], ...]] = {
    "hips": (("left_hip", "right_hip"), ("pelvis",)),
    "shoulders": (("left_shoulder", "right_shoulder"), ("neck",), ("thorax",)),
    "ears": (("left_ear", "right_ear"),),
    "eyes": (("left_eye", "right_eye"),),
    "face": (("left_eye", "right_eye"), ("nose",)),
    **{
        f"{side}toe": ((f"{side}big_toe", f"{side}small_toe"), (f"{side}foot_index",), (f"{side}big_toe",))
        for side in ("left_", "right_")
    },
    **{f"{side}foot_back": ((f"{side}heel",), (f"{side}ankle",)) for side in ("left_", "right_")},
}


class Points:
    """Points of people by name; what the joint set lacks is NaN.

    Args:
        xyz: [..., J, 3] metres.
        skeleton: the joint set.
    """

    def __init__(self, xyz: Array, skeleton: Skeleton) -> None:
        self._xyz = xyz
        self._skeleton = skeleton

    def has(self, *names: str) -> bool:
        """Whether the joint set gives all of these."""
        return all(joints_of(name, self._skeleton) for name in names)

    def __getitem__(self, name: str) -> Array:
        joints = joints_of(name, self._skeleton)
        if not joints:
            return np.full((*self._xyz.shape[:-2], 3), np.nan)
        return self._xyz[..., [self._skeleton.index(joint) for joint in joints], :].mean(axis=-2)

    def pelvis(self) -> Axes:
        """Lateral axis along the hip joints; y as near to the spine as that allows."""
        up = self["spine"] if self.has("spine") else self["shoulders"]
        return axes_from_z(self["right_hip"] - self["left_hip"], up - self["hips"])

    def trunk(self) -> Axes:
        """Long axis from the middle of the hips (the spine, where there is one) to that of the shoulders."""
        low = self["spine"] if self.has("spine") else self["hips"]
        return axes_from_y(self["shoulders"] - low, self["right_shoulder"] - self["left_shoulder"])

    def head(self) -> Axes:
        """Lateral axis from ear to ear; x from the ears to the eyes (the nose, where a set has no eyes)."""
        across = self["right_ear"] - self["left_ear"]
        return axes_from_z(across, np.cross(across, self["face"] - self["ears"]))


def joints_of(name: str, skeleton: Skeleton) -> tuple[str, ...]:
    """The joints whose mean a point is; empty where the set does not give it."""
    choices = DERIVED.get(name, ((name,),))
    return next((joints for joints in choices if all(joint in skeleton.joints for joint in joints)), ())
