"""The cameras' pictures beside the scene: what each saw, and the skeleton as it would see it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.datasets import Poses

from .overlay import OverlayPages

SHARE = (0.42, 0.9)  # of the scene's width and height, at most
SIZE = (640, 720)  # pixels that all pictures together are drawn in


class VideoPanel:
    """A mosaic of all cameras over the right edge of the scene, drawn while it is shown.

    Args:
        poses: a result with a rig.
        videos: camera name to video file; cameras without one have a plain background.
    """

    def __init__(self, poses: Poses, videos: Mapping[str, Path]) -> None:
        from open3d import geometry
        from open3d.visualization import gui

        self._poses, self._videos = poses, videos
        self._pages: OverlayPages | None = None  # opened when first asked for: videos take a while
        self._frame = -1
        nothing: Any = np.zeros((2, 2, 3), np.uint8)
        self.root = gui.ImageWidget(geometry.Image(nothing))
        self.root.ui_image.scaling = gui.UIImage.Scaling.ASPECT
        self.root.visible = False

    def toggle(self) -> None:
        """Show or hide it."""
        if self._pages is None:
            self._pages = OverlayPages(self._poses, self._videos, size=SIZE)
        self.root.visible = not self.root.visible

    def show_frame(self, frame: int) -> None:
        """Draw a frame, if the panel is shown."""
        from open3d import geometry

        if self.root.visible and self._pages is not None and frame != self._frame:
            self._frame = frame
            rgb: Any = np.ascontiguousarray(self._pages.page(frame)[..., ::-1])
            self.root.update_image(geometry.Image(rgb))

    def place(self, area: Any) -> None:
        """Lay the panel into the scene's area, on its right."""
        from open3d.visualization import gui

        wide, tall = SIZE if self._pages is None else self._pages.size
        scale = min(SHARE[0] * area.width / wide, SHARE[1] * area.height / tall)
        width, height = max(int(scale * wide), 1), max(int(scale * tall), 1)
        self.root.frame = gui.Rect(area.get_right() - width, area.get_bottom() - height, width, height)

    def close(self) -> None:
        """Let go of the videos."""
        if self._pages is not None:
            self._pages.close()
