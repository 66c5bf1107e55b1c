"""The most probable motion of one person over a stretch of frames, and how sure it is.

Four things speak: the keypoints in every view, with their noise; the motion prior (third differences are small); bones
that keep their length; and limbs that keep within their range. Gauss-Newton on their sum of squares, banded in time.

    first each joint for itself:  reprojection + motion, with Huber weights and each view's persistent error followed
    then joints that bones join:  reprojection (weights now fixed) + motion + bones + limits, and the inverse for the
                                  covariance
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .banded import BandedCholesky
from .joint_limits import JointLimits, add_limits
from .motion_prior import local_strength, motion_bands
from .persistence import NoiseSplit, persistent_error
from .point_solver import SYMMETRIC_3, Array, Observations, normal_equations, reproject
from .rigid_bones import Bones, add_bones, components

Mask = NDArray[np.bool_]

HUBER = 2.5
"""Residuals above this many sigmas pull with constant force."""

REJECT = 5.0
"""Residuals above this many sigmas do not pull at all, once the motion is known."""

JOINT_STEPS = 3
BONE_STEPS = 3

UPPER_3 = (np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2]))


@dataclass(frozen=True, eq=False)
class Person:
    """What is known of a person before smoothing.

    Args:
        split: how the noise of each joint divides.
        strength: [J] variance q of the third differences, m².
        bones: None: no bone is held.
        limits: bounds on limbs whose bones are held; None: none.
    """

    split: NoiseSplit
    strength: Array
    bones: Bones | None = None
    limits: JointLimits | None = None


@dataclass(frozen=True, eq=False)
class Stretch:
    """n consecutive frames of one person.

    Args:
        x: [n, J, 3] metres, start values, finite where active.
        active: [n, J] where the motion is wanted.
        obs: V views of n · J points (frames outer), information by the whole noise.
        used: [V, n, J] observations that the start values were computed from.
        fps: frames a second.
    """

    x: Array
    active: Mask
    obs: Observations
    used: Mask
    fps: float


@dataclass(frozen=True, eq=False)
class Smoothed:
    """The most probable motion.

    Args:
        x: [n, J, 3] metres.
        covariance: [n, J, 6] m², of what jitter leaves after smoothing.
        persistent: [n, J, 6] m², of the errors that persist; NaN where the views do not determine the joint.
    """

    x: Array
    covariance: Array
    persistent: Array


def smooth(stretch: Stretch, person: Person) -> Smoothed:
    """Find the most probable motion of a stretch."""
    x, obs, weight, bands = _joints_alone(stretch, person)
    n, J, _ = x.shape
    kept = replace(obs, info=obs.info * weight)
    groups = components(J, person.bones.ends if person.bones else ())
    factors = []
    for _ in range(BONE_STEPS if person.bones else 1):
        H, g = _equations(kept, x)
        steps = [_group_step(H, g, x, bands, stretch.active, joints, person) for joints in groups]
        for joints, (moved, _) in zip(groups, steps, strict=True):
            x[:, joints] = moved
        factors = [factor for _, factor in steps]
    covariance = np.empty((n, J, 6))
    for joints, factor in zip(groups, factors, strict=True):
        full = factor.covariance().reshape(n, len(joints), 3, len(joints), 3)
        for k, j in enumerate(joints):
            covariance[:, j] = full[:, k, :, k][:, UPPER_3[0], UPPER_3[1]]
    return Smoothed(x, covariance, _persistent(H, person.split))


def _persistent(H: Array, split: NoiseSplit) -> Array:
    """The covariance that a frame's views leave of the persistent share of the noise."""
    info, _ = _measured(H, np.zeros(H.shape[:3]), np.zeros(H.shape[:3]))
    known: Mask = np.asarray(info.any((2, 3)))
    inverse = np.linalg.inv(np.where(known[..., None, None], info, np.eye(3)))[..., UPPER_3[0], UPPER_3[1]]
    share = split.persistent / split.jitter  # the information is that of the jitter
    return np.asarray(np.where(known[..., None], inverse * share[:, None], np.nan))


