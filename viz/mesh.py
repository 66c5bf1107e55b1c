"""Triangle meshes as plain arrays: unit shapes, tubes between points, shading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Faces = NDArray[np.int32]

LIGHT = np.array([0.35, -0.45, 0.82])  # towards the light, in the world, so that a turning view keeps its shading
LIGHT = LIGHT / np.linalg.norm(LIGHT)
DARKEST, BRIGHTEST = 0.62, 1.10


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with a colour at every vertex.

    Convention:
        colours are final: the light is in them already, so that every renderer shows the same picture.

    Args:
        vertices: [N, 3] metres, world.
        faces: [M, 3] positions in ``vertices``, counter-clockwise seen from outside.
        colors: [N, 3] RGB in 0..1.
    """

    vertices: Array
    faces: Faces
    colors: Array

    @classmethod
    def empty(cls) -> Mesh:
        """No triangles."""
        return cls(np.zeros((0, 3)), np.zeros((0, 3), np.int32), np.zeros((0, 3)))


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several."""
    if not meshes:
        return Mesh.empty()
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]).astype(np.int32),
        np.concatenate([mesh.colors for mesh in meshes]),
    )


@cache
def unit_ring(segments: int) -> Array:
    """[segments, 2]: points of the unit circle."""
    angle = np.arange(segments) * (2 * np.pi / segments)
    return np.column_stack([np.cos(angle), np.sin(angle)])


@cache
def tube_faces(segments: int) -> Faces:
    """[2 * segments, 3]: the side of a cylinder whose vertices are the ring at one end, then that at the other."""
    here = np.arange(segments)
    there = (here + 1) % segments
    lower = np.column_stack([here, there, there + segments])
    upper = np.column_stack([here, there + segments, here + segments])
    return np.concatenate([lower, upper]).astype(np.int32)


@cache
def unit_sphere(rings: int, segments: int) -> tuple[Array, Faces]:
    """A unit sphere of latitudes: vertices [2 + (rings - 1) * segments, 3], which are their own normals, and faces."""
    latitude = np.arange(1, rings) * (np.pi / rings)
    circle = unit_ring(segments)
    around = np.concatenate(
        [np.column_stack([np.sin(a) * circle, np.full(segments, np.cos(a))]) for a in latitude] or [np.zeros((0, 3))]
    )
    vertices = np.concatenate([[[0.0, 0.0, 1.0]], around, [[0.0, 0.0, -1.0]]])
    here = np.arange(segments)
    there = (here + 1) % segments
    last = 1 + (rings - 2) * segments
    faces = [np.column_stack([np.zeros(segments, int), 1 + here, 1 + there])]
    for start in range(1, last, segments):
        below = start + segments
        faces.append(np.column_stack([start + here, below + here, below + there]))
        faces.append(np.column_stack([start + here, below + there, start + there]))
    faces.append(np.column_stack([last + there, last + here, np.full(segments, len(vertices) - 1)]))
    return vertices, np.concatenate(faces).astype(np.int32)


def directions_across(along: Array) -> tuple[Array, Array]:
    """Two unit vectors that make a right-handed frame with each unit vector ``along`` [..., 3].

    Source: Duff et al., "Building an Orthonormal Basis, Revisited", JCGT 2017.
    """
    x, y, z = along[..., 0], along[..., 1], along[..., 2]
    sign = np.where(z >= 0, 1.0, -1.0)
    a = -1.0 / (sign + z)
    b = x * y * a
    first = np.stack([1.0 + sign * x * x * a, sign * b, -sign * x], axis=-1)
    second = np.stack([b, sign + y * y * a, -y], axis=-1)
    return first, second


def shaded(color: Array, normals: Array) -> Array:
    """Colours [..., 3] under the scene's light, for unit normals [..., 3]; both broadcast."""
    facing = 0.5 + 0.5 * (normals @ LIGHT)
    return np.clip(color * (DARKEST + (BRIGHTEST - DARKEST) * facing)[..., None], 0.0, 1.0)


def tubes(starts: Array, ends: Array, radius: float | Array, color: Array, *, segments: int = 8) -> Mesh:
    """Straight tubes from starts [N, 3] to ends [N, 3].

    Args:
        starts: [N, 3] metres.
        ends: [N, 3] metres.
        radius: metres; one, or [N, 2] at start and end (0 makes a cone).
        color: [3] or [N, 3] RGB.
        segments: corners of the cross-section.
    """
    starts, ends = np.atleast_2d(starts), np.atleast_2d(ends)
    radii = np.broadcast_to(np.asarray(radius, np.float64), (len(starts), 2))
    length = np.linalg.norm(ends - starts, axis=-1, keepdims=True)
    along = np.where(length > 0, (ends - starts) / np.where(length > 0, length, 1.0), [0.0, 0.0, 1.0])
    first, second = directions_across(along)
    circle = unit_ring(segments)
    normals = first[:, None] * circle[:, :1] + second[:, None] * circle[:, 1:]  # [N, S, 3]
    rings = np.stack([starts, ends], axis=1)[:, :, None] + radii[:, :, None, None] * normals[:, None]  # [N, 2, S, 3]
    colors = shaded(np.broadcast_to(color, starts.shape)[:, None], normals)
    faces = tube_faces(segments) + (np.arange(len(starts)) * 2 * segments)[:, None, None]
    return Mesh(
        rings.reshape(-1, 3),
        faces.reshape(-1, 3).astype(np.int32),
        np.repeat(colors[:, None], 2, axis=1).reshape(-1, 3),
    )


def quads(corners: Array, color: Array) -> Mesh:
    """Flat four-cornered patches [N, 4, 3], counter-clockwise from the front, in a colour that no light changes."""
    corners = np.asarray(corners, np.float64).reshape(-1, 4, 3)
    starts = 4 * np.arange(len(corners))[:, None]
    faces = np.concatenate([starts + [0, 1, 2], starts + [0, 2, 3]])
    vertices = corners.reshape(-1, 3)
    return Mesh(vertices, faces.astype(np.int32), np.broadcast_to(color, vertices.shape).copy())
