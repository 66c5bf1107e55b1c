"""People followed through time in 3D: who is seen where, from frame to frame.

Each frame begins with where everybody should be (a Kalman filter a joint). Detections go to the predicted people by an
assignment in every view; what a person's views say together is verified in 3D, and a view that disagrees is sent away.
Only detections that nobody explains are searched for new people. Whoever is lost is waited for; pieces of one person
are joined at the end (:mod:`lift3d.identities`), where it is also decided who counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from .people_search import MIN_VOTE, Appearance, find_people
from .point_solver import Array
from .track_state import BodyStates
from .view_matching import (
    CUT,
    EXCHANGED,
    TOLERANCE,
    IndexArray,
    Mask,
    Sights,
    Views,
    body_extent,
    body_middle,
    intersect_rays,
    match_bodies,
)

Progress = Callable[[str, int, int], None]

TRACK_VOTE = 0.2
"""A detection that fits a prediction less well is not tried; less than MIN_VOTE, since predictions err."""

TRUST = 0.3
"""What a vote for somebody who is known for long counts more."""

CONFIRMED = 5
"""Frames in which two views saw somebody before that; earlier, a short absence ends the track."""

LOST_S, TENTATIVE_S = 1.0, 0.15
"""How long nobody sees a person before the track ends; for one that is not confirmed."""

ALONE_S = 1.5
"""How long a single view may carry a person on: nothing tells it how far away the person is."""

ADOPT = 0.6
"""Body extents within which a body found anew is the one that was lost."""

SAME = 0.15
"""Body extents within which two bodies are one: a detector that reports people twice."""

ONE_VIEW_NOISE = 2.0
"""How much less a joint's place on one ray says than where two meet."""

