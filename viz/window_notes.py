"""What lies over the drawing area: the help panel, and what is known about the picked joints."""

from __future__ import annotations

from typing import Any

from .palette import BACKGROUND, INK
from .shortcuts import MOUSE, SHORTCUTS

OPACITY = 0.94


class Note:
    """Lines of text on a pale ground over the scene, in one of its upper corners.

    Args:
        window: Open3D's, for its theme.
        columns: of text.
    """

    def __init__(self, window: Any, *, columns: int = 1) -> None:
        from open3d.visualization import gui

        self._em = window.theme.font_size
        margin = round(0.6 * self._em)
        self._gui = gui
        self.root = gui.ScrollableVert(0, gui.Margins(margin, margin, margin, margin))
        self._grid = gui.VGrid(columns, round(0.25 * self._em))
        self.root.add_child(self._grid)
        red, green, blue = BACKGROUND.tolist()
        self.root.background_color = gui.Color(red, green, blue, OPACITY)
        self.root.visible = False
        self._labels: list[Any] = []

    def write(self, lines: list[str]) -> None:
        """Show these texts, row by row; none hides the note."""
        for text, label in zip(lines, self._labels, strict=False):
            label.text = text
        for text in lines[len(self._labels) :]:
            label = self._gui.Label(text)
            label.text_color = self._gui.Color(*INK)
            self._grid.add_child(label)
            self._labels.append(label)
        for number, label in enumerate(self._labels):
            label.visible = number < len(lines)
            label.text = label.text if number < len(lines) else ""
        self.root.visible = bool(lines)

    def place(self, context: Any, area: Any, *, right: bool) -> None:
        """Lay the note into the scene's area, [x, y, width, height] pixels, as large as its text but no larger."""
        size = self.root.calc_preferred_size(context, self._gui.Widget.Constraints())
        width, height = min(int(size.width), area.width), min(int(size.height), area.height)
        x = area.get_right() - width if right else area.x
        self.root.frame = self._gui.Rect(x, area.y, width, height)


def help_lines() -> list[str]:
    """Keys, then what the mouse does, in two columns of key and text: four texts a row."""
    rows = [*((key.shown, key.text) for key in SHORTCUTS), *MOUSE]
    half = -(-len(rows) // 2)
    pairs = zip(rows[:half], [*rows[half:], ("", "")], strict=False)
    return [text for left, right in pairs for text in (*left, *right)]
