"""Classical filters in time, for signals with gaps.

Convention:
    arrays are [T, ...], evenly spaced frames first; NaN is missing. Every other index is a signal of its own. A filter
    never looks across missing frames, except :func:`fill_gaps`, and returns NaN where it was given NaN; a run too short
    for a filter comes back as it was.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import median_filter
from scipy.signal import butter, savgol_filter, sosfiltfilt

from lift3d.calib import InputError

Array = NDArray[np.float64]

MIN_RUN = 4
"""Shorter runs say nothing about frequencies."""


def fill_gaps(x: Array, longest: int) -> Array:
    """Fill gaps of at most so many frames; longer ones, and missing ends, stay NaN.

    The curve is a monotone cubic through the neighbours: it never overshoots them.

    Args:
        x: [T, ...].
        longest: frames.

    Source: Fritsch and Carlson, SIAM Journal on Numerical Analysis 17 (1980); scipy's PCHIP.
    """
    out, columns = _columns(x)
    index = np.arange(len(columns))
    for column in columns.T:
        seen = np.flatnonzero(np.isfinite(column))
        breaks = np.flatnonzero(np.diff(seen) > 1)
        short = [k for k in breaks if seen[k + 1] - seen[k] - 1 <= longest]
        if short:
            curve = PchipInterpolator(seen, column[seen])
            for k in short:
                inside = index[seen[k] + 1 : seen[k + 1]]
                column[inside] = curve(inside)
    return out


def butterworth(x: Array, fps: float, *, cutoff: float = 6.0, order: int = 4) -> Array:
    """Low-pass without lag: a Butterworth filter that runs forwards and backwards.

    Args:
        x: [T, ...].
        fps: frames a second.
        cutoff: Hz, where the two passes together leave half of the power.
        order: of the two passes together, even.

    Raises:
        InputError: the cutoff is not between 0 and fps / 2, or the order is odd.

    Source: Winter, Biomechanics and Motor Control of Human Movement, section 3.4 (the correction for two passes).
    """
    _check_cutoff(cutoff, fps)
    if order < 2 or order % 2:
        raise InputError(f"the order of a zero-lag Butterworth filter must be even and 2 or more, got {order}")
    passes = order // 2
    # Each pass must leave 1/sqrt(2) of the amplitude's square root: its corner lies higher, in prewarped frequency.
    corner = np.tan(np.pi * cutoff / fps) / (np.sqrt(2.0) - 1.0) ** (1 / (2 * passes))
    sos = butter(passes, 2 * np.arctan(corner) / np.pi, output="sos")
    padding = 3 * (2 * len(sos) + 1)
    return _by_run(x, lambda run: sosfiltfilt(sos, run, axis=0, padlen=min(padding, len(run) - 1)))


def savitzky_golay(x: Array, fps: float, *, window: float = 0.2, degree: int = 3) -> Array:
    """Fit a polynomial to a window about every frame.

    Args:
        x: [T, ...].
        fps: frames a second.
        window: seconds; the nearest odd number of frames, or the run where that is shorter.
        degree: of the polynomial.

    Raises:
        InputError: the window holds no more frames than the degree.
    """
    length = _odd(window * fps)
    if length <= degree:
        raise InputError(
            f"a Savitzky-Golay window of {length} frames cannot hold degree {degree}: make it {degree + 2}"
        )

    def fit(run: Array) -> Array:
        size = min(length, len(run) - 1 + len(run) % 2)
        return run if size <= degree else savgol_filter(run, size, degree, axis=0)

    return _by_run(x, fit)


def median(x: Array, fps: float, *, window: float = 0.1) -> Array:
    """The median of a window about every frame; ends are repeated.

    Args:
        x: [T, ...].
        fps: frames a second.
        window: seconds; the nearest odd number of frames.
    """
    length = _odd(window * fps)
    return _by_run(x, lambda run: median_filter(run, (length, 1), mode="nearest"))


def one_euro(x: Array, fps: float, *, cutoff: float = 1.0, beta: float = 5.0, speed_cutoff: float = 1.0) -> Array:
    """The One-Euro filter: causal, smooth at rest and quick in motion; it starts anew after a gap.

    Args:
        x: [T, ...].
        fps: frames a second.
        cutoff: Hz, at rest.
        beta: by how many Hz the cutoff rises for a speed of one unit a second.
        speed_cutoff: Hz, for the speed itself.

    Source: Casiez, Roussel and Vogel, 1€ Filter, CHI 2012.
    """
    _check_cutoff(cutoff, fps)
    out, columns = _columns(x)
    last, speed = np.full(columns.shape[1], np.nan), np.zeros(columns.shape[1])
    keep_speed = _share(speed_cutoff, fps)
    for row in columns:
        fresh = ~np.isfinite(last)
        step = np.where(fresh, 0.0, (row - last) * fps)
        speed = np.where(fresh, 0.0, speed + keep_speed * (step - speed))
        share = _share(cutoff + beta * np.abs(speed), fps)
        last = np.where(fresh, row, last + share * (row - last))
        row[:] = last
    return out


def _share(cutoff: Array | float, fps: float) -> Array:
    """The weight of the new sample in exponential smoothing."""
    return np.asarray(1.0 / (1.0 + fps / (2 * np.pi * np.asarray(cutoff))))


def _odd(frames: float) -> int:
    """The odd number nearest to it, at least 1."""
    return max(1, 2 * round((frames - 1) / 2) + 1)


def _check_cutoff(cutoff: float, fps: float) -> None:
    """A cutoff that the frame rate can show."""
    if not 0 < cutoff < fps / 2:
        raise InputError(f"the cutoff must lie between 0 and half the frame rate ({fps / 2:g} Hz), got {cutoff:g} Hz")


def _columns(x: Array) -> tuple[Array, Array]:
    """A copy of x, and a view of it as [T, N]."""
    out = np.array(x, np.float64, order="C")  # of another order, reshape would copy
    return out, out.reshape(len(out), -1 if out.size else 0)


def _by_run(x: Array, work: Callable[[Array], Array]) -> Array:
    """Apply a filter of [n, N] to every run without NaN; signals with the same runs go together."""
    out, columns = _columns(x)
    if not columns.size:
        return out
    patterns, which = np.unique(np.isfinite(columns), axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        mine = np.flatnonzero(which.ravel() == k)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], pattern, [False]]).astype(int)))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop - start >= MIN_RUN:
                columns[start:stop, mine] = work(columns[start:stop, mine])
    return out
