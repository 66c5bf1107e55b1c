"""A new shape of a rig against the cameras' old places: which of them still stand, and where that puts the world.

Convention:
    an offset of a camera is (3 radians, its own frame; 3 metres, world) from its old pose to its new one. Images tell
    the shape only: offsets are known but for a move of the whole world (turn, shift, growth).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body_observations import CAMERA_PARAMETERS, CENTER, OMEGA, BodyState
from .body_uncertainty import world_moves
from .distortion import Array
from .rig import Rig
from .rotation import rotation_matrix, rotation_vector

Mask = NDArray[np.bool_]

UNIT = np.r_[np.full(3, np.radians(0.5)), np.full(3, 0.03)]
"""Turns and shifts are weighed against each other in these when the world is laid over old places."""

STANDS = np.r_[np.full(3, np.radians(0.1)), np.full(3, 0.005)]
"""A camera that is off by this, an axis, as a standard deviation, still stands: less is not worth a name."""

RIVAL = 6.0
"""Twice the logarithm of 20: the odds at which a set of cameras is named, and those against a camera having moved."""

PER_CAMERA = 12.0 + RIVAL
"""What a moved camera costs: two for each number that is freed (Akaike), and the odds against it."""

REFUSED = 0.01
"""Cameras do not stand together if the chance of what they show is below this."""

BEAM = 64
"""Sets of each size that are tried further; that is all of them for up to seven cameras."""


@dataclass(frozen=True, eq=False)
class Standing:
    """Which cameras stand where they stood.

    Args:
        moved: [V] cameras that left their places; where the old places hold the world, none if ``sure`` is False.
        sure: whether the rest stand together, and no other set explains the offsets about as well; where points hold
            the world, whether it can be told of every camera.
        chance: [V] how likely each has moved; all 1 where no half of the cameras, and no two, stand together.
    """

    moved: Mask
    sure: bool
    chance: Array

    @property
    def hold(self) -> Array:
        """[V] how much each camera's old place counts where the world is put.

        Those that stand, if that is sure; if not, likely ones count half, lest the world jump by a guess.
        """
        return np.where(self.moved, 0.0, 1.0) if self.sure else 1 - 0.5 * self.chance


def offsets(new: Rig, old: Rig) -> Array:
    """[V, 6] how far each camera is from its old place."""
    return np.array([[*rotation_vector(a.R @ b.R.T), *(a.center - b.center)] for a, b in zip(new, old, strict=True)])


def lay_over(new: Rig, old: Rig, hold: Array | Mask) -> Rig:
    """The new shape, laid so that the cameras that hold the world stand as nearly as can be where they stood.

    Args:
        new: the shape.
        old: the places.
        hold: [V] how much each camera counts; two at least do.
    """
    for _ in range(4):  # the moves are small: a few linear steps are exact
        new = _move_world(new, -_world_fit(new, hold) @ offsets(new, old).ravel())
    return new


def settle(covariance: Array, rig: Rig, hold: Array | Mask) -> Array:
    """Covariance [V, 6, V, 6] of the offsets once the world is laid over some cameras' old places."""
    V = len(rig)
    T = np.eye(6 * V) - _moves(rig) @ _world_fit(rig, hold)
    return np.asarray(T @ covariance.reshape(6 * V, 6 * V) @ T.T).reshape(V, 6, V, 6)


def find_moved_in_world(new: Rig, old: Rig, covariance: Array) -> Standing:
    """Tell which cameras left their old places where the world is known: of each by itself, whatever the others did.

    Args:
        new: the cameras in the world of the old places.
        old: the places.
        covariance: [V, 6, V, 6] of the cameras in that world.
    """
    x = offsets(new, old)
    own = np.einsum("vavb->vab", covariance) + np.diag(STANDS**2)
    surprise = np.einsum("va,vab,vb->v", x, np.linalg.inv(own), x)
    chance = 1 / (1 + np.exp(-0.5 * np.clip(surprise - PER_CAMERA, -1000, 1000)))
    likely = 1 / (1 + np.exp(-0.5 * RIVAL))
    return Standing(chance > likely, bool(((chance > likely) | (chance < 1 - likely)).all()), chance)


