"""Everything that can be said of one person's movement, from poses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .angles import ANGLES, head_angles, joint_angles
from .axes import Axes
from .contacts import Event, State, foot_contacts, gait_events
from .derivatives import speed, velocity
from .head import FACE, LEAST_POINTS, head_from_picture
from .mass import Sex, center_of_mass
from .segments import SegmentLength, summarise_segments
from .symmetry import Symmetry, symmetries
from .uncertainty import propagate

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Analysis:
    """One person's movement.

    Args:
        time: [T] seconds.
        angles: every name of ANGLES to [T] radians.
        sigma: the same names to [T] radians, NaN where not known.
        filled: the same names to [T]: whether the angle rests on interpolated or lifted joints.
        segments: lengths.
        com: [T, 3] metres, world: the centre of mass.
        com_covariance: [T, 6] m².
        com_velocity: [T, 3] metres a second.
        speeds: joint to [T] metres a second.
        contacts: of foot_contacts.
        events: foot strikes and foot offs.
        symmetries: left against right.
        notes: what could not be given, and why.
    """

    time: Array
    angles: dict[str, Array]
    sigma: dict[str, Array]
    filled: dict[str, Mask]
    segments: tuple[SegmentLength, ...]
    com: Array
    com_covariance: Array
    com_velocity: Array
    speeds: dict[str, Array]
    contacts: dict[str, dict[str, State]]
    events: tuple[Event, ...]
    symmetries: tuple[Symmetry, ...]
    notes: tuple[str, ...]


def analyze(poses: Poses, person: int = 0, *, sex: Sex = "mean", progress: Progress | None = None) -> Analysis:
    """Joint angles, lengths, centre of mass, contacts and symmetry of one person.

    Args:
        poses: T frames.
        person: 0..P-1.
        sex: whose segment masses the centre of mass takes.
        progress: called with (stage, done, total).

    Raises:
        InputError: there is no such person, or no frame shows the person.
    """
    if not 0 <= person < poses.xyz.shape[1]:
        raise InputError(f"there is no person {person + 1}; the poses hold {poses.xyz.shape[1]}")
    xyz, skeleton, time = poses.xyz[:, person], poses.skeleton, poses.time
    if not np.isfinite(xyz).any():
        raise InputError(f"person {person + 1} is in none of the {len(xyz)} frames, so there is nothing to analyze")
    covariance = poses.covariance[:, person]
    angles, sigma, filled = _angles(poses, person, progress)
    com, com_covariance = center_of_mass(xyz, skeleton, covariance=covariance, sex=sex)
    segments = summarise_segments(xyz, covariance, skeleton)
    contacts = foot_contacts(xyz, skeleton, time)
    events = gait_events(contacts, xyz, skeleton, time)
    joint_speed = speed(xyz, time)
    return Analysis(
        time=time,
        angles=angles,
        sigma=sigma,
        filled=filled,
        segments=segments,
        com=com,
        com_covariance=com_covariance,
        com_velocity=velocity(com, time),
        speeds={name: joint_speed[:, j] for j, name in enumerate(skeleton.joints)},
        contacts=contacts,
        events=events,
        symmetries=symmetries(angles, segments, events),
        notes=_notes(poses, angles, sigma, com),
    )


def _angles(
    poses: Poses, person: int, progress: Progress | None
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Mask]]:
    """Angles, their error bars, and whether they rest on filled-in joints."""
    xyz = poses.xyz[:, person]
    angles = joint_angles(xyz, poses.skeleton)
    # Without thresholds here: an angle next to one must not lose its error bar.
    found = propagate(
        lambda moved: joint_angles(moved, poses.skeleton, least_sine=0.0),
        xyz,
        poses.covariance[:, person],
        circular=True,
        progress=progress,
    )
    sigma = {name: np.where(np.isnan(angles[name]), np.nan, found.sigma[name]) for name in ANGLES}
    status = poses.status[:, person]
    from_elsewhere = (status == Status.INTERPOLATED) | (status == Status.LIFTED)
    filled = {name: np.asarray((from_elsewhere & found.joints[name]).any(-1)) for name in ANGLES}
    if single_camera(poses):
        seen = head_angles(_pictured_head(poses, person))
        angles |= seen
        sigma |= {name: np.full(len(xyz), np.nan) for name in seen}
        filled |= {name: np.zeros(len(xyz), bool) for name in seen}
    return angles, sigma, filled


def single_camera(poses: Poses) -> bool:
    """Whether the head's orientation comes from one picture: one camera, and a face among its keypoints."""
    if poses.rig is None or poses.keypoints is None or len(poses.rig) != 1:
        return False
    return sum(name in poses.keypoints.skeleton.joints for name in FACE) >= LEAST_POINTS


