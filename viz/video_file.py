"""Writing a video that plays nearly everywhere, whole or not at all."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.calib.atomic_file import atomic_file

from .native_output import native_output_to_log

CODECS = ("avc1", "mp4v")  # H.264 where this OpenCV has an encoder for it (not in its Linux wheels), else MPEG-4


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
