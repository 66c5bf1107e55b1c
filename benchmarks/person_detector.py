"""The person detector on people it never saw: scenes, padded crops, and two real captures.

    .venv/bin/python benchmarks/person_detector.py ../shared VAL_PICTURES [person.pt] [every n-th frame]

VAL_PICTURES is the folder that `people/val.tar` was unpacked to. In the captures a person is one whom OpenPose saw with
eight joints or more; its box is taken around these as the training set's boxes are. `two_people_video` is compared with
`two_people`'s keypoints, which are of the same recording.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from lift3d.datasets.people_images import PeopleImages, read_people_images
from lift3d.detectors.crops import boxes_around
from lift3d.detectors.detection import Array, Boxes, Picture
from lift3d.detectors.person.background import WithBackground
from lift3d.detectors.person.boxes import overlap
from lift3d.detectors.person.cutouts import read_cutouts
from lift3d.detectors.person.detector import PersonNetwork
from lift3d.detectors.person.evaluation import score_boxes
from lift3d.detectors.person.scenes import make_scene
from lift3d.detectors.person.training import SIZES

VIEWS = ("cam01", "cam02", "cam03", "cam04")
LETTERBOXED = {"balance": ("cam01", "cam02")}  # their video is 1080 px wide against 1088 in the calibration
WEAK = 0.08


def scenes(detector: PersonNetwork, people: PeopleImages, count: int = 400) -> None:
    """Average precision on scenes put together from them."""
    cutouts = read_cutouts(people)
    made = [make_scene(cutouts, SIZES[n % len(SIZES)], np.random.default_rng([1, n])) for n in range(count)]
    found = detector([scene.picture for scene in made])
    score = score_boxes(found, [scene.boxes for scene in made], [scene.ignored for scene in made])
    print(f"scenes: {count}, {score.people} people: AP50 {score.average_precision:.3f}, "
          f"recall {score.recall:.3f} and precision {score.precision:.3f} at {score.at}")  # fmt: skip


def padded(detector: PersonNetwork, people: PeopleImages) -> None:
    """Recall of each person alone in a grey 640 x 480 frame, a third to all of its height."""
    rng, found, wanted = np.random.default_rng(2), [], []
    for path, box in zip(people.paths, people.boxes, strict=True):
        crop = cv2.imread(str(path))
        scale = rng.uniform(1 / 3, 1) * min(480 / crop.shape[0], 640 / crop.shape[1])
        crop = cv2.resize(crop, None, fx=scale, fy=scale)
        frame = np.full((480, 640, 3), 114, np.uint8)
        x, y = (int(rng.integers(room + 1)) for room in (640 - crop.shape[1], 480 - crop.shape[0]))
        frame[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
        found.append(detector([frame])[0])
        wanted.append(np.concatenate([(box[:2] + 0.5) * scale - 0.5 + [x, y], box[2:] * scale])[None])
    score = score_boxes(found, wanted)
    print(f"padded crops: {score.people}: recall {score.recall:.3f}, precision {score.precision:.3f} at {score.at}")


def frames(video: Path, every: int) -> Iterator[tuple[int, Picture]]:
    """Some frames of a video."""
    capture, number = cv2.VideoCapture(str(video)), 0
    while capture.grab():
        if number % every == 0:
            yield number, np.asarray(capture.retrieve()[1], np.uint8)
        number += 1


def seen_by_openpose(folder: Path, view: str, frame: int, letterboxed: bool) -> Array:
    """Boxes [P, 4] of people in the video's pixels."""
    data = json.loads((folder / f"{view}_json" / f"{view}.{frame:04d}.json").read_text())
    boxes = []
    for person in data["people"]:
        points = np.array(person["pose_keypoints_2d"]).reshape(-1, 3)[:17]
        good = points[:, 2] > 0.2
        if good.sum() >= 8:
            xy = (points[:, :2] + [0, 7.2]) / 1.0075 if letterboxed else points[:, :2]
            box = boxes_around(xy, good)
            margin = 0.1 * box[2:]
            boxes.append(np.concatenate([box[:2] - margin, box[2:] + 2 * margin]))
    return np.array(boxes).reshape(-1, 4)


def capture(detector: PersonNetwork, folder: Path, keypoints: Path, every: int) -> None:
    """Recall and precision with and without the background's help, people by size."""
    sides: dict[str, list[Boxes]] = {"network": [], "network and background": []}
    wanted: list[Array] = []
    height = 0
    for view in VIEWS:
        helped = WithBackground(detector)
        shown = list(frames(folder / "videos" / f"{view}.mp4", every))
        for _, picture in shown:
            helped.background.see(picture)
        for number, picture in shown:
            height = picture.shape[0]
            boxes = detector([picture])[0]
            strong = boxes.score >= helped.least
            sides["network"].append(Boxes(boxes.xywh[strong], boxes.score[strong]))
            sides["network and background"].append(helped([picture])[0])
            wanted.append(seen_by_openpose(keypoints, view, number, view in LETTERBOXED.get(folder.name, ())))
    for name, found in sides.items():
        print(f"{folder.name}, {name}: {len(wanted)} pictures, {told(found, wanted, height)}")


def told(found: list[Boxes], wanted: list[Array], height: int) -> str:
    """How many were found, by size, and how many boxes are nobody OpenPose saw."""
    counts = {"large": [0, 0], "small": [0, 0]}
    wrong = 0
    for boxes, people in zip(found, wanted, strict=True):
        shared = overlap(boxes.xywh, people)
        for column, person in enumerate(people):
            count = counts["large" if person[3] > 0.25 * height else "small"]
            count[0] += bool(shared[:, column].max(initial=0) >= 0.5)
            count[1] += 1
        wrong += int((shared.max(1, initial=0) < 0.3).sum())
    parts = [f"{name} people {hit} of {all_}" for name, (hit, all_) in counts.items() if all_]
    return ", ".join([*parts, f"boxes without a person {wrong}"])


def speed(detector: PersonNetwork) -> None:
    """Milliseconds a picture of 1088 x 1920, from the picture to the boxes."""
    picture = np.random.default_rng(0).integers(0, 255, (1920, 1088, 3)).astype(np.uint8)
    times = []
    for _ in range(30):
        began = time.perf_counter()
        detector([picture])
        times.append(time.perf_counter() - began)
    print(f"speed: {1000 * float(np.median(times)):.1f} ms a picture of 1088x1920")


def main() -> None:
    """Print all of it."""
    shared, pictures = Path(sys.argv[1]), Path(sys.argv[2])
    detector = PersonNetwork.load(sys.argv[3] if len(sys.argv) > 3 else None)
    every = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    speed(detector)
    people = read_people_images(shared / "people/person_keypoints_val.json", pictures)
    padded(detector, people)
    detector.least = WEAK
    scenes(detector, people)
    for name, keypoints in (("balance", "balance"), ("two_people_video", "two_people")):
        folder = shared / "captures" / keypoints / "keypoints/openpose"
        capture(detector, shared / "captures" / name, folder, every)


if __name__ == "__main__":
    main()
