"""From keypoints and cameras to poses: the one place where the stages meet.

keypoints [T, V, P, J] -> follow_people, check_pairing, join_fragments -> people [T, V, P, J], same p in every view
-> triangulate (swaps, noise, consensus, covariance) -> Poses -> smooth -> summarise -> verdict
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lift3d import __version__
from lift3d.calib import CalibrationError, InputError, Rig
from lift3d.calib.atomic_file import check_writable
from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.capture import Capture, open_capture
from lift3d.datasets.poses import Status
from lift3d.datasets.resampling import in_step

from .consensus import GATE
from .detect_capture import DetectorChoice, keypoints_of, origin_notes
from .fragments import join_fragments
from .heavy_tails import read_tails
from .pairing import PairingReport, agreed_person, check_exchanged, check_pairing, check_scale
from .people import Box, People, PeopleConfig, follow_people
from .people_summary import left_out_rows, person_rows, side_habits, sides_summary
from .plausibility import implausible_joints
from .point_solver import Array
from .smoothing import SmoothingConfig, smooth_poses
from .summary import summarise
from .swaps import Sides
from .triangulation import Triangulation, exchange_sides, triangulate

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ReconstructConfig:
    """What can be set about a reconstruction.

    Args:
        min_confidence: keypoints below it do not count. Detectors report such values for guesses behind an occluder;
            above it, the noise model weighs each keypoint by its confidence.
        gate: a view further off than this many standard deviations is an outlier.
        tails: the law of the noise: "auto" reads off the data how heavy its tails are; "gaussian", "cauchy" or degrees
            of freedom of Student's t (1 and more) fix it, see docs/triangulation.md.
        undo_swaps: look for left and right exchanged in single views.
        people: how many people to reconstruct; None: all whom the cameras see consistently.
        roi: (x0, y0, z0, x1, y1, z1) metres, world: only people whose middle is in this box; None: everywhere.
        smoothing: over time; by default every frame stands for itself.
        fill: "lifted" completes what too few cameras saw from one of them, see :mod:`lift3d.fill`; "none" does not.
        lifter: the checkpoint that fills, or the name of one that comes with lift3d; None: ``tcn``.

    Raises:
        InputError: tails that there are not.
    """

    min_confidence: float = 0.1
    gate: float = GATE
    tails: str | float = "auto"
    undo_swaps: bool = True
    people: int | None = None
    roi: Box | None = None
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    fill: Literal["none", "lifted"] = "none"
    lifter: str | None = None

    def __post_init__(self) -> None:
        read_tails(self.tails)


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Poses and what they are worth (see :func:`lift3d.summary.summarise`)."""

    poses: Poses
    summary: dict[str, Any]


def reconstruct(
    keypoints: Keypoints,
    rig: Rig,
    *,
    fps: float | None = None,
    config: ReconstructConfig | None = None,
    inputs: dict[str, str] | None = None,
    progress: Progress | None = None,
) -> Reconstruction:
    """Reconstruct everybody on whom the cameras agree, the person seen best first.

    Args:
        keypoints: detections [T, V, P, J], people in any order.
        rig: V cameras in the views' order, metres.
        fps: frames a second; None: as the keypoints say.
        config: settings; None: the defaults.
        inputs: fingerprints of the input files, kept in the result.
        progress: called with (stage, done, total).

    Raises:
        InputError: the frame rate is not known, nobody is seen by two cameras, or nobody's size.
        CalibrationError: the keypoints do not belong to the cameras; the message says what would fit.
    """
    config = config or ReconstructConfig()
    fps = _frame_rate(fps or keypoints.fps)
    if len(rig) < 2:
        raise InputError(f"two cameras or more are needed, got {len(rig)} ({', '.join(rig.names)})")
    keypoints = confident(keypoints, config.min_confidence)
    everybody = follow_people(
        replace(keypoints, fps=fps), rig, config=PeopleConfig(config.people, config.roi), progress=progress
    )
    association = everybody.association
    # In a region there may be nobody while the cameras see people elsewhere.
    witness = association if config.roi is None else agreed_person(keypoints, rig)
    report = check_pairing(keypoints, rig, witness, progress=progress)
    _refuse(report, keypoints, everybody)
    person = in_step(replace(join_fragments(keypoints, association, rig), times=keypoints.times))
    if progress:
        progress("triangulating", 0, 1)
    symmetric = Sides.of(keypoints.skeleton) if config.undo_swaps else ()
    found = triangulate(person.xy, rig, person.confidence, symmetric=symmetric, tails=config.tails, gate=config.gate)
    check_scale(found.xyz, keypoints.skeleton.limb_bones)
    settings = {"lift3d": __version__, **asdict(config), "noise": found.noise.as_dict()}
    poses = _poses(found, person, rig, fps).replace(settings=settings, inputs=inputs or {})
    habits = {camera for camera, *_ in side_habits(poses, found.swapped)}
    if habits:
        _refuse(check_exchanged(keypoints, rig, sorted(habits), progress=progress), keypoints, everybody)
    poses = smooth_poses(poses, config.smoothing, progress=progress)
    summary = summarise(poses, found.swapped, association.rival)
    summary["smoothing"] = {
        "method": config.smoothing.method,
        "filled": int((poses.status == Status.INTERPOLATED).sum()),
    }
    summary["persons"] = person_rows(poses)
    _tell_sides(summary, poses, found)
    summary["left_out"] = left_out_rows(everybody.left_out)
    summary["agreement_percent"] = {name: round(100 * share, 1) for name, share in report.agreement.items()}
    if progress:
        progress("triangulating", 1, 1)
    if config.fill == "lifted":
        poses = _filled(poses, summary, config.lifter)
    return Reconstruction(poses.replace(verdict=summary["verdict"], figures=summary), summary)


