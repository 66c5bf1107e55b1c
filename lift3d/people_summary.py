"""Figures of every person of a reconstruction, and who was left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses

from .people import LeftOut
from .point_solver import Array
from .swaps import Sides

STATIC_PLACE_M = 0.1
STATIC_POSTURE_M = 0.05
"""A body that stays in place within the first, and in shape within the second, is called static. Somebody who stands
quietly sways by 2 cm; detectors move a joint by 1 to 3 cm."""

STATIC_SECONDS = 1.0


def person_rows(poses: Poses) -> list[dict[str, Any]]:
    """One row a person: when it is there, how many cameras see it, how much it moves, how steady its bones are."""
    assert poses.keypoints is not None
    frames = poses.keypoints.frames
    assert frames is not None
    rows = []
    for p in range(poses.xyz.shape[1]):
        there = np.flatnonzero((poses.status[:, p] > 0).any(-1))
        cameras = (poses.keypoints.confidence[:, :, p] > 0).any(-1).sum(1)  # [T]
        place, posture = movement(poses.xyz[:, p])
        seconds = float(poses.time[there[-1]] - poses.time[there[0]]) if len(there) else 0.0
        rows.append(
            {
                "person": p + 1,
                "frames": len(there),
                "first": int(frames[there[0]]) if len(there) else None,
                "last": int(frames[there[-1]]) if len(there) else None,
                "cameras": round(float(cameras[there].mean()), 1) if len(there) else 0.0,
                "place_mm": _millimetres(place),
                "posture_mm": _millimetres(posture),
                "static": bool(seconds >= STATIC_SECONDS and place < STATIC_PLACE_M and posture < STATIC_POSTURE_M),
                "bone_cv_percent": _bone_cv(poses, p),
            }
        )
    return rows


def movement(xyz: Array) -> tuple[float, float]:
    """How far a body moves from its usual place, and its joints from their usual posture; metres.

    Args:
        xyz: [T, J, 3] metres; NaN where missing.

    Returns:
        The 90 % quantile over time of the body's distance from its median place; the same of a joint's distance from
        its median position in the body, of the joint that moves more than three quarters of the others.
    """
    middle = _median(xyz, 1)  # [T, 3]
    place = np.linalg.norm(middle - _median(middle, 0), axis=-1)
    shape = xyz - middle[:, None]
    step = np.linalg.norm(shape - _median(shape, 0), axis=-1)
    if not np.isfinite(step).any():
        return float("inf"), float("inf")
    joints = [np.quantile(joint[np.isfinite(joint)], 0.9) for joint in step.T if np.isfinite(joint).any()]
    return float(np.quantile(place[np.isfinite(place)], 0.9)), float(np.quantile(joints, 0.75))


def swap_rows(poses: Poses, swapped: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Runs of frames in which a camera's left and right were exchanged: which camera, person, part, first and last.

    Args:
        poses: with their keypoints.
        swapped: [T, V, P, J] observations whose sides were exchanged back.
    """
    assert poses.keypoints is not None
    frames = poses.keypoints.frames
    assert frames is not None
    sides = Sides.of(poses.skeleton)
    lefts = np.array([left for left, _ in sides.pairs], np.intp)
    legs = np.array(sides.legs, bool)
    seen = (poses.keypoints.confidence > 0)[..., lefts]
    exchanged = swapped[..., lefts]
    # A joint or two of a group are named for what they are.
    share = [(exchanged & mask).sum(-1) > 0.5 * np.maximum((seen & mask).sum(-1), 1) for mask in (legs, ~legs)]
    part = np.where(share[0] & share[1], 3, np.where(share[0], 1, np.where(share[1], 2, 4)))
    part = np.where(exchanged.any(-1), part, 0)  # [T, V, P]
    rows = []
    for v, camera in enumerate(poses.keypoints.cameras):
        for p in range(part.shape[2]):
            rows += [
                {
                    "camera": camera,
                    "person": p + 1,
                    "part": PARTS[kind],
                    "first": int(frames[a]),
                    "last": int(frames[b]),
                }
                for kind, a, b in _runs(part[:, v, p])
            ]
    return rows


