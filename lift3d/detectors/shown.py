"""Whom an epoch of a keypoint network's training shows, and how often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets.people_images import PeopleImages

LEAST_WIDTH = 0.25
"""Of the torso's length: whose shoulders lie closer together than that is seen from the side."""


def seen_from_behind(people: PeopleImages) -> NDArray[np.bool_]:
    """Who turns the back to the camera, upright or not: the left shoulder is on the left as one looks down the torso.

    Whoever lacks a label of shoulders or hips, or is seen from the side, does not count.

    Returns:
        [N]
    """
    joints = people.skeleton.joints
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    if not set(names) <= set(joints):
        return np.zeros(len(people), bool)
    left, right, left_hip, right_hip = (people.xy[:, joints.index(name)] for name in names)
    down, across = (left_hip + right_hip - left - right) / 2, left - right
    turned = down[:, 0] * across[:, 1] - down[:, 1] * across[:, 0]
    return np.asarray(turned > LEAST_WIDTH * (down**2).sum(-1))


def epoch_rows(behind: NDArray[np.bool_], share: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """Whom an epoch shows, in random order.

    Pictures of people mostly show them from the front, and a network then takes backs for fronts, left for right. With
    a share, people seen from behind come so often that they are that part of the epoch, each as often as any other of
    them or once more, and of all others some are left out, in each epoch other ones.

    Args:
        behind: [N] who is seen from behind.
        share: part of the epoch that these are to be, 0 to 1; where they are more already, everybody comes once.
        rng: decides.

    Returns:
        [N] rows.
    """
    count, backs = len(behind), np.flatnonzero(behind)
    wanted = round(share * count)
    if wanted <= len(backs) or len(backs) == 0:
        return rng.permutation(count)
    times, rest = divmod(wanted, len(backs))
    others = rng.permutation(np.flatnonzero(~behind))[: count - wanted]
    return rng.permutation(np.concatenate([np.tile(backs, times), rng.permutation(backs)[:rest], others]))