def _joints_alone(stretch: Stretch, person: Person) -> tuple[Array, Observations, Array, Array]:
    """Every joint for itself: positions, observations without persistent errors, weights [V, n J], motion's bands."""
    V, (n, J) = len(stretch.obs.R), stretch.active.shape
    active = stretch.active
    obs = replace(stretch.obs, info=stretch.obs.info / np.tile(person.split.jitter, n))
    x = np.where(active[..., None], stretch.x, 0.0)
    weight = stretch.used.reshape(V, -1).astype(float)
    bands = motion_bands(active, 1.0 / person.strength, stretch.fps)
    moved = obs
    for step in range(JOINT_STEPS):
        if step:
            weight = _weights(moved, x, stretch)
        kept = replace(moved, info=moved.info * weight)
        H, g = _equations(kept, x)
        if step == 1:
            info, measured = _measured(H, g, x)
            strength = local_strength(info, measured, active, person.strength, stretch.fps)
            bands = motion_bands(active, 1.0 / strength, stretch.fps)
        x = np.concatenate([_group_step(H, g, x, bands, active, [j], None)[0] for j in range(J)], axis=1)
        res = reproject(obs, x.reshape(-1, 3).T)
        shape = (V, n, J)
        shift = persistent_error(res.e.reshape(2, *shape), weight.reshape(shape), person.split.persistent, stretch.fps)
        moved = replace(obs, xy=obs.xy + shift.reshape(obs.xy.shape))
    return x, moved, weight, bands


def _measured(H: Array, g: Array, x: Array) -> tuple[Array, Array]:
    """What the views alone say of each point: information [n, J, 3, 3], 0 where they do not determine it, and place."""
    size: Array = np.asarray(np.trace(H, axis1=2, axis2=3))[..., None, None] / 3
    known: Mask = np.asarray(np.linalg.det(H / np.where(size > 0, size, 1.0)) > 1e-6)
    H = np.where(known[..., None, None], H, 0.0)
    step = np.linalg.solve(np.where(known[..., None, None], H, np.eye(3)), g[..., None])[..., 0]
    return H, np.where(known[..., None], x - step, 0.0)


def _equations(obs: Observations, x: Array) -> tuple[Array, Array]:
    """Normal equations of the views at x, H [n, J, 3, 3] and g [n, J, 3]."""
    n, J, _ = x.shape
    X = x.reshape(-1, 3).T
    H, g = normal_equations(obs, reproject(obs, X))
    return H[SYMMETRIC_3].transpose(2, 0, 1).reshape(n, J, 3, 3), g.T.reshape(n, J, 3)


def _weights(obs: Observations, x: Array, stretch: Stretch) -> Array:
    """Huber weights [V, n J] under the present motion; 0 for what lies far off."""
    res = reproject(obs, x.reshape(-1, 3).T)
    size = np.sqrt(res.chi2)
    usable = obs.seen & res.in_front & stretch.active.ravel() & (size < REJECT) & stretch.used.reshape(size.shape)
    return np.where(usable, np.minimum(1.0, HUBER / np.maximum(size, 1e-9)), 0.0)


def _motion_pull(bands: Array, x: Array) -> Array:
    """The motion prior's matrix times the positions x [n, J, 3]."""
    out = bands[0][..., None] * x
    for s in range(1, len(bands)):
        if len(x) > s:
            out[:-s] += bands[s, :-s, :, None] * x[s:]
            out[s:] += bands[s, :-s, :, None] * x[:-s]
    return out


def _group_step(
    H: Array, g: Array, x: Array, bands: Array, active: Mask, joints: list[int], person: Person | None
) -> tuple[Array, BandedCholesky]:
    """One Gauss-Newton step of some joints together: their new positions [n, m, 3] and the factor."""
    n, m = len(x), len(joints)
    on = active[:, joints]
    blocks = np.zeros((n, 3 * m, 3 * m))
    for k, j in enumerate(joints):
        own_joint = slice(3 * k, 3 * k + 3)
        blocks[:, own_joint, own_joint] = np.where(on[:, k, None, None], H[:, j], np.eye(3))
    own = bands[:, :, joints]
    here = x[:, joints]
    # Differences do not see a constant, but the rounding of large coordinates shows in them.
    middle = (here * on[..., None]).sum(0) / np.maximum(on.sum(0), 1)[:, None]
    gradient = np.where(on[..., None], g[:, joints] + _motion_pull(own, here - middle), 0.0).reshape(n, 3 * m)
    if person is not None and person.bones is not None:
        add_bones(blocks, gradient, here, on, person.bones.within(joints, person.split.jitter))
    if person is not None and person.limits is not None:
        normal, scale = (blocks, gradient), person.split.jitter
        add_limits(normal, x, active, limits=person.limits, joints=joints, scale=scale)
    factor = BandedCholesky(blocks, np.repeat(own, 3, axis=2))
    return here - factor.solve(gradient).reshape(n, m, 3), factor
