"""Curves over time with error bands, drawn by OpenCV alone: panels under each other with one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from .caption import draw_text, text_width
from .palette import BACKGROUND, GRID, GRID_MAIN, INK, INK_SOFT, paler

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Image = NDArray[np.uint8]

BAND_SIGMAS = 2.0
BAND_ALPHA = 0.22
TEXT, SMALL = 17, 14  # pixels
LEFT, RIGHT, TOP, BOTTOM = 76, 24, 72, 52
BETWEEN, STRIP = 38, 16
SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates
OUTLYING = 0.01  # of the values at either end may lie outside the panel: one wild frame must not flatten the rest


@dataclass(frozen=True, eq=False)
class Curve:
    """One line.

    Args:
        label: its name in the legend.
        values: [T]; NaN breaks the line.
        color: [3] RGB in 0..1.
        sigma: [T] standard deviations, NaN where not known; None draws no band.
        filled: [T] where the values rest on filled-in positions; drawn paler.
    """

    label: str
    values: Array
    color: Array
    sigma: Array | None = None
    filled: Mask | None = None


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves with one vertical axis; ``title`` says what and in which unit."""

    title: str
    curves: Sequence[Curve]


@dataclass(frozen=True, eq=False)
class Strip:
    """A row under the panels that is marked where ``mask`` [T] is true."""

    label: str
    mask: Mask
    color: Array


