"""Refinement in time: positions, error bars and short gaps of a whole recording, smoothed with what is known.

The work goes in windows that overlap, so that its memory does not grow with the recording. What is constant about a
person (noise, how smoothly each joint moves, bone lengths) is learned first, from pieces spread over the recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError, Rig
from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .map_smoother import Person, Stretch, smooth
from .noise import NoiseModel
from .person_learning import learn_person
from .point_solver import Array, observe
from .triangulation import triangulate

Mask = NDArray[np.bool_]
Progress = Callable[[str, int, int], None]

WINDOW_S, OVERLAP_S = 8.0, 1.0
PIECES, PIECE_S = 6, 5.0
NOISE_FRAMES = 400


@dataclass(frozen=True)
class RefinementConfig:
    """What can be set about refinement.

    Args:
        max_gap: seconds; longer gaps stay gaps.
        bones: hold bone lengths.
        limits: keep limbs within the range that people have; only where bones are held.
        strength: multiplies the variance of the motion prior that is estimated; below 1 smooths more.
    """

    max_gap: float = 0.2
    bones: bool = True
    limits: bool = True
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.max_gap) and self.max_gap >= 0):
            raise InputError(f"the longest gap to fill must be 0 s or more, got {self.max_gap:g}")
        if not (np.isfinite(self.strength) and self.strength > 0):
            raise InputError(f"the strength of the motion must be above zero, got {self.strength:g}")


def refine(poses: Poses, *, config: RefinementConfig | None = None, progress: Progress | None = None) -> Poses:
    """Smooth poses in time, with the most probable motion given their keypoints.

    Args:
        poses: with rig, keypoints and the mask of used observations, as `lift3d reconstruct` makes them.
        config: settings; None: the defaults.
        progress: called with (stage, done, total).

    Returns:
        The same people and frames: xyz, covariance and reprojection_error are new; joints missing for at most
        ``max_gap`` are filled, with status INTERPOLATED. ``settings["refinement"]`` says what was estimated.

    Raises:
        InputError: the poses lack cameras, keypoints or the mask.
    """
    config = config or RefinementConfig()
    _check(poses)
    model, unit = _noise(poses)
    T, P, J = poses.status.shape
    out = poses.replace(
        xyz=np.full((T, P, J, 3), np.nan),
        covariance=np.full((T, P, J, 6), np.nan),
        status=np.zeros((T, P, J), np.uint8),
        reprojection_error=np.full((T, P, J), np.nan),
    )
    notes: list[dict[str, Any]] = []
    windows = list(_windows(T, poses.fps))
    for p in range(P):
        job = _Job(poses, p, model, unit, config)
        if not job.seen.any():
            notes.append({})
            continue
        person = job.learn()
        notes.append(_describe(person, poses))
        for k, (start, first, last, stop) in enumerate(windows):
            if progress:
                progress("refining", p * len(windows) + k, P * len(windows))
            job.write(out, person, start, first, last, stop)
    if progress:
        progress("refining", P * len(windows), P * len(windows))
    settings = {**poses.settings, "refinement": {**asdict(config), "people": notes}}
    return out.replace(settings=settings)


def _check(poses: Poses) -> None:
    """Refinement goes back to the keypoints."""
    if poses.rig is None or poses.keypoints is None or poses.used is None:
        raise InputError(
            "these poses hold no cameras, keypoints or mask of used keypoints; refinement needs the result of "
            "`lift3d reconstruct`, or take another filter"
        )


def _windows(frames: int, fps: float) -> Iterator[tuple[int, int, int, int]]:
    """(start, first, last, stop): solve start..stop, keep first..last."""
    core, overlap = max(16, round(WINDOW_S * fps)), max(8, round(OVERLAP_S * fps))
    count = max(1, round(frames / core))
    edges = np.linspace(0, frames, count + 1).astype(int)
    for first, last in pairwise(map(int, edges)):
        yield max(0, first - overlap), first, last, min(frames, last + overlap)


def _noise(poses: Poses) -> tuple[NoiseModel, float]:
    """The detector's noise, and the size in the picture (px/m) at which it holds."""
    assert poses.rig is not None
    assert poses.keypoints is not None
    frames = np.linspace(0, len(poses.time) - 1, min(len(poses.time), NOISE_FRAMES)).astype(int)
    k = poses.keypoints
    model = triangulate(k.xy[frames], poses.rig, k.confidence[frames]).noise
    size = _picture_size(poses.xyz[frames], poses.rig)
    return model, float(np.exp(np.log(size).mean())) if size.size else 1.0


def _picture_size(xyz: Array, rig: Rig) -> Array:
    """Pixels a metre at the middle of each person, [T, V, P]; the view's median where nobody is."""
    middle = np.ma.median(np.ma.masked_invalid(xyz), axis=2).filled(np.nan)
    depth = np.stack([middle @ camera.R[2] + camera.t[2] for camera in rig], axis=1)
    focal = np.array([camera.focal.mean() for camera in rig])[:, None]
    size = focal / np.where(depth > 0.1, depth, np.nan)
    usual = np.ma.median(np.ma.masked_invalid(size), axis=(0, 2), keepdims=True).filled(1.0)
    return np.where(np.isfinite(size), size, usual)


def _describe(person: Person, poses: Poses) -> dict[str, Any]:
    """What was estimated, for the file."""
    names = poses.skeleton.joints
    bones = person.bones
    return {
        "jerk_rms": [round(float(np.sqrt(q)) * poses.fps**3, 1) for q in person.strength],
        "persistent_share": [round(float(value), 3) for value in person.split.persistent],
        "bones_mm": {
            f"{names[a]}-{names[b]}": [round(1000 * float(bones.length[k]), 1), round(1000 * float(bones.sigma[k]), 1)]
            for k, (a, b) in enumerate(bones.ends)
        }
        if bones
        else {},
        "joint_limits": [limit.name for limit in person.limits.limits] if person.limits else [],
    }


