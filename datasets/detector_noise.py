"""What a 2D pose detector would report of people whose 3D is known, errors included."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from lift3d.calib import InputError, Rig

from .detections import Detections, mirror_joints
from .keypoints import Keypoints
from .occlusion import hidden_joints
from .skeleton import SKELETONS, Skeleton

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

REFERENCE_HEIGHT = 400.0  # px: how tall a person looks for whom the joint's own sigma holds at confidence 1
STANDING_HEIGHT = 1.7  # m
LEAST_JOINTS = 4  # a detector does not report a person of whom fewer are in the picture

# Pixels at REFERENCE_HEIGHT. The proportions follow the annotators' spread that COCO's keypoint score is built on.
JOINT_SIGMA = {
    "nose": 1.2, "eye": 1.2, "eye_inner": 1.2, "eye_outer": 1.2, "mouth": 1.4,
    "ear": 1.6, "head": 2.6, "neck": 2.6, "shoulder": 2.8, "elbow": 2.8, "wrist": 2.8,
    "thorax": 3.2, "spine": 4.5, "pelvis": 4.0, "hip": 4.5, "knee": 3.2, "ankle": 2.8, "heel": 2.6,
    "big_toe": 2.6, "small_toe": 2.6,
}  # fmt: skip
OTHER_SIGMA = 2.8
_LEGS = ("hip", "knee", "ankle", "heel", "big_toe", "small_toe", "foot_index")


@dataclass(frozen=True)
class DetectorNoise:
    """How a detector errs.

    Convention:
        an inlier's error is Gaussian, alike in x and y, with sigma = scale · JOINT_SIGMA · (the person's height in
        the picture / 400 px) / confidence: half the confidence means twice the error.

    Args:
        scale: multiplies every sigma; 0 makes the inliers exact.
        seen: Beta(a, b) of the confidence of a joint in plain view.
        hidden: the same of a joint behind a body.
        least_confidence: the detector reports nothing below it.
        misses: the share of joints in plain view that are not reported.
        hidden_misses: the share of hidden joints that are not reported.
        outliers: the share of reported joints that lie somewhere else.
        outlier_px: an outlier's distance in pixels, least and most; its logarithm is uniform.
        swaps: how many bursts of exchanged left and right a person has in one view, a second.
        swap_s: a burst's length in seconds, least and most. Half of the bursts exchange the legs alone.
        correlation_s: the time constant in seconds over which the error of a joint in one view persists; 0 makes
            frames independent.

    Raises:
        InputError: a share is not in 0..1, or something else is negative.
    """

    scale: float = 1.0
    seen: tuple[float, float] = (8.0, 2.0)
    hidden: tuple[float, float] = (4.0, 5.0)
    least_confidence: float = 0.1
    misses: float = 0.05
    hidden_misses: float = 0.25
    outliers: float = 0.02
    outlier_px: tuple[float, float] = (30.0, 400.0)
    swaps: float = 0.15
    swap_s: tuple[float, float] = (0.05, 0.4)
    correlation_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("misses", "hidden_misses", "outliers"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"detector noise: {name} must be a share from 0 to 1, got {getattr(self, name):g}")
        for name in ("scale", "swaps", "correlation_s", "least_confidence"):
            if not getattr(self, name) >= 0:
                raise InputError(f"detector noise: {name} must not be negative, got {getattr(self, name):g}")
        if not 0 < self.outlier_px[0] <= self.outlier_px[1] or not 0 <= self.swap_s[0] <= self.swap_s[1]:
            raise InputError("detector noise: outlier_px and swap_s must be (least, most)")

    @classmethod
    def gaussian(cls, scale: float = 1.0) -> DetectorNoise:
        """Inliers alone: no misses in plain view or behind bodies, no outliers, no swaps."""
        return cls(scale=scale, misses=0.0, hidden_misses=0.0, outliers=0.0, swaps=0.0)


def simulate_detections(
    xyz: Array,
    rig: Rig,
    rng: np.random.Generator,
    *,
    skeleton: Skeleton = SKELETONS["body_25b"],
    fps: float = 60.0,
    noise: DetectorNoise | None = None,
) -> Detections:
    """Show people to a rig and let a detector find them.

    A joint is missing where it is outside the picture, behind the camera, or missed; bodies hide joints.

    Args:
        xyz: [T, P, J, 3] metres, world; NaN where somebody or some joint is absent.
        rig: V cameras.
        rng: all randomness comes from it.
        skeleton: the joint set, J joints.
        fps: frames a second, for what lasts a time.
        noise: how the detector errs; None is the default.

    Returns:
        Detections with P candidates a view, unordered.

    Raises:
        InputError: xyz is not [T, P, J, 3] with the J of the joint set.
    """
    xyz = np.asarray(xyz, np.float64)
    if xyz.ndim != 4 or xyz.shape[2:] != (len(skeleton), 3):
        raise InputError(f"xyz must be [T, P, {len(skeleton)}, 3] for {skeleton.name}, got {list(xyz.shape)}")
    noise = noise or DetectorNoise()
    people = _observe(_Scene(xyz, rig, skeleton, fps), rng, noise)
    people = _exchange_sides(people, _bursts(people.person.shape, rng, noise, fps))
    return _shuffled(people, rng)


@dataclass(frozen=True, eq=False)
class _Scene:
    """What is there to be seen."""

    xyz: Array  # [T, P, J, 3]
    rig: Rig
    skeleton: Skeleton
    fps: float


def _observe(scene: _Scene, rng: np.random.Generator, noise: DetectorNoise) -> Detections:
    """Everybody in the order of the truth, with all errors but exchanged sides."""
    size = np.array([camera.size for camera in scene.rig], np.float64)[:, None, None]  # [V, 1, 1, 2]
    true_xy = np.moveaxis(scene.rig.project(scene.xyz), 0, 1)  # [T, V, P, J, 2]
    hidden = hidden_joints(scene.xyz, scene.rig.centers, scene.skeleton)
    inside = _inside(true_xy, size)
    reported = inside & (rng.random(inside.shape) >= np.where(hidden, noise.hidden_misses, noise.misses))
    reported &= inside.sum(-1, keepdims=True) >= min(LEAST_JOINTS, len(scene.skeleton))
    confidence = np.where(hidden, rng.beta(*noise.hidden, hidden.shape), rng.beta(*noise.seen, hidden.shape))
    confidence = np.clip(confidence, noise.least_confidence, 1.0)
    sigma = noise.scale * _person_scale(scene.xyz, scene.rig)[..., None] * joint_sigma(scene.skeleton) / confidence
    error = sigma[..., None] * _standard_normal(true_xy.shape, rng, noise.correlation_s * scene.fps)
    jump = _gross_errors(inside.shape, rng, noise)
    jump = np.where(_inside(true_xy + jump, size)[..., None], jump, -jump)
    outlier = rng.random(inside.shape) < noise.outliers
    xy = true_xy + np.where(outlier[..., None], jump, error)
    reported &= _inside(xy, size)
    return Detections(
        keypoints=Keypoints(xy, np.where(reported, confidence, 0.0), scene.rig.names, scene.skeleton, scene.fps),
        sigma=np.where(reported, sigma, np.nan),
        outlier=outlier & reported,
        swapped=np.zeros_like(reported),
        person=np.broadcast_to(np.arange(inside.shape[2]), inside.shape[:3]),
    )


def joint_sigma(skeleton: Skeleton) -> Array:
    """The sigma [J] in pixels of each joint of a person who is 400 px tall, at confidence 1."""
    parts = [joint.removeprefix("left_").removeprefix("right_") for joint in skeleton.joints]
    return np.array([JOINT_SIGMA.get(part, OTHER_SIGMA) for part in parts])


def _inside(xy: Array, size: Array) -> Mask:
    """Whether pixels lie in the picture; NaN does not."""
    return np.asarray(((xy >= -0.5) & (xy <= size - 0.5)).all(-1))


def _person_scale(xyz: Array, rig: Rig) -> Array:
    """How tall a standing person would look there, over REFERENCE_HEIGHT: [T, V, P]."""
    absent = np.asarray(~np.isfinite(xyz).all(-1))
    count = np.maximum((~absent).sum(-1), 1)
    middle = np.where(absent[..., None], 0, xyz).sum(-2) / count[..., None]  # [T, P, 3]
    depth = np.stack([(middle @ camera.R[2]) + camera.t[2] for camera in rig], axis=1)
    focal = np.array([camera.focal.mean() for camera in rig])[:, None]
    return focal * STANDING_HEIGHT / np.maximum(depth, 0.1) / REFERENCE_HEIGHT


def _standard_normal(shape: tuple[int, ...], rng: np.random.Generator, frames: float) -> Array:
    """Unit normal noise that forgets itself over so many frames along axis 0."""
    white = rng.standard_normal(shape)
    if frames <= 0 or not shape[0]:
        return white
    keep = np.exp(-1 / frames)
    white[1:] *= np.sqrt(1 - keep**2)
    return np.asarray(lfilter([1.0], [1.0, -keep], white, axis=0))


def _gross_errors(shape: tuple[int, ...], rng: np.random.Generator, noise: DetectorNoise) -> Array:
    """Jumps [*shape, 2] in any direction."""
    low, high = np.log(noise.outlier_px)
    angle, distance = rng.uniform(0, 2 * np.pi, shape), np.exp(rng.uniform(low, high, shape))
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1) * distance[..., None]


def _bursts(shape: tuple[int, ...], rng: np.random.Generator, noise: DetectorNoise, fps: float) -> NDArray[np.int64]:
    """Which sides are exchanged, [T, V, P]: 0 none, 1 the legs, 2 the whole body."""
    frames, views, people = shape
    kind = np.zeros((frames, views, people), np.int64)
    for v in range(views):
        for p in range(people):
            for _ in range(rng.poisson(noise.swaps * frames / fps)):
                start = rng.integers(frames)
                length = max(1, round(rng.uniform(*noise.swap_s) * fps))
                kind[start : start + length, v, p] = rng.integers(1, 3)
    return kind


def _exchange_sides(people: Detections, kind: NDArray[np.int64]) -> Detections:
    """Give left joints what was found for the right ones, and the reverse, where a burst says so."""
    joints = people.keypoints.skeleton.joints
    paired = mirror_joints(people.keypoints.skeleton) != np.arange(len(joints))
    leg = paired & np.array([joint.partition("_")[2] in _LEGS for joint in joints], bool)
    moved = ((kind == 2)[..., None] & paired) | ((kind == 1)[..., None] & leg)
    exchanged = people.mirrored(moved)
    return replace(exchanged, swapped=moved & (exchanged.keypoints.confidence > 0))


def _shuffled(people: Detections, rng: np.random.Generator) -> Detections:
    """Candidates in random order, those who are not seen last."""
    unseen = ~(people.keypoints.confidence > 0).any(-1)
    order = np.argsort(rng.random(unseen.shape) + unseen, axis=2)
    return people.reordered(order, np.where(np.take_along_axis(unseen, order, 2), -1, order))
