"""Smoothing of poses by name."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.capture import open_capture
from lift3d.datasets.gait import walk_turn_squat
from lift3d.datasets.poses import Status
from lift3d.datasets.skeleton import SKELETONS
from lift3d.reconstruct import ReconstructConfig, reconstruct
from lift3d.smoothing import SmoothingConfig, motion_figures, smooth_poses

FPS = 60.0
CLASSICAL = ("butterworth", "savgol", "one-euro", "kalman", "median")
SIGMA = 0.01


@pytest.fixture(scope="module")
def truth():
    return walk_turn_squat(4.0, FPS)[:, None]


@pytest.fixture(scope="module")
def noisy(truth):
    """Positions with 10 mm of noise, a short gap and a long one."""
    xyz = truth + SIGMA * np.random.default_rng(3).normal(size=truth.shape)
    xyz[100:108, 0, 4] = np.nan
    xyz[100:150, 0, 7] = np.nan
    poses = Poses.from_xyz(xyz, SKELETONS["body_25b"], FPS)
    covariance = np.where(poses.status[..., None] > 0, SIGMA**2 * np.array([1, 0, 0, 1, 0, 1]), np.nan)
    return poses.replace(covariance=covariance)


@pytest.mark.parametrize("method", CLASSICAL)
def test_every_filter_smooths_fills_short_gaps_and_leaves_long_ones(method, noisy, truth):
    cutoff = 15.0 if method == "one-euro" else None  # it is causal: at 6 Hz its lag outweighs the noise
    after = smooth_poses(noisy, SmoothingConfig(method, cutoff=cutoff))
    error = [float(np.nanmean(np.linalg.norm(p.xyz - truth, axis=-1))) for p in (noisy, after)]
    assert error[1] < 0.95 * error[0]
    assert (after.status[100:108, 0, 4] == Status.INTERPOLATED).all()
    assert np.isfinite(after.xyz[100:108, 0, 4]).all()
    assert (after.status[100:150, 0, 7] == Status.MISSING).all()
    assert np.isnan(after.xyz[100:150, 0, 7]).all()
    assert np.isnan(after.covariance[100:150, 0, 7]).all()
    assert after.settings["smoothing"]["method"] == method


def test_sigma_grows_towards_the_middle_of_a_filled_gap(noisy):
    after = smooth_poses(noisy, SmoothingConfig("butterworth"))
    sigma = after.sigma[98:110, 0, 4]
    np.testing.assert_allclose(sigma[:2], SIGMA)
    assert (np.diff(sigma[1:6]) > 0).all()
    assert (np.diff(sigma[5:10]) <= 0).all()


def test_a_second_filter_starts_from_what_was_observed(noisy):
    once = smooth_poses(noisy, SmoothingConfig("butterworth"))
    without = smooth_poses(once, SmoothingConfig("butterworth", max_gap=0.0))
    assert (without.status[100:108, 0, 4] == Status.MISSING).all()


def test_none_changes_nothing(noisy):
    assert smooth_poses(noisy, SmoothingConfig()) is noisy


def test_figures_tell_steadiness(truth, noisy):
    exact = motion_figures(Poses.from_xyz(truth, SKELETONS["body_25b"], FPS))
    assert exact["bone_cv_percent"] < 1e-6
    figures = motion_figures(noisy)
    assert figures["sigma_mm"] == pytest.approx(1000 * SIGMA)
    assert figures["acceleration"] > 10 * exact["acceleration"]
    assert np.isnan(figures["residual_px"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "gauss"}, "smoothing must be none, map, butterworth, .* got 'gauss'"),
        ({"method": "map", "cutoff": 6.0}, "has no cutoff"),
        ({"max_gap": -0.1}, "0 s or more, got -0.1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        SmoothingConfig(**wrong)


@pytest.mark.parametrize("method", CLASSICAL)
def test_a_cutoff_beyond_the_frame_rate_is_refused(method, noisy):
    with pytest.raises(InputError, match=r"half the frame rate \(30 Hz\), got 40 Hz"):
        smooth_poses(noisy, SmoothingConfig(method, cutoff=40.0))


def test_the_real_capture_becomes_steady_without_leaving_its_keypoints(shared):
    folder = shared / "captures" / "balance"
    capture = open_capture(folder, calibration=folder / "Calib.qca.txt", keypoints=folder / "keypoints/openpose")
    per_frame, refined = (
        reconstruct(
            capture.keypoints, capture.rig, fps=60.0, config=ReconstructConfig(smoothing=SmoothingConfig(method))
        )
        for method in ("none", "map")
    )
    before, after = motion_figures(per_frame.poses), motion_figures(refined.poses)
    assert after["bone_cv_percent"] <= 1.5
    assert after["acceleration"] <= 7.0
    assert after["residual_px"] <= 1.05 * before["residual_px"]
    assert refined.summary["bone_cv_percent"] == pytest.approx(after["bone_cv_percent"], abs=0.05)
    assert refined.summary["smoothing"]["method"] == "map"
