"""Pictures by Open3D without a window."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh
from .native_output import native_output_to_log
from .palette import BACKGROUND
from .viewpoint import Viewpoint

logger = logging.getLogger(__name__)

KEPT = 32  # of the latest updates stay in memory: several pictures' worth, while the driver is at most two behind


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
    return _encoded(BACKGROUND)


def _encoded(color: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear values in 0..1 as sRGB."""
    return np.where(color > 0.0031308, 1.055 * np.maximum(color, 1e-9) ** (1 / 2.4) - 0.055, 12.92 * color)


def intrinsics_for_open3d(view: Viewpoint) -> NDArray[np.float64]:
    """K [3, 3] with pixel (0, 0) as Open3D has it: the corner of the top-left pixel, not its centre."""
    K = view.K.copy()
    K[:2, 2] += 0.5
    return K


def set_backdrop(scene: Any, picture: NDArray[np.uint8] | None) -> None:
    """Give an Open3D scene a picture [H, W, 3] BGR behind everything, or the plain background."""
    from open3d import geometry

    color = [*background_for_open3d(), 1.0]
    if picture is None:
        scene.set_background(color)
    else:
        table = np.round(255 * _encoded(np.arange(256) / 255)).astype(np.uint8)  # as background_for_open3d
        rgb: Any = np.ascontiguousarray(table[picture[..., ::-1]])
        scene.set_background(color, geometry.Image(rgb))


class MeshStage:
    """The meshes of an Open3D scene, by name: what moves is updated in place, not built again.

    Open3D updates point clouds alone in place, but a point cloud and a mesh keep their positions and colours in the
    same kind of vertex buffer, and it asks for no more than as many vertices. The triangles stay as they were added.

    Args:
        scene: an ``Open3DScene``.
        low: [3] metres, the corner of a box that holds whatever will move.
        high: [3] metres, the opposite corner: what is added once is drawn whenever this box is in view.
    """

    def __init__(self, scene: Any, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        self._scene = scene
        self._extent = np.stack([low, high]).astype(np.float32)
        self._material = flat_material()
        self._moving: dict[str, tuple[int, int]] = {}
        self._alive: deque[Any] = deque(maxlen=KEPT)

    def put(self, name: str, mesh: Mesh) -> None:
        """Put a mesh into the scene, or replace the one of that name."""
        self.remove(name)
        if len(mesh.faces):
            self._scene.add_geometry(name, open3d_mesh(mesh), self._material)

    def move(self, name: str, mesh: Mesh) -> None:
        """The same as :meth:`put` for a mesh whose triangles are those of the last time."""
        from open3d.visualization import rendering

        counts = (len(mesh.vertices), len(mesh.faces))
        if self._moving.get(name) != counts or not self._scene.has_geometry(name):
            self._add_moving(name, mesh)
        if counts[1]:
            flags = rendering.Scene.UPDATE_POINTS_FLAG | rendering.Scene.UPDATE_COLORS_FLAG
            self._update(name, _point_cloud(mesh), flags)

    def remove(self, name: str) -> None:
        """Take a mesh away, if it is there."""
        self._moving.pop(name, None)
        if self._scene.has_geometry(name):
            self._scene.remove_geometry(name)

    def _add_moving(self, name: str, mesh: Mesh) -> None:
        """Make the buffers; for a moment two vertices span the whole box, which Open3D then takes for the mesh's."""
        from open3d import core, t
        from open3d.visualization import rendering

        self.remove(name)
        self._moving[name] = (len(mesh.vertices), len(mesh.faces))
        if not len(mesh.faces):
            return
        vertices = mesh.vertices.astype(np.float32)
        vertices[:2] = self._extent
        made = t.geometry.TriangleMesh(_tensor(vertices), core.Tensor.from_numpy(mesh.faces.astype(np.int32)))
        made.vertex.colors = _tensor(mesh.colors)
        self._scene.add_geometry(name, made, self._material)
        cloud = _point_cloud(mesh)
        cloud.point.uv = _tensor(np.zeros((len(vertices), 2)))  # see open3d_mesh
        self._update(name, cloud, rendering.Scene.UPDATE_UV0_FLAG)

    def _update(self, name: str, cloud: Any, flags: int) -> None:
        """Hand new values to the driver, which reads them later, from where they are: so they must not go yet."""
        self._alive.append(cloud)
        self._scene.scene.update_geometry(name, cloud, flags)


def _point_cloud(mesh: Mesh) -> Any:
    """A mesh's vertices and colours, as Open3D takes them for an update."""
    from open3d import t

    cloud = t.geometry.PointCloud(_tensor(mesh.vertices))
    cloud.point.colors = _tensor(mesh.colors)
    return cloud


def _tensor(values: NDArray[Any]) -> Any:
    """An Open3D tensor of its own copy in float32."""
    from open3d import core

    return core.Tensor.from_numpy(np.array(values, np.float32, order="C"))


class Open3DRenderer:
    """Named meshes drawn by Open3D's OffscreenRenderer.

    Let one go before making the next: with two of them, Open3D 0.20 can end the interpreter.
    Check :func:`lift3d.viz.open3d_check.open3d_problem` first: without a driver, Open3D ends the interpreter.

    Args:
        size: (width, height) pixels.
        extent: two opposite corners [3], [3] of a box that holds whatever will move, metres.
    """

    def __init__(self, size: tuple[int, int], extent: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
        from open3d import utility
        from open3d.visualization import rendering

        utility.set_verbosity_level(utility.VerbosityLevel.Error)
        self._size = size
        with native_output_to_log():
            self._renderer = rendering.OffscreenRenderer(*size)
            scene = self._renderer.scene
            self.set_backdrop(None)
            self._stage = MeshStage(scene, *extent)
            scene.view.set_post_processing(False)  # tone mapping would bend the palette
            scene.view.set_shadowing(False, rendering.View.ShadowType.PCF)
            scene.view.set_ambient_occlusion(False)
            scene.show_skybox(False)
            scene.scene.enable_sun_light(False)
            scene.scene.enable_indirect_light(False)
            self._renderer.render_to_image()  # whatever the driver has to say, it says now

    def set_mesh(self, name: str, mesh: Mesh) -> None:
        """Put a mesh into the scene, or replace the one of that name."""
        self._stage.put(name, mesh)

    def move_mesh(self, name: str, mesh: Mesh) -> None:
        """The same for a mesh whose triangles are those of the last time."""
        self._stage.move(name, mesh)

    def set_backdrop(self, picture: NDArray[np.uint8] | None) -> None:
        """What stands behind everything: a picture [H, W, 3] BGR of the drawing's proportions; None: plain."""
        set_backdrop(self._renderer.scene, picture)

    def draw(self, view: Viewpoint) -> NDArray[np.uint8]:
        """The picture [H, W, 3] BGR from a viewpoint of the renderer's size."""
        camera = self._renderer.scene.camera
        width, height = self._size
        camera.set_projection(intrinsics_for_open3d(view), view.near, view.far, width, height)
        camera.look_at(view.center + view.R[2], view.center, -view.R[1])
        image = np.asarray(self._renderer.render_to_image())
        return np.ascontiguousarray(image[..., 2::-1])
