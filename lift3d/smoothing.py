"""Smoothing of poses by name: refinement in time, or a classical filter on the positions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .filters import butterworth, fill_gaps, median, one_euro, savitzky_golay
from .kalman import kalman_smooth
from .refinement import Progress, RefinementConfig, active_frames, refine, reprojection_rms

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Method = Literal["none", "map", "butterworth", "savgol", "one-euro", "kalman", "median"]

CUTOFF_HZ = 6.0
"""What gait laboratories filter markers with (Winter); throws and kicks need more."""


@dataclass(frozen=True)
class SmoothingConfig:
    """How to smooth.

    Args:
        method: "map" is :func:`lift3d.refinement.refine`; "none" leaves the poses as they are.
        cutoff: Hz, of a classical filter; None: :data:`CUTOFF_HZ`. "map" finds its own.
        max_gap: seconds; longer gaps stay gaps.

    Raises:
        InputError: an unknown method, a negative gap, or a cutoff for a method without one.
    """

    method: Method = "none"
    cutoff: float | None = None
    max_gap: float = 0.2

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise InputError(f"the smoothing must be {', '.join(get_args(Method))}, got {self.method!r}")
        if not (np.isfinite(self.max_gap) and self.max_gap >= 0):
            raise InputError(f"the longest gap to fill must be 0 s or more, got {self.max_gap:g}")
        if self.cutoff is not None and self.method in ("none", "map"):
            raise InputError(f"smoothing {self.method!r} has no cutoff; a classical filter has one, e.g. butterworth")


def smooth_poses(poses: Poses, config: SmoothingConfig, *, progress: Progress | None = None) -> Poses:
    """Smooth poses in time and fill short gaps.

    A classical filter sees positions alone: observed joints keep the covariance they had, which is then too large
    rather than too small, and a filled joint's grows with its distance from the ends of the gap.

    Args:
        poses: any poses for a classical filter; for "map" as `lift3d reconstruct` makes them.
        config: the method and its settings.
        progress: called with (stage, done, total).

    Returns:
        The same people and frames; filled joints have status INTERPOLATED.

    Raises:
        InputError: "map" without cameras and keypoints, or a cutoff that the frame rate cannot show.
    """
    if config.method == "none":
        return poses
    if config.method == "map":
        return refine(poses, config=RefinementConfig(max_gap=config.max_gap), progress=progress)
    seen = np.asarray(np.isfinite(poses.xyz).all(-1) & (poses.status != Status.INTERPOLATED))
    longest = int(config.max_gap * poses.fps + 1e-6)
    x = np.where(seen[..., None], poses.xyz, np.nan)
    active = active_frames(seen, longest)
    xyz = np.where(active[..., None], _filtered(x, poses.fps, config, longest), np.nan)
    status = np.where(seen, poses.status, np.where(active, Status.INTERPOLATED, Status.MISSING)).astype(np.uint8)
    changes: dict[str, Any] = {
        "xyz": xyz,
        "status": status,
        "covariance": _gap_covariance(poses, xyz, seen, active),
        "settings": {**poses.settings, "smoothing": asdict(config)},
    }
    if poses.rig is not None and poses.keypoints is not None and poses.used is not None:
        changes["reprojection_error"] = reprojection_rms(poses.rig, xyz, poses.keypoints.xy, poses.used)
    return poses.replace(**changes)


def fill_short_gaps(poses: Poses, max_gap: float) -> Poses:
    """Bridge gaps without touching anything else.

    Args:
        poses: any poses.
        max_gap: seconds; longer gaps stay gaps.

    Returns:
        The same poses; filled joints lie between the ends of the gap and have status INTERPOLATED.
    """
    SmoothingConfig(max_gap=max_gap)
    longest = int(max_gap * poses.fps + 1e-6)
    seen = np.asarray(np.isfinite(poses.xyz).all(-1))
    xyz = fill_gaps(np.where(seen[..., None], poses.xyz, np.nan), longest)
    filled = ~seen & np.isfinite(xyz).all(-1)
    status = np.where(filled, np.uint8(Status.INTERPOLATED), poses.status).astype(np.uint8)
    return poses.replace(xyz=xyz, status=status, covariance=_gap_covariance(poses, xyz, seen, seen | filled))


def _filtered(x: Array, fps: float, config: SmoothingConfig, longest: int) -> Array:
    """Apply one of the classical filters to [T, P, J, 3]."""
    cutoff = CUTOFF_HZ if config.cutoff is None else config.cutoff
    if config.method == "kalman":
        return kalman_smooth(x, fps, cutoff=cutoff)[0]
    filled = fill_gaps(x, longest)
    if config.method == "butterworth":
        return butterworth(filled, fps, cutoff=cutoff)
    if config.method == "one-euro":
        return one_euro(filled, fps, cutoff=cutoff)
    if not 0 < cutoff < fps / 2:
        raise InputError(f"the cutoff must lie between 0 and half the frame rate ({fps / 2:g} Hz), got {cutoff:g} Hz")
    if config.method == "median":
        return median(filled, fps, window=0.5 / cutoff)
    # Schafer, What is a Savitzky-Golay filter?, IEEE Signal Processing Magazine 28 (2011): the 3 dB point, degree 3.
    half = (4 / (2 * cutoff / fps) + 4.6) / 3.2
    return savitzky_golay(filled, fps, window=(2 * half + 1) / fps)


def _gap_covariance(poses: Poses, xyz: Array, seen: Mask, active: Mask) -> Array:
    """Covariances with those of filled joints: the ends', plus what a typical acceleration does in between."""
    out = np.where(seen[..., None], poses.covariance, np.nan)
    index = np.arange(len(xyz))
    filled = active & ~seen
    for p, j in np.argwhere(filled.any(0)):
        inside, known = np.flatnonzero(filled[:, p, j]), np.flatnonzero(seen[:, p, j])
        after = np.searchsorted(known, inside)
        before_s, after_s = (inside - known[after - 1]) / poses.fps, (known[after] - inside) / poses.fps
        acceleration = np.diff(xyz[:, p, j], 2, axis=0) * poses.fps**2
        typical = float(np.nanmean(acceleration**2)) if np.isfinite(acceleration).any() else 0.0
        for c in range(6):
            out[inside, p, j, c] = np.interp(inside, index[known], out[known, p, j, c])
        out[inside[:, None], p, j, [[0, 3, 5]]] += (typical * (before_s * after_s / 2) ** 2)[:, None]
    return out


