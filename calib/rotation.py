"""Rotation vectors (axis times angle) to matrices and back."""

from __future__ import annotations

import numpy as np

from .distortion import Array


def rotation_matrix(vector: Array) -> Array:
    """The rotation by ``|vector|`` radians about ``vector``.

    Args:
        vector: [..., 3] radians.

    Returns:
        [..., 3, 3].
    """
    from scipy.spatial.transform import Rotation  # slow to import, and few callers need it

    vector = np.asarray(vector, np.float64)
    R = np.asarray(Rotation.from_rotvec(vector.reshape(-1, 3)).as_matrix(), np.float64)
    return R.reshape(*vector.shape, 3)


def rotation_vector(R: Array) -> Array:
    """The axis of a rotation times its angle, which is at most pi.

    Args:
        R: [..., 3, 3] rotations; small errors of printing are taken out.

    Returns:
        [..., 3] radians.
    """
    from scipy.spatial.transform import Rotation

    R = np.asarray(R, np.float64)
    vector = np.asarray(Rotation.from_matrix(R.reshape(-1, 3, 3)).as_rotvec(), np.float64)
    return vector.reshape(R.shape[:-1])
