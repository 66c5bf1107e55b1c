"""Error ellipsoids of joints, as three rings each: within them the joint lies with 90 % probability."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .coloring import Coloring
from .mesh import DARKEST, Faces, Mesh, tube_faces, unit_ring

Array = NDArray[np.float64]

SHARE = 0.90
RADIUS_SIGMAS = float(np.sqrt(6.2514))  # chi-squared with three degrees of freedom holds SHARE below 6.2514
RING_POINTS, THREAD_CORNERS = 24, 3
THREAD = 0.0035  # metres, half the thickness of a ring for an adult
LARGEST = 1.0  # metres: a joint that is known no better is drawn so, not over the whole scene
_MATRIX = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


@dataclass(frozen=True, eq=False)
class Ellipsoids:
    """The rings of all joints of a result; the triangles stay the same in every frame.

    Args:
        poses: T frames, P people, J joints, with covariances.
        coloring: whose joints' colours the rings take, darker.
        rest: [3] metres, where joints without an ellipsoid shrink to.
        scale: size of the people, 1 for adults.
    """

    poses: Poses
    coloring: Coloring
    rest: Array
    scale: float = 1.0

    def mesh(self, frame: int) -> Mesh:
        """The ellipsoids of a frame."""
        center, axes = self._axes(frame)  # [N, 3], [N, 3 axes, 3]
        drawn = np.asarray(np.isfinite(axes).all((-2, -1)))
        axes = np.where(drawn[:, None, None], axes, 0.0)
        center = np.where(drawn[:, None], center, self.rest)
        shapes, directions = _rings()
        thread = THREAD * self.scale * drawn.astype(np.float64)
        length = np.maximum(np.linalg.norm(axes, axis=-1, keepdims=True), 1e-12)
        vertices = shapes @ axes + thread[:, None, None] * (directions @ (axes / length))
        color = DARKEST * self.coloring.joints(frame).reshape(-1, 1, 3)
        colors = np.broadcast_to(color, vertices.shape)
        return Mesh((center[:, None] + vertices).reshape(-1, 3), self.faces, colors.reshape(-1, 3))

    @property
    def faces(self) -> Faces:
        """[M, 3] the triangles of all rings of all joints."""
        return _faces(self.poses.status.shape[1] * self.poses.status.shape[2])

    def _axes(self, frame: int) -> tuple[Array, Array]:
        """Middles [N, 3] and semi-axes [N, 3, 3] in metres, one axis a row; NaN where there is no ellipsoid."""
        xyz = self.poses.xyz[frame].reshape(-1, 3)
        there = np.asarray(np.isfinite(xyz).all(-1)) & (self.poses.status[frame].reshape(-1) != Status.MISSING)
        covariance = self.poses.covariance[frame].reshape(-1, 6)
        return xyz, ellipsoid_axes(np.where(there[:, None], covariance, np.nan))


def ellipsoid_axes(covariance: Array) -> Array:
    """The semi-axes of the ellipsoids that hold the point with probability :data:`SHARE`.

    Args:
        covariance: [N, 6] m²: xx, xy, xz, yy, yz, zz.

    Returns:
        [N, 3, 3] metres, one axis a row, shortest first, none longer than :data:`LARGEST`; NaN where the covariance is
        not finite.
    """
    known = np.asarray(np.isfinite(covariance).all(-1))
    matrix = np.where(known[:, None], covariance, 0.0)[:, _MATRIX]
    variance, directions = np.linalg.eigh(matrix)
    length = np.minimum(RADIUS_SIGMAS * np.sqrt(np.maximum(variance, 0.0)), LARGEST)
    axes = length[..., None] * np.swapaxes(directions, -1, -2)
    return np.where(known[:, None, None], axes, np.nan)


@cache
def _rings() -> tuple[Array, Array]:
    """Three great circles of the unit sphere as threads: points [R, 3] and directions across the thread [R, 3]."""
    circle = unit_ring(RING_POINTS)
    corners = unit_ring(THREAD_CORNERS)
    points, across = [], []
    for axis in range(3):
        first, second, normal = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3], np.eye(3)[axis]
        outward = circle[:, :1] * first + circle[:, 1:] * second  # [S, 3]
        points.append(np.repeat(outward[:, None], THREAD_CORNERS, axis=1))
        across.append(corners[:, :1] * outward[:, None] - corners[:, 1:] * normal)
    return np.reshape(points, (-1, 3)), np.reshape(across, (-1, 3))


@cache
def _faces(joints: int) -> Faces:
    """The triangles of so many joints' rings: between neighbouring points of a ring, a tube."""
    here = np.arange(RING_POINTS)
    there = (here + 1) % RING_POINTS
    tube = tube_faces(THREAD_CORNERS)
    low, high = here * THREAD_CORNERS, there * THREAD_CORNERS
    first = np.where(tube < THREAD_CORNERS, tube + low[:, None, None], tube - THREAD_CORNERS + high[:, None, None])
    ring = first.reshape(-1, 3)
    each = RING_POINTS * THREAD_CORNERS
    three = np.concatenate([ring + axis * each for axis in range(3)])
    return (three + (np.arange(joints) * 3 * each)[:, None, None]).reshape(-1, 3).astype(np.int32)
