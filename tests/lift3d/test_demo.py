import json

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.demo_capture import DemoSettings, synthesize
from lift3d.datasets.detector_noise import DetectorNoise
from lift3d.demo import least_covariance, run_demo, true_error

SETTINGS = DemoSettings(duration=3.0, fps=30.0, seed=1)


@pytest.fixture(scope="module")
def capture():
    return synthesize(SETTINGS)


def off_by(capture, shift, sigma):
    """The truth, moved, with round covariances."""
    truth = capture.truth
    covariance = np.broadcast_to(np.array([1.0, 0, 0, 1, 0, 1]) * sigma**2, truth.covariance.shape)
    return truth.replace(xyz=truth.xyz + shift, covariance=covariance)


def test_error_is_the_distance_from_the_truth(capture):
    error = true_error(off_by(capture, [0.003, 0.0, 0.004], 0.01), capture)
    np.testing.assert_allclose(error.distance, 0.005, atol=1e-12)
    summary = error.summary()
    assert summary["median_mm"] == summary["rms_mm"] == summary["worst_mm"] == summary["clean_rms_mm"] == 5.0
    assert summary["found_percent"] == 100.0
    assert [row["name"] for row in summary["joints"]] == list(capture.truth.skeleton.joints)


@pytest.mark.parametrize(("shift", "inside"), [(0.02499, 100.0), (0.02502, 0.0)])
def test_the_ellipsoid_of_90_percent_ends_at_two_and_a_half_sigma(capture, shift, inside):
    error = true_error(off_by(capture, [0.0, shift, 0.0], 0.01), capture)  # sqrt(6.251) = 2.5002
    assert error.summary()["inside_90_percent"] == inside


def test_ellipsoids_hold_gaussian_errors_nine_times_in_ten(capture, rng):
    root = np.array([[0.02, 0, 0], [0.01, 0.005, 0], [-0.01, 0.002, 0.01]])
    cov = root @ root.T
    truth = capture.truth
    poses = truth.replace(
        xyz=truth.xyz + rng.normal(size=truth.xyz.shape) @ root.T,
        covariance=np.broadcast_to(cov[np.triu_indices(3)], truth.covariance.shape),
    )
    inside = true_error(poses, capture).inside
    assert inside.mean() == pytest.approx(0.90, abs=3 * 0.3 / np.sqrt(inside.size))


def test_missing_joints_count_as_not_found_and_not_as_errors(capture):
    poses = off_by(capture, 0.0, 0.01)
    xyz = poses.xyz.copy()
    xyz[:45, 0, 0] = np.nan
    summary = true_error(poses.replace(xyz=xyz), capture).summary()
    assert summary["joints"][0]["found_percent"] == 50.0
    assert summary["joints"][0]["worst_mm"] == 0.0
    part = poses.replace(**{name: getattr(poses, name)[30:60] for name in ("xyz", "covariance", "status", "views",
                            "reprojection_error", "confidence", "time")})  # fmt: skip
    assert true_error(part, capture).summary()["found_percent"] == pytest.approx(100 / 3, abs=0.1)


def test_bound_is_reached_by_least_squares_on_gaussian_noise(capture, rng):
    """One Gauss-Newton step from the truth with the true weights has the bound's covariance."""
    point = np.array([0.2, -0.1, 1.2])
    xyz = np.broadcast_to(point, (4000, 1, 3))
    rig, sigma = capture.rig, np.array([2.0, 3.0, 1.0, 4.0])
    bound = least_covariance(xyz, rig, _perfect(sigma, 4000, capture))[0, 0]
    J = np.concatenate([camera.project_jacobian(point)[1] / s for camera, s in zip(rig, sigma, strict=True)])
    estimates = rng.normal(size=(4000, 8)) @ np.linalg.pinv(J).T
    np.testing.assert_allclose(np.cov(estimates.T), bound, atol=0.07 * np.trace(bound))


def _perfect(sigma, frames, capture):
    """Detections of one joint by all cameras."""
    from dataclasses import replace

    shape = (frames, len(sigma), 1, 1)
    none = np.zeros(shape, bool)
    return replace(capture.detections, sigma=np.broadcast_to(sigma[:, None, None], shape), outlier=none, swapped=none)


def test_bound_needs_two_right_cameras_and_shrinks_with_more(capture):
    xyz = np.array([[[0.0, 0.0, 1.0]]])
    trace = []
    for seen in (1, 2, 3, 4):
        sigma = np.where(np.arange(4) < seen, 2.0, np.nan)
        trace.append(np.trace(least_covariance(xyz, capture.rig, _perfect(sigma, 1, capture))[0, 0]))
    assert np.isnan(trace[0])
    assert trace[1] > trace[2] > trace[3] > 0


def test_poses_of_something_else_are_refused(capture):
    other = Poses.from_xyz(np.zeros((3, 2, 25, 3)), capture.truth.skeleton, 30.0)
    with pytest.raises(InputError, match="the truth is one person of body_25b"):
        true_error(other, capture)
    late = capture.truth.replace(time=capture.truth.time + 1.0)
    with pytest.raises(InputError, match="the truth has 90 frames; the poses reach from 30 to 119"):
        true_error(late, capture)


def test_clean_joints_are_those_that_no_camera_got_wrong(capture):
    error = true_error(capture.truth, capture)
    seen = capture.detections.associated()
    assert 0.8 < error.clean.mean() < 0.97
    assert not (error.clean[:, None] & (seen.outlier | seen.swapped)[:, :, 0]).any()


def test_demo_reconstructs_the_person_to_centimetres(tmp_path):
    report = run_demo(tmp_path / "demo", SETTINGS)
    truth = report["truth"]
    assert truth["found_percent"] > 95
    assert truth["median_mm"] < 20
    assert truth["clean_rms_mm"] < 1.15 * truth["clean_bound_mm"]
    assert 80 < truth["inside_90_percent"] < 96  # 90 frames alone: the full demo is held to 85-95
    assert json.loads(json.dumps(report)) == report
    assert Poses.load(tmp_path / "demo" / "result.poses.h5").xyz.shape == (90, 1, 25, 3)


def test_without_noise_the_demo_is_exact(tmp_path):
    settings = DemoSettings(duration=0.5, fps=20.0, noise=DetectorNoise.gaussian(0.0))
    truth = run_demo(tmp_path / "demo", settings)["truth"]
    assert truth["worst_mm"] < 0.1  # the JSON has a thousandth of a pixel
