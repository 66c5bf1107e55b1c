"""Which curves of an analysis go into which picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib.atomic_file import atomic_file
from lift3d.viz.chart import BAND_SIGMAS, Chart, Curve, Panel, Strip
from lift3d.viz.palette import AXES, PEOPLE

from .analysis import Analysis
from .contacts import FLOOR

Array = NDArray[np.float64]

NOTE = f"band: {BAND_SIGMAS:g} standard deviations either way; paler: filled in"
# Left and right lie over each other here, so they differ in hue as well as in lightness.
LEFT, RIGHT, CENTER = PEOPLE[0].shades[1], PEOPLE[1].shades[1], PEOPLE[4].shades[1]

SIDED = {
    "legs": {
        "hip_flexion": "hip flexion",
        "knee_flexion": "knee flexion",
        "ankle_dorsiflexion": "ankle dorsiflexion",
    },
    "arms": {
        "shoulder_flexion": "shoulder flexion",
        "shoulder_abduction": "shoulder abduction",
        "elbow_flexion": "elbow flexion",
    },
}
TRUNK = {
    "trunk_lean": "trunk lean, forward",
    "trunk_side_lean": "trunk lean, to the right",
    "trunk_rotation": "shoulders against hips, to the left",
    "head_pitch": "head pitch, up",
}
PLOTS = (*SIDED, "trunk", "com")


def draw_plot(found: Analysis, name: str, title: str = "") -> NDArray[np.uint8]:
    """One of :data:`PLOTS` as a picture [H, W, 3] BGR.

    Args:
        found: what to draw.
        name: "legs", "arms", "trunk" or "com".
        title: above the picture.
    """
    if name == "com":
        panels: Sequence[Panel] = _com_panels(found)
    elif name == "trunk":
        panels = [Panel(f"{text} [deg]", [_angle(found, key, "", CENTER)]) for key, text in TRUNK.items()]
    else:
        panels = [
            Panel(
                f"{text} [deg]",
                [_angle(found, "left_" + key, "left", LEFT), _angle(found, "right_" + key, "right", RIGHT)],
            )
            for key, text in SIDED[name].items()
        ]
    strips = () if name in ("arms", "trunk") else _floor_strips(found)
    return Chart(found.time, panels, title, NOTE, strips).draw()


def write_plot(found: Analysis, name: str, path: Path, *, title: str = "", overwrite: bool = False) -> Path:
    """Write one of :data:`PLOTS` as PNG.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is False.
        OSError: it cannot be written.
    """
    _, data = cv2.imencode(".png", draw_plot(found, name, title), [cv2.IMWRITE_PNG_COMPRESSION, 6])
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data.tobytes())
    return path


def _angle(found: Analysis, name: str, label: str, color: Array) -> Curve:
    """An angle in degrees."""
    return Curve(label, np.degrees(found.angles[name]), color, np.degrees(found.sigma[name]), found.filled[name])


def _com_panels(found: Analysis) -> list[Panel]:
    """Where the centre of mass is, held against its mean place, and how fast it moves."""
    sigma = np.sqrt(found.com_covariance[:, [0, 3, 5]])
    axes = zip("xyz", AXES, strict=True)
    seen = np.isfinite(found.com[:, 0])
    middle = found.com[seen].mean(0) if seen.any() else np.zeros(3)
    place = [
        Curve(f"{axis} {middle[i]:+.2f} m", 1000 * (found.com[:, i] - middle[i]), color, 1000 * sigma[:, i])
        for i, (axis, color) in enumerate(axes)
    ]
    speed = Curve("", np.linalg.norm(found.com_velocity, axis=-1), CENTER)
    return [Panel("centre of mass, off its mean [mm]", place), Panel("its speed [m/s]", [speed])]


def _floor_strips(found: Analysis) -> tuple[Strip, ...]:
    """When each foot stands."""
    colors = {"left": LEFT, "right": RIGHT}
    return tuple(
        Strip(f"{side} foot", np.asarray(states["foot"] == FLOOR), colors[side])
        for side, states in found.contacts.items()
    )
