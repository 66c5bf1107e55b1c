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

from .backdrop import Video, VideoPictures, input_frame
from .coloring import bone_side
from .mosaic import bgr, draw_bone, draw_dots, draw_title, mosaic_of, tile_of
from .palette import paler, person_colors
from .video_file import VideoFile

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Progress = Callable[[str, int, int], None]

WIDEST = 1920
TALLEST = 1080
DETECTED = (245, 245, 245)  # BGR: what the detector saw; what was reprojected has the person's colours


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
    videos: Mapping[str, Video],
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
        poses: a result with its rig; keypoints are drawn where it holds them.
        videos: camera name to video file; a path alone: frame k is the capture's frame k.
        path: the MP4.
        options: what is drawn.
        overwrite: replace a file that exists.
        progress: called with (stage, frames done, frames in all).

    Raises:
        InputError: the result holds no cameras, or no frame is asked for.
        FileExistsError: the file exists.
    """
    options = options or OverlayOptions()
    if poses.rig is None or not len(poses.rig):
        raise InputError("the result holds no cameras to draw on; `lift3d reconstruct` stores them in what it writes")
    frames = range(len(poses.time))[options.start : options.stop]
    if not len(frames):
        raise InputError(f"no frame from {options.start} to {options.stop}; the result has {len(poses.time)}")
    with ExitStack() as stack:
        pages = OverlayPages(poses, videos, size=options.size, detections=options.detections)
        stack.callback(pages.close)
        file = stack.enter_context(VideoFile(Path(path), pages.size, poses.fps, overwrite=overwrite))
        for done, t in enumerate(frames):
            file.add(pages.page(t))
            if progress:
                progress("drawing", done + 1, len(frames))
    return Path(path)


class OverlayPages:
    """Every camera's picture with the 2D keypoints and the reprojected skeletons, frame by frame, in any order.

    Args:
        poses: a result with its rig.
        videos: camera name to video file; a camera without one has a plain background.
        size: (width, height) that all cameras together must fit into.
        detections: draw the 2D keypoints too, where the result holds them.
    """

    def __init__(
        self, poses: Poses, videos: Mapping[str, Video], *, size: tuple[int, int], detections: bool = True
    ) -> None:
        assert poses.rig is not None
        self._poses, self._rig, self._detections = poses, poses.rig, detections
        self._mosaic = mosaic_of([camera.size for camera in poses.rig], size)
        self._pictures = [VideoPictures(videos.get(camera.name)) for camera in poses.rig]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a page."""
        return self._mosaic.size

    def page(self, frame: int) -> Image:
        """The page of a frame of the result, [H, W, 3] BGR."""
        poses = self._poses
        projected = self._rig.project(poses.xyz[frame])  # [V, P, J, 2]
        page = self._mosaic.page()
        for v, camera in enumerate(self._rig):
            x, y, scale = self._mosaic.places[v]
            width, height = (int(side * scale) for side in camera.size)
            tile = tile_of(self._pictures[v].picture(input_frame(poses, frame)), (width, height))
            _draw(tile, poses, frame, v, (projected[v] + 0.5) * scale - 0.5, scale, self._detections)
            draw_title(tile, f"{camera.name}  {poses.time[frame]:.2f} s")
            page[y : y + height, x : x + width] = tile
        return page

    def close(self) -> None:
        """Let go of the videos."""
        for pictures in self._pictures:
            pictures.close()


def _draw(tile: Image, poses: Poses, t: int, v: int, projected: Array, scale: float, detections: bool) -> None:
    """Bones as reprojected, dots as detected."""
    thick = max(2, round(tile.shape[1] / 240))
    for p in range(projected.shape[0]):
        for a, b, color in _bones(poses, p):
            filled = (poses.status[t, p, [a, b]] > 1).any()
            draw_bone(tile, projected[p, [a, b]], bgr(paler(color)) if filled else bgr(color), thick)
        if detections and poses.keypoints is not None:
            draw_dots(tile, (poses.keypoints.xy[t, v, p] + 0.5) * scale - 0.5, DETECTED, thick)


def _bones(poses: Poses, person: int) -> Iterator[tuple[int, int, Array]]:
    """Ends and colour of every bone."""
    shades = person_colors(person).shades
    for a, b in poses.skeleton.bones:
        yield a, b, shades[bone_side(poses.skeleton.joints[a], poses.skeleton.joints[b])]
