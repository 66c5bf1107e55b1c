"""The whole path on synthetic truth, in millimetres."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lift3d.association import associate
from lift3d.calib import CalibrationError, InputError, Rig
from lift3d.datasets import Poses
from lift3d.datasets.demo_capture import DemoSettings, synthesize
from lift3d.demo import true_error
from lift3d.fragments import join_fragments
from lift3d.plausibility import implausible_joints, rigid_pairs
from lift3d.reconstruct import ReconstructConfig, reconstruct
from lift3d.summary import summarise


@pytest.fixture(scope="module")
def capture():
    return synthesize(DemoSettings(seed=0))


@pytest.fixture(scope="module")
def result(capture):
    return reconstruct(capture.detections.keypoints, capture.rig, config=ReconstructConfig(people=1))


def whitened_rms(poses, capture):
    """[J] root mean square of the error in units of the Cramér-Rao bound, over joints that every camera saw right."""
    truth = capture.truth.xyz[:, 0]
    seen = capture.detections.associated()
    clean = ~(seen.outlier | seen.swapped)[:, :, 0].any(1)
    exact = seen.unswapped()
    good = np.isfinite(exact.sigma[:, :, 0]) & ~exact.outlier[:, :, 0]
    information = np.zeros((*truth.shape, 3))
    for v, camera in enumerate(capture.rig):
        J = camera.project_jacobian(truth)[1] / exact.sigma[:, v, 0, :, None, None]
        information += np.where(good[:, v, :, None, None], np.swapaxes(J, -1, -2) @ J, 0.0)
    error = poses.xyz[:, 0] - truth
    squared = np.einsum("tji,tjik,tjk->tj", error, information, error) / 3
    use = clean & np.isfinite(squared) & (good.sum(1) >= 2)
    return np.array([np.sqrt(squared[use[:, j], j].mean()) for j in range(truth.shape[1])])


def test_errors_reach_the_cramer_rao_bound(result, capture):
    assert whitened_rms(result.poses, capture).max() < 1.15


def test_ellipsoids_contain_the_truth_as_often_as_they_say(result, capture):
    figures = true_error(result.poses, capture).summary()
    assert 85 < figures["inside_90_percent"] < 95
    assert figures["median_mm"] < 16
    assert figures["found_percent"] > 99


def test_the_person_is_followed_past_the_passer_by(result, capture):
    seen = capture.detections.person  # [T, V, P]
    index = associate(capture.detections.keypoints, capture.rig).index[:, :, 0]
    who = np.take_along_axis(seen, np.maximum(index, 0)[..., None], 2)[..., 0]
    assert (who[index >= 0] == 0).mean() > 0.999
    assert result.summary["frames_with_another_person"] > 50


def test_the_verdict_of_a_sound_capture_is_good(result):
    assert result.summary["verdict"]["level"] == "good", result.summary["verdict"]
    assert result.poses.verdict == result.summary["verdict"]


def test_the_result_survives_the_file(result, tmp_path):
    back = Poses.load(result.poses.save(tmp_path / "a.poses.h5"))
    np.testing.assert_allclose(back.xyz, result.poses.xyz, atol=1e-6, equal_nan=True)
    np.testing.assert_array_equal(back.used, result.poses.used)
    assert back.rig.names == result.poses.rig.names
    assert back.settings["noise"]["exponent"] == pytest.approx(1.0, abs=0.1)


def test_missing_joints_are_nan_and_marked(result):
    missing = result.poses.status == 0
    assert missing.any()
    assert np.isnan(result.poses.xyz[missing]).all()
    assert np.isnan(result.poses.covariance[missing]).all()
    assert (result.poses.confidence[missing] == 0).all()
    assert (result.poses.views[missing] == 0).all()
    assert (result.poses.views[~missing] >= 2).all()


def test_swapped_sides_are_found_and_few_invented(result, capture):
    swapped = capture.detections.associated().swapped[:, :, 0]  # [T, V, J]
    far = swapped.any(-1).sum()
    assert far > 20
    assert result.summary["left_right_swaps"] > 0.5 * far
    assert result.summary["left_right_swaps"] < 1.3 * far


def test_without_undoing_swaps_their_views_are_left_out(capture, result):
    plain = reconstruct(capture.detections.keypoints, capture.rig, config=ReconstructConfig(undo_swaps=False))
    assert plain.summary["left_right_swaps"] == 0
    assert plain.poses.views.mean() < result.poses.views.mean()


def short(capture, frames=30):
    return capture.detections.keypoints.select_frames(np.arange(frames))


def test_one_camera_shifted_is_refused_by_name(capture):
    keypoints = short(capture)
    xy = keypoints.xy.copy()
    xy[:, 2] += (150, 0)
    with pytest.raises(CalibrationError, match=r"cam03 agrees in 0 % .* cam03's keypoints were shifted by \(-1"):
        reconstruct(replace(keypoints, xy=xy), capture.rig)


def test_a_world_in_millimetres_is_refused(capture):
    rig = Rig(tuple(camera.with_pose(camera.R, camera.t * 1000) for camera in capture.rig))
    with pytest.raises(InputError, match=r'put unit = "mm" in capture\.toml'):
        reconstruct(short(capture), rig)


def test_an_unknown_frame_rate_is_refused(capture):
    with pytest.raises(InputError, match="frame rate is not known"):
        reconstruct(replace(short(capture), fps=None), capture.rig)


@pytest.mark.parametrize("fps", [-1.0, float("inf")])
def test_an_impossible_frame_rate_is_refused(capture, fps):
    with pytest.raises(InputError, match="frame rate must be above zero"):
        reconstruct(short(capture), capture.rig, fps=fps)


def test_nobody_anywhere_is_said(capture):
    keypoints = short(capture)
    with pytest.raises(InputError, match="no camera sees anybody"):
        reconstruct(replace(keypoints, confidence=np.zeros(keypoints.shape)), capture.rig)


def test_nobody_seen_twice_is_said(capture):
    keypoints = short(capture)
    confidence = keypoints.confidence.copy()
    confidence[:, 1:] = 0
    with pytest.raises(InputError, match="nobody is seen by two cameras"):
        reconstruct(replace(keypoints, confidence=confidence), capture.rig)


def test_one_camera_is_not_enough(capture):
    keypoints = short(capture).select_views(["cam01"])
    with pytest.raises(InputError, match="two cameras or more"):
        reconstruct(keypoints, capture.rig.select(["cam01"]))


def test_a_person_detected_in_two_halves_is_whole_again(capture):
    keypoints = capture.detections.associated().keypoints.select_frames(np.arange(20))
    joints = keypoints.skeleton.joints
    legs = [j for j, name in enumerate(joints) if any(part in name for part in ("hip", "knee", "ankle", "toe", "heel"))]
    T, V, _, J = keypoints.shape
    xy = np.concatenate([keypoints.xy, np.full((T, V, 1, J, 2), np.nan)], axis=2)
    confidence = np.concatenate([keypoints.confidence, np.zeros((T, V, 1, J))], axis=2)
    xy[:, 0, 2, legs], confidence[:, 0, 2, legs] = xy[:, 0, 0, legs], confidence[:, 0, 0, legs]
    confidence[:, 0, 0, legs] = 0
    split = replace(keypoints, xy=xy, confidence=confidence)
    whole = join_fragments(split, associate(split, capture.rig), capture.rig)
    np.testing.assert_array_equal(whole.confidence[:, 0, 0] > 0, keypoints.confidence[:, 0, 0] > 0)


def test_a_contested_joint_out_of_reach_of_its_bones_falls(capture):
    truth = capture.truth
    xyz, covariance = truth.xyz[:60, :1].copy(), np.full((60, 1, 25, 6), 1e-6)
    wrist, elbow = truth.skeleton.index("left_wrist"), truth.skeleton.index("left_elbow")
    xyz[10, 0, wrist] += (0.6, 0, 0)
    contested = np.zeros((60, 1, 25), bool)
    contested[10, 0, [wrist, elbow]] = True
    found = implausible_joints(xyz, covariance, truth.skeleton, contested)
    assert found[10, 0, wrist]
    assert found.sum() == 1
    assert not implausible_joints(xyz, covariance, truth.skeleton, np.zeros_like(contested)).any()


def test_rigid_pairs_are_rigid_in_the_model(capture):
    truth = capture.truth
    for a, b in rigid_pairs(truth.skeleton):
        length = np.linalg.norm(truth.xyz[:, 0, a] - truth.xyz[:, 0, b], axis=-1)
        assert length.std() / length.mean() < 0.05, (truth.skeleton.joints[a], truth.skeleton.joints[b])


@pytest.mark.parametrize(
    ("spoil", "level", "reason"),
    [
        (lambda p: {"xyz": p.xyz + np.array([0.0, 0.0, 0.12])}, "doubtful", "disagree by"),
        (lambda p: {"xyz": p.xyz + np.array([0.0, 0.0, 0.4])}, "bad", "disagree by"),
        (
            lambda p: {"xyz": p.xyz * (1 + 0.1 * np.sin(np.arange(len(p.xyz))))[:, None, None, None]},
            "doubtful",
            "limb lengths vary by",
        ),
        (lambda p: {"status": np.where(np.arange(25) < 15, 0, p.status).astype(np.uint8)}, "bad", "% of the joints"),
        (lambda p: {"views": np.minimum(p.views, 2)}, "doubtful", "rest on 2.0 cameras"),
    ],
)
def test_the_verdict_names_what_is_wrong(result, spoil, level, reason):
    poses = result.poses.replace(**spoil(result.poses))
    verdict = summarise(poses, np.zeros(poses.keypoints.shape, bool), np.zeros(len(poses.time)))["verdict"]
    assert any(reason in text for text in verdict["reasons"]), verdict
    assert verdict["level"] in (level, "bad")


def test_a_biased_camera_is_named(result):
    poses = result.poses
    xy = poses.keypoints.xy.copy()
    xy[:, 1] += (25, 0)
    spoiled = poses.replace(keypoints=replace(poses.keypoints, xy=xy))
    reasons = summarise(spoiled, np.zeros(xy.shape[:4], bool), np.zeros(len(xy)))["verdict"]["reasons"]
    assert any("cam02's keypoints lie (+25," in reason for reason in reasons), reasons
