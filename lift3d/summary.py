"""What a reconstruction is worth: figures per camera, joint and bone, and a verdict with its reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses

from .point_solver import Array

GOOD_RESIDUAL = 0.004
BAD_RESIDUAL = 0.02
"""Median reprojection error as a share of the picture's longer side. Good detectors on a sound calibration stay under
0.3 % (6 px of 1920); at 2 % a joint is as far off as a limb is thick."""

GOOD_CV, BAD_CV = 0.06, 0.15
"""Variation of limb lengths: bones do not change, so this is error. 6 % of a thigh is 25 mm."""

GOOD_PRESENT, BAD_PRESENT = 0.9, 0.5
GOOD_ASYMMETRY = 0.1
MIN_VIEWS = 2.5
"""With two views nothing but the distance of two rays tells a wrong joint from a right one."""

BIAS_SHARE = 0.5
"""A camera whose residuals point one way by this share of their size is not noisy but misplaced."""

Level = str  # "good", "doubtful" or "bad"


def summarise(poses: Poses, swapped: NDArray[np.bool_], rival: Array) -> dict[str, Any]:
    """All figures of a reconstruction, ready for JSON.

    Args:
        poses: with rig, keypoints and the mask of used observations.
        swapped: [T, V, P, J] observations whose sides were exchanged back.
        rival: [T] support of another person, see :class:`lift3d.association.Association`.

    Returns:
        {"frames", "fps", "people", "person", "cameras", "joints", "bones", "verdict", …}; lengths in mm, errors in px.
    """
    residual = residuals(poses)
    bones = _bones(poses)
    cvs = [bone["cv_percent"] for bone in bones if bone["cv_percent"] is not None]
    summary = {
        "frames": len(poses.time),
        "fps": poses.fps,
        "people": poses.xyz.shape[1],
        "frames_with_person": int((poses.status > 0).any((1, 2)).sum()),
        "frames_with_another_person": int((rival >= 1.8).sum()),
        "joints_present_percent": _percent(_expected(poses).mean()),
        "residual_px": _median(np.linalg.norm(residual, axis=-1)),
        "sigma_mm": _median(poses.sigma * 1000),
        "bone_cv_percent": round(float(np.mean(cvs)), 2) if cvs else None,
        "left_right_swaps": int(swapped.any(-1).sum()),
        "cameras": _cameras(poses, residual, swapped),
        "joints": _joints(poses, residual),
        "bones": bones,
    }
    summary["verdict"] = _verdict(summary, poses)
    return summary


def residuals(poses: Poses) -> Array:
    """Observed minus reprojected keypoints, used or not, [T, V, P, J, 2] pixels; NaN where either is missing."""
    if poses.rig is None or poses.keypoints is None:
        raise ValueError("residuals need poses with their rig and keypoints")
    return np.asarray(poses.keypoints.xy - np.moveaxis(poses.rig.project(poses.xyz), 0, 1))


def _expected(poses: Poses) -> NDArray[np.bool_]:
    """[n, J] whether a joint is there, for the joints that any view ever saw, where somebody should be."""
    assert poses.keypoints is not None
    known = (poses.keypoints.confidence > 0).any((0, 1, 2))
    return np.asarray((poses.status > 0)[_asked(poses)][:, known])


def _asked(poses: Poses) -> NDArray[np.bool_]:
    """[T, P] where somebody should be: everywhere if there is one person, else from the first to the last sight."""
    there: NDArray[np.bool_] = np.any(poses.status > 0, axis=-1)
    if there.shape[1] == 1:
        return np.ones_like(there)
    return np.asarray(np.logical_or.accumulate(there) & np.logical_or.accumulate(there[::-1])[::-1])


def _median(value: Array, digits: int = 1) -> float | None:
    """Median of the finite values, None where there are none (JSON has no NaN)."""
    finite = value[np.isfinite(value)]
    return round(float(np.median(finite)), digits) if len(finite) else None


def _percent(share: float) -> float:
    """A share as per cent, 0 for none."""
    return round(100 * float(share), 1) if np.isfinite(share) else 0.0


def _cameras(poses: Poses, residual: Array, swapped: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """One row a camera."""
    assert poses.keypoints is not None
    assert poses.used is not None
    rows = []
    for v, name in enumerate(poses.keypoints.cameras):
        seen = poses.keypoints.confidence[:, v] > 0
        both = np.isfinite(residual[:, v]).all(-1)
        rows.append(
            {
                "name": name,
                "frames_seen": int(seen.any((1, 2)).sum()),
                "used_percent": _percent(poses.used[:, v].sum() / max(seen.sum(), 1)),
                "residual_px": _median(np.linalg.norm(residual[:, v], axis=-1)),
                "bias_px": [_median(residual[:, v][both][:, k]) for k in range(2)],
                "swapped_frames": int(swapped[:, v].any((1, 2)).sum()),
            }
        )
    return rows


def _joints(poses: Poses, residual: Array) -> list[dict[str, Any]]:
    """One row a joint, with the residual in each camera: the one that disagrees explains a doubtful joint."""
    assert poses.keypoints is not None
    size = np.linalg.norm(residual, axis=-1)
    asked = _asked(poses)
    rows = []
    for j, name in enumerate(poses.skeleton.joints):
        present = poses.status[..., j] > 0
        by_camera = {camera: _median(size[:, v, :, j]) for v, camera in enumerate(poses.keypoints.cameras)}
        rows.append(
            {
                "name": name,
                "present_percent": _percent(present[asked].mean()) if asked.any() else 0.0,
                "views": round(float(poses.views[..., j][present].mean()), 1) if present.any() else 0.0,
                "reprojection_error_px": _median(poses.reprojection_error[..., j]),
                "sigma_mm": _median(poses.sigma[..., j] * 1000),
                **_gaps(present | ~asked),
                "residual_px": by_camera,
            }
        )
    return rows


def _gaps(present: NDArray[np.bool_]) -> dict[str, int]:
    """Number and longest length (frames) of the runs without a joint, [T, P]."""
    lengths: list[int] = []
    for person in present.T:
        edges = np.flatnonzero(np.diff(np.concatenate([[True], person, [True]]).astype(int)))
        lengths += list(edges[1::2] - edges[::2])
    return {"gaps": len(lengths), "longest_gap": int(max(lengths, default=0))}


def _bones(poses: Poses) -> list[dict[str, Any]]:
    """Length and steadiness of the limb bones, each person's own, averaged over the people."""
    rows = []
    for a, b in poses.skeleton.limb_bones:
        length = np.linalg.norm(poses.xyz[:, :, a] - poses.xyz[:, :, b], axis=-1)
        columns = [column[np.isfinite(column)] for column in length.T]
        columns = [column for column in columns if len(column)]
        name = f"{poses.skeleton.joints[a]}-{poses.skeleton.joints[b].removeprefix('left_').removeprefix('right_')}"
        means = [float(column.mean()) for column in columns]
        cvs = [float(column.std() / column.mean()) for column in columns if len(column) > 1]
        rows.append(
            {
                "name": name,
                "length_mm": round(1000 * float(np.mean(means)), 1) if means else None,
                "cv_percent": round(100 * float(np.mean(cvs)), 2) if cvs else None,
            }
        )
    return rows


