"""A small window in which the known points of a scene are clicked in a camera's picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .distortion import Array
from .errors import InputError

SHOWN = 1200  # the larger side of the picture on the screen
ENTER, BACKSPACE, SPACE, ESCAPE = (10, 13), (8, 127), 32, 27


class Clicks:
    """What was clicked so far; apart from the window, so that it can be tried without one."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.xy: list[Array | None] = []

    @property
    def current(self) -> str | None:
        """The point to click next; None when all are done."""
        return self.names[len(self.xy)] if len(self.xy) < len(self.names) else None

    def click(self, x: float, y: float) -> None:
        """Place the current point."""
        if self.current is not None:
            self.xy.append(np.array([x, y], np.float64))

    def skip(self) -> None:
        """The current point cannot be seen."""
        if self.current is not None:
            self.xy.append(None)

    def back(self) -> None:
        """Undo the last."""
        if self.xy:
            self.xy.pop()

    def found(self) -> dict[str, Array]:
        """Clicked points by name."""
        return {name: xy for name, xy in zip(self.names, self.xy, strict=False) if xy is not None}


def click_points(image: NDArray[np.uint8], names: Sequence[str], *, title: str) -> dict[str, Array]:
    """Show a picture and let the user click points: click sets, space skips, backspace undoes, enter ends.

    Args:
        image: [H, W, 3] BGR.
        names: what to click, in order.
        title: of the window.

    Returns:
        [2] pixels by name, in the picture's own pixels.

    Raises:
        InputError: there is no display, or the user pressed escape.
    """
    clicks = Clicks(names)
    scale = min(1.0, SHOWN / max(image.shape[:2]))

    def on_mouse(event: int, x: int, y: int, flags: int, param: object) -> None:
        if event == cv2.EVENT_LBUTTONDOWN:
            clicks.click((x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5)

    try:
        cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
        cv2.setMouseCallback(title, on_mouse)
        while True:
            cv2.imshow(title, _draw(image, clicks, scale))
            key = cv2.waitKey(30) & 0xFF
            if key == ESCAPE:
                raise InputError("clicking was given up; nothing was written")
            if key in ENTER or cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
                break
            if key == SPACE:
                clicks.skip()
            elif key in BACKSPACE:
                clicks.back()
    except cv2.error as error:
        raise InputError("no window can be opened here; write the clicks file by hand and give --clicks") from error
    cv2.destroyWindow(title)
    return clicks.found()


def _draw(image: NDArray[np.uint8], clicks: Clicks, scale: float) -> NDArray[np.uint8]:
    """The picture with what was clicked and what is to be clicked next."""
    shown = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for name, xy in clicks.found().items():
        x, y = (int(v) for v in ((xy + 0.5) * scale - 0.5).round())
        cv2.drawMarker(shown, (x, y), (0, 0, 255), cv2.MARKER_CROSS, 14, 1)
        cv2.putText(shown, name, (x + 8, y - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 255), 1, cv2.LINE_AA)
    todo = f"click {clicks.current} (space: not seen)" if clicks.current else "all done"
    text = f"{todo}, backspace: undo, enter: end"
    cv2.putText(shown, text, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 140, 255), 2, cv2.LINE_AA)
    return np.asarray(shown, np.uint8)
