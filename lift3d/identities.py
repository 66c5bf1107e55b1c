"""Pieces of tracks joined to people, and who of them counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .point_solver import Array
from .tracking import Sighting
from .view_matching import IndexArray

REENTRY_S = 10.0
"""Somebody who comes back after a longer time is a new person: geometry alone cannot tell who it is."""

WALKING_SPEED = 1.5
"""m/s that somebody who is out of sight may have moved with, on average."""

SLACK_M = 0.5
"""What a person may be beside the place of the last sight, at once."""

BONE_SHARE = 0.05
"""What the mean length of a bone may differ between two pieces of one person: detectors judge sides differently."""

MIN_BONES = 3
SOON_S = 2.0
"""So long the place says who comes back; later the bones must."""

MAX_BONES = {"soon": 1.5, "late": 1.0}
"""Pieces whose bones differ by more than this, in units of what is usual, are two people."""

BLIND_S = 1.0
"""The longest absence that is bridged where bones were not measured."""
MARGIN = 0.3
"""How much better than every other pairing a join must be: better two pieces than two people in one."""

OVERLAP = 3
"""Frames that two pieces of one person may share: one ends while the other begins."""


@dataclass(frozen=True, eq=False)
class Track:
    """One person, or a piece of one.

    Args:
        frames: [n] positions of the frames, rising.
        candidate: [n, V] the detection of each view, -1 for none.
        vote: [n, V] how well it fits, 0 for none.
        middle: [n, 3] metres.
        bones: [n, B] metres, NaN where not measured.
    """

    frames: IndexArray
    candidate: IndexArray
    vote: Array
    middle: Array
    bones: Array

    @property
    def views(self) -> IndexArray:
        """[n] how many views saw the person."""
        return np.asarray((self.candidate >= 0).sum(1))

    @property
    def support(self) -> float:
        """Votes of all frames that two views or more saw."""
        return float(self.vote[self.views >= 2].sum())

    def select(self, keep: IndexArray | NDArray[np.bool_]) -> Track:
        """Some of the frames."""
        return Track(*(getattr(self, name)[keep] for name in FIELDS))

    def trimmed(self) -> Track:
        """Without the frames before the first and after the last that two views saw: no depth there."""
        both = np.flatnonzero(self.views >= 2)
        return self.select(np.arange(both[0], both[-1] + 1) if len(both) else np.arange(0))


FIELDS = ("frames", "candidate", "vote", "middle", "bones")


def collect(sightings: Iterable[Sighting]) -> list[Track]:
    """The tracks of consecutive frames, trimmed; without those that two views never saw together."""
    rows: dict[int, list[tuple[int, int, Sighting]]] = {}
    for t, sighting in enumerate(sightings):
        for k, number in enumerate(sighting.number):
            rows.setdefault(int(number), []).append((t, k, sighting))
    tracks = [
        Track(
            np.array([t for t, _, _ in mine]),
            np.array([s.candidate[k] for _, k, s in mine]),
            np.array([s.vote[k] for _, k, s in mine]),
            np.array([s.middle[k] for _, k, s in mine]),
            np.array([s.bones[k] for _, k, s in mine]),
        ).trimmed()
        for mine in rows.values()
    ]
    return [track for track in tracks if len(track.frames)]


def join_pieces(tracks: Sequence[Track], time: Array, *, count: int | None = None) -> list[Track]:
    """Join pieces of one person: who is lost and found again, by place, time and bone lengths.

    Args:
        tracks: the pieces.
        time: [T] seconds of all frames.
        count: how many people there are, where that is known: pieces are then joined without a margin.
    """
    pieces = sorted(tracks, key=lambda track: int(track.frames[0]))
    links = _links(pieces, time)
    successor: dict[int, int] = {}
    closed: set[tuple[str, int]] = set()  # ends and beginnings that are joined, or that nobody can tell
    for _, cost, a, b in links:
        if {("end", a), ("start", b)} & closed:
            continue
        rivals = [
            other
            for _, other, x, y in links
            if (x == a and _together(pieces[y], pieces[b])) != (y == b and _together(pieces[x], pieces[a]))
            and not {("end", x), ("start", y)} & closed
        ]
        best = min(rivals, default=np.inf)
        if count is None and cost > best:
            continue
        closed |= {("end", a), ("start", b)}
        if count is not None or best >= cost + MARGIN:
            successor[a] = b
    joined = []
    for first in sorted(set(range(len(pieces))) - set(successor.values())):
        whole, at = pieces[first], first
        while at in successor:
            at = successor[at]
            whole = _concatenated(whole, pieces[at])
        joined.append(whole)
    return joined


def _together(one: Track, other: Track) -> bool:
    """Whether two pieces are there at the same time, and so of two people; one of itself is not."""
    first, second = sorted((one, other), key=lambda track: int(track.frames[0]))
    return one is not other and bool(first.frames[-1] >= second.frames[0] + OVERLAP)


def _links(pieces: Sequence[Track], time: Array) -> list[tuple[float, float, int, int]]:
    """(gap in seconds, cost, a, b) of every piece b that may continue a, the shortest gap first."""
    bones = [_bone_lengths(piece) for piece in pieces]
    starts = np.array([piece.frames[0] for piece in pieces], np.intp)
    links = []
    for a, piece in enumerate(pieces):
        end = int(piece.frames[-1])
        gaps = time[starts] - time[end]
        for b in map(int, np.flatnonzero((starts > end - OVERLAP) & (gaps <= REENTRY_S))):
            if b == a or pieces[b].frames[-1] <= end:
                continue
            gap = max(float(gaps[b]), 0.0)
            place = float(np.linalg.norm(pieces[b].middle[0] - piece.middle[-1])) / (SLACK_M + WALKING_SPEED * gap)
            cost = _link_cost(place, gap, _bone_difference(bones[a], bones[b])) if place < 1 else np.inf
            if np.isfinite(cost):
                links.append((gap, cost, a, b))
    return sorted(links)


def _link_cost(place: float, gap: float, bones: float) -> float:
    """How unlikely a continuation is, from how far away and how late it begins, and how the bones differ (or NaN)."""
    if not np.isfinite(bones):
        return place + gap if gap <= BLIND_S else np.inf
    if bones > MAX_BONES["soon" if gap <= SOON_S else "late"]:
        return np.inf
    return place + bones + gap / REENTRY_S


def _bone_difference(one: tuple[Array, Array], other: tuple[Array, Array]) -> float:
    """Root mean square of the relative differences of bone lengths, in units of what is usual; NaN with too few."""
    usual = np.hypot(np.hypot(one[1], other[1]), BONE_SHARE * (one[0] + other[0]) / 2)
    z = (one[0] - other[0]) / usual
    z = z[np.isfinite(z)]
    return float(np.sqrt((z**2).mean())) if len(z) >= MIN_BONES else np.nan


def _bone_lengths(track: Track) -> tuple[Array, Array]:
    """Median length of each bone [B] and its standard error; NaN with fewer than three measurements."""
    masked = np.ma.masked_invalid(track.bones)
    middle = np.ma.median(masked, axis=0)
    spread = 1.48 * np.ma.median(abs(masked - middle), axis=0)
    count = np.isfinite(track.bones).sum(0)
    enough = count >= 3
    return (
        np.where(enough, middle.filled(np.nan), np.nan),
        # Errors persist from frame to frame: a tenth of the frames is independent at best.
        np.where(enough, spread.filled(np.nan) / np.sqrt(np.maximum(count / 10, 1)), np.nan),
    )


def _concatenated(a: Track, b: Track) -> Track:
    """Two pieces as one; the later one has the frames that both have."""
    head = a.select(a.frames < b.frames[0])
    return Track(*(np.concatenate([getattr(head, name), getattr(b, name)]) for name in FIELDS))


def inside(track: Track, box: Array) -> Track:
    """The frames in which a person stands in a box [2, 3] m (lowest and highest corner)."""
    return replace(track.select(((track.middle >= box[0]) & (track.middle <= box[1])).all(1))).trimmed()
