"""Slow work beside a window: what was asked for last is made, what has been overtaken is left out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Condition, Thread
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

Asked = TypeVar("Asked")
Made = TypeVar("Made")


class Latest(Generic[Asked, Made]):
    """A thread that makes one thing after the other; asked from one other thread.

    Args:
        make: called in the thread with what was asked for last; where it fails, nothing is made, and the log says so.
    """

    def __init__(self, make: Callable[[Asked], Made]) -> None:
        self._make = make
        self._change = Condition()
        self._asked: list[Asked] = []  # at most one
        self._made: list[tuple[Asked, Made]] = []  # at most one
        self._busy = self._closed = False
        self._thread: Thread | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        with self._change:
            return not (self._busy or self._asked)

    def ask(self, what: Asked) -> None:
        """Have something made; what was asked for before and is not begun is forgotten."""
        with self._change:
            self._asked = [what]
            if self._thread is None and not self._closed:
                self._thread = Thread(target=self._work, name="lift3d-latest", daemon=True)
                self._thread.start()
            self._change.notify_all()

    def take(self) -> tuple[Asked, Made] | None:
        """What was made last, with what was asked for; each thing once."""
        with self._change:
            return self._made.pop() if self._made else None

    def wait(self) -> None:
        """Until everything asked for has been made."""
        with self._change:
            self._change.wait_for(lambda: self._closed or not (self._busy or self._asked))

    def close(self) -> None:
        """Let the thread end, and wait for that."""
        with self._change:
            self._closed, self._asked = True, []
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        """Make what is asked for until closed."""
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closed or bool(self._asked))
                if self._closed:
                    return
                what, self._busy = self._asked.pop(), True
            made = []
            try:
                made.append((what, self._make(what)))
            except Exception:  # a window stays open without a picture
                logger.warning("a picture could not be made", exc_info=True)
            with self._change:
                self._made, self._busy = made or self._made, False
                self._change.notify_all()
