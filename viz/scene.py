"""Poses and cameras as drawable geometry: what every renderer and the window show. Numpy only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError, Rig
from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .bounds import Bounds, bounds_around, bounds_of
from .figures import FigureMesh, facing
from .follow import Followed, follow
from .layers import Layer, make_layers, matching_frames, side_by_side
from .look import Look
from .mesh import Mesh, join
from .palette import AXES, CAMERA, INK, SHADOW
from .stage import AXIS_LENGTH, WIRE, Floor, axes_mesh, floor_under, frustum_mesh, frustum_size
from .viewpoint import NO_HEADING, THREE_QUARTER, Viewpoint, camera_view, check_view, fixed_view, turntable

Array = NDArray[np.float64]

MAX_FRAMES = 2000  # of a long file, evenly spread, to find where the people are and face
NEAR = 6.0  # times their size: cameras nearer to the eye are left out, as their wires would hide people


@dataclass(frozen=True, eq=False)
class Label:
    """A word that stands at a point of the world.

    Args:
        text: what it says.
        at: [3] metres.
        color: [3] RGB in 0..1.
        group: "cameras", "axes" or "names": what it is shown and hidden with.
    """

    text: str
    at: Array
    color: Array
    group: str


@dataclass(frozen=True, eq=False)
class Scene:
    """People, floor and cameras, ready to draw.

    Convention:
        what moves has the same triangles in every frame; only vertices and colours change.

    Args:
        layers: the results, one as a rule; the first gives the frames.
        rig: the cameras drawn; None for none.
        bounds: where the people are over the frames that will be shown.
        heading: where they look, radians from +x towards +y; None where no joint tells.
        floor: the grid.
        look: what was asked for.
        followed: whom the view moves with.
    """

    layers: tuple[Layer, ...]
    rig: Rig | None
    bounds: Bounds
    heading: float | None
    floor: Floor
    look: Look = field(default_factory=Look)
    followed: Followed | None = None

    @property
    def poses(self) -> Poses:
        """The first result."""
        return self.layers[0].poses

    @property
    def figures(self) -> FigureMesh:
        """The people of the first result."""
        return self.layers[0].figures

    def restyled(self, look: Look) -> Scene:
        """The same results where they stand, with another look.

        Raises:
            InputError: the look asks for what the poses do not have.
        """
        results = {layer.name: layer.poses for layer in self.layers}
        layers = make_layers(results, look, rest=self.bounds.center)
        followed = None if look.follow is None else follow(self.poses, look.follow)
        return replace(self, layers=layers, look=look, followed=followed)

    @property
    def extent(self) -> tuple[Array, Array]:
        """Two opposite corners, [3] and [3] metres, of a box that holds the cameras and nearly all that moves."""
        low, high = self.bounds.low - 2 * self.bounds.size - 1.0, self.bounds.high + 2 * self.bounds.size + 1.0
        centers = self.rig.centers if self.rig else self.bounds.center[None]
        return np.minimum(low, centers.min(0) - 1.0), np.maximum(high, centers.max(0) + 1.0)

    def camera(self, view: str) -> Camera | None:
        """The camera that a view looks through, if any."""
        return self.rig[view] if self.rig is not None and view in self.rig.names else None

    def people(self, frame: int) -> Mesh:
        """The people of a frame."""
        return self.moving(frame)["people"]

    def moving(self, frame: int) -> dict[str, Mesh]:
        """All that moves but the shadows, by name: "people", and "ellipsoids" and "trails" where asked for."""
        parts = [layer.meshes(frame) for layer in self.layers]
        if len(parts) == 1:
            return parts[0]
        return {name: join([part[name] for part in parts]) for name in parts[0]}

    def shadows(self, people: Mesh) -> Mesh:
        """What the light from straight above leaves of the people on the floor; same triangles, flat.

        Whoever is below the floor casts none.
        """
        vertices = people.vertices.copy()
        below = vertices[:, 2] < self.floor.z - 0.2 * self.figures.scale
        vertices[:, 2] = self.floor.z + 3 * self.floor.lift
        vertices[below] = self.figures.rest
        return Mesh(vertices, people.faces, np.broadcast_to(SHADOW, vertices.shape).copy())

    def frustum_size(self, *, large: bool = False) -> float:
        """How large the cameras are drawn, metres; where they hold pictures, larger."""
        return 0.0 if not self.rig else frustum_size(self.rig, self.bounds, large=large)

    def near_cameras(self, eye: Array) -> frozenset[str]:
        """Names of the cameras so near an eye at [3] metres that their wires would be bars across the picture."""
        reach = NEAR * self.frustum_size()
        return frozenset(camera.name for camera in self._rig() if np.linalg.norm(camera.center - eye) < reach)

    def cameras(self, *, without: Collection[str] = (), large: bool = False) -> Mesh:
        """All cameras as wire pyramids, but for those of these names."""
        size, wire = self.frustum_size(large=large), WIRE * self.frustum_size()
        return join([frustum_mesh(camera, size, wire=wire) for camera in self._rig() if camera.name not in without])

    def axes(self) -> Mesh:
        """The world's axes, at its origin."""
        return axes_mesh(self._axis_scale)

    def viewpoint(self, view: str, *, size: tuple[int, int], turn: float = 0.0, frame: int | None = None) -> Viewpoint:
        """The view of this name.

        Args:
            view: one of :data:`lift3d.viz.viewpoint.FIXED_VIEWS`, or a camera's name.
            size: (width, height) pixels.
            turn: 0..1 of a full circle, for "turntable".
            frame: where someone is followed, the frame that is shown.

        Raises:
            InputError: there is no such view.
        """
        check_view(view, self.rig)
        camera = self.camera(view)
        if camera is not None:
            distance = max(float(np.linalg.norm(camera.center - self.bounds.center)), 0.5)
            return camera_view(camera, size=size, distance=distance)
        bounds = self.bounds if self.followed is None or frame is None else self.followed.bounds(frame)
        heading = NO_HEADING if self.heading is None else self.heading
        if view == "turntable":
            return turntable(bounds, heading=heading, turn=turn, size=size)
        centers = self.rig.centers if self.rig and view == "overview" else None
        return fixed_view(view, bounds, heading=heading, size=size, extra=centers)

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """Names of the cameras above them, of the axes at their tips."""
        return tuple(_labels(self))

    def labels_from(self, eye: Array) -> list[Label]:
        """The words that are seen from a place [3]: not those of cameras too near it."""
        near = self.near_cameras(eye)
        return [label for label in self.labels if label.group != "cameras" or label.text not in near]

    @property
    def _axis_scale(self) -> float:
        """Axes grow with the scene, so that they can be seen in a large one."""
        return max(1.0, self.bounds.size / 6.0)

    def _rig(self) -> Iterator[Camera]:
        """The cameras, if any."""
        return iter(self.rig or ())


