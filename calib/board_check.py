"""How well calibrated cameras measure a board that they were not calibrated with, or in frames that were held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .board_views import BoardViews
from .boards import Board
from .camera_jacobian import project_with_jacobians
from .distortion import Array
from .errors import CalibrationError
from .frame_times import shared_frames
from .rig import Rig
from .triangulation import triangulate_linear

STEPS = 5  # of Gauss-Newton from the linear solution


@dataclass(frozen=True, eq=False)
class BoardCheck:
    """What a rig makes of a board.

    Args:
        xyz: [P, N, 3] corners in metres, world; NaN where fewer than two cameras saw one.
        residuals: [C, P, N, 2] pixels, projected minus seen.
        distance_errors: [P, M] measured minus true distance of neighbouring corners, metres; NaN: not measured.
        square: their true distance, metres.
    """

    xyz: Array
    residuals: Array
    distance_errors: Array
    square: float

    @property
    def rms(self) -> float:
        """Root mean square distance between seen and projected corners, pixels."""
        return float(np.sqrt(np.nanmean((self.residuals**2).sum(-1))))

    @property
    def median_distance_error(self) -> float:
        """Metres, of neighbouring corners."""
        return float(np.nanmedian(np.abs(self.distance_errors)))

    @property
    def scale(self) -> float:
        """Measured over true length; away from 1, the square's size or the rig's scale is wrong."""
        return 1.0 + float(np.nanmedian(self.distance_errors)) / self.square


def check_with_board(rig: Rig, views: Sequence[BoardViews], *, frames: NDArray[np.int64] | None = None) -> BoardCheck:
    """Triangulate a board's corners and compare them with the board.

    Args:
        rig: C cameras.
        views: what they saw, in the rig's order, frame numbers speaking of the same moments.
        frames: numbers of the frames to look at; None: all that two cameras share.

    Raises:
        CalibrationError: the board was never seen by two cameras at once.
    """
    numbers = shared_frames(views) if frames is None else np.asarray(frames, np.int64)
    xy = np.stack([entry.at(numbers) for entry in views])
    if not len(numbers) or (np.isfinite(xy[..., 0]).sum(0) >= 2).sum() == 0:
        raise CalibrationError("no corner of the board was seen by two cameras at once, so nothing can be checked")
    return check_corners(rig, views[0].board, xy)


def check_corners(rig: Rig, board: Board, xy: Array) -> BoardCheck:
    """The same from arrays.

    Args:
        rig: C cameras.
        board: what was seen.
        xy: [C, P, N, 2] pixels; NaN: not seen.
    """
    C, P, N, _ = xy.shape
    flat = xy.reshape(C, P * N, 2)
    points = _refine(rig, flat, triangulate_linear(rig.undistort(flat), rig))
    xyz = points.reshape(P, N, 3)
    residuals = np.where(np.isfinite(xyz[..., :1]), rig.project(xyz) - xy, np.nan)
    pairs = board.neighbours
    lengths = np.linalg.norm(xyz[:, pairs[:, 0]] - xyz[:, pairs[:, 1]], axis=-1)
    return BoardCheck(xyz, residuals, lengths - board.square, board.square)


def _refine(rig: Rig, xy: Array, xyz: Array) -> Array:
    """Gauss-Newton on the reprojection error."""
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(xy).all(-1))
    for _ in range(STEPS):
        H, g = np.zeros((len(xyz), 3, 3)), np.zeros((len(xyz), 3))
        for camera, view, mask in zip(rig, xy, seen, strict=True):
            projected, J, _, _ = project_with_jacobians(camera, xyz)
            good = mask & np.isfinite(projected).all(-1)
            J, error = J[good], (view - projected)[good]
            H[good] += J.transpose(0, 2, 1) @ J
            g[good] += np.einsum("nij,ni->nj", J, error)
        known = np.isfinite(xyz).all(-1) & (seen.sum(0) >= 2)
        xyz = xyz.copy()
        xyz[known] += np.linalg.solve(H[known], g[known][..., None])[..., 0]
    return xyz
