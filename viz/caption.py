"""Words on a picture: what is shown, when, how good it is; names of cameras; what the colours mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .palette import BACKGROUND, INK_SOFT
from .scene import Label, Scene
from .viewpoint import Viewpoint
from .wording import Word, legend_words, moment_words, verdict_words

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

TEXT_SHARE = 1 / 42  # of the picture's shorter side: 17 px at 720p
MIN_TEXT, MAX_TEXT = 11, 48  # pixels
WEIGHT = 500  # of OpenCV 5's font: between regular and semibold
CAPTION_LINES = 4.5  # text sizes at the lower edge that belong to the caption
_ASCII = str.maketrans({"·": "-", "–": "-", "—": "-", "…": ".", "µ": "u", "°": " "})


def text_size(size: tuple[int, int]) -> int:
    """Height of the text for a picture of (width, height) pixels."""
    return int(np.clip(round(min(size) * TEXT_SHARE), MIN_TEXT, MAX_TEXT))


def draw_caption(image: Image, scene: Scene, frame: int, *, title: str, grid: float) -> None:
    """Write the picture's two lines of caption into its lower edge.

    Args:
        image: [H, W, 3] BGR, changed in place.
        scene: what is shown.
        frame: 0..T-1.
        title: for example the file's name; empty for none.
        grid: metres between the floor's lines; 0 for no floor.
    """
    height, width = image.shape[:2]
    size = text_size((width, height))
    about, quality = moment_words(scene.poses, frame, title), verdict_words(scene.poses)
    legend = legend_words(scene, frame, grid)
    draw_rows(image, (about, quality, legend), size=size)


def draw_rows(image: Image, rows_of_words: tuple[list[Word], list[Word], list[Word]], *, size: int) -> None:
    """Write what is shown, how good it is and what colours mean into a picture's lower edge, none over another."""
    height, width = image.shape[:2]
    margin = round(0.9 * size)
    room = width - 2 * margin
    about, quality, legend = rows_of_words
    together = words_width(about, size) + words_width(legend, size) + 2 * size <= room
    rows = [about, quality] if together else [legend, about, quality]
    baseline = height - margin
    for row in [row for row in rows if row][::-1]:
        draw_words(image, fitting(row, size, room), (margin, baseline), size=size)
        if row is about and together:
            draw_words(image, legend, (width - margin - words_width(legend, size), baseline), size=size)
        baseline -= round(1.5 * size)


def draw_labels(image: Image, labels: Sequence[Label], view: Viewpoint) -> None:
    """Write labels where their points appear, [H, W, 3] BGR in place; none where the caption stands."""
    height, width = image.shape[:2]
    size = text_size((width, height))
    for label in labels:
        xy, _ = view.project(label.at)
        if not np.isfinite(xy).all() or (xy < 0).any() or (xy >= (width, height - CAPTION_LINES * size)).any():
            continue
        x = float(xy[0]) - 0.5 * text_width(label.text, size)
        x = float(np.clip(x, 2, max(2, width - text_width(label.text, size) - 2)))
        draw_text(image, label.text, (round(x), round(float(xy[1]) + 0.35 * size)), size=size, color=label.color)


def draw_picture_edge(image: Image, view: Viewpoint) -> None:
    """Outline the part of the drawing that the camera looked through really sees."""
    if view.picture is None:
        return
    x0, y0, x1, y1 = (round(value) for value in view.picture)
    if x0 > 0 or y0 > 0:
        color = (255 * INK_SOFT[::-1]).tolist()
        cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), color, 1)


def draw_words(image: Image, words: Sequence[Word], at: tuple[int, int], *, size: int) -> None:
    """Words in a row from the baseline's start at (x, y)."""
    x, y = at
    for word in words:
        if word.chip is not None:
            _draw_chip(image, word.chip, (x, y), size)
            x += _chip_width(word, size)
        draw_text(image, word.text, (x, y), size=size, color=word.color)
        x += text_width(word.text, size) + size


def fitting(words: Sequence[Word], size: int, room: int) -> list[Word]:
    """As much of a row as ``room`` pixels hold, ending in "…" where something was left out."""
    kept = list(words)
    while kept and words_width(kept, size) > room:
        last = kept.pop()
        text = last.text[:-1].rstrip(" …")
        if len(text) > 3:
            kept.append(Word(text[:-1] + "…", last.color, last.chip))
    return kept


def words_width(words: Sequence[Word], size: int) -> int:
    """Pixels that :func:`draw_words` takes."""
    chips = sum(_chip_width(word, size) for word in words)
    return chips + sum(text_width(word.text, size) for word in words) + size * max(0, len(words) - 1)


def _chip_width(word: Word, size: int) -> int:
    """Pixels that a word's chip takes with the space after it."""
    if word.chip is None:
        return 0
    return round((0.95 if word.chip.ndim == 1 else 0.35 + 0.6 * len(word.chip)) * size)


def _draw_chip(image: Image, chip: Array, at: tuple[int, int], size: int) -> None:
    """A dot of one colour, or a bar of several, from the baseline's start."""
    x, y = at
    if chip.ndim == 1:
        radius = 0.32 * size
        center = (round((x + radius) * 16), round((y - 0.34 * size) * 16))
        cv2.circle(image, center, round(radius * 16), (255 * chip[::-1]).tolist(), -1, cv2.LINE_AA, 4)
        return
    edges = np.round(x + 0.6 * size * np.arange(len(chip) + 1)).astype(int).tolist()
    for color, left, right in zip(chip, edges[:-1], edges[1:], strict=True):
        low, high = round(y - 0.65 * size), round(y - 0.05 * size)
        cv2.rectangle(image, (left, low), (right - 1, high), (255 * color[::-1]).tolist(), -1)


def text_width(text: str, size: int) -> int:
    """Pixels that a text takes."""
    if hasattr(cv2, "FontFace"):
        return int(cv2.getTextSize((1 << 14, 1 << 10), text, (0, 512), _font(), size, WEIGHT)[2])
    return int(cv2.getTextSize(_plain(text), cv2.FONT_HERSHEY_SIMPLEX, _hershey_scale(size), _stroke(size))[0][0])


def draw_text(image: Image, text: str, at: tuple[int, int], *, size: int, color: Array) -> None:
    """A text with a soft edge in the background's colour, so that it can be read over anything."""
    x, y = at
    ink, halo = (255 * color[::-1]).tolist(), (255 * BACKGROUND[::-1]).tolist()
    if hasattr(cv2, "FontFace"):
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            cv2.putText(image, text, (x + dx, y + dy), halo, _font(), size, WEIGHT)
        cv2.putText(image, text, (x, y), ink, _font(), size, WEIGHT)
        return
    scale, stroke = _hershey_scale(size), _stroke(size)
    cv2.putText(image, _plain(text), at, cv2.FONT_HERSHEY_SIMPLEX, scale, halo, stroke + 2, cv2.LINE_AA)
    cv2.putText(image, _plain(text), at, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, stroke, cv2.LINE_AA)


def _font() -> Any:
    """OpenCV 5's own outline font."""
    return cv2.FontFace("sans")


def _hershey_scale(size: int) -> float:
    """OpenCV 4's stroke font is 22 px high at scale 1."""
    return size / 30.0


def _stroke(size: int) -> int:
    """Line width of the stroke font."""
    return max(1, round(size / 16))


def _plain(text: str) -> str:
    """OpenCV 4's stroke font knows ASCII alone."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()
