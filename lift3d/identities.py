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
    while len(pieces) > 1:
        cost = np.array([[_join_cost(a, b, time) for b in pieces] for a in pieces])
        a, b = np.unravel_index(int(cost.argmin()), cost.shape)
        best = cost[a, b]
        if not np.isfinite(best):
            break
        others = np.concatenate([np.delete(cost[a], b), np.delete(cost[:, b], a)])
        if count is None and len(others) and others.min() < best + MARGIN:
            pieces = _forbid(pieces, int(a), int(b), cost, time)
            break
        joined = _concatenated(pieces[a], pieces[b])
        pieces = [piece for k, piece in enumerate(pieces) if k not in (a, b)] + [joined]
    return pieces


def _forbid(pieces: list[Track], a: int, b: int, cost: Array, time: Array) -> list[Track]:
    """Two pairings are about as likely: leave these apart, and join the rest."""
    keep = [piece for k, piece in enumerate(pieces) if k not in (a,)]
    return [pieces[a], *join_pieces(keep, time)]


def _join_cost(a: Track, b: Track, time: Array) -> float:
    """How unlikely it is that b continues a; infinite where impossible, below 1 where natural."""
    shared = int((a.frames >= b.frames[0]).sum())
    if a is b or shared > OVERLAP or b.frames[-1] <= a.frames[-1]:
        return np.inf
    gap = max(float(time[b.frames[0]] - time[a.frames[-1]]), 0.0)
    if gap > REENTRY_S:
        return np.inf
    distance = float(np.linalg.norm(b.middle[0] - a.middle[-1]))
    place = distance / (SLACK_M + WALKING_SPEED * gap)
    if not place < 1:
        return np.inf
    bones = _bone_difference(a, b)
    if not np.isfinite(bones):
        return place + gap if gap <= BLIND_S else np.inf
    if bones > MAX_BONES["soon" if gap <= SOON_S else "late"]:
        return np.inf
    return place + bones + gap / REENTRY_S


def _bone_difference(a: Track, b: Track) -> float:
    """Root mean square of the relative differences of bone lengths, in units of what is usual; NaN with too few."""
    lengths, errors = zip(*(_bone_lengths(track) for track in (a, b)), strict=True)
    usual = np.hypot(np.hypot(*errors), BONE_SHARE * (lengths[0] + lengths[1]) / 2)
    z = (lengths[0] - lengths[1]) / usual
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
