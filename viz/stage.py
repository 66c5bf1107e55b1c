"""What stands around the people: the floor with its metre lines, the world's axes, the cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, Rig

from .bounds import Bounds
from .mesh import Mesh, join, quads, tubes
from .palette import AXES, CAMERA, FLOOR, GRID, GRID_MAIN

Array = NDArray[np.float64]

MAX_LINES = 40  # a side; beyond this the lines stand further apart
STEPS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
MARGIN = 1.0  # metres of floor around the people
FLOOR_BELOW, FLOOR_ABOVE = 0.35, 2.5  # how far the people's lowest point may be from z = 0 for the floor to be there
AXIS_LENGTH = 0.5
WIRE = 0.018  # radius, of a camera's size
LARGER = 2.5  # times, for cameras that hold pictures


@dataclass(frozen=True)
class Floor:
    """A horizontal grid.

    Args:
        x: where the lines across x stand, metres, rising.
        y: the same for y.
        z: its height; 0 unless the people are elsewhere.
        step: metres between lines.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    z: float
    step: float

    @property
    def lift(self) -> float:
        """Metres by which what lies on the floor is raised, so that the depth buffer keeps it apart."""
        return 1e-3 * max(1.0, (self.x[-1] - self.x[0] + self.y[-1] - self.y[0]) / 10)

    def mesh(self) -> Mesh:
        """Tiles and lines."""
        x, y = np.array(self.x), np.array(self.y)
        return join([self._tiles(x, y), self._lines(x, y)])

    def _tiles(self, x: Array, y: Array) -> Mesh:
        """One quad a field, so that a renderer can leave out those behind the viewer."""
        x0, y0 = (corner.ravel() for corner in np.meshgrid(x[:-1], y[:-1]))
        x1, y1 = (corner.ravel() for corner in np.meshgrid(x[1:], y[1:]))
        return quads(_flat(x0, y0, x1, y1, self.z), FLOOR)

    def _lines(self, x: Array, y: Array) -> Mesh:
        """Thin quads, cut at the crossings; those through the origin are darker."""
        half = 0.005 * self.step
        parts = []
        for main in (False, True):
            color, z = (GRID_MAIN, self.z + 2 * self.lift) if main else (GRID, self.z + self.lift)
            across_x, across_y = x[np.isclose(x, 0) == main], y[np.isclose(y, 0) == main]
            at, start = (a.ravel() for a in np.meshgrid(across_x, y[:-1]))
            parts.append(quads(_flat(at - half, start, at + half, start + self.step, z), color))
            start, at = (a.ravel() for a in np.meshgrid(x[:-1], across_y))
            parts.append(quads(_flat(start, at - half, start + self.step, at + half, z), color))
        return join(parts)


def floor_under(bounds: Bounds, rig: Rig | None = None) -> Floor:
    """The floor that carries the people, the world's origin and the cameras where those are near."""
    low, high = bounds.low[:2] - MARGIN, bounds.high[:2] + MARGIN
    reach = 6.0 + 2.0 * bounds.size
    extra = [np.zeros(3)] + ([] if rig is None else [camera.center for camera in rig])
    for point in extra:
        if np.linalg.norm(point[:2] - bounds.center[:2]) < reach:
            low, high = np.minimum(low, point[:2] - 0.5), np.maximum(high, point[:2] + 0.5)
    extent = float((high - low).max())
    step = next((step for step in STEPS if extent / step <= MAX_LINES), STEPS[-1])
    first = np.maximum(np.floor(low / step), np.floor(bounds.center[:2] / step) - MAX_LINES)
    last = np.minimum(np.ceil(high / step), np.ceil(bounds.center[:2] / step) + MAX_LINES)
    lowest = float(bounds.low[2])
    at_zero = -FLOOR_BELOW * max(1.0, bounds.size / 3) <= lowest <= FLOOR_ABOVE
    return Floor(
        x=tuple((np.arange(first[0], last[0] + 1) * step).tolist()),
        y=tuple((np.arange(first[1], last[1] + 1) * step).tolist()),
        z=0.0 if at_zero else float(np.floor(lowest * 10) / 10),
        step=step,
    )


def axes_mesh(scale: float = 1.0) -> Mesh:
    """Three arrows at the world's origin: x red, y green, z blue."""
    length, radius = AXIS_LENGTH * scale, 0.010 * scale
    tips = length * np.eye(3)
    arrows = [tubes(np.zeros((3, 3)), 0.85 * tips, radius, AXES)]
    arrows.append(tubes(0.82 * tips, tips, np.tile([2.6 * radius, 0.0], (3, 1)), AXES, segments=12))
    return join(arrows)


def frustum_size(rig: Rig, bounds: Bounds, *, large: bool = False) -> float:
    """How large to draw the cameras, metres: seen well from afar, and never into each other."""
    centers, factor = rig.centers, LARGER if large else 1.0
    size = factor * 0.085 * float(np.median(np.linalg.norm(centers - bounds.center, axis=-1)))
    between = np.linalg.norm(centers[:, None] - centers[None], axis=-1)
    apart = between[between > 1e-6]
    if len(apart):
        size = min(size, 0.7 * float(apart.min()))
    return float(np.clip(size, 0.04, factor * 0.15 * max(2.0, bounds.size)))


def frustum_corners(camera: Camera, size: float) -> Array:
    """The corners of a camera's picture in the world, [4, 3] metres: top left, top right, bottom right, bottom left.

    The picture stands where its half diagonal or its distance, whichever is longer, is ``size``. The lens is left out.
    """
    width, height = camera.size
    pixels = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    rays = np.column_stack([(pixels - camera.principal_point) / camera.focal, np.ones(4)])
    half_diagonal = 0.5 * np.linalg.norm(rays[2] - rays[0])
    return (size / max(1.0, half_diagonal) * rays - camera.t) @ camera.R


def frustum_mesh(camera: Camera, size: float, *, wire: float | None = None) -> Mesh:
    """A camera as a wire pyramid with a mark on the picture's upper edge; ``wire`` is the wires' radius in metres."""
    corners = frustum_corners(camera, size)
    center = camera.center
    up = corners[0] - corners[3]
    top = 0.5 * (corners[0] + corners[1]) + 0.35 * up
    starts = [*corners, *([center] * 4), 0.75 * corners[0] + 0.25 * corners[1], 0.25 * corners[0] + 0.75 * corners[1]]
    ends = [*np.roll(corners, -1, axis=0), *corners, top, top]
    return tubes(np.array(starts), np.array(ends), WIRE * size if wire is None else wire, CAMERA, segments=6)


def _flat(x0: Array, y0: Array, x1: Array, y1: Array, z: float) -> Array:
    """Horizontal rectangles [N, 4, 3], seen from above counter-clockwise."""
    flat = np.stack([np.stack([x0, y0], -1), np.stack([x1, y0], -1), np.stack([x1, y1], -1), np.stack([x0, y1], -1)], 1)
    return np.concatenate([flat, np.full((*flat.shape[:2], 1), z)], axis=-1)