def _pictured_head(poses: Poses, person: int) -> Axes:
    """The head's axes by the one camera's picture."""
    assert poses.rig is not None
    assert poses.keypoints is not None
    return head_from_picture(poses.keypoints.xy[:, 0, person], poses.keypoints.skeleton, next(iter(poses.rig)))


def _notes(poses: Poses, angles: dict[str, Array], sigma: dict[str, Array], com: Array) -> tuple[str, ...]:
    """What is missing."""
    notes = []
    level, reasons = poses.verdict.get("level"), poses.verdict.get("reasons")
    if level in ("doubtful", "bad"):
        notes.append(f"the reconstruction is {level}" + (f": {reasons[0]}" if reasons else ""))
    never = [name for name in ANGLES if not np.isfinite(angles[name]).any()]
    if never:
        notes.append(f"never defined with these joints and this movement: {', '.join(never)}")
    without = [name for name in ANGLES if name not in never and not np.isfinite(sigma[name]).any()]
    if without:
        shown = "all angles" if len(without) + len(never) == len(ANGLES) else ", ".join(without)
        notes.append(f"no error bars for {shown}: the file holds no covariances for them")
    missing = 100 * float(np.isnan(com[:, 0]).mean())
    if missing:
        notes.append(f"no centre of mass in {missing:.1f} % of the frames: joints that carry its weight are missing")
    if single_camera(poses):
        notes.append("head orientation from the one camera's picture of the face, with the shape of a mean face")
    if not any(name.endswith(("heel", "toe", "foot_index")) for name in poses.skeleton.joints):
        notes.append("no heels or toes in the joint set: contacts rest on the ankles, and foot-offs come early")
    return tuple(notes)


def summary(found: Analysis) -> dict[str, Any]:
    """Figures ready for JSON: each angle's range and error, the strides, lengths and symmetry."""
    from .strides import QUANTITIES, cadence, strides

    each = strides(found.events)
    return {
        "angles": [_angle_row(name, found) for name in ANGLES],
        "segments": [
            {
                "name": row.name,
                "frames": row.frames,
                "length_mm": _rounded(1000 * row.median),
                "spread_mm": _rounded(1000 * row.spread),
                "sigma_mm": _rounded(1000 * row.sigma),
            }
            for row in found.segments
        ],
        "events": {
            f"{side}_{kind}": sum(e.side == side and e.kind == kind for e in found.events)
            for side in ("left", "right")
            for kind in ("foot_strike", "foot_off")
        },
        "gait": {
            "cadence_per_min": _rounded(cadence(found.events)),
            **{
                side: {
                    "strides": len(values["stride_time"]),
                    **{name: _rounded(_median(values[name]), 3) for name in QUANTITIES},
                }
                for side, values in each.items()
            },
        },
        "symmetry": [
            {
                "quantity": row.quantity,
                "unit": row.unit,
                "left": _rounded(row.left, 3),
                "right": _rounded(row.right, 3),
                "index_percent": _rounded(row.index),
            }
            for row in found.symmetries
        ],
        "notes": list(found.notes),
    }


def _angle_row(name: str, found: Analysis) -> dict[str, Any]:
    """One angle's figures, degrees."""
    value = np.degrees(found.angles[name])
    there = value[np.isfinite(value)]
    low, middle, high = np.quantile(there, [0.0, 0.5, 1.0]) if len(there) else (np.nan,) * 3
    return {
        "name": name,
        "present_percent": _rounded(100 * len(there) / max(len(value), 1)),
        "least_deg": _rounded(low),
        "median_deg": _rounded(middle),
        "most_deg": _rounded(high),
        "sigma_deg": _rounded(np.degrees(_median(found.sigma[name])), 2),
    }


def _median(value: Array) -> float:
    """Of what is finite; NaN for nothing."""
    finite = value[np.isfinite(value)]
    return float(np.median(finite)) if len(finite) else float("nan")


def _rounded(value: float, digits: int = 1) -> float | None:
    """None for NaN, which JSON lacks."""
    return round(float(value), digits) if np.isfinite(value) else None


def angle_figures(poses: Poses, *, progress: Progress | None = None) -> list[dict[str, Any]]:
    """The figures of everybody's joint angles, as :func:`summary` gives them, with ``person`` from 1.

    Args:
        poses: T frames; people who are in none of them are left out.
        progress: called with (stage, done, total).
    """
    rows = []
    for person in range(poses.xyz.shape[1]):
        if np.isfinite(poses.xyz[:, person]).all(-1).any():
            found = summary(analyze(poses, person, progress=progress))
            rows += [{"person": person + 1, **row} for row in found["angles"]]
    return rows
