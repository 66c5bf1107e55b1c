"""Which joints a camera cannot see because a body stands in the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .skeleton import SIDES, Skeleton

Array = NDArray[np.float64]
Ends = tuple[str, ...]  # joints whose mean is an end of a body part

_HIPS, _SHOULDERS = (("left_" + part, "right_" + part) for part in ("hip", "shoulder"))
# A body part is a row of balls: its two ends, how many balls, their radius in metres, and how far behind its centre
# a joint must lie to be hidden: what is nearer is the flesh around the joint.
_PARTS: tuple[tuple[Ends, Ends, int, float, float], ...] = (
    (_HIPS, _SHOULDERS, 5, 0.11, 0.12),
    (("left_ear", "right_ear"), ("left_ear", "right_ear"), 1, 0.08, 0.05),
    *(((side + "hip",), (side + "knee",), 4, 0.07, 0.12) for side in SIDES),
    *(((side + "knee",), (side + "ankle",), 4, 0.045, 0.08) for side in SIDES),
)


def hidden_joints(xyz: Array, centers: Array, skeleton: Skeleton) -> NDArray[np.bool_]:
    """Find the joints that the trunks, heads and legs of the same people hide.

    Args:
        xyz: [T, P, J, 3] metres, world; NaN where nobody is.
        centers: [V, 3] metres, the cameras' optical centres.
        skeleton: the joint set, J joints; parts whose joints it lacks hide nothing.

    Returns:
        [T, V, P, J]: True where a part lies between the camera and the joint.
    """
    target = xyz[:, None]  # [T, 1, P, J, 3]
    sight = target - centers[:, None, None]  # [T, V, P, J, 3]
    length = np.linalg.norm(sight, axis=-1)
    direction = sight / length[..., None]
    hidden = np.zeros(length.shape, bool)
    for ball, radius, behind in _balls(xyz, skeleton):
        for person in range(xyz.shape[1]):
            to_ball = ball[:, None, person] - centers  # [T, V, 3]
            along = np.einsum("tvpji,tvi->tvpj", direction, to_ball)
            beside = (to_ball**2).sum(-1)[..., None, None] - along**2
            hidden |= (beside < radius**2) & (along > 0) & (along < length - behind)
    return hidden


def _balls(xyz: Array, skeleton: Skeleton) -> list[tuple[Array, float, float]]:
    """Centres [T, P, 3], radii and depths of all balls of the parts that the joint set can place."""
    balls = []
    for first, second, count, radius, behind in _PARTS:
        if not set(first + second) <= set(skeleton.joints):
            continue
        a, b = (xyz[..., [skeleton.index(joint) for joint in ends], :].mean(-2) for ends in (first, second))
        balls += [(a + (b - a) * (n + 0.5) / count, radius, behind) for n in range(count)]
    return balls
