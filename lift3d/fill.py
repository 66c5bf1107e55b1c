"""Joints that one camera alone saw, completed by the lifter and marked as such.

The joint's own pixel says on which ray it lies; the lifter says how deep. The lifter's error in depth is much the same
from frame to frame and over the body, so it is predicted from the joints that were triangulated in the same frame and
in those around (:mod:`lift3d.depth_errors`). How far off the result is was measured on the same person: the same
pattern of missing joints is laid over frames in which all were triangulated, and the errors there scale the covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError
from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .depth_errors import predict_errors
from .lifters.lifter import NORMAL_90, Lifter
from .lifters.one_body import Shown, fit_one_body
from .lifters.placement import place, same_joints
from .lifters.windows import Timing

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEAST_SEEN = 6  # of the lifter's joints, in the view that it is shown
FURTHEST = 0.25  # metres between a joint's ray and where the lifter has it; beyond, its pixel is taken for wrong
TESTS = 6  # places in time on which a pattern of missing joints is tried
TEST_FRAMES = 60  # at most, of each
LEAST_ERRORS = 30  # tested coordinates from which they scale the covariance
UNTESTED = 2.0  # the factor on sigma where there is nothing to test on
LEAST_PIXELS = 2.0  # how well a detector finds a joint, at best


@dataclass(frozen=True, eq=False)
class _View:
    """One person in one view, camera frame.

    Args:
        rays: [T, J, 2] on z = 1 of the poses' joints, NaN where not seen.
        xyz: [T, J, 3] metres as the lifter has them, NaN where it has none.
        depth: [T, J] of the triangulated joints, NaN where missing.
        confidence: [T, J] of what was seen.
        sigma: how well a ray is known, on z = 1.
    """

    rays: Array
    xyz: Array
    depth: Array
    confidence: Array
    sigma: float


def fill_lifted(poses: Poses, lifter: Lifter) -> Poses:
    """Fill missing joints from a camera that saw them.

    Args:
        poses: of several cameras, with rig and keypoints, as ``lift3d.reconstruct`` makes them.
        lifter: for joints that the keypoints have.

    Returns:
        The same poses; filled joints have status LIFTED and one view. Joints that no camera saw, that Human3.6M lacks,
        or whose pixel is far from where the lifter has them, stay missing.

    Raises:
        InputError: there are no cameras or keypoints, or the lifter is for other joints.
    """
    if poses.rig is None or poses.keypoints is None:
        raise InputError("filling by the lifter needs the cameras and keypoints that the poses came from")
    lacking = [joint for joint in lifter.joints.joints if joint not in poses.keypoints.skeleton.joints]
    if lacking:
        raise InputError(
            f"the lifter was trained for {lifter.joints.name}, the keypoints lack {', '.join(lacking[:3])}; "
            "give --lifter one for these joints"
        )
    changed = {name: getattr(poses, name).copy() for name in ("xyz", "covariance", "status", "views", "confidence")}
    for p in range(poses.xyz.shape[1]):
        missing = np.asarray(poses.status[:, p] == Status.MISSING)
        views = [_view(poses, p, v, lifter) for v in range(len(poses.rig))] if missing.any() else []
        for v, wanted in enumerate(_shared_out(views, missing)):
            xyz, covariance, sure = _fill(views[v], wanted, poses.fps)
            camera = poses.rig[v]
            changed["xyz"][:, p][sure] = ((xyz - camera.t) @ camera.R)[sure]
            turned = camera.R.T @ covariance @ camera.R
            changed["covariance"][:, p][sure] = turned[sure][:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
            changed["status"][:, p][sure] = Status.LIFTED
            changed["views"][:, p][sure] = 1
            changed["confidence"][:, p][sure] = 0.5 * views[v].confidence[sure]
    return poses.replace(**changed)


def _view(poses: Poses, p: int, v: int, lifter: Lifter) -> _View:
    """Lift what one view saw of a person."""
    assert poses.keypoints is not None
    assert poses.rig is not None
    camera: Camera = poses.rig[v]
    rays = camera.undistort(poses.keypoints.xy[:, v, p])
    confidence = np.where(np.isfinite(rays).all(-1), poses.keypoints.confidence[:, v, p], 0.0)
    order = [poses.keypoints.skeleton.index(joint) for joint in lifter.joints.joints]
    shown = confidence[:, order]
    shown[(shown > 0).sum(-1) < LEAST_SEEN] = 0.0
    time = Timing(poses.keypoints.frames, poses.fps)
    lifted = lifter.lift_rays(rays[:, order], shown, time=time)
    placed = place(lifted, rays[:, order], shown, lifter.joints)
    placed, _ = fit_one_body(placed, lifted, Shown(rays[:, order], shown, lifter.joints), time=time)
    xyz = np.full(poses.xyz[:, p].shape, np.nan)
    ours, theirs = (list(side) for side in zip(*same_joints(poses.skeleton), strict=True))
    xyz[:, theirs] = placed.xyz[:, ours]
    off = poses.reprojection_error[poses.status == Status.OBSERVED]
    pixels = max(LEAST_PIXELS, float(np.median(off[np.isfinite(off)])) if np.isfinite(off).any() else 0.0)
    depth = poses.xyz[:, p] @ camera.R[2] + camera.t[2]
    return _View(rays, xyz, depth, confidence, pixels / float(camera.focal.mean()))


def _shared_out(views: list[_View], missing: Mask) -> list[Mask]:
    """For each view the missing joints that it shall fill: those that it saw more surely than the others."""
    if not views:
        return []
    worth = np.stack([np.where(np.isfinite(view.xyz).all(-1), view.confidence, 0.0) for view in views])
    best = np.argmax(worth, axis=0)
    return [missing & (best == v) & (worth[v] > 0) for v in range(len(views))]


def _fill(view: _View, wanted: Mask, fps: float) -> tuple[Array, Array, Mask]:
    """Places [T, J, 3] and covariances [T, J, 3, 3] in the camera frame, and which of the wanted ones are good."""
    if not wanted.any():
        return view.xyz, np.zeros((*view.xyz.shape, 3)), wanted
    xyz, covariance = _along_rays(view, wanted, fps, view.depth)
    factor = _tested(view, wanted, fps)
    near = np.linalg.norm(xyz - view.xyz - (xyz - view.xyz)[..., 2:] * _through(view.rays), axis=-1) < FURTHEST
    good = np.isfinite(xyz).all(-1) & (xyz[..., 2] > 0)
    return xyz, covariance * factor**2, wanted & good & near


def _along_rays(view: _View, wanted: Mask, fps: float, depth: Array) -> tuple[Array, Array]:
    """The wanted joints on their rays, from the lifter's depth and what triangulated depths say of its error."""
    error, variance = predict_errors(depth - view.xyz[..., 2], view.xyz, wanted, fps)
    z = view.xyz[..., 2] + error
    through = _through(view.rays)
    across = (view.sigma * z)[..., None, None] ** 2 * np.eye(3)
    covariance = np.nan_to_num(variance)[..., None, None] * through[..., None] * through[..., None, :]
    return through * z[..., None], np.nan_to_num(covariance + across)


