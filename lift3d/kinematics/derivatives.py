"""Velocities of noisy positions with gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

Array = NDArray[np.float64]

WINDOW_S = 0.1


def velocity(value: Array, time: Array, *, window_s: float = WINDOW_S) -> Array:
    """The slope at each frame of the parabola that fits the frames around it best (Savitzky and Golay).

    A gap is not bridged: a frame that is missing stays NaN, and beside a gap the fit uses what is there. Where that
    lies on one side alone it is a line: the end of a parabola would double the noise.

    Args:
        value: [T, ...]; NaN where missing.
        time: [T] seconds, increasing.
        window_s: seconds, the whole width; at least five frames are taken.

    Returns:
        [T, ...] per second; NaN where the frame is missing, or fewer than three frames of the window are there.

    Raises:
        InputError: time does not increase.
    """
    if len(time) != len(value) or (np.diff(time) <= 0).any():
        raise InputError("velocity: time must increase and have one entry a frame")
    if len(time) < 3:
        return np.full(value.shape, np.nan)
    step = float(np.median(np.diff(time)))
    half = max(2, round(window_s / step / 2))
    flat = value.reshape(len(value), -1)
    moments = np.zeros((5, *flat.shape))
    sums = np.zeros((3, *flat.shape))
    sides = np.zeros((2, *flat.shape), bool)
    for offset in range(-half, half + 1):
        here = np.arange(len(time))[max(0, -offset) : len(time) - max(0, offset)]
        tau = (time[here + offset] - time[here])[:, None] / step
        there = flat[here + offset]
        seen = np.isfinite(there) & (np.abs(tau) <= half + 0.5)
        if offset:
            sides[int(offset > 0), here] |= seen
        for power in range(5):
            moments[power, here] += seen * tau**power
        # Differences from the frame itself keep the sums well conditioned far from the origin.
        change = np.where(seen, there - flat[here], 0.0)
        for power in range(3):
            sums[power, here] += change * tau**power
    return _slope(moments, sums, sides[0] & sides[1]).reshape(value.shape) / step


def _slope(moments: Array, sums: Array, inside: NDArray[np.bool_]) -> Array:
    """The linear term of the fitted parabola, or of a line where not ``inside``; [T, N] per step."""
    normal = np.moveaxis(moments[[[0, 1, 2], [1, 2, 3], [2, 3, 4]]], (0, 1), (-2, -1))  # [T, N, 3, 3]
    right = np.moveaxis(sums, 0, -1)[..., None]
    known = (moments[0] >= 3) & np.isfinite(right[..., 0]).all(-1)
    curved = known & inside & (moments[0] >= 4)
    parabola = np.linalg.solve(np.where(curved[..., None, None], normal, np.eye(3)), right)[..., 1, 0]
    normal, right = normal[..., :2, :2], right[..., :2, :]
    line = np.linalg.solve(np.where(known[..., None, None], normal, np.eye(2)), right)[..., 1, 0]
    return np.where(curved, parabola, np.where(known, line, np.nan))


def speed(xyz: Array, time: Array, *, window_s: float = WINDOW_S) -> Array:
    """[T, ...] metres a second of points [T, ..., 3]; see :func:`velocity`."""
    return np.linalg.norm(velocity(xyz, time, window_s=window_s), axis=-1)
