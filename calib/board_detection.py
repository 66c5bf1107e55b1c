"""Finding a board's corners in one picture, and saying why it was not found.

OpenCV has two chessboard detectors that fail in different pictures and, now and then, invent a board. Both are asked;
what either says is believed only if the corners form a perspective grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .boards import Board
from .corner_fit import fit_corners
from .distortion import Array
from .errors import InputError

Image = NDArray[np.uint8]
Corners = Literal["lift3d", "opencv"]
"""Whose corners: fitted, and sound ones only; or those that most calibrations are made of, see :func:`detect_board`."""

MIN_CORNERS = 6  # fewer corners of a ChArUco board say little and are more often wrong
MAX_BEND = 0.35  # second differences of a row of corners, in squares: steep views reach 0.2, inventions pass 1
MAX_LATTICE_ERROR = 0.12  # of a square, from the homography; a strong fisheye's board bends by 0.05
AGREE = 0.08  # of a square: farther apart, one of the two detectors is wrong
MAX_APART = 0.25  # of the corners; those on which the two disagree are left out
MOST_FIT = 0.7  # of the corners
WINDOW = 0.4  # of the smallest square's side: half the window in which a corner is looked for
MAX_WINDOW = 40
TUTORIAL_WINDOW = 11  # half of it, pixels, whatever the squares' size, and when to stop: as OpenCV's tutorial has it
TUTORIAL_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 1e-3)
SUBPIXEL = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-4)


@dataclass(frozen=True, eq=False)
class Detection:
    """What was found in one picture.

    Args:
        xy: [N, 2] pixels for all corners of the board; NaN: not seen. None: no board.
        reason: why there is none; empty if there is.
        sharpness: of the board's part of the picture, comparable between pictures of one camera.
    """

    xy: Array | None
    reason: str = ""
    sharpness: float = 0.0


def detect_board(image: Image, board: Board, *, thorough: bool = True, corners: Corners = "lift3d") -> Detection:
    """Find a board.

    Args:
        image: [H, W] or [H, W, 3] BGR.
        board: what to look for.
        thorough: spend up to a second a picture (photos) instead of a few ten milliseconds (videos).
        corners: "opencv" takes a chessboard's corners as OpenCV's tutorial on calibration does
            (``findChessboardCorners`` with its defaults, ``cornerSubPix`` in 23 x 23 pixels), unchecked: for
            comparisons with calibrations that were made so. A ChArUco board's corners are OpenCV's either way.

    Raises:
        InputError: not a picture of 8 bits.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or not image.size:
        raise InputError(f"a picture must be [H, W] or [H, W, 3] of 8 bits, got {list(image.shape)} {image.dtype}")
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    grey = np.asarray(255 - grey if board.inverted else grey, np.uint8)
    if board.dictionary:
        detection = _charuco(grey, board)
    else:
        detection = _as_in_the_tutorial(grey, board) if corners == "opencv" else _chessboard(grey, board, thorough)
    if detection.xy is None:
        return detection
    return Detection(detection.xy, sharpness=_sharpness(grey, detection.xy))


def _charuco(grey: Image, board: Board) -> Detection:
    """By its markers; corners beside no marker are missing."""
    detector = cv2.aruco.CharucoDetector(board.charuco())
    corners, ids, _, markers = detector.detectBoard(grey)
    count = 0 if ids is None else len(ids)
    seen = 0 if markers is None else len(markers)
    if count < MIN_CORNERS:
        return Detection(
            None, f"{seen} markers and {count} corners seen, {MIN_CORNERS} needed" if seen else "no marker"
        )
    xy = np.full((board.grid[0] * board.grid[1], 2), np.nan)
    xy[np.ravel(ids)] = np.asarray(corners, np.float64).reshape(-1, 2) - _charuco_shift()
    found = np.isfinite(xy[:, 0])
    points = board.corners[found, :2] / board.square
    if np.linalg.svd(points - points.mean(0), compute_uv=False)[1] < 0.9:
        return Detection(None, "only one row of corners seen")
    error = _lattice_error(xy, board)
    xy[error > MAX_LATTICE_ERROR] = np.nan
    if np.isfinite(xy[:, 0]).sum() < MIN_CORNERS:
        return Detection(None, "the corners found do not lie on a grid")
    return Detection(xy)


