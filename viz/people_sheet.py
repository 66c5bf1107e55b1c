"""A sheet of people with the joints that were found and the true ones, for looking at what a detector does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.datasets.skeleton import Skeleton

from .caption import draw_text, text_width
from .coloring import bone_side
from .palette import BACKGROUND, INK, INK_SOFT, person_colors

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

TRUTH = (255, 255, 255)  # BGR
OUTLINE = (40, 36, 32)
MARGIN, CAPTION, HEADING, TEXT = 8, 20, 34, 13  # pixels
DIM = 0.85
SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates
FAR = 1e5  # pixels; fixed-point coordinates overflow beyond


@dataclass(frozen=True, eq=False)
class Tile:
    """One person.

    Args:
        picture: [H, W, 3] BGR, of the same size in all tiles.
        found: [J, 2] pixels of the picture, NaN where not found; in colours, left dark and right bright.
        true: [J, 2] NaN where not labelled; in white.
        text: a few figures under it.
    """

    picture: Image
    found: Array
    true: Array
    text: str


def draw_people_sheet(sections: Sequence[tuple[str, Sequence[Tile]]], skeleton: Skeleton, *, columns: int = 8) -> Image:
    """Tiles in rows under a heading each.

    Args:
        sections: a heading and its tiles, at least one tile in all.
        skeleton: J joints.
        columns: tiles in a row.

    Returns:
        [H, W, 3] BGR.
    """
    sections = [(heading, tiles) for heading, tiles in sections if tiles]
    height, width = sections[0][1][0].picture.shape[:2]
    cell = (width + MARGIN, height + CAPTION + MARGIN)
    rows = sum(-(-len(tiles) // columns) for _, tiles in sections)
    page_size = (rows * cell[1] + len(sections) * HEADING + MARGIN, columns * cell[0] + MARGIN, 3)
    page = np.empty(page_size, np.uint8)
    page[:] = np.round(255 * BACKGROUND[::-1])
    y = MARGIN
    for heading, tiles in sections:
        draw_text(page, heading, (MARGIN, y + HEADING - 14), size=TEXT + 4, color=INK)
        y += HEADING
        for n, tile in enumerate(tiles):
            row, column = divmod(n, columns)
            _put(page, tile, skeleton, (MARGIN + column * cell[0], y + row * cell[1]))
        y += -(-len(tiles) // columns) * cell[1]
    return page


def _put(page: Image, tile: Tile, skeleton: Skeleton, at: tuple[int, int]) -> None:
    """Draw one tile with its text."""
    height, width = tile.picture.shape[:2]
    x, y = at
    drawn = np.asarray(cv2.convertScaleAbs(tile.picture, alpha=DIM), np.uint8)
    shades = [_bgr(shade) for shade in person_colors(1).shades]
    _bones(drawn, tile.true, skeleton, [TRUTH] * 3, thick=1)
    _bones(drawn, tile.found, skeleton, shades, thick=2)
    for xy, color in ((tile.true, TRUTH), (tile.found, shades[1])):
        for point in xy[_drawable(xy)]:
            center = tuple(int(value) for value in np.round(point * (1 << SUBPIXEL)))
            cv2.circle(drawn, center, 3 << SUBPIXEL, OUTLINE, -1, cv2.LINE_AA, SUBPIXEL)
            cv2.circle(drawn, center, 2 << SUBPIXEL, color, -1, cv2.LINE_AA, SUBPIXEL)
    page[y : y + height, x : x + width] = drawn
    text = tile.text
    while text and text_width(text, TEXT) > width:
        text = text[:-1]
    draw_text(page, text, (x, y + height + CAPTION - 6), size=TEXT, color=INK_SOFT)


def _bones(image: Image, xy: Array, skeleton: Skeleton, colors: Sequence[tuple[int, int, int]], *, thick: int) -> None:
    """Bones whose two ends are there, in the colour of their side."""
    there = _drawable(xy)
    for a, b in skeleton.bones:
        if there[a] and there[b]:
            one, other = (tuple(int(value) for value in np.round(xy[end] * (1 << SUBPIXEL))) for end in (a, b))
            color = colors[bone_side(skeleton.joints[a], skeleton.joints[b])]
            cv2.line(image, one, other, OUTLINE, thick + 2, cv2.LINE_AA, SUBPIXEL)
            cv2.line(image, one, other, color, thick, cv2.LINE_AA, SUBPIXEL)


def _drawable(xy: Array) -> NDArray[np.bool_]:
    """[J] whether OpenCV can be given the point."""
    return np.asarray(np.isfinite(xy).all(-1) & (np.abs(np.nan_to_num(xy)) < FAR).all(-1))


def _bgr(color: Array) -> tuple[int, int, int]:
    """RGB in 0..1 to what cv2 draws with."""
    red, green, blue = (round(255 * float(value)) for value in color)
    return blue, green, red
