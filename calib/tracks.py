"""The 2D path of a person's joints in one camera, and what it says at a moment between two frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .distortion import Array
from .errors import InputError

OUTLIER_SHARE = 6.0
"""A joint that leaves the median of its neighbours in time by so many usual distances is left out of velocities."""


@dataclass(frozen=True, eq=False)
class Track:
    """What one camera saw of a person, by the camera's own clock.

    Args:
        xy: [N, J, 2] pixels, NaN where not seen, frame after frame.
        confidence: [N, J].
        first: the number of the first frame.
        rate: capture frames a camera frame: 2 for a camera of 30 fps in a capture of 60.
        velocity: [N, J, 2] pixels a camera frame, NaN where not known; made by :meth:`of`.
    """

    xy: Array
    confidence: Array
    first: float
    rate: float
    velocity: Array

    @classmethod
    def of(cls, xy: Array, confidence: Array, *, first: float = 0.0, rate: float = 1.0, half: int = 3) -> Track:
        """A track with velocities from a line through ``half`` frames to either side.

        Raises:
            InputError: shapes disagree, or the rate is not above zero.
        """
        xy = np.asarray(xy, np.float64)
        if xy.ndim != 3 or xy.shape[-1] != 2 or confidence.shape != xy.shape[:-1]:
            raise InputError(f"a track must be [N, J, 2] with confidence [N, J], got {list(xy.shape)}")
        if not rate > 0:
            raise InputError(f"a camera's frame rate must be above zero, got a ratio of {rate:g}")
        seen = np.isfinite(xy).all(-1) & (confidence > 0)
        xy = np.where(seen[..., None], xy, np.nan)
        return cls(xy, np.where(seen, confidence, 0.0), first, rate, _slopes(_without_jumps(xy), half))

    def at(self, time: Array, offset: Array) -> tuple[Array, Array, Array]:
        """The nearest frame, carried to the moment by the velocity, so that its noise stays what it was.

        Args:
            time: [T] capture frames.
            offset: [T] what to add to the camera's time to get the capture's.

        Returns:
            xy [T, J, 2], confidence [T, J], velocity [T, J, 2] in pixels a capture frame; NaN and 0 outside.
        """
        place = (time - offset) / self.rate - self.first
        nearest = np.round(place).astype(int)
        inside = (nearest >= 0) & (nearest < len(self.xy))
        index = np.clip(nearest, 0, len(self.xy) - 1)
        velocity = self.velocity[index]
        xy = self.xy[index] + velocity * (place - nearest)[:, None, None]
        known = inside[:, None] & np.isfinite(xy).all(-1)
        confidence = np.where(known, self.confidence[index], 0.0)
        return np.where(known[..., None], xy, np.nan), confidence, velocity / self.rate

    def span(self, offset: float) -> tuple[float, float]:
        """First and last capture frame that the camera saw."""
        return self.first * self.rate + offset, (self.first + len(self.xy) - 1) * self.rate + offset


def _without_jumps(xy: Array) -> Array:
    """The path without single frames that jump away."""
    padded = np.concatenate([xy[:1], xy[:1], xy, xy[-1:], xy[-1:]]) if len(xy) else xy
    if not len(xy):
        return xy
    stack = np.ma.masked_invalid(np.stack([padded[k : k + len(xy)] for k in range(5)]))
    middle = np.ma.median(stack, axis=0).filled(np.nan)
    distance = np.linalg.norm(xy - middle, axis=-1)
    usual = np.ma.median(np.ma.masked_invalid(distance), axis=0).filled(np.nan)
    jump = distance > OUTLIER_SHARE * np.maximum(usual, 0.5)
    return np.where(jump[..., None], np.nan, xy)


def _slopes(xy: Array, half: int) -> Array:
    """The slope of a line through the frames around each; NaN where they do not lie on both sides."""
    N = len(xy)
    seen = np.asarray(np.isfinite(xy).all(-1))
    filled = np.where(seen[..., None], xy, 0.0)
    n, s, ss = (np.zeros(seen.shape) for _ in range(3))
    y, sy = np.zeros(xy.shape), np.zeros(xy.shape)
    before, after = np.zeros(seen.shape, bool), np.zeros(seen.shape, bool)
    for k in range(-half, half + 1):
        to, of = slice(max(0, -k), min(N, N - k)), slice(max(0, k), min(N, N + k))
        w = seen[of].astype(np.float64)
        n[to] += w
        s[to] += k * w
        ss[to] += k * k * w
        y[to] += filled[of]
        sy[to] += k * filled[of]
        if k < 0:
            before[to] |= seen[of]
        if k > 0:
            after[to] |= seen[of]
    determinant = n * ss - s * s
    good = (n >= 3) & before & after & (determinant > 0)
    slope = (n[..., None] * sy - s[..., None] * y) / np.where(good, determinant, 1.0)[..., None]
    return np.where(good[..., None], slope, np.nan)
