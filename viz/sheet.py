"""A contact sheet: the key moments of a movement in one picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .artist import Artist, RenderOptions
from .bounds import Bounds, bounds_around, bounds_of
from .caption import draw_rows, draw_words, text_size
from .palette import BACKGROUND, GRID_MAIN, INK, INK_SOFT
from .scene import Scene
from .wording import Word, legend_words, verdict_words

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

SHEET_MOMENTS, MAX_MOMENTS = 12, 100
MAX_FRAMES = 5000  # of a long file, evenly spread, to find its moments
STILL_SPEED = 0.05  # metres a second: standing still counts as that much movement, so that time passes too
SEAM = 2  # pixels between tiles
FOOT_LINES = 4.2  # text sizes for the words under the tiles


@dataclass(frozen=True, eq=False)
class Sheet:
    """A sheet [H, W, 3] BGR, and why the simpler renderer drew it ("" if it did not)."""

    image: Image
    note: str


def key_moments(poses: Poses, count: int) -> list[int]:
    """Frames that divide the movement evenly: a jump gets more of them than standing still for as long.

    Frames without a joint are left out as long as there are others.

    Args:
        poses: T frames, T at least 1.
        count: how many at most.

    Returns:
        positions in the poses, rising, no two the same.
    """
    frames = np.arange(0, len(poses.xyz), max(1, -(-len(poses.xyz) // MAX_FRAMES)))
    xyz = np.where((poses.status[frames] == Status.MISSING)[..., None], np.nan, poses.xyz[frames])
    there = np.asarray(np.isfinite(xyz).all(-1))
    kept = there.any((1, 2))
    if kept.any():
        frames, xyz, there = frames[kept], xyz[kept], there[kept]
    both = there[1:] & there[:-1]
    moved = np.where(both, np.linalg.norm(np.diff(xyz, axis=0), axis=-1), 0.0).sum((1, 2))
    steps = moved / np.maximum(both.sum((1, 2)), 1) + STILL_SPEED * np.diff(frames) / _rate(poses)
    way = np.concatenate([[0.0], np.cumsum(np.minimum(steps, 10 * np.median(steps)) if len(steps) else steps)])
    wanted = np.linspace(0.0, way[-1], min(count, len(frames)) + 2)[1:-1] if len(frames) > count else way
    nearest = np.abs(way[:, None] - wanted).argmin(0)
    return sorted({int(frames[i]) for i in nearest})


def draw_sheet(scene: Scene, frames: list[int], *, view: str, size: tuple[int, int], options: RenderOptions) -> Sheet:
    """Draw some frames as tiles, each as large as its people allow, with their times; words under them.

    Args:
        scene: what is shown.
        frames: in order of time.
        view: for all.
        size: (width, height) pixels of the sheet.
        options: as for single pictures.
    """
    letter = text_size(size)
    foot = round(FOOT_LINES * letter) if options.caption else 0
    columns, rows = grid((size[0], size[1] - foot), len(frames))
    wide, tall = size[0] // columns, (size[1] - foot) // rows
    artist = Artist(scene, view, (wide - SEAM, tall - SEAM), replace(options, caption=False, videos=None))
    page = np.empty((size[1], size[0], 3), np.uint8)
    page[:] = np.round(255 * BACKGROUND[::-1])
    page[: rows * tall, : columns * wide] = np.round(255 * GRID_MAIN[::-1])
    for k, frame in enumerate(frames):
        x, y = (k % columns) * wide, (k // columns) * tall
        tile = artist.draw(frame, bounds=_people_of(scene, frame))
        draw_words(
            tile, [Word(f"{scene.poses.time[frame]:.2f} s", INK)], (letter // 2, round(1.2 * letter)), size=letter
        )
        page[y : y + tall - SEAM, x : x + wide - SEAM] = tile
        if options.progress:
            options.progress("render", k + 1, len(frames))
    for k in range(len(frames), columns * rows):
        x, y = (k % columns) * wide, (k // columns) * tall
        page[y : y + tall - SEAM, x : x + wide - SEAM] = np.round(255 * BACKGROUND[::-1])
    if options.caption:
        title = [Word(options.title, INK)] if options.title else []
        about = [*title, Word(f"{len(frames)} of {len(scene.poses.xyz)} frames", INK_SOFT)]
        legend = legend_words(scene, frames[len(frames) // 2], scene.floor.step if options.floor else 0.0)
        draw_rows(page, (about, verdict_words(scene.poses), legend), size=letter)
    return Sheet(page, artist.note)


def grid(size: tuple[int, int], count: int) -> tuple[int, int]:
    """Columns and rows in which the tiles come nearest to 4:3, with few left empty."""
    options = []
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        shape = (size[0] / columns) / (size[1] / rows)
        options.append((abs(np.log(shape / (4 / 3))) + 0.3 * (columns * rows - count) / count, columns, rows))
    _, columns, rows = min(options)
    return columns, rows


def _people_of(scene: Scene, frame: int) -> Bounds:
    """Where the people of a frame are, in all results."""
    shown = [(layer.poses.xyz, int(layer.frames[frame])) for layer in scene.layers]
    boxes = [bounds_of(xyz[own : own + 1]) for xyz, own in shown if own >= 0 and np.isfinite(xyz[own]).any()]
    return bounds_around(boxes)


def _rate(poses: Poses) -> float:
    """Frames a second, something sensible where nobody knows."""
    return poses.fps if np.isfinite(poses.fps) and poses.fps > 0 else 30.0
