"""How well detections in several views fit each other and known bodies: the geometry of association.

Convention:
    a frame's detections stand in one list of N, each with its view; bodies are [K, J, 3]; a vote is 1 where every joint
    of a detection lies in its place and 0 where none lies within three tolerances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Rig

from .point_solver import Array

IndexArray = NDArray[np.intp]
Mask = NDArray[np.bool_]

TOLERANCE = 0.03
"""Spread of a joint's reprojection, as a share of the person's extent in the picture: 5 cm on a tall person."""

TOLERANCE_RANGE = (0.004, 0.03)
"""The same, bounded as a share of the picture's longer side."""

CUT = 3.0
"""A joint further off than so many tolerances says nothing for the match."""

EXCHANGED = 0.9
"""What a detection counts whose left and right must be exchanged for it to fit."""

MIN_JOINTS = 5
MIN_SINE = 0.05
"""Rays that meet under less than 3 degrees say nothing of depth."""


@dataclass(frozen=True, eq=False)
class Views:
    """The cameras as matching needs them.

    Args:
        R: [V, 3, 3] world to camera.
        t: [V, 3] metres.
        centers: [V, 3] metres.
        low: [V] least tolerance on z = 1.
        high: [V] largest tolerance on z = 1.
    """

    R: Array
    t: Array
    centers: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, rig: Rig) -> Views:
        """Those of a rig."""
        pixel = np.array([max(camera.size) / camera.focal.mean() for camera in rig])
        low, high = (share * pixel for share in TOLERANCE_RANGE)
        R, t = np.array([camera.R for camera in rig]), np.array([camera.t for camera in rig])
        return cls(R, t, rig.centers, low, high)

    def project(self, X: Array) -> tuple[Array, Array]:
        """Bodies [K, J, 3] on z = 1 of every view [K, V, J, 2], and their depth [K, V, J]; NaN behind a camera."""
        x_cam = X[:, None] @ self.R.transpose(0, 2, 1) + self.t[:, None]
        depth = x_cam[..., 2]
        depth = np.where(depth > 1e-6, depth, np.nan)
        return x_cam[..., :2] / depth[..., None], depth

    def tolerance(self, image: Array, view: IndexArray | slice = slice(None)) -> Array:
        """How far a joint may be off [...], from a person's joints [..., J, 2] in a view (the last axis but two)."""
        return np.clip(TOLERANCE * _size(image), self.low[view], self.high[view])


@dataclass(frozen=True, eq=False)
class Sights:
    """What all views saw in one frame, or a part of it.

    Args:
        view: [N] where each detection was made.
        candidate: [N] which of the view's detections it is.
        ideal: [N, J, 2] on z = 1.
        weight: [N, J] confidence, 0 where a joint does not count.
        ray: [N, J, 3] unit vectors, world.
    """

    view: IndexArray
    candidate: IndexArray
    ideal: Array
    weight: Array
    ray: Array

    def take(self, index: IndexArray | Mask) -> Sights:
        """Some of the detections."""
        return Sights(*(getattr(self, name)[index] for name in ("view", "candidate", "ideal", "weight", "ray")))

    def mirrored(self, where: Mask, mirror: IndexArray) -> Sights:
        """Detections with left and right exchanged where [N] says so."""
        if not where.any():
            return self
        ideal, weight, ray = self.ideal.copy(), self.weight.copy(), self.ray.copy()
        for array in (ideal, weight, ray):
            array[where] = array[where][:, mirror]
        return Sights(self.view, self.candidate, ideal, weight, ray)

    def joined(self, other: Sights) -> Sights:
        """These and others in one list."""
        names = ("view", "candidate", "ideal", "weight", "ray")
        return Sights(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))


