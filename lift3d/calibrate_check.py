"""What is wrong with a calibration, as far as the people in front of the cameras can tell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError, Rig
from lift3d.calib.agreement import Agreement, measure_agreement
from lift3d.calib.repair import Repair, repair
from lift3d.calib.static_points import StaticPoints
from lift3d.datasets import Keypoints
from lift3d.datasets.skeleton import canonical_name

from .association import associate
from .calibrate_people import people_by_geometry, views_of_people
from .calibrate_report import LIKELY, click_lines, move_rows, who_moved
from .calibrate_scene import scene_points, static_points
from .pairing import PairingReport, check_pairing, check_scale
from .triangulation import Triangulation, triangulate

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

WORTH_REPAIR = 0.8
"""A repair that lowers the residual below this share is worth its while."""

LENGTH_TOLERANCE = 0.02

CLICK_PX = 5.0
"""Clicks on one point that disagree by more are worth a line: the calibration does not fit, or one is a slip."""


def check_calibration(
    keypoints: Keypoints,
    rig: Rig,
    *,
    known_length: tuple[str, str, float] | None = None,
    clicks: Mapping[str, Mapping[str, Array]] | None = None,
    known_points: Mapping[str, Array] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare a calibration with keypoints.

    Args:
        keypoints: detections of T frames, V views.
        rig: the calibration.
        known_length: two joints, or two points of the scene, and the metres between them.
        clicks: pixels [2] of fixed points of the scene, by camera and point.
        known_points: [3] metres, in the calibration's world, of some or all of these; they then hold the world.
        progress: called with (stage, done, total).

    Returns:
        Figures ready for JSON; "problems" is empty if nothing is wrong.

    Raises:
        CalibrationError: too few of ``known_points`` were clicked to hold the world.
        InputError: fewer than two cameras, nobody is seen, or an end of ``known_length`` is not known.
    """
    if len(rig) < 2:
        raise InputError(f"two cameras or more are needed, got {len(rig)}")
    points = scene_points(clicks or {}, rig)
    in_scene = known_length is not None and {*known_length[:2]} <= points.keys()
    ends = None if known_length is None or in_scene else _ends(keypoints, known_length, points)
    association = associate(keypoints, rig, progress=progress)
    pairing = check_pairing(keypoints, rig, association, progress=progress)
    # A turn, a unit, another size, exchanged files: residuals would only repeat it. A shift may be a turned camera.
    if any("shifted by" not in remedy.found for remedy in pairing.remedies):
        return _report(rig, pairing, [pairing.message])
    people = people_by_geometry(keypoints, rig, progress=progress)
    found = triangulate(people.xy[:, :, :1], rig, people.confidence[:, :, :1])  # who is seen most
    problems = []
    try:
        check_scale(found.xyz, keypoints.skeleton.limb_bones)
    except InputError as error:
        problems.append(str(error))
    views = views_of_people(people)
    static = static_points(clicks, known_points, rig) if clicks else None
    agreement, change = measure_agreement(views, rig), repair(views, rig, static=static, progress=progress)
    notes = [f"cropped pictures or a turned camera: {remedy.found}" for remedy in pairing.remedies]
    problems += _moved_cameras(change, notes)
    bones = _bones(found, keypoints)
    if known_length is not None:
        if ends is None:
            measured = float(np.linalg.norm(points[known_length[0]][0] - points[known_length[1]][0]))
        else:
            measured = _joint_distance(found, ends, known_length)
        problems += _known_length(measured, known_length, notes)
    notes += click_lines(change) + _disagreements(points, change, static)
    report = _report(rig, pairing, problems) | _figures(agreement, change) | {"bones": bones, "notes": notes}
    for v, row in enumerate(report["cameras"]):
        row |= {"residual_px": _number(agreement.camera[v]), "without_px": _number(agreement.without[v])}
    return report


def _moved_cameras(change: Repair, notes: list[str]) -> list[str]:
    """Problems that a repair would solve."""
    assert change.standing is not None
    off = [move for move in change.moves if move.name in change.moved]
    if off:
        told = [
            f"{move.name} is off: it turned by {move.rotation_deg:.2f} degrees ({move.rotation_sigmas:.0f} sigma) and "
            f"moved by {move.center_cm:.1f} cm ({move.center_sigmas:.0f} sigma)"
            for move in off
        ]
        others = who_moved(change) if change.anchored else "the others stand where they stood"
        return [f"{'; '.join(told)}; {others}; run `lift3d calibrate repair`"]
    if change.after_px > WORTH_REPAIR * change.before_px:
        return []
    if not change.standing.sure:
        notes.append(who_moved(change))
    likely = [move.name for move, chance in zip(change.moves, change.standing.chance, strict=True) if chance > LIKELY]
    return [
        f"the calibration does not fit: a repair lowers the median residual from {change.before_px:.1f} to "
        f"{change.after_px:.1f} px; {_suspects(likely, len(change.moves))}; run `lift3d calibrate repair`"
    ]


