"""Robust triangulation of many points: which views agree, and on what.

Every point is first solved from all its views. Points whose views disagree go through view-pair hypotheses: two views
give a point with its covariance, every other view votes by how well it fits under that covariance, and the first
hypothesis that a majority of at least three views supports is taken; without one, the best of all pairs. The cost of a
point is at most V² pairs times V votes, and for the usual share of outliers close to V.

Source: the vote is MSAC (Torr and Zisserman, MLESAC, CVIU 2000) on the predictive distribution of each residual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .point_solver import (
    Array,
    Observations,
    Residuals,
    apply3,
    chi_square,
    information,
    inverse3,
    linear_points,
    normal_equations,
    refine,
    reproject,
    solve3,
)

GATE = 4.5
"""Residuals above this many standard deviations are outliers: one inlier in 25,000 (chi-square, 2 d.o.f.) is lost."""

MARGIN = 6.0
"""Chi-square by which a place that only two views support must win over another: odds of 20 to 1."""

CHUNK = 32_768
"""Observations handled at once: some 60 temporaries of this size stay in a CPU's second-level cache."""


@dataclass(frozen=True, eq=False)
class Consensus:
    """Robustly triangulated points.

    Args:
        X: [3, n] metres; NaN where no two views agree.
        C: [6, n] m², covariance in units of the noise that the observations were given.
        inlier: [V, n] views that count.
        chi2: [V, n] squared normalised residuals of the views that count, 0 elsewhere.
        leverage: [V, n] the share of each observation's own noise that its fit absorbs, trace of the hat matrix / 2;
            zeros unless it was asked for.
    """

    X: Array
    C: Array
    inlier: NDArray[np.bool_]
    chi2: Array
    leverage: Array


FIELDS = ("X", "C", "inlier", "chi2", "leverage")


def find_consensus(obs: Observations, gate: float = GATE, *, leverage: bool = False) -> Consensus:
    """Triangulate every point from the views that agree.

    Args:
        obs: what the cameras saw.
        gate: normalised residual above which a view is an outlier.
        leverage: compute it too; zeros otherwise.
    """
    found = _in_chunks(obs, lambda part: _agreeing(part, gate, leverage))
    count = obs.seen.sum(0)
    search = np.flatnonzero(~found.inlier.any(0) & (count >= 3))
    if len(search):
        pairs = pairs_by_angle(obs)
        result = _in_chunks(obs.take(search), lambda part: _searched(part, pairs, gate, leverage))
        for name in FIELDS:
            getattr(found, name)[:, search] = getattr(result, name)
    return found


