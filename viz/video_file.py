"""Writing a video that plays nearly everywhere, whole or not at all."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.calib.atomic_file import atomic_file

from .native_output import native_output_to_log

MAX_GIF_FRAMES = 1500  # they stay in memory until the end
GIF_TICK_S = 0.01  # a GIF knows hundredths of a second
CODECS = ("avc1", "mp4v")  # H.264 where this OpenCV has an encoder for it (not in its Linux wheels), else MPEG-4


class MovieFile(Protocol):
    """A context that takes frames: :class:`VideoFile` or :class:`GifFile`."""

    codec: str

    def __enter__(self) -> MovieFile:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the file, if all went well."""

    def add(self, image: NDArray[np.uint8]) -> None:
        """Append a frame, [H, W, 3] BGR."""


def movie_file(path: Path, size: tuple[int, int], fps: float, *, overwrite: bool = False) -> MovieFile:
    """The file that a path's suffix asks for; see :class:`VideoFile` and :class:`GifFile`."""
    kind = GifFile if path.suffix.lower() == ".gif" else VideoFile
    return kind(path, size, fps, overwrite=overwrite)


class VideoFile:
    """An MP4 file under way: a context that takes frames; the file appears at its end, and only if all went well.

    Args:
        path: where the file goes.
        size: (width, height) pixels, even.
        fps: frames a second.
        overwrite: replace an existing file.

    Raises:
        FileExistsError: on entering, the file exists and ``overwrite`` is False.
        InputError: on entering, no encoder took the format.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float, *, overwrite: bool = False) -> None:
        self._size = size
        self._fps = fps
        self._file = atomic_file(path, overwrite=overwrite)
        self._closing = ExitStack()
        self.codec = ""

    def __enter__(self) -> VideoFile:
        with ExitStack() as undo:
            temporary = undo.enter_context(self._file)
            self._writer = self._open(temporary)
            undo.callback(self._writer.release)  # before the file takes its name
            self._closing = undo.pop_all()
        return self

    def add(self, image: NDArray[np.uint8]) -> None:
        """Append a frame, [H, W, 3] BGR."""
        assert image.shape == (self._size[1], self._size[0], 3)
        self._writer.write(image)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.__exit__(kind, error, trace)

    def _open(self, path: Path) -> cv2.VideoWriter:
        """A writer by the first codec that is there."""
        for codec in CODECS:
            with native_output_to_log():  # a codec that is not there fills the terminal
                writer = cv2.VideoWriter(
                    str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), self._fps, self._size
                )
            if writer.isOpened():
                self.codec = codec
                return writer
        width, height = self._size
        raise InputError(f"no video encoder takes {width}x{height} at {self._fps:g} fps; try another --size or --fps")


class GifFile:
    """A GIF under way, which loops: a context that takes frames; the file appears at its end, if all went well.

    Args:
        path: where the file goes.
        size: (width, height) pixels.
        fps: frames a second, see :func:`gif_fps`.
        overwrite: replace an existing file.

    Raises:
        InputError: this OpenCV writes no GIF, or there are too many frames.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float, *, overwrite: bool = False) -> None:
        self._path, self._size, self._fps, self._overwrite = path, size, fps, overwrite
        self._frames: list[NDArray[np.uint8]] = []
        self.codec = "gif"

    def __enter__(self) -> GifFile:
        if not hasattr(cv2, "imwriteanimation"):
            raise InputError(f"OpenCV {cv2.__version__} writes no GIF; pip install 'opencv-python>=4.11', or take .mp4")
        return self

    def add(self, image: NDArray[np.uint8]) -> None:
        """Append a frame, [H, W, 3] BGR."""
        assert image.shape == (self._size[1], self._size[0], 3)
        if len(self._frames) == MAX_GIF_FRAMES:
            raise InputError(f"a GIF of over {MAX_GIF_FRAMES} pictures is too large; give --start and --stop, or --fps")
        self._frames.append(image)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        animation = cv2.Animation()
        animation.frames = self._frames
        animation.durations = [round(1000 / self._fps)] * len(self._frames)
        with atomic_file(self._path, overwrite=self._overwrite) as temporary:
            named = temporary.with_name(temporary.name + ".gif")  # OpenCV goes by the suffix
            try:
                if not cv2.imwriteanimation(str(named), animation):
                    raise InputError(f"{self._path} could not be written as a GIF; take .mp4")
                named.replace(temporary)
            finally:
                named.unlink(missing_ok=True)


def gif_fps(fps: float) -> float:
    """The nearest frame rate that a GIF can say: a whole number of hundredths of a second a picture, at least two."""
    return 1.0 / (GIF_TICK_S * max(2, round(1.0 / (fps * GIF_TICK_S))))
