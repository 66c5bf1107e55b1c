"""People followed through time in one camera's picture.

Where they should be (a Kalman filter of each box's centre and size), and how far each keypoint is from there: the
detections go to people by an assignment of the object keypoint similarity (OKS) mixed with the overlap of boxes (IoU).

Source: the similarity is COCO's; tracking by detection with a Kalman filter follows SORT (Bewley et al., ICIP 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from lift3d.calib import InputError
from lift3d.datasets import Keypoints

from .association import MIN_CONFIDENCE, Association
from .point_solver import Array

Mask = NDArray[np.bool_]

SPREAD = 0.1
"""Standard deviation of a joint around its prediction, as a share of the root of the box's area."""

MIN_SIMILARITY = 0.2
LOST_S = 0.7
MIN_SECONDS, MIN_FRAMES = 0.3, 5
USUAL_FPS = 30.0
STATIC = 0.05
"""A box whose centre stays within this share of its size does not move."""

ACCELERATION = 4.0
"""Box sizes a second squared by which a person in a picture changes speed."""

NOISE = 0.03
"""How steady a detector's box is, as a share of its size."""


@dataclass(frozen=True, eq=False)
class PictureTrack:
    """A person in one view.

    Args:
        frames: [n] positions of the frames.
        candidate: [n] which detection.
        center: [n, 2] px.
        size: [n] px, root of the box's area.
    """

    frames: NDArray[np.intp]
    candidate: NDArray[np.intp]
    center: Array
    size: Array

    @property
    def static(self) -> bool:
        """Whether the place in the picture hardly changes."""
        spread = np.abs(self.center - np.median(self.center, axis=0)).max(1)
        return bool(np.quantile(spread, 0.9) < STATIC * np.median(self.size))


