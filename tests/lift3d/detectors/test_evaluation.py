"""Evaluation of detectors whose errors are known."""

import json
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.people_images import PeopleImages
from lift3d.datasets.skeleton import SKELETONS
from lift3d.detectors.detection import Boxes, Detection
from lift3d.detectors.evaluation import best_overlap, evaluate_keypoints
from lift3d.detectors.evaluation_sheet import best_and_worst, person_errors, write_reliability, write_sheet
from lift3d.detectors.scoring import evaluate_predictions
from lift3d.keypoint_metrics import torso_diagonals

COCO, PEOPLE = SKELETONS["coco_17"], 48


@pytest.fixture(scope="module")
def people(standing_person, tmp_path_factory):
    """48 standing people, every third one upside down, in pictures of 200x220 pixels; half of them from "a"."""
    pytest.importorskip("pycocotools")
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(5)
    xy = np.array([standing_person(COCO.joints, shift=(0, 10), height=180) for _ in range(PEOPLE)])
    xy[::3, :, 1] = 210 - xy[::3, :, 1]
    xy += rng.normal(0, 2, xy.shape)
    paths = tuple(folder / f"{n}.png" for n in range(PEOPLE))
    for path in paths:
        cv2.imwrite(str(path), np.full((220, 200, 3), 120, np.uint8))
    labelled = np.full((PEOPLE, 17), 2, np.int8)
    labelled[1::3, :5] = 0
    xy[labelled == 0] = np.nan
    group = tuple("ab"[n % 2] for n in range(PEOPLE))
    boxes = np.tile([50.0, 5, 90, 210], (PEOPLE, 1))
    teacher = np.zeros((PEOPLE, 17), bool)
    area, ids = boxes[:, 2:].prod(1), np.arange(1, PEOPLE + 1)
    return PeopleImages(paths, boxes, xy, labelled, teacher, area, COCO, group, ids)


class Oracle:
    """Gives the truth, moved by what the test says; works through the people in order."""

    skeleton = COCO
    name, settings = "oracle", {}

    def __init__(self, people, move=0.0, confidence=0.9):
        self.xy = np.nan_to_num(people.xy) + np.asarray(move)
        self.confidence = np.broadcast_to(confidence, self.xy.shape[:2])
        self.seen = 0

    def __call__(self, pictures, boxes):
        return [self.next(own) for own in boxes]

    def next(self, boxes):
        n, self.seen = self.seen, self.seen + 1
        return Detection(self.xy[[n]], np.array(self.confidence[[n]]), boxes)


class WholePicture:
    """A detector that finds its own boxes: a stranger first, and nobody in the first picture."""

    skeleton, name, settings = COCO, "whole", {}

    def __init__(self, people):
        self.people = people

    def detect(self, pictures, *, in_sequence=True):
        assert not in_sequence
        for n, _ in enumerate(pictures):
            stranger = np.array([[0.0, 0, 20, 20], [52, 8, 90, 200]])
            xy = np.stack([np.zeros((17, 2)), np.nan_to_num(self.people.xy[n])])
            found = Detection(xy, np.full((2, 17), 0.8), Boxes(stranger, np.ones(2)))
            yield found if n else Detection.none(17)


def test_a_perfect_detector_is_perfect_in_every_row(people):
    found = evaluate_keypoints(Oracle(people), people, batch=7)
    assert [row.name for row in found.groups] == ["all", "upright", "head below hips", "from a", "from b"]
    assert [row.people for row in found.groups] == [48, 32, 16, 24, 24]
    for row in found.groups:
        assert row.pck.value == row.fine.value == row.joint_mean == row.oks == 1
        assert row.ap["AP"] == pytest.approx(1)
        assert row.missed == 0
        assert np.isnan(row.pckh)
    assert found.groups[0].keypoints == 48 * 17 - 16 * 5


def test_known_errors_come_back_as_known_shares(people):
    torso = torso_diagonals(people.xy, COCO)[:, None, None]
    move = np.zeros((PEOPLE, 17, 2))
    move[:, 9, 0], move[:, 10, 0], move[:24, 15, 1] = 0.15, 0.3, 5.0
    found = evaluate_keypoints(Oracle(people, move * torso), people)
    rows = {row.joint: row for row in found.joints}
    assert [rows[name].pck for name in ("left_wrist", "right_wrist", "left_ankle", "nose")] == [1, 0, 0.5, 1]
    assert [rows[name].fine for name in ("left_wrist", "right_wrist")] == [0, 0]
    assert rows["right_wrist"].median == pytest.approx(0.3)
    assert rows["left_ankle"].mean == pytest.approx(0.5)  # half of them by 5, capped at 1
    assert rows["nose"].keypoints == 32
    total = 48 * 17 - 16 * 5
    assert found.groups[0].pck.value == pytest.approx(1 - (48 + 24) / total)


