"""Words on a picture: what is shown, when, how good it is; names of cameras; what the colours mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .palette import BACKGROUND, INK, INK_SOFT, VERDICTS, paler, person_colors
from .scene import Label
from .viewpoint import Viewpoint

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

TEXT_SHARE = 1 / 42  # of the picture's shorter side: 17 px at 720p
MIN_TEXT, MAX_TEXT = 11, 48  # pixels
WEIGHT = 500  # of OpenCV 5's font: between regular and semibold
MAX_PEOPLE_NAMED = 6
CAPTION_LINES = 4.5  # text sizes at the lower edge that belong to the caption
_ASCII = str.maketrans({"·": "-", "–": "-", "—": "-", "…": ".", "µ": "u", "°": " "})


@dataclass(frozen=True)
class Word:
    """A piece of text in one colour, with an optional chip of colour before it."""

    text: str
    color: Array
    chip: Array | None = None


def text_size(size: tuple[int, int]) -> int:
    """Height of the text for a picture of (width, height) pixels."""
    return int(np.clip(round(min(size) * TEXT_SHARE), MIN_TEXT, MAX_TEXT))


def draw_caption(image: Image, poses: Poses, frame: int, *, title: str, grid: float) -> None:
    """Write the picture's two lines of caption into its lower edge.

    Args:
        image: [H, W, 3] BGR, changed in place.
        poses: what is shown.
        frame: 0..T-1.
        title: for example the file's name; empty for none.
        grid: metres between the floor's lines; 0 for no floor.
    """
    height, width = image.shape[:2]
    size = text_size((width, height))
    margin = round(0.9 * size)
    room = width - 2 * margin
    about, quality, legend = moment_words(poses, frame, title), verdict_words(poses), legend_words(poses, frame, grid)
    together = words_width(about, size) + words_width(legend, size) + 2 * size <= room
    rows = [about, quality] if together else [legend, about, quality]
    baseline = height - margin
    for row in [row for row in rows if row][::-1]:
        draw_words(image, fitting(row, size, room), (margin, baseline), size=size)
        if row is about and together:
            draw_words(image, legend, (width - margin - words_width(legend, size), baseline), size=size)
        baseline -= round(1.5 * size)


def moment_words(poses: Poses, frame: int, title: str) -> list[Word]:
    """File and time."""
    total = len(poses.xyz)
    parts = [Word(title, INK)] if title else []
    return [*parts, Word(f"{poses.time[frame]:.2f} s", INK_SOFT), Word(f"frame {frame + 1} of {total}", INK_SOFT)]


def verdict_words(poses: Poses) -> list[Word]:
    """The verdict and its first reason."""
    level = str(poses.verdict.get("level", ""))
    if not level:
        return []
    reasons = [str(reason) for reason in poses.verdict.get("reasons", [])]
    words = [Word(level, VERDICTS.get(level, INK))]
    if reasons and level != "good":
        words.append(Word(reasons[0], INK_SOFT))
    return words


def status_line(poses: Poses, frame: int) -> str:
    """Verdict, first reason, and how many joints the frame has, for a window's lower edge."""
    present = int(np.isfinite(poses.xyz[frame]).all(-1).sum())
    filled = int(np.isin(poses.status[frame], (Status.INTERPOLATED, Status.LIFTED)).sum())
    words = [": ".join(word.text for word in verdict_words(poses))]
    words.append(f"{present} of {poses.xyz[frame, ..., 0].size} joints" + (f", {filled} filled in" if filled else ""))
    return "   ".join(word for word in words if word)


def legend_words(poses: Poses, frame: int, grid: float) -> list[Word]:
    """What the colours and the grid mean; only of what can be seen in the frame."""
    seen = np.isfinite(poses.xyz[frame]).all(-1)
    people = np.flatnonzero(seen.any(-1))
    words: list[Word] = []
    if len(people) > 1:
        words = [
            Word(f"{person + 1}", INK_SOFT, person_colors(person).shades[1]) for person in people[:MAX_PEOPLE_NAMED]
        ]
    if len(people) and any(joint.startswith("left_") for joint in poses.skeleton.joints):
        shades = person_colors(int(people[0])).shades
        words += [Word("left", INK_SOFT, shades[0]), Word("right", INK_SOFT, shades[2])]
    filled = seen & np.isin(poses.status[frame], (Status.INTERPOLATED, Status.LIFTED))
    if filled.any():
        shade = person_colors(int(np.flatnonzero(filled.any(-1))[0])).shades[1]
        words.append(Word("filled in", INK_SOFT, paler(shade)))
    if not len(people):
        words.append(Word("no joints in this frame", INK))
    if grid:
        words.append(Word(f"grid {grid:g} m", INK_SOFT))
    return words


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
            radius = 0.32 * size
            center = (round((x + radius) * 16), round((y - 0.34 * size) * 16))
            cv2.circle(image, center, round(radius * 16), (255 * word.chip[::-1]).tolist(), -1, cv2.LINE_AA, 4)
            x += round(0.95 * size)
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
    chips = sum(round(0.95 * size) for word in words if word.chip is not None)
    return chips + sum(text_width(word.text, size) for word in words) + size * max(0, len(words) - 1)


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
