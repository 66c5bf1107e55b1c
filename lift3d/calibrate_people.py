"""Calibrate, repair and check cameras by the person in a capture: the glue between captures and lift3d.calib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import CalibrationError, InputError, Rig
from lift3d.calib.body_adjustment import START_SIGMA, Adjustment, Prior, adjust
from lift3d.calib.body_observations import BodyViews
from lift3d.calib.people_extrinsics import PeopleExtrinsics, calibrate_from_person
from lift3d.calib.people_world import BodyParts, PeopleWorld, world_from_person
from lift3d.calib.repair import Repair, repair
from lift3d.calib.static_points import StaticPoints
from lift3d.datasets import Keypoints
from lift3d.datasets.resampling import in_step
from lift3d.datasets.skeleton import SIDES, Skeleton

from .association import Association, associate
from .fragments import join_fragments
from .main_person import follow_main_person
from .pairing import view_agreement
from .people import follow_people
from .people_matching import match_people
from .triangulation import triangulate

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

MIN_CONFIDENCE = 0.3
"""Keypoints below it are guesses; a calibration has enough others."""

MAX_FRAMES = 200
"""Frames that are used, evenly spread over those in which two views or more see the person."""

MIN_FRAMES = 10
LOST = 0.5
"""A view that knows the person in a smaller share of its frames is off, not merely blocked now and then."""

SEVERAL = 3
"""People whom a repair uses at most: more cost time and hardly cover more of the volume."""

LIMBS = {"thigh": ("hip", "knee"), "shank": ("knee", "ankle"), "upper_arm": ("shoulder", "elbow"),
         "forearm": ("elbow", "wrist")}  # fmt: skip


@dataclass(frozen=True, eq=False)
class PeopleCalibration:
    """Cameras that a person calibrated.

    Args:
        rig: in a world of metres, z up, the floor at 0.
        adjustment: before floor and scale.
        world: how floor and scale were found.
        frames: how many were used.
        motion: what is known of how well the motion served, see :func:`judge_motion`.
    """

    rig: Rig
    adjustment: Adjustment
    world: PeopleWorld
    frames: int
    motion: dict[str, Any]


def body_views(person: Keypoints, *, max_frames: int = MAX_FRAMES) -> BodyViews:
    """The arrays that :mod:`lift3d.calib` takes; of several people, the joints of one after those of the other.

    Args:
        person: associated keypoints [T, V, P, J].
        max_frames: as many frames at most, evenly spread.

    Raises:
        InputError: the person is hardly seen by two views at once.
    """
    T, V, P, J = person.shape
    confidence = np.where(person.confidence >= MIN_CONFIDENCE, person.confidence, 0.0).reshape(T, V, P * J)
    shared = ((confidence > 0).sum(1) >= 2).sum(1)
    frames = np.flatnonzero(shared >= 4)
    if len(frames) < MIN_FRAMES:
        raise InputError(
            f"two cameras see the same person in {len(frames)} frames; a calibration by people needs {MIN_FRAMES} at "
            "least, and a hundred for a good one: check frame numbers and offsets, or film longer"
        )
    frames = frames[np.linspace(0, len(frames) - 1, min(len(frames), max_frames)).astype(int)]
    own, alike = rigid_bones(person.skeleton)
    bones = tuple((p * J + i, p * J + j) for p in range(P) for i, j in own)
    symmetric = tuple((p * len(own) + i, p * len(own) + j) for p in range(P) for i, j in alike)
    assert person.frames is not None
    xy = person.xy[frames].reshape(len(frames), V, P * J, 2)
    return BodyViews(xy, confidence[frames], bones, symmetric, time=person.frames[frames])


def views_of_people(people: Keypoints) -> BodyViews:
    """The same of several people, of each in a share of the frames: time grows with the square of their number."""
    return body_views(people, max_frames=MAX_FRAMES // max(people.shape[2], 1))


def rigid_bones(skeleton: Skeleton) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """The bones of a joint set, and positions among them of the left and the right one of a kind."""
    named = {(skeleton.joints[i], skeleton.joints[j]): k for k, (i, j) in enumerate(skeleton.bones)}
    symmetric = []
    for (a, b), k in named.items():
        mirror = named.get((a.replace("left_", "right_"), b.replace("left_", "right_")), k)
        if mirror != k:
            symmetric.append((k, mirror))
    return skeleton.bones, tuple(symmetric)


def body_parts(skeleton: Skeleton) -> BodyParts:
    """The joints that tell up, floor and size.

    Raises:
        InputError: the joint set has no shoulders or no ankles.
    """
    shoulders = tuple(skeleton.index(side + "shoulder") for side in SIDES)
    ankles = tuple(skeleton.index(side + "ankle") for side in SIDES)
    if min(*shoulders, *ankles) < 0:
        raise InputError(f"joint set {skeleton.name} lacks shoulders or ankles, so that nothing tells what is up")
    feet = [
        (skeleton.index(side + part), kind)
        for part, kind in (("heel", "heel"), ("big_toe", "toe"), ("foot_index", "toe"))
        for side in SIDES
        if skeleton.index(side + part) >= 0
    ]
    limbs = tuple(
        (skeleton.index(side + a), skeleton.index(side + b), kind)
        for kind, (a, b) in LIMBS.items()
        for side in SIDES
        if min(skeleton.index(side + a), skeleton.index(side + b)) >= 0
    )
    return BodyParts(shoulders, ankles, tuple(feet or [(joint, "ankle") for joint in ankles]), limbs)


def person_by_geometry(keypoints: Keypoints, rig: Rig, *, progress: Progress | None = None) -> Keypoints:
    """The one person whom the cameras agree on, left and right put right: [T, V, 1, J].

    A camera that is so far off that it seldom agrees takes part with the main person in its own picture.

    Raises:
        CalibrationError: no two cameras agree on anybody.
    """
    association = associate(keypoints, rig, progress=progress)
    if not association.support.any():
        raise CalibrationError(
            "no two cameras agree on a person in any frame: the calibration is too far off to repair, or of other "
            "cameras; see `lift3d check`, or start anew with `lift3d calibrate people`"
        )
    return _gather(keypoints, _with_lost_views(association, keypoints), rig)


def people_by_geometry(keypoints: Keypoints, rig: Rig, *, progress: Progress | None = None) -> Keypoints:
    """Everybody whom the cameras agree on, left and right put right: [T, V, P, J], up to three, those seen most first.

    Where that is one person, or a camera is so far off that it seldom agrees, the one of :func:`person_by_geometry`.

    Raises:
        CalibrationError: no two cameras agree on anybody.
    """
    if keypoints.shape[2] > 1:
        found = follow_people(keypoints, rig, progress=progress).association
        found = replace(found, index=found.index[..., :SEVERAL], support=found.support[..., :SEVERAL])
        if found.index.shape[2] > 1 and (view_agreement(keypoints, found) >= LOST).all():
            return _gather(keypoints, found, rig)
    return person_by_geometry(keypoints, rig, progress=progress)


def _gather(keypoints: Keypoints, association: Association, rig: Rig) -> Keypoints:
    """The people of an association, completed, in step and with left and right put right."""
    person = in_step(replace(join_fragments(keypoints, association, rig), times=keypoints.times))
    found = triangulate(person.xy, rig, person.confidence, symmetric=person.skeleton.symmetric)
    xy, confidence = person.xy.copy(), person.confidence.copy()
    for left, right in person.skeleton.symmetric:
        swapped = found.swapped[..., left]
        for array in (xy, confidence):
            array[swapped, left], array[swapped, right] = array[swapped, right], array[swapped, left].copy()
    return replace(person, xy=xy, confidence=confidence)


def _with_lost_views(association: Association, keypoints: Keypoints) -> Association:
    """Views that see people and seldom agree get the main person of their own picture."""
    lost = np.flatnonzero(view_agreement(keypoints, association) < LOST)
    if not len(lost) or len(lost) > keypoints.shape[1] - 2:
        return association
    index = association.index.copy()
    index[:, lost] = follow_main_person(keypoints).index[:, lost]
    return replace(association, index=index)


def calibrate_people(
    keypoints: Keypoints,
    rig: Rig,
    *,
    stature: float | None = None,
    distance: tuple[str, str, float] | None = None,
    progress: Progress | None = None,
) -> PeopleCalibration:
    """Find the cameras' poses from the person who moves through the volume, or the people who do.

    Args:
        keypoints: detections of T frames, V views.
        rig: the lenses; poses in it do not count.
        stature: metres, of the person; of several, of who is seen longest.
        distance: two cameras and the metres between them; wins over the stature.
        progress: called with (stage, done, total).

    Raises:
        CalibrationError: a camera shares too little with the others, or the scale is not known.
        InputError: there is too little to calibrate with.
    """
    if stature is None and distance is None:
        raise CalibrationError("the scale is not known: give the person's height or the distance of two cameras")
    first = _by_main_person(keypoints, rig, progress=progress)
    if first is None:
        return _by_several(keypoints, rig, stature, distance, progress)
    # Now that the views can be compared, the person is found by geometry: passers-by and exchanged sides go.
    world = _world(first.adjustment, keypoints.skeleton, stature, distance)
    person = person_by_geometry(keypoints, world.rig, progress=progress)
    views = body_views(person)
    V = len(rig)
    loose, zero = np.full(V, np.inf), np.zeros(V)
    a, b = first.tree[0]
    loose[a] = 0.0
    adjusted = adjust(views, world.rig, Prior(loose, loose, zero, zero, zero, baseline=(a, b)), progress=progress)
    final = _world(adjusted, keypoints.skeleton, stature, distance)
    return PeopleCalibration(final.rig, adjusted, final, len(views.xy), judge_motion(adjusted))


def _by_main_person(keypoints: Keypoints, rig: Rig, *, progress: Progress | None) -> PeopleExtrinsics | None:
    """Cameras from the main person of each view; None where the views do not seem to mean the same person."""
    tracked = follow_main_person(keypoints).gather(keypoints)
    try:
        found = calibrate_from_person(body_views(tracked), rig, progress=progress)
    except CalibrationError:
        if keypoints.shape[2] < 2:
            raise
        return None
    return None if keypoints.shape[2] > 1 and _contradicted(found.adjustment, rig) else found


def _contradicted(found: Adjustment, rig: Rig) -> list[str]:
    """Cameras whose residuals are far above any detector's noise: they saw somebody else."""
    median = [
        np.nanmedian(found.error[:, v]) if np.isfinite(found.error[:, v]).any() else np.inf for v in range(len(rig))
    ]
    return [camera.name for camera, px in zip(rig, median, strict=True) if px > START_SIGMA * max(camera.size)]


