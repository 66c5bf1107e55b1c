"""Training samples for a lifter, whole batches made on the fly from motion capture that lies in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets.augment import BodyVariation, exchange_arms, mirror, vary_bodies
from lift3d.datasets.coco_of_h36m import COCO, EXACT, DetectorBody, detector_joints, without_hands_and_feet
from lift3d.datasets.mocap import H36M, Clip
from lift3d.datasets.ray_noise import RayNoise, add_ray_noise
from lift3d.datasets.skeleton import SKELETONS, Skeleton
from lift3d.datasets.virtual_views import ViewRanges, sample_views

from .encoding import encode

Array32 = NDArray[np.float32]

INPUTS: dict[str, Skeleton] = {
    "coco17": COCO,
    "h36m17": H36M,
    "body25": without_hands_and_feet(SKELETONS["body_25"]),
    "halpe26": without_hands_and_feet(SKELETONS["halpe_26"]),
    "mediapipe33": without_hands_and_feet(SKELETONS["mediapipe_33"]),
}
"""The joint sets that a lifter can be trained for, by the names of the command line; a detector's hands and feet are
left out, since motion capture has none."""


def input_joints(name: str) -> Skeleton:
    """The joint set of that name.

    Raises:
        InputError: there is none.
    """
    if name not in INPUTS:
        raise InputError(f"a lifter cannot be trained for joints {name!r}; there are {', '.join(INPUTS)}")
    return INPUTS[name]


def beside_h36m(skeleton: Skeleton) -> tuple[int, ...]:
    """Positions of those joints that a lifter answers for after Human3.6M's 17.

    Those of the face; for an answer in the detector's own set, what the two sets share, and a neck that is the middle
    of the shoulders, need no answer of their own.
    """
    if skeleton.joints == H36M.joints:
        return ()
    known = {*H36M.joints, "neck"} - {"head"}
    return tuple(j for j, joint in enumerate(skeleton.joints) if joint not in known)


@dataclass(frozen=True)
class SampleSettings:
    """What a sample is made of; None leaves that augmentation out.

    Args:
        joints: the detector's joint set, a name of :data:`INPUTS`.
        views: where cameras stand.
        bodies: how bodies vary.
        detector: how a detector's joints differ from the motion capture's.
        noise: how a detector errs.
        mirror: whether half of the samples have left and right exchanged.
        arms: the share of samples with the arms of another one.
    """

    joints: str = "coco17"
    views: ViewRanges = field(default_factory=ViewRanges)
    bodies: BodyVariation | None = field(default_factory=BodyVariation)
    detector: DetectorBody | None = field(default_factory=DetectorBody)
    noise: RayNoise | None = field(default_factory=RayNoise)
    mirror: bool = False
    arms: float = 0.3

    @classmethod
    def exact(cls, joints: str = "coco17", noise: RayNoise | None = None) -> SampleSettings:
        """The recorded bodies under virtual views, whole in the picture, as an evaluation sees them."""
        return cls(joints, ViewRanges(whole=True), bodies=None, detector=None, noise=noise, mirror=False, arms=0.0)


@dataclass(frozen=True, eq=False)
class Samples:
    """B training pairs.

    Args:
        features: [B, T, F], see :mod:`lift3d.lifters.encoding`.
        target: [B, 17 + E, 3] metres in the turned camera frame of the target's frame, pelvis at the origin:
            Human3.6M's joints and the detector's of :func:`beside_h36m`.
        elevation: [B] radians, of the camera over the person's horizon.
        frame: [B] the positions in :class:`Frames`.
        rays: [B, T, J, 2] on z = 1, what the features were made of.
        confidence: [B, T, J], 0 where missing.
        R: [B, T, 3, 3] camera to the turned frame.
    """

    features: Array32
    target: Array32
    elevation: Array32
    frame: NDArray[np.intp]
    rays: Array32
    confidence: Array32
    R: Array32

    def part(self, which: slice | NDArray[np.bool_]) -> Samples:
        """Some of them."""
        return Samples(*(value[which] for value in vars(self).values()))


class Frames:
    """All frames of some clips in one array, drawn so that no subject dominates.

    Args:
        clips: what to draw from.
        window: frames of a sample; at the ends of a clip its last frame is repeated.
        causal: whether a window's target is its last frame rather than its middle.

    Raises:
        InputError: there are no clips.
    """

    def __init__(self, clips: Sequence[Clip], *, window: int = 1, causal: bool = False) -> None:
        if not clips:
            raise InputError("there are no clips to draw from; the split leaves this side empty")
        lengths = np.array([len(clip.xyz) for clip in clips])
        self.xyz = np.concatenate([clip.xyz for clip in clips])
        self.clip = np.repeat(np.arange(len(clips)), lengths)
        self.clips = tuple(clips)
        self._first = np.repeat(np.cumsum(lengths) - lengths, lengths)
        self._last = self._first + np.repeat(lengths, lengths) - 1
        self._offsets = np.arange(window) - (window - 1 if causal else window // 2)
        self.target = window - 1 if causal else window // 2
        self._cumulative = np.cumsum(self._weights())

    def __len__(self) -> int:
        return len(self.xyz)

    def _weights(self) -> NDArray[np.float64]:
        """Of each frame: a subject counts as the square root of its frames."""
        subjects, index = np.unique([clip.subject for clip in self.clips], return_inverse=True)
        subject = index[self.clip]
        return np.asarray(np.bincount(subject, minlength=len(subjects))[subject] ** -0.5)

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Positions of ``count`` frames."""
        position = np.searchsorted(self._cumulative, rng.random(count) * self._cumulative[-1], side="right")
        return np.minimum(position, len(self) - 1)

    def windows(self, frame: NDArray[np.intp]) -> Array32:
        """[B, T, 17, 3] metres, around each frame."""
        index = np.clip(frame[:, None] + self._offsets, self._first[frame, None], self._last[frame, None])
        return np.asarray(self.xyz[index])


