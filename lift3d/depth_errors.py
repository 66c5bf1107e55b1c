"""A lifter's error in depth, predicted where it is not known from joints and frames where it is.

Convention:
    the error is a Gaussian process: a part that the whole recording shares, a part that the body shares for a while,
    and a part that near joints share for a while. The sizes of the three are taken from the errors that are known.

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MEMORY_S = 0.5  # seconds over which an error forgets itself
REACH = 0.25  # metres over which joints share it
NOISE = 0.02  # metres: of triangulated depths
AROUND = 6  # frames with known errors on each side that are asked
USUAL = 0.15  # metres: the error of a lifter whose errors nobody knows, a share of 4 % at 4 m


@dataclass(frozen=True)
class _Sizes:
    """Variances in m² of the three parts."""

    always: float
    body: float
    joint: float


def predict_errors(error: Array, xyz: Array, wanted: Mask, fps: float) -> tuple[Array, Array]:
    """The error where it is wanted.

    Args:
        error: [T, J] metres, NaN where it is not known.
        xyz: [T, J, 3] metres, where the lifter has the joints.
        wanted: [T, J] what to predict.
        fps: frames a second.

    Returns:
        error [T, J] metres and its variance [T, J] m²; NaN where it was not wanted.
    """
    known = np.isfinite(error)
    mean, variance = np.full(error.shape, np.nan), np.full(error.shape, np.nan)
    sizes = _sizes(error)
    frames = np.flatnonzero(known.any(-1))
    for t in np.flatnonzero(wanted.any(-1)):
        at = np.searchsorted(frames, t)
        near = np.union1d(frames[max(0, at - AROUND) : at + AROUND], [t])
        rows, joints = np.nonzero(known[near])
        ask = np.flatnonzero(wanted[t])
        mean[t, ask], variance[t, ask] = _predict(
            (near[rows] / fps, xyz[near[rows], joints], error[near[rows], joints]), (t / fps, xyz[t, ask]), sizes
        )
    return mean, variance


def _sizes(error: Array) -> _Sizes:
    """From the known errors; never nothing, since few of them may agree by chance."""
    known = np.isfinite(error)
    if known.sum() < 2:
        return _Sizes(USUAL**2, USUAL**2 / 4, USUAL**2 / 4)
    seen = known.any(-1)
    body = np.nanmean(error[seen], -1)
    always = float(np.median(body))
    rest = error[seen] - body[:, None]
    floor = 0.03**2
    return _Sizes(always**2 + floor, max(float(np.var(body)), floor), max(float(np.nanvar(rest)), floor))


def _predict(given: tuple[Array, Array, Array], asked: tuple[float, Array], sizes: _Sizes) -> tuple[Array, Array]:
    """Mean and variance of the process at the joints of one frame."""
    time, place, value = given
    now, wanted = asked
    prior = sizes.always + sizes.body + sizes.joint
    if not len(value):
        return np.zeros(len(wanted)), np.full(len(wanted), prior)
    kept = np.isfinite(place).all(-1)
    time, place, value = time[kept], place[kept], value[kept]
    K = _kernel(time, place, (time, place), sizes) + NOISE**2 * np.eye(len(time))
    k = _kernel(np.full(len(wanted), now), wanted, (time, place), sizes)
    factor = cho_factor(K, lower=True)
    spread = (k * cho_solve(factor, k.T).T).sum(-1)
    return k @ cho_solve(factor, value), np.maximum(prior - spread, NOISE**2)


def _kernel(time: Array, place: Array, others: tuple[Array, Array], sizes: _Sizes) -> Array:
    """Covariances [N, M] of errors at some times and places with those at others."""
    lasting = np.exp(-np.abs(time[:, None] - others[0]) / MEMORY_S)
    apart = np.linalg.norm(place[:, None] - others[1], axis=-1)
    return np.asarray(sizes.always + lasting * (sizes.body + sizes.joint * np.exp(-apart / REACH)))
