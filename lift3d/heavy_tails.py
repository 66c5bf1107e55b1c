"""Noise with heavier tails than a Gaussian's: how heavy, and points that heed it.

Inside the gate an error of four sigmas pulls a least-squares point as hard as its size says, though it is far likelier
to be the detector's slip than noise. Under Student's t, an observation with the squared normalised residual c weighs
(k + 2) / (k + c), k being the degrees of freedom. k is read off the data; where they are Gaussian, nothing is done,
and nothing is lost.

Source: Lange, Little and Taylor, Robust statistical modeling using the t distribution, JASA 1989 (weights and
information). The points are integrated out of the likelihood by Laplace's approximation, since four views leave five
degrees of freedom of eight: the residuals of a fit look more Gaussian than the noise is.

A user may also fix the degrees of freedom, for whatever reason. Then the law found in the data says how far points
under the law that was asked for are really off: simulated on the points themselves, and the covariance is scaled to it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lift3d.calib import InputError

from .consensus import CHUNK, Consensus
from .noise import Tails
from .point_solver import (
    SYMMETRIC_3,
    Array,
    Observations,
    Residuals,
    information,
    inverse3,
    normal_equations,
    reproject,
    solve3,
)

DEGREES = (30.0, 20.0, 14.0, 10.0, 7.0, 5.0, 4.0, 3.0)
"""Degrees of freedom tried. Heavier tails than of 3 mean gross errors, which are the gate's."""

SAMPLE = 2_000
"""Points that the tails are read off: in four views so many tell 4 from 7 degrees by a log-likelihood of 65."""

MIN_POINTS = 100
CLEAR = 5.0
"""Log-likelihood by which heavy tails must win over a Gaussian."""

STEPS = 4
"""Reweighted steps: after these a point is within 0.03 sigmas of its place in the mean, at 3 degrees of freedom."""

STEPS_BELOW = 12
"""The same where heavier tails were asked for."""

CHI2_90 = 6.2514
"""90 % of a chi-square with three degrees of freedom."""

SAMPLE_STEPS = 5
WIDTH_ROUNDS = 4
NAMED = {"gaussian": np.inf, "cauchy": 1.0}


def read_tails(tails: str | float) -> float | None:
    """Degrees of freedom as a user asks for them; None where they are to be estimated.

    Args:
        tails: "auto", "gaussian", "cauchy", or a number from 1 up.

    Raises:
        InputError: it is none of these.
    """
    if tails == "auto":
        return None
    if isinstance(tails, str) and tails in NAMED:
        return NAMED[tails]
    try:
        degrees = float(tails)
    except (TypeError, ValueError):
        degrees = np.nan
    if not (np.isfinite(degrees) and degrees >= 1):
        raise InputError(
            f"tails must be auto, gaussian, cauchy or a number of degrees of freedom from 1 up, got {tails!r}"
        )
    return degrees


def estimate_tails(obs: Observations, found: Consensus, gate: float, degrees: float | None = None) -> Tails:
    """The law under which the residuals of points that three views or more agree on are most probable.

    Args:
        obs: in units of the noise that the model states.
        found: the points.
        gate: residuals above it do not count among the inliers.
        degrees: of freedom that are given; the width of the law is estimated even so.

    Returns:
        The law; Gaussian where there are too few points to tell.
    """
    points = np.flatnonzero(found.inlier.sum(0) >= 3)
    if len(points) < MIN_POINTS:
        return Tails()
    points = points[np.linspace(0, len(points) - 1, min(len(points), SAMPLE)).astype(np.intp)]
    sample, X = obs.take(points).weighted(found.inlier[:, points]), found.X[:, points]
    likely = _likeliest(sample, X, gate)
    if degrees is None or degrees == likely.degrees:
        return likely
    asked = _with_width(sample, X, Tails(degrees), gate)
    return replace(asked, spread=_spread(sample, X, asked, likely, gate))


def _likeliest(sample: Observations, X: Array, gate: float) -> Tails:
    """The most probable law; Gaussian without clear evidence."""
    plain, best, X = log_likelihood(sample, X, Tails(), gate)
    least, tails = plain + CLEAR, best
    # From light tails to heavy ones, each starting where the last ended, until it gets worse.
    for degrees in DEGREES:
        score, tails, X = log_likelihood(sample, X, replace(tails, degrees=degrees), gate)
        if score < plain:
            break
        plain, best = score, tails
    return best if plain > least else Tails()


def _with_width(obs: Observations, X: Array, tails: Tails, gate: float) -> Tails:
    """The law with the width at its best. A Gaussian's is what the noise model states already."""
    if tails.gaussian:
        return tails
    for _ in range(WIDTH_ROUNDS):
        _, tails, X = log_likelihood(obs, X, tails, gate)
    return tails


