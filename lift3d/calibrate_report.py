"""What the calibrations by people tell, as rows ready for tables and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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
    if found.moved:
        those = "that camera" if len(found.moved) == 1 else "those cameras"
        return f"{' and '.join(found.moved)} moved and the others stand: without {those} old places and pictures agree"
    if found.standing is None or found.standing.sure:
        return "" if found.standing is None else "no camera has moved by more than can be told"
    chance = {move.name: share for move, share in zip(found.moves, found.standing.chance, strict=True)}
    if min(chance.values()) == 1:
        return "no cameras that stand to each other as they stood are enough to hold the world: all places together do"
    told = ", ".join(f"{name} {share:.0%}" for name, share in chance.items())
    return f"several sets of cameras may have moved ({told}): all old places together hold the world"
