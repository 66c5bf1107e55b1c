"""Left and right exchanged in single views: found against the other views and the frames around, and undone.

A detector that takes a person's back for the front exchanges all joints of a view, one that mistakes a leg exchanges
the leg's. Joint by joint (:mod:`lift3d.pair_swaps`) that shows only where left and right are far apart in the picture.
So the evidence is pooled, as a log-likelihood ratio: over the joints of the legs, of the upper body, of the whole body,
and over consecutive frames, for exchanges come in runs. Hips that are 20 px apart follow their knees, and the exchange
of one joint in one frame that chance suggests does not happen.

What the views say is relative: where two of four are exchanged, or three, nothing in the frame tells which are. The
person's sides in 3D do not change from frame to frame, and settle it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Skeleton

from .body_sides import JOINT_SHARE
from .consensus import CHUNK, GATE, Consensus, find_consensus
from .facing import Facing
from .pair_swaps import find_pair_swaps, vote_cost
from .point_solver import Array, Observations, Residuals, apply3, inverse3, normal_equations, reproject

Mask = NDArray[np.bool_]

LEGS = ("hip", "knee", "ankle", "heel", "big_toe", "small_toe", "foot_index")

PRIOR_COST = 4.0
"""What an exchange costs in each frame and group, in chi-square: it is rare."""

CHANGE_COST = 10.0
"""What the beginning or the end of an exchange costs: runs last for tenths of a second."""

ALONE_COST = 8.0
ALONE_CHANGE = 16.0
"""The same for one pair of joints that differs from its group: it must speak for itself, clearly."""

SIDE_COST = 1.0
"""What an exchanged view costs when the frames decide which of the views are exchanged."""

SIDE_EVIDENCE = 100.0
"""Chi-square that one pair's keeping its sides from frame to frame is worth at most."""

SIDE_SPREAD = 2.0
"""Variance of the step from left to right between two frames, in units of its square in the median: legs swing."""

MEMORY = 30
"""Frames over which sides are remembered where a pair is not seen."""

ROUNDS = 3


@dataclass(frozen=True)
class Sides:
    """Joints that come in two, and which of them are exchanged together.

    Args:
        pairs: (left, right) positions.
        legs: for each pair whether it belongs to the legs; the others are the upper body.
        facing: what tells a body's front, where the joint set is known.
    """

    pairs: tuple[tuple[int, int], ...]
    legs: tuple[bool, ...]
    facing: Facing | None = None

    @classmethod
    def of(cls, skeleton: Skeleton) -> Sides:
        """Those of a joint set."""
        parts = [skeleton.joints[left].removeprefix("left_") for left, _ in skeleton.symmetric]
        return cls(skeleton.symmetric, tuple(part in LEGS for part in parts), Facing(skeleton))

    @classmethod
    def loose(cls, pairs: Sequence[tuple[int, int]]) -> Sides:
        """Pairs of which nothing else is known: one group."""
        return cls(tuple((int(a), int(b)) for a, b in pairs), (False,) * len(pairs))