def find_moved(new: Rig, old: Rig, covariance: Array) -> Standing:
    """Tell which cameras left their old places, as few as can be; at least two, and half of all, must stand.

    Args:
        new: the shape, in any world near the old one.
        old: the places.
        covariance: [V, 6, V, 6] of the shape.
    """
    found = _search(lay_over(new, old, np.ones(len(old))), old, covariance)
    # Laid over those that seem to stand, turns of the world are no longer mixed with moves that are not small.
    return _search(lay_over(new, old, found.hold), old, covariance)


def _search(new: Rig, old: Rig, covariance: Array) -> Standing:
    """Weigh sets of no camera, one, two, ... against each other."""
    V = len(old)
    x, information = offsets(new, old).ravel(), _information(new, covariance)
    level = {frozenset[int](): _cost(x, information, ())}
    costs = dict(level)
    for size in range(1, min(V - 2, V // 2) + 1):
        kept = sorted(level, key=level.__getitem__)[:BEAM]
        level = {}
        for moved in {s | {v} for s in kept for v in range(V) if v not in s}:
            level[moved] = _cost(x, information, moved) + PER_CAMERA * size
        if min(level.values()) > min(costs.values()) + PER_CAMERA:
            break  # more cameras explain less than they cost
        costs |= level
    return _verdict(costs, V)


def _verdict(costs: dict[frozenset[int], float], V: int) -> Standing:
    """What the sets' costs tell."""
    from scipy.special import chdtrc

    best, *rest = sorted(costs, key=costs.__getitem__)
    if chdtrc(6 * (V - len(best)) - 7, costs[best] - PER_CAMERA * len(best)) < REFUSED:
        return Standing(np.zeros(V, bool), False, np.ones(V))
    sure = not rest or costs[rest[0]] > costs[best] + RIVAL
    odds = {s: float(np.exp(-0.5 * (cost - costs[best]))) for s, cost in costs.items()}
    chance = np.array([sum(o for s, o in odds.items() if v in s) for v in range(V)]) / sum(odds.values())
    return Standing(np.array([sure and v in best for v in range(V)]), sure, chance)


def _cost(x: Array, information: Array, moved: Iterable[int]) -> float:
    """Twice the negative log-likelihood of the offsets if all but some cameras stand, wherever the world lies."""
    free = np.zeros(len(x) // 6, bool)
    free[list(moved)] = True
    h, f = np.repeat(~free, 6), np.repeat(free, 6)
    J = information[np.ix_(h, h)]
    if f.any():
        J = J - information[np.ix_(h, f)] @ np.linalg.solve(information[np.ix_(f, f)], information[np.ix_(f, h)])
    return float(x[h] @ J @ x[h])


def _information(rig: Rig, covariance: Array) -> Array:
    """[6V, 6V] of the offsets, none of it on moves of the whole world."""
    n = 6 * len(rig)
    unit = np.tile(STANDS, len(rig))  # in these units the world's moves and the rest are well scaled
    U = np.linalg.svd(_moves(rig) / unit[:, None])[0]
    shape = U[:, 7:]
    C = covariance.reshape(n, n) / np.outer(unit, unit) + np.eye(n)
    information = shape @ np.linalg.inv(shape.T @ C @ shape) @ shape.T
    return np.asarray(information / np.outer(unit, unit))


def _moves(rig: Rig) -> Array:
    """[6V, 7] offsets that a move of the world makes."""
    state = BodyState.of_rig(rig, np.zeros((1, 1, 3)), np.zeros(0))
    return world_moves(state, 0).reshape(-1, CAMERA_PARAMETERS, 7)[:, :6].reshape(-1, 7)


def _world_fit(rig: Rig, hold: Array | Mask) -> Array:
    """[7, 6V] from offsets to the move of the world that explains those of the cameras that count best."""
    weight = np.repeat(np.sqrt(hold), 6) / np.tile(UNIT, len(rig))
    return np.asarray(np.linalg.pinv(_moves(rig) * weight[:, None]) * weight)


def _move_world(rig: Rig, world: Array) -> Rig:
    """Turn, shift and scale the world by (3 radians, 3 metres, growth)."""
    turn, growth = rotation_matrix(world[OMEGA]), float(np.exp(world[6]))
    cameras = []
    for camera in rig:
        R = camera.R @ turn.T
        cameras.append(camera.with_pose(R, -R @ (growth * turn @ camera.center + world[CENTER])))
    return Rig(tuple(cameras))
