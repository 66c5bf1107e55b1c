"""OpenCV's own log lines, kept off the terminal while we say ourselves what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

SILENT = 0  # LOG_LEVEL_SILENT and LOG_LEVEL_ERROR of OpenCV 4 and 5 alike
ERROR = 2


@contextmanager
def opencv_log(level: int) -> Iterator[None]:
    """Let OpenCV log no more than ``level`` while the block lasts."""
    import cv2

    # OpenCV 5 moved the two functions into a module of their own.
    where = getattr(cv2.utils, "logging", cv2)
    before = where.getLogLevel()
    where.setLogLevel(level)
    try:
        yield
    finally:
        where.setLogLevel(before)