@dataclass(frozen=True, eq=False)
class SightBlock:
    """The detections of consecutive frames, undistorted once: arrays [T, V, P, J, …] as in :class:`Sights`."""

    ideal: Array
    weight: Array
    ray: Array
    present: Mask  # [T, V, P]

    @classmethod
    def of(cls, xy: Array, confidence: Array, rig: Rig, min_confidence: float) -> SightBlock:
        """Keypoints [T, V, P, J, 2] px and their confidence, as rays."""
        ideal = np.moveaxis(rig.undistort(np.moveaxis(xy, 1, 0)), 0, 1)
        seen = np.isfinite(ideal).all(-1) & (confidence >= min_confidence)
        ideal = np.where(seen[..., None], ideal, 0.0)
        ray = np.empty((*ideal.shape[:-1], 3))
        for v, camera in enumerate(rig):
            ray[:, v] = ideal[:, v] @ camera.R[:2] + camera.R[2]
        ray /= np.sqrt((ray**2).sum(-1, keepdims=True))
        present = seen.sum(-1) >= min(MIN_JOINTS, seen.shape[-1])
        return cls(ideal, np.where(seen, confidence, 0.0), ray, present)

    def frame(self, t: int) -> Sights:
        """Everybody in a frame."""
        view, candidate = np.nonzero(self.present[t])
        at = (t, view, candidate)
        return Sights(view, candidate, self.ideal[at], self.weight[at], self.ray[at])


def match_bodies(
    X: Array, sights: Sights, views: Views, *, spread: Array | None = None, mirror: IndexArray | None = None
) -> tuple[Array, Mask]:
    """How well every detection fits every body.

    Args:
        X: [K, J, 3] metres, NaN where unknown.
        sights: N detections.
        views: the cameras.
        spread: [K, J] metres, how uncertain the bodies are.
        mirror: [J] each joint's other side; None: sides are never exchanged.

    Returns:
        votes [K, N], and whether a detection fits better with left and right exchanged [K, N].
    """
    image, depth = views.project(X)
    tolerance = views.tolerance(image)[..., None]  # [K, V, 1]
    # Where a body is uncertain it must not fit everything: the tolerance at most doubles.
    reach = tolerance if spread is None else np.minimum(np.hypot(tolerance, spread[:, None] / depth), 2 * tolerance)
    image, scale = image[:, sights.view], 1 / (CUT * np.broadcast_to(reach, depth.shape)[:, sights.view]) ** 2
    votes = _vote(image, scale, sights.ideal, sights.weight)
    if mirror is None:
        return votes, np.zeros(votes.shape, bool)
    other = _vote(image, scale, sights.ideal[:, mirror], sights.weight[:, mirror])
    exchanged = EXCHANGED * other > votes
    return np.where(exchanged, EXCHANGED * other, votes), exchanged


