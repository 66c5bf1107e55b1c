"""Round solids and the rays that meet them: what the demo's video is made of.

A solid is a linear sweep of a sphere (a tapered capsule) in a frame of its own that may be squeezed, so that limbs,
elliptical trunks and ellipsoids are one thing with one formula. Rays are cast exactly; nothing is made of triangles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Window = tuple[int, int, int, int]  # left, top, right, bottom (the last two are past the end)

POINT = 1e-6  # a sweep of this length is a ball


@dataclass(frozen=True, eq=False)
class Solids:
    """N swept spheres.

    Convention:
        local = frame @ (x_world - start); in local coordinates the sphere's centre runs from the origin to
        (0, 0, length) while its radius goes from radius[0] to radius[1].

    Args:
        names: N, what each is part of.
        start: [N, 3] metres, world.
        frame: [N, 3, 3] world to local, a rotation whose rows may be stretched.
        length: [N]
        radius: [N, 2]
        ends: [N, 2, 3] metres, world: the sphere's centre at start and end.
        bound: [N, 2] metres: radii around the ends that hold all of it.
    """

    names: tuple[str, ...]
    start: Array
    frame: Array
    length: Array
    radius: Array
    ends: Array
    bound: Array

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def join(cls, parts: Sequence[Solids]) -> Solids:
        """All solids of several lists, in order."""
        return cls(
            tuple(name for part in parts for name in part.names),
            *(
                np.concatenate([getattr(part, field) for part in parts])
                for field in ("start", "frame", "length", "radius", "ends", "bound")
            ),
        )


def limb(
    name: str, ends: tuple[Array, Array], radii: tuple[float, float], *, thin: Array | None = None, flat: float = 1.0
) -> Solids:
    """A tapered capsule.

    Args:
        name: what it is part of.
        ends: where the sphere's centre starts and ends, [3] metres each.
        radii: metres, there.
        thin: [3] the direction in which it is flattened; None: round.
        flat: thickness over width, at most 1.
    """
    a, b = ends
    length = max(float(np.linalg.norm(b - a)), POINT)
    axis = (b - a) / length if length > POINT else np.array([0.0, 0.0, 1.0])
    across = _across(axis, np.array([1.0, 0.0, 0.0]) if thin is None else thin)
    frame = np.stack([across / flat, np.cross(axis, across), axis])
    return _one(name, (a, frame, length), radii, (a, a + length * axis))


def ball(name: str, center: Array, radii: Array | float, *, axes: Array | None = None) -> Solids:
    """A ball or an ellipsoid.

    Args:
        name: what it is part of.
        center: [3] metres.
        radii: [3] metres along the axes, or one.
        axes: [3, 3] unit vectors in rows; None: the world's.
    """
    radii = np.broadcast_to(np.asarray(radii, np.float64), 3)
    widest = float(radii.max())
    frame = (np.eye(3) if axes is None else axes) * (widest / radii)[:, None]
    return _one(name, (center, frame, POINT), (widest, widest), (center, center))


def _one(name: str, place: tuple[Array, Array, float], radii: tuple[float, float], ends: tuple[Array, Array]) -> Solids:
    """A list of one."""
    start, frame, length = place
    radius = np.array([radii], np.float64)
    return Solids((name,), start[None], frame[None], np.array([length]), radius, np.array([ends]), radius)


def _across(axis: Array, wanted: Array) -> Array:
    """The unit vector across an axis that is nearest to the wanted one."""
    for direction in (wanted, np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])):
        across = direction - (direction @ axis) * axis
        size = float(np.linalg.norm(across))
        if size > 1e-3:
            return np.asarray(across / size)
    raise AssertionError("no vector is parallel to three")


@dataclass(frozen=True, eq=False)
class Hits:
    """What rays met.

    Args:
        depth: [H, W] metres along the viewing axis; infinite where nothing was met.
        which: [H, W] position of the solid, -1 for none.
    """

    depth: Single
    which: NDArray[np.int16]


def cast(solids: Solids, rays: tuple[Single, Single], pose: tuple[Array, Array], windows: NDArray[np.int64]) -> Hits:
    """Find the nearest solid along every ray.

    Args:
        solids: N.
        rays: x and y [H, W] on the plane z = 1 of the camera; NaN where there is no ray.
        pose: R [3, 3] and the centre [3] of the camera, metres, world.
        windows: [N, 4] left, top, right, bottom: which rays may meet each solid.
    """
    hits = Hits(np.full(rays[0].shape, np.inf, np.float32), np.full(rays[0].shape, -1, np.int16))
    for i, (left, top, right, bottom) in enumerate(windows.tolist()):
        if right <= left or bottom <= top:
            continue
        part = np.s_[top:bottom, left:right]
        depth = meet(solids, i, (rays[0][part], rays[1][part]), pose)
        nearer = depth < hits.depth[part]
        hits.depth[part][nearer] = depth[nearer]
        hits.which[part][nearer] = i
    return hits


def meet(solids: Solids, i: int, rays: tuple[Single, Single], pose: tuple[Array, Array]) -> Single:
    """How deep the rays first meet solid i; infinite where they miss it.

    The envelope of the spheres is a quadric; where the ray meets it beyond an end, the ball at that end decides.
    """
    (ox, oy, oz), (dx, dy, dz) = _local_rays(solids, i, rays, pose)
    length, (r0, r1) = float(solids.length[i]), solids.radius[i].tolist()
    slope = min(max((r1 - r0) / length, -0.99), 0.99) if length > POINT else 0.0
    gain = 1 / (1 - slope * slope)
    lead = oz + slope * r0
    with np.errstate(invalid="ignore", divide="ignore"):
        dd = dx * dx + dy * dy + dz * dz
        od = ox * dx + oy * dy + oz * dz
        zz = gain * dz
        a, b = dd - zz * dz, od - lead * zz
        root = b * b - a * np.float32(ox * ox + oy * oy + oz * oz - r0 * r0 - gain * lead * lead)
        t = -(b + np.sqrt(root)) / a
        along = (lead * gain) + t * zz
        inside = (along >= 0) & (along <= length)
        end = np.clip(along, 0, length)
        r = r0 + slope * end
        b_end = od - end * dz
        root_end = b_end * b_end - dd * (np.float32(ox * ox + oy * oy + oz * oz) - end * (2 * oz - end) - r * r)
        t = np.where(inside, t, -(b_end + np.sqrt(root_end)) / dd)
        return np.where(t > 0, t, np.float32(np.inf))


@dataclass(frozen=True, eq=False)
class Surface:
    """The surface of one solid at the rays that met it.

    Args:
        world: [M, 3] metres.
        normal: [M, 3] unit vectors, world, outwards.
        along: [M] metres from the start, along the axis.
        around: [M] radians about the axis.
    """

    world: Single
    normal: Single
    along: Single
    around: Single


def surface(solids: Solids, i: int, rays: tuple[Single, Single], depth: Single, pose: tuple[Array, Array]) -> Surface:
    """The surface of solid i where rays [M] met it at a depth [M]."""
    R, center = pose
    o, d = _local_rays(solids, i, rays, pose)
    p = np.stack([np.float32(start) + depth * step for start, step in zip(o, d, strict=True)], axis=-1)
    length, (r0, r1) = float(solids.length[i]), solids.radius[i].tolist()
    slope = min(max((r1 - r0) / length, -0.99), 0.99) if length > POINT else 0.0
    end = np.clip((p[:, 2] + slope * r0) / (1 - slope * slope), 0, length)
    out = p.copy()
    out[:, 2] -= end
    normal = out @ solids.frame[i].astype(np.float32)  # covariant: the frame's transpose
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    eye = np.stack([rays[0], rays[1], np.ones_like(rays[0])], axis=-1) @ R.astype(np.float32)
    world = center.astype(np.float32) + depth[:, None] * eye
    return Surface(world, normal, p[:, 2], np.arctan2(out[:, 1], out[:, 0]))


def _local_rays(
    solids: Solids, i: int, rays: tuple[Single, Single], pose: tuple[Array, Array]
) -> tuple[tuple[float, float, float], tuple[Single, Single, Single]]:
    """The camera's centre and the rays' directions in a solid's coordinates; depth stays what it is."""
    R, center = pose
    x, y = rays
    M = (solids.frame[i] @ R.T).astype(np.float32)
    ox, oy, oz = (solids.frame[i] @ (center - solids.start[i])).tolist()
    dx, dy, dz = (row[0] * x + row[1] * y + row[2] for row in M)
    return (ox, oy, oz), (dx, dy, dz)
