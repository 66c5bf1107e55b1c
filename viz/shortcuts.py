"""The window's keys: one table for what they do and for the help panel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shortcut:
    """A key.

    Args:
        keys: their names in Open3D's ``gui.KeyName``.
        shown: as the help panel writes them.
        action: the name of what is done.
        text: what that is, for the help panel.
    """

    keys: tuple[str, ...]
    shown: str
    action: str
    text: str


SHORTCUTS = (
    Shortcut(("SPACE",), "Space", "play", "play, pause"),
    Shortcut(("LEFT",), "Left", "back", "one frame back"),
    Shortcut(("RIGHT",), "Right", "on", "one frame on"),
    Shortcut(("PAGE_UP",), "Page up", "second_back", "a second back"),
    Shortcut(("PAGE_DOWN",), "Page down", "second_on", "a second on"),
    Shortcut(("HOME",), "Home", "first", "first frame"),
    Shortcut(("END",), "End", "last", "last frame"),
    Shortcut(("PLUS", "EQUALS"), "+", "faster", "faster"),
    Shortcut(("MINUS",), "-", "slower", "slower"),
    Shortcut(("V",), "V", "view", "next view, every camera"),
    Shortcut(("O",), "O", "color", "next colouring"),
    Shortcut(("E",), "E", "ellipsoids", "error ellipsoids on, off"),
    Shortcut(("T",), "T", "trails", "paths on, off"),
    Shortcut(("F",), "F", "follow", "follow the next person, or nobody"),
    Shortcut(("P",), "P", "pictures", "videos beside the scene on, off"),
    Shortcut(("I",), "I", "plates", "videos in the cameras on, off"),
    Shortcut(("C",), "C", "cameras", "cameras on, off"),
    Shortcut(("G",), "G", "floor", "floor on, off"),
    Shortcut(("S",), "S", "screenshot", "save a picture, here"),
    Shortcut(("R",), "R", "record", "begin or end a video"),
    Shortcut(("X", "DELETE"), "X", "clear", "forget the picked joints"),
    Shortcut(("ESCAPE",), "Esc", "close", "close the window"),  # Open3D does so by itself
    Shortcut(("H", "F1", "QUESTION_MARK"), "H, F1", "help", "this list"),
)

MOUSE = (
    ("click", "joint: place, error, views"),
    ("Shift + click", "more: distance, angle"),
    ("drag", "turn"),
    ("Ctrl + drag", "move"),
    ("wheel", "nearer, further"),
    ("click the strip", "jump to that time"),
)
