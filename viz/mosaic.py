"""Several cameras' pictures on one page, and what is drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .palette import INK_SOFT

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

OUTLINE = (40, 36, 32)  # BGR
EMPTY = (70, 66, 62)
DIM = 0.82
SUBPIXEL = 4  # bits: cv2 draws at sixteenths of a pixel
FAR = 1e5  # pixels; fixed-point coordinates overflow beyond


@dataclass(frozen=True)
class Mosaic:
    """Where each picture stands: (x, y, scale); size is even, as encoders want it."""

    size: tuple[int, int]
    places: tuple[tuple[int, int, float], ...]

    def page(self) -> Image:
        """An empty page."""
        return np.full((self.size[1], self.size[0], 3), EMPTY, np.uint8)


def mosaic_of(sizes: Sequence[tuple[int, int]], limit: tuple[int, int]) -> Mosaic:
    """The grid in which the pictures come out largest.

    Args:
        sizes: (width, height) of each picture.
        limit: (width, height) that they must fit into together.
    """
    cell = np.max(np.array(sizes), axis=0)
    options = []
    for columns in range(1, len(sizes) + 1):
        rows = -(-len(sizes) // columns)
        scale = min(limit[0] / (columns * cell[0]), limit[1] / (rows * cell[1]), 1.0)
        options.append((scale, -columns * rows, columns))
    scale, _, columns = max(options)
    rows = -(-len(sizes) // columns)
    wide, tall = (max(2, int(side * scale)) for side in cell)
    places = [
        ((k % columns) * wide, (k // columns) * tall, min(wide / size[0], tall / size[1]))
        for k, size in enumerate(sizes)
    ]
    return Mosaic((_even(columns * wide), _even(rows * tall)), tuple(places))


def _even(size: int) -> int:
    """The next even number: video encoders take no other."""
    return size + size % 2


def tile_of(picture: Image | None, size: tuple[int, int]) -> Image:
    """The picture scaled to cover a tile and centred, a little dimmed so that lines stand out."""
    width, height = size
    if picture is None:
        return np.full((height, width, 3), EMPTY, np.uint8)
    picture = _halved(picture, (width, height))
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    # Pixel centres: a point at x in the picture comes to (x + 0.5) scale - 0.5, shifted to the middle.
    shift = [(width - columns * scale) / 2, (height - rows * scale) / 2]
    matrix = np.array([[scale, 0, 0.5 * scale - 0.5 + shift[0]], [0, scale, 0.5 * scale - 0.5 + shift[1]]])
    tile = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.convertScaleAbs(tile, alpha=DIM), np.uint8)


def _halved(picture: Image, size: tuple[int, int]) -> Image:
    """The picture made smaller by whole pixels as far as it stays larger than wanted: warping leaves pixels out."""
    rows, columns = picture.shape[:2]
    factor = int(min(columns / max(size[0], 1), rows / max(size[1], 1)))
    while factor > 1 and (columns % factor or rows % factor):
        factor -= 1
    if factor < 2:
        return picture
    small = cv2.resize(picture, (columns // factor, rows // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def draw_bone(tile: Image, ends: Array, color: tuple[int, int, int], thick: int) -> None:
    """A line [2, 2] with an outline; nothing if an end is missing."""
    if not (np.isfinite(ends).all() and (np.abs(ends) < FAR).all()):
        return
    one, other = (tuple(int(value) for value in np.round(end * (1 << SUBPIXEL))) for end in ends)
    cv2.line(tile, one, other, OUTLINE, thick + 2, cv2.LINE_AA, SUBPIXEL)
    cv2.line(tile, one, other, color, thick, cv2.LINE_AA, SUBPIXEL)


def draw_dots(tile: Image, xy: Array, color: tuple[int, int, int], thick: int) -> None:
    """A dot with an outline at each of [N, 2] that is there."""
    there = np.isfinite(xy).all(-1) & (np.abs(np.nan_to_num(xy)) < FAR).all(-1)
    for x, y in xy[there]:
        center = (round(x * (1 << SUBPIXEL)), round(y * (1 << SUBPIXEL)))
        cv2.circle(tile, center, (thick + 2) << SUBPIXEL - 1, OUTLINE, -1, cv2.LINE_AA, SUBPIXEL)
        cv2.circle(tile, center, thick << SUBPIXEL - 1, color, -1, cv2.LINE_AA, SUBPIXEL)


def draw_title(tile: Image, text: str) -> None:
    """A few words on a dark band in the corner."""
    size = max(0.4, tile.shape[1] / 900)
    (width, height), low = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    band = tile[: height + low + 10, : width + 16]
    band[:] = (0.35 * band + 0.65 * 255 * INK_SOFT[::-1] * 0.4).astype(np.uint8)
    cv2.putText(tile, text, (8, height + 5), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1, cv2.LINE_AA)


def bgr(color: Array) -> tuple[int, int, int]:
    """RGB in 0..1 to what cv2 draws with."""
    red, green, blue = (round(255 * float(value)) for value in color)
    return blue, green, red
