import numpy as np
import pytest

from lift3d.detectors.detection import Boxes
from lift3d.detectors.person.boxes import covered, match, overlap, suppressed
from lift3d.detectors.person.evaluation import score_boxes

ONE, TWO = np.array([0.0, 0, 10, 20]), np.array([50.0, 50, 10, 20])


def shifted(box, by):
    return box + [by, 0, 0, 0]


def test_overlap_is_intersection_over_union():
    rows = np.stack([ONE, shifted(ONE, 5), TWO])
    assert overlap(ONE[None], rows)[0] == pytest.approx([1, 1 / 3, 0])


def test_detections_are_matched_by_largest_overlap_and_once():
    owner = match(np.stack([ONE, TWO]), np.stack([shifted(ONE, 3), TWO, ONE, shifted(TWO, 30)]), 0.3)
    assert owner.tolist() == [-1, 1, 0, -1]
    assert match(np.zeros((0, 4)), ONE[None], 0.3).tolist() == [-1]


def test_a_weaker_box_over_a_stronger_one_is_dropped():
    kept = suppressed(Boxes(np.stack([shifted(ONE, 1), TWO, ONE]), np.array([0.5, 0.6, 0.9])))
    assert kept.score.tolist() == [0.9, 0.6]
    assert len(suppressed(Boxes.none())) == 0


def test_a_box_inside_of_another_is_covered():
    inside = np.array([1.0, 1, 4, 4])
    assert covered(inside, ONE[None], 0.8)
    assert not covered(ONE, inside[None], 0.8)
    assert not covered(ONE, np.zeros((0, 4)), 0.8)


def test_average_precision_of_a_known_ranking():
    """Right, wrong, right of three people: precision 1 up to a recall of 1/3, then 2/3 up to 2/3."""
    found = Boxes(np.stack([ONE, shifted(ONE, 200), TWO]), np.array([0.9, 0.8, 0.7]))
    score = score_boxes([found], [np.stack([ONE, TWO, shifted(TWO, 300)])], at=0.75)
    assert score.average_precision == pytest.approx(1 / 3 + 2 / 9)
    assert (score.recall, score.precision, score.people) == (pytest.approx(1 / 3), 0.5, 3)


def test_a_second_box_on_a_person_is_wrong_and_one_in_an_ignored_region_is_not():
    twice = Boxes(np.stack([ONE, shifted(ONE, 1)]), np.array([0.9, 0.8]))
    assert score_boxes([twice], [ONE[None]]).precision == 0.5
    beside = Boxes(np.stack([ONE, TWO]), np.array([0.5, 0.9]))
    assert score_boxes([beside], [ONE[None]], [TWO[None]]).precision == 1.0
    assert score_boxes([Boxes.none()], [ONE[None]]).average_precision == 0.0
