"""The noise model, on residuals whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.noise import MIN_DEGREES, NoiseModel, fit_noise


def residuals(rng, sigma, frames=400, views=4, leverage=0.375):
    """Squared 2D residuals of independent Gaussian noise of which a fit has absorbed its share."""
    shape = (frames, views, 1, len(sigma))
    squared = (rng.normal(size=(*shape, 2)) ** 2).sum(-1) * np.asarray(sigma) ** 2 * (1 - leverage)
    return squared, np.full(shape, leverage), np.ones(shape)


def test_each_joint_gets_its_own_sigma(rng):
    sigma = [0.5, 2.0, 8.0]
    model = fit_noise(*residuals(rng, sigma), NoiseModel(np.full(3, 3.0)))
    np.testing.assert_allclose(model.joint, sigma, rtol=0.05)  # 4,000 degrees of freedom: 1.1 %, and trimming


def test_a_tenth_of_gross_residuals_hardly_counts(rng):
    squared, leverage, confidence = residuals(rng, [2.0])
    squared[rng.random(squared.shape) < 0.1] = 100.0**2
    model = fit_noise(squared, leverage, confidence, NoiseModel(np.full(1, 3.0)))
    assert model.joint[0] == pytest.approx(2.0, rel=0.06)


def test_confidence_that_says_nothing_has_exponent_near_zero(rng):
    squared, leverage, _ = residuals(rng, [2.0, 2.0], frames=1000)
    confidence = rng.uniform(0.2, 1.0, squared.shape)
    assert fit_noise(squared, leverage, confidence, NoiseModel(np.full(2, 2.0))).exponent < 0.05


def test_confidence_that_predicts_the_noise_is_found(rng):
    squared, leverage, _ = residuals(rng, [2.0, 4.0], frames=1000)
    confidence = rng.uniform(0.2, 1.0, squared.shape)
    model = fit_noise(squared / confidence, leverage, confidence, NoiseModel(np.full(2, 2.0)))
    assert model.exponent == pytest.approx(0.5, abs=0.05)
    sigma = model.sigma(np.array([[[[0.25, 0.25]]], [[[1.0, 1.0]]]]))
    np.testing.assert_allclose(sigma[0] / sigma[1], 4**0.5, rtol=0.1)


def test_size_in_the_picture_scales_the_noise(rng):
    squared, leverage, confidence = residuals(rng, [2.0])
    scale = np.broadcast_to(np.array([0.5, 1.0, 1.0, 2.0])[None, :, None], squared.shape[:3])
    model = fit_noise(squared * scale[..., None] ** 2, leverage, confidence, NoiseModel(np.full(1, 2.0)), scale)
    assert model.joint[0] == pytest.approx(2.0, rel=0.05)
    np.testing.assert_allclose(model.sigma(confidence, scale)[0, :, 0, 0], model.joint[0] * scale[0, :, 0])


def test_a_joint_with_few_residuals_takes_the_average(rng):
    squared, leverage, confidence = residuals(rng, [2.0, 2.0, 9.0])
    few = int(MIN_DEGREES / 1.25 / 4) - 2
    squared[few:, :, :, 2] = np.nan
    model = fit_noise(squared, leverage, confidence, NoiseModel(np.full(3, 3.0)))
    assert model.joint[2] < 3.0


def test_too_few_residuals_leave_the_model_as_it_was():
    start = NoiseModel(np.full(2, 3.0))
    squared = np.full((2, 2, 1, 2), np.nan)
    assert fit_noise(squared, squared, np.zeros(squared.shape), start) is start


def test_unseen_keypoints_have_no_sigma():
    sigma = NoiseModel(np.array([1.0, 2.0])).sigma(np.array([[[[0.0, 0.5]]]]))
    assert np.isnan(sigma[0, 0, 0, 0])
    assert sigma[0, 0, 0, 1] == 2.0
