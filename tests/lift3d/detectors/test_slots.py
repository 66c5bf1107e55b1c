import numpy as np
import pytest

from lift3d.detectors.detection import Boxes, Detection
from lift3d.detectors.slots import in_places


def people(*places, size=100.0, sure=0.9):
    """A detection of people of 5 joints whose middles are given; the first joint's confidence tells who it is."""
    xy = np.array([[(x - size / 2, 50), (x + size / 2, 250), (x, 60), (x, 100), (x, 200)] for x, _ in places], float)
    confidence = np.full((len(places), 5), sure)
    confidence[:, 0] = [mark for _, mark in places]
    boxes = np.array([[x - size / 2, 50, size, 200] for x, _ in places]).reshape(-1, 4)
    return Detection(xy.reshape(-1, 5, 2), confidence.reshape(-1, 5), Boxes(boxes, np.full(len(places), 0.9)))


def marks(found, **settings):
    """Who is in each place, picture after picture."""
    return [[float(mark) for mark in row] for row in in_places(found, 5, **settings).confidence[..., 0]]


def test_people_keep_their_places_in_whatever_order_they_come():
    found = [people((100, 0.5), (300, 0.6)), people((310, 0.6), (110, 0.5)), people((320, 0.6)), people((120, 0.5))]
    assert marks(found, patience=2) == [[0.6, 0.5], [0.6, 0.5], [0.6, 0], [0, 0.5]]


def test_a_place_is_free_again_after_a_while():
    found = [people((100, 0.5)), *[people()] * 3, people((400, 0.7))]
    assert [row[-1] for row in marks(found, patience=2)] == [0.5, 0, 0, 0, 0.7]
    assert [len(row) for row in marks(found, patience=9)] == [2] * 5


def test_there_are_no_more_people_than_asked_for_and_the_one_before_is_kept():
    found = [people((100, 0.5)), people((100, 0.5), (300, 0.6), sure=0.95), people((400, 0.7))]
    assert marks(found, most=1, patience=5) == [[0.5], [0.5], [0.7]]


def test_pictures_that_stand_for_themselves_begin_with_the_surest():
    found = [people((100, 0.1), (300, 0.9)), people((100, 0.9), (300, 0.1))]
    assert marks(found) == [[0.9, 0.1], [0.9, 0.1]]


@pytest.mark.parametrize("found", [[], [people(), people()]])
def test_nobody_leaves_one_empty_place(found):
    result = in_places(found, 5)
    assert result.confidence.shape == (len(found), 1, 5)
    assert not result.confidence.any()
    assert np.isnan(result.xy).all()
    assert np.isnan(result.boxes).all()
