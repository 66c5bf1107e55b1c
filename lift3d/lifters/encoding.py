"""How a person in a picture is shown to a lifter: rays turned so that the person is on the axis, and scaled.

Convention:
    a pixel is first a ray (x, y) on z = 1, with the lens and the focal length taken out. The rays are turned by the
    smallest rotation that brings their mean onto the optical axis; the network answers in that turned camera frame.
    Where in the picture a person stands and how long the lens is then make no difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets.skeleton import Skeleton

Array32 = NDArray[np.float32]

USUAL_SCALE = 0.15  # of a person's rays, so that the last feature is near zero
LEAST_SCALE = 1e-4
FURTHEST = 0.2  # cosine to the axis; rays further out than 78 degrees count as not seen


@dataclass(frozen=True, eq=False)
class Encoded:
    """What the network sees.

    Args:
        features: [..., 3 J + 1]: the turned and scaled (x, y) of J joints, their J confidences, and the logarithm of
            the scale, which tells how strong the perspective is.
        R: [..., 3, 3] camera to the turned frame.
    """

    features: Array32
    R: Array32


def feature_count(joints: int) -> int:
    """How many features a person of so many joints has."""
    return 3 * joints + 1


def encode(xy: NDArray[np.floating], confidence: NDArray[np.floating]) -> Encoded:
    """Turn and scale the rays of people.

    Args:
        xy: [..., J, 2] on z = 1; NaN where missing.
        confidence: [..., J] in 0..1; 0 where missing.
    """
    finite = np.isfinite(xy).all(-1)
    seen = (confidence > 0) & finite
    xy = np.where(seen[..., None], xy, 0).astype(np.float32)
    rays = np.concatenate([xy, np.ones_like(xy[..., :1])], -1)
    rays /= np.sqrt(np.einsum("...c,...c->...", rays, rays))[..., None]
    mean = (seen.astype(np.float32)[..., None, :] @ rays)[..., 0, :]
    empty = ~seen.any(-1, keepdims=True)
    mean = np.where(empty, np.array([0, 0, 1], np.float32), mean)
    R = turn_to_axis(mean / np.linalg.norm(mean, axis=-1, keepdims=True))
    turned = rays @ np.swapaxes(R, -1, -2)
    seen = seen & (turned[..., 2] > FURTHEST)
    flat = np.where(seen[..., None], turned[..., :2] / np.maximum(turned[..., 2:], FURTHEST), 0)
    count = np.maximum(seen.sum(-1), 1)
    scale = np.maximum(np.sqrt(np.einsum("...jc,...jc->...", flat, flat) / count), LEAST_SCALE)[..., None]
    parts = (
        (flat / scale[..., None]).reshape(*flat.shape[:-2], 2 * flat.shape[-2]),
        np.where(seen, confidence, 0),
        np.log(scale / USUAL_SCALE) * ~empty,
    )
    return Encoded(np.concatenate(parts, -1).astype(np.float32), R)


def mirror_features(features: Array32, joints: Skeleton) -> Array32:
    """What would be seen of the mirrored person: left and right exchanged, x negated.

    Args:
        features: [..., 3 J + 1].
        joints: the J joints.
    """
    J = len(joints)
    order = np.arange(J)
    for left, right in joints.symmetric:
        order[[left, right]] = right, left
    xy = features[..., : 2 * J].reshape(*features.shape[:-1], J, 2)[..., order, :] * np.array([-1, 1], np.float32)
    confidence = features[..., 2 * J : 3 * J][..., order]
    return np.concatenate([xy.reshape(*features.shape[:-1], 2 * J), confidence, features[..., 3 * J :]], -1)


def turn_to_axis(direction: Array32) -> Array32:
    """The smallest rotations [..., 3, 3] that bring unit vectors [..., 3] with z > -1 onto the z axis."""
    a, b, c = (direction[..., i] for i in range(3))
    k = 1 / (1 + c)
    entries = (1 - a * a * k, -a * b * k, -a, -a * b * k, 1 - b * b * k, -b, a, b, c)
    return np.stack(entries, axis=-1).reshape(*direction.shape[:-1], 3, 3).astype(np.float32)