def track_in_picture(keypoints: Keypoints, *, people: int | None = None) -> Association:
    """Follow everybody in one camera's picture.

    Args:
        keypoints: detections [T, 1, P, J] in any order.
        people: how many there are; None: all who are seen for a while.

    Returns:
        As :func:`lift3d.people.follow_people` returns it, the person seen longest first; the support is 1 where a
        person is seen.

    Raises:
        InputError: more than one view.
    """
    if keypoints.shape[1] != 1:
        raise InputError(f"tracking in the picture takes one camera, got {keypoints.shape[1]}; select one")
    fps = keypoints.fps or USUAL_FPS
    anybody: Mask = np.any(keypoints.confidence[:, 0] > 0, axis=-1)
    tracks = _follow(keypoints, 0, anybody)
    tracks.sort(key=lambda track: -len(track.frames))
    least = min(max(MIN_FRAMES, round(MIN_SECONDS * fps)), max(1, len(keypoints.xy) // 2))
    tracks = [track for track in tracks if len(track.frames) >= least] if people is None else tracks[:people]
    index = np.full((len(keypoints.xy), 1, len(tracks)), -1)
    for p, track in enumerate(tracks):
        index[track.frames, 0, p] = track.candidate
    return Association(index, (index[:, 0] >= 0).astype(float), np.zeros(len(index)))


def lone_sightings(keypoints: Keypoints, free: Mask) -> list[tuple[int, PictureTrack]]:
    """Those whom one camera alone sees for a while: (view, track), the longest first.

    Args:
        keypoints: all detections.
        free: [T, V, P] the detections that belong to nobody.
    """
    fps = keypoints.fps or USUAL_FPS
    least = max(2 * MIN_FRAMES, round(2 * MIN_SECONDS * fps))
    found = [
        (view, track)
        for view in range(keypoints.shape[1])
        for track in _follow(keypoints, view, free[:, view])
        if len(track.frames) >= least
    ]
    return sorted(found, key=lambda item: -len(item[1].frames))


@dataclass(eq=False)
class _Target:
    """Somebody who is followed: box (centre, size) with velocity, last keypoints, and the record."""

    state: Array  # [2, 3] value and velocity of (x, y, size), px
    covariance: Array  # [2, 2] in box sizes, of value and velocity
    shape: Array  # [J, 2] keypoints less the centre, px; NaN where never seen
    last: float  # s
    record: list[tuple[int, int]]
    boxes: list[Array]

    @classmethod
    def start(cls, box: Array, xy: Array) -> _Target:
        """Somebody new."""
        state = np.stack([box, np.zeros(3)])
        return cls(state, np.diag([NOISE**2, 1.0]), np.full(xy.shape, np.nan), 0.0, [], [])

    def predict(self, dt: float) -> None:
        """Move on."""
        F = np.array([[1, dt], [0, 1]])
        G = np.array([dt**2 / 2, dt])
        self.state = F @ self.state
        self.covariance = F @ self.covariance @ F.T + ACCELERATION**2 * np.outer(G, G)

    def update(self, box: Array, xy: Array, now: float, at: tuple[int, int]) -> None:
        """Take in a detection: its box [3], keypoints [J, 2], time, and where it stands."""
        gain = self.covariance[:, 0] / (self.covariance[0, 0] + NOISE**2)
        self.state = self.state + np.outer(gain, box - self.state[0])
        self.covariance = self.covariance - np.outer(gain, self.covariance[0])
        self.shape = np.where(np.isfinite(xy), xy - box[:2], self.shape)
        self.last = now
        self.record.append(at)
        self.boxes.append(box)

    def finish(self) -> PictureTrack:
        """The record as arrays."""
        frames, candidates = np.array(self.record, np.intp).reshape(-1, 2).T
        boxes = np.array(self.boxes).reshape(-1, 3)
        return PictureTrack(frames, candidates, boxes[:, :2], boxes[:, 2])


def _follow(keypoints: Keypoints, view: int, allowed: Mask) -> list[PictureTrack]:
    """Tracks of one view's detections [T, P] that are allowed."""
    assert keypoints.frames is not None
    time = keypoints.frames / (keypoints.fps or USUAL_FPS)
    frames = np.flatnonzero(allowed.any(1))
    seen = keypoints.confidence[frames, view] >= MIN_CONFIDENCE
    xy = np.where(seen[..., None], keypoints.xy[frames, view], np.nan)
    boxes = _boxes(xy)  # [F, P, 3]
    usable = allowed[frames] & (boxes[..., 2] > 0)
    live: list[_Target] = []
    done: list[_Target] = []
    for f, t in enumerate(frames):
        now = float(time[t])
        done += [target for target in live if now - target.last > LOST_S]
        live = [target for target in live if now - target.last <= LOST_S]
        for target in live:
            target.predict(now - float(time[frames[f - 1]]))
        candidates = np.flatnonzero(usable[f])
        mine = _assign(live, xy[f, candidates], boxes[f, candidates])
        for n, p in enumerate(candidates):
            if n not in mine:
                live.append(_Target.start(boxes[f, p], xy[f, p]))
            target = live[mine.get(n, -1)]
            target.update(boxes[f, p], xy[f, p], now, (int(t), int(p)))
    return [target.finish() for target in done + live]


def _assign(live: list[_Target], xy: Array, boxes: Array) -> dict[int, int]:
    """Position of a detection to position of its person."""
    if not live or not len(xy):
        return {}
    expected = np.stack([target.state[0] for target in live])  # [K, 3]
    shape = np.stack([target.shape for target in live])
    size = np.maximum(expected[:, 2], 1.0)
    spread = SPREAD * size * np.sqrt(np.array([1 + target.covariance[0, 0] / SPREAD**2 for target in live]))
    step = shape[:, None] + expected[:, None, None, :2] - xy[None]  # [K, N, J, 2]
    error = (step**2).sum(-1) / (2 * spread[:, None, None] ** 2)
    known = np.isfinite(error)
    oks = np.where(known, np.exp(-np.where(known, error, 0.0)), 0.0).sum(-1) / np.maximum(known.sum(-1), 1)
    value = 0.5 * (oks + _overlap(expected, boxes))
    k, n = linear_sum_assignment(value, maximize=True)
    good = value[k, n] > MIN_SIMILARITY
    return {int(b): int(a) for a, b in zip(k[good], n[good], strict=True)}


def _boxes(xy: Array) -> Array:
    """Centre (x, y) and size (root of the area) of what keypoints [..., J, 2] cover; size 0 for none."""
    known = np.isfinite(xy)
    low, high = np.where(known, xy, np.inf).min(-2), np.where(known, xy, -np.inf).max(-2)
    some: Mask = np.any(known, axis=(-1, -2), keepdims=True)[..., 0]
    low, high = np.where(some, low, 0.0), np.where(some, high, 0.0)
    # A person seen from the side or in part must not have a box without width.
    sides = np.maximum(high - low, 0.3 * (high - low).max(-1, keepdims=True))
    return np.concatenate([(low + high) / 2, np.sqrt(sides.prod(-1, keepdims=True))], axis=-1)


def _overlap(a: Array, b: Array) -> Array:
    """Intersection over union [K, N] of square boxes (centre, size) [K, 3] and [N, 3]."""
    half_a, half_b = a[:, None, 2:] / 2, b[None, :, 2:] / 2
    low = np.maximum(a[:, None, :2] - half_a, b[None, :, :2] - half_b)
    high = np.minimum(a[:, None, :2] + half_a, b[None, :, :2] + half_b)
    shared = np.maximum(high - low, 0.0).prod(-1)
    union = a[:, None, 2] ** 2 + b[None, :, 2] ** 2 - shared
    return np.asarray(shared / np.maximum(union, 1e-9))
