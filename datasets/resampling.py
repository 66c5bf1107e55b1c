"""Keypoints of cameras that are out of step, brought to common moments: between frames by interpolation.

First every camera's nearest frame is laid beside the others' (:func:`nearest_frames`), with the moment at which it was
really taken; people can then be recognised across views. Once it is known who is who, :func:`in_step` interpolates
each joint's path in the picture to the common moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .keypoints import Keypoints

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAX_GAP = 2.0
"""Frames of a camera between two sightings of a joint across which it is interpolated: one may be missing."""

SAME_MOMENT = 1e-6
NEAR = 0.02
"""Frames: a sighting this near is taken as it is where nothing can be interpolated (at 60 fps, a third of a ms)."""


@dataclass(frozen=True)
class CameraTime:
    """A camera's clock: capture frame = its own frame number * rate + offset."""

    offset: float = 0.0
    rate: float = 1.0

    @property
    def whole(self) -> bool:
        """Whether its frames fall on the capture's."""
        return self.rate == 1.0 and float(self.offset).is_integer()


def nearest_frames(keypoints: Keypoints, clocks: Sequence[CameraTime], spans: Sequence[tuple[int, int]]) -> Keypoints:
    """Lay the frames of all cameras beside each other, the nearest ones at each moment.

    Args:
        keypoints: by the cameras' own frame numbers.
        clocks: one a view.
        spans: the first and last own frame number of each view.

    Returns:
        Keypoints at whole capture frames, ``times`` saying when each was really taken (NaN where no frame is near).
    """
    assert keypoints.frames is not None
    own = keypoints.frames
    ends = [
        (first * c.rate + c.offset, last * c.rate + c.offset) for c, (first, last) in zip(clocks, spans, strict=True)
    ]
    low = int(np.ceil(min(end[0] for end in ends) - 0.5))
    high = int(np.floor(max(end[1] for end in ends) + 0.5))
    frames = np.arange(low, high + 1)
    T, V = len(frames), len(clocks)
    xy = np.full((T, *keypoints.xy.shape[1:]), np.nan)
    confidence = np.zeros(xy.shape[:-1])
    times = np.full((T, V), np.nan)
    for v, (clock, (first, last)) in enumerate(zip(clocks, spans, strict=True)):
        # Halves always go up: numpy's rounding to even would take every other frame twice.
        wanted = np.floor((frames - clock.offset) / clock.rate + 0.5).astype(int)
        place = np.clip(np.searchsorted(own, wanted), 0, len(own) - 1)
        there = (own[place] == wanted) & (wanted >= first) & (wanted <= last)
        xy[there, v], confidence[there, v] = keypoints.xy[place[there], v], keypoints.confidence[place[there], v]
        times[there, v] = wanted[there] * clock.rate + clock.offset
    seen_by_any = np.isfinite(times).any(1)
    return replace(
        keypoints, xy=xy[seen_by_any], confidence=confidence[seen_by_any], frames=frames[seen_by_any],
        times=times[seen_by_any],
    )  # fmt: skip


def in_step(keypoints: Keypoints, *, max_gap: float = MAX_GAP) -> Keypoints:
    """Interpolate every joint to the frames' moments.

    A cubic through four sightings, a line through two where there are no more; where a joint was not seen on both
    sides within ``max_gap`` it is missing. The confidence is the lower one of the two neighbours.

    Args:
        keypoints: associated: the same p is the same person from frame to frame, in every view.
        max_gap: in frames of the camera.

    Returns:
        The same without ``times``; unchanged where it has none.
    """
    if keypoints.times is None:
        return keypoints
    assert keypoints.frames is not None
    xy, confidence = keypoints.xy.copy(), keypoints.confidence.copy()
    _, V, P, J = keypoints.shape
    for v in range(V):
        taken, slots = np.unique(keypoints.times[:, v], return_index=True)
        known = np.isfinite(taken)
        taken, slots = taken[known], slots[known]
        if len(taken) < 2 or np.nanmax(np.abs(keypoints.times[:, v] - keypoints.frames)) < SAME_MOMENT:
            continue
        spacing = float(np.min(np.diff(taken)))
        paths = keypoints.xy[slots, v].reshape(len(taken), P * J, 2)
        trust = keypoints.confidence[slots, v].reshape(len(taken), P * J)
        for k in range(P * J):
            seen = trust[:, k] > 0
            p, j = divmod(k, J)
            xy[:, v, p, j], confidence[:, v, p, j] = _interpolate(
                taken[seen], paths[seen, k], trust[seen, k], keypoints.frames.astype(np.float64), max_gap * spacing
            )
    return replace(keypoints, xy=xy, confidence=confidence, times=None)


def _interpolate(s: Array, xy: Array, trust: Array, t: Array, gap: float) -> tuple[Array, Array]:
    """One joint's path [N, 2], seen at moments s, at the moments t: [T, 2] and confidence [T]."""
    out, confidence = np.full((len(t), 2), np.nan), np.zeros(len(t))
    if not len(s):
        return out, confidence
    right = np.clip(np.searchsorted(s, t - SAME_MOMENT), 0, len(s) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(s[left] - t) < np.abs(s[right] - t), left, right)
    away = np.abs(s[nearest] - t)
    gap += SAME_MOMENT
    between = (s[left] < t) & (t < s[right]) & (s[right] - s[left] <= gap) & (away > SAME_MOMENT)
    step = np.where(between, s[right] - s[left], 1.0)
    u = np.where(between, (t - s[left]) / step, 0.0)
    before, after = np.maximum(left - 1, 0), np.minimum(right + 1, len(s) - 1)
    chord = (xy[right] - xy[left]) / step[:, None]
    slope_l = _slope(s, xy, (before, right), chord, (before < left) & (s[left] - s[before] <= gap))
    slope_r = _slope(s, xy, (left, after), chord, (after > right) & (s[after] - s[right] <= gap))
    u = u[:, None]
    curve = (
        (1 + 2 * u) * (1 - u) ** 2 * xy[left] + u**2 * (3 - 2 * u) * xy[right]
        + u * (1 - u) * step[:, None] * ((1 - u) * slope_l - u * slope_r)
    )  # fmt: skip
    out[between], confidence[between] = curve[between], np.minimum(trust[left], trust[right])[between]
    same = ~between & (away <= NEAR)
    out[same], confidence[same] = xy[nearest[same]], trust[nearest[same]]
    return out, confidence


def _slope(s: Array, xy: Array, ends: tuple[NDArray[np.intp], NDArray[np.intp]], chord: Array, good: Mask) -> Array:
    """Slopes [T, 2] across a sighting from its neighbours; the chord's where one lacks."""
    a, b = ends
    width = np.where(good, s[b] - s[a], 1.0)
    return np.where(good[:, None], (xy[b] - xy[a]) / width[:, None], chord)
