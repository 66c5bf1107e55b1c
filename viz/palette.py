"""Colours: one hue a person, dark for the left side and bright for the right, paler where a value was filled in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def rgb(code: str) -> Array:
    """``#RRGGBB`` to [3] in 0..1."""
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0


@dataclass(frozen=True)
class PersonColors:
    """The three shades of one person, as ``#RRGGBB``: left is the darkest, right the brightest."""

    name: str
    left: str
    center: str
    right: str

    @property
    def shades(self) -> Array:
        """[3, 3] RGB in 0..1: left, centre, right."""
        return np.array([rgb(self.left), rgb(self.center), rgb(self.right)])


# The centres stay apart in simulated protanopia, deuteranopia and tritanopia (checked in the tests), and left from
# right by lightness alone, so that a grey print tells them apart too.
PEOPLE = (
    PersonColors("blue", "#10397A", "#1F6FB5", "#55B4E8"),
    PersonColors("orange", "#8A3600", "#D05B06", "#FFB152"),
    PersonColors("green", "#00523C", "#0E9C6E", "#6AD9A8"),
    PersonColors("pink", "#7A2466", "#CC6CAE", "#F2B5DC"),
    PersonColors("grey", "#1C1C1E", "#5B5D63", "#A5A8AE"),
    PersonColors("yellow", "#6E6000", "#C7B21E", "#EADB6E"),
)

BACKGROUND = rgb("#F6F8FA")
FLOOR = rgb("#EDF0F3")
SHADOW = rgb("#D3D9DF")
GRID = rgb("#D0D7DE")
GRID_MAIN = rgb("#AEB8C2")  # the two lines through the world's origin
CAMERA = rgb("#57606A")
INK = rgb("#24292F")
INK_SOFT = rgb("#57606A")
AXES = np.array([rgb("#C4513B"), rgb("#4A9462"), rgb("#3B6FB6")])  # x, y, z
VERDICTS = {"good": rgb("#1A7F37"), "doubtful": rgb("#9A6700"), "bad": rgb("#CF222E")}
# Left, middle and right alike for everyone.
SIDE_COLORS = np.array([rgb("#1F6FB5"), rgb("#6E7781"), rgb("#D05B06")])
# Missing, observed, interpolated, lifted: by Status; the missing are drawn on the timeline alone.
STATUS_COLORS = np.array([rgb("#C4420A"), rgb("#2C7FB8"), rgb("#E3A417"), rgb("#3D2B7A")])
# From good to bad; lightness falls evenly, so that a grey print and all eyes read it.
RAMP = np.array([rgb(code) for code in ("#8FC7E8", "#6FA0D8", "#7F74BE", "#94408F", "#8A1259", "#4E0826")])
UNKNOWN = rgb("#B9B39C")  # what a scale has no value for
PALER = 0.55  # how far a filled-in joint's colour moves towards the background


def person_colors(person: int) -> PersonColors:
    """The colours of the person with this number; they repeat after the palette's end."""
    return PEOPLE[person % len(PEOPLE)]


def paler(color: Array) -> Array:
    """What a colour becomes where the position was interpolated or lifted; [..., 3]."""
    return color + PALER * (BACKGROUND - color)
