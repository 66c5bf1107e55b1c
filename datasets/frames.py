"""The pictures of a video or of a folder in order; one that cannot be decoded leaves a gap and moves no other."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Full, Queue
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from .pairing import natural_key
from .picture_file import read_picture
from .video import PATIENCE, VIDEO_SUFFIXES, VideoInfo, opened_video, probe

Picture = NDArray[np.uint8]
Item = TypeVar("Item")

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
GRID = 0.15
"""Frame intervals by which the clock of a video that lost frames may be off a whole number of them."""

_SAMPLES, _SAMPLE_BYTES = 16, 1 << 16


class FrameSource(Protocol):
    """Pictures that have numbers 0, 1, …"""

    @property
    def count(self) -> int:
        """How many there should be; 0 where nothing tells it."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames a second; None for pictures that each stand for themselves."""
        ...

    def read(self, start: int = 0) -> Iterator[Picture | None]:
        """The pictures [H, W, 3] BGR from a number on; None where one cannot be decoded."""
        ...

    def fingerprint(self) -> str:
        """SHA-256 of what tells these pictures from others."""
        ...


@dataclass(frozen=True)
class VideoFrames:
    """The frames of a video, rotation applied.

    Convention:
        a damaged frame is known by the gap that it leaves in the clock of the others, so that those keep their
        numbers. What a decoder makes up in place of damaged parts it does not tell: such frames come as pictures.
    """

    path: Path
    info: VideoInfo

    @property
    def count(self) -> int:
        """As the container says."""
        return self.info.frames

    @property
    def fps(self) -> float | None:
        """As the container says."""
        return self.info.fps

    def read(self, start: int = 0) -> Iterator[Picture | None]:
        """The frames from a number on, those before it sought or decoded, whichever is exact."""
        with opened_video(self.path) as capture:
            if start and self._sought(capture, start):
                yield from self._walk(capture, start - 1, start)
                return
        with opened_video(self.path) as capture:
            yield from self._walk(capture, -1, start)

    def fingerprint(self) -> str:
        """SHA-256 of the length and of samples all over the file: videos are too large to be read for it."""
        return sampled_digest(self.path)

    def _sought(self, capture: cv2.VideoCapture, start: int) -> bool:
        """Whether the decoder could be set so that its clock says ``start`` comes next."""
        capture.set(cv2.CAP_PROP_POS_FRAMES, start - 1)
        if not capture.grab():
            return False
        at = capture.get(cv2.CAP_PROP_POS_MSEC) * self.info.fps / 1000
        return abs(at - (start - 1)) < 0.25

    def _walk(self, capture: cv2.VideoCapture, number: int, start: int) -> Iterator[Picture | None]:
        """Frames after ``number``, which was the last grabbed, passing over those before ``start``."""
        clock = capture.get(cv2.CAP_PROP_POS_MSEC) if number >= 0 else -1000 / self.info.fps
        failed, ever_failed = 0, int(cv2.__version__.split(".")[0]) < 5  # OpenCV 4 passes over them in silence
        while failed < PATIENCE and not (self.count and number + 1 >= self.count and failed):
            if not capture.grab():
                failed, ever_failed = failed + 1, True
                continue
            now = capture.get(cv2.CAP_PROP_POS_MSEC)
            lost = self._lost(now - clock, failed) if ever_failed else 0
            for _ in range(lost):
                number += 1
                if number >= start:
                    yield None
            number, clock, failed = number + 1, now, 0
            if number >= start:
                ok, picture = capture.retrieve()
                yield np.asarray(picture, np.uint8) if ok and picture is not None else None

    def _lost(self, elapsed_ms: float, failed: int) -> int:
        """Frames lost since the last one: by the clock, or where it stands still by the failures counted."""
        if elapsed_ms <= 0:
            return failed
        intervals = elapsed_ms * self.info.fps / 1000
        whole = round(intervals)
        return whole - 1 if whole > 1 and abs(intervals - whole) <= GRID else 0


@dataclass(frozen=True)
class PictureFrames:
    """Picture files that each stand for themselves, turned as their EXIF data say."""

    paths: tuple[Path, ...]

    @property
    def count(self) -> int:
        """One each."""
        return len(self.paths)

    @property
    def fps(self) -> float | None:
        """None: they follow no clock."""
        return None

    def read(self, start: int = 0) -> Iterator[Picture | None]:
        """The pictures from a number on."""
        for path in self.paths[start:]:
            try:
                yield read_picture(path)
            except InputError:
                yield None

    def fingerprint(self) -> str:
        """SHA-256 over names and contents' samples."""
        lines = [f"{path.name} {sampled_digest(path)}" for path in self.paths]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def open_frames(path: str | os.PathLike[str]) -> VideoFrames | PictureFrames:
    """The frames of a video, of a picture, or of a folder of pictures in natural order of their names.

    Raises:
        FileNotFoundError: there is no such path.
        InputError: the video cannot be decoded, the folder holds no pictures, or the file is neither.
    """
    path = Path(path)
    if path.is_dir():
        files = [file for file in path.iterdir() if not file.name.startswith(".") and is_picture(file)]
        if not files:
            raise InputError(f"{path} holds no pictures; wanted {', '.join(PICTURE_SUFFIXES)}")
        return PictureFrames(tuple(sorted(files, key=lambda file: natural_key(file.name))))
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; wanted a video, a picture or a folder of pictures")
    if is_picture(path):
        return PictureFrames((path,))
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        wanted = ", ".join((*VIDEO_SUFFIXES, *PICTURE_SUFFIXES))
        raise InputError(f"{path} is neither a video nor a picture by its name; wanted {wanted}")
    return VideoFrames(path, probe(path))


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its name."""
    return path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()


def sampled_digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's length and of samples spread over it, the beginning and the end among them."""
    path = Path(path)
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for place in np.linspace(0, max(0, size - _SAMPLE_BYTES), _SAMPLES).astype(int):
            file.seek(int(place))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def prefetched(items: Iterator[Item], *, ahead: int = 8) -> Generator[Item, None, None]:
    """The same items, made in a thread that runs up to ``ahead`` of them before the one that is asked for.

    The thread ends when the items do, or when the iterator that is returned is closed or dropped.
    """
    waiting: Queue[tuple[Item | None, BaseException | None, bool]] = Queue(ahead)
    stop = threading.Event()

    def put(entry: tuple[Item | None, BaseException | None, bool]) -> bool:
        while not stop.is_set():
            try:
                waiting.put(entry, timeout=0.1)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None, False)):
                    return
            put((None, None, True))
        except BaseException as error:  # handed on to whoever asks for the next item
            put((None, error, True))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, name="lift3d-frames", daemon=True)
    thread.start()
    try:
        while True:
            item, error, over = waiting.get()
            if error is not None:
                raise error
            if over:
                return
            yield item  # type: ignore[misc]  # None is an item only where Item holds it
    finally:
        stop.set()
        thread.join(timeout=10)
