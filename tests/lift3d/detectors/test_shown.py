import numpy as np
import pytest

from lift3d.datasets.people_images import PeopleImages
from lift3d.datasets.skeleton import SKELETONS
from lift3d.detectors.shown import epoch_rows, seen_from_behind

COCO = SKELETONS["coco_17"]


def people_at(xy):
    count = len(xy)
    return PeopleImages(
        paths=(None,) * count,
        boxes=np.zeros((count, 4)),
        xy=xy,
        labelled=np.isfinite(xy).all(-1).astype(np.int8) * 2,
        area=np.ones(count),
        skeleton=COCO,
        teacher=np.zeros(xy.shape[:2], bool),
        group=("",) * count,
        ids=np.arange(count),
    )


def test_the_back_is_seen_where_the_left_shoulder_is_on_the_left_however_the_person_lies(standing_person):
    front = standing_person(COCO.joints)  # upright, the left side on the right of the picture
    assert front[COCO.index("left_shoulder"), 0] > front[COCO.index("right_shoulder"), 0]
    back = front * [-1, 1]
    side = front * [0.05, 1]
    angle = np.radians(130)
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    unlabelled = back.copy()
    unlabelled[COCO.index("left_hip")] = np.nan
    people = people_at(np.stack([front, back, side, front @ turned, back @ turned, unlabelled]))
    assert seen_from_behind(people).tolist() == [False, True, False, False, True, False]


def test_backs_are_the_share_that_was_asked_for_and_come_equally_often():
    behind = np.arange(1000) < 90
    rows = epoch_rows(behind, 0.3, np.random.default_rng(0))
    times = np.bincount(rows, minlength=1000)
    assert len(rows) == 1000
    assert times[:90].sum() == 300
    assert set(times[:90]) == {3, 4}
    assert set(times[90:]) == {0, 1}
    assert not np.array_equal(rows, np.sort(rows))


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_everybody_comes_once_where_backs_are_enough(share):
    rows = epoch_rows(np.arange(1000) < 90, share, np.random.default_rng(0))
    assert np.array_equal(rows, np.random.default_rng(0).permutation(1000))


def test_without_backs_everybody_comes_once():
    assert sorted(epoch_rows(np.zeros(10, bool), 0.3, np.random.default_rng(0))) == list(range(10))
