"""What is constant about a person, read off pieces of a recording: noise, how each joint moves, bone lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lift3d.datasets import Skeleton

from .joint_limits import joint_limits, kept_limits
from .map_smoother import Person, Stretch, smooth
from .motion_prior import LOG_RATIO, estimate_strength
from .persistence import HORIZON_S, NoiseSplit, split_noise
from .point_solver import Array, inverse3, normal_equations, reproject
from .rigid_bones import Bones, measure_bones

LENGTH_MEMORY_S = 0.25
"""A measured bone length says something new after so long, ten times later where all of the noise persists."""

CAUTION = 2.5
"""Factor on the most probable q. Jerk comes in bursts, which white jerk makes too little of: on motion capture this
costs 1 % of the error and brings the 90 % ellipsoids from 85 to 89 % of the truth (docs/refinement.md)."""

USUAL_JERK = 100.0  # m/s³, of a joint that was hardly ever seen


def learn_person(pieces: list[Stretch], skeleton: Skeleton, *, bones: bool = True, limits: bool = True) -> Person:
    """Estimate how the noise of each joint divides, how smoothly it moves, how long the bones are, what limbs may do.

    Args:
        pieces: stretches of the same person, as they were triangulated frame by frame.
        skeleton: J joints.
        bones: measure bones.
        limits: judge limbs, if bones are measured.
    """
    fps = pieces[0].fps
    points = [_per_frame(piece) for piece in pieces]
    split = split_noise(_joined([u for u, _ in points], fps), fps)
    x = _joined([np.where((piece.used.sum(0) >= 2)[..., None], piece.x, np.nan) for piece in pieces], fps)
    variance = _joined([variance for _, variance in points], fps)
    strength = np.maximum(CAUTION * _strengths(x, variance, split, fps), _least(variance, split))
    person = Person(split, strength)
    if not bones:
        return person
    smoothed = [smooth(piece, person) for piece in pieces]
    x = np.concatenate([np.where(p.active[..., None], s.x, np.nan) for p, s in zip(pieces, smoothed, strict=True)])
    covariance = np.concatenate([s.covariance for s in smoothed])
    bounds = joint_limits(skeleton) if limits else None
    return replace(
        person,
        bones=_measure(x, covariance, person.split, skeleton, fps=fps),
        limits=kept_limits(x, bounds) if bounds else None,
    )


def _least(variance: Array, split: NoiseSplit) -> Array:
    """The q [J] below which rounding errors would show."""
    usual = np.ma.median(np.ma.masked_invalid(variance.mean(-1)), axis=0)
    return np.asarray(10.0 ** LOG_RATIO[0] * usual.filled(0.0) * split.jitter)


def _strengths(x: Array, variance: Array, split: NoiseSplit, fps: float) -> Array:
    """The motion's variance joint by joint, each drawn to what is usual for this person's joints."""
    joints = range(x.shape[1])
    alone = np.array([_strength(x[:, j], variance[:, j], split, j, fps=fps) for j in joints])
    known = np.isfinite(alone)
    if not known.any():
        return np.full(len(alone), (USUAL_JERK / fps**3) ** 2)
    usual = float(np.median(alone[known]))
    return np.array(
        [_strength(x[:, j], variance[:, j], split, j, fps=fps, usual=usual) if known[j] else usual for j in joints]
    )


def _strength(x: Array, variance: Array, split: NoiseSplit, j: int, *, fps: float, usual: float | None = None) -> float:
    """One joint's, on frames so far apart that its jitter is independent."""
    every = max(1, round(split.length[j] / 2))
    scale = float(every) ** 5  # variance of a third difference over so many frames
    independent = variance[::every] * (split.jitter[j] / split.length[j])
    prior = None if usual is None else usual * scale
    return estimate_strength(x[::every], independent, fps / every, usual=prior) / scale


def _measure(x: Array, covariance: Array, split: NoiseSplit, skeleton: Skeleton, *, fps: float) -> Bones:
    """Bone lengths from pieces that were smoothed without them."""
    persistence = LENGTH_MEMORY_S * fps * (1 + 9 * float(split.persistent.mean()))
    return measure_bones(x, covariance, skeleton, persistence=persistence)


def _joined(parts: list[Array], fps: float) -> Array:
    """Pieces one after the other, with NaN between them."""
    gap = np.full((round(HORIZON_S * fps) + 1, *parts[0].shape[1:]), np.nan)
    joined = [array for part in parts for array in (part, gap)][:-1]
    return np.concatenate(joined)


def _per_frame(piece: Stretch) -> tuple[Array, Array]:
    """Residuals [n, V, J, 2] in sigmas and variances [n, J, 3] of the positions as they are, NaN where not used."""
    V, n, J = piece.used.shape
    kept = piece.obs.weighted(piece.used.reshape(V, -1))
    x = np.where(np.isfinite(piece.x), piece.x, 0.0)
    res = reproject(kept, x.reshape(-1, 3).T)
    H, _ = normal_equations(kept, res)
    variance = inverse3(H)[[0, 3, 5]].T.reshape(n, J, 3)
    scale = np.sqrt(0.5 * (kept.info[0] + kept.info[2]))
    u = np.where(piece.used.reshape(V, -1), res.e * scale, np.nan)
    return np.moveaxis(u.reshape(2, V, n, J), (0, 2), (3, 0)), variance
