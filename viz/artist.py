"""What draws the frames of a scene, with words on them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from .backdrop import Backdrops, Video
from .bounds import Bounds
from .caption import draw_caption, draw_labels, draw_picture_edge
from .frustum_pictures import FrustumPictures
from .look import Look
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
        look: colours, ellipsoids, trails, who is followed, how several results stand.
        videos: camera name to video file, whose pictures stand behind the views of cameras; None for none.
        pictures: show the videos' pictures in the cameras, which are larger then, unless a camera is looked through.
    """

    title: str = ""
    caption: bool = True
    cameras: bool = True
    floor: bool = True
    fps: float | None = None
    overwrite: bool = False
    renderer: RendererName = "auto"
    progress: Progress | None = None
    look: Look = field(default_factory=Look)
    videos: Mapping[str, Video] | None = None
    pictures: bool = False


class Renderer(Protocol):
    """What draws: :class:`Open3DRenderer` or :class:`PainterRenderer`."""

    def set_mesh(self, name: str, mesh: Mesh) -> None:
        """Put a mesh into the scene, or replace the one of that name."""

    def move_mesh(self, name: str, mesh: Mesh) -> None:
        """The same for a mesh whose triangles are those of the last time."""

    def set_backdrop(self, picture: Image | None) -> None:
        """What stands behind everything."""

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
            self._renderer = Open3DRenderer((size[0] * self._factor, size[1] * self._factor), scene.extent)
        self._backdrops = Backdrops(scene.poses, options.videos) if options.videos and scene.camera(view) else None
        if options.floor and not self._backdrops:
            self._renderer.set_mesh("axes", scene.axes())
            if self._from_above(scene.viewpoint(view, size=size)):
                self._renderer.set_mesh("floor", scene.floor.mesh())
        self._frusta: FrustumPictures | None = None
        if options.pictures and options.cameras and options.videos and scene.rig and not scene.camera(view):
            size_m = scene.frustum_size(large=True)
            self._frusta = FrustumPictures(scene.poses, scene.rig, options.videos, size=size_m)
        self._hidden: frozenset[str] | None = None

    @property
    def renderer(self) -> Renderer:
        """What draws."""
        return self._renderer

    def draw(self, frame: int, *, turn: float = 0.0, bounds: Bounds | None = None) -> Image:
        """The finished picture [H, W, 3] BGR; ``bounds`` are what the view fits in place of the scene's."""
        scene, options = self._scene, self._options
        if bounds is not None:
            scene = replace(scene, bounds=bounds)
        view = scene.viewpoint(self._view, size=self._size, turn=turn, frame=frame)
        self._draw_cameras(view)
        moving = scene.moving(frame)
        for name, mesh in moving.items():
            self._renderer.move_mesh(name, mesh)
        if self._frusta:
            self._renderer.move_mesh("plates", self._frusta.mesh(frame))
        camera = scene.camera(self._view)
        if self._backdrops and camera:
            self._renderer.set_backdrop(self._backdrops.picture(camera, frame, view))
        elif options.floor and self._from_above(view):
            self._renderer.move_mesh("shadows", scene.shadows(moving["people"]))
        image = self._renderer.draw(view if self._factor == 1 else view.scaled(self._factor))
        if self._factor > 1:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        draw_picture_edge(image, view)
        if options.caption:
            self._write(image, frame, view)
        return image

    def _draw_cameras(self, view: Viewpoint) -> None:
        """The cameras, but for the one that is looked through and those too near the eye."""
        hidden = self._scene.near_cameras(view.center) | {self._view}
        if self._options.cameras and hidden != self._hidden:
            self._renderer.set_mesh("cameras", self._scene.cameras(without=hidden, large=self._frusta is not None))
            self._hidden = hidden

    def _write(self, image: Image, frame: int, view: Viewpoint) -> None:
        """The caption and the names in the scene."""
        scene, options = self._scene, self._options
        floor = options.floor and not self._backdrops
        shown = {"cameras": options.cameras, "axes": floor, "names": True}
        labels = [label for label in scene.labels_from(view.center) if shown[label.group] and label.text != self._view]
        draw_labels(image, labels, view)
        draw_caption(image, scene, frame, title=options.title, grid=scene.floor.step if floor else 0.0)

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
