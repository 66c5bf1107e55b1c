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


MOVE_COLUMNS = ("camera", "turned deg", "sigmas", "moved cm", "sigmas", "focal %", "before px", "after px")


def move_rows(found: Repair) -> list[dict[str, Any]]:
    """One row a camera: what a repair changes."""
    return [
        {
            "name": move.name,
            "rotation_deg": round(move.rotation_deg, 3),
            "rotation_sigmas": round(move.rotation_sigmas, 1),
            "center_cm": round(move.center_cm, 2),
            "center_sigmas": round(move.center_sigmas, 1),
            "focal_percent": round(move.focal_percent, 2),
            "before_px": round(move.before_px, 2),
            "after_px": round(move.after_px, 2),
        }
        for move in found.moves
    ]