def active_frames(seen: Mask, longest: int) -> Mask:
    """Frames [T, ...] that are seen, or lie in a gap of at most so many frames between seen ones."""
    T = len(seen)
    index = np.arange(T).reshape(-1, *(1,) * (seen.ndim - 1))
    before = np.maximum.accumulate(np.where(seen, index, -T - longest), axis=0)
    after = np.minimum.accumulate(np.where(seen, index, 2 * T + longest)[::-1], axis=0)[::-1]
    return np.asarray(seen | (after - before - 1 <= longest))


class _Job:
    """One person of a recording."""

    def __init__(self, poses: Poses, p: int, model: NoiseModel, unit: float, config: RefinementConfig) -> None:
        self.poses, self.p, self.model, self.unit, self.config = poses, p, model, unit, config
        filled = poses.status[:, p] == Status.INTERPOLATED  # by an earlier refinement: no evidence
        self.seen = np.asarray(np.isfinite(poses.xyz[:, p]).all(-1) & ~filled)
        self.active = active_frames(self.seen, int(config.max_gap * poses.fps + 1e-6))

    def stretch(self, start: int, stop: int) -> Stretch:
        """Frames start..stop, with gaps bridged by straight lines as start values."""
        poses, p = self.poses, self.p
        assert poses.rig is not None
        assert poses.keypoints is not None
        assert poses.used is not None
        k = poses.keypoints
        part = slice(start, stop)
        V, J = len(poses.rig), len(poses.skeleton)
        confidence = k.confidence[part, :, p]
        size = _picture_size(poses.xyz[part, [p]], poses.rig)[..., 0] / self.unit  # [n, V]
        sigma = self.model.sigma(confidence[:, :, None])[:, :, 0] * size[..., None]
        xy = np.moveaxis(k.xy[part, :, p], 1, 0).reshape(V, -1, 2)
        obs = observe(xy, poses.rig).with_noise(np.moveaxis(sigma, 1, 0).reshape(V, -1))
        used = np.moveaxis(poses.used[part, :, p], 1, 0) & obs.seen.reshape(V, -1, J)
        active = self.active[part]
        return Stretch(_bridged(poses.xyz[part, p], active), active, obs, used, poses.fps)

    def pieces(self) -> list[Stretch]:
        """Pieces spread over the recording."""
        T, length = len(self.poses.time), max(30, round(PIECE_S * self.poses.fps))
        count = min(PIECES, max(1, T // length))
        starts = np.linspace(0, max(0, T - length), count).astype(int)
        return [self.stretch(start, min(T, start + length)) for start in starts]

    def learn(self) -> Person:
        """Noise, motion and bones of this person."""
        config = self.config
        person = learn_person(self.pieces(), self.poses.skeleton, bones=config.bones, limits=config.limits)
        return replace(person, strength=person.strength * self.config.strength)

    def write(self, out: Poses, person: Person, start: int, first: int, last: int, stop: int) -> None:
        """Smooth one window and keep its middle."""
        stretch = self.stretch(start, stop)
        if not stretch.active.any():
            return
        result = smooth(stretch, person)
        keep, core = slice(first, last), slice(first - start, last - start)
        active, seen = stretch.active[core], self.seen[keep]
        covariance = (result.covariance + _bridged(result.persistent, stretch.active))[core]
        out.xyz[keep, self.p] = np.where(active[..., None], result.x[core], np.nan)
        out.covariance[keep, self.p] = np.where(active[..., None], covariance, np.nan)
        status = np.where(seen, self.poses.status[keep, self.p], Status.INTERPOLATED)
        out.status[keep, self.p] = np.where(active, status, Status.MISSING)
        self._write_error(out, keep)

    def _write_error(self, out: Poses, keep: slice) -> None:
        """Reprojection error of what was written."""
        poses, p = self.poses, [self.p]
        assert poses.rig is not None
        assert poses.keypoints is not None
        assert poses.used is not None
        out.reprojection_error[keep, p] = reprojection_rms(
            poses.rig, out.xyz[keep, p], poses.keypoints.xy[keep][:, :, p], poses.used[keep][:, :, p]
        )


def reprojection_rms(rig: Rig, xyz: Array, xy: Array, used: Mask) -> Array:
    """Root mean square reprojection error over the views used.

    Args:
        rig: V cameras.
        xyz: [T, P, J, 3] metres.
        xy: [T, V, P, J, 2] pixels.
        used: [T, V, P, J].

    Returns:
        [T, P, J] pixels, NaN where no view was used.
    """
    squared = ((np.moveaxis(rig.project(xyz), 0, 1) - xy) ** 2).sum(-1)
    counts = used & np.isfinite(squared)
    total = np.where(counts, squared, 0.0).sum(1)
    return np.where(counts.any(1), np.sqrt(total / np.maximum(counts.sum(1), 1)), np.nan)


def _bridged(value: Array, active: Mask) -> Array:
    """[n, J, C] with gaps inside active runs filled linearly, and ends by the nearest value."""
    out = value.copy()
    index = np.arange(len(value))
    finite: Mask = np.asarray(np.isfinite(value).all(-1))
    for j in np.flatnonzero((active & ~finite).any(0)):
        if finite[:, j].any():
            for c in range(value.shape[2]):
                out[:, j, c] = np.interp(index, index[finite[:, j]], value[finite[:, j], j, c])
    return out
