"""Classical filters against scipy and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, filtfilt, savgol_filter

from lift3d.calib import InputError
from lift3d.filters import butterworth, fill_gaps, median, one_euro, savitzky_golay
from lift3d.kalman import kalman_smooth

FPS = 60.0

FILTERS = {
    "butterworth": lambda x: butterworth(x, FPS),
    "savitzky_golay": lambda x: savitzky_golay(x, FPS),
    "median": lambda x: median(x, FPS),
    "one_euro": lambda x: one_euro(x, FPS),
    "kalman": lambda x: kalman_smooth(x, FPS)[0],
}
every_filter = pytest.mark.parametrize("smooth", FILTERS.values(), ids=FILTERS)


def _gain(smooth, frequency):
    """How much of a sine's amplitude is left in the middle of a long recording."""
    t = np.arange(1200) / FPS
    wave = np.exp(2j * np.pi * frequency * t)
    return np.abs(smooth(wave.real) + 1j * smooth(wave.imag))[500:700].mean()


@every_filter
def test_a_constant_stays_and_the_shape_too(smooth):
    x = np.full((50, 2, 3), 1.7)
    np.testing.assert_allclose(smooth(x), x, atol=1e-6)


@every_filter
def test_input_is_not_written_to_and_empty_input_is_no_error(smooth, rng):
    x = rng.normal(size=(40, 2))
    before = x.copy()
    assert not np.allclose(smooth(x), x)
    np.testing.assert_array_equal(x, before)
    assert smooth(np.zeros((0, 2, 3))).shape == (0, 2, 3)
    assert smooth(np.zeros((5, 0))).shape == (5, 0)


