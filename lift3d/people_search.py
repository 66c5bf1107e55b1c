"""People found in one frame from nothing: detections of several views sorted into disjoint, consistent bodies.

Every two detections of different views whose rays meet are a hypothesis; it gives a body, every other view names the
detection that fits best, and the hypothesis with the most support takes its detections, the next best from the rest.
Left and right may be exchanged in a detection: networks take a person's back for the front.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .point_solver import Array
from .view_matching import EXCHANGED, IndexArray, Sights, Views, intersect_rays, match_bodies, pair_affinity

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


MIN_WITNESSES = 3
"""Views that must agree before sides are taken for exchanged: two rays meet too easily."""


@dataclass(frozen=True, eq=False)
class Group:
    """K bodies: X [K, J, 3] m, members [K, V] positions in the list of detections (-1: none), support [K]."""

    X: Array
    members: IndexArray
    support: Array


def find_people(
    sights: Sights, views: Views, appearance: Array | None = None, *, mirror: IndexArray | None = None
) -> Group:
    """Sort detections into people.

    Args:
        sights: N detections of one frame.
        views: the cameras.
        appearance: [N, N] added to the affinity of pairs.
        mirror: [J] each joint's other side; None: sides are never exchanged.

    Returns:
        The people, best first; no detection stands in two of them.
    """
    V, J = len(views.R), sights.ideal.shape[1]
    N = len(sights.view)
    # The detections a second time with sides exchanged: number n + N is detection n.
    both = sights if mirror is None else sights.joined(sights.mirrored(np.ones(N, bool), mirror))
    seeds = _seeds(sights, both, views, appearance)
    if not len(seeds):
        return Group(np.empty((0, J, 3)), np.empty((0, V), np.intp), np.empty(0))
    pairs = np.full((len(seeds), V), -1)
    rows = np.arange(len(seeds))
    for side in seeds.T:
        pairs[rows, both.view[side]] = side
    X, _ = intersect_rays(both, views, pairs)
    votes, exchanged = match_bodies(X, sights, views, mirror=mirror)
    votes[np.isfinite(X[..., 0]).sum(1) < min(MIN_KNOWN, J)] = 0.0
    members, strength = _best_members(votes, sights.view, np.where(pairs >= 0, pairs % N, -1))
    strength[(pairs >= N).any(1) & ((members >= 0).sum(1) < MIN_WITNESSES)] = 0.0
    taken, members, support = _disjoint(members, strength)
    named = members + N * np.take_along_axis(exchanged[taken], np.maximum(members, 0), axis=1)
    X, _ = intersect_rays(both, views, np.where(members >= 0, named, -1))
    return Group(X, members, support)


def _seeds(sights: Sights, both: Sights, views: Views, appearance: Array | None) -> IndexArray:
    """Pairs [H, 2] of detections that may be one person, likely ones first; the second may have sides exchanged."""
    N = len(sights.view)
    found = []
    for start in range(0, len(both.view), max(N, 1)):
        named = both.take(np.arange(start, start + N))
        affinity = pair_affinity(sights, views, named) * (EXCHANGED if start else 1.0)
        if appearance is not None:
            affinity = np.where(affinity > 0, affinity + appearance, 0.0)
        a, b = np.nonzero(np.triu(affinity) > MIN_PAIR)
        best = np.argsort(-affinity[a, b], kind="stable")[: SEEDS * N]
        found.append((affinity[a, b][best], a[best], b[best] + start))
    if not found:
        return np.empty((0, 2), np.intp)
    value, first, second = (np.concatenate(column) for column in zip(*found, strict=True))
    return np.stack([first, second], axis=1)[np.argsort(-value, kind="stable")]


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


def _disjoint(members: IndexArray, strength: Array) -> tuple[list[int], IndexArray, Array]:
    """Hypotheses taken best first, each detection once: which they are, members [K, V], support [K]."""
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
    return taken, members[taken], strength[taken].sum(1)
