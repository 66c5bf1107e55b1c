"""Left and right of whole bodies exchanged in single views, found as one problem over the views and over time.

A network that takes a person's back for the front exchanges left and right in every view from behind, for as long as
the person stands so. Two views against two cannot be outvoted, and the frames around say nothing else. So for every
frame all ways of exchanging views are weighed against each other: by how well the views then meet in space, by how
often views begin and stop to exchange, by the sides in the frame before (nobody turns round within a frame), and by
anatomy (:mod:`lift3d.facing`), which alone tells a body from its mirror image. The cheapest path through the frames is
taken (Viterbi); where the same path with all views exchanged is about as cheap, that is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import product

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Rig

from .consensus import CHUNK, find_consensus, pairs_by_angle
from .facing import Facing
from .pair_swaps import view_costs
from .point_solver import Array, Observations
from .view_matching import CUT, Views

Mask = NDArray[np.bool_]

ALL_VIEWS = 5
"""Up to so many views all ways of exchanging some are weighed; with more, those that single frames suggest."""

MOST_WAYS = 16
OFTEN = 0.1
"""Share of the frames in which such a way must be seen; what is rarer is left to :mod:`lift3d.swaps`."""

SAMPLE = 100
"""Frames that are asked for ways of exchanging views, where there are many views."""

JOINT_SHARE = 0.5
"""Joints of a body err together: what their residuals say is worth this share of its chi-square."""

CHANGE_COST = 10.0
"""Chi-square that it costs a view to begin or to stop exchanging sides."""

TURN_COST = 60.0
"""Chi-square that it costs a body to turn round within a frame."""

FRAMES_ALIKE = 15
"""Consecutive frames that say one thing about anatomy, not many."""

VIEW_ODDS = 3.0
"""Log of the odds that a view's names are right, before anything is seen; for all frames together, since a detector
that errs about a view errs as long as the person stands so."""

SURE = 2 * np.log(20.0)
"""Chi-square by which a choice of sides must win over the opposite one; below it, sides may be exchanged."""

MEMORY = 30
"""Frames over which sides are remembered while a body is not seen."""

BURST = 0.25
"""Share of the frames around in which a view that exchanges less often does it in bursts."""


@dataclass(frozen=True, eq=False)
class BodySides:
    """Whole bodies exchanged.

    Args:
        exchanged: [T, V, P] views that have left and right of the body exchanged.
        unsure: [T, P] where views disagree, and which of them are right could not be told.
    """

    exchanged: Mask
    unsure: Mask


@dataclass(frozen=True, eq=False)
class _Table:
    """What single frames say of K ways of exchanging views, each up to exchanging all.

    Args:
        cost: [T, P, K] chi-square.
        front: [T, P, K] log of the odds that the body's names are right, as anatomy says.
        across: [T, P, K, 3] from left to right; 0 where unknown.
        sure: [T, P, K] how sure that is, 0 to 1.
    """

    cost: Array
    front: Array
    across: Array
    sure: Array


@dataclass(frozen=True, eq=False)
class BodyViews:
    """Bodies as the views name them.

    Args:
        obs: V views of n = T * P * J points, in units of the tolerance of association.
        shape: (T, P, J).
        pairs: (left, right) joints.
        facing: anatomy, where the joint set is known.
    """

    obs: Observations
    shape: tuple[int, int, int]
    pairs: tuple[tuple[int, int], ...]
    facing: Facing | None

    @classmethod
    def of(
        cls,
        obs: Observations,
        rig: Rig,
        shape: tuple[int, int, int],
        pairs: tuple[tuple[int, int], ...],
        facing: Facing | None,
    ) -> BodyViews:
        """From observations of any noise.

        Args:
            obs: V views of T * P * J points.
            rig: the cameras.
            shape: (T, P, J).
            pairs: (left, right) joints.
            facing: anatomy, where the joint set is known.
        """
        V, (T, P, J) = len(rig), shape
        xy = np.where(obs.seen, obs.xy, np.nan).reshape(2, V, T, P, J)
        tolerance = Views.of(rig).tolerance(np.moveaxis(xy, (0, 1), (-1, 2)))  # [T, P, V]
        weight = np.repeat(np.moveaxis(tolerance, -1, 0).reshape(V, T * P), J, axis=1) ** -2.0
        info = np.zeros((3, V, T * P * J))
        info[0] = info[2] = np.where(obs.seen, weight, 0.0)
        return cls(Observations(obs.R, obs.t, obs.xy, info), shape, pairs, facing)

    def frames(self, frames: slice | NDArray[np.intp]) -> BodyViews:
        """Some of the frames."""
        T, P, J = self.shape
        points = np.arange(T * P * J).reshape(T, P * J)[frames].ravel()
        return BodyViews(self.obs.take(points), (len(points) // (P * J), P, J), self.pairs, self.facing)

    def sides(self) -> tuple[Observations, Observations]:
        """What is called left, and what is called right: T * P * G points, the pairs innermost."""
        T, P, J = self.shape
        start = np.arange(T * P)[:, None] * J
        left, right = (self.obs.take((start + np.array(side)).ravel()) for side in zip(*self.pairs, strict=True))
        return left, right

    @property
    def there(self) -> Mask:
        """[T, P, V] who sees somebody."""
        seen: Mask = np.any(self.obs.seen.reshape(-1, *self.shape), axis=-1)
        return np.moveaxis(seen, 0, -1)


def find_body_sides(bodies: BodyViews) -> BodySides:
    """Say which views exchange left and right of whole bodies.

    Args:
        bodies: everybody in consecutive frames.
    """
    T = bodies.shape[0]
    there = bodies.there
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        ways = _ways(bodies)
        table = _table(bodies, ways)
    states = np.concatenate([ways, ~ways])  # [S, V]: exchanging all is another state
    sign = np.repeat([1.0, -1.0], len(ways))
    emission = np.concatenate([table.cost, table.cost], axis=-1)
    emission -= 2 / min(FRAMES_ALIKE, max(T, 1)) * sign * np.concatenate([table.front] * 2, axis=-1)
    emission += 2 * VIEW_ODDS / max(T, 1) * (there[:, :, None] & states).sum(-1)
    across = np.concatenate([table.across, -table.across], axis=2)
    path, margin = _cheapest_path(emission, _Turns(states, across, np.concatenate([table.sure] * 2, axis=-1)))
    exchanged = states[path] & there  # [T, P, V]
    exchanged &= ~_bursts(exchanged, there)
    return BodySides(np.moveaxis(exchanged, -1, 1), exchanged.any(-1) & (margin < SURE))


def _bursts(exchanged: Mask, there: Mask) -> Mask:
    """[T, P, V] exchanges of few views for a moment: :mod:`lift3d.swaps` finds them, and which joints they spare."""
    T = len(exchanged)
    sums = np.concatenate([np.zeros_like(exchanged[:1], float), exchanged.cumsum(0, float)])
    first, last = np.maximum(np.arange(T) - MEMORY, 0), np.minimum(np.arange(T) + MEMORY + 1, T)
    share = (sums[last] - sums[first]) / (last - first)[:, None, None]
    few = exchanged.sum(-1, keepdims=True) * 2 < there.sum(-1, keepdims=True)
    return np.asarray(few & (share < BURST))


def _ways(bodies: BodyViews) -> Mask:
    """[K, V] ways of exchanging views, the first of which keeps all as they are; never one and its opposite."""
    V = len(bodies.obs.R)
    none = np.zeros((1, V), bool)
    if V <= 2:
        return none
    if V <= ALL_VIEWS:
        return np.array([(False, *rest) for rest in product((False, True), repeat=V - 1)])
    frames = np.unique(np.linspace(0, bodies.shape[0] - 1, SAMPLE).astype(np.intp))
    left, right = bodies.frames(frames).sides()
    m, G = len(frames) * bodies.shape[1], len(bodies.pairs)
    best, found = np.full(m, np.inf), np.zeros((m, V), bool)
    for _, exchange, (keep, swap, _) in _hypotheses(left, right):
        keep, swap = (np.minimum(cost, 2 * CUT**2).reshape(V, m, G).sum(-1) for cost in (keep, swap))
        total = np.minimum(keep, swap).sum(0) + exchange  # of equals that which exchanges nothing
        better = total < best
        best[better], found[better] = total[better], (swap < keep).T[better]
    found ^= found.sum(1, keepdims=True) * 2 > V
    ways, count = np.unique(found, axis=0, return_counts=True)
    often = count >= OFTEN * m
    ways = ways[often][np.argsort(-count[often], kind="stable")]
    ways = np.concatenate([none, ways[ways.any(1)]])
    kept: list[NDArray[np.bool_]] = []
    for way in ways[:MOST_WAYS]:
        if not any((way == ~other).all() for other in kept):
            kept.append(way)
    return np.array(kept)


def _hypotheses(
    left: Observations, right: Observations, ways: Mask | None = None
) -> Iterator[tuple[tuple[int, int], bool, tuple[Array, Array, list[tuple[Array, Array]]]]]:
    """Every two views, agreeing and disagreeing about sides, and what the others say of the points that they give.

    With ``ways`` [K, V] only what one of them asks for.
    """
    pairs = pairs_by_angle(left)
    V = len(left.R)
    for i, j in pairs if V <= ALL_VIEWS else pairs[: 3 * V]:
        for exchange in (False, True):
            if ways is None or ((ways[:, i] != ways[:, j]) == exchange).any():
                yield (i, j), exchange, view_costs(left, right, (i, j), exchange, CUT)


def _table(bodies: BodyViews, ways: Mask) -> _Table:
    """Weigh all ways in all frames, some frames at a time."""
    T, P, J = bodies.shape
    step = max(32, CHUNK // max(len(bodies.obs.R) * P * J, 1))
    parts = [_weigh(bodies.frames(slice(start, start + step)), ways) for start in range(0, T, step)]
    names = [field.name for field in fields(_Table)]
    return _Table(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _weigh(bodies: BodyViews, ways: Mask) -> _Table:
    """Weigh all ways in a few frames."""
    (T, P, J), K, G = bodies.shape, len(ways), len(bodies.pairs)
    left, right = bodies.sides()
    cost, X, C = _best_points(left, right, ways)
    cost = JOINT_SHARE * cost.reshape(K, T, P, G).sum(-1)
    # Two views meet about as well either way.
    cost[:, bodies.there.sum(-1) < 3] = 0.0
    xyz, covariance = np.full((K, T * P, J, 3), np.nan), np.full((K, T * P, J, 6), np.nan)
    for side, joints in enumerate(zip(*bodies.pairs, strict=True)):
        xyz[:, :, list(joints)] = np.moveaxis(X[:, side], 1, -1).reshape(K, T * P, G, 3)
        covariance[:, :, list(joints)] = np.moveaxis(C[:, side], 1, -1).reshape(K, T * P, G, 6)
    single = np.setdiff1d(np.arange(J), np.ravel(bodies.pairs))
    if len(single):
        found = find_consensus(bodies.obs.take((np.arange(T * P)[:, None] * J + single).ravel()), CUT)
        xyz[:, :, single] = found.X.T.reshape(T * P, len(single), 3)
        covariance[:, :, single] = found.C.T.reshape(T * P, len(single), 6)
    front, across, sure = _stance(bodies, xyz.reshape(-1, J, 3), covariance.reshape(-1, J, 6))
    shape = (K, T, P)
    parts: list[Array] = [cost, front.reshape(shape), across.reshape(*shape, 3), sure.reshape(shape)]
    return _Table(*(np.moveaxis(part, 0, 2) for part in parts))


def _stance(bodies: BodyViews, xyz: Array, covariance: Array) -> tuple[Array, Array, Array]:
    """What anatomy says of bodies [n, J, 3], from left to right [n, 3], how sure that is [n]."""
    if bodies.facing is not None:
        return (bodies.facing.evidence(xyz, covariance), *bodies.facing.across(xyz, covariance))
    lefts, rights = (list(side) for side in zip(*bodies.pairs, strict=True))
    across = np.ma.mean(np.ma.masked_invalid(xyz[:, rights] - xyz[:, lefts]), axis=1).filled(0.0)
    return np.zeros(len(xyz)), np.asarray(across), np.full(len(xyz), 0.5)


def _best_points(left: Observations, right: Observations, ways: Mask) -> tuple[Array, Array, Array]:
    """For K ways, the best points that any two views give, joint by joint.

    Returns costs [K, n] of a pair of joints over all views, points [K, 2, 3, n] (left, right) and covariances
    [K, 2, 6, n]; NaN where no two views agree.
    """
    K, n = len(ways), left.seen.shape[1]
    nothing = CUT**2 * (left.seen.sum(0) + right.seen.sum(0))
    best = np.repeat(nothing[None].astype(float), K, axis=0)
    X, C = np.full((K, 2, 3, n), np.nan), np.full((K, 2, 6, n), np.nan)
    for (i, j), exchange, (keep, swap, points) in _hypotheses(left, right, ways):
        for k in np.flatnonzero((ways[:, i] != ways[:, j]) == exchange):
            turned = bool(ways[k, i])
            total = np.where((ways[k] != turned)[:, None], swap, keep).sum(0)
            better = total < best[k]
            best[k, better] = total[better]
            for side in (0, 1):
                place, spread = points[side != turned]
                X[k, side][:, better], C[k, side][:, better] = place[:, better], spread[:, better]
    return best, X, C


class _Turns:
    """What it costs to go from one state to another between frames.

    Args:
        states: [S, V].
        across: [T, P, S, 3].
        sure: [T, P, S].
    """

    def __init__(self, states: Mask, across: Array, sure: Array) -> None:
        self._change = CHANGE_COST * (states[:, None] != states[None]).sum(-1)
        length = np.linalg.norm(across, axis=-1, keepdims=True)
        self._side = _carried(np.where(length > 0, across / np.maximum(length, 1e-9), np.nan) * sure[..., None])

    def cost(self, t: int) -> Array:
        """[P, S, S] from the states of the frame before to those of frame t."""
        turned = -np.einsum("pax,pbx->pab", self._side[t - 1], self._side[t])
        return np.asarray(self._change + TURN_COST * np.maximum(turned, 0.0))


def _carried(value: Array) -> Array:
    """[T, P, S, 3] with the last known where it is not known, for a while; then 0."""
    out, last = np.zeros_like(value), np.zeros_like(value[0])
    age = np.zeros(value.shape[1:3], int)
    for t, now in enumerate(value):
        known: Mask = np.all(np.isfinite(now), axis=-1)
        age = np.where(known, 0, age + 1)
        last = np.where(known[..., None], now, np.where((age > MEMORY)[..., None], 0.0, last))
        out[t] = last
    return out


def _cheapest_path(emission: Array, turns: _Turns) -> tuple[NDArray[np.intp], Array]:
    """The cheapest path through the states, and by how much the opposite state would cost more.

    Args:
        emission: [T, P, S]; state s and (s + S / 2) % S are opposite.
        turns: what lies between.

    Returns:
        path [T, P], margin [T, P].
    """
    T, P, S = emission.shape
    ahead, behind = np.zeros(emission.shape), np.zeros(emission.shape)
    if not T:
        return np.zeros((T, P), np.intp), np.zeros((T, P))
    ahead[0] = emission[0]
    for t in range(1, T):
        ahead[t] = emission[t] + (ahead[t - 1][:, :, None] + turns.cost(t)).min(1)
    for t in range(T - 1, 0, -1):
        behind[t - 1] = (turns.cost(t) + (behind[t] + emission[t])[:, None]).min(2)
    total = ahead + behind
    path = total.argmin(-1)
    for t in range(T - 2, -1, -1):  # ties: one path, not pieces of several
        step = ahead[t] + np.take_along_axis(turns.cost(t + 1), path[t + 1][:, None, None], -1)[..., 0]
        path[t] = step.argmin(-1)
    opposite = (path + S // 2) % S
    best, other = (np.take_along_axis(total, at[..., None], -1)[..., 0] for at in (path, opposite))
    return path, other - best
