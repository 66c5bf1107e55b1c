"""Joints that no body can have: the last guard against two wrong views that happen to agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Skeleton

from .point_solver import Array

STRETCH = 0.35
"""A rigid bone may look this much longer or shorter than usual, on top of what its ends' uncertainty allows: detectors
place a joint differently from different sides."""

SIGMAS = 4.0
RIGID = (
    "hip-knee knee-ankle ankle-heel ankle-big_toe ankle-small_toe ankle-foot_index heel-big_toe shoulder-elbow "
    "elbow-wrist hip-hip shoulder-shoulder ear-ear eye-ear nose-eye nose-ear neck-shoulder neck-head neck-nose "
    "pelvis-hip thorax-shoulder"
)
"""Pairs of joints whose distance hardly changes while a person moves."""


def implausible_joints(
    xyz: Array, covariance: Array, skeleton: Skeleton, contested: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Say which joints cannot be where they were found.

    A joint is doubted only if a view spoke against it or none could have; it falls if most of its bones are far from
    their usual length.

    Args:
        xyz: [T, P, J, 3] metres.
        covariance: [T, P, J, 6] m².
        skeleton: the joint set.
        contested: [T, P, J] whether some view saw the joint elsewhere, or only two saw it at all.

    Returns:
        [T, P, J].
    """
    pairs = np.array(rigid_pairs(skeleton)).reshape(-1, 2)
    if not len(pairs) or not len(xyz):
        return np.zeros(contested.shape, bool)
    a, b = pairs.T
    length = np.linalg.norm(xyz[:, :, a] - xyz[:, :, b], axis=-1)  # [T, P, bones]
    usual = np.ma.median(np.ma.masked_invalid(length), axis=0).filled(np.nan)
    variance = covariance[..., [0, 3, 5]].sum(-1)
    allowed = STRETCH * usual + SIGMAS * np.sqrt(variance[..., a] + variance[..., b])
    known = np.isfinite(length)
    broken = known & (np.abs(length - usual) > allowed)
    wrong, bones = np.zeros(contested.shape), np.zeros(contested.shape)
    for k, pair in enumerate(pairs):
        wrong[..., pair] += broken[..., [k]]
        bones[..., pair] += known[..., [k]]
    return np.asarray(contested & (bones > 0) & (wrong > 0.5 * bones))


def rigid_pairs(skeleton: Skeleton) -> tuple[tuple[int, int], ...]:
    """Positions of the ends of the skeleton's rigid pairs, on either side."""
    names: list[tuple[str, str]] = []
    for entry in RIGID.split():
        first, second = entry.split("-")
        if first == second:
            names.append((f"left_{first}", f"right_{first}"))
            continue
        for side in ("left_", "right_"):
            one, two = (joint if joint in skeleton.joints else side + joint for joint in (first, second))
            names.append((one, two))
    return tuple(dict.fromkeys(skeleton.pairs(names)))