def _verdict(summary: dict[str, Any], poses: Poses) -> dict[str, Any]:
    """Good unless something speaks against it; bad if the result should not be used."""
    assert poses.rig is not None
    longer = float(np.mean([max(camera.size) for camera in poses.rig]))
    findings = [
        _judge_residual(summary["residual_px"], longer),
        _judge_bones(summary["bone_cv_percent"]),
        _judge_presence(summary["joints_present_percent"]),
        _judge_views(poses),
        *_judge_cameras(summary["cameras"], longer),
        _judge_symmetry(summary["bones"]),
    ]
    found = [finding for finding in findings if finding is not None]
    levels = [level for level, _ in found]
    level = "bad" if "bad" in levels else "doubtful" if "doubtful" in levels else "good"
    reasons = [reason for _, reason in found]
    if not reasons:
        reasons = [
            f"cameras agree to {summary['residual_px']:g} px, "
            + (f"limb lengths vary by {summary['bone_cv_percent']:g} %, " if summary["bone_cv_percent"] else "")
            + f"{summary['joints_present_percent']:g} % of the joints are there"
        ]
    return {"level": level, "reasons": reasons}


def _judge_residual(residual: float | None, longer: float) -> tuple[Level, str] | None:
    """Do the cameras agree?"""
    if residual is None:
        return "bad", "no joint was seen by two cameras"
    if residual <= GOOD_RESIDUAL * longer:
        return None
    level = "bad" if residual > BAD_RESIDUAL * longer else "doubtful"
    return level, (
        f"cameras and keypoints disagree by {residual:g} px in the median "
        f"({100 * residual / longer:.2f} % of the picture; sound calibrations stay under {100 * GOOD_RESIDUAL:g} %)"
    )


