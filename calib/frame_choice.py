"""Which frames of a board to calibrate with: sharp ones that differ in place, size and tilt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .board_pose import board_homography
from .board_views import BoardViews
from .distortion import Array

BLURRED = 0.5  # of the median sharpness
CELLS = 10  # coverage is counted in so many columns; rows in proportion


def choose_frames(views: BoardViews, most: int) -> NDArray[np.int64]:
    """Positions of at most ``most`` frames, rising.

    Frames are taken one by one, always the one whose board lies farthest from all taken before: the distance is that
    of the board's four outer corners in the picture, so place, size and tilt all count; blurred frames come last.

    Args:
        views: what a camera saw.
        most: how many to take.
    """
    if len(views) <= most:
        return np.arange(len(views))
    features = _outlines(views)
    worth = np.clip(views.sharpness / np.median(views.sharpness), 0.1, 1.0)
    worth = np.where(worth < BLURRED, worth * 0.2, worth)
    chosen = [int(np.argmax(worth * np.linalg.norm(features - np.median(features, axis=0), axis=1)))]
    distance = np.linalg.norm(features - features[chosen[0]], axis=1)
    while len(chosen) < most:
        chosen.append(int(np.argmax(worth * distance)))
        distance = np.minimum(distance, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return np.array(sorted(chosen), np.int64)


def _outlines(views: BoardViews) -> Array:
    """[F, 8]: the board's outer corners, in parts of the picture's larger side; clipped where perspective explodes."""
    corners, across = views.board.corners, views.board.grid[0]
    outer = corners[[0, across - 1, len(corners) - across, len(corners) - 1], :2]
    rows = []
    for xy in views.xy:
        H = board_homography(corners, xy)
        where = np.full((4, 2), np.nanmean(xy, axis=0))
        if H is not None:
            projected = np.column_stack([outer, np.ones(4)]) @ H.T
            where = projected[:, :2] / np.where(np.abs(projected[:, 2:]) > 1e-9, projected[:, 2:], 1e-9)
        side = float(max(views.size))
        rows.append(np.clip(where / side, -1, 2).ravel())
    return np.array(rows)


def coverage(views: BoardViews) -> Array:
    """How many corners were seen in each part of the picture.

    Args:
        views: what a camera saw.

    Returns:
        [rows, columns], :data:`CELLS` along the larger side.
    """
    width, height = views.size
    cell = max(width, height) / CELLS
    shape = (int(np.ceil(height / cell)), int(np.ceil(width / cell)))
    xy = views.xy[np.isfinite(views.xy).all(-1)]
    counts, _, _ = np.histogram2d(xy[:, 1], xy[:, 0], bins=shape, range=[[0, shape[0] * cell], [0, shape[1] * cell]])
    return np.asarray(counts)