def _spread(obs: Observations, X: Array, asked: Tails, likely: Tails, gate: float) -> float:
    """By what the covariance under one law must be multiplied so that 90 % ellipsoids hold what they say.

    Args:
        obs: the sample, inliers alone.
        X: [3, n] its points.
        asked: the law that points are computed under.
        likely: the law that the noise has.
        gate: what is beyond it would be taken away.
    """
    rng, seen = np.random.default_rng(0), obs.seen
    u = likely.width * rng.normal(size=(2, *seen.shape))
    if not likely.gaussian:
        u /= np.sqrt(rng.chisquare(likely.degrees, seen.shape) / likely.degrees)
    g11, g12, g22 = np.where(seen, obs.info, np.array([1.0, 0.0, 1.0])[:, None, None])
    y = u[1] / np.sqrt(g22 - g12**2 / g11)  # u = L' e, the information being L L'
    e = np.stack([(u[0] - g12 / np.sqrt(g11) * y) / np.sqrt(g11), y])
    made = replace(obs, xy=obs.xy + reproject(obs, X).e + e).weighted((u**2).sum(0) <= gate**2)
    Y = X
    for _ in range(_steps(asked)):
        Y, _ = _step(made, Y, asked)
    H = _curvature(made, Y, asked)[0]
    off = Y - X
    squared = np.einsum("an,abn,bn->n", off, H[SYMMETRIC_3], off)[made.seen.sum(0) >= 3]
    return float(np.quantile(squared, 0.9)) / CHI2_90


def heed_tails(obs: Observations, found: Consensus, tails: Tails) -> Consensus:
    """Move the points that three views or more agree on to where they are most probable under heavy tails.

    Args:
        obs: in units of the noise that the model states.
        found: the points by least squares.
        tails: the law.

    Returns:
        The same points and inliers, with X, C and chi2 anew.
    """
    points = np.flatnonzero(found.inlier.sum(0) >= 3)
    if tails.gaussian:
        C = found.C.copy()
        C[:, points] *= tails.spread
        return replace(found, C=C)
    X, C, chi2 = found.X.copy(), found.C.copy(), found.chi2.copy()
    size = max(256, CHUNK // len(obs.R))
    for start in range(0, len(points), size):
        some = points[start : start + size]
        part, moved = obs.take(some).weighted(found.inlier[:, some]), X[:, some]
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            for _ in range(_steps(tails)):
                moved, _ = _step(part, moved, tails)
            H, res = _curvature(part, moved, tails)
            spread = tails.spread * inverse3(H)
        good = np.isfinite(moved).all(0) & np.isfinite(spread).all(0) & (spread[[0, 3, 5]] > 0).all(0)
        good &= (res.in_front | ~part.seen).all(0)
        X[:, some[good]], C[:, some[good]], chi2[:, some[good]] = moved[:, good], spread[:, good], res.chi2[:, good]
    return replace(found, X=X, C=C, chi2=chi2)


def _steps(tails: Tails) -> int:
    """How many reweighted steps points need."""
    return STEPS if tails.degrees >= min(DEGREES) else STEPS_BELOW


def _weigh(chi2: Array, tails: Tails) -> Array:
    """What observations with these squared residuals weigh."""
    if tails.gaussian:
        return np.full(chi2.shape, tails.width**-2.0)
    return (tails.degrees + 2) / (tails.degrees * tails.width**2 + chi2)


def _step(obs: Observations, X: Array, tails: Tails) -> tuple[Array, Array]:
    """The points after one reweighted Gauss-Newton step, and the squared residuals before it."""
    res = reproject(obs, X)
    H, g = normal_equations(_times(obs, _weigh(res.chi2, tails)), res)
    step = solve3(H, g)
    return np.where(np.isfinite(step).all(0), X - step, X), res.chi2


def _curvature(obs: Observations, X: Array, tails: Tails) -> tuple[Array, Residuals]:
    """Expected second derivatives [6, n] of minus the log-likelihood at X; and the residuals there.

    The loss of Student's t bends less than its weights say.
    """
    res = reproject(obs, X)
    bend = 1.0 if tails.gaussian else (tails.degrees + 2) / (tails.degrees + 4)
    return information(_times(obs, bend * _weigh(res.chi2, tails)), res), res


def _times(obs: Observations, weight: Array) -> Observations:
    """Observations that weigh otherwise."""
    return replace(obs, info=obs.info * weight)


def log_likelihood(obs: Observations, X: Array, tails: Tails, gate: float) -> tuple[float, Tails, Array]:
    """How probable the observations are, whatever the points may be.

    Args:
        obs: inliers alone, of points that three views or more see.
        X: [3, n] start values.
        tails: degrees of freedom, and a start value of the width.
        gate: what is beyond it was taken away.

    Returns:
        The log-likelihood up to a constant; the law with the width at its best; the points under it.
    """
    k, count = tails.degrees, int(obs.seen.sum())
    free = 2 * count - 3 * X.shape[1]
    for _ in range(SAMPLE_STEPS):
        X, chi2 = _step(obs, X, tails)
        spread = float((_weigh(chi2, tails) * chi2).sum()) / free
        tails = replace(tails, width=tails.width * np.sqrt(spread))
    H, res = _curvature(obs, X, tails)
    _, bend = np.linalg.slogdet(H[SYMMETRIC_3].transpose(2, 0, 1))
    whole = -2 * count * np.log(tails.width) - 0.5 * bend.sum()
    c = res.chi2 / tails.width**2
    if tails.gaussian:
        return float(whole - 0.5 * c.sum()), tails, X
    # What the gate took away is no sign of light tails. It looks at residuals, which are smaller than the noise.
    reach = gate**2 / tails.width**2 * (2 * count / free)
    kept = np.log1p(-((1 + reach / k) ** (-k / 2)))
    return float(whole - (k / 2 + 1) * np.log1p(c / k).sum() - count * kept), tails, X
