"""Knees, elbows, hips and shoulders keep within the range that living people have: soft bounds for refinement.

    knee, elbow       do not bend backwards, nor further than the limb's flesh allows
    hip, shoulder     thigh and upper arm do not point backwards out of the body

Each bound is one-sided: within it nothing is pulled, beyond it the excess counts in units of :data:`SOFTNESS`. The
range is Boone and Azen's mean for each motion, widened to :data:`LIMITS` because it is judged against the trunk, which
bends, and by joint centres that detectors misplace by degrees. The trunk itself is taken as it stands.

A person who breaks a bound again and again is no violation but somebody for whom it does not hold, or whose left and
right are exchanged: such bounds are dropped before the start, see :func:`kept_limits`.

Source: Boone and Azen, Normal range of motion of joints in male subjects, J Bone Joint Surg Am 61:756, 1979: knee
flexion 143 degrees, elbow flexion 143 and extension 1, hip extension 10, shoulder extension 62, medial rotation 69 and
lateral 104. Hyperextension of the knee reaches 10 degrees in healthy people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Skeleton
from lift3d.datasets.skeleton import SIDES

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Kind = Literal["flexion", "backwards", "behind"]

LIMITS: dict[tuple[str, Kind], float] = {
    ("knee", "flexion"): 160.0,
    ("knee", "backwards"): 15.0,
    ("elbow", "flexion"): 160.0,
    ("elbow", "backwards"): 20.0,
    ("hip", "behind"): 60.0,
    ("shoulder", "behind"): 75.0,
}
"""Degrees."""

SOFTNESS = np.radians(2.0)
"""What lies so far beyond a bound is one standard deviation off."""

RAISED = -0.5
"""With the limb raised by more than 120 degrees from hanging, nothing says which way its joint faces."""

FEW = 0.02
"""A bound broken in a larger share of the frames, by more than its softness, does not hold for this person."""


@dataclass(frozen=True)
class Limit:
    """One bound of one limb.

    Args:
        name: joint and kind, for the file.
        kind: "flexion" of the middle joint, its bending "backwards", or the upper bone's pointing "behind" the body.
        chain: the joints from the body outwards.
        bound: radians.
        forward: 1 if the limb bends forward (elbow), -1 if back (knee).
    """

    name: str
    kind: Kind
    chain: tuple[int, int, int]
    bound: float
    forward: int


@dataclass(frozen=True)
class JointLimits:
    """The bounds of a person.

    Args:
        trunk: positions of left hip, right hip, left shoulder, right shoulder.
        limits: those that hold.
    """

    trunk: tuple[int, int, int, int]
    limits: tuple[Limit, ...]


def joint_limits(skeleton: Skeleton) -> JointLimits | None:
    """The bounds that a joint set lets judge; None without hips and shoulders."""
    names = skeleton.joints
    trunk = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
    if any(name not in names for name in trunk):
        return None
    found = []
    for side in SIDES:
        for parts, forward in ((("hip", "knee", "ankle"), -1), (("shoulder", "elbow", "wrist"), 1)):
            if any(side + part not in names for part in parts):
                continue
            a, b, c = (names.index(side + part) for part in parts)
            for (joint, kind), degrees in LIMITS.items():
                if joint in parts[:2]:
                    found.append(Limit(f"{side}{joint} {kind}", kind, (a, b, c), np.radians(degrees), forward))
    left_hip, right_hip, left_shoulder, right_shoulder = (names.index(name) for name in trunk)
    return JointLimits((left_hip, right_hip, left_shoulder, right_shoulder), tuple(found))


def excess(x: Array, limits: JointLimits) -> Array:
    """How far each bound is broken, [n, number of limits] radians (sines of small angles); 0 within, NaN where unknown.

    Args:
        x: [n, J, 3] metres, NaN where missing.
        limits: the bounds.
    """
    front = _fronts(x, limits)
    with np.errstate(invalid="ignore"):
        values = [_Broken.of(x, front[limit.forward], limit).value for limit in limits.limits]
    return np.stack(values, axis=1) if values else np.zeros((len(x), 0))


def kept_limits(x: Array, limits: JointLimits) -> JointLimits:
    """The bounds that this person keeps but for a few frames.

    Args:
        x: [n, J, 3] metres, NaN where missing.
        limits: the bounds of the joint set.
    """
    over = excess(x, limits)
    known = np.maximum(np.isfinite(over).sum(0), 1)
    share = (np.nan_to_num(over) > SOFTNESS).sum(0) / known
    return JointLimits(limits.trunk, tuple(lim for lim, much in zip(limits.limits, share, strict=True) if much <= FEW))


def add_limits(
    normal: tuple[Array, Array], x: Array, active: Mask, *, limits: JointLimits, joints: Sequence[int], scale: Array
) -> None:
    """Add the squares of what is broken, linearised at x, to the normal equations of some joints.

    Args:
        normal: the equations' matrices [n, 3 m, 3 m] 1/m², and their gradient [n, 3 m].
        x: [n, J, 3] metres, all joints, finite where active.
        active: [n, J].
        limits: of the whole body; those whose limb is not among the joints are passed over.
        joints: the m joints.
        scale: [J] factor on the softness' square.
    """
    blocks, gradient = normal
    place = {joint: i for i, joint in enumerate(joints)}
    own = [limit for limit in limits.limits if all(joint in place for joint in limit.chain)]
    if not own:
        return
    seen = np.where(active[..., None], x, np.nan)
    front = _fronts(seen, limits)
    for limit in own:
        with np.errstate(invalid="ignore", divide="ignore"):
            broken = _Broken.of(seen, front[limit.forward], limit)
        frames = np.flatnonzero(broken.value > 0)
        if not len(frames):
            continue
        columns = np.concatenate([3 * place[joint] + np.arange(3) for joint in limit.chain])
        softness = SOFTNESS * float(np.sqrt(scale[list(limit.chain)].mean()))
        slope = broken.slope(frames).reshape(len(frames), 9) / softness
        at = frames[:, None, None], columns[None, :, None], columns[None, None, :]
        blocks[at] += slope[:, :, None] * slope[:, None, :]
        gradient[frames[:, None], columns] += slope * (broken.value[frames] / softness)[:, None]


@dataclass(frozen=True, eq=False)
class _Broken:
    """A bound on the unit vectors u, v of a limb's bones, and how much of it is broken.

    Args:
        value: [n] what is beyond the bound, 0 within.
        d_u: [n, 3] its derivative by u.
        d_v: [n, 3] its derivative by v.
        bones: u, v [n, 3] and their lengths [n, 1].
    """

    value: Array
    d_u: Array
    d_v: Array
    bones: tuple[Array, Array, Array, Array]

    @classmethod
    def of(cls, x: Array, front: Array, limit: Limit) -> _Broken:
        """Of all frames."""
        a, b, c = limit.chain
        u, first = _unit(x[:, b] - x[:, a])
        v, second = _unit(x[:, c] - x[:, b])
        nothing = np.zeros_like(u)
        if limit.kind == "flexion":
            value, d_u, d_v = -(u * v).sum(-1) + np.cos(limit.bound), -v, -u
        elif limit.kind == "behind":
            value, d_u, d_v = -(u * front[:, 0]).sum(-1) - np.sin(limit.bound), -front[:, 0], nothing
        else:
            facing = -limit.forward * _carried(front, u)
            value = (v * facing).sum(-1) - np.sin(limit.bound)
            d_u, d_v = -(u * v).sum(-1, keepdims=True) * facing, facing
        return cls(np.maximum(value, 0.0), d_u, d_v, (u, first, v, second))

    def slope(self, frames: NDArray[np.intp]) -> Array:
        """[k, 3, 3] derivatives by the three joints, from the body outwards, 1/m."""
        u, first, v, second = (part[frames] for part in self.bones)
        by_u = _across(self.d_u[frames], u) / first
        by_v = _across(self.d_v[frames], v) / second
        return np.stack([-by_u, by_u - by_v, by_v], axis=1)


def _unit(d: Array) -> tuple[Array, Array]:
    """Direction and length [n, 1]."""
    size = np.linalg.norm(d, axis=-1, keepdims=True)
    return d / np.maximum(size, 1e-6), np.maximum(size, 1e-6)


def _across(g: Array, u: Array) -> Array:
    """The part of g at right angles to the unit vector u."""
    return g - (g * u).sum(-1, keepdims=True) * u


def _fronts(x: Array, limits: JointLimits) -> dict[int, Array]:
    """[n, 2, 3] the directions to the body's front and down: by the hips for the legs (-1), by the shoulders (1)."""
    left_hip, right_hip, left_shoulder, right_shoulder = (x[:, joint] for joint in limits.trunk)
    up, _ = _unit(left_shoulder + right_shoulder - left_hip - right_hip)
    fronts = {}
    for which, across in ((-1, right_hip - left_hip), (1, right_shoulder - left_shoulder)):
        right, _ = _unit(_across(across, up))
        fronts[which] = np.stack([np.cross(up, right), -up], axis=1)
    return fronts


def _carried(front: Array, u: Array) -> Array:
    """[n, 3] where the limb's front faces when it swings from hanging to u without turning about itself."""
    forward, down = front[:, 0], front[:, 1]
    along = (u * down).sum(-1, keepdims=True)
    carried = forward - (forward * u).sum(-1, keepdims=True) / (1 + np.maximum(along, RAISED)) * (down + u)
    return np.where(along > RAISED, carried, np.nan)
