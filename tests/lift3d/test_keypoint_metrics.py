"""Metrics of 2D keypoints against hand-made people and against pycocotools."""

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.skeleton import SKELETONS
from lift3d.keypoint_metrics import (
    by_joint,
    correct_keypoints,
    head_segments,
    keypoint_errors,
    oks,
    oks_average_precision,
    reliability,
    torso_diagonals,
    upright,
)

COCO, MPII = SKELETONS["coco_17"], SKELETONS["mpii_16"]


@pytest.fixture
def people(standing_person, rng):
    """[40, 17, 2] of COCO: standing, 100 to 500 px tall."""
    shapes = [standing_person(COCO.joints, height=h) for h in np.linspace(100, 500, 40)]
    return np.array(shapes) + rng.normal(0, 3, (40, 17, 2))


def test_pck_counts_what_lies_within_a_fifth_of_the_diagonal():
    true = np.full((1, 17, 2), np.nan)
    for joint, xy in (("left_shoulder", (30, 0)), ("right_hip", (0, 40)), ("nose", (10, 10)), ("left_wrist", (60, 60))):
        true[0, COCO.index(joint)] = xy  # the diagonal is 50
    predicted = np.where(np.isnan(true), 7.0, true)
    predicted[0, COCO.index("nose")] += (6, 8)  # just within 0.2 * 50
    predicted[0, COCO.index("left_wrist")] += (10.1, 0)
    correct = correct_keypoints(keypoint_errors(predicted, true), torso_diagonals(true, COCO), 0.2)
    assert np.nanmean(correct) == 3 / 4
    assert by_joint(correct)[COCO.index("left_wrist")] == 0
    assert np.isnan(by_joint(correct)[COCO.index("left_ear")])


def test_the_torso_is_the_mean_of_the_diagonals_that_are_labelled():
    true = np.zeros((4, 17, 2))
    true[:, COCO.index("left_shoulder")] = (0, 30)
    true[:, COCO.index("right_shoulder")] = (0, 50)
    true[1, COCO.index("left_shoulder")] = np.nan
    true[2, COCO.index("right_hip")] = np.nan
    true[3, [COCO.index("right_hip"), COCO.index("right_shoulder")]] = np.nan
    np.testing.assert_array_equal(torso_diagonals(true, COCO), [40, 50, 50, np.nan])


def test_a_person_without_a_size_is_not_judged(people):
    people[0, COCO.index("left_hip")] = people[0, COCO.index("right_hip")] = np.nan
    correct = correct_keypoints(keypoint_errors(people, people), torso_diagonals(people, COCO), 0.2)
    assert np.isnan(correct[0]).all()
    assert (correct[1:] == 1).all()


def test_a_labelled_joint_that_was_not_found_is_wrong(people):
    found = people.copy()
    found[:, 9] = np.nan
    errors = keypoint_errors(found, people)
    assert np.isinf(errors[:, 9]).all()
    assert by_joint(correct_keypoints(errors, torso_diagonals(people, COCO), 0.2))[9] == 0
    assert by_joint(oks(found, people, np.full(40, 1e4), COCO)[:, None])[0] == pytest.approx(16 / 17)


def test_pckh_is_defined_by_head_and_neck_and_not_for_coco(standing_person):
    true = standing_person(MPII.joints[:7] + ("neck",) + MPII.joints[8:], height=100)[None]
    np.testing.assert_allclose(head_segments(true, MPII), 17)
    assert np.isnan(head_segments(np.zeros((2, 17, 2)), COCO)).all()


def test_upside_down_is_told_by_the_face_and_else_by_the_shoulders(people):
    people = people[:4]
    people[1] *= (1, -1)
    people[2, :5] = np.nan
    people[2] *= (1, -1)
    people[3, [11, 12]] = np.nan
    above, below = upright(people, COCO)
    np.testing.assert_array_equal(above, [True, False, False, False])
    np.testing.assert_array_equal(below, [False, True, True, False])


def test_oks_is_cocos_own(people, rng):
    pytest.importorskip("pycocotools")
    from pycocotools.cocoeval import COCOeval

    people[::3, rng.integers(0, 17, 5)] = np.nan
    area = rng.uniform(500, 9000, 40)
    found = people + rng.normal(0, 8, people.shape)
    found = np.where(np.isnan(found), 5.0, found)
    theirs = COCOeval(iouType="keypoints")
    theirs.params.useCats = 0
    theirs.params.catIds = [1]
    for n in range(40):
        seen = np.isfinite(people[n]).all(-1)
        points = np.column_stack([np.nan_to_num(people[n]), 2 * seen]).ravel()
        theirs._gts[n, 1] = [{"keypoints": points, "area": area[n], "bbox": [0, 0, 1, 1], "num_keypoints": seen.sum()}]
        theirs._dts[n, 1] = [{"keypoints": np.column_stack([found[n], np.ones(17)]).ravel(), "score": 1.0}]
    expected = [theirs.computeOks(n, 1)[0, 0] for n in range(40)]
    np.testing.assert_allclose(oks(found, people, area, COCO), expected, rtol=1e-6)


def test_average_precision_is_the_share_of_people_over_the_thresholds(people):
    pytest.importorskip("pycocotools")
    area, confidence = np.full(40, 1e4), np.ones((40, 17))
    perfect = oks_average_precision(people, confidence, people, area, skeleton=COCO)
    assert perfect == {"AP": pytest.approx(1.0), "AP50": 1.0, "AP75": 1.0, "AR": 1.0}
    half = people.copy()
    half[20:] += 1000
    confidence[20:] = 0.5  # the wrong ones are the less certain ones: precision is 1 up to half of the recall
    figures = oks_average_precision(half, confidence, people, area, skeleton=COCO)
    assert figures["AR"] == pytest.approx(0.5)
    assert figures["AP"] == pytest.approx(51 / 101)  # COCO reads 101 recalls
    worse = oks_average_precision(half, confidence[::-1], people, area, skeleton=COCO)
    assert worse["AP"] < 0.7 * figures["AP"]
    assert oks_average_precision(people[:, :16], confidence[:, :16], people[:, :16], area, skeleton=MPII) == {}


def test_reliability_finds_promises_that_were_not_kept(rng):
    confidence = rng.uniform(0, 1, (500, 40))
    kept = (rng.uniform(size=confidence.shape) < confidence).astype(float)
    assert reliability(confidence, kept).expected_error < 0.012  # bins of 2,000: binomial error 0.009
    bold = reliability(confidence, (rng.uniform(size=confidence.shape) < confidence**2).astype(float))
    assert bold.expected_error == pytest.approx(1 / 6, abs=0.01)  # the integral of x - x^2
    assert sum(bold.count) == confidence.size


def test_reliability_leaves_out_what_was_not_labelled():
    curve = reliability(np.array([0.9, 0.9, 1.0]), np.array([1.0, np.nan, 0.0]), bins=(0, 0.5, 1))
    assert curve.count == (0, 2)
    assert curve.share[1] == 0.5
    assert np.isnan(curve.share[0])


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(InputError, match=r"must both be \[N, J, 2\], got \[4, 17, 3\] and \[4, 17, 2\]"):
        keypoint_errors(np.zeros((4, 17, 3)), np.zeros((4, 17, 2)))
