"""Where a board stands before one camera: both poses of a plane, and the focal length that planes betray."""

from __future__ import annotations

import cv2
import numpy as np

from .camera import Camera
from .distortion import Array


def board_poses(camera: Camera, corners: Array, xy: Array) -> list[tuple[Array, Array, float]]:
    """The poses of a board that one camera's picture allows, the better first.

    A plane that is small or far has two poses of nearly equal error, mirrored about the line of sight.

    Args:
        camera: intrinsics; its pose does not count.
        corners: [N, 3] metres, board frame, z = 0.
        xy: [N, 2] pixels; NaN: not seen.

    Returns:
        (R [3, 3], t [3] metres, root mean square error in pixels) of the board in the camera's frame, so that
        x_cam = R @ x + t; none if fewer than four corners were seen or none lies in front of the camera.

    Source: Collins and Bartoli, Infinitesimal plane-based pose estimation, IJCV 2014 (OpenCV's SOLVEPNP_IPPE).
    """
    still = camera.with_pose(np.eye(3), np.zeros(3))
    xy_norm = still.undistort(xy)
    seen = np.isfinite(xy_norm).all(1)
    if seen.sum() < 4:
        return []
    points = np.ascontiguousarray(corners[seen] - corners[seen].mean(0))
    _, rotations, shifts, _ = cv2.solvePnPGeneric(
        points, np.ascontiguousarray(xy_norm[seen]), np.eye(3), np.zeros(0), flags=cv2.SOLVEPNP_IPPE
    )
    poses = []
    for rvec, tvec in zip(rotations, shifts, strict=True):
        R = np.asarray(cv2.Rodrigues(rvec)[0], np.float64)
        t = np.ravel(np.asarray(tvec, np.float64)) - R @ corners[seen].mean(0)
        error = still.project(corners[seen] @ R.T + t) - xy[seen]
        if np.isfinite(error).all():
            poses.append((R, t, float(np.sqrt((error**2).sum(1).mean()))))
    return sorted(poses, key=lambda pose: pose[2])


def board_homography(corners: Array, xy: Array) -> Array | None:
    """[3, 3] from board coordinates (x, y in metres) to pixels, or None where there is none.

    Args:
        corners: [N, 3] metres, board frame.
        xy: [N, 2] pixels; NaN: not seen.
    """
    seen = np.isfinite(xy).all(1)
    if seen.sum() < 4:
        return None
    H, _ = cv2.findHomography(corners[seen, :2], xy[seen], cv2.LMEDS if seen.sum() > 8 else 0)
    return None if H is None else np.asarray(H, np.float64)


def focal_from_planes(homographies: list[Array], size: tuple[int, int]) -> float | None:
    """The focal length (pixels) on which most tilted planes agree, the principal point being the middle.

    Args:
        homographies: [3, 3] each, plane to pixels.
        size: (width, height) of the pictures.

    Returns:
        None if no plane is tilted enough to tell.

    Source: Zhang, A flexible new technique for camera calibration, PAMI 2000, equations 3 and 4.
    """
    middle = np.array([[1, 0, -(size[0] - 1) / 2], [0, 1, -(size[1] - 1) / 2], [0, 0, 1.0]])
    found, weights = [], []
    for H in homographies:
        G = middle @ H
        G = G / np.linalg.norm(G[:, 0])
        (a1, a2, a3), (b1, b2, b3) = G[:, 0], G[:, 1]
        known = np.array([a3 * b3, a3**2 - b3**2])
        measured = np.array([a1 * b1 + a2 * b2, a1**2 + a2**2 - b1**2 - b2**2])
        strength = float(known @ known)
        squared = -float(known @ measured) / strength if strength > 0 else 0.0  # of -known = measured / f^2
        if squared > 0:
            found.append(np.sqrt(squared))
            weights.append(strength * squared)
    if not found:
        return None
    order = np.argsort(found)
    rising = np.cumsum(np.array(weights)[order])
    return float(np.array(found)[order][np.searchsorted(rising, rising[-1] / 2)])
