"""The drawing area of the window: meshes, names and the eye, in Open3D's own widget."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh
from .offscreen import MeshStage, background_for_open3d, intrinsics_for_open3d, set_backdrop
from .scene import Label, Scene
from .viewpoint import FIELD_OF_VIEW, Viewpoint, viewpoint_of

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

MOVED = 1e-4  # by how much the eye's matrix differs when the user has turned it


class WindowStage:
    """What a window draws of a scene.

    Args:
        window: Open3D's.
        scene: for the extent of what moves.
    """

    def __init__(self, window: Any, scene: Scene) -> None:
        from open3d.visualization import gui, rendering

        self.widget = gui.SceneWidget()
        self.widget.scene = rendering.Open3DScene(window.renderer)
        self._scene = scene
        self._meshes = MeshStage(self.widget.scene, *scene.extent)
        self._labels: dict[str, list[Any]] = {}
        self._eye = np.zeros((4, 4))
        self.widget.scene.set_background([*background_for_open3d(), 1.0])
        self.widget.scene.view.set_post_processing(False)
        self.widget.scene.view.set_shadowing(False, rendering.View.ShadowType.PCF)
        self.widget.scene.show_skybox(False)
        self.widget.set_view_controls(gui.SceneWidget.Controls.ROTATE_CAMERA_SPHERE)  # the horizon stays level

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) pixels; before the first layout, something sensible."""
        frame = self.widget.frame
        return (max(frame.width, 1), max(frame.height, 1)) if frame.width > 1 else (1280, 680)

    @property
    def view(self) -> Viewpoint:
        """From where it is drawn now, however the user has turned it."""
        camera = self.widget.scene.camera
        return viewpoint_of(
            np.asarray(camera.get_view_matrix(), np.float64),
            np.asarray(camera.get_projection_matrix(), np.float64),
            self.size,
        )

    def put(self, name: str, mesh: Mesh) -> None:
        """Put a mesh that stands still, or replace the one of that name."""
        self._meshes.put(name, mesh)

    def move(self, name: str, mesh: Mesh) -> None:
        """The same for what moves, with the triangles of the last time."""
        self._meshes.move(name, mesh)

    def remove(self, name: str) -> None:
        """Take a mesh away."""
        self._meshes.remove(name)

    def show(self, group: str, shown: bool) -> None:
        """Show or hide a mesh."""
        if self.widget.scene.has_geometry(group):
            self.widget.scene.show_geometry(group, shown)

    def label(self, group: str, labels: list[Label]) -> None:
        """Replace the words of a group."""
        from open3d.visualization import gui

        for label in self._labels.pop(group, []):
            self.widget.remove_3d_label(label)
        self._labels[group] = []
        for word in labels:
            drawn = self.widget.add_3d_label(word.at.astype(np.float32), word.text)
            drawn.color = gui.Color(*word.color)
            self._labels[group].append(drawn)

    def look(self, seen: Viewpoint, *, through_camera: bool) -> None:
        """Put the eye somewhere.

        Args:
            seen: from where.
            through_camera: with just this K; otherwise the user turns about the middle of the people.
        """
        from open3d import geometry

        box = geometry.AxisAlignedBoundingBox(*self._reach())
        if through_camera:
            extrinsic = np.eye(4)
            extrinsic[:3, :3], extrinsic[:3, 3] = seen.R, seen.t
            self.widget.setup_camera(intrinsics_for_open3d(seen), extrinsic, *self.size, box)
        else:
            center = self._scene.bounds.center.astype(np.float32)
            self.widget.setup_camera(float(np.degrees(FIELD_OF_VIEW)), box, center)
            self.widget.look_at(center, seen.center.astype(np.float32), (-seen.R[1]).astype(np.float32))
        self._eye = self._matrix()

    def shift(self, by: Array) -> None:
        """Move the eye and what it turns about, [3] metres."""
        seen, middle = self.view, np.asarray(self.widget.center_of_rotation, np.float64)
        ahead = seen.center + seen.R[2] * max(float((middle - seen.center) @ seen.R[2]), 0.1)
        self.widget.look_at(
            (ahead + by).astype(np.float32), (seen.center + by).astype(np.float32), (-seen.R[1]).astype(np.float32)
        )
        self.widget.center_of_rotation = (middle + by).astype(np.float32)

    def turned(self) -> bool:
        """Whether the user has moved the eye since :meth:`look`."""
        return bool(np.abs(self._matrix() - self._eye).max() > MOVED)

    def backdrop(self, picture: Image | None) -> None:
        """What stands behind everything, [H, W, 3] BGR; None: the plain background."""
        set_backdrop(self.widget.scene, picture)

    def _matrix(self) -> Array:
        """The eye's place, [4, 4]."""
        return np.array(self.widget.scene.camera.get_model_matrix(), np.float64)

    def _reach(self) -> tuple[Any, Any]:
        """All that is drawn, for the clipping planes: [3] and [3] metres."""
        floor, bounds = self._scene.floor, self._scene.bounds
        low = np.minimum(bounds.low, [floor.x[0], floor.y[0], floor.z])
        high = np.maximum(bounds.high, [floor.x[-1], floor.y[-1], floor.z])
        return low, high
