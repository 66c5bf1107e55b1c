"""Who is who in several views before anything is known of where the cameras stand.

For two views, every piece of one's paths is tried with every piece of the other's that was there at the same time: the
essential matrix of the two is asked how many joints of all other pieces agree with it. With the right pair everybody
agrees, with a wrong one hardly anybody does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Rig
from lift3d.calib.body_adjustment import START_SIGMA
from lift3d.calib.body_observations import BodyViews, IdealViews, undo_lenses
from lift3d.calib.view_pairs import MIN_SHARED, epipolar_error, relative_pose
from lift3d.datasets import Keypoints

from .association import Association
from .main_person import follow_everybody

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
Piece = dict[int, int]

TRIED = 6
"""Pieces of path of each view that are tried in pairs; the others are matched by what came of it."""

GATE = 2.0
"""Widths of the noise up to which a joint speaks for a pair."""

AGREE = 0.6
"""Two pieces are of one person if their joints speak for it by at least this, of 1."""

MOST_PEOPLE = 4


@dataclass(frozen=True, eq=False)
class _Match:
    """Two pieces, by (view, number), that seem to be one person's, and how many joints' worth speaks for it."""

    score: float
    a: tuple[int, int]
    b: tuple[int, int]


def match_people(keypoints: Keypoints, rig: Rig, *, progress: Progress | None = None) -> Association:
    """Match people between views that have no poses yet.

    Args:
        keypoints: detections [T, V, P, J] in any order.
        rig: the lenses; poses do not count.
        progress: called with (stage, done, total).

    Returns:
        Index [T, V, P'] of the detections of up to four people or pieces of their paths, those seen most first; P' is 0
        where no two views agree on anybody.
    """
    T, V, P, J = keypoints.shape
    flat = BodyViews(keypoints.xy.reshape(T, V, P * J, 2), keypoints.confidence.reshape(T, V, P * J))
    ideal = undo_lenses(flat, rig)
    pieces = follow_everybody(keypoints)
    sigma = START_SIGMA * float(np.mean([max(camera.size) for camera in rig]))
    matches: list[_Match] = []
    pairs = list(combinations(range(V), 2))
    for k, pair in enumerate(pairs):
        matches += _PairOfViews(ideal, rig, pieces, pair, J, sigma).best()
        if progress:
            progress("matching people", k + 1, len(pairs))
    people = _join(matches, pieces)
    index = np.full((T, V, len(people)), -1)
    for p, members in enumerate(people):
        for v, number in members:
            for t, candidate in pieces[v][number].items():
                index[t, v, p] = candidate
    return Association(index, (index >= 0).sum((1, 2)).astype(np.float64), np.zeros(T))


class _PairOfViews:
    """Two views, and what they show of everybody."""

    def __init__(
        self, ideal: IdealViews, rig: Rig, pieces: list[list[Piece]], pair: tuple[int, int], J: int, sigma: float
    ) -> None:
        self.ideal, self.rig, self.pair, self.J, self.sigma = ideal, rig, pair, J, sigma
        self.pieces = (pieces[pair[0]], pieces[pair[1]])
        self.shared = {
            (a, b): frames
            for a, first in enumerate(self.pieces[0])
            for b, second in enumerate(self.pieces[1])
            if len(frames := sorted(first.keys() & second.keys())) >= 4
        }

    def best(self) -> list[_Match]:
        """The matches of the relative pose on which most joints agree."""
        best: tuple[float, list[_Match]] = (0.0, [])
        tried = sorted((n for n in self.shared if max(n) < TRIED), key=lambda n: -len(self.shared[n]))
        for couple in tried:
            found = self._matches([couple])
            for _ in range(2):  # again with all who agree
                again = self._matches([(m.a[1], m.b[1]) for m in found])
                found = again if _total(again) > _total(found) else found
            best = max(best, (_total(found), found), key=lambda entry: entry[0])
        return best[1]

    def _matches(self, couples: list[tuple[int, int]]) -> list[_Match]:
        """Who agrees with the relative pose that some couples of pieces have."""
        if not couples:
            return []
        views = self._views(couples)
        lenses = Rig(tuple(self.rig[v] for v in self.pair))
        pose = relative_pose(views, lenses, (0, 1), self.sigma / 2)
        if pose is None:
            return []
        posed = Rig((lenses[0].with_pose(np.eye(3), np.zeros(3)), lenses[1].with_pose(pose.R, pose.t)))
        scores = []
        for couple in self.shared:
            error = epipolar_error(self._views([couple]), posed, (0, 1))
            known = np.isfinite(error)
            speaks = np.maximum(0.0, 1 - (error[known] / (GATE * self.sigma)) ** 2)
            if known.sum() >= MIN_SHARED and speaks.mean() > AGREE:
                scores.append((float(speaks.sum() * speaks.mean()), couple))
        return self._one_to_one(sorted(scores, reverse=True))

    def _one_to_one(self, scores: list[tuple[float, tuple[int, int]]]) -> list[_Match]:
        """Nobody is two people at once."""
        taken: tuple[list[set[int]], list[set[int]]] = tuple([set() for _ in own] for own in self.pieces)  # type: ignore[assignment]
        matches = []
        for score, (a, b) in scores:
            frames = set(self.shared[a, b])
            if not (frames & taken[0][a] or frames & taken[1][b]):
                matches.append(_Match(score, (self.pair[0], a), (self.pair[1], b)))
                taken[0][a].update(frames)
                taken[1][b].update(frames)
        return matches

    def _views(self, couples: list[tuple[int, int]]) -> IdealViews:
        """The joints of some couples, as two views of one body."""
        rows = [(t, self.pieces[0][a][t], self.pieces[1][b][t]) for a, b in couples for t in self.shared[a, b]]
        frames, *candidates = np.array(rows).T
        joints = np.arange(self.J)
        which = [frames[:, None], np.array(self.pair)[None, :]]
        columns = np.stack(candidates, axis=1)[..., None] * self.J + joints  # [N, 2, J]
        pick = (which[0][..., None], which[1][..., None], columns)
        ideal = self.ideal
        return IdealViews(
            ideal.xy[pick], ideal.scale[pick], ideal.velocity[pick], ideal.seen[pick], ideal.phase[frames]
        )


def _total(matches: list[_Match]) -> float:
    """Joints' worth that speaks for all."""
    return sum(match.score for match in matches)


def _join(matches: list[_Match], pieces: list[list[Piece]]) -> list[set[tuple[int, int]]]:
    """People from matches, strongest first; a match that would put somebody in two places at once is left out."""
    people: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for match in sorted(matches, key=lambda m: -m.score):
        first = people.setdefault(match.a, {match.a})
        second = people.setdefault(match.b, {match.b})
        if first is second or not _together(first, second, pieces):
            continue
        first |= second
        for member in second:
            people[member] = first
    unique = {id(members): members for members in people.values() if len({v for v, _ in members}) > 1}
    seen = sorted(unique.values(), key=lambda members: -sum(len(pieces[v][n]) for v, n in members))
    return seen[:MOST_PEOPLE]


def _together(first: set[tuple[int, int]], second: set[tuple[int, int]], pieces: list[list[Piece]]) -> bool:
    """Whether no view shows both at once."""
    return not any(v == w and pieces[v][n].keys() & pieces[w][m].keys() for v, n in first for w, m in second)
