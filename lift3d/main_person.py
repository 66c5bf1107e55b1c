"""The main person of each view, found without any calibration: followed from frame to frame in the picture.

Nothing here compares views. In each view the detections are linked over time, and the track is taken that is large,
confident and there for long; passers-by lose on all three. Whether the views mean the same person shows afterwards,
when their geometry fits or does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Keypoints

from .association import Association

Array = NDArray[np.float64]

MAX_STEP = 0.35
"""A joint moves by at most this share of the person's extent from frame to frame, and as much again each frame lost."""

MAX_GAP = 15
"""Frames after which a track that is not seen has ended."""

MIN_JOINTS = 4

MIN_PIECE = 8
"""Frames that a piece of path has at least."""

SAME_PLACE = 0.3
"""Two who come nearer than this share of the largest step may be mistaken for each other."""


@dataclass
class _Track:
    """Detections of one person in one view: frame to candidate, and where the person was last."""

    members: dict[int, int] = field(default_factory=dict)
    joints: Array = field(default_factory=lambda: np.zeros((0, 2)))
    extent: float = 0.0
    last: int = 0
    worth: float = 0.0
    doubts: set[int] = field(default_factory=set)  # frames in which it might have gone on as somebody else

    def add(self, t: int, candidate: int, joints: Array, confidence: Array) -> None:
        """Take a detection in."""
        self.members[t] = candidate
        known = np.asarray(np.isfinite(joints).all(-1))
        if len(self.joints):
            joints = np.where(known[:, None], joints, self.joints)
        self.joints, self.last = joints, t
        self.extent = _extent(joints)
        self.worth += self.extent * float(confidence.sum())


def follow_main_person(keypoints: Keypoints) -> Association:
    """Choose the main person of each view.

    Args:
        keypoints: detections [T, V, P, J] in any order.

    Returns:
        Index [T, V, 1] of the chosen detections; ``support`` counts the views that have one, ``rival`` is 0.
    """
    T, V = keypoints.shape[:2]
    index = np.full((T, V, 1), -1)
    for v in range(V):
        tracks = _tracks(keypoints.xy[:, v], keypoints.confidence[:, v])
        if not tracks:
            continue
        best = max(tracks, key=lambda track: track.worth)
        for track in _pieces(tracks, best):
            for t, candidate in track.members.items():
                index[t, v, 0] = candidate
    support = (index >= 0).sum(1).astype(np.float64)
    return Association(index, support, np.zeros(T))


def follow_everybody(keypoints: Keypoints) -> list[list[dict[int, int]]]:
    """Pieces of path of all people, cut where two come close: for each view, {frame: candidate}, longest first."""
    views = []
    for v in range(keypoints.shape[1]):
        pieces = []
        for track in _tracks(keypoints.xy[:, v], keypoints.confidence[:, v]):
            piece: dict[int, int] = {}
            for t, candidate in sorted(track.members.items()):
                if t in track.doubts:
                    pieces.append(piece)
                    piece = {}
                else:
                    piece[t] = candidate
            pieces.append(piece)
        views.append(sorted((piece for piece in pieces if len(piece) >= MIN_PIECE), key=len, reverse=True))
    return views


def _tracks(xy: Array, confidence: Array) -> list[_Track]:
    """Link the detections [T, P, J, 2] of one view, nearest first."""
    done: list[_Track] = []
    alive: list[_Track] = []
    for t in range(len(xy)):
        done += [track for track in alive if t - track.last > MAX_GAP]
        alive = [track for track in alive if t - track.last <= MAX_GAP]
        present = [p for p in range(xy.shape[1]) if (confidence[t, p] > 0).sum() >= MIN_JOINTS]
        links = sorted((_step(track, xy[t, p], t), k, p) for k, track in enumerate(alive) for p in present)
        taken_tracks, taken = set(), set()
        for step, k, p in links:
            if step > 1 or k in taken_tracks or p in taken:
                continue
            if any(s < max(2 * step, SAME_PLACE) for s, other, q in links if (other == k) != (q == p)):
                alive[k].doubts.add(t)
            alive[k].add(t, p, xy[t, p], confidence[t, p])
            taken_tracks.add(k)
            taken.add(p)
        for p in present:
            if p not in taken:
                track = _Track()
                track.add(t, p, xy[t, p], confidence[t, p])
                alive.append(track)
    return done + alive


def _step(track: _Track, joints: Array, t: int) -> float:
    """How far the joints would have to jump, over how far they may."""
    distance = np.linalg.norm(joints - track.joints, axis=-1)
    known = np.isfinite(distance)
    if known.sum() < MIN_JOINTS:
        return np.inf
    return float(np.median(distance[known])) / (MAX_STEP * max(track.extent, 1e-6) * (t - track.last))


def _extent(joints: Array) -> float:
    """The diagonal of the joints' box, pixels."""
    known = joints[np.isfinite(joints).all(-1)]
    return float(np.linalg.norm(np.ptp(known, axis=0))) if len(known) else 0.0


def _pieces(tracks: list[_Track], best: _Track) -> list[_Track]:
    """The best track, and those before and after it that are about as large: the person after a long gap."""
    size = best.worth / max(len(best.members), 1)
    chosen = [best]
    taken = set(best.members)
    for track in sorted(tracks, key=lambda track: -track.worth):
        each = track.worth / max(len(track.members), 1)
        if not taken & set(track.members) and each > 0.6 * size and len(track.members) > MAX_GAP:
            chosen.append(track)
            taken |= set(track.members)
    return chosen
