"""Human3.6M's two head joints of a head whose frame is known: the way back from :mod:`lift3d.datasets.coco_of_h36m`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..coco_of_h36m import FACE, FORWARD_OF_NECK, GAZE, NECK_TO_HEAD

Array = NDArray[np.float64]


def head_joints(axes: Array, origin: Array) -> tuple[Array, Array]:
    """Joints 9 and 10 of heads.

    Args:
        axes: [..., 3, 3], rows forward (where the face looks), left and up.
        origin: [..., 3] metres, the upper end of the neck.

    Returns:
        neck [..., 3] and head [..., 3] metres; ``head_frames`` of poses with these gives the axes again.
    """
    forward, up = axes[..., 0, :], axes[..., 2, :]
    ahead = np.cos(GAZE) * forward - np.sin(GAZE) * up
    above = np.cos(GAZE) * up + np.sin(GAZE) * forward
    back = FORWARD_OF_NECK / NECK_TO_HEAD
    neck = origin + FORWARD_OF_NECK * ahead
    return neck, neck + NECK_TO_HEAD * (np.sqrt(1 - back**2) * above - back * ahead)


def head_of_face(face: Array) -> tuple[Array, Array]:
    """The frame of heads whose faces were seen, by the rotation and shift that fit the mean head best.

    Args:
        face: [..., 5, 3] metres: nose, left eye, right eye, left ear, right ear.

    Returns:
        axes [..., 3, 3], rows forward, left and up; origin [..., 3] metres. NaN where a point is missing.
    """
    model = np.array([FACE[name] for name in ("nose", "left_eye", "right_eye", "left_ear", "right_ear")])
    seen = np.asarray(np.isfinite(face).all((-1, -2)))
    face = np.where(seen[..., None, None], face, model)
    middle, center = face.mean(-2, keepdims=True), model.mean(0)
    u, _, vt = np.linalg.svd(np.swapaxes(face - middle, -1, -2) @ (model - center))
    sign = np.linalg.det(u @ vt)
    u[..., -1] *= sign[..., None]
    R = u @ vt  # [..., 3, 3] head to world; its columns are forward, left and up
    origin = middle[..., 0, :] - (R @ center[:, None])[..., 0]
    axes = np.swapaxes(R, -1, -2)
    return np.where(seen[..., None, None], axes, np.nan), np.where(seen[..., None], origin, np.nan)