def motion_figures(poses: Poses) -> dict[str, float]:
    """How steady and how certain poses are.

    Returns:
        bone_cv_percent (mean variation of the limb lengths), acceleration (median, m/s²), sigma_mm, residual_px
        (median over the observations used), filled (joints interpolated); NaN for what is not known.
    """
    variation = []
    for a, b in poses.skeleton.limb_bones:
        length = np.linalg.norm(poses.xyz[:, :, a] - poses.xyz[:, :, b], axis=-1)
        for person in length.T:
            person = person[np.isfinite(person)]
            if len(person) > 1:
                variation.append(100 * float(person.std() / person.mean()))
    acceleration = np.linalg.norm(np.diff(poses.xyz, 2, axis=0), axis=-1) * poses.fps**2
    residual = np.zeros(0)
    if poses.rig is not None and poses.keypoints is not None and poses.used is not None:
        error = np.moveaxis(poses.rig.project(poses.xyz), 0, 1) - poses.keypoints.xy
        residual = np.linalg.norm(error, axis=-1)[poses.used]
    return {
        "bone_cv_percent": float(np.mean(variation)) if variation else float("nan"),
        "acceleration": _median(acceleration),
        "sigma_mm": 1000 * _median(np.where(poses.status > 0, poses.sigma, np.nan)),
        "residual_px": _median(residual),
        "filled": float((poses.status == Status.INTERPOLATED).sum()),
    }


def _median(value: Array) -> float:
    """Median of the finite values, NaN where there are none."""
    finite = value[np.isfinite(value)]
    return float(np.median(finite)) if len(finite) else float("nan")
