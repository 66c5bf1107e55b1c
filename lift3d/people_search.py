"""People found in one frame from nothing: detections of several views sorted into disjoint, consistent bodies.

Every two detections of different views whose rays meet are a hypothesis; it gives a body, every other view names the
detection that fits best, and the hypothesis with the most support takes its detections, the next best from the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .point_solver import Array
from .view_matching import IndexArray, Sights, Views, intersect_rays, match_bodies, pair_affinity

Appearance = Callable[[int, NDArray[np.intp], NDArray[np.intp]], Array]
"""(position of the frame, view [N], candidate [N]) -> [N, N], above 0 for detections that look alike, below 0 for those
that do not, at most 1 in size: added to the geometric affinity, which lies between 0 and 1."""

MIN_PAIR = 0.4
MIN_VOTE = 0.3
"""A view whose best detection fits less well than this does not know the person."""

MIN_SUPPORT = 1.2
"""Two views that agree well have 2; two that agree by chance along epipolar lines about 1."""

SEEDS = 8
"""Hypotheses a detection, at most; the best ones."""

MIN_KNOWN = 4
"""Joints that a new body must have."""


@dataclass(frozen=True, eq=False)
class Group:
    """K bodies: X [K, J, 3] m, members [K, V] positions in the list of detections (-1: none), support [K]."""

    X: Array
    members: IndexArray
    support: Array


def find_people(sights: Sights, views: Views, appearance: Array | None = None) -> Group:
    """Sort detections into people.

    Args:
        sights: N detections of one frame.
        views: the cameras.
        appearance: [N, N] added to the affinity of pairs.

    Returns:
        The people, best first; no detection stands in two of them.
    """
    V, J = len(views.R), sights.ideal.shape[1]
    affinity = pair_affinity(sights, views)
    if appearance is not None:
        affinity = np.where(affinity > 0, affinity + appearance, 0.0)
    a, b = np.nonzero(np.triu(affinity) > MIN_PAIR)
    order = np.argsort(-affinity[a, b], kind="stable")[: SEEDS * len(sights.view)]
    if not len(order):
        return Group(np.empty((0, J, 3)), np.empty((0, V), np.intp), np.empty(0))
    seeds = np.stack([a[order], b[order]], axis=1)
    pairs = np.full((len(seeds), V), -1)
    rows = np.arange(len(seeds))
    for side in seeds.T:
        pairs[rows, sights.view[side]] = side
    X, _ = intersect_rays(sights, views, pairs)
    votes, _ = match_bodies(X, sights, views)
    votes[np.isfinite(X[..., 0]).sum(1) < min(MIN_KNOWN, J)] = 0.0
    members, strength = _best_members(votes, sights.view, pairs)
    members, support = _disjoint(members, strength)
    X, _ = intersect_rays(sights, views, members)
    return Group(X, members, support)


def _best_members(votes: Array, view: IndexArray, pairs: IndexArray) -> tuple[IndexArray, Array]:
    """The detection that each view names for each hypothesis [H, V], and its vote."""
    members, strength = pairs.copy(), np.zeros(pairs.shape)
    rows = np.arange(len(pairs))
    for v in range(pairs.shape[1]):
        own = np.flatnonzero(view == v)
        if not len(own):
            continue
        best = own[votes[:, own].argmax(1)]
        seeded = pairs[:, v] >= 0
        members[:, v] = np.where(seeded, pairs[:, v], best)
        strength[:, v] = votes[rows, members[:, v]]
    members[strength <= MIN_VOTE] = -1
    strength[strength <= MIN_VOTE] = 0.0
    return members, strength


def _disjoint(members: IndexArray, strength: Array) -> tuple[IndexArray, Array]:
    """Hypotheses taken best first, each detection once: members [K, V], support [K]."""
    members, strength = members.copy(), strength.copy()
    taken: list[int] = []
    support = strength.sum(1)
    while True:
        best = int(support.argmax())
        if support[best] < MIN_SUPPORT or (members[best] >= 0).sum() < 2:
            break
        taken.append(best)
        mine = members[best]
        clash = (members == mine) & (mine >= 0)
        clash[taken] = False
        members[clash] = -1
        strength[clash] = 0.0
        support = strength.sum(1)
        support[taken] = -1.0
    return members[taken], strength[taken].sum(1)
