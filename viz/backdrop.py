"""Video pictures behind a camera's view: the frame that the camera took, its lens undone."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera
from lift3d.datasets import Poses
from lift3d.datasets.capture_videos import TimedVideo

from .palette import BACKGROUND
from .viewpoint import Viewpoint

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Video = Path | TimedVideo  # a path alone: the camera's frames are the capture's

NEAR_AHEAD = 30  # frames: so far, reading on is faster than seeking
AT_ONCE = 8  # frames: so far, it is fast enough to wait for
KEPT_BYTES = 32e6  # of a video's last pictures, so that going back by single frames does not seek for each
LIGHTEN = 0.25  # how far the picture moves towards the background, so that the skeleton stands out


class VideoPictures:
    """The pictures of a video by the capture's frames, in any order; fastest forwards.

    The file is opened for the first of them.

    Args:
        video: where it is, and its clock; None is one without pictures.
    """

    def __init__(self, video: Video | None) -> None:
        self._video = TimedVideo(video) if isinstance(video, Path) else video
        self._capture: Any = None
        self._next = 0
        self._kept: OrderedDict[int, Image] = OrderedDict()

    def picture(self, frame: int) -> Image | None:
        """[H, W, 3] BGR; None where the video has no such frame."""
        number = -1 if self._video is None else self._video.own_frame(frame)
        if self._video is None or number < 0:
            return None
        if number in self._kept:
            return self._kept[number]
        if self._capture is None:
            os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
            self._capture = cv2.VideoCapture(str(self._video.path))
        back = 0 < self._next - number <= NEAR_AHEAD
        if not self._next <= number <= self._next + NEAR_AHEAD:
            self._seek(max(0, number - self._room() + 1) if back else number)
        while self._next < number:
            if back:  # the next ones asked for are most likely those before
                self._read()
                continue
            self._next += 1
            if not self._capture.grab():
                return None
        return self._read()

    def near(self, frame: int) -> bool:
        """Whether that picture comes at once."""
        if self._video is None:
            return True
        number = self._video.own_frame(frame)
        return number in self._kept or self._next <= number <= self._next + AT_ONCE

    def close(self) -> None:
        """Let go of the file."""
        if self._capture is not None:
            self._capture.release()

    def _seek(self, number: int) -> None:
        """Let a frame be the next to be read."""
        self._capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        self._next = number

    def _read(self) -> Image | None:
        """The next picture, which is kept for a while."""
        number, self._next = self._next, self._next + 1
        ok, image = self._capture.read()
        if not ok:
            return None
        self._kept[number] = np.asarray(image, np.uint8)
        while len(self._kept) > self._room():
            self._kept.popitem(last=False)
        return self._kept[number]

    def _room(self) -> int:
        """How many pictures are kept."""
        size = next(iter(self._kept.values())).nbytes if self._kept else KEPT_BYTES
        return max(1, int(KEPT_BYTES / size))


class Backdrops:
    """What the cameras of a result saw, as backgrounds of their views.

    Args:
        poses: a result with cameras.
        videos: camera name to video, whose clock tells which picture belongs to a frame number of the result's input.
        lighten: how far the pictures move towards the background, 0 to 1.
    """

    def __init__(self, poses: Poses, videos: Mapping[str, Video], *, lighten: float = LIGHTEN) -> None:
        self._poses, self._lighten = poses, lighten
        self._pictures = {name: VideoPictures(video) for name, video in videos.items()}
        self._maps: dict[Any, tuple[Any, Any]] = {}

    def __contains__(self, camera: str) -> bool:
        return camera in self._pictures

    def near(self, camera: str, frame: int) -> bool:
        """Whether the picture of a frame comes at once, without seeking through the video."""
        return camera not in self._pictures or self._pictures[camera].near(input_frame(self._poses, frame))

    def picture(self, camera: Camera, frame: int, view: Viewpoint) -> Image | None:
        """The background [H, W, 3] BGR of a view through a camera; None where there is no picture.

        Args:
            camera: of the rig.
            frame: of the result.
            view: through that camera.
        """
        if camera.name not in self._pictures or view.picture is None:
            return None
        image = self._pictures[camera.name].picture(input_frame(self._poses, frame))
        if image is None:
            return None
        key = (camera.name, view.size, image.shape)
        if key not in self._maps:
            self._maps[key] = undistortion_maps(camera, view, (image.shape[1], image.shape[0]))
        background = np.round(255 * BACKGROUND[::-1])
        drawn = cv2.remap(
            image, *self._maps[key], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=background.tolist()
        )
        x0, y0, x1, y1 = (round(value) for value in view.picture)
        page = np.empty((view.size[1], view.size[0], 3), np.uint8)
        page[:] = background
        page[y0:y1, x0:x1] = cv2.addWeighted(
            drawn[y0:y1, x0:x1],
            1 - self._lighten,
            np.broadcast_to(page[0, 0], (y1 - y0, x1 - x0, 3)),
            self._lighten,
            0,
        )
        return page

    def close(self) -> None:
        """Let go of the files."""
        for pictures in self._pictures.values():
            pictures.close()


def input_frame(poses: Poses, frame: int) -> int:
    """The number in the capture of a frame of the result."""
    numbers = None if poses.keypoints is None else poses.keypoints.frames
    return frame if numbers is None else int(numbers[frame])


def undistortion_maps(camera: Camera, view: Viewpoint, video: tuple[int, int]) -> tuple[Any, Any]:
    """For every pixel of a view through a camera, where it is in the video's pictures.

    A video of another size than the calibration speaks of is taken to cover its picture, centred, as
    :func:`lift3d.viz.overlay.write_overlay` does.

    Args:
        camera: calibrated.
        view: through it, without its lens.
        video: (width, height) of its pictures.
    """
    x, y = np.meshgrid(np.arange(view.size[0], dtype=np.float64), np.arange(view.size[1], dtype=np.float64))
    ideal = np.stack([(x - view.K[0, 2]) / view.K[0, 0], (y - view.K[1, 2]) / view.K[1, 1], np.ones_like(x)], -1)
    world = (ideal - camera.t) @ camera.R
    xy = camera.project(world)
    scale = min(video[0] / camera.size[0], video[1] / camera.size[1])
    middle = 0.5 * (np.array(video) - scale * np.array(camera.size))
    xy = (xy + 0.5) * scale - 0.5 + middle
    xy = np.where(np.isfinite(xy), xy, -1e6).astype(np.float32)
    return np.ascontiguousarray(xy[..., 0]), np.ascontiguousarray(xy[..., 1])