def _through(rays: Array) -> Array:
    """[..., 3] with z = 1."""
    return np.concatenate([rays, np.ones_like(rays[..., :1])], -1)


def _tested(view: _View, wanted: Mask, fps: float) -> float:
    """The factor on sigma with which 90 % intervals would have covered, had these joints been missing elsewhere."""
    known = np.isfinite(view.depth) & np.isfinite(view.xyz).all(-1) & np.isfinite(view.rays).all(-1)
    errors = []
    for shift in np.linspace(0, len(wanted), TESTS + 2)[1:-1].astype(np.intp):
        pattern = np.roll(wanted, shift, axis=0)
        asked = pattern & known
        frames = np.flatnonzero(asked.any(-1))
        asked[np.setdiff1d(frames, frames[:: max(1, len(frames) // TEST_FRAMES)])] = False
        xyz, covariance = _along_rays(view, asked, fps, np.where(pattern, np.nan, view.depth))
        off = xyz - _through(view.rays) * view.depth[..., None]
        sight = np.linalg.norm(off, axis=-1) / np.sqrt(np.trace(covariance, axis1=-2, axis2=-1).clip(min=1e-8))
        errors.append(sight[asked])
    found = np.concatenate(errors)
    found = found[np.isfinite(found)]
    return max(1.0, float(np.quantile(found, 0.9)) / NORMAL_90) if len(found) >= LEAST_ERRORS else UNTESTED
