"""What the calibrations by people tell, as rows ready for tables and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lift3d.calib.body_observations import CENTER
from lift3d.calib.repair import Repair

if TYPE_CHECKING:
    from .calibrate_people import PeopleCalibration


def camera_places(found: PeopleCalibration) -> list[dict[str, Any]]:
    """One row a camera: place, uncertainty against the first camera, residual."""
    sd = found.adjustment.deviation
    rows = []
    for v, camera in enumerate(found.rig):
        x, y, z = camera.center
        rows.append(
            {
                "name": camera.name,
                "x_m": round(float(x), 3),
                "y_m": round(float(y), 3),
                "height_m": round(float(z), 3),
                "sigma_deg": round(float(np.degrees(np.linalg.norm(sd[v, :3]))), 3),
                "sigma_cm": round(float(100 * found.world.scale * np.linalg.norm(sd[v, 3:6])), 2),
                "residual_px": round(float(np.nanmedian(found.adjustment.error[:, v])), 2),
            }
        )
    return rows


LIKELY = 0.8
"""A camera that moved with more than this chance is named as likely off; one below the rest of it stands."""

MOVE_COLUMNS = ("camera", "turned deg", "+-", "sigmas", "moved cm", "+-", "sigmas", "focal %", "before px", "after px")


def move_rows(found: Repair) -> list[dict[str, Any]]:
    """One row a camera: what a repair changes."""
    return [
        {
            "name": move.name,
            "rotation_deg": round(move.rotation_deg, 3),
            "rotation_sd_deg": round(move.rotation_sd_deg, 3),
            "rotation_sigmas": round(move.rotation_sigmas, 1),
            "center_cm": round(move.center_cm, 2),
            "center_sd_cm": round(move.center_sd_cm, 2),
            "center_sigmas": round(move.center_sigmas, 1),
            "focal_percent": round(move.focal_percent, 2),
            "before_px": round(move.before_px, 2),
            "after_px": round(move.after_px, 2),
        }
        for move in found.moves
    ]


def who_moved(found: Repair) -> str:
    """Which cameras a repair takes for moved, or why it cannot tell; a line."""
    if found.anchored and found.standing is not None:
        return _who_moved_by_points(found)
    if found.moved:
        those = "that camera" if len(found.moved) == 1 else "those cameras"
        return f"{' and '.join(found.moved)} moved and the others stand: without {those} old places and pictures agree"
    if found.standing is None or found.standing.sure:
        return "" if found.standing is None else "no camera has moved by more than can be told"
    chance = {move.name: share for move, share in zip(found.moves, found.standing.chance, strict=True)}
    if min(chance.values()) == 1:
        told = "no cameras that stand to each other as they stood are enough to hold the world: all places together do"
    else:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in chance.items())
        told = f"several sets of cameras may have moved ({shares}): all old places together hold the world"
    return f"{told}; clicks on points of known place (--clicks, --points) would hold it instead and settle this"


def _who_moved_by_points(found: Repair) -> str:
    """The same where known points hold the world, so that cameras are judged one by one."""
    assert found.standing is not None
    told = f"in the world of the known points {', '.join(found.moved) or 'no camera'} moved"
    unsure = [
        f"{move.name} {share:.0%}"
        for move, share, gone in zip(found.moves, found.standing.chance, found.standing.moved, strict=True)
        if not gone and share > 1 - LIKELY
    ]
    if unsure:
        told += f"; it cannot be told of {', '.join(unsure)}"
    if len(found.moved) == len(found.moves):
        together = 100 * float(np.linalg.norm(found.adjustment.moved[:, CENTER].mean(0)))
        told += (
            f"; all of them together by {together:.1f} cm: if nobody touched them all, look at the points' coordinates"
        )
    return told


def click_lines(found: Repair) -> list[str]:
    """How clicks on fixed points fit the repaired cameras, and which of them to look at again."""
    fit = found.adjustment.clicks
    if fit is None or not np.isfinite(fit.error).any():
        return []
    told = (
        f"{np.isfinite(fit.error).sum()} clicks on {fit.known} points of known place and {fit.others} others lie "
        f"{np.nanmedian(fit.error):.1f} px (median) from where the repaired cameras see the points"
    )
    return [told] + [
        f"{bad.camera}: the click on {bad.point} is {bad.off_px:.0f} px from where the others put it; look again"
        for bad in fit.bad
    ]
