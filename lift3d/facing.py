"""Which way a body faces: what its shape says of whether left and right carry their right names.

Geometry alone cannot tell a body from its mirror image with the names exchanged. Anatomy can, and only signs are
needed: from up and from left to right follows forward, and there the nose lies before the ears, the toes before the
heels and ankles; knees bend forward, and the elbows of hanging arms backward.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lift3d.datasets import Skeleton

from .point_solver import SYMMETRIC_3, Array

CAP = 3.0
"""A cue counts at most as odds of 20 to 1: postures are odd at times, and detectors place joints where they guess."""

NOSE_EARS = (0.09, 0.05)
NOSE_SHOULDERS = (0.08, 0.08)
TOE_HEEL = (0.18, 0.08)
TOE_ANKLE = (0.13, 0.07)
KNEE = (0.05, 0.05)
ELBOW = (-0.04, 0.06)
"""Mean and spread (metres) of how far a part lies forward of another, detectors' habits included."""

TOES = ("big_toe", "small_toe", "foot_index")


@dataclass(frozen=True, eq=False)
class _Points:
    """N points with their covariance: xyz [n, 3], C [n, 3, 3]; NaN where unknown."""

    xyz: Array
    C: Array

    def minus(self, other: _Points) -> _Points:
        """The step from another."""
        return _Points(self.xyz - other.xyz, self.C + other.C)

    def along(self, direction: Array) -> tuple[Array, Array]:
        """The coordinate along unit vectors [n, 3] and its variance."""
        return (self.xyz * direction).sum(-1), np.einsum("na,nab,nb->n", direction, self.C, direction)


class Facing:
    """The cues that a joint set offers.

    Args:
        skeleton: the joint set.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._index = {name: k for k, name in enumerate(skeleton.joints)}

    def evidence(self, xyz: Array, covariance: Array) -> Array:
        """How much speaks for the names left and right as they are, against both exchanged.

        Args:
            xyz: [n, J, 3] metres; NaN where missing.
            covariance: [n, J, 6] m², entries xx, xy, xz, yy, yz, zz.

        Returns:
            [n] log of the odds; 0 where nothing is known.
        """
        body = _Body(self._index, xyz, covariance)
        total = np.zeros(len(xyz))
        with np.errstate(invalid="ignore", divide="ignore"):
            across, sure = body.across()
            for part, up, (mean, spread), share in self._cues(body):
                forward = _unit(np.cross(_unit(up), across))
                value, variance = part.along(forward)
                odds = share * np.clip(2 * mean * value / (spread**2 + variance), -CAP, CAP)
                total += np.where(np.isfinite(odds), odds, 0.0)
        return np.where(np.isfinite(total * sure), total * sure, 0.0)

    def across(self, xyz: Array, covariance: Array) -> tuple[Array, Array]:
        """From left to right, shoulders and hips together.

        Args:
            xyz: [n, J, 3] metres; NaN where missing.
            covariance: [n, J, 6] m².

        Returns:
            [n, 3] metres, 0 where nothing is known; [n] how sure its sense is, 0 to 1.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            return _Body(self._index, xyz, covariance).across()

    def _cues(self, body: _Body) -> Iterator[tuple[_Points, Array, tuple[float, float], Array | float]]:
        """(step from one part to another, up there, how far forward it should go, what it counts)."""
        hips, shoulders, ears = body.middle("hip"), body.middle("shoulder"), body.middle("ear")
        up = shoulders.xyz - hips.xyz
        nose = body.joint("nose")
        face = nose.minus(ears)
        known = np.isfinite(face.xyz[:, :1])
        yield face, up, NOSE_EARS, 1.0
        beside = nose.minus(shoulders)
        yield _Points(np.where(known, np.nan, beside.xyz), beside.C), up, NOSE_SHOULDERS, 1.0
        for side in ("left_", "right_"):
            hip, knee, ankle, heel = (body.joint(side + part) for part in ("hip", "knee", "ankle", "heel"))
            yield knee.minus(_halfway(hip, ankle)), hip.xyz - ankle.xyz, KNEE, 0.5
            toe = body.average([side + part for part in TOES])
            step = toe.minus(heel)
            yield step, knee.xyz - ankle.xyz, TOE_HEEL, 0.5
            other = toe.minus(ankle)
            known = np.isfinite(step.xyz[:, :1])
            yield _Points(np.where(known, np.nan, other.xyz), other.C), knee.xyz - ankle.xyz, TOE_ANKLE, 0.5
            shoulder, elbow, wrist = (body.joint(side + part) for part in ("shoulder", "elbow", "wrist"))
            hanging = np.maximum((_unit(shoulder.xyz - elbow.xyz) * _unit(up)).sum(-1), 0.0)
            yield elbow.minus(_halfway(shoulder, wrist)), up, ELBOW, 0.5 * hanging


class _Body:
    """Joints of n bodies by name."""

    def __init__(self, index: dict[str, int], xyz: Array, covariance: Array) -> None:
        self._index, self._xyz = index, xyz
        self._C = covariance[..., SYMMETRIC_3]

    def joint(self, name: str) -> _Points:
        """One joint."""
        if name not in self._index:
            n = len(self._xyz)
            return _Points(np.full((n, 3), np.nan), np.full((n, 3, 3), np.nan))
        k = self._index[name]
        return _Points(self._xyz[:, k], self._C[:, k])

    def average(self, names: list[str]) -> _Points:
        """The mean of those that are known."""
        parts = [self.joint(name) for name in names if name in self._index]
        if not parts:
            return self.joint("")
        known = np.isfinite(np.stack([part.xyz[:, :1] for part in parts]))
        count = known.sum(0)
        total = np.where(known, np.stack([part.xyz for part in parts]), 0.0).sum(0)
        C = np.where(known[..., None], np.stack([part.C for part in parts]), 0.0).sum(0)
        return _Points(
            np.where(count > 0, total / np.maximum(count, 1), np.nan), C / np.maximum(count, 1)[..., None] ** 2
        )

    def middle(self, part: str) -> _Points:
        """Between left and right, where both are known."""
        return _halfway(self.joint("left_" + part), self.joint("right_" + part))

    def across(self) -> tuple[Array, Array]:
        """See :meth:`Facing.across`."""
        steps = [self.joint("right_" + part).minus(self.joint("left_" + part)) for part in ("shoulder", "hip")]
        known = [np.isfinite(step.xyz[:, 0]) for step in steps]
        total = sum(np.where(k[:, None], step.xyz, 0.0) for k, step in zip(known, steps, strict=True))
        trace = sum(
            np.where(k, np.trace(step.C, axis1=1, axis2=2) / 3, 0.0) for k, step in zip(known, steps, strict=True)
        )
        length = (np.asarray(total) ** 2).sum(-1)
        return np.asarray(total), np.where(known[0] | known[1], length / (length + 4 * np.asarray(trace)), 0.0)


def _halfway(a: _Points, b: _Points) -> _Points:
    """The middle of two points."""
    return _Points((a.xyz + b.xyz) / 2, (a.C + b.C) / 4)


def _unit(vector: Array) -> Array:
    """Vectors [..., 3] of length one."""
    return np.asarray(vector / np.linalg.norm(vector, axis=-1, keepdims=True))
