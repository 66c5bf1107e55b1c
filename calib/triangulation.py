"""Linear triangulation: the point that several rays come closest to, in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .distortion import Array
from .rig import Rig


def triangulate_linear(xy_norm: Array, rig: Rig, weights: Array | None = None) -> Array:
    """Find each point from its views by weighted homogeneous least squares (DLT).

    Convention:
        a view that missed a point holds NaN there; a point with fewer than two views comes back NaN.

    Args:
        xy_norm: [V, N, 2] undistorted coordinates on z = 1 (:meth:`Rig.undistort`).
        rig: V cameras.
        weights: [V, N], not negative; None: all alike.

    Returns:
        xyz [N, 3] metres, world.

    Raises:
        ValueError: shapes disagree, or fewer than two cameras.

    Source: Hartley and Zisserman, Multiple View Geometry, 2nd edition, section 12.2.
    """
    xy_norm = np.asarray(xy_norm, np.float64)
    if xy_norm.ndim != 3 or xy_norm.shape[-1] != 2:
        raise ValueError(f"xy_norm must be [V, N, 2], got {list(xy_norm.shape)}")
    if len(xy_norm) != len(rig):
        raise ValueError(f"xy_norm has {len(xy_norm)} views but the rig has {len(rig)} cameras")
    if len(rig) < 2:
        raise ValueError("triangulation needs at least two cameras, got 1")
    seen: NDArray[np.bool_] = np.all(np.isfinite(xy_norm), axis=-1)
    w = seen.astype(np.float64) if weights is None else np.where(seen, weights, 0.0)
    xy = np.where(seen[..., None], xy_norm, 0.0)
    poses = np.array([np.column_stack([camera.R, camera.t]) for camera in rig])
    rows = (xy[..., None] * poses[:, None, 2:3] - poses[:, None, :2]) * w[..., None, None]  # [V, N, 2, 4]
    rows = np.moveaxis(rows, 1, 0).reshape(len(w[0]), -1, 4)
    _, vectors = np.linalg.eigh(rows.transpose(0, 2, 1) @ rows)
    homogeneous = vectors[..., 0]
    enough = (w > 0).sum(0) >= 2
    scale = np.where(enough & (np.abs(homogeneous[:, 3]) > 1e-12), homogeneous[:, 3], np.nan)
    return homogeneous[:, :3] / scale[:, None]