def _in_chunks(obs: Observations, work: Callable[[Observations], Consensus]) -> Consensus:
    """Apply work to a few thousand points at a time."""
    V, n = obs.info.shape[1:]
    step = max(256, CHUNK // V)
    parts = [work(obs.take(slice(start, start + step))) for start in range(0, max(n, 1), step)]
    return Consensus(*(np.concatenate([getattr(part, name) for part in parts], axis=1) for name in FIELDS))


def pairs_by_angle(obs: Observations) -> list[tuple[int, int]]:
    """All view pairs, those that see the middle of the scene under the most useful angle first."""
    V, n = obs.info.shape[1:]
    sample = obs.take(np.arange(0, n, max(1, n // 500)))
    with np.errstate(invalid="ignore"):
        X = linear_points(sample)
    finite = np.isfinite(X).all(0)
    middle = np.median(X[:, finite], axis=1) if finite.any() else np.zeros(3)
    rays = middle + np.einsum("vba,vb->va", obs.R, obs.t)  # from each centre to the middle
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-9)
    sine = np.linalg.norm(np.cross(rays[:, None], rays[None]), axis=-1)
    pairs = [(i, j) for i in range(V) for j in range(i + 1, V)]
    return sorted(pairs, key=lambda pair: -sine[pair])


def _agreeing(obs: Observations, gate: float, leverage: bool) -> Consensus:
    """Plain least squares, kept where all views agree."""
    seen = obs.seen
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        X = refine(obs, linear_points(obs), 1)
        res = reproject(obs, X)
        wrong = (~(res.chi2 <= gate**2) | ~res.in_front) & seen
        agree = np.isfinite(X).all(0) & ~wrong.any(0)
        return _finish(obs, X, res, seen & agree, leverage)


def _searched(obs: Observations, pairs: list[tuple[int, int]], gate: float, leverage: bool) -> Consensus:
    """Points whose views disagree: the best pair's, refined on the views that go with it."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        X, inlier = _settle(obs, *_best_pair(obs, pairs, gate), gate)
        kept = obs.weighted(inlier)
        return _finish(kept, X, reproject(kept, X), inlier, leverage)


def _finish(obs: Observations, X: Array, res: Residuals, inlier: NDArray[np.bool_], leverage: bool) -> Consensus:
    """Covariance and residuals of the points that two or more views agree on; others become NaN."""
    C = inverse3(information(obs, res))
    good = (inlier.sum(0) >= 2) & np.isfinite(C).all(0) & np.isfinite(X).all(0) & (C[[0, 3, 5]] > 0).all(0)
    inlier = inlier & good
    share = np.zeros(inlier.shape)
    if leverage:
        M = _spread(res, C)
        g11, g12, g22 = obs.info
        share = np.where(inlier, 0.5 * (g11 * M[0] + 2 * g12 * M[1] + g22 * M[2]), 0.0)
    bad = ~good
    X, C = X.copy(), C.copy()
    X[:, bad] = np.nan
    C[:, bad] = np.nan
    return Consensus(X, C, inlier, np.where(inlier, res.chi2, 0.0), share)


def _spread(res: Residuals, C: Array) -> Array:
    """B C B' for every view and point, entries [3, V, n]: how far a point's uncertainty moves its images."""
    b1, b2 = res.B
    rows = ((0, 1, 2), (1, 3, 4), (2, 4, 5))
    CB1 = [sum(C[rows[a][b]] * b1[b] for b in range(3)) for a in range(3)]
    CB2 = [sum(C[rows[a][b]] * b2[b] for b in range(3)) for a in range(3)]
    return np.stack(
        [
            sum(b1[k] * CB1[k] for k in range(3)),
            sum(b2[k] * CB1[k] for k in range(3)),
            sum(b2[k] * CB2[k] for k in range(3)),
        ]
    )


def predictive(obs: Observations, res: Residuals, C: Array) -> tuple[Array, Array]:
    """Chi-square of each residual under noise plus the point's own uncertainty C, and the log of their volume ratio.

    For an observation that the point was not computed from. The log ratio is what keeps an ill-determined point,
    which could explain anything, from winning votes.
    """
    m11, m12, m22 = _spread(res, C)
    g11, g12, g22 = obs.info
    det_g = np.maximum(g11 * g22 - g12 * g12, 1e-300)
    s11, s12, s22 = g22 / det_g + m11, -g12 / det_g + m12, g11 / det_g + m22
    det_s = s11 * s22 - s12 * s12
    e1, e2 = res.e
    chi2 = (s22 * e1 * e1 - 2 * s12 * e1 * e2 + s11 * e2 * e2) / det_s
    return chi2, np.log(np.maximum(det_s * det_g, 1.0))


def _best_pair(obs: Observations, pairs: list[tuple[int, int]], gate: float) -> tuple[Array, NDArray[np.bool_]]:
    """The view pair's point that the views vote for [3, n], and who voted for it [V, n].

    NaN where no pair is consistent in itself, and where two places are about equally likely: then nobody can tell
    which views are wrong.
    """
    seen = obs.seen
    V, n = seen.shape
    majority = np.maximum(3, seen.sum(0) // 2 + 1)
    best = np.full(n, np.inf)
    rival = np.full(n, np.inf)
    X_best = np.full((3, n), np.nan)
    voters = np.zeros((V, n), bool)
    settled = np.zeros(n, bool)
    active = np.arange(n)
    for i, j in pairs:
        todo = active[seen[i, active] & seen[j, active]]
        if not len(todo):
            continue
        X, H, score, fits = _vote(obs.take(todo), i, j, gate)
        old = best[todo]
        step = X - X_best[:, todo]
        apart = (step * apply3(H, step)).sum(0) > gate**2
        better = score < old
        rival[todo] = np.where(apart, np.minimum(rival[todo], np.maximum(score, old)), rival[todo])
        winners = todo[better]
        best[winners], X_best[:, winners], voters[:, winners] = score[better], X[:, better], fits[:, better]
        settled[todo[fits.sum(0) >= majority[todo]]] = True
        active = active[~settled[active]]
        if not len(active):
            break
    X_best[:, ~settled & (rival < best + MARGIN)] = np.nan
    return X_best, voters


def _vote(obs: Observations, i: int, j: int, gate: float) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Points [3, n] from views i and j, their information [6, n], cost over all views [n], and who supports them."""
    X = linear_points(obs.take(slice(None), [i, j]))
    res = reproject(obs, X)
    # One Gauss-Newton step on the pair; the residuals follow it to first order.
    own = obs.take(slice(None), [i, j])
    H, g = normal_equations(
        own, Residuals(res.e[:, [i, j]], res.B[:, :, [i, j]], res.chi2[[i, j]], res.in_front[[i, j]])
    )
    C = inverse3(H)
    step = apply3(C, g)
    X = X - step
    e = res.e - np.einsum("akvn,kn->avn", res.B, step)
    res = Residuals(e, res.B, chi_square(obs, e), res.in_front)
    chi2, volume = predictive(obs, res, C)
    cost = np.where(res.in_front, chi2 + volume, np.inf)
    cost[[i, j]] = np.where(res.in_front[[i, j]], res.chi2[[i, j]], np.inf)
    fits = (cost <= gate**2) & obs.seen
    score = np.where(obs.seen, np.minimum(cost, gate**2), 0.0).sum(0)
    sound = np.isfinite(X).all(0) & np.isfinite(C).all(0) & (cost[[i, j]].sum(0) <= gate**2)
    return X, H, np.where(sound, score, np.inf), fits & sound


def _settle(obs: Observations, X: Array, inlier: NDArray[np.bool_], gate: float) -> tuple[Array, NDArray[np.bool_]]:
    """Refine on the views that fit, let all be judged by the refined point, and refine on those that pass."""
    kept = obs.weighted(inlier)
    H, g = normal_equations(kept, reproject(kept, X))
    X = X - solve3(H, g)
    res = reproject(obs, X)
    outside = np.where(inlier, res.chi2, predictive(obs, res, inverse3(H))[0])
    inlier = obs.seen & (outside <= gate**2) & res.in_front
    return refine(obs.weighted(inlier), X, 1), inlier