def build_scene(
    poses: Poses, rig: Rig | None = None, *, frames: slice | None = None, look: Look | None = None
) -> Scene:
    """Everything to draw of some poses.

    Args:
        poses: T frames.
        rig: cameras to draw; None takes those of the poses.
        frames: which frames will be shown, since the view fits the people over these; None means all.
        look: colours, ellipsoids, trails; None means skeletons alone.

    Raises:
        InputError: there is no frame, or the look asks for what the poses do not have.
    """
    return build_comparison({"": poses}, rig, frames=frames, look=look)


def build_comparison(
    results: Mapping[str, Poses], rig: Rig | None = None, *, frames: slice | None = None, look: Look | None = None
) -> Scene:
    """Everything to draw of one or several results, matched by time.

    Args:
        results: name to poses; the first gives the frames, the floor and the cameras.
        rig: cameras to draw; None takes those of the first.
        frames: which frames of the first will be shown; None means all.
        look: colours, ellipsoids, trails, overlaid or side by side; None means skeletons alone, overlaid.

    Raises:
        InputError: a result has no frame, or the look asks for what the poses do not have.
    """
    look = look or Look()
    poses = next(iter(results.values()))
    rig = poses.rig if rig is None else rig
    if not len(poses.xyz):
        raise InputError("the poses have no frames, so there is nothing to show")
    shown = {name: _shown(poses, each, frames) for name, each in results.items()}
    where = {name: _positions(each, shown[name]) for name, each in results.items()}
    heading = facing(where[next(iter(where))], poses.skeleton)
    boxes = {name: bounds_of(xyz) for name, xyz in where.items()}
    if look.layout == "side" and len(results) > 1:
        azimuth = (NO_HEADING if heading is None else heading) + THREE_QUARTER[0]
        right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
        results = side_by_side(results, boxes, right=right)
        boxes = {name: bounds_of(_positions(each, shown[name])) for name, each in results.items()}
    bounds = bounds_around([box for name, box in boxes.items() if np.isfinite(where[name]).any()])
    return Scene(
        layers=make_layers(results, look, rest=bounds.center),
        rig=rig,
        bounds=bounds,
        heading=heading,
        floor=floor_under(bounds, rig),
        look=look,
        followed=None if look.follow is None else follow(poses, look.follow),
    )


def _shown(clock: Poses, poses: Poses, frames: slice | None) -> NDArray[np.intp]:
    """Which frames of a result are shown: at most so many, evenly spread."""
    if not len(poses.xyz):
        raise InputError("one of the results to compare has no frames")
    chosen = np.arange(len(clock.xyz))[slice(None) if frames is None else frames]
    if poses is not clock:
        matched = matching_frames(clock, poses)[chosen]
        chosen = matched[matched >= 0]
    return chosen[:: max(1, -(-len(chosen) // MAX_FRAMES))]


def _positions(poses: Poses, frames: NDArray[np.intp]) -> Array:
    """Joints of some frames, [T, P, J, 3]; NaN where one of the coordinates is not finite."""
    xyz = poses.xyz[frames]
    return np.where(np.isfinite(xyz).all(-1, keepdims=True), xyz, np.nan)


def fullest_frame(poses: Poses) -> int:
    """Of the frames with the most joints measured, the one nearest the middle."""
    measured = ((poses.status == Status.OBSERVED) & np.isfinite(poses.xyz).all(-1)).sum((1, 2))
    present = np.isfinite(poses.xyz).all(-1).sum((1, 2))
    score = measured * (present.max(initial=0) + 1) + present
    best = np.flatnonzero(score == score.max())
    return int(best[np.argmin(np.abs(best - (len(score) - 1) / 2))])


def _labels(scene: Scene) -> Iterator[Label]:
    """Names of the cameras above them, of the axes at their tips, of results that stand side by side over them."""
    if scene.look.layout == "side" and len(scene.layers) > 1:
        for layer in scene.layers:
            box = bounds_of(_positions(layer.poses, _shown(layer.poses, layer.poses, None)))
            yield Label(layer.name, np.array([*box.center[:2], box.high[2] + 0.12 * scene.figures.scale]), INK, "names")
    if scene.rig:
        size = frustum_size(scene.rig, scene.bounds)
        for camera in scene.rig:
            yield Label(camera.name, camera.center + [0.0, 0.0, 0.75 * size], CAMERA, "cameras")
    reach = 1.12 * AXIS_LENGTH * scene._axis_scale
    for axis, name in enumerate("xyz"):
        yield Label(name, reach * np.eye(3)[axis], AXES[axis], "axes")
