"""How a scene is to look: what colours mean, what is drawn besides the skeletons, how several results stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lift3d.calib import InputError

ColorMode = Literal["person", "side", "file", "sigma", "residual", "confidence", "status"]
Layout = Literal["overlay", "side"]

COLOR_MODES: tuple[ColorMode, ...] = get_args(ColorMode)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
LONGEST_TRAIL_S = 60.0


@dataclass(frozen=True)
class Look:
    """What may be asked of a scene.

    Args:
        color: what colours tell: "person" (one hue each), "side" (left and right alike for everyone), "file" (one hue
            a result), "sigma" (uncertainty), "residual" (reprojection error), "confidence" or "status"; None: "person",
            or "file" where several results stand in one place.
        ellipsoids: draw the error ellipsoids of 90 % probability, and thinner limbs so that they can be seen.
        trails: seconds of path drawn behind hands and feet; 0 for none.
        trail_joints: whose paths; empty means wrists and ankles, or all joints where there are none.
        follow: the person that the view moves with, from 0; None: it stands still.
        layout: of several results: "overlay" in one place, or "side" by side.

    Raises:
        InputError: a name or number that means nothing.
    """

    color: ColorMode | None = None
    ellipsoids: bool = False
    trails: float = 0.0
    trail_joints: tuple[str, ...] = ()
    follow: int | None = None
    layout: Layout = "overlay"

    def __post_init__(self) -> None:
        if self.color is not None and self.color not in COLOR_MODES:
            raise InputError(f"there is no colouring {self.color!r}; choose {', '.join(COLOR_MODES)}")
        if self.layout not in LAYOUTS:
            raise InputError(f"there is no layout {self.layout!r}; choose {', '.join(LAYOUTS)}")
        if not 0 <= self.trails <= LONGEST_TRAIL_S:
            raise InputError(f"trails must last 0 to {LONGEST_TRAIL_S:g} seconds, got {self.trails:g}")
