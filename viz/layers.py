"""Several results in one scene: which frame of each belongs to which, where each stands, what it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses

from .bounds import Bounds
from .coloring import Coloring, scale_for
from .ellipsoids import Ellipsoids
from .figures import FigureMesh, figure_mesh
from .look import ColorMode, Look
from .mesh import Mesh
from .trails import Trails, trail_joints

Array = NDArray[np.float64]
Index = NDArray[np.intp]

THINNER = 0.45  # limbs among ellipsoids
APART = 0.4  # metres between the boxes of results that stand side by side


@dataclass(frozen=True, eq=False)
class Layer:
    """One of the results in a scene.

    Args:
        name: for the legend, for example the file's.
        poses: where it is drawn.
        frames: [T] which of its frames is shown in each of the scene's, -1 for none.
        figures: its people.
        ellipsoids: their errors, where asked for.
        trails: their paths, where asked for.
    """

    name: str
    poses: Poses
    frames: Index
    figures: FigureMesh
    ellipsoids: Ellipsoids | None = None
    trails: Trails | None = None

    @property
    def coloring(self) -> Coloring:
        """What its colours tell."""
        return self.figures.coloring

    def meshes(self, frame: int) -> dict[str, Mesh]:
        """All that moves in one of the scene's frames; the same triangles in each."""
        parts = {"people": self.figures, "ellipsoids": self.ellipsoids, "trails": self.trails}
        own = int(self.frames[frame])
        meshes = {name: part.mesh(max(own, 0)) for name, part in parts.items() if part is not None}
        return meshes if own >= 0 else {name: _shrunk(mesh, self.figures.rest) for name, mesh in meshes.items()}


def make_layers(results: Mapping[str, Poses], look: Look, *, rest: Array) -> tuple[Layer, ...]:
    """Layers of some results that already stand where they are drawn.

    Args:
        results: name to poses; the first gives the scene its frames.
        look: what is asked for.
        rest: [3] metres, where missing parts shrink to.

    Raises:
        InputError: the look names a joint that a result lacks, or something that no result knows.
    """
    mode = color_mode(look, len(results))
    scale = scale_for(list(results.values()), mode)
    clock = next(iter(results.values()))
    layers, first = [], 0
    for number, (name, poses) in enumerate(results.items()):
        coloring = Coloring(poses, mode, number, first, scale)
        figures = figure_mesh(poses, rest=rest, coloring=coloring, thinner=THINNER if look.ellipsoids else 1.0)
        ellipsoids = Ellipsoids(poses, coloring, rest, figures.scale) if look.ellipsoids else None
        trails = None
        if look.trails:
            joints = trail_joints(poses.skeleton, look.trail_joints)
            trails = Trails(poses, coloring, rest, look.trails, joints, figures.scale)
        frames = matching_frames(clock, poses) if number else np.arange(len(poses.xyz))
        layers.append(Layer(name, poses, frames, figures, ellipsoids, trails))
        first += poses.xyz.shape[1]
    return tuple(layers)


def color_mode(look: Look, results: int) -> ColorMode:
    """What colours tell where nobody said."""
    return look.color or ("file" if results > 1 and look.layout == "overlay" else "person")


def matching_frames(clock: Poses, poses: Poses) -> Index:
    """[T] for each frame of ``clock`` the nearest in time of ``poses``, -1 where none is within half a frame.

    Where times do not rise, frames are matched by number.
    """
    ours, theirs = np.asarray(clock.time, np.float64), np.asarray(poses.time, np.float64)
    if not all(np.isfinite(t).all() and (np.diff(t) > 0).all() for t in (ours, theirs)):
        number = np.arange(len(ours))
        return np.where(number < len(theirs), number, -1)
    after = np.clip(np.searchsorted(theirs, ours), 0, len(theirs) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(theirs[before] - ours) <= np.abs(theirs[after] - ours), before, after)
    steps = [float(np.median(np.diff(t))) for t in (ours, theirs) if len(t) > 1]
    tolerance = 0.5 * max(steps, default=1.0) * 1.001
    return np.where(np.abs(theirs[nearest] - ours) <= tolerance, nearest, -1)


def side_by_side(results: Mapping[str, Poses], bounds: Mapping[str, Bounds], *, right: Array) -> dict[str, Poses]:
    """Move all but the first so that they stand in a row.

    Args:
        results: name to poses.
        bounds: where the people of each are.
        right: [3] the direction of the row, horizontal, of unit length.
    """
    moved, edge = {}, None
    for name, poses in results.items():
        reach = bounds[name].corners @ right
        shift = 0.0 if edge is None else edge + APART - float(reach.min())
        edge = float(reach.max()) + shift
        moved[name] = poses.replace(xyz=poses.xyz + shift * right) if shift else poses
    return moved


def _shrunk(mesh: Mesh, rest: Array) -> Mesh:
    """The same triangles without area."""
    return Mesh(np.broadcast_to(rest, mesh.vertices.shape).copy(), mesh.faces, mesh.colors)
