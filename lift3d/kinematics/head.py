"""The head's orientation from one picture: the face of a mean adult, fitted to five keypoints.

Several cameras give the face's joints in space, and the orientation follows from them. One camera does not; but the
shape of a face is known well enough that its picture tells how it is turned.

Source: the perspective-n-point problem by OpenCV's SQPNP (Terzakis and Lourakis, 2020), polished by Gauss-Newton; the
face by :mod:`lift3d.datasets.body`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError
from lift3d.datasets import Skeleton
from lift3d.datasets.body import POINTS

from .axes import Axes

Array = NDArray[np.float64]

STATURE = 1.75  # m: whose face; only its shape matters for the orientation
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
LEAST_POINTS = 4


def head_from_picture(xy: Array, skeleton: Skeleton, camera: Camera) -> Axes:
    """The head's axes in the world, by the keypoints of its face in one picture.

    Args:
        xy: [..., J, 2] pixels; NaN where missing. Distorted, as the camera saw them.
        skeleton: the joint set.
        camera: the camera.

    Returns:
        Axes [..., 3]; NaN where fewer than four of nose, eyes and ears are there, or the face would be behind the
        camera.

    Raises:
        InputError: the joint set has fewer than four of these joints.
    """
    names = [name for name in FACE if name in skeleton.joints]
    if len(names) < LEAST_POINTS:
        raise InputError(
            f"the head's orientation needs {LEAST_POINTS} of {', '.join(FACE)}; {skeleton.name} lacks them"
        )
    # The face's own frame has z up and y to the left, as the body's; the head's x, y, z are forward, up and right.
    model = STATURE * np.array([POINTS[name][1] for name in names], np.float64)
    pixels = xy[..., [skeleton.index(name) for name in names], :]
    flat = camera.undistort(pixels.reshape(-1, 2)).reshape(-1, len(names), 2)
    turns = np.stack([_turn(model, face) for face in flat]) if len(flat) else np.empty((0, 3, 3))
    world = (camera.R.T @ turns).reshape(*pixels.shape[:-2], 3, 3)
    return Axes(world[..., 0], world[..., 2], -world[..., 1])


def _turn(model: Array, xy: Array) -> Array:
    """One face's rotation into the camera, [3, 3], from its ideal picture on z = 1."""
    import cv2

    nothing = np.full((3, 3), np.nan)
    seen = np.isfinite(xy).all(-1)
    if seen.sum() < LEAST_POINTS:
        return nothing
    points, pixels = np.ascontiguousarray(model[seen]), np.ascontiguousarray(xy[seen])
    try:
        ok, rotation, shift = cv2.solvePnP(points, pixels, np.eye(3), None, flags=cv2.SOLVEPNP_SQPNP)
        if not ok or float(shift[2, 0]) <= 0:
            return nothing
        rotation, shift = cv2.solvePnPRefineLM(points, pixels, np.eye(3), None, rotation, shift)
    except cv2.error:  # a face of no size
        return nothing
    return np.asarray(cv2.Rodrigues(rotation)[0], np.float64)
