"""Paths behind hands and feet: where they were in the last seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets import Poses, Skeleton
from lift3d.datasets.poses import Status

from .coloring import Coloring
from .mesh import Faces, Mesh, directions_across, tube_faces, unit_ring
from .palette import BACKGROUND

Array = NDArray[np.float64]

USUAL = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")
SEGMENTS, CORNERS = 48, 4  # of a path; of its cross-section
RADIUS = 0.013  # metres at the joint, for an adult; nothing at the far end
FADE = 0.75  # how far the far end's colour has gone to the background


@dataclass(frozen=True, eq=False)
class Trails:
    """The paths of some joints; the triangles stay the same in every frame.

    Args:
        poses: T frames, P people.
        coloring: whose joints' colours the paths take.
        rest: [3] metres, where missing parts shrink to.
        seconds: how long the paths are.
        joints: K positions in the joint set.
        scale: size of the people, 1 for adults.
    """

    poses: Poses
    coloring: Coloring
    rest: Array
    seconds: float
    joints: tuple[int, ...]
    scale: float = 1.0

    def mesh(self, frame: int) -> Mesh:
        """The paths that end in a frame."""
        xyz = self._path(frame)  # [S + 1, P, K, 3]
        ends = np.stack([xyz[:-1], xyz[1:]], axis=-2)  # [S, P, K, 2, 3]
        drawn = np.asarray(np.isfinite(ends).all((-2, -1)))
        ends = np.where(drawn[..., None, None], ends, self.rest)
        span = ends[..., 1, :] - ends[..., 0, :]
        length = np.linalg.norm(span, axis=-1, keepdims=True)
        along = np.where(length > 0, span / np.where(length > 0, length, 1.0), [0.0, 0.0, 1.0])
        first, second = directions_across(along)
        circle = unit_ring(CORNERS)
        across = first[..., None, :] * circle[:, :1] + second[..., None, :] * circle[:, 1:]  # [S, P, K, C, 3]
        fresh = np.linspace(0.0, 1.0, SEGMENTS + 1)
        thick = RADIUS * self.scale * np.stack([fresh[:-1], fresh[1:]], -1)[:, None, None, :] * drawn[..., None]
        vertices = ends[..., None, :] + thick[..., None, None] * across[..., None, :, :]
        color = self.coloring.joints(frame)[:, list(self.joints)]  # [P, K, 3]
        faded = color + FADE * (1 - fresh)[:, None, None, None] * (BACKGROUND - color)  # [S + 1, P, K, 3]
        colors = np.stack([faded[:-1], faded[1:]], axis=-2)[..., None, :]
        return Mesh(vertices.reshape(-1, 3), self.faces, np.broadcast_to(colors, vertices.shape).reshape(-1, 3))

    @cached_property
    def faces(self) -> Faces:
        """[M, 3] the triangles of all segments."""
        count = SEGMENTS * self.poses.xyz.shape[1] * len(self.joints)
        starts = 2 * CORNERS * np.arange(count)[:, None, None]
        return np.asarray((tube_faces(CORNERS) + starts).reshape(-1, 3), np.int32)

    def _path(self, frame: int) -> Array:
        """[S + 1, P, K, 3] where the joints were, evenly over the last seconds; NaN before the start and in gaps."""
        fps = self.poses.fps if np.isfinite(self.poses.fps) and self.poses.fps > 0 else 30.0
        back = np.linspace(-self.seconds * fps, 0.0, SEGMENTS + 1)
        frames = np.round(frame + back).astype(int)
        joints = list(self.joints)
        xyz = self.poses.xyz[np.maximum(frames, 0)][:, :, joints]
        status = self.poses.status[np.maximum(frames, 0)][:, :, joints]
        return np.where(((frames < 0)[:, None, None] | (status == Status.MISSING))[..., None], np.nan, xyz)


def trail_joints(skeleton: Skeleton, names: tuple[str, ...]) -> tuple[int, ...]:
    """Positions of the joints whose paths are drawn.

    Raises:
        InputError: a name is not in the joint set.
    """
    unknown = [name for name in names if name not in skeleton.joints]
    if unknown:
        raise InputError(f"joint set {skeleton.name} has no {', '.join(unknown)}; it has {', '.join(skeleton.joints)}")
    usual = tuple(skeleton.index(name) for name in (names or USUAL) if name in skeleton.joints)
    return usual or tuple(range(len(skeleton)))
