"""People as shaded limbs: a mesh whose triangles are built once and whose vertices follow the frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses, Skeleton
from lift3d.datasets.poses import Status

from .coloring import Coloring
from .mesh import Faces, Mesh, directions_across, shaded, tube_faces, unit_ring, unit_sphere

Array = NDArray[np.float64]
Index = NDArray[np.intp]

JOINT_RADIUS = 0.034  # metres, of a hip or shoulder of an adult
BONE_RADIUS = 0.74  # of the joint's at that end
FILLED_RADIUS = 0.62  # interpolated and lifted joints are thinner as well as paler: seen without colour too
THINNER = {
    "knee": 0.9,
    "elbow": 0.85,
    "ankle": 0.8,
    "wrist": 0.7,
    "head": 0.9,
    **dict.fromkeys(("nose", "eye", "ear", "mouth", "eye_inner", "eye_outer"), 0.5),
    **dict.fromkeys(("heel", "big_toe", "small_toe", "foot_index"), 0.5),
    **dict.fromkeys(("thumb", "index", "pinky"), 0.4),
}
LIMB_LENGTH = 0.36  # metres, a typical thigh, shank, upper arm or forearm of an adult
BONE_SEGMENTS, SPHERE_RINGS, SPHERE_SEGMENTS = 14, 8, 12


@dataclass(frozen=True, eq=False)
class FigureMesh:
    """The mesh of all people of a result; :meth:`pose` moves it to a frame.

    Convention:
        vertices stand person by person, bones first ([P, B, 2, S]), then joints ([P, J, N]). A joint that is missing,
        and a bone that misses an end, shrink to the point ``rest``: their triangles have no area.

    Args:
        poses: where the people are.
        faces: [M, 3], the same for every frame.
        scale: size of the limbs; 1 for adults.
        rest: [3] metres.
    """

    poses: Poses
    faces: Faces
    scale: float
    rest: Array
    bones: Index  # [B, 2]
    radius: Array  # [J] metres
    coloring: Coloring

    def pose(self, frame: int) -> tuple[Array, Array]:
        """Where the vertices of a frame are, and their colours.

        Args:
            frame: 0..T-1.

        Returns:
            vertices [N, 3] metres, world; colours [N, 3] RGB in 0..1.
        """
        xyz = self.poses.xyz[frame]  # [P, J, 3]
        status = self.poses.status[frame]
        seen = np.asarray(np.isfinite(xyz).all(-1) & (status != Status.MISSING))
        filled = np.isin(status, (Status.INTERPOLATED, Status.LIFTED))
        xyz = np.where(seen[..., None], xyz, self.rest)
        radius = np.where(seen, self.radius * np.where(filled, FILLED_RADIUS, 1.0), 0.0)
        bones, bone_colors = self._bones(xyz, seen, radius, self.coloring.bones(frame, self.bones))
        ball, _ = unit_sphere(SPHERE_RINGS, SPHERE_SEGMENTS)
        balls = xyz[:, :, None] + radius[..., None, None] * ball  # [P, J, N, 3]
        ball_colors = shaded(self.coloring.joints(frame)[:, :, None], ball)
        return _person_by_person(bones, balls), _person_by_person(bone_colors, ball_colors)

    def pose_vertices(self, frame: int) -> Array:
        """The vertices of a frame alone, [N, 3] metres."""
        return self.pose(frame)[0]

    def mesh(self, frame: int) -> Mesh:
        """The people of a frame."""
        vertices, colors = self.pose(frame)
        return Mesh(vertices, self.faces, colors)

    def _bones(self, xyz: Array, seen: NDArray[np.bool_], radius: Array, colors: Array) -> tuple[Array, Array]:
        """Tapered cylinders: vertices and colours [P, B, 2, S, 3]."""
        drawn = np.asarray(seen[:, self.bones].all(-1))  # [P, B]
        ends = np.where(drawn[..., None, None], xyz[:, self.bones], self.rest)  # [P, B, 2, 3]
        radii = np.where(drawn[..., None], BONE_RADIUS * radius[:, self.bones], 0.0)
        span = ends[:, :, 1] - ends[:, :, 0]
        length = np.linalg.norm(span, axis=-1, keepdims=True)
        along = np.where(length > 0, span / np.where(length > 0, length, 1.0), [0.0, 0.0, 1.0])
        first, second = directions_across(along)
        circle = unit_ring(BONE_SEGMENTS)
        normals = first[..., None, :] * circle[:, :1] + second[..., None, :] * circle[:, 1:]  # [P, B, S, 3]
        vertices = ends[..., None, :] + radii[..., None, None] * normals[:, :, None]
        return vertices, shaded(colors[..., None, :], normals[:, :, None])


def figure_mesh(
    poses: Poses, *, rest: Array | None = None, coloring: Coloring | None = None, thinner: float = 1.0
) -> FigureMesh:
    """Build the mesh of all people once.

    Args:
        poses: T frames, P people, J joints.
        rest: [3] metres, where missing parts shrink to; None means the world's origin.
        coloring: of these poses; None means one hue a person.
        thinner: a factor on the thickness of limbs.
    """
    skeleton = poses.skeleton
    scale = limb_scale(poses)
    people = poses.xyz.shape[1]
    bones = np.array(drawn_bones(skeleton), np.intp).reshape(-1, 2)
    return FigureMesh(
        poses=poses,
        faces=_faces(people, len(bones), len(skeleton)),
        scale=scale,
        rest=np.zeros(3) if rest is None else np.asarray(rest, np.float64),
        bones=bones,
        radius=thinner * scale * JOINT_RADIUS * np.array([_thickness(joint) for joint in skeleton.joints]).reshape(-1),
        coloring=coloring or Coloring(poses),
    )


def drawn_bones(skeleton: Skeleton) -> tuple[tuple[int, int], ...]:
    """The skeleton's bones, and where those leave the face in the air, one from the neck (or head) to the nose."""
    face = [pair for pair in skeleton.pairs((("neck", "nose"), ("head", "nose"))) if pair not in skeleton.bones]
    nose = skeleton.index("nose")
    holds = {end for bone in skeleton.bones if nose in bone for end in bone} - {nose}
    eyes = {skeleton.index(side + part) for side in ("left_", "right_") for part in ("eye", "ear", "mouth")}
    return (*skeleton.bones, *(face[:1] if holds <= eyes else ()))


