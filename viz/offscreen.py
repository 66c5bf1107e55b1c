"""Pictures by Open3D without a window."""

from __future__ import annotations

import gc
import logging
import weakref
from collections import deque
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from .mesh import Mesh
from .native_output import native_output_to_log
from .palette import BACKGROUND
from .viewpoint import Viewpoint

logger = logging.getLogger(__name__)

PLACES = 3  # for the values of a mesh that moves, taken in turn
KEPT = 16  # of the meshes that were taken away keep their memory, since the driver may still be reading it


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
        self._extent = np.stack([low, high])
        self._material = flat_material()
        self._moving: dict[str, _Moving] = {}
        self._gone: deque[_Moving] = deque(maxlen=KEPT)

    def put(self, name: str, mesh: Mesh) -> None:
        """Put a mesh into the scene, or replace the one of that name."""
        self.remove(name)
        if len(mesh.faces):
            self._scene.add_geometry(name, open3d_mesh(mesh), self._material)

    def move(self, name: str, mesh: Mesh) -> None:
        """The same as :meth:`put` for a mesh whose triangles are those of the last time."""
        if not len(mesh.faces):
            self.remove(name)
            return
        moving = self._moving.get(name)
        if moving is None or moving.counts != (len(mesh.vertices), len(mesh.faces)):
            self.remove(name)
            moving = self._moving[name] = _Moving(mesh, self._extent)
            self._scene.add_geometry(name, moving.mesh, self._material)
        moving.update(self._scene.scene, name, mesh)

    def remove(self, name: str) -> None:
        """Take a mesh away, if it is there."""
        moving = self._moving.pop(name, None)
        if moving is not None:
            self._gone.append(moving)
        if self._scene.has_geometry(name):
            self._scene.remove_geometry(name)


class _Moving:
    """The memory of a mesh that moves.

    Open3D hands the driver the address of new values, which the driver reads whenever it gets there; on a slow machine
    that is many pictures later. So the values always stand in the same few places, which hold vertices of some frame at
    any time: a driver that lags shows a later frame, not what has come into that memory since.

    Args:
        mesh: its triangles stay, and the number of its vertices.
        extent: [2, 3] metres: for a moment two vertices span this box, which Open3D then takes for the mesh's.
    """

    def __init__(self, mesh: Mesh, extent: NDArray[np.float64]) -> None:
        from open3d import core, t

        self.counts = (len(mesh.vertices), len(mesh.faces))
        self._turn = 0
        self._places = [np.zeros((2, self.counts[0], 3), np.float32) for _ in range(PLACES)]
        self._clouds = []
        for place in self._places:
            place[:] = mesh.vertices, mesh.colors
            cloud = t.geometry.PointCloud(core.Tensor.from_numpy(place[0]))
            cloud.point.colors = core.Tensor.from_numpy(place[1])
            cloud.point.uv = _tensor(np.zeros((self.counts[0], 2)))
            self._clouds.append(cloud)
        vertices = mesh.vertices.copy()
        vertices[:2] = extent
        self.mesh = t.geometry.TriangleMesh(_tensor(vertices), core.Tensor.from_numpy(mesh.faces.astype(np.int32)))
        self.mesh.vertex.colors = _tensor(mesh.colors)

    def update(self, scene: Any, name: str, mesh: Mesh) -> None:
        """Give the mesh of a name in an Open3D scene new positions and colours."""
        from open3d.visualization import rendering

        self._turn = (self._turn + 1) % PLACES
        self._places[self._turn][:] = mesh.vertices, mesh.colors
        flags = rendering.Scene.UPDATE_POINTS_FLAG | rendering.Scene.UPDATE_COLORS_FLAG
        flags |= rendering.Scene.UPDATE_UV0_FLAG  # see open3d_mesh
        scene.update_geometry(name, self._clouds[self._turn], flags)


def _tensor(values: NDArray[Any]) -> Any:
    """An Open3D tensor of its own copy in float32."""
    from open3d import core

    return core.Tensor.from_numpy(np.array(values, np.float32, order="C"))


class Open3DRenderer:
    """Named meshes drawn by Open3D's OffscreenRenderer.

    Let one go before making the next: with two of them, Open3D 0.20 can end the interpreter, so a second is refused.
    Check :func:`lift3d.viz.open3d_check.open3d_problem` first: without a driver, Open3D ends the interpreter.

    Args:
        size: (width, height) pixels.
        extent: two opposite corners [3], [3] of a box that holds whatever will move, metres.

    Raises:
        InputError: another one lives in this process.
    """

    _living: ClassVar[weakref.ReferenceType[Open3DRenderer] | None] = None

    def __init__(self, size: tuple[int, int], extent: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
        from open3d import utility
        from open3d.visualization import rendering

        _refuse_a_second(Open3DRenderer._living)
        Open3DRenderer._living = weakref.ref(self)
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


def _refuse_a_second(living: weakref.ReferenceType[Open3DRenderer] | None) -> None:
    """Raise where another renderer lives; one that nobody holds any more goes first."""
    if living is not None and living() is not None:
        gc.collect()
    if living is not None and living() is not None:
        raise InputError(
            "Open3D draws for one renderer a process at a time: let the other go first (`del`), draw in another process"
            ', or take renderer="painter"'
        )
