"""Where a lifted person stands in the camera frame: least squares over the place, given the size of the bones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets.mocap import H36M
from lift3d.datasets.skeleton import Skeleton

from .lifter import Lifted

Array = NDArray[np.float64]

SIZE_SIGMA = 0.08
"""Standard deviation of the ratio of a person's true size to what the lifter takes it for. Adults' statures alone
spread by 6 % over both sexes; the rest is the lifter's."""

RAY_SIGMA = 0.01  # metres at the person's distance: how well a detector finds a joint
ROUNDS = 3
NEAREST = 0.3  # metres


@dataclass(frozen=True, eq=False)
class Placed:
    """Poses in the camera frame.

    Args:
        xyz: [T, J, 3] metres; NaN where nobody was placed.
        covariance: [T, J, 3, 3] m², of each joint by itself.
    """

    xyz: Array
    covariance: Array


def same_joints(joints: Skeleton) -> list[tuple[int, int]]:
    """Positions in Human3.6M's 17 and in a detector's joints of those that are the same place of the body.

    Neck and head are called alike in other sets and lie elsewhere.
    """
    other = () if joints.joints == H36M.joints else ("neck", "head")
    return [
        (ours, joints.index(joint))
        for ours, joint in enumerate(H36M.joints)
        if joint in joints.joints and joint not in other
    ]


def place(lifted: Lifted, rays: Array, confidence: Array, joints: Skeleton) -> Placed:
    """Find where each frame's pose reprojects best.

    For a joint at p + x seen in direction (u, v, 1), the residuals (p + x)_x - u (p + x)_z and the same in y are
    linear in the place p; weights turn them into the error across the line of sight.

    Args:
        lifted: relative to the pelvis, camera axes.
        rays: [T, J, 2] on z = 1, of the detector's joints.
        confidence: [T, J], 0 where missing.
        joints: the detector's joints; those that are also Human3.6M's count.
    """
    ours, theirs = (list(side) for side in zip(*same_joints(joints), strict=True))
    uv, weight = np.nan_to_num(rays[:, theirs]), confidence[:, theirs]
    relative = np.nan_to_num(lifted.xyz[:, ours])
    A = across_rays(uv)
    b = -np.einsum("tnkc,tnc->tnk", A, relative)
    spread = RAY_SIGMA**2 + np.einsum("tnkc,tncd,tnkd->tnk", A, lifted.covariance[:, ours], A)
    W = weight[..., None] / spread / (1 + (uv**2).sum(-1, keepdims=True))
    normal = np.einsum("tnk,tnkc,tnkd->tcd", W, A, A)
    usable = (weight > 0).sum(-1) >= 3
    normal[~usable] = np.eye(3)
    position, W = _solve(A, b, W, normal)
    depth = position[:, 2]
    good = usable & (depth > NEAREST)
    formal = np.linalg.inv(np.einsum("tnk,tnkc,tnkd->tcd", W, A, A) + 1e-6 * np.eye(3))
    size = SIZE_SIGMA**2 * position[:, :, None] * position[:, None, :]
    covariance = lifted.covariance + (formal + size)[:, None]
    xyz = np.where(good[:, None, None], lifted.xyz + position[:, None], np.nan)
    return Placed(xyz, covariance)


def across_rays(uv: Array) -> Array:
    """From a joint in the camera frame to metres off its ray: [..., 2, 3] for rays [..., 2] on z = 1."""
    out = np.zeros((*uv.shape, 3))
    out[..., 0, 0] = out[..., 1, 1] = 1.0
    out[..., 2] = -uv
    return out


def _solve(A: Array, b: Array, W: Array, normal: Array) -> tuple[Array, Array]:
    """Positions [T, 3] and the final weights; residuals that stand out count less (Cauchy)."""
    position = np.zeros((len(b), 3))
    robust = W
    for _ in range(ROUNDS):
        right = np.einsum("tnk,tnkc,tnk->tc", robust, A, b)
        position = np.linalg.solve(normal, right[..., None])[..., 0]
        residual = np.einsum("tnkc,tc->tnk", A, position) - b
        robust = W / (1 + W * residual**2)
        again = np.einsum("tnk,tnkc,tnkd->tcd", robust, A, A)
        normal = np.where((normal == np.eye(3)).all((-1, -2))[:, None, None], normal, again)
    return position, robust
