"""In which joints a lifter's answer comes out: Human3.6M's 17, or those of the detector that it learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.calib import InputError
from lift3d.datasets.mocap import H36M
from lift3d.datasets.skeleton import Skeleton

from .lifter import Lifter
from .placement import Placed, same_joints
from .samples import beside_h36m

CHOICES = ("h36m17", "detector")
_SHOULDERS = (H36M.index("left_shoulder"), H36M.index("right_shoulder"))


@dataclass(frozen=True)
class AnswerJoints:
    """The joints of a result, J of them.

    Args:
        skeleton: their names.
        sources: of each joint the positions among a lifter's 17 + E answers that it is the middle of.
        shown: positions in ``skeleton`` and in the detector's joints of those that are the same place of the body.
    """

    skeleton: Skeleton
    sources: tuple[tuple[int, ...], ...]
    shown: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, lifter: Lifter, choice: str) -> AnswerJoints:
        """Those of a lifter.

        Args:
            lifter: who answers.
            choice: "h36m17", or "detector" for the lifter's own joints, which lack the detector's hands and feet. What
                is the same place in both sets is one of Human3.6M's, a neck is the middle of the shoulders.

        Raises:
            InputError: there is no such choice, or the lifter's weights were trained without the detector's face.
        """
        if choice not in CHOICES:
            raise InputError(f"there are no joints {choice!r} to lift to; there are {', '.join(CHOICES)}")
        joints = lifter.joints
        if choice == "h36m17":
            return cls(H36M, tuple((j,) for j in range(len(H36M))), tuple(same_joints(joints)))
        face = beside_h36m(joints)
        if lifter.beside != face:
            how = lifter.description["arch"]
            raise InputError(
                f"this {how} does not know {', '.join(joints.joints[j] for j in face[:3])} … of {joints.name}; lift to "
                f"h36m17, or train one that does: lift3d train lifter --arch {how} --joints "
                f"{lifter.description['joints_in']}"
            )
        known = {theirs: (ours,) for ours, theirs in same_joints(joints)}
        known |= {theirs: (len(H36M) + e,) for e, theirs in enumerate(face)}
        sources = tuple(known.get(j, _SHOULDERS) for j in range(len(joints)))  # what is left is the neck
        return cls(joints, sources, tuple((j, j) for j in range(len(joints))))

    def take(self, placed: Placed) -> Placed:
        """These joints of answers that were placed: xyz [T, J, 3] metres, covariance [T, J, 3, 3] m².

        A middle is as sure as its ends and no more: both are wrong together for the most part.
        """
        xyz = [placed.xyz[:, list(joints)].mean(1) for joints in self.sources]
        covariance = [placed.covariance[:, list(joints)].mean(1) for joints in self.sources]
        return Placed(np.stack(xyz, 1), np.stack(covariance, 1))
