"""Put a calibration right that has drifted: tripods were knocked, cameras turned, a focus touched.

The shape of the rig (where the cameras stand to each other) comes from the person whom they see. Where the whole rig
lies in the world, and its scale, a person cannot tell: that comes from clicks on points of the scene whose places are
known (:mod:`lift3d.calib.static_points`), or else from the cameras' old places, of each as far as it seems to stand
where it stood (:mod:`lift3d.calib.old_places`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .body_adjustment import Adjustment, Prior, adjust
from .body_observations import CENTER, FOCAL, OMEGA, BodyViews
from .distortion import Array
from .errors import CalibrationError
from .old_places import Standing, find_moved, find_moved_in_world, lay_over, offsets, settle
from .rig import Rig
from .static_points import StaticPoints

Progress = Callable[[str, int, int], None]

ROTATION_SD = np.radians(2.0)
CENTER_SD_M = 0.1
"""How far a camera may have moved, as a standard deviation. Loose, so that it holds the shape only where the person
says nothing; who moved is decided afterwards."""


@dataclass(frozen=True)
class Move:
    """How a camera was moved by the repair.

    Args:
        name: the camera.
        rotation_deg: the angle.
        center_cm: the distance.
        rotation_sd_deg: its standard deviation, in the world that the known points hold, or else the standing cameras.
        center_sd_cm: that of the distance.
        rotation_sigmas: the angle over its standard deviation in its own direction.
        center_sigmas: the distance over its own.
        focal_percent: change of the focal length.
        before_px: median reprojection error in this camera before.
        after_px: and after.
    """

    name: str
    rotation_deg: float
    center_cm: float
    rotation_sd_deg: float
    center_sd_cm: float
    rotation_sigmas: float
    center_sigmas: float
    focal_percent: float
    before_px: float
    after_px: float


@dataclass(frozen=True, eq=False)
class Repair:
    """A repaired calibration.

    Args:
        rig: the cameras, repaired.
        moves: one a camera.
        moved: the cameras that moved: where known points hold the world, each that surely did; else those without which
            the others stand as they stood, none where none did or it cannot be told.
        standing: what the old places told; None where it was said who moved.
        anchored: whether known points hold the world.
        before_px: median reprojection error before; after_px: after.
        adjustment: in the gauge of the prior.
    """

    rig: Rig
    moves: tuple[Move, ...]
    moved: tuple[str, ...]
    standing: Standing | None
    anchored: bool
    before_px: float
    after_px: float
    adjustment: Adjustment


def repair(
    views: BodyViews,
    rig: Rig,
    *,
    focal_sd: float = 0.0,
    moved: Sequence[str] = (),
    static: StaticPoints | None = None,
    clocks: tuple[float, float] = (0.0, 0.0),
    progress: Progress | None = None,
) -> Repair:
    """Refine a calibration by what the cameras saw of a person.

    Args:
        views: the person, associated.
        rig: the calibration.
        focal_sd: how far focal lengths may be off, as a share; 0 keeps them.
        moved: cameras that are known to have moved; the others then hold the world. Empty: found out.
        static: clicks on points of the scene; if any have known places, these hold the world.
        clocks: how far delays (frames) and drifts (frames a frame) may be off; needs velocities in ``views``.
        progress: called with (stage, done, total).

    Raises:
        CalibrationError: a name in ``moved`` is no camera, or fewer than two are left to hold the world, or the known
            points cannot hold it.
        InputError: shapes disagree, there is nothing to adjust with, or known points speak of another world.
    """
    V = len(rig)
    anchored = static is not None and bool(np.isfinite(static.xyz).any())
    if anchored:
        assert static is not None
        static.check_world(rig)
    _check_moved(moved, rig, hold=0 if anchored else 2)
    before = adjust(views, rig, Prior.poses(V, rotation=0.0, center=0.0), rounds=2)
    free = np.array([name in moved for name in rig.names])
    delay, drift = (np.full(V, value) for value in clocks)
    delay[0] = drift[0] = 0.0
    prior = Prior(
        np.where(free | anchored, 10.0, 1.0) * ROTATION_SD,
        np.where(free | anchored, 10.0, 1.0) * CENTER_SD_M,
        np.full(V, focal_sd),
        delay,
        drift,
    )
    found = adjust(views, rig, prior, static=static, progress=progress)
    standing, repaired, covariance = None, found.rig, _pose_covariance(found)
    if not moved:
        standing = (find_moved_in_world if anchored else find_moved)(found.rig, rig, covariance)
        free = standing.moved
    if not anchored:
        hold = standing.hold if standing else np.where(free, 0.0, 1.0)
        repaired = lay_over(found.rig, rig, hold)
        covariance = settle(covariance, repaired, hold)
    return Repair(
        rig=repaired,
        moves=_moves(before, found, rig, repaired, covariance=covariance),
        moved=tuple(name for name, gone in zip(rig.names, free, strict=True) if gone),
        standing=standing,
        anchored=anchored,
        before_px=float(np.nanmedian(before.error)),
        after_px=float(np.nanmedian(found.error)),
        adjustment=found,
    )


def _check_moved(moved: Sequence[str], rig: Rig, *, hold: int) -> None:
    """Refuse names that are no cameras, and too many of them."""
    unknown = [name for name in moved if name not in rig.names]
    if unknown:
        raise CalibrationError(f"moved: {', '.join(unknown)} is no camera of {', '.join(rig.names)}")
    if moved and len(rig) - len(set(moved)) < hold:
        raise CalibrationError(f"moved: {', '.join(moved)} leaves fewer than two cameras to hold the world")


def _pose_covariance(found: Adjustment) -> Array:
    """[V, 6, V, 6]."""
    return found.covariance[:, :6, :, :6]


def _moves(before: Adjustment, found: Adjustment, rig: Rig, repaired: Rig, *, covariance: Array) -> tuple[Move, ...]:
    """The table of what changed."""
    moves = []
    for v, (camera, offset) in enumerate(zip(rig, offsets(repaired, rig), strict=True)):
        own, omega, step = covariance[v, :, v], offset[OMEGA], offset[CENTER]
        moves.append(
            Move(
                camera.name,
                rotation_deg=float(np.degrees(np.linalg.norm(omega))),
                center_cm=float(100 * np.linalg.norm(step)),
                rotation_sd_deg=float(np.degrees(np.sqrt(max(np.trace(own[OMEGA, OMEGA]), 0.0)))),
                center_sd_cm=float(100 * np.sqrt(max(np.trace(own[CENTER, CENTER]), 0.0))),
                rotation_sigmas=_in_sigmas(omega, own[OMEGA, OMEGA]),
                center_sigmas=_in_sigmas(step, own[CENTER, CENTER]),
                focal_percent=float(100 * np.expm1(found.moved[v, FOCAL])),
                before_px=_median(before.error[:, v]),
                after_px=_median(found.error[:, v]),
            )
        )
    return tuple(moves)


def _in_sigmas(move: Array, covariance: Array) -> float:
    """The length of a move over its standard deviation in its own direction."""
    length = float(np.linalg.norm(move))
    if length == 0:
        return 0.0
    variance = float(move @ covariance @ move) / length**2
    return length / float(np.sqrt(max(variance, 1e-18)))


def _median(values: Array) -> float:
    """NaN for nothing."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")
