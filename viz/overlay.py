"""Skeletons drawn on the videos they came from: the quickest way to see whether a result can be believed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets import Poses

from .backdrop import VideoPictures
from .coloring import bone_side
from .palette import INK_SOFT, paler, person_colors
from .video_file import VideoFile

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Progress = Callable[[str, int, int], None]

WIDEST = 1920
TALLEST = 1080
DETECTED = (245, 245, 245)  # BGR: what the detector saw; what was reprojected has the person's colours
OUTLINE = (40, 36, 32)
EMPTY = (70, 66, 62)
SUBPIXEL = 4  # bits: cv2 draws at sixteenths of a pixel


@dataclass(frozen=True)
class OverlayOptions:
    """What is drawn.

    Args:
        size: (width, height) that the mosaic of all cameras must fit into.
        start: first frame, as position in the result.
        stop: the frame after the last; None: to the end.
        detections: draw the 2D keypoints too.
    """

    size: tuple[int, int] = (WIDEST, TALLEST)
    start: int = 0
    stop: int | None = None
    detections: bool = True


def write_overlay(
    poses: Poses,
    videos: Mapping[str, Path],
    path: str | os.PathLike[str],
    *,
    options: OverlayOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write a video with every camera's picture, the 2D keypoints and the reprojected skeletons.

    A camera without a video has a plain background. A video of another size than the calibration speaks of is scaled
    to cover it and centred, which undoes a letterbox.

    Args:
        poses: a result with its rig and keypoints.
        videos: camera name to video file; frame k of the video belongs to frame number k.
        path: the MP4.
        options: what is drawn.
        overwrite: replace a file that exists.
        progress: called with (stage, frames done, frames in all).

    Raises:
        InputError: the result holds no cameras, or no frame is asked for.
        FileExistsError: the file exists.
    """
    options = options or OverlayOptions()
    if poses.rig is None or poses.keypoints is None or not len(poses.rig):
        raise InputError("the result holds no cameras to draw on; `lift3d reconstruct` stores them in what it writes")
    frames = range(len(poses.time))[options.start : options.stop]
    if not len(frames):
        raise InputError(f"no frame from {options.start} to {options.stop}; the result has {len(poses.time)}")
    assert poses.keypoints.frames is not None
    projected = np.moveaxis(poses.rig.project(poses.xyz[frames.start : frames.stop]), 0, 1)  # [T, V, P, J, 2]
    mosaic = _mosaic([camera.size for camera in poses.rig], options.size)
    with ExitStack() as stack:
        readers = [VideoPictures(videos.get(camera.name)) for camera in poses.rig]
        for reader in readers:
            stack.callback(reader.close)
        file = stack.enter_context(VideoFile(Path(path), mosaic.size, poses.fps, overwrite=overwrite))
        for done, t in enumerate(frames):
            page = np.full((mosaic.size[1], mosaic.size[0], 3), EMPTY, np.uint8)
            for v, camera in enumerate(poses.rig):
                x, y, scale = mosaic.places[v]
                width, height = (int(side * scale) for side in camera.size)
                tile = _background(readers[v].picture(int(poses.keypoints.frames[t])), (width, height))
                _draw(tile, poses, t, v, (projected[done, v] + 0.5) * scale - 0.5, scale, options.detections)
                _caption(tile, f"{camera.name}  {poses.time[t]:.2f} s")
                page[y : y + height, x : x + width] = tile
            file.add(page)
            if progress:
                progress("drawing", done + 1, len(frames))
    return Path(path)


@dataclass(frozen=True)
class _Mosaic:
    """Where each camera's picture stands: (x, y, scale); size is even, as encoders want it."""

    size: tuple[int, int]
    places: tuple[tuple[int, int, float], ...]


