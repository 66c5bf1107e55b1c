"""Left and right of one pair of joints exchanged in single views: found against the other views, frame by frame.

A detector that sees a person from behind, or two legs crossing, may call the left knee the right one. A swapped pair
looks like two gross outliers, but both observations are good: exchanging them back keeps the view.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .consensus import GATE, find_consensus, pairs_by_angle, predictive
from .point_solver import Array, Observations, inverse3, linear_points, normal_equations, refine, reproject

SWAP_PRIOR = 0.02
"""How often a pair of joints is exchanged in a view before anything is seen: about what detectors do in side views."""

MIN_GAIN = 12.0
"""Chi-square by which exchanging must win over calling the views outliers."""


def find_pair_swaps(left: Observations, right: Observations, gate: float = GATE) -> NDArray[np.bool_]:
    """Say which views exchange the two joints of a pair.

    Args:
        left: what was called the left joint, n points in V views.
        right: what was called the right joint.
        gate: normalised residual above which a view is an outlier.

    Returns:
        [V, n] True where a view has them exchanged, never in more than half of a point's views.
    """
    out = np.zeros(left.seen.shape, bool)
    both = left.seen & right.seen
    unhappy = np.zeros(both.shape[1], bool)
    for side in (left, right):
        unhappy |= (side.seen & ~find_consensus(side, gate).inlier).any(0)
    todo = np.flatnonzero(unhappy & (both.sum(0) >= 2) & (np.maximum(left.seen, right.seen).sum(0) >= 3))
    if len(todo):
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            out[:, todo] = _search(left.take(todo), right.take(todo), gate)
    return out


def _search(left: Observations, right: Observations, gate: float) -> NDArray[np.bool_]:
    """Try view pairs, as labelled and with the second view exchanged, until a majority of the views is explained."""
    V, n = left.seen.shape
    seen = left.seen | right.seen
    majority = np.maximum(3, seen.sum(0) // 2 + 1)
    penalty = -2 * np.log(SWAP_PRIOR / (1 - SWAP_PRIOR))
    best = np.full(n, np.inf)
    plain = np.full(n, np.inf)
    swapped = np.zeros((V, n), bool)
    active = np.arange(n)
    for i, j in pairs_by_angle(left):
        some = left.take(active), right.take(active)
        settled = np.zeros(len(active), bool)
        for exchange in (False, True):
            keep, swap, _ = view_costs(*some, (i, j), exchange, gate)
            settled |= ((np.minimum(keep, swap) <= gate**2) & seen[:, active]).sum(0) >= majority[active]
            swap = swap + penalty
            cost = np.minimum(keep, swap).sum(0)
            if not exchange:
                plain[active] = np.minimum(plain[active], keep.sum(0))
            better = cost < best[active]
            best[active[better]] = cost[better]
            swapped[:, active[better]] = (swap < keep)[:, better]
        active = active[~settled]
        if not len(active):
            break
    count = (left.seen & right.seen).sum(0)
    flipped = swapped.sum(0) * 2 > count
    swapped = np.where(flipped, ~swapped & left.seen & right.seen, swapped)
    return swapped & (best < plain - MIN_GAIN)


def view_costs(
    left: Observations, right: Observations, pair: tuple[int, int], exchange: bool, gate: float
) -> tuple[Array, Array, list[tuple[Array, Array]]]:
    """What every view says of the points that two views give.

    Args:
        left: what was called the left joint, n points in V views.
        right: what was called the right joint.
        pair: the two views.
        exchange: whether the second of them has left and right exchanged.
        gate: normalised residual at which costs are cut off.

    Returns:
        The cost [V, n] of every view as labelled and exchanged, infinite where the two views contradict each other;
        left and right points [3, n] with their covariances [6, n].
    """
    i, j = pair
    points = []
    keep = np.zeros(left.seen.shape)
    swap = np.zeros(left.seen.shape)
    bad = np.zeros(left.seen.shape[1], bool)
    for own, other in ((left, right), (right, left)):
        first, second = own.take(slice(None), [i]), (other if exchange else own).take(slice(None), [j])
        two = Observations(
            own.R[[i, j]],
            own.t[[i, j]],
            np.concatenate([first.xy, second.xy], axis=1),
            np.concatenate([first.info, second.info], axis=1),
        )
        X = refine(two, linear_points(two), 1)
        res = reproject(two, X)
        C = inverse3(normal_equations(two, res)[0])
        points.append((X, C))
        bad |= ~np.isfinite(X).all(0) | ~(res.chi2.sum(0) <= gate**2) | ~res.in_front.all(0) | ~two.seen.all(0)
        keep += vote_cost(own, X, C, gate)
        swap += vote_cost(other, X, C, gate)
    keep[:, bad] = np.inf
    swap[:, bad] = np.inf
    return keep, swap, points


def vote_cost(obs: Observations, X: Array, C: Array, gate: float) -> Array:
    """Truncated predictive cost [V, n]; a view that saw nothing costs nothing."""
    res = reproject(obs, X)
    chi2, volume = predictive(obs, res, C)
    cost = np.where(res.in_front & np.isfinite(chi2), chi2 + volume, np.inf)
    return np.where(obs.seen, np.minimum(cost, gate**2), 0.0)
