"""The detector's errors have the size, the tails, the memory and the gaps that were asked for."""

import numpy as np
import pytest

from lift3d.datasets.coco_of_h36m import COCO
from lift3d.datasets.detector_noise import joint_sigma
from lift3d.datasets.ray_noise import RayNoise, add_ray_noise, occlusion_masks

SILENT = RayNoise(level=(1.0, 1.0), clean=0.0, misses=0.0, outliers=0.0, swaps=0.0, occlusions=0.0, exact=0.0)


def noisy(rng, noise, *, frames=1, batch=3000, depth=4.0):
    xy = np.zeros((batch, frames, 17, 2), np.float32) + np.arange(17, dtype=np.float32)[:, None]
    out, confidence = add_ray_noise(xy, np.full((batch, frames), depth, np.float32), COCO, rng=rng, noise=noise)
    return out - xy, confidence


def test_level_zero_is_exact(rng):
    error, confidence = noisy(rng, RayNoise.fixed(0.0))
    assert (error == 0).all()
    assert (confidence > 0).all()


def test_errors_have_their_joints_size_at_the_persons_distance(rng):
    error, confidence = noisy(rng, SILENT)
    expected = joint_sigma(COCO) / 400 * 1.7 / 4.0
    ratio = np.median(np.abs(error * confidence[..., None]), axis=(0, 1, 3)) / expected
    np.testing.assert_allclose(ratio, 0.765, rtol=0.06)  # the median of |t| with 3 degrees of freedom


def test_errors_have_heavy_tails(rng):
    error, confidence = noisy(rng, SILENT)
    scaled = (error * confidence[..., None])[..., 0, :] / np.median(np.abs(error * confidence[..., None])[..., 0, :])
    assert (np.abs(scaled) > 6).mean() > 0.005  # a Gaussian: 0.00005


def test_errors_persist_in_time(rng):
    error, confidence = noisy(rng, SILENT, frames=3, batch=2000)
    sign = np.sign(error)
    assert (sign[:, 0] == sign[:, 1]).mean() > 0.7
    assert confidence.shape == (2000, 3, 17)


def test_misses_come_with_confidence_zero_and_leave_enough(rng):
    _, confidence = noisy(rng, RayNoise(clean=0.0, misses=0.3, occlusions=0.5, exact=0.0))
    assert 0.25 < (confidence == 0).mean() < 0.55
    assert (confidence > 0).sum(-1).min() >= 5


def test_swapped_samples_have_left_and_right_exchanged(rng):
    swapping = RayNoise(level=(0.0, 0.0), swaps=1.0, misses=0.0, outliers=0.0, occlusions=0.0, exact=0.0)
    error, _ = noisy(rng, swapping, batch=5)
    assert (error[:, 0, 5] == 1).all()  # joints are numbered 5 (left shoulder) and 6 (right shoulder)
    assert (error[:, 0, 0] == 0).all()


def test_exact_samples_say_so_and_may_have_hidden_parts(rng):
    error, confidence = noisy(rng, RayNoise(clean=0.0, exact=0.5, swaps=0.3, misses=0.2, occlusions=0.4))
    exact = ((confidence == 0) | (confidence == 1)).all((1, 2))
    assert 0.45 < exact.mean() < 0.55
    assert (error[exact] == 0).all()
    assert 0.3 < (confidence[exact] == 0).any((1, 2)).mean() < 0.5  # occlusions, no misses


def test_the_same_seed_gives_the_same_noise():
    first, second = (noisy(np.random.default_rng(1), RayNoise(), batch=10)[0] for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("part", ["left_wrist", "right_ankle", "nose"])
def test_some_occlusion_hides(part):
    assert occlusion_masks(COCO)[:, COCO.index(part)].any()