def _mosaic(sizes: list[tuple[int, int]], limit: tuple[int, int]) -> _Mosaic:
    """The grid in which the pictures come out largest."""
    cell = np.max(np.array(sizes), axis=0)
    options = []
    for columns in range(1, len(sizes) + 1):
        rows = -(-len(sizes) // columns)
        options.append(
            (min(limit[0] / (columns * cell[0]), limit[1] / (rows * cell[1]), 1.0), -columns * rows, columns)
        )
    scale, _, columns = max(options)
    rows = -(-len(sizes) // columns)
    wide, tall = (max(2, int(side * scale)) for side in cell)
    places = []
    for k, size in enumerate(sizes):
        own = min(wide / size[0], tall / size[1])
        places.append(((k % columns) * wide, (k // columns) * tall, own))
    return _Mosaic((_even(columns * wide), _even(rows * tall)), tuple(places))


def _even(size: int) -> int:
    """The next even number: video encoders take no other."""
    return size + size % 2


def _background(picture: Image | None, size: tuple[int, int]) -> Image:
    """The picture scaled to cover a tile and centred, a little dimmed so that lines stand out."""
    import cv2

    width, height = size
    if picture is None:
        return np.full((height, width, 3), EMPTY, np.uint8)
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    # Pixel centres: a point at x in the picture comes to (x + 0.5) scale - 0.5, shifted to the middle.
    shift = [(width - columns * scale) / 2, (height - rows * scale) / 2]
    matrix = np.array([[scale, 0, 0.5 * scale - 0.5 + shift[0]], [0, scale, 0.5 * scale - 0.5 + shift[1]]])
    tile = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(cv2.convertScaleAbs(tile, alpha=0.82), np.uint8)


def _draw(tile: Image, poses: Poses, t: int, v: int, projected: Array, scale: float, detections: bool) -> None:
    """Bones as reprojected, dots as detected."""
    import cv2

    assert poses.keypoints is not None
    thick = max(2, round(tile.shape[1] / 240))
    for p in range(projected.shape[0]):
        for a, b, color in _bones(poses, p):
            ends = projected[p, [a, b]]
            if np.isfinite(ends).all() and (np.abs(ends) < 1e5).all():
                filled = (poses.status[t, p, [a, b]] > 1).any()
                one, other = (tuple(int(value) for value in np.round(end * (1 << SUBPIXEL))) for end in ends)
                tone = _bgr(paler(color)) if filled else _bgr(color)
                cv2.line(tile, one, other, OUTLINE, thick + 2, cv2.LINE_AA, SUBPIXEL)
                cv2.line(tile, one, other, tone, thick, cv2.LINE_AA, SUBPIXEL)
        if detections:
            seen = (poses.keypoints.xy[t, v, p] + 0.5) * scale - 0.5
            for x, y in seen[np.isfinite(seen).all(-1)]:
                center = (round(x * (1 << SUBPIXEL)), round(y * (1 << SUBPIXEL)))
                cv2.circle(tile, center, (thick + 2) << SUBPIXEL - 1, OUTLINE, -1, cv2.LINE_AA, SUBPIXEL)
                cv2.circle(tile, center, thick << SUBPIXEL - 1, DETECTED, -1, cv2.LINE_AA, SUBPIXEL)


def _bones(poses: Poses, person: int) -> Iterator[tuple[int, int, Array]]:
    """Ends and colour of every bone."""
    shades = person_colors(person).shades
    for a, b in poses.skeleton.bones:
        yield a, b, shades[bone_side(poses.skeleton.joints[a], poses.skeleton.joints[b])]


def _bgr(color: Array) -> tuple[int, int, int]:
    """RGB in 0..1 to what cv2 draws with."""
    red, green, blue = (round(255 * float(value)) for value in color)
    return blue, green, red


def _caption(tile: Image, text: str) -> None:
    """The camera's name and the time, on a dark band."""
    import cv2

    size = max(0.4, tile.shape[1] / 900)
    (width, height), low = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    band = tile[: height + low + 10, : width + 16]
    band[:] = (0.35 * band + 0.65 * 255 * INK_SOFT[::-1] * 0.4).astype(np.uint8)
    cv2.putText(tile, text, (8, height + 5), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1, cv2.LINE_AA)