def sides_summary(poses: Poses, swapped: NDArray[np.bool_], unsure: NDArray[np.bool_] | None) -> dict[str, Any]:
    """What is known of left and right: runs that were exchanged back, runs that are not sure, and what to say of them.

    Args:
        poses: with their keypoints.
        swapped: [T, V, P, J] observations whose sides were exchanged back.
        unsure: [T, P] where all sides may be exchanged.

    Returns:
        {"left_right_runs", "left_right_unsure", "reasons"}: the last are sentences for the verdict, of which those on
        what is unsure make it doubtful.
    """
    assert poses.keypoints is not None
    frames = poses.keypoints.frames
    assert frames is not None
    runs = swap_rows(poses, swapped)
    doubts = [
        {"person": p + 1, "first": int(frames[a]), "last": int(frames[b])}
        for p in range(poses.xyz.shape[1])
        for _, a, b in _runs(unsure[:, p].astype(np.int64) if unsure is not None else np.zeros(len(frames), np.int64))
    ]
    reasons = [
        f"{camera} exchanges left and right of person {p + 1} in {count} of {seen} frames, which was undone"
        for camera, p, count, seen in side_habits(poses, swapped)
    ]
    for p in sorted({row["person"] for row in doubts}):
        mine = [row for row in doubts if row["person"] == p]
        reasons.append(
            f"left and right of person {p} may be exchanged in frames {mine[0]['first']}-{mine[-1]['last']}: "
            "the cameras disagree about them, and the body does not show which are right"
        )
    return {"left_right_runs": runs, "left_right_unsure": doubts, "reasons": reasons}


def side_habits(poses: Poses, swapped: NDArray[np.bool_]) -> list[tuple[str, int, int, int]]:
    """Cameras that exchange the whole body more often than not.

    Args:
        poses: with their keypoints.
        swapped: [T, V, P, J] observations whose sides were exchanged back.

    Returns:
        (camera, position of the person, frames exchanged, frames seen) of each.
    """
    assert poses.keypoints is not None
    lefts = [left for left, _ in poses.skeleton.symmetric]
    seen = (poses.keypoints.confidence > 0)[..., lefts]
    whole = np.asarray((swapped[..., lefts] & seen).sum(-1) > 0.5 * np.maximum(seen.sum(-1), 1))  # [T, V, P]
    there: NDArray[np.bool_] = np.asarray(seen.any(-1))
    return [
        (camera, p, int(whole[:, v, p].sum()), int(there[:, v, p].sum()))
        for v, camera in enumerate(poses.keypoints.cameras)
        for p in range(whole.shape[2])
        if whole[:, v, p].sum() > 0.5 * max(int(there[:, v, p].sum()), 1)
    ]


PARTS = ("", "legs", "upper body", "whole body", "single joints")


def _runs(kind: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """(kind, first, last) of the runs of equal numbers above zero."""
    edges = np.flatnonzero(np.diff(kind)) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(kind)]]) - 1
    return [(int(kind[a]), int(a), int(b)) for a, b in zip(starts, ends, strict=True) if len(kind) and kind[a]]


def left_out_rows(left_out: Sequence[LeftOut], *, most: int = 10) -> dict[str, Any]:
    """How many were left out for each reason, and those who were seen longest."""
    reasons = [item.reason for item in left_out]
    longest = sorted(left_out, key=lambda item: -item.frames)[:most]
    return {
        "count": {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)},
        "longest": [item.as_dict() for item in longest],
    }


def _bone_cv(poses: Poses, person: int) -> float | None:
    """Mean coefficient of variation of a person's limb bones, per cent."""
    ends = np.array(poses.skeleton.limb_bones, np.intp).reshape(-1, 2)
    xyz = poses.xyz[:, person]
    lengths = np.linalg.norm(xyz[:, ends[:, 0]] - xyz[:, ends[:, 1]], axis=-1)  # [T, B]
    cvs = [bone.std() / bone.mean() for column in lengths.T if len(bone := column[np.isfinite(column)]) > 1]
    return round(100 * float(np.mean(cvs)), 2) if cvs else None


def _median(value: Array, axis: int) -> NDArray[np.float64]:
    """Median of what is finite, NaN where nothing is."""
    return np.asarray(np.ma.median(np.ma.masked_invalid(value), axis=axis).filled(np.nan))


def _millimetres(value: float) -> int | None:
    """Rounded; None for what is not known."""
    return round(1000 * value) if np.isfinite(value) else None
