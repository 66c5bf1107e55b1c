"""Errors that persist and errors that do not."""

from __future__ import annotations

import numpy as np

from lift3d.persistence import persistent_error, split_noise

FPS = 60.0


def test_independent_noise_is_all_jitter(rng):
    split = split_noise(rng.normal(size=(1000, 4, 3, 2)), FPS)
    np.testing.assert_allclose(split.persistent, 0, atol=0.05)
    np.testing.assert_allclose(split.jitter, 1, atol=0.25)


def test_constant_share_is_told_from_jitter(rng):
    constant = rng.normal(size=(1, 4, 30, 2)) * np.sqrt(0.8)
    split = split_noise(constant + np.sqrt(0.2) * rng.normal(size=(900, 4, 30, 2)), FPS)
    assert abs(np.median(split.persistent) - 0.8) < 0.1
    assert abs(np.median(split.jitter) - 0.2) < 0.1


def test_noise_correlated_over_a_few_frames_counts_for_fewer_frames(rng):
    white = rng.normal(size=(4000, 4, 3, 2))
    kept = 0.5
    for t in range(1, len(white)):
        white[t] = kept * white[t - 1] + np.sqrt(1 - kept**2) * white[t]
    split = split_noise(white, FPS)
    expected = (1 + kept) / (1 - kept)  # of an autoregression
    np.testing.assert_allclose(split.length, expected, rtol=0.25)


def test_too_short_a_piece_has_no_persistent_share():
    split = split_noise(np.ones((3, 2, 4, 2)), FPS)
    np.testing.assert_array_equal(split.persistent, 0)
    np.testing.assert_array_equal(split.jitter, 1)


def test_persistent_error_of_a_view_is_followed_through_a_gap(rng):
    e = np.zeros((2, 1, 200, 1))
    e[0] = 0.01
    e += 0.001 * rng.normal(size=e.shape)
    weight = np.ones((1, 200, 1))
    weight[:, 80:90] = 0
    e[:, :, 80:90] = 7.0  # what stands where nothing counts has no say
    track = persistent_error(e, weight, np.array([0.9]), FPS)
    np.testing.assert_allclose(track[0], 0.01, atol=0.001)
    np.testing.assert_allclose(track[1], 0, atol=0.001)


def test_a_small_persistent_share_is_not_followed():
    e = np.full((2, 1, 50, 1), 0.01)
    assert not persistent_error(e, np.ones((1, 50, 1)), np.array([0.05]), FPS).any()
