"""Poses and cameras as drawable geometry: what every renderer and the window show. Numpy only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError, Rig
from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .bounds import Bounds, bounds_of
from .figures import FigureMesh, facing, figure_mesh
from .mesh import Mesh, join
from .palette import AXES, CAMERA, SHADOW
from .stage import AXIS_LENGTH, Floor, axes_mesh, floor_under, frustum_mesh, frustum_size
from .viewpoint import NO_HEADING, Viewpoint, camera_view, check_view, fixed_view, turntable

Array = NDArray[np.float64]

MAX_FRAMES = 2000  # of a long file, evenly spread, to find where the people are and face


@dataclass(frozen=True, eq=False)
class Label:
    """A word that stands at a point of the world.

    Args:
        text: what it says.
        at: [3] metres.
        color: [3] RGB in 0..1.
        group: "cameras" or "axes": what it is shown and hidden with.
    """

    text: str
    at: Array
    color: Array
    group: str


@dataclass(frozen=True, eq=False)
class Scene:
    """People, floor and cameras, ready to draw.

    Convention:
        the people's mesh has the same triangles in every frame (``figures.faces``); only vertices and colours move.

    Args:
        poses: the people.
        rig: the cameras drawn; None for none.
        bounds: where the people are over the frames that will be shown.
        heading: where they look, radians from +x towards +y; None where no joint tells.
        figures: their mesh.
        floor: the grid.
    """

    poses: Poses
    rig: Rig | None
    bounds: Bounds
    heading: float | None
    figures: FigureMesh
    floor: Floor

    def people(self, frame: int) -> Mesh:
        """The people of a frame."""
        return self.figures.mesh(frame)

    def shadows(self, people: Mesh) -> Mesh:
        """What the light from straight above leaves of the people on the floor; same triangles, flat.

        Whoever is below the floor casts none.
        """
        vertices = people.vertices.copy()
        below = vertices[:, 2] < self.floor.z - 0.2 * self.figures.scale
        vertices[:, 2] = self.floor.z + 3 * self.floor.lift
        vertices[below] = self.figures.rest
        return Mesh(vertices, people.faces, np.broadcast_to(SHADOW, vertices.shape).copy())

    def cameras(self, *, without: str | None = None) -> Mesh:
        """All cameras as wire pyramids, but for the one that is looked through."""
        size = 0.0 if not self.rig else frustum_size(self.rig, self.bounds)
        return join([frustum_mesh(camera, size) for camera in self._rig() if camera.name != without])

    def axes(self) -> Mesh:
        """The world's axes, at its origin."""
        return axes_mesh(self._axis_scale)

    def viewpoint(self, view: str, *, size: tuple[int, int], turn: float = 0.0) -> Viewpoint:
        """The view of this name.

        Args:
            view: one of :data:`lift3d.viz.viewpoint.FIXED_VIEWS`, or a camera's name.
            size: (width, height) pixels.
            turn: 0..1 of a full circle, for "turntable".

        Raises:
            InputError: there is no such view.
        """
        check_view(view, self.rig)
        if self.rig is not None and view in self.rig.names:
            camera = self.rig[view]
            distance = max(float(np.linalg.norm(camera.center - self.bounds.center)), 0.5)
            return camera_view(camera, size=size, distance=distance)
        heading = NO_HEADING if self.heading is None else self.heading
        if view == "turntable":
            return turntable(self.bounds, heading=heading, turn=turn, size=size)
        centers = self.rig.centers if self.rig and view == "overview" else None
        return fixed_view(view, self.bounds, heading=heading, size=size, extra=centers)

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """Names of the cameras above them, of the axes at their tips."""
        return tuple(_labels(self))

    @property
    def _axis_scale(self) -> float:
        """Axes grow with the scene, so that they can be seen in a large one."""
        return max(1.0, self.bounds.size / 6.0)

    def _rig(self) -> Iterator[Camera]:
        """The cameras, if any."""
        return iter(self.rig or ())


def build_scene(poses: Poses, rig: Rig | None = None, *, frames: slice | None = None) -> Scene:
    """Everything to draw of some poses.

    Args:
        poses: T frames.
        rig: cameras to draw; None takes those of the poses.
        frames: which frames will be shown, since the view fits the people over these; None means all.

    Raises:
        InputError: there is no frame.
    """
    rig = poses.rig if rig is None else rig
    if not len(poses.xyz):
        raise InputError("the poses have no frames, so there is nothing to show")
    xyz = poses.xyz[slice(None) if frames is None else frames]
    xyz = xyz[:: max(1, -(-len(xyz) // MAX_FRAMES))]
    xyz = np.where(np.isfinite(xyz).all(-1, keepdims=True), xyz, np.nan)
    bounds = bounds_of(xyz)
    return Scene(
        poses=poses,
        rig=rig,
        bounds=bounds,
        heading=facing(xyz, poses.skeleton),
        figures=figure_mesh(poses, rest=bounds.center),
        floor=floor_under(bounds, rig),
    )


def fullest_frame(poses: Poses) -> int:
    """Of the frames with the most joints measured, the one nearest the middle."""
    measured = ((poses.status == Status.OBSERVED) & np.isfinite(poses.xyz).all(-1)).sum((1, 2))
    present = np.isfinite(poses.xyz).all(-1).sum((1, 2))
    score = measured * (present.max(initial=0) + 1) + present
    best = np.flatnonzero(score == score.max())
    return int(best[np.argmin(np.abs(best - (len(score) - 1) / 2))])


def _labels(scene: Scene) -> Iterator[Label]:
    """Names of the cameras above them, of the axes at their tips."""
    if scene.rig:
        size = frustum_size(scene.rig, scene.bounds)
        for camera in scene.rig:
            yield Label(camera.name, camera.center + [0.0, 0.0, 0.75 * size], CAMERA, "cameras")
    reach = 1.12 * AXIS_LENGTH * scene._axis_scale
    for axis, name in enumerate("xyz"):
        yield Label(name, reach * np.eye(3)[axis], AXES[axis], "axes")
