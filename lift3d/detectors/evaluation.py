"""Running a 2D detector over labelled people to see how good it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lift3d.calib import InputError
from lift3d.datasets.people_images import PeopleImages
from lift3d.datasets.picture_file import read_picture

from .confidence import RADIUS
from .detection import Array, Boxes, Detection, Detector, KeypointDetector, Picture
from .scoring import KeypointEvaluation, evaluate_predictions

Progress = Callable[[str, int, int], None]

BATCH = 32
LEAST_JOINTS = 3  # that detector and data share


def evaluate_keypoints(
    detector: KeypointDetector | Detector,
    people: PeopleImages,
    *,
    batch: int = BATCH,
    radius: float = RADIUS,
    progress: Progress | None = None,
) -> KeypointEvaluation:
    """Measure a detector on labelled people.

    A :class:`KeypointDetector` is given each person's box. A :class:`Detector` looks at the whole picture by itself,
    and the person whose box overlaps the labelled one most is taken; a picture without one is a miss.

    Args:
        detector: joints that it has and the data lack are left out, and the other way round.
        people: whom to find.
        batch: pictures at a time.
        radius: torso diagonals within which confidence promises a keypoint to be.
        progress: called as progress(stage, done, total).

    Raises:
        InputError: a picture cannot be read, a box lies outside of its picture, or the joint sets share next to
            nothing.
    """
    shared = [joint for joint in people.skeleton.joints if joint in detector.skeleton.joints]
    if len(shared) < LEAST_JOINTS:
        raise InputError(
            f"the detector's joints ({detector.skeleton.name}) and the data's ({people.skeleton.name}) have "
            f"{len(shared)} names in common; evaluate on data of its own joint set"
        )
    xy, confidence = np.full(people.xy.shape, np.nan), np.zeros(people.xy.shape[:2])
    ours = [people.skeleton.index(joint) for joint in shared]
    theirs = [detector.skeleton.index(joint) for joint in shared]
    for n, found in enumerate(_answers(detector, people, batch)):
        if found is not None:
            xy[n, ours], confidence[n, ours] = found[0][theirs], found[1][theirs]
        if progress is not None and (n % batch == batch - 1 or n + 1 == len(people)):
            progress("detecting", n + 1, len(people))
    unknown = [j for j in range(len(people.skeleton)) if j not in ours]
    return evaluate_predictions(xy, confidence, people, radius=radius, left_out=unknown)


def _answers(
    detector: KeypointDetector | Detector, people: PeopleImages, batch: int
) -> Iterator[tuple[Array, Array] | None]:
    """For each person the joints [J, 2] and confidence [J] of the detector's own set; None where nobody was found."""
    if not callable(detector):
        found = detector.detect(_pictures(people, range(len(people))), in_sequence=False)
        for box, detection in zip(people.boxes, found, strict=True):
            best = best_overlap(box, detection)
            yield None if best is None else (detection.xy[best], detection.confidence[best])
        return
    for start in range(0, len(people), batch):
        rows = range(start, min(start + batch, len(people)))
        boxes = [Boxes(people.boxes[[row]], np.ones(1)) for row in rows]
        for detection in detector(list(_pictures(people, rows)), boxes):
            yield detection.xy[0], detection.confidence[0]


def _pictures(people: PeopleImages, rows: range) -> Iterator[Picture]:
    """Pictures, whose boxes are checked against them."""
    for row in rows:
        picture = read_picture(people.paths[row])
        height, width = picture.shape[:2]
        left, top, wide, high = people.boxes[row]
        if left >= width or top >= height or left + wide <= 0 or top + high <= 0:
            box = [round(float(value), 1) for value in people.boxes[row]]
            raise InputError(
                f"{people.paths[row]}: the box {box} of annotation {people.ids[row]} lies outside of the picture of "
                f"{width}x{height}"
            )
        yield picture


def best_overlap(box: Array, detection: Detection) -> int | None:
    """Which person's box [4] overlaps most, by intersection over union; None where nobody's does."""
    if not len(detection.boxes):
        return None
    low, high = detection.boxes.xywh[:, :2], detection.boxes.xywh[:, :2] + detection.boxes.xywh[:, 2:]
    common = np.clip(np.minimum(high, box[:2] + box[2:]) - np.maximum(low, box[:2]), 0, None).prod(1)
    union = (high - low).prod(1) + box[2:].prod() - common
    overlap = common / np.maximum(union, 1e-9)
    return int(overlap.argmax()) if overlap.max() > 0 else None
