"""What is wrong with a calibration, as far as the people in front of the cameras can tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lift3d.calib import InputError, Rig
from lift3d.calib.agreement import Agreement, measure_agreement
from lift3d.calib.repair import Repair, repair
from lift3d.datasets import Keypoints
from lift3d.datasets.skeleton import canonical_name

from .association import associate
from .calibrate_people import body_views, person_by_geometry
from .calibrate_report import move_rows
from .pairing import PairingReport, check_pairing, check_scale
from .triangulation import Triangulation, triangulate

Progress = Callable[[str, int, int], None]

CLEAR_SIGMAS = 2.5
"""A camera that moved by more standard deviations than this moved."""

WORTH_REPAIR = 0.8
"""A repair that lowers the residual below this share is worth its while."""

LENGTH_TOLERANCE = 0.02


def check_calibration(
    keypoints: Keypoints,
    rig: Rig,
    *,
    known_length: tuple[str, str, float] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare a calibration with keypoints.

    Args:
        keypoints: detections of T frames, V views.
        rig: the calibration.
        known_length: two joints and the metres between them.
        progress: called with (stage, done, total).

    Returns:
        Figures ready for JSON; "problems" is empty if nothing is wrong.

    Raises:
        InputError: fewer than two cameras, nobody is seen, or a joint of ``known_length`` is not known.
    """
    if len(rig) < 2:
        raise InputError(f"two cameras or more are needed, got {len(rig)}")
    ends = None if known_length is None else _ends(keypoints, known_length)
    association = associate(keypoints, rig, progress=progress)
    pairing = check_pairing(keypoints, rig, association, progress=progress)
    # A turn, a unit, another size, exchanged files: residuals would only repeat it. A shift may be a turned camera.
    if any("shifted by" not in remedy.found for remedy in pairing.remedies):
        return _report(rig, pairing, [pairing.message])
    person = person_by_geometry(keypoints, rig, progress=progress)
    found = triangulate(person.xy, rig, person.confidence)
    problems = []
    try:
        check_scale(found.xyz, keypoints.skeleton.limb_bones)
    except InputError as error:
        problems.append(str(error))
    views = body_views(person)
    agreement, change = measure_agreement(views, rig), repair(views, rig, progress=progress)
    notes = [f"cropped pictures or a turned camera: {remedy.found}" for remedy in pairing.remedies]
    problems += _moved_cameras(change, notes)
    bones = _bones(found, keypoints)
    if known_length is not None and ends is not None:
        problems += _known_length(found, ends, known_length, notes)
    report = _report(rig, pairing, problems) | _figures(agreement, change) | {"bones": bones, "notes": notes}
    for v, row in enumerate(report["cameras"]):
        row |= {"residual_px": _number(agreement.camera[v]), "without_px": _number(agreement.without[v])}
    return report


def _moved_cameras(change: Repair, notes: list[str]) -> list[str]:
    """Problems that a repair would solve."""
    if change.moved is not None:
        move = next(move for move in change.moves if move.name == change.moved)
        return [
            f"{move.name} is off: it turned by {move.rotation_deg:.2f} degrees ({move.rotation_sigmas:.0f} sigma) and "
            f"moved by {move.center_cm:.1f} cm ({move.center_sigmas:.0f} sigma), the others stand where they stood; "
            "run `lift3d calibrate repair`"
        ]
    if change.after_px > WORTH_REPAIR * change.before_px:
        return []
    moved = [m.name for m in change.moves if max(m.rotation_sigmas, m.center_sigmas) > CLEAR_SIGMAS]
    order = np.argsort(change.misfit_without)
    if np.isfinite(change.misfit_without).any():
        notes.append(
            f"the others fit best without {change.moves[order[0]].name}, but leave "
            f"{change.misfit_without[order[0]] / max(change.misfit, 1e-9):.0%} of the misfit"
        )
    return [
        f"the calibration does not fit: a repair lowers the median residual from {change.before_px:.1f} to "
        f"{change.after_px:.1f} px, and no single camera explains it"
        + (f" (clearly moved: {', '.join(moved)})" if moved else "")
        + "; run `lift3d calibrate repair`"
    ]


def _ends(keypoints: Keypoints, known: tuple[str, str, float]) -> tuple[int, int]:
    """The joints of a known length."""
    for name in known[:2]:
        if keypoints.skeleton.index(canonical_name(name)) < 0:
            raise InputError(f"there is no joint {name!r}; there are {', '.join(keypoints.skeleton.joints)}")
    a, b = (keypoints.skeleton.index(canonical_name(name)) for name in known[:2])
    return a, b


def _known_length(
    found: Triangulation, ends: tuple[int, int], known: tuple[str, str, float], notes: list[str]
) -> list[str]:
    """Compare the distance of two joints with what it is."""
    a, b, metres = known
    length = np.linalg.norm(found.xyz[..., ends[0], :] - found.xyz[..., ends[1], :], axis=-1)
    if not np.isfinite(length).any() or metres <= 0:
        raise InputError(f"{a} and {b} are never found together, or the known length is not above zero")
    measured = float(np.nanmedian(length))
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
        "off": change.moved,
    }


def _number(value: float) -> float | None:
    """Rounded; None for NaN."""
    return round(float(value), 2) if np.isfinite(value) else None
