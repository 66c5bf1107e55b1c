"""One self-contained HTML page about a result: verdict first, then the scene, then the figures. No network."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, Rig
from lift3d.calib.atomic_file import atomic_file
from lift3d.datasets import Poses

from .coloring import CENTER, LEFT, RIGHT, bone_side
from .palette import PEOPLE

Array = NDArray[np.float64]

MAX_FRAMES = 3000
"""Frames kept in the page; of longer results every n-th, which the page says. 25 joints take 150 bytes a frame."""

MISSING = -32768
SHADES = {LEFT: "left", CENTER: "trunk", RIGHT: "right"}
RANGE_M = 32.0  # int16 millimetres


def write_report(
    poses: Poses,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    overwrite: bool = False,
    angles: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write the page.

    Args:
        poses: a result; its ``figures`` fill the tables where it has them.
        path: the page, ``*.html``.
        title: the heading; None: the page's name.
        overwrite: replace a page that exists.
        angles: rows of joint angles with ``person`` (from 1), as ``lift3d analyze --json`` gives them; none by default.

    Raises:
        FileExistsError: the page exists.
        OSError: the folder cannot be written.
    """
    path = Path(path)
    text = report_html(poses, title or path.name.removesuffix(".html"), angles=angles)
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def report_html(poses: Poses, title: str, *, bare: bool = False, angles: Sequence[Mapping[str, Any]] = ()) -> str:
    """The page as text.

    Args:
        poses: a result.
        title: the heading.
        bare: the scene and its controls alone, for a notebook.
        angles: rows of joint angles, as ``lift3d analyze --json`` gives them.
    """
    template = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    data = json.dumps({**page_data(poses, title, angles=angles), "bare": bare}, separators=(",", ":"), allow_nan=False)
    # Inside a script element only "<" could end it.
    return template.replace("@@DATA@@", data.replace("<", "\\u003c"))


