"""Do the cameras of a calibration agree on what they see, and if not, which of them is off?

Convention:
    a set of views is judged by the noise that would explain its residuals: sqrt(sum of squares / degrees of freedom)
    of each joint, and of that the median over joints. Sets of different sizes can so be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body_adjustment import triangulate_robustly
from .body_observations import BodyState, BodyViews, IdealViews, residuals, undo_lenses
from .distortion import Array
from .errors import InputError
from .rig import Rig
from .view_pairs import epipolar_error

CLEAR_GAIN = 0.8
"""The views without the camera that is off must agree by this factor better than with it..."""

CLEAR_LEAD = 0.9
"""...and better than the views without any other camera by this one."""

MIN_JOINTS = 20


@dataclass(frozen=True, eq=False)
class Agreement:
    """How well the views agree.

    Args:
        names: V cameras.
        noise: pixels, of all views together.
        camera: [V] pixels, the median reprojection error in each view.
        pair: [V, V] pixels, the median distance from each other's epipolar lines; NaN where two share too little.
        without: [V] pixels, the noise of the other views when one is left out; NaN where that leaves too little.
        off: the camera that is off, None where none is, or where it cannot be told.
    """

    names: tuple[str, ...]
    noise: float
    camera: Array
    pair: Array
    without: Array
    off: str | None


def measure_agreement(views: BodyViews, rig: Rig) -> Agreement:
    """Compare all views with each other, and again with each one left out.

    Args:
        views: associated points, a person's joints or anything else that several cameras see.
        rig: the calibration to judge.

    Raises:
        InputError: the views are not as many as the cameras, or share almost nothing.
    """
    V = len(rig)
    if views.xy.shape[1] != V:
        raise InputError(f"keypoints have {views.xy.shape[1]} views but the rig has {V} cameras")
    ideal = undo_lenses(views, rig)
    noise, error = _noise(ideal, rig, list(range(V)))
    if not np.isfinite(noise):
        raise InputError(f"fewer than {MIN_JOINTS} joints are seen by two cameras at once; nothing to compare")
    camera = np.array([_median(error[:, v]) for v in range(V)])
    pair = np.full((V, V), np.nan)
    for i in range(V):
        for j in range(i + 1, V):
            pair[i, j] = pair[j, i] = _median(epipolar_error(ideal, rig, (i, j)))
    without = np.full(V, np.nan)
    if V > 2:
        without = np.array([_noise(ideal, rig, [k for k in range(V) if k != v])[0] for v in range(V)])
    return Agreement(rig.names, noise, camera, pair, without, _camera_off(rig.names, noise, without))


def _camera_off(names: tuple[str, ...], noise: float, without: Array) -> str | None:
    """The camera whose removal makes the rest agree, if it is clear."""
    if len(names) < 3 or not np.isfinite(without).any():
        return None
    order = np.argsort(np.where(np.isfinite(without), without, np.inf))
    best, second = without[order[0]], without[order[1]]
    if best < CLEAR_GAIN * noise and best < CLEAR_LEAD * second:
        return names[order[0]]
    return None


def _noise(ideal: IdealViews, rig: Rig, which: list[int]) -> tuple[float, Array]:
    """Noise in pixels of some of the views, and their errors [T, V', J]."""
    index = np.array(which)
    part = IdealViews(
        ideal.xy[:, index], ideal.scale[:, index], ideal.velocity[:, index], ideal.seen[:, index], ideal.phase
    )
    cameras = Rig(tuple(rig[v] for v in which))
    X = triangulate_robustly(part, cameras, rounds=3)
    res = residuals(part, BodyState.of_rig(cameras, X, np.zeros(0)))
    error = np.where(res.valid, np.linalg.norm(res.e, axis=-1), np.nan)
    count = res.valid.sum(1)
    enough = count >= (3 if len(which) > 2 else 2)
    if enough.sum() < MIN_JOINTS:
        return np.nan, error
    squared = np.where(res.valid, error, 0.0)[...] ** 2
    return float(np.median(np.sqrt(squared.sum(1)[enough] / (2 * count[enough] - 3)))), error


def _median(values: Array) -> float:
    """Median of what is there; NaN for too little."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) >= MIN_JOINTS else float("nan")