def test_confidence_that_keeps_its_promise_has_no_calibration_error(people, rng):
    right = rng.uniform(size=(PEOPLE, 17)) < 0.75
    move = np.where(right, 0.0, 400.0)[..., None]
    honest = evaluate_keypoints(Oracle(people, move, confidence=0.75), people)
    assert honest.reliability.expected_error < 0.05
    assert evaluate_keypoints(Oracle(people, move, confidence=1.0), people).reliability.expected_error > 0.2
    assert sum(honest.reliability.count) == honest.groups[0].keypoints


def test_a_detector_of_whole_pictures_is_matched_by_its_boxes(people):
    found = evaluate_keypoints(WholePicture(people), people)
    assert found.groups[0].pck.value == pytest.approx(1 - 17 / (48 * 17 - 16 * 5))
    assert found.groups[0].missed == pytest.approx(17 / (48 * 17 - 16 * 5))
    assert np.isinf(found.errors[0]).all()
    assert best_overlap(np.array([300.0, 300, 10, 10]), Detection(np.zeros((1, 17, 2)), np.ones((1, 17)),
                        Boxes(np.array([[0.0, 0, 20, 20]]), np.ones(1)))) is None  # fmt: skip


def test_joints_that_the_detector_does_not_know_are_left_out(people):
    oracle = Oracle(people)
    oracle.skeleton = SKELETONS["mpii_16"]
    order = [COCO.index(joint) for joint in oracle.skeleton.joints]
    oracle.xy, oracle.confidence = oracle.xy[:, order], oracle.confidence[:, order]
    found = evaluate_keypoints(oracle, people)
    assert found.groups[0].keypoints == 48 * 12
    assert found.groups[0].pck.value == 1
    oracle.skeleton = type(COCO)("two", ("nose", "left_ear"))
    with pytest.raises(InputError, match=r"\(two\) and the data's \(coco_17\) have 2 names in common"):
        evaluate_keypoints(oracle, people)


def test_nobody_with_a_torso_cannot_be_judged(people):
    xy = people.xy.copy()
    xy[:, 11:13] = np.nan
    headless = PeopleImages(**{**vars(people), "xy": xy})
    with pytest.raises(InputError, match="nobody has a labelled shoulder and the opposite hip"):
        evaluate_predictions(np.zeros_like(xy), np.ones(xy.shape[:2]), headless)


def test_bad_pictures_and_boxes_are_named(people, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 cut")
    with pytest.raises(InputError, match=r"broken.jpg is a JPEG that ends too early"):
        evaluate_keypoints(Oracle(people), PeopleImages(**{**vars(people), "paths": (broken,) * PEOPLE}))
    boxes = people.boxes + [200, 0, 0, 0]
    with pytest.raises(InputError, match=r"0.png: the box \[250.0, 5.0, 90.0, 210.0\] of annotation 1 lies outside"):
        evaluate_keypoints(Oracle(people), PeopleImages(**{**vars(people), "boxes": boxes}))


def test_the_best_and_the_worst_are_apart_and_in_order(rng):
    errors = rng.uniform(0, 0.5, (60, 17))
    errors[3], errors[7], errors[9, :10] = 0.001, np.inf, np.nan
    best, worst = best_and_worst(errors)
    assert best[0] == 3
    assert worst[0] == 7
    assert person_errors(errors)[7] == 1
    assert not set(best) & set(worst)
    assert 9 not in {*best, *worst}
    assert [len(side) for side in best_and_worst(errors[:5])] == [2, 3]


def test_sheet_and_curve_are_written(people, tmp_path, rng):
    found = evaluate_keypoints(Oracle(people, rng.normal(0, 10, (PEOPLE, 17, 2)), confidence=0.6), people)
    sheet = cv2.imread(str(write_sheet(found, people, tmp_path / "sheet.png")))
    assert sheet.shape[1] > 8 * 180
    orange = (sheet.astype(int) - (6, 91, 208) == 0).all(-1)  # the trunk of what was found
    assert orange.sum() > 500
    svg = ElementTree.parse(write_reliability(found, tmp_path / "curve.svg", name="a & b")).getroot()
    assert len(svg.findall("{*}circle")) == 1  # all confidence in one bin
    with pytest.raises(FileExistsError):
        write_sheet(found, people, tmp_path / "sheet.png")


def test_figures_are_json(people):
    told = json.loads(json.dumps(evaluate_keypoints(Oracle(people), people).as_dict()))
    assert told["groups"][0]["pck"]["value"] == 1
    assert "torso" in told["protocol"]
    assert "humans" in told["protocol"]
