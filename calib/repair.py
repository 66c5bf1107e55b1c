"""Put a calibration right that has drifted: tripods were knocked, cameras turned, a focus touched.

The shape of the rig (where the cameras stand to each other) comes from the person whom they see. Where the whole rig
lies in the world, and its scale, nothing that they see can tell: that is taken from the cameras' old places, either of
all of them, or, if leaving out one camera makes the others fit their old places, of those others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .body_adjustment import Adjustment, Prior, adjust
from .body_observations import CAMERA_PARAMETERS, CENTER, FOCAL, OMEGA, BodyState, BodyViews
from .body_uncertainty import world_moves
from .distortion import Array
from .errors import CalibrationError
from .rig import Rig
from .rotation import rotation_matrix, rotation_vector

Progress = Callable[[str, int, int], None]

ROTATION_SD = np.radians(2.0)
CENTER_SD_M = 0.1
"""How far a camera may have moved, as a standard deviation. Loose, so that it holds the shape only where the person
says nothing; the misfits below decide who moved."""

TOLERANCE_RAD, TOLERANCE_M = np.radians(0.5), 0.03
"""Misfits of poses are counted in these units."""

CLEAR = 0.45
"""Leaving the moved camera out must bring the others' misfit below this share of what it was..."""

RIVAL = 0.5
"""...and below this share of what leaving any other camera out brings."""

LEAST_MISFIT = 0.25
"""Below it (0.12 degrees, 8 mm) nothing moved that is worth a name."""


