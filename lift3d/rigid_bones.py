"""Bones that keep their length, as soft constraints between joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Skeleton
from lift3d.datasets.skeleton import LIMB_BONES, SIDES

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

LIMB_SPREAD = 0.005
"""How far, as a share of its length, a limb between two detected joint centres deviates from a rigid bone."""

SOFT_SPREAD = 0.02
"""The same for feet and face, whose landmarks move on the skin and whose toes bend."""

ASYMMETRY = 0.05
"""Left and right differ by so much, as a share of the length (one standard deviation): people by 1 %, what detectors
take for their joints by more."""

MIN_FRAMES = 10

_FOOT = (
    ("ankle", "heel"),
    ("ankle", "big_toe"),
    ("ankle", "small_toe"),
    ("heel", "big_toe"),
    ("big_toe", "small_toe"),
    ("ankle", "foot_index"),
    ("heel", "foot_index"),
)
_SOFT_BONES = (
    *((side + a, side + b) for a, b in _FOOT for side in SIDES),
    *(("nose", side + "eye") for side in SIDES),
    *((side + "eye", side + "ear") for side in SIDES),
    ("left_eye", "right_eye"),
    ("left_ear", "right_ear"),
)


@dataclass(frozen=True, eq=False)
class Bones:
    """The bones of one person.

    Args:
        ends: B pairs of joints.
        length: [B] metres.
        sigma: [B] metres, the uncertainty of the length and how far the bone is from rigid, together.
        length_sigma: [B] metres, the uncertainty of the length alone.
    """

    ends: tuple[tuple[int, int], ...]
    length: Array
    sigma: Array
    length_sigma: Array

    def within(self, joints: Sequence[int], scale: Array) -> Bones:
        """The bones among these joints, which are counted anew; sigma times a factor [J]."""
        place = {joint: i for i, joint in enumerate(joints)}
        kept = [k for k, (a, b) in enumerate(self.ends) if a in place and b in place]
        factor = np.array([np.sqrt(scale[self.ends[k][0]] * scale[self.ends[k][1]]) for k in kept])
        ends = tuple((place[self.ends[k][0]], place[self.ends[k][1]]) for k in kept)
        return Bones(ends, self.length[kept], self.sigma[kept] * factor, self.length_sigma[kept])


def rigid_bones(skeleton: Skeleton) -> list[tuple[tuple[int, int], float]]:
    """The bones of a joint set that are nearly rigid, each with its spread (share of the length)."""
    limbs = [(pair, LIMB_SPREAD) for pair in skeleton.pairs(LIMB_BONES)]
    return limbs + [(pair, SOFT_SPREAD) for pair in skeleton.pairs(_SOFT_BONES)]


def measure_bones(x: Array, covariance: Array, skeleton: Skeleton, *, persistence: float) -> Bones:
    """Bone lengths of a person from positions, with their uncertainty; left and right are drawn together.

    Args:
        x: [n, J, 3] metres, NaN where missing; smoothed, since noise lengthens bones.
        covariance: [n, J, 6] m², of the positions.
        skeleton: the joint set.
        persistence: frames over which a length's error persists; n frames are n / persistence measurements.

    Returns:
        The bones that were seen in at least :data:`MIN_FRAMES` frames.
    """
    ends, lengths, variances, spreads = [], [], [], []
    for (a, b), spread in rigid_bones(skeleton):
        d = x[:, a] - x[:, b]
        size = np.linalg.norm(d, axis=-1)
        seen = np.isfinite(size) & (size > 0)
        if seen.sum() < MIN_FRAMES:
            continue
        across = (covariance[:, a] + covariance[:, b])[seen][:, [0, 3, 5]].sum(-1) * 2 / 3
        size = size[seen] - across / (2 * size[seen])
        middle = float(np.median(size))
        deviation = float(np.median(np.abs(size - middle))) * 1.4826
        ends.append((a, b))
        lengths.append(middle)
        variances.append(deviation**2 * np.pi / 2 * max(persistence, 1.0) / len(size))
        spreads.append(spread)
    return _symmetric(skeleton, ends, np.array(lengths), np.array(variances), np.array(spreads))


def _symmetric(skeleton: Skeleton, ends: list[tuple[int, int]], length: Array, variance: Array, spread: Array) -> Bones:
    """Draw the lengths of the two sides together, as far as their uncertainty allows."""
    mirror = {a: b for pair in skeleton.symmetric for a, b in (pair, pair[::-1])}
    place = {frozenset(pair): k for k, pair in enumerate(ends)}
    other = [place.get(frozenset((mirror.get(a, a), mirror.get(b, b))), k) for k, (a, b) in enumerate(ends)]
    paired = np.array([o != k for k, o in enumerate(other)], bool)
    prior = variance[other] + (ASYMMETRY * length) ** 2  # what the other side says of this one
    weight = np.where(paired, variance / np.maximum(variance + prior, 1e-12), 0.0)
    drawn = length + weight * (length[other] - length)
    left = variance * (1 - weight)
    sigma = np.sqrt((spread * drawn) ** 2 + left)
    return Bones(tuple(ends), drawn, sigma, np.sqrt(left))


def components(joints: int, ends: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Groups of joints that bones connect; a joint without bones is a group of its own."""
    group = list(range(joints))
    for a, b in ends:
        old, new = group[b], group[a]
        group = [new if g == old else g for g in group]
    return [[j for j in range(joints) if group[j] == g] for g in dict.fromkeys(group)]


def add_bones(blocks: Array, gradient: Array, x: Array, active: Mask, bones: Bones) -> None:
    """Add the bones' squares, linearised at x, to the normal equations.

    Args:
        blocks: [n, 3 J, 3 J] 1/m².
        gradient: [n, 3 J].
        x: [n, J, 3] metres, finite.
        active: [n, J].
        bones: among these J joints.
    """
    for k, (a, b) in enumerate(bones.ends):
        d = x[:, a] - x[:, b]
        size = np.maximum(np.linalg.norm(d, axis=-1), 1e-6)
        u = d / size[:, None]
        weight = np.where(active[:, a] & active[:, b], bones.sigma[k] ** -2, 0.0)
        pull = (weight * (size - bones.length[k]))[:, None] * u
        outer = weight[:, None, None] * u[:, :, None] * u[:, None, :]
        first, second = slice(3 * a, 3 * a + 3), slice(3 * b, 3 * b + 3)
        blocks[:, first, first] += outer
        blocks[:, second, second] += outer
        blocks[:, first, second] -= outer
        blocks[:, second, first] -= outer
        gradient[:, first] += pull
        gradient[:, second] -= pull
