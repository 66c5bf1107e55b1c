"""Silence for C++ libraries that write to the terminal past Python."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


def _flush() -> None:
    """Python's buffers and the C library's: a pipe's are emptied at exit otherwise, past the block."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        ctypes.CDLL(None).fflush(None)
    except (OSError, AttributeError, TypeError):  # no C library to be found by that name, as on Windows
        logger.debug("the C library's buffers cannot be flushed here")


@contextmanager
def native_output_to_log() -> Iterator[None]:
    """What is written to the process's stdout and stderr within goes to this module's log, at level DEBUG.

    The two streams are the process's own, so what other threads print meanwhile goes there too: keep the block short.
    """
    _flush()
    with tempfile.TemporaryFile() as sink:
        saved = [(number, os.dup(number)) for number in (1, 2)]
        try:
            for number, _ in saved:
                os.dup2(sink.fileno(), number)
            yield
        finally:
            _flush()
            for number, copy in saved:
                os.dup2(copy, number)
                os.close(copy)
            sink.seek(0)
            for line in sink.read().decode(errors="replace").splitlines():
                logger.debug("%s", line)
