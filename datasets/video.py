"""Video files: what they hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lift3d.calib import InputError

from .opencv_log import ERROR, opencv_log

if TYPE_CHECKING:
    import cv2

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m4v")
PATIENCE = 300
"""Failed attempts in a row after which nothing more is expected: a damaged stretch fails once or twice a frame."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself.

    Args:
        size: (width, height) in pixels of the pictures as they are decoded, rotation applied.
        fps: frames a second.
        frames: how many there are, as the container says; some containers only estimate it.
        rotation: degrees clockwise that the container asks to turn the stored pictures by: 0, 90, 180 or 270.
    """

    size: tuple[int, int]
    fps: float
    frames: int
    rotation: int = 0


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Look into a video by its header and first frame.

    Raises:
        FileNotFoundError: there is none.
        InputError: it cannot be decoded, or says nothing sensible.
    """
    import cv2

    path = Path(path)
    with opened_video(path) as capture:
        size = _first_size(capture)
        if size is None:
            raise InputError(
                f"{path} cannot be decoded ({path.stat().st_size} bytes); copy it again, or convert it to H.264"
            )
        fps = capture.get(cv2.CAP_PROP_FPS)
        if not 0 < fps < 100_000:
            raise InputError(f"{path} says it has {fps} frames a second; convert it to a constant frame rate")
        return VideoInfo(
            size=size,
            fps=float(fps),
            frames=max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))),
            rotation=int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360,
        )


@contextmanager
def opened_video(path: str | os.PathLike[str]) -> Iterator[cv2.VideoCapture]:
    """A video under FFmpeg, whether it can be decoded or not; neither FFmpeg nor OpenCV write to the terminal.

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; wanted a video ({', '.join(VIDEO_SUFFIXES)})")
    # FFmpeg inside OpenCV reads this once, at the first video; its own lines on stderr would come before ours.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    with opencv_log(ERROR):
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        try:
            yield capture
        finally:
            capture.release()


def _first_size(capture: cv2.VideoCapture) -> tuple[int, int] | None:
    """(width, height) of the first picture that can be decoded."""
    for _ in range(PATIENCE if capture.isOpened() else 0):
        ok, picture = capture.read()
        if ok and picture is not None:
            return picture.shape[1], picture.shape[0]
    return None
