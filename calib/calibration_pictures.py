"""Pictures of a calibration, drawn by OpenCV: where corners were seen, residual arrows, cameras from above."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .distortion import Array
from .rig import Rig

Picture = NDArray[np.uint8]

WIDTH = 640  # of a camera's picture; the height follows the camera's
CELLS = 10  # along the larger side, as in frame_choice
PAPER, INK, FAINT = (255, 255, 255), (40, 40, 40), (225, 225, 225)
EMPTY, FULL = np.array([240.0, 240, 255]), np.array([200.0, 235, 200])  # BGR of cells without and with corners
ARROW, WORST = (170, 90, 20), (30, 30, 220)
PALETTE = ((180, 119, 31), (14, 127, 255), (44, 160, 44), (40, 39, 214), (189, 103, 148), (75, 86, 140))
LAYOUT = 640
FONT = cv2.FONT_HERSHEY_SIMPLEX


def coverage_picture(xy: Array, residuals: Array, size: tuple[int, int], *, magnify: float | None = None) -> Picture:
    """Where one camera saw corners, and by how much each is off, as arrows.

    Args:
        xy: [M, 2] pixels; NaN: not seen.
        residuals: [M, 2] pixels, projected minus seen.
        size: (width, height) of the camera's pictures.
        magnify: how much longer arrows are than the residuals; None: so that the median one can be seen.

    Returns:
        [H, 640, 3] BGR. Cells in which no corner was seen are tinted red; arrows of the largest tenth are red.
    """
    scale = WIDTH / size[0]
    canvas = np.full((round(size[1] * scale), WIDTH, 3), PAPER, np.uint8)
    seen = np.isfinite(xy).all(1) & np.isfinite(residuals).all(1)
    xy, residuals = xy[seen], residuals[seen]
    _tint_cells(canvas, xy * scale, max(size) * scale / CELLS)
    lengths = np.linalg.norm(residuals, axis=1)
    if magnify is None:
        magnify = magnification(residuals)
    large = np.quantile(lengths, 0.9) if len(lengths) else 0.0
    for point, residual, length in zip(xy, residuals, lengths, strict=True):
        end = point * scale + residual * scale * magnify
        color = WORST if length > large else ARROW
        cv2.arrowedLine(canvas, _pixel(point * scale), _pixel(end), color, 1, cv2.LINE_AA, tipLength=0.25)
    text = f"{len(xy)} corners, arrows x{magnify:.0f}"
    cv2.putText(canvas, text, (8, canvas.shape[0] - 10), FONT, 0.5, INK, 1, cv2.LINE_AA)
    return canvas


def magnification(residuals: Array) -> float:
    """A round number by which to lengthen arrows."""
    lengths = np.linalg.norm(residuals[np.isfinite(residuals).all(-1)], axis=-1)
    wanted = 20 / max(float(np.median(lengths)), 1e-3) if len(lengths) else 1.0
    return float(10 ** np.floor(np.log10(max(min(wanted, 1000.0), 1.0))))


def _tint_cells(canvas: Picture, xy: Array, cell: float) -> None:
    """Red where nothing was seen, green where much was."""
    rows, columns = int(np.ceil(canvas.shape[0] / cell)), int(np.ceil(canvas.shape[1] / cell))
    for row in range(rows):
        for column in range(columns):
            low = np.array([column, row]) * cell
            count = int(((xy >= low) & (xy < low + cell)).all(1).sum())
            color = EMPTY + (FULL - EMPTY) * min(count / 10, 1.0)
            cv2.rectangle(canvas, _pixel(low + 1), _pixel(low + cell - 1), tuple(color.tolist()), -1)


def _pixel(point: Array) -> tuple[int, int]:
    """Whole pixels, kept where OpenCV can count."""
    x, y = np.clip(np.nan_to_num(point), -20000, 20000).round().astype(int).tolist()
    return x, y


def layout_picture(rig: Rig, points: Array | None = None) -> Picture:
    """Cameras from above: the world's x to the right, y up; wedges show where they look.

    Args:
        rig: the cameras.
        points: [M, 3] metres, drawn as dots (the board's places, as a rule).

    Returns:
        [640, 640, 3] BGR with a grid whose step is written below.
    """
    canvas = np.full((LAYOUT, LAYOUT, 3), PAPER, np.uint8)
    places = rig.centers[:, :2]
    known = np.zeros((0, 2)) if points is None else points[np.isfinite(points).all(1), :2]
    every = np.concatenate([places, known])
    middle = (every.min(0) + every.max(0)) / 2
    reach = max(float(np.ptp(every, axis=0).max()), 0.1) * 0.65

    def to_canvas(xy: Array) -> Array:
        return np.asarray((xy - middle) * [1, -1] / reach * LAYOUT / 2 + LAYOUT / 2)

    step = _draw_grid(canvas, to_canvas, middle, reach)
    for point in known:
        cv2.circle(canvas, _pixel(to_canvas(point)), 1, (170, 170, 170), -1, cv2.LINE_AA)
    for i, camera in enumerate(rig):
        color, here = PALETTE[i % len(PALETTE)], to_canvas(places[i])
        width = camera.size[0]
        for x in (0, width):
            ray = camera.unproject(np.array([x, camera.principal_point[1]]))[:2]
            ray = ray / max(float(np.linalg.norm(ray)), 1e-9) if np.isfinite(ray).all() else np.zeros(2)
            cv2.line(canvas, _pixel(here), _pixel(here + ray * [1, -1] * 50), color, 1, cv2.LINE_AA)
        cv2.circle(canvas, _pixel(here), 5, color, -1, cv2.LINE_AA)
        cv2.putText(canvas, camera.name, _pixel(here + [8, -6]), FONT, 0.45, INK, 1, cv2.LINE_AA)
    cv2.putText(canvas, f"from above, grid {step:g} m", (8, LAYOUT - 10), FONT, 0.5, INK, 1, cv2.LINE_AA)
    return canvas


def _draw_grid(canvas: Picture, to_canvas: object, middle: Array, reach: float) -> float:
    """Lines every so many metres; returns the step."""
    assert callable(to_canvas)
    step = float(10 ** np.floor(np.log10(reach)))
    low, high = np.floor((middle - reach) / step), np.ceil((middle + reach) / step)
    for axis in (0, 1):
        for value in np.arange(low[axis], high[axis] + 1) * step:
            a, b = middle - 2 * reach, middle + 2 * reach
            a[axis] = b[axis] = value
            cv2.line(canvas, _pixel(to_canvas(a)), _pixel(to_canvas(b)), FAINT, 1)
    return step


def encode_png(picture: Picture) -> bytes:
    """A picture as a PNG file."""
    done, data = cv2.imencode(".png", picture)
    assert done
    return data.tobytes()