def page_data(poses: Poses, title: str, *, angles: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """All that the page shows, ready for JSON."""
    T, P = poses.xyz.shape[:2]
    step = max(1, -(-T // MAX_FRAMES))
    xyz, status, time = poses.xyz[::step], poses.status[::step], poses.time[::step]
    middle, reach = _place(xyz)
    figures, joints = poses.figures, poses.skeleton.joints
    seconds = T / poses.fps
    notes = [] if step == 1 else [f"The scene shows every {step}th of {T} frames; the figures speak of all."]
    return {
        "title": title,
        "subtitle": f"{T} frames at {poses.fps:g} a second ({seconds:.1f} s), {P} {'person' if P == 1 else 'people'}, "
        f"joint set {poses.skeleton.name}",
        "verdict": poses.verdict,
        "figures": _headline(figures),
        "note": " ".join(notes),
        "frames": len(xyz),
        "people": P,
        "joints": list(joints),
        "bones": [[a, b, SHADES[bone_side(joints[a], joints[b])]] for a, b in poses.skeleton.bones],
        "colors": [{"left": p.left, "trunk": p.center, "right": p.right} for p in PEOPLE],
        "time": [round(float(value), 4) for value in time],
        "rate": poses.fps / step,
        "origin": [round(float(value), 3) for value in middle],
        "middle": [round(float(value), 3) for value in middle],
        "reach": round(reach, 3),
        "floor": _floor(middle, reach),
        "xyz": _packed_xyz(xyz, np.round(middle, 3)),
        "status": base64.b64encode(np.ascontiguousarray(status, np.uint8).tobytes()).decode(),
        "cameras": [_frustum(camera, reach) for camera in poses.rig or Rig(())],
        **_tables(figures),
        **_angle_table(angles, people=P),
        "inputRows": [[name, value] for name, value in sorted(poses.inputs.items())],
    }


def _place(xyz: Array) -> tuple[Array, float]:
    """Where people are [3] m and how far around, m; wild joints do not count."""
    points = xyz[np.isfinite(xyz).all(-1)]
    if not len(points):
        return np.array([0.0, 0.0, 0.9]), 2.0
    low, high = np.quantile(points, [0.02, 0.98], axis=0)
    return (low + high) / 2, float(max(1.2, np.linalg.norm(high - low) / 2 * 1.2))


def _floor(middle: Array, reach: float) -> list[int]:
    """Whole metres: x from, to, y from, to."""
    half = int(np.ceil(min(max(reach * 1.4, 2.0), 20.0)))
    x, y = (int(np.round(value)) for value in middle[:2])
    return [x - half, x + half, y - half, y + half]


def _packed_xyz(xyz: Array, origin: Array) -> str:
    """Base64 of int16 millimetres from the origin; what is missing or absurdly far is MISSING."""
    relative = xyz - origin
    with np.errstate(invalid="ignore"):
        keep = np.isfinite(relative).all(-1, keepdims=True) & (np.abs(relative) < RANGE_M).all(-1, keepdims=True)
        packed = np.where(keep, np.round(np.nan_to_num(relative) * 1000), MISSING).astype("<i2")
    return base64.b64encode(packed.tobytes()).decode()


def _frustum(camera: Camera, reach: float) -> dict[str, Any]:
    """A camera's name, centre and the corners of its picture a short way before it."""
    width, height = camera.size
    corners = np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], np.float64)
    ideal = (corners - camera.principal_point) / camera.focal
    depth = 0.16 * reach
    rays = np.column_stack([ideal, np.ones(4)]) * depth
    world = (rays - camera.t) @ camera.R
    return {
        "name": camera.name,
        "center": [round(float(value), 3) for value in camera.center],
        "corners": [[round(float(value), 3) for value in corner] for corner in world],
    }


def _angle_table(angles: Sequence[Mapping[str, Any]], *, people: int) -> dict[str, Any]:
    """Rows of the angles that were found in any frame; the person's number only where there are several."""
    keys = ("present_percent", "least_deg", "median_deg", "most_deg", "sigma_deg")
    rows = [row for row in angles if row.get("present_percent")]
    return {
        "angleHead": ["angle", "there %", "least °", "median °", "most °", "sigma °"],
        "angleRows": [
            [
                (f"{row['person']} " if people > 1 else "") + str(row["name"]).replace("_", " "),
                *(row.get(key) for key in keys),
            ]
            for row in rows
        ],
    }


def _headline(figures: dict[str, Any]) -> list[list[Any]]:
    """The figures that stand in large type."""
    rows = [
        ("joints found", "joints_present_percent", " %"),
        ("cameras agree to", "residual_px", " px"),
        ("uncertainty", "sigma_mm", " mm"),
        ("limbs vary by", "bone_cv_percent", " %"),
        ("left-right undone", "left_right_swaps", ""),
    ]
    return [[name, f"{figures[key]:g}{unit}"] for name, key, unit in rows if figures.get(key) is not None]


def _tables(figures: dict[str, Any]) -> dict[str, Any]:
    """Rows per camera, joint and limb."""
    cameras, joints = figures.get("cameras", []), figures.get("joints", [])
    names = [camera["name"] for camera in cameras]
    residuals = [value for joint in joints for value in joint["residual_px"].values() if value is not None]
    return {
        "cameraHead": ["camera", "frames", "used %", "residual px", "bias x px", "bias y px", "sides undone"],
        "cameraRows": [
            [
                *(camera[key] for key in ("name", "frames_seen", "used_percent", "residual_px")),
                *camera["bias_px"],
                camera["swapped_frames"],
            ]
            for camera in cameras
        ],
        "jointHead": ["joint", "there %", "gaps", "longest", "views", "sigma mm", *(f"{name} px" for name in names)],
        "jointRows": [
            [
                joint["name"].replace("_", " "),
                *(joint[key] for key in ("present_percent", "gaps", "longest_gap", "views", "sigma_mm")),
                *(joint["residual_px"].get(name) for name in names),
            ]
            for joint in joints
        ],
        "residualFull": max(float(np.quantile(residuals, 0.95)), 1.0) if residuals else 1.0,
        "boneRows": [
            [bone["name"].replace("_", " "), bone["length_mm"], bone["cv_percent"]] for bone in figures.get("bones", [])
        ],
    }
