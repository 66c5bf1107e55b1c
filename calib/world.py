"""The world frame of a rig: origin, floor, axes and scale, set by a board on the floor, by points, or by the way up.

Convention:
    The world is in metres, z up, the floor at z = 0. A similarity (scale s, R, t) takes old coordinates to new ones:
    x_new = s R @ x_old + t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bundle_adjustment import BoardPoses
from .distortion import Array
from .errors import CalibrationError
from .rig import Rig

AXES = {"x": (1.0, 0, 0), "y": (0, 1.0, 0), "z": (0, 0, 1.0)}
MIN_LENGTH = 1e-6  # metres between points that shall set an axis
MIN_ANGLE = np.radians(5)


@dataclass(frozen=True, eq=False)
class Similarity:
    """x_new = scale * R @ x_old + t."""

    R: Array
    t: Array
    scale: float = 1.0

    def apply(self, xyz: Array) -> Array:
        """[..., 3] points, old to new."""
        return np.asarray(self.scale * np.asarray(xyz) @ self.R.T + self.t)

    def apply_to_rig(self, rig: Rig) -> Rig:
        """The same cameras in the new frame; pictures do not change."""
        cameras = []
        for camera in rig:
            R = camera.R @ self.R.T
            center = self.apply(camera.center)
            cameras.append(camera.with_pose(R, -R @ center))
        return Rig(tuple(cameras))


def world_of_board(poses: BoardPoses, index: int = 0) -> Similarity:
    """The frame of a board that lies on the floor, print upwards.

    The origin is the board's own (first corner; a ChArUco board's outer corner), x along its columns, z up; y runs
    against its rows.

    Args:
        poses: the board in the old frame.
        index: which of the poses is the one on the floor.

    Raises:
        CalibrationError: there is no such pose.
    """
    if not 0 <= index < len(poses.t):
        raise CalibrationError(f"there are {len(poses.t)} poses of the board, so none is number {index}")
    turn = np.diag([1.0, -1.0, -1.0])  # the board's z points into the print
    R = turn @ poses.R[index].T
    return Similarity(R, -R @ poses.t[index])


def world_of_points(origin: Array, along_x: Array, along_y: Array) -> Similarity:
    """The frame of three points on the floor.

    Args:
        origin: [3] metres, old frame: where the new origin is.
        along_x: [3], a point on the new x axis.
        along_y: [3], a point on the side to which the new y axis points; it need not be at a right angle.

    Raises:
        CalibrationError: the points lie in one place or on one line.
    """
    origin, x, y = (np.asarray(point, np.float64).reshape(3) for point in (origin, along_x, along_y))
    x, y = x - origin, y - origin
    lengths = np.linalg.norm(x), np.linalg.norm(y)
    if min(lengths) < MIN_LENGTH or np.linalg.norm(np.cross(x, y)) < np.sin(MIN_ANGLE) * lengths[0] * lengths[1]:
        raise CalibrationError("the three points of the floor lie on one line; take points that span a triangle")
    x = x / lengths[0]
    z = np.cross(x, y)
    z = z / np.linalg.norm(z)
    R = np.stack([x, np.cross(z, x), z])
    return Similarity(R, -R @ origin)


def world_with_up(up: str | Array) -> Similarity:
    """Turn the world so that the given direction of the old frame becomes z, by the smallest turn.

    Args:
        up: "x", "y", "z", "-x", "-y", "-z", or a direction [3] in the old frame.

    Raises:
        CalibrationError: no such axis, or a direction of no length.
    """
    if isinstance(up, str):
        if up.lstrip("+-") not in AXES or len(up) > 2:
            raise CalibrationError(f"up must be one of x, y, z, -x, -y, -z, got {up!r}")
        direction = np.array(AXES[up.lstrip("+-")]) * (-1 if up.startswith("-") else 1)
    else:
        direction = np.asarray(up, np.float64).reshape(3)
    length = np.linalg.norm(direction)
    if not np.isfinite(length) or length < MIN_LENGTH:
        raise CalibrationError("the way up must be a direction of some length")
    a, z = direction / length, np.array([0.0, 0, 1])
    if a @ z < -1 + 1e-12:
        return Similarity(np.diag([1.0, -1.0, -1.0]), np.zeros(3))
    v = np.cross(a, z)
    S = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return Similarity(np.eye(3) + S + S @ S / (1 + a @ z), np.zeros(3))


def floor_at(height: float) -> Similarity:
    """Move the floor from this height (metres, old frame) to z = 0."""
    return Similarity(np.eye(3), np.array([0.0, 0, -height]))


def rescale(*, measured: float, true: float) -> Similarity:
    """Make a length that the rig measured its true one.

    Args:
        measured: metres by the rig.
        true: metres.

    Raises:
        CalibrationError: a length is not above zero.
    """
    if not (measured > 0 and true > 0):
        raise CalibrationError(f"lengths that set the scale must be above zero, got {measured:g} and {true:g} m")
    return Similarity(np.eye(3), np.zeros(3), true / measured)
