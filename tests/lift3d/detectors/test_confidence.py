"""Confidence is a probability that holds on people who were not seen."""

import json

import numpy as np
import pytest
import scipy.optimize

from lift3d.calib import InputError
from lift3d.datasets.skeleton import SKELETONS, Skeleton
from lift3d.detectors.confidence import FLOOR, ConfidenceTable, isotonic

HANDS = Skeleton("hands", ("nose", "left_wrist", "right_wrist"))


def sample(rng, n, joints=3):
    """Peaks, and whether correct with the probability peak^2 (joint 0) or peak (the rest)."""
    peak = rng.uniform(0, 1, (n, joints))
    probability = np.where(np.arange(joints) == 0, peak**2, peak)
    return peak, rng.uniform(0, 1, peak.shape) < probability, probability


def test_confidence_is_the_probability_on_new_people(rng):
    peak, correct, _ = sample(rng, 4000)
    table = ConfidenceTable.fit(peak, correct, np.ones_like(correct), skeleton=HANDS)
    peak, _, probability = sample(rng, 1000)
    assert np.abs(table(peak) - probability).mean() < 0.03  # binomial error of a bin of 200 is up to 0.035


def test_it_never_falls_with_the_peak_and_is_never_zero(rng):
    peak, correct, _ = sample(rng, 200)
    table = ConfidenceTable.fit(peak, correct, np.ones_like(correct))
    confidence = table(np.linspace(-0.5, 1.5, 101)[:, None].repeat(3, 1))
    assert (np.diff(confidence, axis=0) >= 0).all()
    assert confidence.min() == FLOOR
    assert confidence.max() < 1


def test_what_nobody_labelled_teaches_nothing(rng):
    peak, correct, _ = sample(rng, 600)
    seen = rng.uniform(size=peak.shape) < 0.7
    fitted = ConfidenceTable.fit(peak, correct, seen)
    lies = ConfidenceTable.fit(np.where(seen, peak, np.nan), correct | ~seen, seen)
    assert fitted.to_json() == lies.to_json()


def test_left_and_right_share_a_curve_and_few_samples_take_everyones(rng):
    peak, correct, _ = sample(rng, 300)
    seen = np.ones_like(correct)
    seen[10:, 0] = False
    table = ConfidenceTable.fit(peak, correct, seen, skeleton=HANDS)
    np.testing.assert_array_equal(table.confidence[1], table.confidence[2])
    pooled = ConfidenceTable.fit(peak[seen][:, None], correct[seen][:, None], np.ones((seen.sum(), 1), bool))
    np.testing.assert_array_equal(table.confidence[0], pooled.confidence[0])


def test_json_and_back_gives_the_same_confidence(rng):
    peak, correct, _ = sample(rng, 300)
    table = ConfidenceTable.fit(peak, correct, np.ones_like(correct), radius=0.2)
    again = ConfidenceTable.from_json(json.loads(json.dumps(table.to_json())))
    np.testing.assert_allclose(again(peak), table(peak), atol=2e-4)
    assert again.radius == 0.2


def test_a_missing_keypoint_has_no_confidence(rng):
    peak, correct, _ = sample(rng, 300)
    table = ConfidenceTable.fit(peak, correct, np.ones_like(correct))
    np.testing.assert_array_equal(table(np.array([[np.nan, 0.0, 0.0]])), [[0.0, FLOOR, FLOOR]])
    assert table(np.zeros((2, 5, 3), np.float32)).shape == (2, 5, 3)


def test_peaks_that_are_all_alike_get_one_confidence(rng):
    correct = np.arange(400).reshape(200, 2) % 4 > 0
    table = ConfidenceTable.fit(np.full((200, 2), 0.5), correct, np.ones((200, 2), bool))
    assert table(np.array([[0.5, 0.5]]))[0, 0] == pytest.approx(0.5, abs=0.03)


@pytest.mark.skipif(not hasattr(scipy.optimize, "isotonic_regression"), reason="SciPy before 1.12")
def test_isotonic_regression_is_scipys(rng):
    for _ in range(20):
        values, weights = rng.normal(size=30) + np.linspace(0, 2, 30), rng.uniform(0.1, 3, 30)
        ours = isotonic(values, weights)
        np.testing.assert_allclose(ours, scipy.optimize.isotonic_regression(values, weights=weights).x, atol=1e-12)


def test_messages_say_what_was_wanted(rng):
    peak, correct, _ = sample(rng, 300)
    seen = np.ones_like(correct)
    with pytest.raises(InputError, match=r"must all be \[N, J\], got \[300, 3\], \[300, 3\], \[300, 2\]"):
        ConfidenceTable.fit(peak, correct, seen[:, :2])
    with pytest.raises(InputError, match=r"9 labelled keypoints .* 150 are needed"):
        ConfidenceTable.fit(peak[:3], correct[:3], seen[:3])
    with pytest.raises(InputError, match="peaks of 3 joints, but coco_17 has 17"):
        ConfidenceTable.fit(peak, correct, seen, skeleton=SKELETONS["coco_17"])
    table = ConfidenceTable.fit(peak, correct, seen)
    with pytest.raises(InputError, match="peaks of 2 joints, but the confidence table is for 3"):
        table(peak[:, :2])
    with pytest.raises(InputError, match="damaged"):
        ConfidenceTable.from_json({"peak": [[0, 1]]})
    with pytest.raises(InputError, match="must rise"):
        ConfidenceTable.from_json({**table.to_json(), "confidence": [row[::-1] for row in table.to_json()["peak"]]})
