"""A small window in which the known points of a scene are clicked in a camera's picture."""

from __future__ import annotations

import os
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .display import display_problem
from .distortion import Array
from .errors import InputError

SHOWN = np.array([1200, 820])
"""Width and height at most, so that a window with its frame fits a laptop's screen."""

BAR = 34
"""Height of the line of text above the picture."""

ENTER, BACKSPACE, SPACE, ESCAPE = (10, 13), (8, 127), 32, 27
NEARER, FARTHER = (ord("+"), ord("=")), (ord("-"), ord("_"))
MOST_ZOOM = 16.0
DARK, RED, BRIGHT = (50, 50, 50), (0, 0, 255), (90, 220, 255)


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


class View:
    """The part of a picture that the window shows.

    Args:
        size: of the picture, (width, height).
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = np.array(size, np.float64)
        self.fit = min(1.0, float((SHOWN / self.size).min()))
        self.zoom = 1.0
        self.corner = np.zeros(2)

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height in the window."""
        width, height = np.maximum((self.size * self.fit).round(), 1).astype(int)
        return int(width), int(height)

    @property
    def scale(self) -> float:
        """Pixels of the window a pixel of the picture."""
        return self.fit * self.zoom

    def to_picture(self, xy: Array) -> Array:
        """A pixel of the picture from one of the window."""
        return (np.asarray(xy, np.float64) + 0.5) / self.scale - 0.5 + self.corner

    def to_window(self, xy: Array) -> Array:
        """A pixel of the window from one of the picture."""
        return (np.asarray(xy, np.float64) - self.corner + 0.5) * self.scale - 0.5

    def zoom_at(self, xy: Array, factor: float) -> None:
        """Come nearer or go away; what is below the pointer stays there, as far as the picture reaches."""
        anchor = self.to_picture(xy)
        self.zoom = float(np.clip(self.zoom * factor, 1.0, MOST_ZOOM))
        self.corner += anchor - self.to_picture(xy)
        self.corner = np.clip(self.corner, 0.0, self.size * (1 - 1 / self.zoom))

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the window shows of the picture."""
        if self.zoom == 1.0:
            return np.asarray(cv2.resize(image, self.shown, interpolation=cv2.INTER_AREA), np.uint8)
        shift = (0.5 - self.corner) * self.scale - 0.5
        M = np.array([[self.scale, 0, shift[0]], [0, self.scale, shift[1]]])
        how = cv2.INTER_NEAREST if self.scale > 3 else cv2.INTER_LINEAR  # pixels stay visible
        return np.asarray(cv2.warpAffine(image, M, self.shown, flags=how), np.uint8)


def click_points(image: NDArray[np.uint8], names: Sequence[str], *, title: str) -> dict[str, Array]:
    """Show a picture and let the user click points.

    A click sets a point, space skips it, backspace undoes, + and - or the wheel zoom at the pointer, enter ends.

    Args:
        image: [H, W, 3] BGR.
        names: what to click, in order.
        title: of the window.

    Returns:
        [2] pixels by name, in the picture's own pixels.

    Raises:
        InputError: there is no display, or the user pressed escape or closed the window.
    """
    problem = display_problem()
    if problem is not None:
        raise InputError(f"no window can be opened: {problem}; write the clicks file by hand and give --clicks")
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")  # OpenCV's Qt complains of fonts it lacks
    clicks, view = Clicks(names), View((image.shape[1], image.shape[0]))
    pointer = np.zeros(2)

    def on_mouse(event: int, x: int, y: int, flags: int, param: object) -> None:
        pointer[:] = x, y - BAR
        if event == cv2.EVENT_LBUTTONDOWN and y >= BAR:
            clicks.click(*view.to_picture(pointer))
        elif event == cv2.EVENT_MOUSEWHEEL:
            view.zoom_at(pointer, 1.25 if flags > 0 else 0.8)

    try:
        cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
        cv2.setMouseCallback(title, on_mouse)
        _until_enter(image, clicks, view, pointer, title=title)
        cv2.destroyWindow(title)
    except cv2.error as error:
        raise InputError("no window can be opened here; write the clicks file by hand and give --clicks") from error
    return clicks.found()


def _until_enter(image: NDArray[np.uint8], clicks: Clicks, view: View, pointer: Array, *, title: str) -> None:
    """Show and obey keys."""
    while True:
        cv2.imshow(title, _draw(image, clicks, view))
        key = cv2.waitKey(30) & 0xFF
        if key == ESCAPE or cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
            raise InputError("clicking was given up; what was clicked in the pictures before is kept")
        if key in ENTER:
            return
        if key == SPACE:
            clicks.skip()
        elif key in BACKSPACE:
            clicks.back()
        elif key in NEARER or key in FARTHER:
            view.zoom_at(pointer, 2.0 if key in NEARER else 0.5)


def _draw(image: NDArray[np.uint8], clicks: Clicks, view: View) -> NDArray[np.uint8]:
    """The picture with what was clicked, below a line that says what to do next."""
    shown = view.draw(image)
    for name, xy in clicks.found().items():
        x, y = (int(v) for v in view.to_window(xy).round())
        cv2.drawMarker(shown, (x, y), RED, cv2.MARKER_CROSS, 14, 1)
        cv2.putText(shown, name, (x + 8, y - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, RED, 1, cv2.LINE_AA)
    bar = np.full((BAR, shown.shape[1], 3), DARK, np.uint8)
    todo = f"click {clicks.current} (space: not seen)" if clicks.current else "all done, press enter"
    text = f"{todo}   backspace: undo   + -: zoom   enter: end   esc: give up"
    cv2.putText(bar, text, (10, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.55, BRIGHT, 1, cv2.LINE_AA)
    return np.concatenate([bar, shown])