def _disagreements(points: Mapping[str, tuple[Array, float]], change: Repair, static: StaticPoints | None) -> list[str]:
    """Points on which the clicks disagree, unless they agree with repaired cameras."""
    fit = change.adjustment.clicks
    if static is None or fit is None:
        return []
    left = dict(zip(static.names, np.nanmax(np.nan_to_num(fit.error), axis=0), strict=True))
    return [
        f"{name}: clicks disagree by {error:.1f} px"
        for name, (_, error) in points.items()
        if min(error, left[name]) > CLICK_PX
    ]


def _suspects(likely: list[str], cameras: int) -> str:
    """Who is likely to be off where it is not sure."""
    if len(likely) == cameras:
        return "no two cameras stand to each other as they stood" if cameras < 6 else "most cameras are off"
    return f"likely off: {', '.join(likely)}" if likely else "which cameras are off cannot be told"


def _ends(keypoints: Keypoints, known: tuple[str, str, float], points: Collection[str]) -> tuple[int, int]:
    """The joints of a known length."""
    for name in known[:2]:
        if keypoints.skeleton.index(canonical_name(name)) < 0:
            clicked = f", and in two pictures or more were clicked {', '.join(points)}" if points else ""
            raise InputError(f"there is no joint {name!r}; there are {', '.join(keypoints.skeleton.joints)}{clicked}")
    a, b = (keypoints.skeleton.index(canonical_name(name)) for name in known[:2])
    return a, b


def _joint_distance(found: Triangulation, ends: tuple[int, int], known: tuple[str, str, float]) -> float:
    """The usual distance of two joints, metres."""
    length = np.linalg.norm(found.xyz[..., ends[0], :] - found.xyz[..., ends[1], :], axis=-1)
    if not np.isfinite(length).any():
        raise InputError(f"{known[0]} and {known[1]} are never found together")
    return float(np.nanmedian(length))


def _known_length(measured: float, known: tuple[str, str, float], notes: list[str]) -> list[str]:
    """Compare a distance with what it is."""
    a, b, metres = known
    if metres <= 0:
        raise InputError(f"the known length of {a} to {b} must be above zero, got {metres:g}")
    told = f"{a} to {b}: {1000 * measured:.0f} mm by the calibration, {1000 * metres:.0f} mm known"
    if abs(measured / metres - 1) <= LENGTH_TOLERANCE:
        notes.append(told)
        return []
    return [f"{told}: the scale is off by {100 * (measured / metres - 1):+.1f} %"]


def _bones(found: Triangulation, keypoints: Keypoints) -> list[dict[str, Any]]:
    """Limb lengths and how much they vary."""
    rows = []
    for i, j in keypoints.skeleton.limb_bones:
        length = np.linalg.norm(found.xyz[..., i, :] - found.xyz[..., j, :], axis=-1)
        length = length[np.isfinite(length)]
        if len(length) > 4:
            name = f"{keypoints.skeleton.joints[i]}-{keypoints.skeleton.joints[j]}"
            variation = round(float(100 * length.std() / length.mean()), 1)
            rows.append({"name": name, "length_mm": round(float(1000 * np.median(length))), "cv_percent": variation})
    return rows


def _report(rig: Rig, pairing: PairingReport, problems: list[str]) -> dict[str, Any]:
    """The frame of the report."""
    cameras = [
        {
            "name": name,
            "agrees_percent": round(100 * pairing.agreement[name], 1),
            "residual_px": None,
            "without_px": None,
        }
        for name in rig.names
    ]
    return {"cameras": cameras, "noise_px": None, "pairs": {}, "repair": [], "bones": [], "notes": [],
            "problems": problems}  # fmt: skip


def _figures(agreement: Agreement, change: Repair) -> dict[str, Any]:
    """Residuals, ready for JSON."""
    names = agreement.names
    return {
        "noise_px": _number(agreement.noise),
        "pairs": {a: {b: _number(agreement.pair[i, j]) for j, b in enumerate(names)} for i, a in enumerate(names)},
        "repair": move_rows(change),
        "off": list(change.moved),
        "chance_off": _chances(change),
    }


def _chances(change: Repair) -> dict[str, float | None]:
    """How likely each camera is off."""
    assert change.standing is not None
    return {move.name: _number(chance) for move, chance in zip(change.moves, change.standing.chance, strict=True)}


def _number(value: float) -> float | None:
    """Rounded; None for NaN."""
    return round(float(value), 2) if np.isfinite(value) else None