MEASURE, EXTENT_GAIN, WHOLE = 5, 0.2, 0.8
"""In every so many frames a body's extent follows by this share, if this share of the joints is there."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """What became of one frame: for K people who they are, their detections, how well these fit, and their bodies.

    Args:
        number: [K] track numbers.
        candidate: [K, V] the detection of each view, -1 for none.
        vote: [K, V] how well it fits the others, 0 for none.
        middle: [K, 3] metres.
        bones: [K, B] metres, NaN where not measured in this frame.
        free: [V, P] detections that belong to nobody.
    """

    number: IndexArray
    candidate: IndexArray
    vote: Array
    middle: Array
    bones: Array
    free: Mask


class PeopleTracker:
    """Follows everybody from frame to frame.

    Args:
        views: the cameras.
        mirror: [J] each joint's other side.
        bones: [B, 2] joints whose distance tells people apart.
        appearance: an optional opinion on who looks alike.
    """

    def __init__(
        self, views: Views, mirror: IndexArray, bones: IndexArray, *, appearance: Appearance | None = None
    ) -> None:
        self._views, self._mirror, self._bones = views, mirror, bones
        self._appearance = appearance
        self._next = 0
        J = len(mirror)
        self._states = BodyStates.start(np.empty(0, np.intp), np.empty((0, J, 3)), TOLERANCE)

    def step(self, sights: Sights, dt: float, *, frame: int = 0, candidates: int = 0) -> Sighting:
        """Take in the next frame.

        Args:
            sights: all detections.
            dt: seconds since the last frame.
            frame: its position, for the opinion on appearance.
            candidates: P, detections a view at most.
        """
        states = self._states
        states.predict(dt)
        if not len(sights.view):
            nobody = np.full((len(states), len(self._views.R)), -1)
            return self._close(sights, nobody, np.zeros(nobody.shape), states.X, candidates)
        members, vote, sights = self._explain(sights)
        X = self._learn(sights, members)
        unexplained = np.ones(len(sights.view), bool)
        unexplained[members[members >= 0]] = False
        members, vote, X = self._newcomers(sights, unexplained, (members, vote, X), frame)
        return self._close(sights, members, vote, X, candidates)

    def _explain(self, sights: Sights) -> tuple[IndexArray, Array, Sights]:
        """Detections of the people who are known: members [K, V], votes [K, V], detections with sides as they fit."""
        states, views = self._states, self._views
        V = len(views.R)
        if not len(states):
            return np.full((0, V), -1), np.zeros((0, V)), sights
        spread = np.sqrt(states.variance[..., 0])
        votes, exchanged = match_bodies(states.X, sights, views, spread=spread, mirror=self._mirror)
        value = votes * (1 + TRUST * (states.age >= CONFIRMED))[:, None]
        members = assign_by_view(np.where(votes > TRACK_VOTE, value, 0.0), sights.view, V)
        k, v = np.nonzero(members >= 0)
        flag = np.zeros(len(sights.view), bool)
        flag[members[k, v]] = exchanged[k, members[k, v]]
        sights = sights.mirrored(flag, self._mirror)
        return (*self._verify(sights, members, _picked(votes, members)), sights)

    def _verify(self, sights: Sights, members: IndexArray, predicted: Array) -> tuple[IndexArray, Array]:
        """Send away views that disagree with the others of the same person."""
        members = members.copy()
        for _ in range(len(self._views.R) - 1):
            X, _ = intersect_rays(sights, self._views, members)
            body = np.where(np.isfinite(X), X, self._states.X)
            agreement = _picked(match_bodies(body, sights, self._views)[0], members)
            alone = (members >= 0).sum(1) < 2
            agreement[alone] = predicted[alone]
            bad = (members >= 0) & (agreement < np.where(alone, TRACK_VOTE, MIN_VOTE)[:, None])
            if not bad.any():
                break
            # Of two views that disagree the prediction decides; of more, the others do.
            two = (members >= 0).sum(1, keepdims=True) <= 2
            order = np.where(members >= 0, np.where(two, predicted, agreement), np.inf)
            rows = np.flatnonzero(bad.any(1))
            members[rows, order[rows].argmin(1)] = -1
        return members, np.where(members >= 0, agreement, 0.0)

    def _learn(self, sights: Sights, members: IndexArray) -> Array:
        """Update the states; returns where joints were measured by two views or more, [K, J, 3]."""
        states, views = self._states, self._views
        if not len(states):
            return states.X
        X, rays = intersect_rays(sights, views, members)
        tolerance = (TOLERANCE * states.extent)[:, None]
        d, centers = sights.ray[np.maximum(members, 0)], views.centers[:, None]
        use = (members >= 0)[..., None] & (sights.weight[np.maximum(members, 0)] > 0)
        point = np.where(np.isfinite(X), X, states.X)[:, None] - centers  # [K, V, J, 3]
        nearest = d * (point * d).sum(-1, keepdims=True)
        miss = np.sqrt(((point - nearest) ** 2).sum(-1))
        X[np.where(use, miss, 0.0).max(1) > CUT * tolerance] = np.nan
        single = (rays == 1) & np.isfinite(states.X[..., 0])
        onto = np.where(use[..., None], nearest + centers, 0.0).sum(1)
        measured = np.where(single[..., None], onto, X)
        variance = tolerance**2 * np.where(single, ONE_VIEW_NOISE**2, 2 / np.maximum(rays, 2))
        states.update(measured, variance)
        seen = (members >= 0).sum(1)
        states.absent[seen > 0] = 0.0
        states.lost[seen > 1] = 0.0
        states.age += seen > 1
        due = np.flatnonzero((states.age % MEASURE == 0) & (np.isfinite(X[..., 0]).mean(1) > WHOLE))
        if len(due):
            states.extent[due] += EXTENT_GAIN * (body_extent(X[due]) - states.extent[due])
        return X

    def _newcomers(
        self, sights: Sights, unexplained: Mask, known: tuple[IndexArray, Array, Array], frame: int
    ) -> tuple[IndexArray, Array, Array]:
        """Look for people among the detections that nobody explains; the lost are found again, others begin."""
        members, vote, X = known
        rest = np.flatnonzero(unexplained)
        if len(np.unique(sights.view[rest])) < 2:
            return known
        part = sights.take(rest)
        opinion = self._appearance(frame, part.view, part.candidate) if self._appearance else None
        group = find_people(part, self._views, opinion, mirror=self._mirror)
        fits = self._fits_known(part, members)
        for body, theirs, support in zip(group.X, group.members, group.support, strict=True):
            if fits[:, theirs[theirs >= 0]].all(1).any():
                continue
            theirs = np.where(theirs >= 0, rest[theirs], -1)
            row, exchanged = self._lost_body(body, (members >= 0).sum(1))
            if row == -2:
                continue
            body = body[self._mirror] if exchanged else body
            votes = np.where(theirs >= 0, support / (theirs >= 0).sum(), 0.0)
            start = BodyStates.start(np.array([self._next]), body[None], TOLERANCE)
            if row < 0:
                self._next += 1
                self._states = self._states.joined(start)
                members, vote, X = (
                    np.concatenate([a, b[None]]) for a, b in ((members, theirs), (vote, votes), (X, body))
                )
            else:
                members[row], vote[row], X[row] = theirs, votes, body
                self._states.restart(row, start)
        return members, vote, X

    def _fits_known(self, part: Sights, members: IndexArray) -> Mask:
        """[K, N] whether detections that are left over fit people who are explained: reported a second time."""
        votes, _ = match_bodies(self._states.X, part, self._views, mirror=self._mirror)
        return np.asarray((votes > TRACK_VOTE) & ((members >= 0).sum(1) >= 2)[:, None])

    def _lost_body(self, body: Array, seen: IndexArray) -> tuple[int, bool]:
        """Which state a body continues, with left and right exchanged or not.

        -1 is none, -2 the body of somebody whom others explain already.
        """
        states = self._states
        if not len(states):
            return -1, False
        named = np.stack([body, body[self._mirror]])[:, None]  # [2, 1, J, 3]
        apart = np.sqrt(((states.X - named) ** 2).sum(-1))
        distance = np.ma.median(np.ma.masked_invalid(apart), axis=2).filled(np.inf) / states.extent  # [2, K]
        exchanged, distance = distance[1] < EXCHANGED * distance[0], distance.min(0)
        if (distance[seen > 0] < SAME).any():
            return -2, False
        distance[seen > 0] = np.inf
        best = int(distance.argmin())
        return (best, bool(exchanged[best])) if distance[best] < ADOPT else (-1, False)

    def _close(self, sights: Sights, members: IndexArray, vote: Array, X: Array, candidates: int) -> Sighting:
        """Report the frame, and forget who was lost for too long."""
        states = self._states
        candidate = members.copy()
        candidate[members >= 0] = sights.candidate[members[members >= 0]]
        free = np.zeros((len(self._views.R), candidates), bool)
        free[sights.view, sights.candidate] = True
        k, v = np.nonzero(members >= 0)
        free[v, candidate[k, v]] = False
        ends = X[:, self._bones]
        bones = np.sqrt(((ends[:, :, 0] - ends[:, :, 1]) ** 2).sum(-1))
        seen = (members >= 0).any(1)
        out = Sighting(states.number[seen], candidate[seen], vote[seen], body_middle(states.X[seen]), bones[seen], free)
        patience = np.where(states.age >= CONFIRMED, LOST_S, TENTATIVE_S)
        keep = (states.absent <= patience) & (states.lost <= ALONE_S)
        if not keep.all():
            self._states = states.take(keep)
        return out


def assign_by_view(value: Array, view: IndexArray, views: int) -> IndexArray:
    """The best one-to-one assignment of each view's detections to people.

    Args:
        value: [K, N], 0 where a detection cannot be a person.
        view: [N] where each detection was made.
        views: V.

    Returns:
        [K, V] positions in the list, -1 for none.
    """
    members = np.full((len(value), views), -1)
    for v in range(views):
        own = np.flatnonzero(view == v)
        if not len(own):
            continue
        mine = value[:, own]
        if (np.count_nonzero(mine, axis=0) <= 1).all() and (np.count_nonzero(mine, axis=1) <= 1).all():
            k, n = np.nonzero(mine)
        else:
            k, n = linear_sum_assignment(mine, maximize=True)
            real = mine[k, n] > 0
            k, n = k[real], n[real]
        members[k, v] = own[n]
    return members


def _picked(votes: Array, members: IndexArray) -> Array:
    """Votes [K, N] of each person's own detections [K, V], 0 for none."""
    return np.where(members >= 0, np.take_along_axis(votes, np.maximum(members, 0), axis=1), 0.0)
