"""The motion prior: its matrix, and its strength read off data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from lift3d.motion_prior import TOP_SPEED, estimate_strength, local_strength, motion_bands

FPS = 60.0


def _damped_jerk(rng, n, q):
    """A path whose third differences are nearly white, and that does not run away."""
    return lfilter([1.0], np.poly([0.97] * 3), np.sqrt(q) * rng.normal(size=(n, 3)), axis=0)


def test_bands_are_those_of_weighted_differences():
    n, precision = 12, 5.0
    third = np.diff(np.eye(n), 3, axis=0)
    first = np.diff(np.eye(n), 1, axis=0)
    dense = precision * third.T @ third + (FPS / TOP_SPEED) ** 2 * first.T @ first
    bands = motion_bands(np.ones((n, 2), bool), np.full(2, precision), FPS)
    for s in range(4):
        np.testing.assert_allclose(bands[s, : n - s, 0], np.diag(dense, -s), atol=1e-9)


def test_motion_starts_anew_after_a_frame_that_is_not_active():
    active = np.ones((20, 1), bool)
    active[9] = False
    bands = motion_bands(active, np.ones(1), FPS)
    assert bands[0, 9, 0] == 0
    assert not bands[1, 8:10].any()
    np.testing.assert_allclose(bands[:, :9, 0][:, :5], motion_bands(active[:9], np.ones(1), FPS)[:, :5, 0])


@pytest.mark.parametrize("q", [1e-9, 1e-6])
def test_strength_is_found_within_a_factor_of_three(rng, q):
    sigma = 5e-3
    x = _damped_jerk(rng, 1500, q) + sigma * rng.normal(size=(1500, 3))
    x[100:110] = np.nan
    found = estimate_strength(x, np.full_like(x, sigma**2), FPS)
    assert q / 3 < found < 3 * q


def test_strength_of_a_joint_that_was_hardly_seen_is_nan():
    x = np.full((50, 3), np.nan)
    x[:9] = 1.0
    assert np.isnan(estimate_strength(x, np.full_like(x, 1e-4), FPS))


def test_strength_rises_where_a_resting_joint_moves_fast(rng):
    n, sigma = 400, 2e-3
    t = np.arange(n) / FPS
    path = np.stack([0.5 / (1 + np.exp(-(t - 3.0) * 40)), 0 * t, 0 * t], axis=1)
    x = (path + sigma * rng.normal(size=path.shape))[:, None]
    info = np.broadcast_to(np.eye(3) / sigma**2, (n, 1, 3, 3))
    q = local_strength(info, x, np.ones((n, 1), bool), np.array([1e-8]), FPS)[:, 0]
    assert q[175:186].max() > 30 * np.median(q[:100])
