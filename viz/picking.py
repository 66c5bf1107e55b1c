"""Which joint is under the mouse, what is known about it, and how far joints are from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets.poses import Status

from .mesh import Mesh, join, tubes, unit_sphere
from .palette import INK
from .scene import Scene
from .viewpoint import Viewpoint

Array = NDArray[np.float64]

REACH = 14.0  # pixels from a joint that still hit it
MARK_RADIUS, LINE_RADIUS = 0.05, 0.006  # metres, for an adult
NEAR_TIE = 3.0  # pixels: of joints that are equally far from the mouse the nearest to the viewer is meant


@dataclass(frozen=True)
class Picked:
    """A joint of a scene.

    Args:
        layer: which result.
        person: of that result, from 0.
        joint: of its joint set, from 0.
    """

    layer: int
    person: int
    joint: int


def pick_joint(scene: Scene, frame: int, view: Viewpoint, xy: tuple[float, float]) -> Picked | None:
    """The joint at a place of the picture, None where there is none within reach.

    Args:
        scene: what is drawn.
        frame: that is shown.
        view: from where.
        xy: pixels of the view.
    """
    best: tuple[float, float, Picked] | None = None
    for number, layer in enumerate(scene.layers):
        own = int(layer.frames[frame])
        if own < 0:
            continue
        seen = layer.poses.status[own] != Status.MISSING
        drawn, depth = view.project(np.where(seen[..., None], layer.poses.xyz[own], np.nan))
        distance = np.linalg.norm(drawn - np.asarray(xy), axis=-1)
        for person, joint in np.argwhere(distance <= REACH).tolist():
            far, deep = float(distance[person, joint]), float(depth[person, joint])
            if best is None or far < best[0] - NEAR_TIE or (abs(far - best[0]) <= NEAR_TIE and deep < best[1]):
                best = far, deep, Picked(number, person, joint)
    return None if best is None else best[2]


def position(scene: Scene, frame: int, picked: Picked) -> Array:
    """[3] metres where a picked joint is; NaN where it is missing."""
    layer = scene.layers[picked.layer]
    own = int(layer.frames[frame])
    if own < 0 or layer.poses.status[own, picked.person, picked.joint] == Status.MISSING:
        return np.full(3, np.nan)
    return np.asarray(layer.poses.xyz[own, picked.person, picked.joint], np.float64)


def joint_lines(scene: Scene, frame: int, picked: Picked) -> list[str]:
    """Name, place, error and views of a joint, a line each."""
    layer = scene.layers[picked.layer]
    poses, own = layer.poses, int(layer.frames[frame])
    where = own, picked.person, picked.joint
    name = poses.skeleton.joints[picked.joint].replace("_", " ")
    of = [layer.name] if len(scene.layers) > 1 else []
    of += [f"person {picked.person + 1}"] if poses.xyz.shape[1] > 1 else []
    lines = [", ".join([name, *of])]
    xyz = position(scene, frame, picked)
    if not np.isfinite(xyz).all():
        return [*lines, "missing in this frame"]
    lines.append("  ".join(f"{axis} {value:+.3f}" for axis, value in zip("xyz", xyz, strict=True)) + " m")
    sigma = 1000 * np.sqrt(poses.covariance[where][[0, 3, 5]])
    if np.isfinite(sigma).all():
        lines.append(
            "sigma " + "  ".join(f"{axis} {value:.1f}" for axis, value in zip("xyz", sigma, strict=True)) + " mm"
        )
    lines.append(f"{Status(int(poses.status[where])).name.lower()}, confidence {poses.confidence[where]:.2f}")
    if np.isfinite(poses.reprojection_error[where]):
        lines.append(f"{poses.reprojection_error[where]:.1f} px from {int(poses.views[where])} views")
    return [*lines, *_view_lines(scene, picked, own)]


def _view_lines(scene: Scene, picked: Picked, own: int) -> list[str]:
    """How far each camera's own observation is from the reprojection; in brackets what was not used."""
    poses = scene.layers[picked.layer].poses
    if poses.rig is None or poses.keypoints is None or poses.keypoints.xy.shape[0] != len(poses.xyz):
        return []
    lines = []
    drawn = poses.rig.project(poses.xyz[own, picked.person, picked.joint])  # [V, 2]
    for v, camera in enumerate(poses.rig):
        error = float(np.linalg.norm(poses.keypoints.xy[own, v, picked.person, picked.joint] - drawn[v]))
        used = poses.used is None or bool(poses.used[own, v, picked.person, picked.joint])
        text = f"{camera.name} {error:.1f} px" if np.isfinite(error) else f"{camera.name} -"
        lines.append(text if used or not np.isfinite(error) else f"({text}, not used)")
    return lines


def measure_lines(points: Sequence[Array]) -> list[str]:
    """Distance of two points, or the angle at the middle one of three.

    Args:
        points: [3] metres each.
    """
    if len(points) < 2 or not np.isfinite(np.concatenate(list(points))).all():
        return []
    lines = [f"distance {np.linalg.norm(b - a):.3f} m" for a, b in pairwise(points)]
    if len(points) == 2:
        across = points[1] - points[0]
        rise = np.degrees(np.arctan2(across[2], np.hypot(across[0], across[1])))
        return [*lines, f"{rise:+.1f} deg from the horizontal"]
    return [*lines, f"angle {angle_deg(*points[:3]):.1f} deg at the second"]


def angle_deg(a: Array, b: Array, c: Array) -> float:
    """The angle at b between a and c, degrees; NaN where two points are one."""
    one, other = a - b, c - b
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    if not lengths > 0:
        return float("nan")
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other)))


def marks_mesh(points: Sequence[Array], scale: float) -> Mesh:
    """Rings around points and lines from each to the next; those that are not finite are left out.

    Args:
        points: [3] metres each.
        scale: of the people, 1 for adults.
    """
    there = [point for point in points if np.isfinite(point).all()]
    ball, _ = unit_sphere(2, 24)
    circle = ball[1:-1]  # the equator
    parts = []
    for point in there:
        for turn in (circle, circle[:, [0, 2, 1]], circle[:, [2, 0, 1]]):
            ring = point + MARK_RADIUS * scale * turn
            parts.append(tubes(ring, np.roll(ring, -1, axis=0), LINE_RADIUS * scale, INK, segments=4))
    if len(there) > 1 and len(there) == len(points):
        parts.append(tubes(np.array(there[:-1]), np.array(there[1:]), LINE_RADIUS * scale, INK, segments=6))
    return join(parts)
