"""Cameras that never stood anywhere: sampled widely, one a training sample, so that a lifter learns all views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

NEAREST = 0.2  # m: what is nearer to a camera is not in its picture
LEAST_SEEN = 6  # a person of whom fewer joints are in the picture is shown whole instead


@dataclass(frozen=True)
class ViewRanges:
    """Where cameras stand and how they look; each pair is (least, most).

    Args:
        distance: metres over the ground from camera to person; its logarithm is uniform.
        height: metres above the floor.
        focal: focal length over the larger side of the picture; its logarithm is uniform. 0.7 is a wide lens.
        aspect: width over height; its logarithm is uniform, so that portrait pictures are among them.
        aim: how far from the picture's centre the person may be, in half pictures; near 1 part of them is outside.
        roll_deg: standard deviation of the camera's roll, degrees.
        azimuth_deg: about the vertical.
        whole: pictures are as large as it takes to hold the whole person.
    """

    distance: tuple[float, float] = (1.6, 10.0)
    height: tuple[float, float] = (0.2, 4.0)
    focal: tuple[float, float] = (0.7, 2.5)
    aspect: tuple[float, float] = (0.5, 2.0)
    aim: float = 0.7
    roll_deg: float = 5.0
    azimuth_deg: tuple[float, float] = (0.0, 360.0)
    whole: bool = False


@dataclass(frozen=True, eq=False)
class VirtualViews:
    """B cameras.

    Args:
        R: [B, 3, 3] world to camera.
        center: [B, 3] metres, world.
        half: [B, 2] half the picture's width and height on the plane z = 1.
    """

    R: Array32
    center: Array32
    half: Array32

    def to_camera(self, xyz: Array32) -> Array32:
        """World points [B, ..., 3] in the frame of each one's camera."""
        shape = xyz.shape
        flat = xyz.reshape(len(xyz), -1, 3) - self.center[:, None]
        return np.asarray(flat @ self.R.transpose(0, 2, 1)).reshape(shape)

    def see(self, x_cam: Array32) -> tuple[Array32, Mask]:
        """Project, and say what is in the picture.

        Args:
            x_cam: [B, T, J, 3] metres, camera.

        Returns:
            xy_norm [B, T, J, 2] on z = 1; [B, T, J] whether the joint is in the picture. A person of whom fewer
            than six joints are inside is taken as seen whole.
        """
        z = x_cam[..., 2]
        xy = x_cam[..., :2] / np.maximum(z, NEAREST)[..., None]
        front = z > NEAREST
        inside = front & (np.abs(xy) <= self.half[:, None, None]).all(-1)
        lost = inside.sum(-1, keepdims=True) < LEAST_SEEN
        return np.asarray(xy, np.float32), np.asarray(np.where(lost, front, inside))


def sample_views(target: Array32, rng: np.random.Generator, ranges: ViewRanges | None = None) -> VirtualViews:
    """One camera for each person.

    Args:
        target: [B, 3] metres, world: what the camera is turned to, as a rule the pelvis.
        rng: all randomness comes from it.
        ranges: None: the widest that the project trains with.
    """
    ranges, B = ranges or ViewRanges(), len(target)
    azimuth = np.deg2rad(rng.uniform(*ranges.azimuth_deg, B))
    distance = log_uniform(rng, ranges.distance, B)
    center = np.stack(
        [
            target[:, 0] + distance * np.cos(azimuth),
            target[:, 1] + distance * np.sin(azimuth),
            rng.uniform(*ranges.height, B),
        ],
        axis=-1,
    )
    aspect = log_uniform(rng, ranges.aspect, B)
    shape = np.stack([np.minimum(aspect, 1.0), np.minimum(1 / aspect, 1.0)], axis=-1)
    half = 0.5 * shape / log_uniform(rng, ranges.focal, B)[:, None]
    offset = np.arctan(rng.uniform(-ranges.aim, ranges.aim, (B, 2)) * half)
    roll = np.deg2rad(ranges.roll_deg) * rng.standard_normal(B)
    R = _about(2, roll) @ _about(0, -offset[:, 1]) @ _about(1, offset[:, 0]) @ look_at(center, target)
    if ranges.whole:
        half = np.full_like(half, np.inf)
    return VirtualViews(R.astype(np.float32), center.astype(np.float32), half.astype(np.float32))


def look_at(center: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotations [B, 3, 3], world to camera, of upright cameras at ``center`` [B, 3] that look at ``target`` [B, 3]."""
    forward = np.asarray(target - center, np.float64)
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.maximum(np.linalg.norm(right, axis=-1, keepdims=True), 1e-9)
    return np.stack([right, np.cross(forward, right), forward], axis=-2)


def _about(axis: int, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations [B, 3, 3] about a coordinate axis."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    R = np.zeros((len(angle), 3, 3))
    R[:, axis, axis] = 1.0
    R[:, i, i] = R[:, j, j] = np.cos(angle)
    R[:, j, i] = np.sin(angle)
    R[:, i, j] = -np.sin(angle)
    return R


def log_uniform(rng: np.random.Generator, ends: tuple[float, float], size: int) -> NDArray[np.float64]:
    """Samples whose logarithm is uniform."""
    return np.exp(rng.uniform(np.log(ends[0]), np.log(ends[1]), size))