def _tell_sides(summary: dict[str, Any], poses: Poses, found: Triangulation) -> None:
    """Put into the summary what was exchanged and what is not sure; the latter makes a good verdict doubtful."""
    sides = sides_summary(poses, found.swapped, found.unsure)
    reasons = sides.pop("reasons")
    summary.update(sides)
    if reasons:
        verdict = summary["verdict"]
        doubtful = sides["left_right_unsure"] and verdict["level"] == "good"
        level = "doubtful" if doubtful else verdict["level"]
        summary["verdict"] = {"level": level, "reasons": [*verdict["reasons"], *reasons]}


def _filled(poses: Poses, summary: dict[str, Any], lifter: str | None) -> Poses:
    """Complete poses from single cameras, and say so in the summary, whose figures are of the others alone."""
    from .fill import fill_lifted
    from .lifters.lifter import Lifter

    filled = fill_lifted(poses, Lifter.load(lifter))
    count = int((filled.status == Status.LIFTED).sum())
    summary["lifted"] = count
    if count:
        verdict = summary["verdict"]
        sigma = 1000 * float(np.median(filled.sigma[filled.status == Status.LIFTED]))
        reason = f"{count} joints were filled in by the lifter from one camera each, sigma {sigma:.0f} mm in the median"
        summary["verdict"] = {**verdict, "reasons": [*verdict["reasons"], reason]}
    return filled


def reconstruct_capture(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    calibration: str | os.PathLike[str] | None = None,
    keypoints: str | os.PathLike[str] | None = None,
    fps: float | None = None,
    detector: DetectorChoice | None = None,
    overwrite: bool = False,
    config: ReconstructConfig | None = None,
    progress: Progress | None = None,
) -> Reconstruction:
    """Open a capture, reconstruct it and write the result file: what ``lift3d reconstruct`` does.

    Where a capture has videos and no keypoints, these are found first and kept inside the capture.

    Args:
        folder: the capture.
        out: the result, ``*.poses.h5``; it appears whole or not at all.
        calibration: the calibration to take; None: the one found in the folder.
        keypoints: the keypoints to take; None: those found in the folder.
        fps: frames a second; None: as capture.toml, keypoints or videos say.
        detector: whose keypoints to take, found in the videos where that has not been done; None: those that are
            there, whoever found them, and our light detector's where there are none.
        overwrite: replace a file that exists.
        config: settings; None: the defaults.
        progress: called with (stage, done, total).

    Returns:
        The poses and the summary, which also says what was read and how it was paired.

    Raises:
        FileExistsError: ``out`` exists.
        InputError, CalibrationError, OSError: see :func:`lift3d.datasets.capture.open_capture`, :func:`reconstruct`,
            :func:`lift3d.detect_capture.detect_capture`.
    """
    out = Path(out)
    check_writable(out, overwrite=overwrite)
    found = None
    if keypoints is None:
        found = keypoints_of(folder, choice=detector or DetectorChoice(), calibration=calibration, progress=progress)
        keypoints = found.path
    capture = open_capture(folder, calibration=calibration, keypoints=keypoints, fps=fps, progress=progress)
    notes = found.notes if found is not None and found.notes else origin_notes(capture)
    capture = replace(capture, notes=(*capture.notes, *notes))
    result = reconstruct(
        capture.keypoints, capture.rig, fps=capture.fps, config=config, inputs=capture.inputs, progress=progress
    )
    result.poses.save(out, overwrite=overwrite)
    return Reconstruction(result.poses, {"file": str(out), "input": describe(capture), **result.summary})


