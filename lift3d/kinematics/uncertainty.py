"""From the joints' covariances to the standard deviations of what is computed from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.point_solver import SYMMETRIC_3

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Propagated:
    """Standard deviations, and which joints each quantity rests on.

    Args:
        sigma: name to [T]; NaN where a joint's covariance is not known.
        joints: name to [J].
    """

    sigma: dict[str, Array]
    joints: dict[str, Mask]


def propagate(
    function: Callable[[Array], Mapping[str, Array]],
    xyz: Array,
    covariance: Array,
    *,
    circular: bool = False,
    progress: Progress | None = None,
) -> Propagated:
    """Push each joint by one standard deviation along each axis of its ellipsoid and see what changes.

    Where the function is linear over one standard deviation this is first-order propagation; where it bends, the
    symmetric difference follows it further than a derivative would.

    Convention:
        errors of different joints count as independent; nobody stored how they go together.

    Args:
        function: positions [T, J, 3] to named quantities [T].
        xyz: [T, J, 3] metres.
        covariance: [T, J, 6] m², the entries xx, xy, xz, yy, yz, zz.
        circular: the quantities are angles; differences wrap at pi.
        progress: called with (stage, done, total).
    """
    root = square_root(covariance)  # [T, J, 3, 3]
    value = function(xyz)
    variance = {name: np.zeros_like(array) for name, array in value.items()}
    joints = {name: np.zeros(xyz.shape[1], bool) for name in value}
    for j in range(xyz.shape[1]):
        moved = xyz.copy()
        moved[:, j] = np.nan
        touched = {name: bool((np.isfinite(value[name]) & np.isnan(v)).any()) for name, v in function(moved).items()}
        for axis in range(3 if any(touched.values()) else 0):
            moved[:, j] = xyz[:, j] + root[:, j, :, axis]
            ahead = function(moved)
            moved[:, j] = xyz[:, j] - root[:, j, :, axis]
            behind = function(moved)
            for name in (name for name, hit in touched.items() if hit):
                step = ahead[name] - behind[name]
                variance[name] += ((np.remainder(step + np.pi, 2 * np.pi) - np.pi if circular else step) / 2) ** 2
        for name, hit in touched.items():
            joints[name][j] = hit
        if progress:
            progress("error bars", j + 1, xyz.shape[1])
    return Propagated(
        {name: np.where(np.isnan(value[name]), np.nan, np.sqrt(variance[name])) for name in value}, joints
    )


def square_root(covariance: Array) -> Array:
    """[..., 6] to matrices L [..., 3, 3] with L @ L.T the covariance; NaN where it is not known."""
    matrices = covariance[..., SYMMETRIC_3]
    known = np.asarray(np.isfinite(matrices).all((-2, -1)))
    scale, axes = np.linalg.eigh(np.where(known[..., None, None], matrices, np.eye(3)))
    # Stored in float32: a flat ellipsoid may come back with a slightly negative axis.
    root = axes * np.sqrt(np.maximum(scale, 0.0))[..., None, :]
    return np.where(known[..., None, None], root, np.nan)
