"""Two views of a moving person: their relative pose by the essential matrix, and how well calibrated ones agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body_observations import IdealViews
from .distortion import Array
from .rig import Rig

MIN_SHARED = 30
"""Joints that two views must share: the five-point method needs 5, a trustworthy result under noise some dozens."""

MIN_PARALLAX_DEG = 3.0
GATE_PX = 3.0
"""A joint further than so many noise widths from its epipolar line is an outlier."""


@dataclass(frozen=True, eq=False)
class RelativePose:
    """Where the second camera stands, seen from the first.

    Args:
        pair: positions of the two views.
        R: [3, 3] first camera's frame to the second's.
        t: [3] of unit length, x_second = R x_first + t.
        inliers: how many joints agree.
        parallax: radians, the median angle between the two rays of a joint.
        depth: [T, J] of the joints in the first camera's frame, in baselines; NaN where they do not agree.
    """

    pair: tuple[int, int]
    R: Array
    t: Array
    inliers: int
    parallax: float
    depth: Array

    @property
    def strength(self) -> float:
        """How much this pair is worth for a chain: joints that agree, times the sine of the parallax."""
        return self.inliers * float(np.sin(min(self.parallax, np.pi / 2)))


def relative_pose(ideal: IdealViews, rig: Rig, pair: tuple[int, int], sigma: float) -> RelativePose | None:
    """Relative pose of two views from the joints that both see.

    Args:
        ideal: the views.
        rig: for the focal lengths; poses do not count.
        pair: positions of the two views.
        sigma: pixels, the noise of a joint.

    Returns:
        None where the views share too few joints, or their rays are almost parallel.

    Source: Nistér, An Efficient Solution to the Five-Point Relative Pose Problem (2004), by OpenCV, in RANSAC.
    """
    import cv2

    i, j = pair
    both = ideal.seen[:, i] & ideal.seen[:, j]  # [T, J]
    if both.sum() < MIN_SHARED:
        return None
    a, b = ideal.xy[:, i][both], ideal.xy[:, j][both]
    focal = float(np.sqrt(rig[i].focal.mean() * rig[j].focal.mean()))
    E, mask = cv2.findEssentialMat(
        a, b, np.eye(3), method=cv2.RANSAC, prob=0.9999, threshold=GATE_PX * sigma / focal, maxIters=2000
    )
    if E is None or mask is None or E.shape[0] < 3:
        return None
    count, R, t, _ = cv2.recoverPose(E[:3], a, b, np.eye(3), mask=mask.copy())
    if count < MIN_SHARED:
        return None
    turn: Array = np.array(R, np.float64)
    step: Array = np.array(t, np.float64)[:, 0]
    depth, parallax = _depths(a, b, turn, step, np.asarray(mask.ravel() > 0))
    if np.degrees(parallax) < MIN_PARALLAX_DEG:
        return None
    whole = np.full(both.shape, np.nan)
    whole[both] = depth
    return RelativePose(pair, turn, step, int(count), parallax, whole)


def _depths(a: Array, b: Array, R: Array, t: Array, inlier: NDArray[np.bool_]) -> tuple[Array, float]:
    """Depth [n] in the first camera of the points where both rays come closest; their median angle."""
    ray_a = np.column_stack([a, np.ones(len(a))])
    ray_b = np.column_stack([b, np.ones(len(b))]) @ R  # in the first camera's frame
    center = -R.T @ t
    aa, bb, ab = (ray_a**2).sum(1), (ray_b**2).sum(1), (ray_a * ray_b).sum(1)
    along_a, along_b = ray_a @ center, ray_b @ center
    determinant = np.maximum(aa * bb - ab**2, 1e-12)
    depth_a = (bb * along_a - ab * along_b) / determinant
    depth_b = (ab * along_a - aa * along_b) / determinant
    good = inlier & (depth_a > 0) & (depth_b > 0)
    angle = np.arccos(np.clip(ab / np.sqrt(aa * bb), -1, 1))
    return np.where(good, depth_a, np.nan), float(np.median(angle[good])) if good.any() else 0.0


def epipolar_error(ideal: IdealViews, rig: Rig, pair: tuple[int, int]) -> Array:
    """How far the joints of two views are from each other's epipolar lines.

    Returns:
        [T, J] pixels, the error that each of the two views would have if they shared it (Sampson's distance over the
        square root of two); NaN where not both see the joint.
    """
    i, j = pair
    both = ideal.seen[:, i] & ideal.seen[:, j]
    R = rig[j].R @ rig[i].R.T
    t = rig[j].t - R @ rig[i].t
    E = np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]]) @ R
    a = np.concatenate([ideal.xy[:, i], np.ones((*both.shape, 1))], axis=-1)
    b = np.concatenate([ideal.xy[:, j], np.ones((*both.shape, 1))], axis=-1)
    line_b, line_a = a @ E.T, b @ E
    across = (b * line_b).sum(-1)
    spread = (line_a[..., :2] ** 2).sum(-1) / rig[i].focal.mean() ** 2 + (line_b[..., :2] ** 2).sum(-1) / rig[
        j
    ].focal.mean() ** 2
    return np.where(both, np.abs(across) / np.sqrt(np.maximum(spread, 1e-30)), np.nan)