def _by_several(
    keypoints: Keypoints,
    rig: Rig,
    stature: float | None,
    distance: tuple[str, str, float] | None,
    progress: Progress | None,
) -> PeopleCalibration:
    """Cameras from several people at once; the height is that of who is seen longest."""
    matched = match_people(keypoints, rig, progress=progress)
    if not matched.index.shape[2]:
        raise InputError(
            "the views' main people are not the same, and no two cameras agree on who is who; let one person walk "
            "alone, or use a board"
        )
    views = body_views(matched.gather(keypoints))
    found = calibrate_from_person(views, rig, progress=progress).adjustment
    if lost := _contradicted(found, rig):
        raise CalibrationError(
            f"several people walk about, and what {', '.join(lost)} saw contradicts the others; let one person walk "
            "alone, or use a board"
        )
    people = np.stack(np.split(found.X, matched.index.shape[2], axis=1))  # [P, T, J, 3]
    longest = people[np.isfinite(people).all(-1).sum((1, 2)).argmax()]
    world = _world(replace(found, X=longest), keypoints.skeleton, stature, distance)
    return PeopleCalibration(world.rig, found, world, len(views.xy), judge_motion(found))


def _world(
    found: Adjustment, skeleton: Skeleton, stature: float | None, distance: tuple[str, str, float] | None
) -> PeopleWorld:
    """Floor and scale."""
    return world_from_person(found.rig, found.X, body_parts(skeleton), stature=stature, distance=distance)


