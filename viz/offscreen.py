"""Pictures by Open3D without a window."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh
from .native_output import native_output_to_log
from .palette import BACKGROUND
from .viewpoint import Viewpoint

logger = logging.getLogger(__name__)


def open3d_mesh(mesh: Mesh) -> Any:
    """The same triangles as Open3D's TriangleMesh."""
    from open3d import geometry, utility

    out = geometry.TriangleMesh(utility.Vector3dVector(mesh.vertices), utility.Vector3iVector(mesh.faces))
    out.vertex_colors = utility.Vector3dVector(mesh.colors)
    # Without texture coordinates Open3D 0.20 leaves them uninitialised, and software Vulkan then filters its 1x1
    # texture over the whole picture: up to 100 times slower, by chance.
    out.triangle_uvs = utility.Vector2dVector(np.zeros((3 * len(mesh.faces), 2)))
    return out


def flat_material() -> Any:
    """Colours as they are: the light is in the vertices."""
    from open3d.visualization import rendering

    material = rendering.MaterialRecord()
    material.shader = "defaultUnlit"
    return material


def background_for_open3d() -> NDArray[np.float64]:
    """What Open3D must be told so that the background comes out in its colour: it takes sRGB for linear, once."""
    return np.where(BACKGROUND > 0.0031308, 1.055 * BACKGROUND ** (1 / 2.4) - 0.055, 12.92 * BACKGROUND)


def intrinsics_for_open3d(view: Viewpoint) -> NDArray[np.float64]:
    """K [3, 3] with pixel (0, 0) as Open3D has it: the corner of the top-left pixel, not its centre."""
    K = view.K.copy()
    K[:2, 2] += 0.5
    return K


class Open3DRenderer:
    """Named meshes drawn by Open3D's OffscreenRenderer.

    Check :func:`lift3d.viz.open3d_check.open3d_problem` first: without a driver, Open3D ends the interpreter.

    Args:
        size: (width, height) pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        from open3d import utility
        from open3d.visualization import rendering

        utility.set_verbosity_level(utility.VerbosityLevel.Error)
        self._material = flat_material()
        self._size = size
        with native_output_to_log():
            self._renderer = rendering.OffscreenRenderer(*size)
            scene = self._renderer.scene
            scene.set_background([*background_for_open3d(), 1.0])
            scene.view.set_post_processing(False)  # tone mapping would bend the palette
            scene.view.set_shadowing(False, rendering.View.ShadowType.PCF)
            scene.view.set_ambient_occlusion(False)
            scene.show_skybox(False)
            scene.scene.enable_sun_light(False)
            scene.scene.enable_indirect_light(False)
            self._renderer.render_to_image()  # whatever the driver has to say, it says now

    def set_mesh(self, name: str, mesh: Mesh) -> None:
        """Put a mesh into the scene, or replace the one of that name."""
        scene = self._renderer.scene
        if scene.has_geometry(name):
            scene.remove_geometry(name)
        if len(mesh.faces):
            scene.add_geometry(name, open3d_mesh(mesh), self._material)

    def draw(self, view: Viewpoint) -> NDArray[np.uint8]:
        """The picture [H, W, 3] BGR from a viewpoint of the renderer's size."""
        camera = self._renderer.scene.camera
        width, height = self._size
        camera.set_projection(intrinsics_for_open3d(view), view.near, view.far, width, height)
        camera.look_at(view.center + view.R[2], view.center, -view.R[1])
        image = np.asarray(self._renderer.render_to_image())
        return np.ascontiguousarray(image[..., 2::-1])
