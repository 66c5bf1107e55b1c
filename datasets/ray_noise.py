"""What a 2D detector would make of known joints, for whole batches at once, on the plane z = 1.

The slower :mod:`lift3d.datasets.detector_noise` simulates whole captures; this one has its sizes and serves training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .detector_noise import REFERENCE_HEIGHT, STANDING_HEIGHT, joint_sigma
from .skeleton import Skeleton

Array32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEAST_LEFT = 5  # joints that misses and occlusion leave of a person


@dataclass(frozen=True)
class RayNoise:
    """How the detector errs.

    Convention:
        an error is Student's t with 3 degrees of freedom, alike in x and y, of scale level · joint sigma (pixels of
        a person who looks 400 px tall) / confidence.

    Args:
        level: least and most; each sample has its own, uniform.
        clean: the share of samples without any noise, whose confidences do not tell so.
        exact: the share of samples that are exact and say so by confidences of 1; of them parts may be hidden.
        misses: the share of joints that are not reported.
        outliers: the share of joints reported somewhere in the person's surroundings.
        swaps: the share of samples whose left and right are exchanged, for all of their frames.
        occlusions: the share of samples of which a limb, or all below or above the waist, is hidden.
        correlation: of a joint's error from frame to frame.
    """

    level: tuple[float, float] = (0.0, 2.5)
    clean: float = 0.05
    misses: float = 0.04
    outliers: float = 0.01
    swaps: float = 0.01
    occlusions: float = 0.12
    exact: float = 0.3
    correlation: float = 0.8

    @classmethod
    def fixed(cls, level: float) -> RayNoise:
        """One level for every sample, with the misses and errors of that level; for evaluations."""
        return cls((level, level), clean=0.0, misses=0.02 * level, outliers=0.005 * level, swaps=0.0,
                   occlusions=0.0, exact=0.0)  # fmt: skip


def add_ray_noise(
    xy: Array32, depth: Array32, skeleton: Skeleton, *, rng: np.random.Generator, noise: RayNoise
) -> tuple[Array32, Array32]:
    """Detections with their confidence.

    Args:
        xy: [B, T, J, 2] on z = 1, exact.
        depth: [B, T] metres of the person, which sets the size of errors.
        skeleton: the joint set.
        rng: all randomness comes from it.
        noise: how the detector errs.

    Returns:
        xy [B, T, J, 2]; confidence [B, T, J], 0 for what is missed.
    """
    shape = xy.shape[:-1]
    B = len(xy)
    confidence = rng.beta(8.0, 2.0, shape).clip(0.15, 1.0)
    level = rng.uniform(*noise.level, (B, 1, 1)) * (rng.random((B, 1, 1)) >= noise.clean)
    exact = rng.random((B, 1, 1)) < noise.exact if noise.exact else np.zeros((B, 1, 1), bool)
    level, confidence = np.where(exact, 0.0, level), np.where(exact, 1.0, confidence)
    tall = STANDING_HEIGHT / np.maximum(depth, 0.3)[..., None]  # [B, T, 1] the person's height on z = 1
    sigma = level * tall * joint_sigma(skeleton) / REFERENCE_HEIGHT / confidence
    out = xy + sigma[..., None] * _heavy_tailed((*shape, 2), rng, noise.correlation)
    wrong = rng.random(shape) < noise.outliers * (level > 0)
    jump = rng.uniform(-0.6, 0.6, (*shape, 2)) * tall[..., None]
    out += np.where(wrong[..., None], jump, 0.0)
    confidence = np.where(wrong, rng.uniform(0.15, 0.7, shape), confidence)
    out, confidence = _swap_sides(out, confidence, skeleton, (rng.random(B) < noise.swaps) & ~exact[:, 0, 0])
    hidden = _occlusions(B, skeleton, rng, noise.occlusions)[:, None] | (rng.random(shape) < noise.misses * (level > 0))
    hidden &= (~hidden).sum(-1, keepdims=True) >= LEAST_LEFT
    return out.astype(np.float32), np.where(hidden, 0.0, confidence).astype(np.float32)


def _heavy_tailed(shape: tuple[int, ...], rng: np.random.Generator, correlation: float) -> NDArray[np.float64]:
    """Student's t with 3 degrees of freedom, whose sign and size persist along axis 1."""
    normal = rng.standard_normal(shape)
    for t in range(1, shape[1]):
        normal[:, t] = correlation * normal[:, t - 1] + np.sqrt(1 - correlation**2) * normal[:, t]
    spread = np.sqrt(rng.chisquare(3, (shape[0], 1, *shape[2:-1], 1)) / 3)
    return np.asarray(normal / spread)


def _swap_sides(
    xy: NDArray[np.float64], confidence: NDArray[np.float64], skeleton: Skeleton, which: Mask
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exchange left and right of some samples, in place."""
    order = np.arange(len(skeleton))
    for left, right in skeleton.symmetric:
        order[[left, right]] = right, left
    xy[which], confidence[which] = xy[which][:, :, order], confidence[which][:, :, order]
    return xy, confidence


def _occlusions(B: int, skeleton: Skeleton, rng: np.random.Generator, share: float) -> Mask:
    """[B, J] what something in front of the person hides."""
    masks = occlusion_masks(skeleton)
    return np.asarray(masks[rng.integers(len(masks), size=B)] & (rng.random((B, 1)) < share))


def occlusion_masks(skeleton: Skeleton) -> Mask:
    """[M, J]: one arm, one leg, one side's forearm, both legs from the knee, the whole lower body, the head."""
    legs, arms = ("hip", "knee", "ankle", "heel", "big_toe", "small_toe"), ("elbow", "wrist")
    parts = [tuple(side + part for part in arms) for side in ("left_", "right_")]
    parts += [tuple(side + part for part in legs) for side in ("left_", "right_")]
    parts += [tuple(side + part for side in ("left_", "right_") for part in legs[1:])]
    parts += [tuple(side + part for side in ("left_", "right_") for part in legs)]
    face = ("eye", "eye_inner", "eye_outer", "ear", "mouth")
    parts += [("nose", "head", *(side + part for side in ("left_", "right_") for part in face))]
    return np.array([[joint in part for joint in skeleton.joints] for part in parts])
