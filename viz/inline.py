"""Poses in a notebook: the interactive scene of the report page, or a picture where no script may run."""

from __future__ import annotations

import html
import importlib
import sys
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from lift3d.datasets import Poses

from .artist import Artist, RenderOptions
from .report import report_html
from .scene import build_scene, fullest_frame
from .viewpoint import DEFAULT_VIEW

HEIGHT = 520  # pixels: the scene and its controls
PICTURE = (960, 540)


@dataclass(frozen=True, eq=False)
class Inline:
    """What a notebook shows of some poses.

    Args:
        poses: T frames, at least one, with the cameras to draw.
        title: its name.
    """

    poses: Poses
    title: str = "lift3d"

    def _repr_html_(self) -> str:
        """The scene in a frame of its own: play, slide, turn. It needs neither network nor display."""
        page = html.escape(report_html(self.poses, self.title, bare=True), quote=True)
        return (
            f'<iframe srcdoc="{page}" title="{html.escape(self.title, quote=True)}" '
            f'style="width:100%;height:{HEIGHT}px;border:0" sandbox="allow-scripts"></iframe>'
        )

    def _repr_png_(self) -> bytes:
        """One frame as a PNG, drawn by OpenCV alone."""
        frame = fullest_frame(self.poses)
        scene = build_scene(self.poses, frames=slice(frame, frame + 1))
        artist = Artist(scene, DEFAULT_VIEW, PICTURE, RenderOptions(title=self.title, renderer="painter"))
        return bytes(np.asarray(cv2.imencode(".png", artist.draw(frame))[1]).tobytes())


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def show_inline(poses: Poses, *, title: str) -> None:
    """Show poses below the notebook's cell.

    Raises:
        InputError: the poses have no frame.
    """
    build_scene(poses)  # says what is wrong with them
    display: Any = importlib.import_module("IPython.display")
    display.display(Inline(poses, title))
