"""Floor and walls of the demo's room, as pictures made from random numbers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .solids import Single

Image = NDArray[np.uint8]

PIXELS_PER_METRE = 64
SHEET = 2.0  # metres, each side
SKIRTING = 0.12  # metres
DADO = 1.35  # metres: below it the walls are darker
COURT_EDGE, COURT_CIRCLE = 1.2, 1.8  # metres from the wall; its radius
COURT_COLOR, LINE = (70, 90, 150), 3
RUBBER = (138, 140, 132)  # BGR
PLASTER = ((196, 208, 212), (206, 202, 190), (188, 204, 198))
PAINT = ((120, 132, 116), (138, 118, 96), (112, 124, 146))


def floor_texture(half: float, noise: Single, rng: np.random.Generator) -> Image:
    """Grey rubber sheets and the lines of a court: [2 half, 2 half] metres, the rows along y.

    A lively floor (planks in the colour of skin) takes a weak person detector in; floors of real laboratories are calm.
    """
    n = round(2 * half * PIXELS_PER_METRE)
    sheet = round(SHEET * PIXELS_PER_METRE)
    v, u = np.indices((n, n))
    tone = rng.normal(0, 0.012, (n // sheet + 1, n // sheet + 1))[v // sheet, u // sheet]
    cloudy = 0.012 * noise[v % 512, u % 512] + 0.02 * noise[(v // 6) % 512, (u // 6) % 512]
    image = np.array(RUBBER, np.float32) * (1 + tone + cloudy)[..., None].astype(np.float32)
    image[(v % sheet == 0) | (u % sheet == 0)] *= 0.90
    court = np.zeros((n, n), np.uint8)
    first, middle, last = round(COURT_EDGE * PIXELS_PER_METRE), n // 2, n - round(COURT_EDGE * PIXELS_PER_METRE)
    cv2.rectangle(court, (first, first), (last, last), 255, LINE)
    cv2.line(court, (first, middle), (last, middle), 255, LINE)
    cv2.circle(court, (middle, middle), round(COURT_CIRCLE * PIXELS_PER_METRE), 255, LINE, cv2.LINE_AA)
    share = 0.75 * court[..., None] / np.float32(255)
    return _to_picture(image * (1 - share) + np.array(COURT_COLOR, np.float32) * share)


def wall_texture(width: float, height: float, noise: Single, rng: np.random.Generator) -> Image:
    """Plaster above paint, windows, a door, posters and bars: [width, height] metres, the top row highest."""
    m = PIXELS_PER_METRE
    rows, columns = round(height * m), round(width * m)
    v, u = np.mgrid[:rows, :columns]
    kind = int(rng.integers(len(PLASTER)))
    image = np.where(
        (v > rows - DADO * m)[..., None], np.array(PAINT[kind], np.float32), np.array(PLASTER[kind], np.float32)
    )
    image *= (1 + 0.018 * noise[v % 512, u % 512] + 0.03 * noise[(v // 4) % 512, (u // 4) % 512])[..., None]
    image *= (0.82 + 0.18 * np.minimum(1, np.minimum(u, columns - 1 - u) / (1.5 * m)))[..., None]
    image[rows - round(SKIRTING * m) :] *= 0.45
    image[round(rows - DADO * m) :][:4] *= 0.75
    image = np.ascontiguousarray(image, np.float32)
    left = float(rng.uniform(0.8, 1.6))
    while left < width - 2.5:
        feature = _FEATURES[int(rng.integers(len(_FEATURES)))]
        left += feature(image, left, rng) + float(rng.uniform(0.5, 1.4))
    return _to_picture(image)


def _patch(image: Single, left: float, low: float, size: tuple[float, float]) -> Single:
    """The part of a wall from ``left`` and ``low`` (metres from the floor) of a size, as a view."""
    m, rows = PIXELS_PER_METRE, len(image)
    top = rows - round((low + size[1]) * m)
    return image[max(top, 0) : rows - round(low * m), round(left * m) : round((left + size[0]) * m)]


def _window(image: Single, left: float, rng: np.random.Generator) -> float:
    """A window onto a grey sky."""
    size = (float(rng.uniform(1.2, 2.0)), 1.6)
    _patch(image, left - 0.08, 1.72, (size[0] + 0.16, size[1] + 0.16))[:] = (222, 226, 226)
    pane = _patch(image, left, 1.8, size)
    rows, columns = pane.shape[:2]
    sky = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    pane[:] = np.array([248, 238, 226], np.float32) * (1 - 0.10 * sky)
    trees = rows * 0.75 + 9 * np.cumsum(rng.normal(0, 0.25, columns))
    pane[np.arange(rows)[:, None] > trees] = (96, 122, 104)
    for at in (columns // 2 - 2, 0, columns - 5):
        pane[:, at : at + 5] = (214, 218, 218)
    pane[rows // 2 - 2 : rows // 2 + 3] = (214, 218, 218)
    return size[0]


def _poster(image: Single, left: float, rng: np.random.Generator) -> float:
    """A sheet with patches of colour."""
    size = (float(rng.uniform(0.7, 1.1)), float(rng.uniform(0.9, 1.3)))
    sheet = _patch(image, left, float(rng.uniform(1.0, 1.4)), size)
    sheet[:] = rng.uniform(120, 235, 3)
    rows, columns = sheet.shape[:2]
    for _ in range(5):
        corner = (int(rng.integers(columns)), int(rng.integers(rows)))
        other = (int(rng.integers(columns)), int(rng.integers(rows)))
        color = rng.uniform(30, 230, 3).tolist()
        canvas = np.ascontiguousarray(sheet)
        cv2.rectangle(canvas, corner, other, color, -1)
        sheet[:] = canvas
    return size[0]


def _door(image: Single, left: float, rng: np.random.Generator) -> float:
    """A door with a handle."""
    color = rng.uniform((50, 70, 90), (110, 130, 150)).astype(np.float32)
    _patch(image, left - 0.07, 0.0, (1.09, 2.17))[:] = (170, 176, 178)
    leaf = _patch(image, left, 0.0, (0.95, 2.1))
    leaf[:] = color
    for low, high in ((0.06, 0.45), (0.52, 0.92)):
        rows, columns = leaf.shape[:2]
        leaf[int(low * rows) : int(high * rows), int(0.15 * columns) : int(0.85 * columns)] = color * 0.86
    _patch(image, left + 0.83, 1.02, (0.09, 0.05))[:] = (200, 205, 208)
    return 0.95


def _bars(image: Single, left: float, rng: np.random.Generator) -> float:
    """Wall bars, as in a gymnasium."""
    for k in range(3):
        _patch(image, left + k * 0.9, 0.0, (0.08, 2.6))[:] = (84, 122, 158)
    for step in range(16):
        bar = _patch(image, left, 0.14 + 0.155 * step, (1.88, 0.045))
        bar[:] = np.array((104, 148, 188), np.float32) * (1 - 0.05 * float(rng.random()))
        _patch(image, left, 0.115 + 0.155 * step, (1.88, 0.025))[:] *= 0.7
    return 1.88


def _bricks(image: Single, left: float, rng: np.random.Generator) -> float:
    """A strip of bare brick up to the top."""
    strip = _patch(image, left, SKIRTING, (1.3, len(image) / PIXELS_PER_METRE - SKIRTING))
    rows, columns = strip.shape[:2]
    v, u = np.mgrid[:rows, :columns]
    row = v // 5
    column = (u + 8 * (row % 2)) // 16
    tone = rng.normal(1, 0.10, (row.max() + 1, column.max() + 1))[row, column]
    strip[:] = np.array([92, 108, 160], np.float32) * tone[..., None]
    strip[(v % 5 == 0) | ((u + 8 * (row % 2)) % 16 == 0)] = (150, 158, 164)
    return 1.3


_FEATURES = (_window, _window, _poster, _door, _bars, _bricks)


def _to_picture(image: Single) -> Image:
    """Clipped to what a picture holds."""
    return np.asarray(np.clip(np.round(image), 0, 255), np.uint8)
