import numpy as np
import pytest

from lift3d.detectors.detection import Boxes, Detection
from lift3d.detectors.person.follow import Follower, FollowSettings, box_of_joints

BOX = np.array([100.0, 50, 80, 200])


def joints_in(box):
    """Four joints at the corners of what lies 15 % and 10 % inside."""
    left, top, width, height = box
    x, y = left + width * np.array([3, 23]) / 26, top + height * np.array([1, 11]) / 12
    return np.array([(x[0], y[0]), (x[1], y[0]), (x[0], y[1]), (x[1], y[1])])


def detection(boxes, people, confidence=0.9):
    xy = np.array(people, float).reshape(-1, 4, 2)
    certain = np.full(xy.shape[:2], confidence)
    return Detection(xy, certain, boxes)


def seen(*boxes, score=0.8):
    return Boxes(np.array(boxes, float).reshape(-1, 4), np.full(len(boxes), score))


def test_the_box_around_joints_has_the_margins():
    assert box_of_joints(joints_in(BOX), np.ones(4, bool), (0.15, 0.1)) == pytest.approx(BOX)


def test_a_person_who_walks_is_followed_by_its_joints_alone():
    follower = Follower(FollowSettings(every=30))
    truth = [BOX + [6.0 * t, 0, 0, 0] for t in range(25)]
    for t, box in enumerate(truth):
        due = follower.due(t)
        assert due == (t == 0)
        boxes = follower.boxes(t, seen(box) if due else None)
        assert len(boxes) == 1
        if t > 5:
            assert abs(boxes.xywh[0] - box).max() < 1.0
        follower.update(t, detection(boxes, [joints_in(box)]))
    assert follower.identities == (0,)


def test_frames_asked_for_ahead_are_predicted_further():
    follower = Follower(FollowSettings(every=100))
    for t in range(8):
        boxes = follower.boxes(t, seen(BOX) if t == 0 else None)
        follower.update(t, detection(boxes, [joints_in(BOX + [5.0 * t, 0, 0, 0])]))
    ahead = [follower.boxes(t).xywh[0, 0] for t in range(8, 12)]
    assert np.diff(ahead) == pytest.approx(5.0, abs=0.1)
    for t in range(8, 12):
        box = BOX + [5.0 * t, 0, 0, 0]
        follower.update(t, detection(seen(box), [joints_in(box)]))


def test_the_detector_is_asked_again_every_few_frames_and_new_people_come_last():
    follower = Follower(FollowSettings(every=4))
    other = BOX + [300, 0, 0, 0]
    for t in range(4):
        boxes = follower.boxes(t, seen(BOX) if follower.due(t) else None)
        follower.update(t, detection(boxes, [joints_in(BOX)]))
    assert follower.due(4)
    boxes = follower.boxes(4, seen(other, BOX))
    assert boxes.xywh[:, 0] == pytest.approx([100, 400], abs=1)
    follower.update(4, detection(boxes, [joints_in(BOX), joints_in(other)]))
    assert follower.identities == (0, 1)


def test_whom_the_joints_lose_is_given_up_and_the_detector_asked():
    follower = Follower(FollowSettings(every=100, patience=3))
    found = follower.update(0, detection(follower.boxes(0, seen(BOX)), [joints_in(BOX)]))
    assert len(found.xy) == 1
    for t in (1, 2, 3):
        assert not follower.due(t)
        found = follower.update(t, detection(follower.boxes(t), [joints_in(BOX)], confidence=0.02))
        assert len(found.xy) == 0
    assert follower.due(4)
    assert len(follower.boxes(4)) == 0


def test_whom_only_weak_joints_hold_ends_when_the_detector_no_longer_sees_it():
    follower = Follower(FollowSettings(every=1, patience=2))
    for t in range(3):
        detected = seen(BOX) if t == 0 else Boxes.none()
        boxes = follower.boxes(t, detected)
        assert len(boxes) == 1
        follower.update(t, detection(boxes, [joints_in(BOX)], confidence=0.1))
    assert follower.tracks == ()


