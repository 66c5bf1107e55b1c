"""A Kalman filter with Rauch-Tung-Striebel smoothing, for signals with gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .filters import _check_cutoff, _columns

Array = NDArray[np.float64]

WIDE = 1e6
"""Prior variance of position, speed and acceleration at the start, in units of the measurement's: nothing is known."""


def kalman_smooth(x: Array, fps: float, *, cutoff: float = 6.0, sigma: float = 1.0) -> tuple[Array, Array]:
    """Smooth signals that move with white jerk and are measured with white noise.

    Args:
        x: [T, ...], NaN where missing: the motion is carried through.
        fps: frames a second.
        cutoff: Hz, where the smoother halves the amplitude; it stands for the ratio of jerk and noise.
        sigma: the measurement's standard deviation, in the unit of x; it scales the variance alone.

    Returns:
        The smoothed signals and their variance, [T, ...] each: also in gaps, where the variance grows; NaN in a
        signal that is never there.

    Raises:
        InputError: the cutoff is not between 0 and fps / 2.

    Source: Rauch, Tung and Striebel, AIAA Journal 3 (1965). The smoother's gain is 1 / (1 + r w^6 / s) for jerk of
    spectral density s and noise of density r.
    """
    _check_cutoff(cutoff, fps)
    out, columns = _columns(x)
    variance, wide = _columns(np.full_like(out, np.nan))
    if columns.size:
        seen = np.isfinite(columns)
        patterns, which = np.unique(seen, axis=1, return_inverse=True)
        for k, pattern in enumerate(patterns.T):
            mine = np.flatnonzero(which.ravel() == k)
            if pattern.any():
                columns[:, mine], spread = _smooth(columns[:, mine], pattern, fps, cutoff)
                wide[:, mine] = sigma**2 * spread[:, None]
    return out, variance


def _smooth(z: Array, seen: NDArray[np.bool_], fps: float, cutoff: float) -> tuple[Array, Array]:
    """Signals [T, N] that are seen in the same frames; the covariance is the same for all, in units of the noise's."""
    F, Q = _model(fps, cutoff)
    T, N = z.shape
    first = int(np.argmax(seen))
    offset = z[first]
    states, predicted = np.empty((T, 3, N)), np.empty((T, 3, N))
    covariances, priors = np.empty((T, 3, 3)), np.empty((T, 3, 3))
    state, P = np.zeros((3, N)), WIDE * np.diag([1.0, fps**2, fps**4])
    for t in range(T):
        if t:
            state, P = F @ state, F @ P @ F.T + Q
        predicted[t], priors[t] = state, P
        if seen[t]:
            gain = P[:, 0] / (P[0, 0] + 1.0)
            state = state + gain[:, None] * (z[t] - offset - state[0])
            keep = np.eye(3)
            keep[:, 0] -= gain
            P = keep @ P @ keep.T + np.outer(gain, gain)
        states[t], covariances[t] = state, P
    for t in range(T - 2, -1, -1):
        back = np.linalg.solve(priors[t + 1], F @ covariances[t]).T
        states[t] += back @ (states[t + 1] - predicted[t + 1])
        covariances[t] += back @ (covariances[t + 1] - priors[t + 1]) @ back.T
    return states[:, 0] + offset, covariances[:, 0, 0]


def _model(fps: float, cutoff: float) -> tuple[Array, Array]:
    """Transition and process noise of (position, speed, acceleration) over one frame, for unit measurement noise."""
    dt = 1 / fps
    density = dt * (2 * np.pi * cutoff) ** 6
    F = np.array([[1, dt, dt**2 / 2], [0, 1, dt], [0, 0, 1]])
    power = np.array(
        [[dt**5 / 20, dt**4 / 8, dt**3 / 6], [dt**4 / 8, dt**3 / 3, dt**2 / 2], [dt**3 / 6, dt**2 / 2, dt]]
    )
    return F, density * power
