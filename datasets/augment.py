"""Other bodies in the same motion: bone lengths, proportions and sides, since motion capture has few bodies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mocap import H36M, PARENTS

Array32 = NDArray[np.float32]

# Bones by the joint at their far end; both sides of a body share a length.
BONE_GROUPS: dict[str, tuple[int, ...]] = {
    "hip": (1, 4), "thigh": (2, 5), "shank": (3, 6), "lower_back": (7,), "upper_back": (8,), "neck": (9,),
    "head": (10,), "collar": (11, 14), "upper_arm": (12, 15), "forearm": (13, 16),
}  # fmt: skip

ARMS = slice(11, 17)


@dataclass(frozen=True)
class BodyVariation:
    """How bodies differ from those that were recorded.

    Args:
        stature: half width of the uniform factor on all bones.
        bone: half width of the further uniform factor on each pair of bones.
        hip: least and most of the factor on the width of the hips instead. Motion capture has half widths of 91 mm,
            Human3.6M 134 mm: joint definitions differ between data sets.
        side: standard deviation of the factor between left and right.
    """

    stature: float = 0.06
    bone: float = 0.05
    hip: tuple[float, float] = (1.0, 1.0)
    side: float = 0.01


def vary_bodies(xyz: Array32, rng: np.random.Generator, variation: BodyVariation | None = None) -> Array32:
    """Give each sample a body of its own; directions of bones and the place of the pelvis stay.

    Args:
        xyz: [B, T, 17, 3] metres, Human3.6M's joints; a sample keeps its body over T.
        rng: all randomness comes from it.
        variation: None: as the project trains.
    """
    v, B = variation or BodyVariation(), len(xyz)
    factor = np.ones((B, 17), np.float32)
    for name, joints in BONE_GROUPS.items():
        low, high = v.hip if name == "hip" else (1 - v.bone, 1 + v.bone)
        pair = rng.uniform(low, high, (B, 1))
        if len(joints) > 1:
            pair = pair * (1 + v.side * rng.standard_normal((B, 1)) * np.array([1.0, -1.0]))
        factor[:, joints] = pair
    factor *= rng.uniform(1 - v.stature, 1 + v.stature, (B, 1))
    return stretch_bones(xyz, factor)


def stretch_bones(xyz: Array32, factor: Array32) -> Array32:
    """Multiply each bone's length.

    Args:
        xyz: [B, T, 17, 3] metres.
        factor: [B, 17] by the joint at the bone's far end; that of the pelvis is not used.
    """
    whole = np.ascontiguousarray(xyz.transpose(2, 0, 1, 3))  # [17, B, T, 3]: a joint's values lie together
    out = whole.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            out[joint] = out[parent] + (whole[joint] - whole[parent]) * factor[:, joint, None, None]
    return np.ascontiguousarray(out.transpose(1, 2, 0, 3))


def exchange_arms(xyz: Array32, rng: np.random.Generator, share: float) -> Array32:
    """Give some samples the arms of others, as these are held to the trunk; poses that nobody took before.

    Args:
        xyz: [B, T, 17, 3] metres, Human3.6M's joints; a sample keeps its arms' owner over T.
        rng: all randomness comes from it.
        share: of the samples.
    """
    which = np.flatnonzero(rng.random(len(xyz)) < share)
    owner = rng.integers(len(xyz), size=len(which))
    out, mine, theirs = xyz.copy(), xyz[which], xyz[owner]
    held = (theirs[:, :, ARMS] - theirs[:, :, 8:9]) @ _trunks(theirs).swapaxes(-1, -2)
    mine[:, :, ARMS] = mine[:, :, 8:9] + held @ _trunks(mine)
    out[which] = mine
    return out


def _trunks(xyz: Array32) -> Array32:
    """The trunk's axes [B, T, 3, 3], rows left, back and up."""
    up = xyz[:, :, 8] - xyz[:, :, 0]
    up = up / np.maximum(np.linalg.norm(up, axis=-1, keepdims=True), 1e-6)
    left = xyz[:, :, 11] - xyz[:, :, 14]
    left = left - (left * up).sum(-1, keepdims=True) * up
    left = left / np.maximum(np.linalg.norm(left, axis=-1, keepdims=True), 1e-6)
    return np.stack([left, np.cross(up, left), up], axis=-2)


def mirror(xyz: Array32, which: NDArray[np.bool_]) -> Array32:
    """Exchange left and right of some samples, in the plane x = 0.

    Args:
        xyz: [B, T, 17, 3] metres, Human3.6M's joints.
        which: [B] the samples to mirror.
    """
    out = xyz.copy()
    turned = xyz[which][:, :, MIRRORED]
    turned[..., 0] *= -1
    out[which] = turned
    return out


def _mirrored_order() -> NDArray[np.intp]:
    """Each joint's counterpart."""
    order = np.arange(len(H36M))
    for left, right in H36M.symmetric:
        order[[left, right]] = right, left
    return order


MIRRORED = _mirrored_order()
