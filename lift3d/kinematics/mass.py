"""The body's centre of mass: a weighted mean of the joints.

Source: masses and centres of segments by de Leva (1996), Adjustments to Zatsiorsky-Seluyanov's segment inertia
parameters, J Biomech 29:1223, table 4, for young adults; trunk from the shoulders' to the hips' middle, shank to the
ankle joint. Not from there: the head's centre is put between the ears (at half its height where there are none); the
hand lies straight ahead of the forearm, by de Leva's mean lengths; without toes a foot's mass sits at the ankle.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets import Skeleton
from lift3d.datasets.skeleton import SIDES

from .points import joints_of

Array = NDArray[np.float64]
Sex = Literal["female", "male", "mean"]

# Segment: ends, then for women and men the share of the mass and where the centre lies from the first end.
_SEGMENTS: dict[str, tuple[tuple[str, str], tuple[float, float], tuple[float, float]]] = {
    "trunk": (("shoulders", "hips"), (0.4257, 0.4346), (0.3782, 0.4310)),
    "upper_arm": (("shoulder", "elbow"), (0.0255, 0.0271), (0.5754, 0.5772)),
    "forearm": (("elbow", "wrist"), (0.0138, 0.0162), (0.4559, 0.4574)),
    "hand": (("elbow", "wrist"), (0.0056, 0.0061), (1 + 0.7474 * 78.0 / 264.3, 1 + 0.79 * 86.2 / 268.9)),
    "thigh": (("hip", "knee"), (0.1478, 0.1416), (0.3612, 0.4095)),
    "shank": (("knee", "ankle"), (0.0481, 0.0433), (0.4352, 0.4395)),
    "foot": (("heel", "toe"), (0.0129, 0.0137), (0.4014, 0.4415)),
}
_HEAD = (0.0668, 0.0694)
LEAST_MASS = 0.97
"""The centre of mass is NaN where joints that carry more than the rest of it are missing: feet or a hand may be."""


def mass_shares(skeleton: Skeleton, sex: Sex = "mean") -> dict[str, tuple[float, dict[str, float]]]:
    """Every segment's share of the body's mass, and its centre as weights of joints (empty where the set lacks them).

    Raises:
        InputError: ``sex`` is none of female, male and mean.
    """
    if sex not in ("female", "male", "mean"):
        raise InputError(f"segment masses are known for female, male and mean, not for {sex!r}")
    pick = {"female": [1.0, 0.0], "male": [0.0, 1.0], "mean": [0.5, 0.5]}[sex]
    shares: dict[str, tuple[float, dict[str, float]]] = {"head": (float(np.dot(pick, _HEAD)), _head(skeleton))}
    for segment, (ends, mass, centre) in _SEGMENTS.items():
        along = float(np.dot(pick, centre))
        for side in ("",) if segment == "trunk" else SIDES:
            weights = _between(side + ends[0], side + ends[1], along, skeleton)
            if segment == "foot" and not weights:
                weights = _mean(side + "ankle", 1.0, skeleton)
            shares[side + segment] = (float(np.dot(pick, mass)), weights)
    return shares


def joint_weights(skeleton: Skeleton, sex: Sex = "mean") -> Array:
    """[S, J] what each joint adds to each segment's part of the centre of mass."""
    rows = [
        [mass * weights.get(joint, 0.0) for joint in skeleton.joints]
        for mass, weights in mass_shares(skeleton, sex).values()
    ]
    total = sum(mass for mass, _ in mass_shares(skeleton, sex).values())
    return np.array(rows) / total


def center_of_mass(
    xyz: Array, skeleton: Skeleton, *, covariance: Array | None = None, sex: Sex = "mean"
) -> tuple[Array, Array]:
    """The centre of mass, and its covariance.

    Args:
        xyz: [..., J, 3] metres; NaN where missing.
        skeleton: the joint set.
        covariance: [..., J, 6] m² of the joints, taken as independent; None: not known.
        sex: whose segment parameters.

    Returns:
        center [..., 3] metres, NaN where less than :data:`LEAST_MASS` of the body is known; covariance [..., 6] m².
        The covariance tells how the joints' errors pass on, not that a person differs from the mean one.

    Raises:
        InputError: ``sex`` is not known.
    """
    weights = joint_weights(skeleton, sex)  # [S, J]
    carries = weights != 0
    seen = np.asarray(np.isfinite(xyz).all(-1))
    there = np.all(seen[..., None, :] | ~carries, axis=-1) & carries.any(-1)  # [..., S]
    share = np.where(there[..., None], weights, 0.0).sum(-2)  # [..., J]
    known = share.sum(-1)
    ok = known >= LEAST_MASS
    share = share / np.where(ok, known, np.nan)[..., None]
    center = np.einsum("...j,...ji->...i", share, np.where(seen[..., None], xyz, 0.0))
    if covariance is None:
        return center, np.full((*center.shape[:-1], 6), np.nan)
    used = share != 0
    spread = np.where(used[..., None], covariance, 0.0)
    return center, np.einsum("...j,...ji->...i", share**2, spread)


def _head(skeleton: Skeleton) -> dict[str, float]:
    """The best that the joint set has for the middle of the head."""
    if joints_of("ears", skeleton):
        return _mean("ears", 1.0, skeleton)
    return _between("head", "neck", 0.5, skeleton) or _mean("nose", 1.0, skeleton)


def _between(first: str, second: str, along: float, skeleton: Skeleton) -> dict[str, float]:
    """Weights of the joints for a point on a line."""
    a, b = _mean(first, 1 - along, skeleton), _mean(second, along, skeleton)
    return a | b if a and b else {}


def _mean(point: str, weight: float, skeleton: Skeleton) -> dict[str, float]:
    """Weights of the joints for a point."""
    joints = joints_of(point, skeleton)
    return dict.fromkeys(joints, weight / len(joints)) if joints else {}
