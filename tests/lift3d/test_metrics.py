"""Metrics against scipy and against what they must not change with."""

import numpy as np
import pytest
from scipy.spatial import procrustes

from lift3d.calib import InputError
from lift3d.calib.rotation import rotation_matrix
from lift3d.metrics import align_similarity, auc3d, bootstrap_mean, mpjpe, mpjve, n_mpjpe, pa_mpjpe, pck3d


@pytest.fixture
def poses(rng):
    return rng.normal(0, 0.4, (20, 17, 3))


def test_mpjpe_is_the_mean_distance(poses):
    np.testing.assert_allclose(mpjpe(poses + (0.03, 0.0, 0.04), poses), 0.05)


def test_pa_mpjpe_forgets_rotation_translation_and_scale(rng, poses):
    R = rotation_matrix(rng.normal(size=(20, 3)))
    moved = 1.7 * poses @ R.transpose(0, 2, 1) + rng.normal(size=(20, 1, 3))
    np.testing.assert_allclose(pa_mpjpe(moved, poses), 0, atol=1e-12)


def test_alignment_is_scipys_where_no_reflection_is_needed(rng, poses):
    noisy = poses + rng.normal(0, 0.05, poses.shape)
    for a, b in zip(noisy, poses, strict=True):
        standard, _, disparity = procrustes(b, a)
        size = np.linalg.norm(b - b.mean(0))
        ours = align_similarity(a[None], b[None])[0]
        np.testing.assert_allclose(((ours - b) ** 2).sum() / size**2, disparity, rtol=1e-9)
        assert standard.shape == ours.shape


def test_a_mirrored_pose_is_not_the_same_pose(poses):
    assert pa_mpjpe(poses * (-1, 1, 1), poses).mean() > 0.1


def test_n_mpjpe_forgets_scale_alone(poses):
    np.testing.assert_allclose(n_mpjpe(0.4 * poses, poses), 0, atol=1e-12)
    assert n_mpjpe(0.4 * poses + 0.1, poses).mean() > 0.01


def test_mpjve_sees_jitter_and_not_offset(rng, poses):
    still = poses[:1].repeat(9, 0)
    np.testing.assert_allclose(mpjve(still + 0.5, still), 0, atol=1e-12)
    jitter = still.copy()
    jitter[::2, :, 0] += 0.02
    np.testing.assert_allclose(mpjve(jitter, still), 0.02)


def test_pck_and_auc_count_joints():
    errors = np.array([[0.0, 0.1, 0.2, np.nan]])
    assert pck3d(errors)[0] == pytest.approx(2 / 3)
    assert auc3d(errors)[0] == pytest.approx((31 + 11) / 31 / 3)  # always, from 100 mm on, never


def test_missing_joints_are_left_out_of_the_alignment(rng, poses):
    moved = 2.0 * poses + 1.0
    moved[:, 4] = np.nan
    errors = pa_mpjpe(moved, poses)
    assert np.isnan(errors[:, 4]).all()
    np.testing.assert_allclose(np.delete(errors, 4, 1), 0, atol=1e-12)


def test_interval_covers_the_truth_as_often_as_it_says(rng):
    hits = 0
    for _ in range(200):
        means = rng.normal(1.0, 0.3, 40)
        values, groups = (means[:, None] + rng.normal(0, 0.1, (40, 30))).ravel(), np.repeat(np.arange(40), 30)
        estimate = bootstrap_mean(values, groups, rng, rounds=200)
        hits += estimate.low <= 1.0 <= estimate.high
    assert 175 <= hits <= 199  # 95 % of 200, less what 40 groups cost


def test_interval_of_nothing_is_refused(rng):
    with pytest.raises(InputError, match="not one error"):
        bootstrap_mean(np.full(3, np.nan), np.arange(3), rng)


def test_shapes_must_agree(poses):
    with pytest.raises(InputError, match=r"both be \[N, J, 3\], got \[20, 16, 3\] and \[20, 17, 3\]"):
        mpjpe(poses[:, 1:], poses)