@lru_cache(maxsize=1)
def _charuco_shift() -> float:
    """By how many pixels this OpenCV puts ChArUco corners too far right and down: 0.5 in 4.10, 0 in 5.0."""
    board = Board(4, 4, 0.04, dictionary="DICT_4X4_50")
    side, margin = 60, 40
    drawn = board.charuco().generateImage((4 * side + 2 * margin, 4 * side + 2 * margin), marginSize=margin)
    corners, ids, _, _ = cv2.aruco.CharucoDetector(board.charuco()).detectBoard(drawn)
    if ids is None or len(ids) < MIN_CORNERS:
        return 0.0
    true = board.corners[np.ravel(ids), :2] / board.square * side + margin - 0.5
    return round(2 * float(np.mean(np.asarray(corners).reshape(-1, 2) - true))) / 2


def _chessboard(grey: Image, board: Board, thorough: bool) -> Detection:
    """By both detectors, then every corner by a fit; where most do not fit, the mean of both detectors' corners."""
    candidates = [
        xy for xy in (_sector_based(grey, board, thorough), _classic(grey, board, thorough)) if xy is not None
    ]
    if not candidates:
        return Detection(None, "no grid of corners")
    oriented = [_orient(grey, xy, board) for xy in candidates]
    sound = [xy for xy in oriented if not lattice_fault(xy, board)]
    if not sound:
        return Detection(None, lattice_fault(oriented[0], board))
    if len(sound) == 2:
        apart = np.linalg.norm(sound[0] - sound[1], axis=1) > AGREE * np.median(_spacing(sound[0], board))
        if apart.mean() > MAX_APART:
            return Detection(None, "the two detectors disagree")
        sound[0][apart] = np.nan
    mean = (sound[0] + _saddle_points(grey, sound[0], board)) / 2
    fitted = fit_corners(grey, sound[0], board.grid, half=_window(sound[0], board))
    return Detection(fitted if np.isfinite(fitted).sum() >= MOST_FIT * np.isfinite(mean).sum() else mean)


def _as_in_the_tutorial(grey: Image, board: Board) -> Detection:
    """OpenCV's corners, numbered as ours are.

    Source: docs.opencv.org, Camera Calibration (tutorial_py_calibration).
    """
    found, rough = cv2.findChessboardCorners(grey, board.grid)
    if not found:
        return Detection(None, "no grid of corners")
    fine = cv2.cornerSubPix(grey, rough, (TUTORIAL_WINDOW, TUTORIAL_WINDOW), (-1, -1), TUTORIAL_STOP)
    return Detection(_orient(grey, np.asarray(fine, np.float64).reshape(-1, 2), board))


def _classic(grey: Image, board: Board, thorough: bool) -> Array | None:
    """OpenCV's quadrangle detector, with corners moved to the saddle points."""
    flags = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE
    if not thorough:
        flags |= cv2.CALIB_CB_FAST_CHECK
    found, corners = cv2.findChessboardCorners(grey, board.grid, flags=flags)
    if not found:
        return None
    rough = np.asarray(corners, np.float64).reshape(-1, 2)
    fine = _saddle_points(grey, rough, board)
    return np.where(np.isfinite(fine), fine, rough)


def _saddle_points(grey: Image, xy: Array, board: Board) -> Array:
    """Corners moved to the nearest saddle; those that move by more than the detectors may disagree become NaN."""
    seen = np.isfinite(xy).all(1)
    half = _window(xy, board)
    start = np.ascontiguousarray(xy[seen], np.float32).reshape(-1, 1, 2)
    moved = np.full(xy.shape, np.nan)
    moved[seen] = np.asarray(cv2.cornerSubPix(grey, start, (half, half), (-1, -1), SUBPIXEL)).reshape(-1, 2)
    moved[np.linalg.norm(moved - xy, axis=1) > AGREE * np.median(_spacing(xy, board))] = np.nan
    return moved


def _window(xy: Array, board: Board) -> int:
    """Pixels from a corner in which no other square's corner lies."""
    return int(np.clip(WINDOW * _spacing(xy, board).min(), 2, MAX_WINDOW))


