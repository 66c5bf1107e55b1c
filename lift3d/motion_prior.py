"""How smoothly a joint moves: third differences in time are small, and how small is read off the data.

A joint's third difference over frames is taken for white noise of variance q (m²): white jerk, seen frame by frame.
q is what makes the triangulated positions, with the noise they are known to have, most probable. It is a property of
the joint and the frame rate; a wrist has a larger one than a hip. And since people rest and then move fast, q is
corrected frame by frame by how well neighbours in time predict each other under smaller and larger values.

Source: state-space smoothing with the marginal likelihood in Durbin and Koopman, Time Series Analysis by State Space
Methods, chapter 7; here in the equivalent banded form. The frame by frame correction is ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize_scalar

from .banded import ORDER, BandedCholesky

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

DIFFERENCE = np.array([-1.0, 3.0, -3.0, 1.0])
TOP_SPEED = 10.0
"""m/s: a weak prior on velocity, which keeps a joint that was seen in one frame only from having any."""

LOG_RATIO = (-10.0, 4.0)
"""Range of log10(q / noise variance) searched: at -10 positions are averaged over some 50 frames, at 4 hardly
at all."""

OUTLIER = 4.0

FACTORS = 10.0 ** np.arange(-2, 3)
"""Factors on q that are tried frame by frame."""

MEMORY_S = 0.1
"""Standard deviation of the window over which a factor must prove itself."""

LOCAL_PRIOR = 1.5
"""Log odds against each power of ten: steady motion keeps the q of the recording."""

JOINT_SPREAD = 0.7
"""Standard deviation of log10 q over the joints of a person: keeps a short recording of a calm joint from q = 0."""

GAIN = 1 / 3
"""In a long recording smoothing leaves (1/3) (q / v)^(1/6) of the noise variance v (white jerk, small q / v)."""


def motion_bands(active: Mask, precision: Array, fps: float) -> Array:
    """The prior's part of the normal equations.

    Args:
        active: [n, J] frames to which a joint's motion extends; it starts anew after a frame that is not active.
        precision: [n, J] or [J], 1/q for the third difference that starts at each frame.
        fps: frames a second.

    Returns:
        [ORDER + 1, n, J] in 1/m², the coupling of frame t with frame t + s.
    """
    n, joints = active.shape
    bands = np.zeros((ORDER + 1, n, joints))
    add_differences(bands, active, np.broadcast_to(precision, active.shape), DIFFERENCE)
    add_differences(bands, active, np.full(active.shape, (fps / TOP_SPEED) ** 2), np.array([-1.0, 1.0]))
    return bands


def add_differences(bands: Array, active: Mask, weight: Array, row: Array) -> None:
    """Add the squares of one difference at every frame where all its terms are active.

    Args:
        bands: [ORDER + 1, n, J], changed in place.
        active: [n, J].
        weight: [n, J] of the difference that starts at each frame.
        row: the difference's terms, ORDER + 1 at most.
    """
    count = len(active) - len(row) + 1
    if count <= 0:
        return
    whole = np.ones((count, active.shape[1]), bool)
    for k in range(len(row)):
        whole &= active[k : k + count]
    weight = np.where(whole, weight[:count], 0.0)
    for a in range(len(row)):
        for b in range(a, len(row)):
            bands[b - a, a : a + count] += row[a] * row[b] * weight


def estimate_strength(x: Array, variance: Array, fps: float, *, usual: float | None = None) -> float:
    """The q that makes a joint's measured positions most probable.

    Args:
        x: [n, 3] metres, NaN where missing.
        variance: [n, 3] m², of the measured positions' independent errors, axis by axis.
        fps: frames a second.
        usual: q of the person's joints, from which this one's will not be far; None: nothing is known.

    Returns:
        q in m² a frame^6 (variance of the third difference from frame to frame); NaN with fewer than 10 positions.
    """
    seen: Mask = np.asarray(np.isfinite(x).all(-1) & np.isfinite(variance).all(-1))
    if seen.sum() < 10:
        return float("nan")
    first, last = np.flatnonzero(seen)[[0, -1]]
    x, variance, seen = x[first : last + 1], variance[first : last + 1], seen[first : last + 1]
    info = np.where(seen[:, None], 1.0 / np.where(seen[:, None], variance, 1.0), 0.0)
    x = np.where(seen[:, None], x - x[seen].mean(0), 0.0)
    best = _most_probable(x, info, fps, usual)
    residual = np.stack([_smooth(x[:, k], info[:, k], best, fps)[0] - x[:, k] for k in range(3)], axis=1)
    wild = (residual**2 * info).max(1) > OUTLIER**2
    if wild.any():
        best = _most_probable(x, np.where(wild[:, None], 0.0, info), fps, usual)
    return best


def local_strength(info: Array, x: Array, active: Mask, strength: Array, fps: float) -> Array:
    """The q of every frame: that of the recording, raised where a joint moves faster and lowered where it rests.

    Each factor is judged by how well every position is predicted from the others, without itself.

    Args:
        info: [n, J, 3, 3] 1/m², information of the measured positions, 0 where there is none.
        x: [n, J, 3] metres, finite.
        active: [n, J] see :func:`motion_bands`.
        strength: [J] q of the recording, m².
        fps: frames a second.

    Returns:
        q [n, J].
    """
    n, J, _ = x.shape
    mean_info = np.trace(info, axis1=2, axis2=3) / 3
    least = 10.0 ** LOG_RATIO[0] / np.maximum(np.ma.median(np.ma.masked_equal(mean_info, 0), axis=0).filled(1.0), 1e-12)
    scores = np.empty((len(FACTORS), n, J))
    for k, factor in enumerate(FACTORS):
        q = np.maximum(strength * factor, least)
        bands = motion_bands(active, 1.0 / q, fps)
        kept = np.minimum(GAIN * (q * mean_info) ** (1 / 6), 0.9)
        for j in range(J):
            blocks = np.where(active[:, j, None, None], info[:, j], np.eye(3))
            right = np.einsum("nab,nb->na", blocks, np.where(active[:, j, None], x[:, j], 0.0))
            r = x[:, j] - BandedCholesky(blocks, np.repeat(bands[:, :, [j]], 3, axis=2)).solve(right)
            chi2 = np.einsum("na,nab,nb->n", r, info[:, j], r) / (1 - kept[:, j])
            # Residuals are capped: one outlier is no motion.
            scores[k, :, j] = 1.5 * np.log(1 - kept[:, j]) - 0.5 * np.minimum(chi2, 3 * OUTLIER**2)
    scores[:, mean_info == 0] = 0.0
    width = MEMORY_S * fps
    log_factor = np.log10(FACTORS)
    total = gaussian_filter1d(scores, width, axis=1, mode="constant") * (2 * np.sqrt(np.pi) * width)
    total -= LOCAL_PRIOR * np.abs(log_factor)[:, None, None]
    share = np.exp(total - total.max(0))
    mean = np.einsum("k,knj->nj", log_factor, share / share.sum(0))
    return np.asarray(np.maximum(strength * 10.0**mean, least))


def _most_probable(x: Array, info: Array, fps: float, usual: float | None) -> float:
    """Maximise the marginal likelihood over log q, times the prior if there is one."""
    unit = 1.0 / float(np.median(info[info > 0]))

    def cost(log_ratio: float) -> float:
        far = 0.0 if usual is None else (log_ratio - np.log10(usual / unit)) / JOINT_SPREAD
        return far**2 + sum(_smooth(x[:, k], info[:, k], unit * 10.0**log_ratio, fps)[1] for k in range(3))

    coarse = np.linspace(*LOG_RATIO, 9)
    start = float(coarse[np.argmin([cost(value) for value in coarse])])
    bounds = max(start - 2, LOG_RATIO[0]), min(start + 2, LOG_RATIO[1])
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 0.05})
    return unit * 10.0 ** float(found.x)


def _smooth(x: Array, info: Array, q: float, fps: float) -> tuple[Array, float]:
    """The posterior mean of one axis, and minus twice its log marginal likelihood up to a constant."""
    n = len(x)
    lower = motion_bands(np.ones((n, 1), bool), np.full(1, 1.0 / q), fps)[..., 0]
    lower[0] += info
    factor = cholesky_banded(lower, lower=True, check_finite=False)
    mean = cho_solve_banded((factor, True), info * x, check_finite=False)
    # Differences, not mean' prior mean, whose terms cancel to a millionth of themselves.
    energy = (np.diff(mean, ORDER) ** 2).sum() / q + (np.diff(mean) ** 2).sum() * (fps / TOP_SPEED) ** 2
    fit = (info * (x - mean) ** 2).sum()
    return mean, float(fit + energy + 2 * np.log(factor[0]).sum() + max(n - ORDER, 0) * np.log(q))