def test_sure_joints_hold_a_person_whom_the_detector_misses():
    follower = Follower(FollowSettings(every=1, patience=2))
    for t in range(8):
        boxes = follower.boxes(t, seen(BOX) if t == 0 else Boxes.none())
        follower.update(t, detection(boxes, [joints_in(BOX)]))
    assert len(follower.tracks) == 1


def test_weak_detections_are_nobody_new_and_parts_of_a_person_neither():
    follower = Follower()
    assert len(follower.boxes(0, seen(BOX, score=0.1))) == 0
    follower.update(0, Detection.none(4))
    boxes = follower.boxes(1, seen(BOX))
    follower.update(1, detection(boxes, [joints_in(BOX)]))
    assert len(follower.boxes(2, seen(BOX, BOX * [1, 1, 0.6, 0.4]))) == 1


def test_a_large_wrong_box_hides_nobody_of_whom_the_detector_is_surer():
    follower = Follower()
    large = BOX + [-100, -50, 400, 300]
    boxes = follower.boxes(0, seen(large, score=0.3))
    follower.update(0, detection(boxes, [joints_in(large)]))
    assert len(follower.boxes(1, seen(BOX, score=0.28))) == 1
    follower.update(1, detection(follower.boxes(1), [joints_in(large)]))
    assert len(follower.boxes(2, seen(BOX, score=0.5))) == 2


def test_a_box_that_the_detector_and_joints_both_see_lies_between_them():
    follower = Follower(FollowSettings(every=1))
    follower.update(0, detection(follower.boxes(0, seen(BOX)), [joints_in(BOX)]))
    boxes = follower.boxes(1, seen(BOX + [20, 10, 0, -20]))
    assert boxes.xywh[0] == pytest.approx(BOX + [10, 5, 0, -10])


def test_a_new_person_needs_joints_or_a_sure_detector():
    for score, confidence, believed in ((0.3, 0.12, False), (0.3, 0.2, True), (0.4, 0.12, True), (0.4, 0.05, False)):
        follower = Follower()
        boxes = follower.boxes(0, seen(BOX, score=score))
        ahead = follower.boxes(1)
        assert len(follower.update(0, detection(boxes, [joints_in(BOX)], confidence)).xy) == believed
        assert len(follower.tracks) == believed
        assert len(follower.update(1, detection(ahead, [joints_in(BOX)])).xy) == believed


def test_of_two_people_on_one_the_surer_stays():
    follower = Follower()
    boxes = follower.boxes(0, seen(BOX, BOX + [70, 0, 0, 0]))
    found = detection(boxes, [joints_in(BOX), joints_in(BOX) + 2])
    found.confidence[0] = 0.4
    assert follower.update(0, found).confidence == pytest.approx(np.full((1, 4), 0.9))
    assert follower.identities == (1,)


def test_two_boxes_that_end_on_one_person_are_told_once():
    follower = Follower()
    boxes = follower.boxes(0, seen(BOX, BOX + [70, 0, 0, 0]))
    found = follower.update(0, detection(boxes, [joints_in(BOX), joints_in(BOX) + 2]))
    assert len(found.xy) == len(found.boxes) == 1
    assert follower.identities == (0,)


def test_joints_that_are_missing_are_passed_over():
    follower = Follower()
    boxes = follower.boxes(0, seen(BOX, BOX + [300, 0, 0, 0]))
    xy = np.full((2, 4, 2), np.nan)
    xy[0] = joints_in(BOX)
    found = follower.update(0, Detection(xy, np.where(np.isnan(xy[..., 0]), 0.0, 0.9), boxes))
    assert found.xy.shape == (1, 4, 2)


def test_rows_that_do_not_fit_the_boxes_are_refused():
    follower = Follower()
    follower.boxes(0, seen(BOX))
    with pytest.raises(ValueError, match="each of the 1 boxes, got 0"):
        follower.update(0, Detection.none(4))
