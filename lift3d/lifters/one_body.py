"""One body for a whole sequence: bones keep their length, joints stay on their rays, and limbs move smoothly.

A lifter answers for each frame anew, so its limbs grow and shrink by centimetres and its joints do not quite reproject
onto what was seen. Here the answers of all frames are taken together. Four things speak:

    the lifter        where each joint is relative to the pelvis, as sure as its error bars say
    the rays          each detected joint lies on its own
    the bones         one length each, the middle of what the lifter said in all frames, left and right alike
    the motion        accelerations are small, now and then not

Gauss-Newton on their sum of squares, banded in time; all but the bones are weighed down where they stand out. Where a
limb's length is known, its ray leaves two depths for its far end, and the lifter need only say which.

Source: two depths of a limb of known length under one ray: Taylor, Reconstruction of articulated objects from point
correspondences in a single uncalibrated image, CVIU 2000. The rest is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.banded import ORDER, BandedCholesky
from lift3d.datasets.augment import MIRRORED
from lift3d.datasets.mocap import H36M, PARENTS
from lift3d.datasets.skeleton import Skeleton
from lift3d.motion_prior import add_differences
from lift3d.rigid_bones import Bones, add_bones

from .lifter import Lifted
from .placement import NEAREST, Placed, across_rays, same_joints
from .samples import beside_h36m
from .windows import LEARNT_FPS, Timing

Array = NDArray[np.float64]

H = len(H36M)
NECK = H36M.index("neck")
BONES = (*((joint, parent) for joint, parent in enumerate(PARENTS) if parent >= 0),
         *((H36M.index(f"left_{end}"), H36M.index(f"right_{end}")) for end in ("hip", "shoulder")))  # fmt: skip
_OTHER_SIDE = [BONES.index(twin) if (twin := (MIRRORED[a], MIRRORED[b])) in BONES else k
               for k, (a, b) in enumerate(BONES)]  # fmt: skip

# Chosen on cmu05, which the lifters never learnt from; benchmarks/lifter_one_body.py.
BONE_SIGMA = 0.01  # metres: how far off a length is, and how far a bone is from rigid
LIFTER_WEIGHT = 0.6  # a lifter's errors last, so that its answers for neighbouring frames say little more than one
RAY_SIGMA = 0.02  # metres across the line of sight, of a detector
EXACT_RAY_SIGMA = 0.003
ACCELERATION = 9.0  # m/s²
STANDS_OUT = 2.0  # sigmas, from where a lifted joint pulls less (Cauchy)
RAY_STANDS_OUT = 1.4  # the same of a ray
STEPS = 4
RIDGE = 1e-3  # 1/m²
SIZE_SIGMA = 0.06  # share by which all lengths are off together, of people unlike those that the lifter learnt from
FACE_SIGMA = 0.03  # metres: how far off the neck's movement leaves a face
SECOND = np.array([1.0, -2.0, 1.0])

LONGEST = 600  # frames solved at once
MARGIN = 15  # frames on either side that are solved with them


@dataclass(frozen=True, eq=False)
class Shown:
    """What a detector found of one person.

    Args:
        rays: [T, J, 2] on z = 1; NaN where missing.
        confidence: [T, J], 0 where missing.
        joints: the J joints; those that are also Human3.6M's count.
        exact: confidences of 1 mean rays without error.
    """

    rays: Array
    confidence: Array
    joints: Skeleton
    exact: bool = False


@dataclass(frozen=True, eq=False)
class _Seen:
    """n consecutive frames of one person.

    Args:
        lifted: [n, 17, 3] metres relative to the pelvis, camera axes.
        information: [n, 16, 3, 3] 1/m², of all joints but the pelvis.
        across: [n, N, 2, 3] from a joint in the camera frame to how far it is off its ray, in metres.
        weight: [n, N] of each ray, 1/m².
        joint: [N] whose ray it is.
    """

    lifted: Array
    information: Array
    across: Array
    weight: Array
    joint: NDArray[np.intp]

    def part(self, frames: NDArray[np.intp]) -> _Seen:
        """Some of the frames."""
        lifted, information, across, weight = (
            value[frames] for value in (self.lifted, self.information, self.across, self.weight)
        )
        return _Seen(lifted, information, across, weight, self.joint)


def fit_one_body(
    placed: Placed, lifted: Lifted, shown: Shown, *, time: Timing | None = None, body: Bones | None = None
) -> tuple[Placed, Lifted]:
    """Fit a sequence of one person with a body that keeps its lengths.

    Convention:
        frames that do not follow each other, or between which nobody was placed, share the body but not the motion.

    Args:
        placed: the lifter's answers, where they reproject best.
        lifted: the same relative to the pelvis: Human3.6M's 17, and others that go along with the neck.
        shown: what the lifter saw.
        time: when the frames were; None: one after the other, as fast as in training.
        body: its lengths, of :func:`body_of`; None: as these frames say.

    Returns:
        The same two, moved. A covariance is that of its frame given the lengths, and what not knowing the person's size
        adds; the frames around would make it smaller, were a lifter's errors not much the same there.
    """
    time = time or Timing()
    known = np.asarray(np.isfinite(placed.xyz).all((1, 2)))
    if not known.any():
        return placed, lifted
    bones = body or body_of(lifted.xyz[known, :H], lifted.covariance[known, :H])
    seen = _seen(lifted, shown)
    xyz, covariance = placed.xyz.copy(), lifted.covariance.copy()
    slack = ACCELERATION / (time.fps or LEARNT_FPS) ** 2
    for frames, kept in _stretches(known, time.numbers(len(known))):
        moved, own = _fit(seen.part(frames), placed.xyz[frames, :H], bones, slack)
        if np.isfinite(moved).all() and (moved[..., 2] > NEAREST).all():
            xyz[frames[kept], :H], covariance[frames[kept], :H] = moved[kept], own[kept]
    _move_face(placed, xyz, covariance, shown)
    relative = Lifted(xyz - xyz[:, :1], covariance)
    return Placed(xyz, placed.covariance - lifted.covariance + covariance), relative


def body_of(xyz: Array, covariance: Array) -> Bones:
    """The lengths of bones: the middle of what was said in all frames, surer ones counting more.

    Args:
        xyz: [T, 17, 3] metres.
        covariance: [T, 17, 3, 3] m².
    """
    ends = np.array(BONES)
    along = xyz[:, ends[:, 0]] - xyz[:, ends[:, 1]]
    length = np.linalg.norm(along, axis=-1)
    unit = along / np.maximum(length, 1e-6)[..., None]
    both = covariance[:, ends[:, 0]] + covariance[:, ends[:, 1]]
    middle = _weighted_median(length, 1 / (np.einsum("tki,tkij,tkj->tk", unit, both, unit) + 1e-5))
    sigma = np.full(len(BONES), BONE_SIGMA)
    return Bones(BONES, (middle + middle[_OTHER_SIDE]) / 2, sigma, sigma)


def _weighted_median(values: Array, weight: Array) -> Array:
    """Of each column [T, K]."""
    order = np.argsort(values, axis=0)
    share = np.cumsum(np.take_along_axis(weight, order, 0), axis=0) / weight.sum(0)
    row = (share >= 0.5).argmax(0)
    return np.asarray(np.take_along_axis(values, np.take_along_axis(order, row[None], 0), 0)[0])


def _seen(lifted: Lifted, shown: Shown) -> _Seen:
    """What speaks in each frame."""
    ours, theirs = (list(side) for side in zip(*same_joints(shown.joints), strict=True))
    sure, uv = shown.confidence[:, theirs], np.nan_to_num(shown.rays[:, theirs])
    sigma = np.where((sure == 1) & shown.exact, EXACT_RAY_SIGMA, RAY_SIGMA)
    relative = np.nan_to_num(lifted.xyz[:, :H] - lifted.xyz[:, :1])
    spread = np.nan_to_num(lifted.covariance[:, 1:H]) + 1e-6 * np.eye(3)
    weight = sure / sigma**2 / (1 + (uv**2).sum(-1))
    information = np.asarray(LIFTER_WEIGHT * np.linalg.inv(spread), np.float64)
    return _Seen(relative, information, across_rays(uv), weight, np.array(ours))


def _stretches(known: NDArray[np.bool_], number: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.intp], slice]]:
    """Frames to be solved together, one after the other in time, and which of them are wanted of this solution."""
    frames = np.flatnonzero(known)
    for run in np.split(frames, np.flatnonzero((np.diff(number[frames]) != 1) | (np.diff(frames) != 1)) + 1):
        for start in range(0, len(run), LONGEST):
            before = min(start, MARGIN)
            part = run[start - before : start + LONGEST + MARGIN]
            yield part, slice(before, before + LONGEST)


def _fit(seen: _Seen, start: Array, bones: Bones, slack: float) -> tuple[Array, Array]:
    """Places [n, 17, 3] metres, and their covariance [n, 17, 3, 3] m² relative to the pelvis.

    ``slack`` is how large a second difference is usual, metres.
    """
    x, n = start, len(start)
    for _ in range(STEPS):
        blocks, gradient = _within_frames(seen, x, bones)
        bands, pull = _motion(x, slack)
        step = BandedCholesky(blocks, bands).solve(gradient + pull)
        x = x - step.reshape(x.shape)
    blocks, _ = _within_frames(seen, x, bones)
    inverse = np.linalg.inv(blocks).reshape(n, H, 3, H, 3)
    pelvis, joint = inverse[:, 0, :, 0], np.arange(H)
    own = inverse[:, joint, :, joint].swapaxes(0, 1)  # numpy puts the joints first
    cross = inverse[:, 0].swapaxes(1, 2)  # [n, 17, 3, 3] of the pelvis with each joint
    own = own + pelvis[:, None] - cross - cross.swapaxes(-1, -2)
    own[:, 0] = 0.0  # but for rounding
    relative = x - x[:, :1]
    return x, own + SIZE_SIGMA**2 * relative[..., :, None] * relative[..., None, :]


def _within_frames(seen: _Seen, x: Array, bones: Bones) -> tuple[Array, Array]:
    """Lifter, rays and bones: normal equations [n, 51, 51] and gradient [n, 51] at x."""
    n = len(x)
    blocks, gradient = np.zeros((n, H, 3, H, 3)), np.zeros((n, H, 3))
    error = (x - x[:, :1] - seen.lifted)[:, 1:]
    pull = np.einsum("njik,njk->nji", seen.information, error)
    weight = 1 / (1 + (error * pull).sum(-1) / STANDS_OUT**2)
    information, pull = weight[..., None, None] * seen.information, weight[..., None] * pull
    for joint in range(1, H):
        blocks[:, joint, :, joint] += information[:, joint - 1]
        blocks[:, 0, :, joint] -= information[:, joint - 1]
        blocks[:, joint, :, 0] -= information[:, joint - 1]
    blocks[:, 0, :, 0] += information.sum(1)
    gradient[:, 1:] += pull
    gradient[:, 0] -= pull.sum(1)
    off = np.einsum("nkic,nkc->nki", seen.across, x[:, seen.joint])
    weight = seen.weight / (1 + seen.weight * (off**2).sum(-1) / RAY_STANDS_OUT**2)
    rays = np.einsum("nk,nkic,nkid->nkcd", weight, seen.across, seen.across)
    pulls = np.einsum("nk,nkic,nki->nkc", weight, seen.across, off)
    for k, joint in enumerate(seen.joint):
        blocks[:, joint, :, joint] += rays[:, k]
        gradient[:, joint] += pulls[:, k]
    flat, down = blocks.reshape(n, 3 * H, 3 * H), gradient.reshape(n, 3 * H)
    add_bones(flat, down, x, np.ones((n, H), bool), bones)
    return flat + RIDGE * np.eye(3 * H), down


def _motion(x: Array, slack: float) -> tuple[Array, Array]:
    """Small second differences: bands [ORDER + 1, n, 51] and gradient [n, 51] at x."""
    n = len(x)
    bands, pull = np.zeros((ORDER + 1, n, 3 * H)), np.zeros((n, 3 * H))
    if n < len(SECOND):
        return bands, pull
    flat = x.reshape(n, -1)
    second = np.diff(flat, 2, axis=0)
    weight = 1 / (slack**2 + second**2)
    add_differences(bands, np.ones((n, 3 * H), bool), np.concatenate([weight, np.zeros((2, 3 * H))]), SECOND)
    for later, factor in enumerate(SECOND):
        pull[later : n - 2 + later] += factor * weight * second
    return bands, pull


def _move_face(placed: Placed, xyz: Array, covariance: Array, shown: Shown) -> None:
    """Joints beside Human3.6M's go where the neck goes, and from there towards their rays; in place."""
    beside = list(beside_h36m(shown.joints))[: xyz.shape[1] - H]
    xyz[:, H:] += (xyz[:, NECK] - placed.xyz[:, NECK])[:, None]
    across = across_rays(np.nan_to_num(shown.rays[:, beside]))
    sure = shown.confidence[:, beside, None, None]
    both = FACE_SIGMA**2 * across @ across.swapaxes(-1, -2) + RAY_SIGMA**2 / np.maximum(sure, 1e-6) * np.eye(2)
    gain = FACE_SIGMA**2 * across.swapaxes(-1, -2) @ np.linalg.inv(both)
    xyz[:, H:] -= (gain @ (across @ xyz[:, H:, :, None]))[..., 0]
    left = FACE_SIGMA**2 * (np.eye(3) - gain @ across)
    covariance[:, H:] = np.where(np.isfinite(covariance[:, H:]), covariance[:, [NECK]] + left, np.nan)
