"""What draws the frames of a scene, with words on them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from .caption import draw_caption, draw_labels, draw_picture_edge
from .mesh import Mesh
from .offscreen import Open3DRenderer
from .open3d_check import open3d_problem
from .painter import PainterRenderer
from .scene import Scene
from .viewpoint import Viewpoint

logger = logging.getLogger(__name__)

Image = NDArray[np.uint8]
Progress = Callable[[str, int, int], None]
RendererName = Literal["auto", "open3d", "painter"]

MAX_SIDE = 8192  # pixels


@dataclass(frozen=True)
class RenderOptions:
    """What rarely changes.

    Args:
        title: stands first in the caption, for example the file's name.
        caption: write the caption, the legend and the cameras' names.
        cameras: draw the cameras.
        floor: draw the floor.
        fps: frames a second of a video; None takes the poses' own, divided until at most 30. The speed stays real.
        overwrite: replace an existing file.
        renderer: "open3d", "painter" (OpenCV alone), or "auto": Open3D where it can draw.
        progress: called as progress("render", done, total).
    """

    title: str = ""
    caption: bool = True
    cameras: bool = True
    floor: bool = True
    fps: float | None = None
    overwrite: bool = False
    renderer: RendererName = "auto"
    progress: Progress | None = None


class Renderer(Protocol):
    """What draws: :class:`Open3DRenderer` or :class:`PainterRenderer`."""

    def set_mesh(self, name: str, mesh: Mesh) -> None:
        """Put a mesh into the scene, or replace the one of that name."""

    def draw(self, view: Viewpoint) -> Image:
        """The picture [H, W, 3] BGR."""


class Artist:
    """Draws frames of one scene from one view, with words on them."""

    def __init__(
        self, scene: Scene, view: str, size: tuple[int, int], options: RenderOptions, *, supersample: int = 1
    ) -> None:
        self._scene, self._view, self._size, self._options = scene, view, size, options
        self.note = _why_painter(options.renderer)
        if self.note or options.renderer == "painter":
            self._factor = 1  # it supersamples by itself
            self._renderer: Renderer = PainterRenderer(size)
        else:
            self._factor = supersample if max(size) * supersample <= MAX_SIDE else 1
            self._renderer = Open3DRenderer((size[0] * self._factor, size[1] * self._factor))
        if options.floor:
            self._renderer.set_mesh("axes", scene.axes())
            if self._from_above(scene.viewpoint(view, size=size)):
                self._renderer.set_mesh("floor", scene.floor.mesh())
        if options.cameras:
            self._renderer.set_mesh("cameras", scene.cameras(without=view))

    def draw(self, frame: int, *, turn: float) -> Image:
        """The finished picture [H, W, 3] BGR."""
        scene, options = self._scene, self._options
        view = scene.viewpoint(self._view, size=self._size, turn=turn)
        people = scene.people(frame)
        self._renderer.set_mesh("people", people)
        if options.floor and self._from_above(view):
            self._renderer.set_mesh("shadows", scene.shadows(people))
        image = self._renderer.draw(view if self._factor == 1 else view.scaled(self._factor))
        if self._factor > 1:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        draw_picture_edge(image, view)
        if options.caption:
            shown = {"cameras": options.cameras, "axes": options.floor}
            draw_labels(
                image, [label for label in scene.labels if shown[label.group] and label.text != self._view], view
            )
            grid = scene.floor.step if options.floor else 0.0
            draw_caption(image, scene.poses, frame, title=options.title, grid=grid)
        return image

    def _from_above(self, view: Viewpoint) -> bool:
        """From below, the floor would hide the people; no view passes through it."""
        return bool(view.center[2] > self._scene.floor.z)


def _why_painter(renderer: RendererName) -> str:
    """Why Open3D does not draw although it was to; "" where it does, or was not asked."""
    if renderer == "painter":
        return ""
    problem = open3d_problem()
    if problem is None:
        return ""
    if renderer == "open3d":
        raise InputError(f"Open3D cannot draw here: {problem}; or use the simpler renderer")
    logger.warning("drawn by the simpler renderer, since %s", problem)
    return f"drawn by the simpler renderer, since {problem}"
