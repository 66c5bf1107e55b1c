"""Captures made up from nothing: cameras on a ring, people whose 3D is known, and what a detector sees of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError, Rig

from .body import Body
from .gait import walk_past, walk_turn_squat

Array = NDArray[np.float64]

PASSER_BY_STATURE = 1.66
PASSER_BY_Y = 3.0  # m: clear of the walk, inside the ring


def ring_rig(
    n_cameras: int = 4,
    *,
    radius: float = 5.0,
    height: float = 2.5,
    target: tuple[float, float, float] = (0.0, 0.0, 0.85),
    size: tuple[int, int] = (1280, 720),
) -> Rig:
    """Cameras on a ring that all look at one point, no two of them alike.

    Focal lengths (near 0.70 of the picture's width, a 71 degree lens), principal points, heights and distortions
    (k1 near -0.2, k3 = 0) differ from camera to camera, the same way in every call.

    Args:
        n_cameras: V; they are called cam01, cam02, …
        radius: metres, of the ring around the target.
        height: metres, the mean height of the cameras; they stand up to 0.4 m above and below it.
        target: metres, world: where they look.
        size: (width, height) in pixels.

    Returns:
        The rig; cameras are evenly spaced (two of them by 90 degrees), the first half a step from world x.

    Raises:
        InputError: there is no camera, or the ring has no width.
    """
    if n_cameras < 1 or radius <= 0:
        raise InputError(f"a ring needs cameras and a radius above zero, got {n_cameras} cameras on {radius:g} m")
    step = 2 * np.pi / n_cameras if n_cameras > 2 else np.pi / 2  # two opposite cameras cannot measure depth
    cameras = []
    for v in range(n_cameras):
        # Irrational steps: any number of cameras differ evenly.
        a, b, c = ((v * share + 0.2) % 1.0 * 2 - 1 for share in (0.6180, 0.7549, 0.5698))
        angle = step * (v + 0.5)
        center = np.array([target[0] + radius * np.cos(angle), target[1] + radius * np.sin(angle), height + 0.4 * a])
        R = _looking(center, np.array(target))
        focal = size[0] * (0.70 + 0.03 * b)
        middle = (np.array(size) - 1) / 2 + size[0] * np.array([0.008 * c, 0.006 * a])
        K = np.array([[focal, 0, middle[0]], [0, focal * 1.001, middle[1]], [0, 0, 1]])
        dist = np.array([-0.20 + 0.03 * c, 0.06 + 0.01 * a, 0.0006 * b, 0.0006 * c, 0.0])
        cameras.append(Camera(f"cam{v + 1:02d}", K=K, dist=dist, R=R, t=-R @ center, size=size))
    return Rig(tuple(cameras))


def demo_people(duration: float = 10.0, fps: float = 60.0) -> Array:
    """A person who walks, turns and squats in the middle, and somebody who walks past behind.

    Args:
        duration: seconds.
        fps: frames a second.

    Returns:
        xyz [T, 2, 25, 3] metres, world, BODY_25B; person 0 is the one to reconstruct.
    """
    passer_by = walk_past(duration, fps, body=Body(PASSER_BY_STATURE), yaw=np.pi)
    passer_by[..., 1] += PASSER_BY_Y
    return np.stack([walk_turn_squat(duration, fps), passer_by], axis=1)


def _looking(center: Array, target: Array) -> Array:
    """The rotation of an upright camera that looks from one point to another."""
    forward = (target - center) / np.linalg.norm(target - center)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])