@dataclass(frozen=True, eq=False)
class Chart:
    """Panels with one time axis.

    Args:
        time: [T] seconds.
        panels: from top to bottom.
        title: above all.
        note: below all, beside the time axis's name.
        strips: under the panels.
        width: pixels.
        panel_height: pixels.
    """

    time: Array
    panels: Sequence[Panel]
    title: str = ""
    note: str = ""
    strips: Sequence[Strip] = field(default_factory=tuple)
    width: int = 1200
    panel_height: int = 230

    def draw(self) -> Image:
        """The picture [H, W, 3] BGR."""
        strips = (8 + STRIP * len(self.strips)) if self.strips else 0
        count = len(self.panels)
        height = TOP + count * self.panel_height + (count - 1) * BETWEEN + strips + BOTTOM
        image = np.empty((height, self.width, 3), np.uint8)
        image[:] = _bgr(BACKGROUND)
        draw_text(image, self.title, (LEFT, 28), size=TEXT + 3, color=INK)
        for i, panel in enumerate(self.panels):
            top = TOP + i * (self.panel_height + BETWEEN)
            self._panel(image, panel, (top, top + self.panel_height))
        bottom = TOP + count * self.panel_height + (count - 1) * BETWEEN
        for i, strip in enumerate(self.strips):
            self._strip(image, strip, bottom + 8 + i * STRIP)
        self._time_axis(image, bottom + strips)
        return image

    def _x(self, time: Array) -> Array:
        """Seconds to pixels."""
        first, last = _time_range(self.time)
        return LEFT + (time - first) / (last - first) * (self.width - LEFT - RIGHT)

    def _panel(self, image: Image, panel: Panel, rows: tuple[int, int]) -> None:
        """Grid, bands, lines, title and legend of one panel."""
        top, bottom = rows
        low, high = value_range(panel.curves)
        right = self.width - RIGHT

        def y_of(value: Array) -> Array:
            return bottom - (value - low) / (high - low) * (bottom - top)

        for value in ticks(low, high, 6):
            y = round(float(y_of(np.asarray(value))))
            cv2.line(image, (LEFT, y), (right, y), _bgr(GRID_MAIN if value == 0 else GRID), 1)
            text = f"{value:g}"
            draw_text(image, text, (LEFT - 10 - text_width(text, SMALL), y + 5), size=SMALL, color=INK_SOFT)
        for second in ticks(*_time_range(self.time), 10):
            x = round(float(self._x(np.asarray(second))))
            cv2.line(image, (x, top), (x, bottom), _bgr(GRID), 1)
        inside = image[top : bottom + 1, LEFT : right + 1]
        offset = np.array([LEFT, top])
        for curve in panel.curves:
            _draw_band(inside, self._x(self.time), curve, y_of, offset)
        for curve in panel.curves:
            _draw_line(inside, np.column_stack([self._x(self.time), y_of(curve.values)]) - offset, curve)
        cv2.rectangle(image, (LEFT, top), (right, bottom), _bgr(GRID_MAIN), 1)
        draw_text(image, panel.title, (LEFT, top - 8), size=TEXT, color=INK)
        self._legend(image, panel.curves, top - 8)

    def _legend(self, image: Image, curves: Sequence[Curve], y: int) -> None:
        """Names of the curves, above the panel to the right."""
        x = self.width - RIGHT
        for curve in [curve for curve in curves if curve.label][::-1]:
            x -= text_width(curve.label, SMALL)
            draw_text(image, curve.label, (x, y), size=SMALL, color=INK_SOFT)
            cv2.line(image, (x - 30, y - 5), (x - 8, y - 5), _bgr(curve.color), 3, cv2.LINE_AA)
            x -= 48

    def _strip(self, image: Image, strip: Strip, top: int) -> None:
        """Bars where something holds."""
        step = float(np.median(np.diff(self.time))) if len(self.time) > 1 else 1.0
        edges = np.flatnonzero(np.diff(np.concatenate([[False], strip.mask, [False]]).astype(int)))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            x0, x1 = self._x(np.array([self.time[start], self.time[end - 1] + step]))
            right = min(round(float(x1)), self.width - RIGHT)
            cv2.rectangle(image, (round(float(x0)), top + 3), (right, top + STRIP - 4), _bgr(strip.color), -1)
        draw_text(
            image,
            strip.label,
            (LEFT - 10 - text_width(strip.label, SMALL - 2), top + 13),
            size=SMALL - 2,
            color=INK_SOFT,
        )

    def _time_axis(self, image: Image, top: int) -> None:
        """Seconds under everything."""
        for second in ticks(*_time_range(self.time), 10):
            text = f"{second:g}"
            x = round(float(self._x(np.asarray(second)))) - text_width(text, SMALL) // 2
            draw_text(image, text, (x, top + 18), size=SMALL, color=INK_SOFT)
        name = "time [s]"
        draw_text(image, name, (self.width - RIGHT - text_width(name, SMALL), top + 40), size=SMALL, color=INK_SOFT)
        draw_text(image, self.note, (LEFT, top + 40), size=SMALL, color=INK_SOFT)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from low to high, at most ``most`` and some."""
    raw = (high - low) / most
    magnitude = 10.0 ** np.floor(np.log10(raw))
    step = magnitude * min((f for f in (1, 2, 2.5, 5, 10) if f * magnitude >= raw * 0.999), default=10)
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [round(float(n * step), 12) for n in range(first, last + 1)]


def value_range(curves: Sequence[Curve]) -> tuple[float, float]:
    """What the vertical axis spans: the values and most of the bands, with a margin; -1 to 1 where there is nothing."""
    values = np.concatenate([np.ravel(curve.values) for curve in curves])
    values = values[np.isfinite(values)]
    if not len(values):
        return -1.0, 1.0
    low, high = np.quantile(values, [OUTLYING, 1 - OUTLYING])
    for curve in curves:
        if curve.sigma is not None and np.isfinite(curve.sigma).any():
            reach = BAND_SIGMAS * float(np.nanmedian(curve.sigma))
            low, high = min(low, low - reach), max(high, high + reach)
    margin = max(0.08 * (high - low), 1e-3 * max(abs(low), abs(high)), 1e-9)
    return float(low - margin), float(high + margin)


def _time_range(time: Array) -> tuple[float, float]:
    """First and last; never the same."""
    if not len(time):
        return 0.0, 1.0
    return float(time[0]), float(max(time[-1], time[0] + 1e-3))


def _draw_band(image: Image, x: Array, curve: Curve, y_of: object, offset: Array) -> None:
    """The area within so many standard deviations, laid over what is there."""
    assert callable(y_of)
    if curve.sigma is None:
        return
    reach = BAND_SIGMAS * curve.sigma
    edge_high = np.column_stack([x, y_of(curve.values + reach)]) - offset
    edge_low = np.column_stack([x, y_of(curve.values - reach)]) - offset
    layer = image.copy()
    for part in _runs(np.isfinite(reach) & np.isfinite(curve.values)):
        cv2.fillPoly(
            layer,
            [_fixed(np.concatenate([edge_high[part], edge_low[part][::-1]]))],
            _bgr(curve.color),
            cv2.LINE_AA,
            SUBPIXEL,
        )
    cv2.addWeighted(layer, BAND_ALPHA, image, 1 - BAND_ALPHA, 0, dst=image)


def _draw_line(image: Image, xy: Array, curve: Curve) -> None:
    """The line, broken at gaps, paler where it was filled in; a lone frame is a dot."""
    filled = np.zeros(len(xy), bool) if curve.filled is None else curve.filled
    for part in _runs(np.isfinite(xy[:, 0] + xy[:, 1])):
        if len(part) == 1:
            cv2.circle(image, _fixed(xy[part])[0].tolist(), 3 << SUBPIXEL, _bgr(curve.color), -1, cv2.LINE_AA, SUBPIXEL)
        pale = filled[part[:-1]] | filled[part[1:]]
        for where, color in ((pale, paler(curve.color)), (~pale, curve.color)):
            lines = [_fixed(xy[part[run[0] : run[-1] + 2]]) for run in _runs(where)]
            cv2.polylines(image, lines, False, _bgr(color), 2, cv2.LINE_AA, SUBPIXEL)


def _runs(mask: Mask) -> list[NDArray[np.intp]]:
    """Positions of each run of True."""
    where = np.flatnonzero(mask)
    return [run for run in np.split(where, np.flatnonzero(np.diff(where) > 1) + 1) if len(run)]


def _fixed(xy: Array) -> NDArray[np.int32]:
    """Pixels to OpenCV's fixed-point coordinates; far outside is as good as outside."""
    return np.asarray(np.round(np.clip(xy, -4000, 12000) * (1 << SUBPIXEL)), np.int32)


def _bgr(color: Array) -> tuple[int, int, int]:
    """RGB in 0..1 to OpenCV's order."""
    r, g, b = (round(255 * float(value)) for value in color)
    return b, g, r