def make_samples(
    frames: Frames, frame: NDArray[np.intp], rng: np.random.Generator, settings: SampleSettings
) -> Samples:
    """Show the people of some frames to virtual cameras and a detector.

    Args:
        frames: the motion capture.
        frame: [B] which frames.
        rng: all randomness comes from it.
        settings: how.
    """
    xyz = frames.windows(frame)
    if settings.arms:
        xyz = exchange_arms(xyz, rng, settings.arms)
    if settings.mirror:
        xyz = mirror(xyz, rng.random(len(xyz)) < 0.5)
    if settings.bodies is not None:
        xyz = vary_bodies(xyz, rng, settings.bodies)
    pelvis = xyz[:, frames.target, 0]
    views = sample_views(pelvis, rng, settings.views)
    skeleton = input_joints(settings.joints)
    shown = xyz if skeleton is H36M else detector_joints(xyz, skeleton, rng, body=settings.detector or EXACT)
    x_cam = views.to_camera(shown)
    xy, inside = views.see(x_cam)
    confidence = np.ones(inside.shape, np.float32)
    if settings.noise is not None:
        xy, confidence = add_ray_noise(xy, x_cam[..., 2].mean(-1), skeleton, rng=rng, noise=settings.noise)
    confidence = np.where(inside, confidence, np.float32(0))
    encoded = encode(xy, confidence)
    face = shown[:, frames.target][:, list(beside_h36m(skeleton))]
    relative = np.concatenate([xyz[:, frames.target], face], 1) - pelvis[:, None]
    to_turned = encoded.R[:, frames.target] @ views.R
    sight = views.center - pelvis
    elevation = np.arctan2(sight[:, 2], np.linalg.norm(sight[:, :2], axis=-1))
    target = relative @ to_turned.transpose(0, 2, 1)
    return Samples(encoded.features, target, elevation.astype(np.float32), frame, xy, confidence, encoded.R)