def _judge_bones(cv: float | None) -> tuple[Level, str] | None:
    """Are the bones rigid?"""
    if cv is None or cv <= 100 * GOOD_CV:
        return None
    return "bad" if cv > 100 * BAD_CV else "doubtful", f"limb lengths vary by {cv:g} % from frame to frame"


def _judge_presence(percent: float) -> tuple[Level, str] | None:
    """Is the person there?"""
    if percent >= 100 * GOOD_PRESENT:
        return None
    return "bad" if percent < 100 * BAD_PRESENT else "doubtful", f"only {percent:g} % of the joints could be found"


def _judge_views(poses: Poses) -> tuple[Level, str] | None:
    """Is there redundancy?"""
    present = poses.views[poses.status > 0]
    if not len(present) or present.mean() >= MIN_VIEWS:
        return None
    return "doubtful", f"joints rest on {present.mean():.1f} cameras on average: errors of one camera cannot be seen"


def _judge_cameras(cameras: list[dict[str, Any]], longer: float) -> list[tuple[Level, str] | None]:
    """Is one camera off?"""
    found: list[tuple[Level, str] | None] = []
    for camera in cameras:
        others = [c["residual_px"] for c in cameras if c is not camera and c["residual_px"] is not None]
        residual = camera["residual_px"]
        if residual is None:
            found.append(("doubtful", f"{camera['name']} never sees the person"))
            continue
        bias = np.array([value or 0.0 for value in camera["bias_px"]])
        amount = float(np.linalg.norm(bias))
        if amount > max(BIAS_SHARE * residual, GOOD_RESIDUAL * longer):
            text = f"{camera['name']}'s keypoints lie ({bias[0]:+.0f}, {bias[1]:+.0f}) px beside the reprojection: "
            found.append(("doubtful", text + "its calibration does not quite fit"))
        elif others and residual > 2 * np.median(others) and residual > GOOD_RESIDUAL * longer:
            text = f"{camera['name']} is off by {residual:g} px, the others by {np.median(others):.1f} px"
            found.append(("doubtful", text))
        if camera["used_percent"] < 50:
            text = f"{camera['name']} was left out in {100 - camera['used_percent']:.0f} % of its keypoints"
            found.append(("doubtful", text))
    return found


def _judge_symmetry(bones: list[dict[str, Any]]) -> tuple[Level, str] | None:
    """Are left and right of one person?"""
    lengths = {bone["name"]: bone["length_mm"] for bone in bones if bone["length_mm"]}
    worst = max(
        (
            (abs(lengths[name] - lengths[other]) / (0.5 * (lengths[name] + lengths[other])), name[5:])
            for name in lengths
            if name.startswith("left_") and (other := "right_" + name[5:]) in lengths
        ),
        default=(0.0, ""),
    )
    if worst[0] <= GOOD_ASYMMETRY:
        return None
    return "doubtful", f"left and right {worst[1]} differ by {100 * worst[0]:.0f} % in length"