def judge_motion(found: Adjustment) -> dict[str, Any]:
    """How well the motion served: sizes of the volume against the cameras' distance, and the cameras' own sigmas.

    Returns:
        "volume_m" the three extents of where joints were (5th to 95th percentile, longest first), "reach" the longest
        over the median camera distance, "rotation_sigma_deg" and "center_sigma_cm" the largest of any camera against
        the first, "advice" a line or "".
    """
    points = found.X[np.isfinite(found.X).all(-1)]
    middle = np.median(points, axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    low, high = np.percentile((points - middle) @ axes.T, (5, 95), axis=0)
    extent = np.sort(high - low)[::-1]
    reach = float(np.median(np.linalg.norm(found.rig.centers - middle, axis=1)))
    sd = found.deviation
    rotation = float(np.degrees(np.linalg.norm(sd[:, :3], axis=1).max()))
    center = float(100 * np.linalg.norm(sd[:, 3:6], axis=1).max())
    advice = ""
    if extent[1] < 0.25 * reach:
        advice = (
            "the person fills little of what the cameras see: walk a loop through the whole volume, arms moving, "
            "for 20 s or more"
        )
    return {
        "volume_m": [round(float(x), 2) for x in extent],
        "reach_m": round(reach, 2),
        "rotation_sigma_deg": round(rotation, 3),
        "center_sigma_cm": round(center, 2),
        "advice": advice,
    }


def repair_people(
    keypoints: Keypoints,
    rig: Rig,
    *,
    focal_sd: float = 0.0,
    moved: Sequence[str] = (),
    static: StaticPoints | None = None,
    progress: Progress | None = None,
) -> Repair:
    """Repair a calibration by the people in a capture; see :func:`lift3d.calib.repair.repair`.

    One person is found with the calibration as it stands, and everybody with the repaired one.
    """
    person = person_by_geometry(keypoints, rig, progress=progress)
    first = repair(body_views(person), rig, focal_sd=focal_sd, moved=moved, static=static, progress=progress)
    views = views_of_people(people_by_geometry(keypoints, first.rig, progress=progress))
    return repair(views, rig, focal_sd=focal_sd, moved=moved, static=static, progress=progress)
