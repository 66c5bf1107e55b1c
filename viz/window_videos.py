"""The cameras' pictures beside the scene: what each saw, and the skeleton as it would see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lift3d.datasets import Poses

from .backdrop import Video
from .latest import Latest
from .mosaic import EMPTY, Image
from .overlay import OverlayPages

SHARE = (0.42, 0.9)  # of the scene's width and height, at most
SIZE = (640, 720)  # pixels that all pictures together are drawn in


class VideoPanel:
    """A mosaic of all cameras over the right edge of the scene, drawn while it is shown.

    Args:
        poses: a result with a rig.
        videos: camera name to video file; cameras without one have a plain background.
    """

    def __init__(self, poses: Poses, videos: Mapping[str, Video]) -> None:
        from open3d import geometry
        from open3d.visualization import gui

        self._pages = OverlayPages(poses, videos, size=SIZE)
        self._late: Latest[int, Image] = Latest(self._pages.page)
        self._frame = -1
        wide, tall = self._pages.size
        nothing: Any = np.full((tall, wide, 3), EMPTY[::-1], np.uint8)
        self.root = gui.ImageWidget(geometry.Image(nothing))
        self.root.ui_image.scaling = gui.UIImage.Scaling.ASPECT
        self.root.visible = False

    def toggle(self) -> None:
        """Show or hide it."""
        self.root.visible = not self.root.visible

    def show_frame(self, frame: int) -> None:
        """Have a frame drawn, if the panel is shown; :meth:`refresh` shows it when it is ready."""
        if self.root.visible and frame != self._frame:
            self._frame = frame
            self._late.ask(frame)

    def refresh(self, *, wait: bool = False) -> bool:
        """Show what has been drawn meanwhile; True where there was something.

        Args:
            wait: for all that is under way.
        """
        from open3d import geometry

        if wait:
            self._late.wait()
        late = self._late.take()
        if late is not None:
            rgb: Any = np.ascontiguousarray(late[1][..., ::-1])
            self.root.update_image(geometry.Image(rgb))
        return late is not None

    def place(self, area: Any) -> None:
        """Lay the panel into the scene's area, on its right."""
        from open3d.visualization import gui

        wide, tall = self._pages.size
        scale = min(SHARE[0] * area.width / wide, SHARE[1] * area.height / tall)
        width, height = max(int(scale * wide), 1), max(int(scale * tall), 1)
        self.root.frame = gui.Rect(area.get_right() - width, area.get_bottom() - height, width, height)

    def close(self) -> None:
        """Let go of the videos."""
        self._late.close()
        self._pages.close()