def _vote(image: Array, scale: Array, ideal: Array, weight: Array) -> Array:
    """Bodies' images [K, N, J, 2] with the squares' scale [K, N, J] against detections [N, J, 2]; [K, N]."""
    step = image - ideal
    error = (step[..., 0] ** 2 + step[..., 1] ** 2) * scale
    known = error == error  # not NaN
    counts = known & (weight > 0)
    gain = np.where(counts, weight * (1 - np.minimum(error, 1)), 0.0).sum(-1)
    number = counts.sum(-1)
    mass = (counts * weight).sum(-1)
    # A detection with few joints, or of few that the body has, must not win by their fitting well.
    wanted = np.maximum(np.maximum(number, known.sum(-1) // 2), min(MIN_JOINTS, image.shape[2]))
    return np.asarray(gain * number / np.maximum(mass * wanted, 1e-9))


def intersect_rays(sights: Sights, views: Views, members: IndexArray) -> tuple[Array, IndexArray]:
    """Bodies from the rays of their detections: each joint where it comes closest to its rays.

    Args:
        sights: N detections.
        views: the cameras.
        members: [K, V] positions in the list, -1 where a view has none.

    Returns:
        X [K, J, 3] metres, NaN with fewer than two rays or nearly parallel ones; number of rays [K, J].
    """
    at = np.maximum(members, 0)
    use = (members >= 0)[..., None] & (sights.weight[at] > 0)  # [K, V, J]
    d = np.where(use[..., None], sights.ray[at], 0.0)
    centers = views.centers[:, None]
    rays = use.sum(1)
    A = rays[..., None, None] * np.eye(3) - np.einsum("kvja,kvjb->kjab", d, d)
    along = (d * centers).sum(-1, keepdims=True)
    b = np.where(use[..., None], centers - d * along, 0.0).sum(1)
    # Two rays under angle a leave the determinant 2 sin² a: singular where they say nothing.
    bad = (rays < 2) | (np.linalg.det(A) < 2 * MIN_SINE**2)
    A[bad] = np.eye(3)
    X = np.linalg.solve(A, b[..., None])[..., 0]
    X[bad] = np.nan
    return X, rays


def pair_affinity(sights: Sights, views: Views, other: Sights | None = None) -> Array:
    """How well any two detections of different views can be one person, [N, N], by how close their rays pass.

    Joint by joint, a ray pair's distance is compared with what the tolerance of both views allows there.

    Args:
        sights: N detections of one frame.
        views: the cameras.
        other: the same detections with other names of the joints, for the second of two; None: as they are.
    """
    N = len(sights.view)
    other = other or sights
    out = np.zeros((N, N))
    a, b = np.nonzero(np.triu(sights.view[:, None] != sights.view[None], 1))
    if not len(a):
        return out
    tolerance = views.tolerance(np.where(sights.weight[..., None] > 0, sights.ideal, np.nan), sights.view)
    d1, d2 = sights.ray[a], other.ray[b]  # [M, J, 3]
    base = (views.centers[sights.view[b]] - views.centers[sights.view[a]])[:, None]
    cosine = (d1 * d2).sum(-1)
    sine2 = np.maximum(1 - cosine**2, 1e-12)
    p, q = (base * d1).sum(-1), (base * d2).sum(-1)
    s1, s2 = (p - cosine * q) / sine2, (cosine * p - q) / sine2  # how far along each ray
    gap2 = ((base + d2 * s2[..., None] - d1 * s1[..., None]) ** 2).sum(-1)
    allowed = CUT * (tolerance[a][:, None] * s1 + tolerance[b][:, None] * s2)
    weight = np.minimum(sights.weight[a], other.weight[b])
    good = (s1 > 0) & (s2 > 0) & (sine2 > MIN_SINE**2)
    fit = np.where(good & (weight > 0), 1 - np.minimum(gap2 / np.maximum(allowed, 1e-12) ** 2, 1), 0.0)
    number = (weight > 0).sum(-1)
    score = (
        (weight * fit).sum(-1)
        * number
        / np.maximum(weight.sum(-1) * np.maximum(number, min(MIN_JOINTS, weight.shape[1])), 1e-9)
    )
    out[a, b] = out[b, a] = score
    return out


def body_extent(X: Array) -> Array:
    """[K] metres, how large bodies [K, J, 3] are, unmoved by a wild joint; NaN for empty ones."""
    middle = np.stack([_median(X[..., axis]) for axis in range(3)], axis=-1)
    return 2.5 * _median(np.sqrt(((X - middle[:, None]) ** 2).sum(-1)))


def body_middle(X: Array) -> Array:
    """[K, 3] the mean joint of bodies [K, J, 3]; NaN for empty ones."""
    known = X == X
    return np.asarray(np.where(known, X, 0.0).sum(1) / np.maximum(known.sum(1), np.where(known.any(1), 1, np.nan)))


def _median(value: Array) -> Array:
    """Median over the last axis of what is not NaN, in a fraction of nanmedian's time."""
    ordered = np.sort(value, axis=-1)  # NaN last
    count = (ordered == ordered).sum(-1, keepdims=True)
    low, high = (np.take_along_axis(ordered, np.maximum(k, 0), -1) for k in ((count - 1) // 2, count // 2))
    high = np.where(count > 0, high, np.nan)
    return np.asarray(((low + high) / 2)[..., 0])


def _size(image: Array) -> Array:
    """Diagonal of what joints [..., J, 2] cover; 0 for none."""
    known = image == image
    spread = np.where(known, image, -np.inf).max(-2) - np.where(known, image, np.inf).min(-2)
    return np.asarray(np.sqrt((np.where(np.isfinite(spread), spread, 0.0) ** 2).sum(-1)))