def find_swaps(left: Observations, right: Observations, sides: Sides, people: int, gate: float = GATE) -> Mask:
    """Say which views exchange left and right, of which joints.

    Args:
        left: what was called the left joints, n = T * people * G points in V views, the G pairs innermost; frames are
            consecutive.
        right: what was called the right joints.
        sides: the G pairs.
        people: P.
        gate: normalised residual above which a view is an outlier.

    Returns:
        [V, T, P, G] True where a view has them exchanged.
    """
    V, n = left.seen.shape
    G = len(sides.pairs)
    shape = (V, n // max(people * G, 1), people, G)
    seen = left.seen | right.seen
    swapped, gain = np.zeros((V, n), bool), np.zeros((V, n))
    # People come and go: most of the table may be empty.
    there = np.flatnonzero(seen.sum(0) >= 2)
    if not len(there):
        return swapped.reshape(shape)
    called = left.take(there), right.take(there)
    swapped[:, there] = find_pair_swaps(*called, gate)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        for turn in range(ROUNDS):
            # Ties are settled group by group before single pairs may differ.
            found = [find_consensus(side, gate) for side in exchange(*called, swapped[:, there])]
            X = np.full((2, 3, n), np.nan)
            X[..., there] = [part.X for part in found]
            flip = _flips(X, swapped, seen, shape, None if turn == 0 else np.array(sides.legs, bool))
            swapped ^= flip & seen
            sides_now = exchange(*called, swapped[:, there])
            gain[:, there] = _evidence(sides_now, _flipped(found, flip[there]), gate)
            # The evidence speaks of what is sorted now; ask it of what the detector said.
            gain = np.where(swapped, -gain, gain)
            swapped = _decide(gain.reshape(shape), sides, singly=turn == ROUNDS - 1).reshape(V, n) & seen
    return swapped.reshape(shape)


def exchange(left: Observations, right: Observations, where: Mask) -> tuple[Observations, Observations]:
    """Both sides with some observations [V, n] exchanged."""
    xy, info = (
        [np.where(where, b, a), np.where(where, a, b)] for a, b in ((left.xy, right.xy), (left.info, right.info))
    )
    return Observations(left.R, left.t, xy[0], info[0]), Observations(left.R, left.t, xy[1], info[1])


def _flipped(found: list[Consensus], flip: Mask) -> list[Consensus]:
    """Left and right points exchanged where [n] says so."""
    names = ("X", "C", "inlier", "chi2", "leverage")
    return [
        Consensus(*(np.where(flip, getattr(b, name), getattr(a, name)) for name in names))
        for a, b in (found, found[::-1])
    ]


def _flips(X: Array, swapped: Mask, seen: Mask, shape: tuple[int, ...], legs: Mask | None) -> Mask:
    """[n] where all views are to be exchanged: the frames around say that the sides are the other way round.

    Pairs are judged one by one, or with ``legs`` [G] those of the legs and of the upper body together.
    """
    _, T, P, G = shape
    sides = np.moveaxis(X, 1, 2).reshape(2, T, P, G, 3)
    count = [(mask & seen).sum(0).reshape(T, P, G) for mask in (swapped, ~swapped)]
    cost = SIDE_COST * np.stack(count, axis=-1).astype(float)  # [T, P, G, 2]
    steps = _side_steps(sides)
    if legs is None:
        return _two_state_path(cost, steps).reshape(-1)
    members = np.stack([legs, ~legs]).astype(float)  # [2, G]
    path = _two_state_path(np.einsum("tpgs,kg->tpks", cost, members), steps @ members.T)
    return path[..., np.where(legs, 0, 1)].reshape(-1)


def _side_steps(sides: Array) -> Array:
    """[T, P, G] evidence that left and right have kept their places since they were last seen; below 0 against it.

    What counts is the step from right to left, which does not hang on where the person goes.
    """
    step = sides[0] - sides[1]  # [T, P, G, 3]
    change = ((step[1:] - step[:-1]) ** 2).sum(-1)
    usual = np.ma.median(np.ma.masked_invalid(change), axis=0).filled(np.inf)  # [P, G]
    last, age = np.full(step.shape[1:], np.nan), np.zeros(step.shape[1:3], int)
    out = np.zeros(step.shape[:-1])
    for t, now in enumerate(step):
        age = age + 1
        evidence = 4 * (now * last).sum(-1) / (SIDE_SPREAD * usual * age)
        out[t] = np.where(np.isfinite(evidence), np.clip(evidence, -SIDE_EVIDENCE, SIDE_EVIDENCE), 0.0)
        known: Mask = np.all(np.isfinite(now), axis=-1)
        last = np.where(known[..., None], now, np.where((age > MEMORY)[..., None], np.nan, last))
        age = np.where(known, 0, age)
    return out


def _two_state_path(cost: Array, stay: Array) -> Mask:
    """The cheapest path through two states.

    Args:
        cost: [T, …, 2] of being in each state.
        stay: [T, …] evidence that the state is that of the frame before; below 0 that it is the other.

    Returns:
        [T, …] where it is the second.
    """
    total = cost[0]
    back = np.zeros(cost.shape, bool)  # whether the state was changed
    for t in range(1, len(cost)):
        hold = total + np.maximum(-stay[t], 0.0)[..., None]
        change = total[..., ::-1] + np.maximum(stay[t], 0.0)[..., None]
        back[t] = change < hold
        total = np.minimum(hold, change) + cost[t]
    state = total[..., 1] < total[..., 0]
    out = np.zeros(cost.shape[:-1], bool)
    for t in range(len(cost) - 1, -1, -1):
        out[t] = state
        changed = np.where(state, back[t, ..., 1], back[t, ..., 0])
        state = state ^ changed
    return out


def _evidence(sides: tuple[Observations, Observations], found: list[Consensus], gate: float) -> Array:
    """[V, n] chi-square that a view would win by exchanging the pair, under the points that the other views give."""
    V, n = sides[0].seen.shape
    gain = np.zeros((V, n))
    step = max(256, CHUNK // V)
    for start in range(0, n, step):
        part = slice(start, start + step)
        some = sides[0].take(part), sides[1].take(part)
        without = [
            _leave_one_out(side.weighted(whole.inlier[:, part]), whole.X[:, part])
            for side, whole in zip(some, found, strict=True)
        ]
        for v, points in enumerate(zip(*without, strict=True)):
            left, right = (side.take(slice(None), [v]) for side in some)
            keep, swap = _pair_cost((left, right), [X for X, _ in points], [C for _, C in points], gate)
            gain[v, part] = (keep - swap)[0]
    return gain


def _leave_one_out(obs: Observations, X: Array) -> Iterator[tuple[Array, Array]]:
    """For each view the points [3, n] and covariances [6, n] that the others give; NaN with fewer than two.

    A Gauss-Newton step from the points of all views, with the view's share taken out of the normal equations.
    """
    res = reproject(obs, X)
    H, g = normal_equations(obs, res)
    count = obs.seen.sum(0)
    for v in range(len(obs.R)):
        one = Observations(obs.R[[v]], obs.t[[v]], obs.xy[:, [v]], obs.info[:, [v]])
        own = Residuals(res.e[:, [v]], res.B[:, :, [v]], res.chi2[[v]], res.in_front[[v]])
        H_own, g_own = normal_equations(one, own)
        C = inverse3(H - H_own)
        few = count - one.seen[0] < 2
        yield np.where(few, np.nan, X - apply3(C, g - g_own)), np.where(few, np.nan, C)


def _pair_cost(sides: tuple[Observations, Observations], X: list[Array], C: list[Array], gate: float) -> Array:
    """Truncated costs [2, V, n] of the pair as it is, and exchanged; a point that is not known costs nothing."""
    known = [np.isfinite(part).all(0) for part in X]
    own = [np.where(known[k], vote_cost(sides[k], X[k], C[k], gate), 0.0) for k in range(2)]
    other = [np.where(known[1 - k], vote_cost(sides[k], X[1 - k], C[1 - k], gate), 0.0) for k in range(2)]
    return np.stack([own[0] + own[1], other[0] + other[1]])


def _decide(gain: Array, sides: Sides, *, singly: bool) -> Mask:
    """Exchanges [V, T, P, G] from the evidence for them: of groups first, then of single pairs against their group."""
    V, T, P, G = gain.shape
    legs = np.array(sides.legs, bool)
    # The joints of a face err together: five pairs that are a little off are not five witnesses.
    groups = JOINT_SHARE * np.stack([gain[..., mask].sum(-1) for mask in (legs, ~legs)], axis=-1)  # [V, T, P, 2]
    state = _group_path(np.moveaxis(groups, 1, 0))  # [T, V, P, 2]
    follow = np.moveaxis(state[..., np.where(legs, 0, 1)], 0, 1)  # [V, T, P, G]
    if not singly:
        return np.asarray(follow)
    against = np.where(follow, -gain, gain) - ALONE_COST
    cost = np.stack([np.zeros_like(against), -against], axis=-1)
    alone = _two_state_path(np.moveaxis(cost, 1, 0), np.full((T, V, P, G), ALONE_CHANGE))
    return follow ^ np.moveaxis(alone, 0, 1)


STATES = np.array([(False, False), (True, False), (False, True), (True, True)])  # legs, upper body


def _group_path(gain: Array) -> Mask:
    """The most likely exchanges of legs and upper body [T, …, 2] from the evidence [T, …, 2]: Viterbi."""
    T = len(gain)
    emission = (STATES * (gain[..., None, :] - PRIOR_COST)).sum(-1)  # [T, …, 4]
    change = CHANGE_COST * (STATES[:, None] != STATES[None]).any(-1)  # [4, 4]: a whole body turns at once
    total = emission[0]
    back = np.zeros(emission.shape, np.intp)
    for t in range(1, T):
        value = total[..., None, :] - change
        back[t] = value.argmax(-1)
        total = np.take_along_axis(value, back[t][..., None], -1)[..., 0] + emission[t]
    state = total.argmax(-1)
    out = np.zeros((*emission.shape[:-1], 2), bool)
    for t in range(T - 1, -1, -1):
        out[t] = STATES[state]
        state = np.take_along_axis(back[t], state[..., None], -1)[..., 0]
    return out