@pytest.mark.parametrize("name", [name for name in FILTERS if name != "kalman"])
def test_a_gap_stays_and_nothing_leaks_across_it(name, rng):
    x = rng.normal(size=(100, 2))
    x[40:50, 0] = np.nan
    y = FILTERS[name](x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    np.testing.assert_allclose(y[:40, 0], FILTERS[name](x[:40, 0]))
    np.testing.assert_allclose(y[50:, 0], FILTERS[name](x[50:, 0]))
    np.testing.assert_allclose(y[:, 1], FILTERS[name](x[:, 1]))


@every_filter
def test_a_signal_that_is_never_there_stays_away(smooth):
    assert np.isnan(smooth(np.full((30, 2), np.nan))).all()


@every_filter
def test_runs_of_any_length_pass(smooth, rng):
    for length in range(1, 12):
        assert np.isfinite(smooth(rng.normal(size=(length, 1)))).all()


def test_butterworth_is_scipys_with_the_corner_moved_for_two_passes(rng):
    x = rng.normal(size=(200, 3))
    corner = np.arctan(np.tan(np.pi * 6 / FPS) / (np.sqrt(2) - 1) ** 0.25) / np.pi * 2
    b, a = butter(2, corner)
    np.testing.assert_allclose(butterworth(x, FPS, cutoff=6.0), filtfilt(b, a, x, axis=0, padlen=9), atol=1e-9)


def test_butterworth_halves_the_power_at_its_cutoff():
    assert _gain(lambda x: butterworth(x, FPS, cutoff=6.0), 6.0) == pytest.approx(np.sqrt(0.5), abs=0.005)
    assert _gain(lambda x: butterworth(x, FPS, cutoff=6.0), 1.0) == pytest.approx(1.0, abs=0.005)
    assert _gain(lambda x: butterworth(x, FPS, cutoff=6.0), 20.0) < 0.01


def test_savitzky_golay_is_scipys(rng):
    x = rng.normal(size=(80, 2))
    np.testing.assert_allclose(savitzky_golay(x, FPS, window=11 / FPS), savgol_filter(x, 11, 3, axis=0))


def test_savitzky_golay_keeps_a_cubic_exactly():
    t = np.linspace(-1, 1, 60)
    np.testing.assert_allclose(savitzky_golay(t**3 - t, FPS), t**3 - t, atol=1e-12)


def test_median_removes_single_spikes():
    x = np.linspace(0, 1, 60)
    spiky = x.copy()
    spiky[[10, 30]] += 5
    np.testing.assert_allclose(median(spiky, FPS, window=3 / FPS), x, atol=0.02)


def test_one_euro_is_exponential_smoothing_without_its_speed_term(rng):
    x = rng.normal(size=50)
    share = 1 / (1 + FPS / (2 * np.pi * 2.0))
    expected = [x[0]]
    for value in x[1:]:
        expected.append(expected[-1] + share * (value - expected[-1]))
    np.testing.assert_allclose(one_euro(x, FPS, cutoff=2.0, beta=0.0), expected)


def test_one_euro_follows_fast_motion_more_closely_with_beta():
    x = np.where(np.arange(60) < 30, 0.0, 1.0)
    lag = [1 - one_euro(x, FPS, cutoff=1.0, beta=beta)[33] for beta in (0.0, 1.0)]
    assert lag[1] < 0.6 * lag[0]


def test_kalman_halves_the_amplitude_at_its_cutoff():
    assert _gain(lambda x: kalman_smooth(x, FPS, cutoff=6.0)[0], 6.0) == pytest.approx(0.5, abs=0.02)
    assert _gain(lambda x: kalman_smooth(x, FPS, cutoff=6.0)[0], 2.0) == pytest.approx(1.0, abs=0.005)


def test_kalman_variance_holds_for_its_own_model_and_grows_in_a_gap(rng):
    fps, cutoff, sigma = 60.0, 3.0, 0.01
    density = sigma**2 / fps * (2 * np.pi * cutoff) ** 6
    fine = 20
    jerk = rng.normal(size=(300 * fine, 40)) * np.sqrt(density * fps * fine)
    dt = 1 / (fps * fine)
    truth = (np.cumsum(np.cumsum(np.cumsum(jerk, 0), 0), 0) * dt**3)[::fine]
    x = truth + sigma * rng.normal(size=truth.shape)
    x[150:160] = np.nan
    y, variance = kalman_smooth(x, fps, cutoff=cutoff, sigma=sigma)
    assert ((y - truth) ** 2 / variance)[20:-20].mean() == pytest.approx(1.0, abs=0.1)
    assert (variance[154] > 3 * variance[130]).all()
    assert (variance[154] > variance[151]).all()


def test_gaps_are_filled_up_to_a_length_and_ends_stay():
    x = np.arange(30.0)
    x[[0, 5, 6, 15, 16, 17, 29]] = np.nan
    y = fill_gaps(x, 2)
    np.testing.assert_allclose(y[1:15], np.arange(1.0, 15.0))
    assert np.isnan(y[[0, 15, 16, 17, 29]]).all()
    np.testing.assert_allclose(fill_gaps(x, 3)[1:29], np.arange(1.0, 29.0))
    np.testing.assert_array_equal(fill_gaps(x, 0), x)


def test_filling_never_overshoots_the_neighbours():
    x = np.array([0.0, 0.0, np.nan, np.nan, 1.0, 1.0])
    y = fill_gaps(x, 5)
    assert (np.diff(y) >= 0).all()
    assert y.max() <= 1


@pytest.mark.parametrize("cutoff", [0.0, -1.0, 30.0, float("nan")])
def test_a_cutoff_that_the_frame_rate_cannot_show_is_refused(cutoff):
    for smooth in (butterworth, one_euro, kalman_smooth):
        with pytest.raises(InputError, match=r"between 0 and half the frame rate \(30 Hz\)"):
            smooth(np.zeros((20, 1)), FPS, cutoff=cutoff)


def test_settings_that_make_no_filter_are_refused():
    with pytest.raises(InputError, match="must be even"):
        butterworth(np.zeros((20, 1)), FPS, order=3)
    with pytest.raises(InputError, match="cannot hold degree 3: make it 5"):
        savitzky_golay(np.zeros((20, 1)), FPS, window=0.05)


@every_filter
def test_the_layout_in_memory_makes_no_difference(smooth, rng):
    x = rng.normal(size=(40, 2, 3))
    np.testing.assert_array_equal(smooth(np.asfortranarray(x)), smooth(x))
    np.testing.assert_array_equal(fill_gaps(np.asfortranarray(x), 3), x)