def limb_scale(poses: Poses, *, max_frames: int = 200) -> float:
    """How large the people are, as a multiple of an adult: by the median length of their limbs (or of all bones).

    1 where no bone can be measured.
    """
    step = max(1, len(poses.xyz) // max_frames)
    xyz = poses.xyz[::step]
    for bones, typical in ((poses.skeleton.limb_bones, LIMB_LENGTH), (poses.skeleton.bones, 0.7 * LIMB_LENGTH)):
        if bones:
            ends = xyz[:, :, np.array(bones)]
            length = np.linalg.norm(ends[..., 1, :] - ends[..., 0, :], axis=-1)
            length = length[np.isfinite(length) & (length > 0)]
            if len(length):
                return float(np.median(length)) / typical
    return 1.0


def facing(xyz: Array, skeleton: Skeleton) -> float | None:
    """The heading of the people's chests, in radians from +x towards +y; the mean over all frames and people.

    Args:
        xyz: [..., J, 3] metres, Z up.
        skeleton: the joint set.

    Returns:
        None where no two hips and no two shoulders are present, or where the headings cancel.
    """
    total = np.zeros(2)
    for left, right in skeleton.pairs((("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))):
        across = (xyz[..., right, :2] - xyz[..., left, :2]).reshape(-1, 2)
        across = across[np.isfinite(across).all(-1)]
        ahead = np.column_stack([-across[:, 1], across[:, 0]])  # right hand turned a quarter to the left
        total += (ahead / np.maximum(np.linalg.norm(ahead, axis=-1, keepdims=True), 1e-9)).sum(0)
    return float(np.arctan2(total[1], total[0])) if np.linalg.norm(total) > 1e-6 else None


def _faces(people: int, bones: int, joints: int) -> Faces:
    """The triangles of everyone, in the order of :meth:`FigureMesh.pose`."""
    ball, ball_faces = unit_sphere(SPHERE_RINGS, SPHERE_SEGMENTS)
    tube = tube_faces(BONE_SEGMENTS)
    tube_starts = np.arange(bones) * 2 * BONE_SEGMENTS
    ball_starts = bones * 2 * BONE_SEGMENTS + np.arange(joints) * len(ball)
    one = np.concatenate(
        [(tube + tube_starts[:, None, None]).reshape(-1, 3), (ball_faces + ball_starts[:, None, None]).reshape(-1, 3)]
    )
    stride = bones * 2 * BONE_SEGMENTS + joints * len(ball)
    return (one + (np.arange(people) * stride)[:, None, None]).reshape(-1, 3).astype(np.int32)


def _person_by_person(bones: Array, joints: Array) -> Array:
    """[P, B, 2, S, 3] and [P, J, N, 3] to [P * (B * 2 * S + J * N), 3]."""
    rows = (part.reshape(len(part), int(np.prod(part.shape[1:-1])), 3) for part in (bones, joints))
    return np.concatenate(list(rows), axis=1).reshape(-1, 3)


def _thickness(joint: str) -> float:
    """A joint's radius as a multiple of a hip's."""
    return THINNER.get(joint.removeprefix("left_").removeprefix("right_"), 1.0)