def _sector_based(grey: Image, board: Board, thorough: bool) -> Array | None:
    """OpenCV's detector by Duda and Frese (2018)."""
    flags = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_ACCURACY
    found, corners = cv2.findChessboardCornersSB(grey, board.grid, flags=flags)
    if not found and thorough:
        found, corners = cv2.findChessboardCornersSB(grey, board.grid, flags=flags | cv2.CALIB_CB_EXHAUSTIVE)
    return np.asarray(corners, np.float64).reshape(-1, 2) if found else None


def _orient(grey: Image, xy: Array, board: Board) -> Array:
    """Number the corners so that the first inner square is dark and the grid is seen from its printed side.

    An ambiguous board keeps the order in which the first corner is nearer to the top-left of the picture.
    """
    across, down = board.grid
    grid = xy.reshape(down, across, 2)
    edges = grid[-1, 0] - grid[0, 0], grid[0, -1] - grid[0, 0]
    if edges[1][0] * edges[0][1] - edges[1][1] * edges[0][0] < 0:
        grid = grid[:, ::-1]
    nearer_end = bool(grid[-1, -1].sum() < grid[0, 0].sum())
    turned = nearer_end if board.ambiguous else not _first_square_dark(grey, grid)
    return (grid[::-1, ::-1] if turned else grid).reshape(-1, 2).copy()


def _first_square_dark(grey: Image, grid: Array) -> bool:
    """Whether the square between the first four corners belongs to the dark ones."""
    middles = (grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:] + grid[1:, 1:]) / 4
    height, width = grey.shape
    columns = np.clip(np.round(middles[..., 0]), 0, width - 1).astype(int)
    rows = np.clip(np.round(middles[..., 1]), 0, height - 1).astype(int)
    values = cv2.blur(grey, (3, 3))[rows, columns].astype(np.float64)
    even = np.add.outer(np.arange(values.shape[0]), np.arange(values.shape[1])) % 2 == 0
    return bool(values[even].mean() < values[~even].mean())


def lattice_fault(xy: Array, board: Board) -> str:
    """Why a full set of corners cannot be a board, or an empty text."""
    across, down = board.grid
    grid = xy.reshape(down, across, 2)
    spacing = float(np.median(_spacing(xy, board)))
    bends = [np.linalg.norm(np.diff(grid, 2, axis=axis), axis=-1) for axis in (0, 1)]
    worst = max((float(np.nanmax(bend, initial=0.0)) for bend in bends), default=0.0)
    if worst > MAX_BEND * spacing:
        return "the corners found do not lie on a grid"
    error = float(np.sqrt(np.nanmean(_lattice_error(xy, board) ** 2)))
    return "the corners found do not lie on a plane" if error > MAX_LATTICE_ERROR else ""


def _lattice_error(xy: Array, board: Board) -> Array:
    """[N] distance of each corner from a perspective grid through all of them, in squares; NaN stays."""
    seen = np.isfinite(xy[:, 0])
    points = board.corners[:, :2] / board.square
    H, _ = cv2.findHomography(points[seen], xy[seen], cv2.LMEDS if seen.sum() > 8 else 0)
    if H is None:
        return np.where(seen, np.inf, np.nan)
    fitted = cv2.perspectiveTransform(points[None], H)[0]
    return np.asarray(np.linalg.norm(fitted - xy, axis=1) / np.median(_spacing(xy, board)))


def _spacing(xy: Array, board: Board) -> Array:
    """Lengths of the squares' sides, pixels; those with both ends seen."""
    pairs = board.neighbours
    lengths = np.linalg.norm(xy[pairs[:, 0]] - xy[pairs[:, 1]], axis=1)
    lengths = lengths[np.isfinite(lengths)]
    return lengths if len(lengths) else np.array([np.nan])


def _sharpness(grey: Image, xy: Array) -> float:
    """The Laplacian's energy over the picture's, inside the board: motion blur and defocus lower it."""
    low = np.floor(np.nanmin(xy, axis=0)).astype(int)
    high = np.ceil(np.nanmax(xy, axis=0)).astype(int) + 1
    part = grey[max(low[1], 0) : high[1], max(low[0], 0) : high[0]]
    if part.size < 16:
        return 0.0
    contrast: Any = part.astype(np.float64).std()
    laplacian: Any = cv2.Laplacian(part, cv2.CV_64F).std()
    return float(laplacian / max(contrast, 1.0))