def describe(capture: Capture) -> dict[str, Any]:
    """What was read, ready for JSON."""
    return {
        "capture": str(capture.folder),
        "calibration": str(capture.calibration_path),
        "keypoints": str(capture.keypoints_path),
        "joint_set": capture.keypoints.skeleton.name,
        "others": [str(path) for path in capture.others],
        "pairing": {camera: {"keypoints": pair.name, "by": pair.how} for camera, pair in capture.pairing.items()},
        "notes": list(capture.notes),
    }


def confident(keypoints: Keypoints, minimum: float) -> Keypoints:
    """The keypoints whose confidence reaches a minimum; the others become missing."""
    return replace(keypoints, confidence=np.where(keypoints.confidence >= minimum, keypoints.confidence, 0.0))


def _frame_rate(fps: float | None) -> float:
    """A frame rate that can be one."""
    if fps is None:
        raise InputError("the frame rate is not known; give --fps, or put fps in capture.toml")
    if not np.isfinite(fps) or not 0 < fps <= 100_000:
        raise InputError(f"the frame rate must be above zero, got {fps:g}")
    return float(fps)


def _refuse(report: PairingReport, keypoints: Keypoints, everybody: People) -> None:
    """No result is better than a wrong one."""
    if report.message:
        raise CalibrationError(report.message)
    if everybody.association.support.any():
        return
    counts = left_out_rows([item for item in everybody.left_out if len(item.cameras) > 1])["count"]
    if counts:
        who = ", ".join(f"{reason}: {count}" for reason, count in counts.items())
        raise InputError(f"nobody is left to reconstruct ({who}); give --people N, or another --roi")
    people = (keypoints.confidence > 0).any(-1).any(-1)  # [T, V]
    if not people.any():
        raise InputError("no camera sees anybody in any frame; nothing to reconstruct")
    if (people.sum(1) >= 2).any():
        raise CalibrationError(
            "no two cameras agree on a person in any frame: the calibration is of other cameras, or the keypoints are "
            "not synchronised; see `lift3d check`"
        )
    raise InputError("nobody is seen by two cameras in the same frame: check frame numbers and offsets")


def _poses(found: Triangulation, person: Keypoints, rig: Rig, fps: float) -> Poses:
    """Put the container together."""
    assert person.frames is not None
    xy, confidence = _exchange_back(person, found)
    contested = np.any((confidence > 0) & ~found.used, axis=1) | (found.views == 2)
    impossible = implausible_joints(found.xyz, found.covariance, person.skeleton, contested)
    present: NDArray[np.bool_] = np.all(np.isfinite(found.xyz), axis=-1) & ~impossible
    used = found.used & present[:, None]
    return Poses(
        xyz=np.where(present[..., None], found.xyz, np.nan),
        covariance=np.where(present[..., None], found.covariance, np.nan),
        status=present.astype(np.uint8),
        views=np.where(present, found.views, 0).astype(np.uint8),
        reprojection_error=np.where(present, found.reprojection_error, np.nan),
        confidence=_joint_confidence(confidence, used, present),
        time=person.frames / fps,
        fps=fps,
        skeleton=person.skeleton,
        rig=rig,
        keypoints=replace(person, xy=xy, confidence=confidence, fps=fps),
        used=used,
    )


def _exchange_back(person: Keypoints, found: Triangulation) -> tuple[Array, Array]:
    """Keypoints with left and right as they were used."""
    x, y, confidence = (
        exchange_sides(value, found.swapped, person.skeleton.symmetric)
        for value in (person.xy[..., 0], person.xy[..., 1], person.confidence)
    )
    return np.stack([x, y], axis=-1), confidence


def _joint_confidence(confidence: Array, used: NDArray[np.bool_], present: NDArray[np.bool_]) -> Array:
    """Mean detector confidence of the views used, times the share of the views that saw the joint and were used."""
    sums = np.where(used, confidence, 0.0).sum(1)
    seen = (confidence > 0).sum(1)
    return np.where(present, sums / np.maximum(seen, 1), 0.0)