@dataclass(frozen=True)
class Move:
    """How a camera was moved by the repair.

    Args:
        name: the camera.
        rotation_deg: the angle.
        center_cm: the distance.
        rotation_sigmas: the angle over its own standard deviation.
        center_sigmas: the distance over its own.
        focal_percent: change of the focal length.
        before_px: median reprojection error in this camera before.
        after_px: and after.
    """

    name: str
    rotation_deg: float
    center_cm: float
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
        moved: the one camera without which the others stand as they stood; None where no single one explains it.
        misfit: of the old places to the new shape, in units of 0.5 degrees and 3 cm.
        misfit_without: [V] the same without each camera.
        before_px: median reprojection error before; after_px: after.
        adjustment: in the gauge of the prior.
    """

    rig: Rig
    moves: tuple[Move, ...]
    moved: str | None
    misfit: float
    misfit_without: Array
    before_px: float
    after_px: float
    adjustment: Adjustment


def repair(
    views: BodyViews,
    rig: Rig,
    *,
    focal_sd: float = 0.0,
    moved: Sequence[str] = (),
    clocks: tuple[float, float] = (0.0, 0.0),
    progress: Progress | None = None,
) -> Repair:
    """Refine a calibration by what the cameras saw of a person.

    Args:
        views: the person, associated.
        rig: the calibration.
        focal_sd: how far focal lengths may be off, as a share; 0 keeps them.
        moved: cameras that are known to have moved; the others then hold the world. Empty: found out.
        clocks: how far delays (frames) and drifts (frames a frame) may be off; needs velocities in ``views``.
        progress: called with (stage, done, total).

    Raises:
        CalibrationError: a name in ``moved`` is no camera, or fewer than two are left to hold the world.
        InputError: shapes disagree, or there is nothing to adjust with.
    """
    V = len(rig)
    _check_moved(moved, rig)
    before = adjust(views, rig, Prior.poses(V, rotation=0.0, center=0.0), rounds=2)
    free = np.array([name in moved for name in rig.names])
    delay, drift = (np.full(V, value) for value in clocks)
    delay[0] = drift[0] = 0.0
    prior = Prior(
        np.where(free, 10.0, 1.0) * ROTATION_SD,
        np.where(free, 10.0, 1.0) * CENTER_SD_M,
        np.full(V, focal_sd),
        delay,
        drift,
    )
    found = adjust(views, rig, prior, progress=progress)
    keep = ~free if moved else np.ones(V, bool)
    misfit, _ = _misfit(found, keep)
    without = np.full(V, np.nan)
    if not moved and V > 2:
        without = np.array([_misfit(found, np.arange(V) != v)[0] for v in range(V)])
    name = None if moved else _odd_one(rig.names, misfit, without)
    held = keep if name is None else np.array([camera != name for camera in rig.names])
    repaired = _in_world_of(found, rig, held)
    return Repair(
        rig=repaired,
        moves=_moves(before, found, rig, repaired),
        moved=name,
        misfit=misfit,
        misfit_without=without,
        before_px=float(np.nanmedian(before.error)),
        after_px=float(np.nanmedian(found.error)),
        adjustment=found,
    )


def _check_moved(moved: Sequence[str], rig: Rig) -> None:
    """Refuse names that are no cameras, and too many of them."""
    unknown = [name for name in moved if name not in rig.names]
    if unknown:
        raise CalibrationError(f"moved: {', '.join(unknown)} is no camera of {', '.join(rig.names)}")
    if moved and len(rig) - len(set(moved)) < 2:
        raise CalibrationError(f"moved: {', '.join(moved)} leaves fewer than two cameras to hold the world")


def _misfit(found: Adjustment, keep: Array) -> tuple[float, Array]:
    """How badly some cameras' old places fit the new shape, and the world's move [7] under which they fit best."""
    state = BodyState.of_rig(found.rig, np.zeros((1, 1, 3)), np.zeros(0))
    N = world_moves(state, 0).reshape(-1, CAMERA_PARAMETERS, 7)[keep, :6]
    unit = np.r_[np.full(3, TOLERANCE_RAD), np.full(3, TOLERANCE_M)]
    A = (N / unit[:, None]).reshape(-1, 7)
    y = (found.moved[keep, :6] / unit).ravel()
    world = np.linalg.lstsq(A, y, rcond=None)[0]
    rest = y - A @ world
    return float(np.sqrt(rest @ rest / max(len(y) - 7, 1))), world


def _odd_one(names: tuple[str, ...], misfit: float, without: Array) -> str | None:
    """The camera that moved, if the others clearly did not."""
    if len(names) < 3 or misfit < LEAST_MISFIT:
        return None
    order = np.argsort(without)
    best, second = without[order[0]], without[order[1]]
    return names[order[0]] if best < CLEAR * misfit and best < RIVAL * second else None


def _in_world_of(found: Adjustment, rig: Rig, keep: Array) -> Rig:
    """The new shape, laid so that the cameras that count stand as nearly as can be where they stood."""
    cameras = found.rig
    for _ in range(4):  # the moves are small: a few linear steps are exact
        offsets = np.zeros((len(rig), CAMERA_PARAMETERS))
        for v, (new, old) in enumerate(zip(cameras, rig, strict=True)):
            offsets[v, OMEGA] = rotation_vector(new.R @ old.R.T)
            offsets[v, CENTER] = new.center - old.center
        _, world = _misfit(replace(found, rig=cameras, moved=offsets), keep)
        cameras = _move_world(cameras, -world)
    return cameras


def _move_world(rig: Rig, world: Array) -> Rig:
    """Turn, shift and scale the world by (3 radians, 3 metres, growth)."""
    turn, growth = rotation_matrix(world[:3]), float(np.exp(world[6]))
    cameras = []
    for camera in rig:
        R = camera.R @ turn.T
        cameras.append(camera.with_pose(R, -R @ (growth * turn @ camera.center + world[3:6])))
    return Rig(tuple(cameras))


def _moves(before: Adjustment, found: Adjustment, rig: Rig, repaired: Rig) -> tuple[Move, ...]:
    """The table of what changed."""
    moves = []
    for v, (old, new) in enumerate(zip(rig, repaired, strict=True)):
        own = found.covariance[v, :, v]
        omega, step = rotation_vector(new.R @ old.R.T), new.center - old.center
        moves.append(
            Move(
                old.name,
                rotation_deg=float(np.degrees(np.linalg.norm(omega))),
                center_cm=float(100 * np.linalg.norm(step)),
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
