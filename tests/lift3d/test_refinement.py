"""Refinement in time on people whose motion is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lift3d.calib import InputError, Rig
from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.detector_noise import DetectorNoise, simulate_detections
from lift3d.datasets.gait import walk_turn_squat
from lift3d.datasets.poses import Status
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig
from lift3d.refinement import RefinementConfig, active_frames, refine
from lift3d.triangulation import triangulate

FPS = 60.0
BODY = SKELETONS["body_25b"]
SYMMETRIC = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


def per_frame(keypoints, rig):
    """Poses as reconstruct makes them, of keypoints that are associated."""
    found = triangulate(keypoints.xy, rig, keypoints.confidence)
    present = np.isfinite(found.xyz).all(-1)
    return Poses(
        xyz=found.xyz,
        covariance=found.covariance,
        status=present.astype(np.uint8),
        views=found.views,
        reprojection_error=found.reprojection_error,
        confidence=present.astype(float),
        time=np.arange(len(present)) / FPS,
        fps=FPS,
        skeleton=keypoints.skeleton,
        rig=rig,
        keypoints=keypoints,
        used=found.used,
    )


def gaussian(truth, rig, rng, pixels):
    """Everything seen, with white noise."""
    xy = np.moveaxis(rig.project(truth), 0, 1)
    xy = xy + pixels * rng.normal(size=xy.shape)
    return Keypoints(xy, np.ones(xy.shape[:-1]), rig.names, BODY, FPS)


def mpjpe(poses, truth):
    """Mean error in mm."""
    return float(np.nanmean(np.linalg.norm(poses.xyz - truth, axis=-1))) * 1000


def coverage(poses, truth):
    """Share of the joints whose 90 % ellipsoid contains the truth."""
    there = np.isfinite(poses.xyz).all(-1)
    error = (poses.xyz - truth)[there][..., None]
    squared = (error * np.linalg.solve(poses.covariance[there][:, SYMMETRIC], error)).sum((1, 2))
    return float((squared <= 6.2514).mean())  # chi-square, 3 d.o.f.


@pytest.fixture(scope="module")
def truth():
    return walk_turn_squat(6.0, FPS)[:, None]


@pytest.fixture(scope="module")
def rig():
    return ring_rig(4)


@pytest.fixture(scope="module")
def realistic(truth, rig):
    """Per-frame poses from a realistic detector, sides never exchanged."""
    detections = simulate_detections(
        truth, rig, np.random.default_rng(5), fps=FPS, noise=DetectorNoise(swaps=0.0)
    ).associated()
    return per_frame(detections.keypoints, rig)


@pytest.fixture(scope="module")
def refined(realistic):
    return refine(realistic)


@pytest.mark.parametrize(("pixels", "at_most"), [(5.0, 0.5), (0.5, 0.6), (0.05, 0.9)])
def test_refinement_lowers_the_error_at_any_noise_and_in_the_fastest_frames(truth, rig, rng, pixels, at_most):
    before = per_frame(gaussian(truth, rig, rng, pixels), rig)
    after = refine(before)
    assert mpjpe(after, truth) < at_most * mpjpe(before, truth)
    speed = np.linalg.norm(np.gradient(truth, axis=0), axis=-1).mean((1, 2))
    fast = speed >= np.quantile(speed, 0.95)
    fast_after = np.where(fast[:, None, None, None], after.xyz, np.nan)
    fast_before = np.where(fast[:, None, None, None], before.xyz, np.nan)
    after, before = after.replace(xyz=fast_after), before.replace(xyz=fast_before)
    assert mpjpe(after, truth) < at_most * mpjpe(before, truth)


def test_error_bars_are_right_after_refinement(realistic, refined, truth):
    assert mpjpe(refined, truth) < 0.5 * mpjpe(realistic, truth)
    assert 0.85 < coverage(refined, truth) < 0.95


def test_noise_that_persists_keeps_the_error_bars_honest(truth, rig):
    noise = DetectorNoise(swaps=0.0, correlation_s=1.0)
    detections = simulate_detections(truth, rig, np.random.default_rng(6), fps=FPS, noise=noise).associated()
    before = per_frame(detections.keypoints, rig)
    after = refine(before)
    assert mpjpe(after, truth) < mpjpe(before, truth)
    assert coverage(after, truth) > 0.85


def test_bones_are_steady_and_what_was_estimated_is_told(refined):
    for a, b in BODY.limb_bones:
        length = np.linalg.norm(refined.xyz[:, 0, a] - refined.xyz[:, 0, b], axis=-1)
        assert np.nanstd(length) / np.nanmean(length) < 0.01
    told = refined.settings["refinement"]["people"][0]
    assert len(told["jerk_rms"]) == len(BODY)
    assert told["bones_mm"]["left_hip-left_knee"][0] == pytest.approx(429, abs=15)


def test_short_gaps_are_filled_and_marked_and_long_ones_stay(realistic, truth):
    keypoints = realistic.keypoints
    confidence = keypoints.confidence.copy()
    wrist, ankle = BODY.index("left_wrist"), BODY.index("right_ankle")
    confidence[100:110, :, :, wrist] = 0
    confidence[100:114, :, :, ankle] = 0
    before = per_frame(replace(keypoints, confidence=confidence), realistic.rig)
    after = refine(before, config=RefinementConfig(max_gap=0.2))
    assert (after.status[100:110, 0, wrist] == Status.INTERPOLATED).all()
    assert (after.status[100:114, 0, ankle] == Status.MISSING).all()
    assert np.isnan(after.xyz[100:114, 0, ankle]).all()
    sigma = after.sigma[:, 0, wrist]
    assert sigma[104] > 1.3 * sigma[98]
    assert sigma[104] > sigma[101]
    error = np.linalg.norm(after.xyz - truth, axis=-1)[100:110, 0, wrist]
    assert (error < 3.5 * np.sqrt(3) * sigma[100:110]).all()
    none = refine(before, config=RefinementConfig(max_gap=0.0))
    np.testing.assert_array_equal(none.status, before.status)


def test_a_second_refinement_starts_from_the_keypoints_again(refined):
    again = refine(refined)
    np.testing.assert_array_equal(again.status, refined.status)
    moved = np.linalg.norm(again.xyz - refined.xyz, axis=-1)
    assert np.nanmedian(moved) < 0.25 * np.nanmedian(refined.sigma)


def test_windows_join_without_a_step(realistic, refined, monkeypatch):
    monkeypatch.setattr("lift3d.refinement.WINDOW_S", 1.5)
    pieces = refine(realistic)
    assert np.nanmax(np.linalg.norm(pieces.xyz - refined.xyz, axis=-1)) < 0.001


def test_a_view_that_comes_and_goes_does_not_move_the_person(truth, rig, rng):
    keypoints = gaussian(truth, rig, rng, 1.0)
    off = keypoints.xy.copy()
    off[:, 1] += (12.0, -9.0)  # a calibration that does not fit
    confidence = keypoints.confidence.copy()
    confidence[60::20, 1] = 0
    before = per_frame(replace(keypoints, xy=off, confidence=confidence), rig)
    after = refine(before, config=RefinementConfig(bones=False))
    jump = [
        np.median(np.linalg.norm(p.xyz[60::20] - 0.5 * (p.xyz[59:-1:20] + p.xyz[61::20]), axis=-1))
        for p in (before, after)
    ]
    assert jump[1] < 0.2 * jump[0]


def test_a_person_who_is_never_there_stays_away(realistic):
    def twice(value, empty):
        return np.concatenate([value, np.full_like(value, empty)], axis=1)

    k = realistic.keypoints
    two = realistic.replace(
        **{name: twice(getattr(realistic, name), np.nan) for name in ("xyz", "covariance", "reprojection_error")},
        **{name: twice(getattr(realistic, name), 0) for name in ("status", "views", "confidence")},
        keypoints=replace(
            k,
            xy=np.concatenate([k.xy, np.full_like(k.xy, np.nan)], axis=2),
            confidence=np.concatenate([k.confidence, 0 * k.confidence], axis=2),
        ),
        used=np.concatenate([realistic.used, 0 * realistic.used], axis=2),
    )
    after = refine(two)
    assert np.isnan(after.xyz[:, 1]).all()
    assert np.isfinite(after.xyz[:, 0]).any()


def test_a_person_who_enters_half_way_and_a_camera_that_sees_nothing(realistic, truth):
    confidence = realistic.keypoints.confidence.copy()
    confidence[:180] = 0
    confidence[:, 3] = 0
    after = refine(per_frame(replace(realistic.keypoints, confidence=confidence), realistic.rig))
    assert (after.status[:180] == Status.MISSING).all()
    assert np.isnan(after.xyz[:180]).all()
    there = after.status > 0
    assert there[190:].mean() > 0.98
    assert np.isfinite(after.covariance[there]).all()
    assert np.linalg.eigvalsh(after.covariance[there][:, SYMMETRIC]).min() > 0
    assert mpjpe(after, truth) < 10


def test_exact_keypoints_of_somebody_who_stands_still_stay_exact(truth, rig, rng):
    still = np.repeat(truth[:1], 120, axis=0)
    after = refine(per_frame(gaussian(still, rig, rng, 0.0), rig))
    assert mpjpe(after, still) < 0.001


def test_the_place_in_the_world_makes_no_difference(truth, rig):
    offset = np.array([1000.0, -500.0, 30.0])
    far = Rig(tuple(camera.with_pose(camera.R, camera.t - camera.R @ offset) for camera in rig))
    here, there = (
        refine(per_frame(gaussian(place, cameras, np.random.default_rng(8), 0.5), cameras))
        for place, cameras in ((truth, rig), (truth + offset, far))
    )
    np.testing.assert_allclose(there.xyz - offset, here.xyz, atol=2e-5)


@pytest.mark.parametrize("frames", [0, 1, 2, 5])
def test_a_handful_of_frames_is_enough_and_none_is_no_error(realistic, frames):
    part = slice(0, frames)
    short = realistic.replace(
        **{
            name: getattr(realistic, name)[part]
            for name in ("xyz", "covariance", "status", "views", "reprojection_error", "confidence", "time", "used")
        },
        keypoints=realistic.keypoints.select_frames(np.arange(frames)),
    )
    after = refine(short)
    np.testing.assert_array_equal(after.status, short.status)
    assert np.nan_to_num(np.linalg.norm(after.xyz - short.xyz, axis=-1)).max(initial=0) < 0.2


def test_poses_without_keypoints_are_refused(truth):
    with pytest.raises(InputError, match="hold no cameras, keypoints or mask"):
        refine(Poses.from_xyz(truth, BODY, FPS))


@pytest.mark.parametrize("wrong", [{"max_gap": -1.0}, {"max_gap": float("nan")}, {"strength": 0.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError, match="must be"):
        RefinementConfig(**wrong)


def test_gaps_up_to_the_stated_length_are_bridged():
    seen = np.array([0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0], bool)[:, None]
    assert active_frames(seen, 2)[:, 0].tolist() == [bool(v) for v in (0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0)]
    np.testing.assert_array_equal(active_frames(seen, 0), seen)
    assert active_frames(seen, 100)[:, 0].tolist() == [False] + [True] * 9 + [False]
