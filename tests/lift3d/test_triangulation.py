"""Robust triangulation against cv2, plain least squares, the Cramér-Rao bound, and hand-made faults."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.optimize import least_squares

from lift3d.calib import InputError, Rig
from lift3d.calib.triangulation import triangulate_linear
from lift3d.datasets.synthetic import ring_rig
from lift3d.noise import NoiseModel
from lift3d.triangulation import exchange_sides, triangulate

CHI2_90 = 6.251  # 90 % of chi-squared with three degrees of freedom


def scene(rng, views=4, points=500, sigma=1.0):
    rig = ring_rig(views)
    xyz = rng.uniform((-1, -1, 0), (1, 1, 2), (points, 3))
    xy = rig.project(xyz)
    return rig, xyz, xy + rng.normal(size=xy.shape) * sigma


def matrices(covariance):
    return covariance[..., [[0, 1, 2], [1, 3, 4], [2, 4, 5]]]


def test_exact_projections_give_the_points_back(rng):
    rig, xyz, xy = scene(rng, sigma=0.0)
    found = triangulate(xy, rig)
    # Undistortion is exact to 1e-11 on z = 1, five metres away.
    np.testing.assert_allclose(found.xyz, xyz, atol=1e-8)
    assert (found.views == 4).all()
    assert found.reprojection_error.max() < 1e-5


def test_two_views_agree_with_cv2(rng):
    rig, xyz, xy = scene(rng, views=2, sigma=0.0)
    ideal = rig.undistort(xy)
    poses = [np.column_stack([camera.R, camera.t]) for camera in rig]
    homogeneous = cv2.triangulatePoints(poses[0], poses[1], ideal[0].T, ideal[1].T)
    expected = (homogeneous[:3] / homogeneous[3]).T
    np.testing.assert_allclose(triangulate_linear(ideal, rig), expected, atol=1e-9)
    np.testing.assert_allclose(triangulate(xy, rig).xyz, expected, atol=1e-7)
    np.testing.assert_allclose(expected, xyz, atol=1e-9)


def test_a_noisy_point_is_the_minimum_of_the_reprojection_error(rng):
    rig, xyz, xy = scene(rng, points=20)
    found = triangulate(xy, rig, noise=NoiseModel(np.ones(1)))
    scale = np.array([camera.focal.mean() / np.linalg.norm(camera.center - (0, 0, 1)) for camera in rig])
    assert scale.std() / scale.mean() < 0.2  # the views weigh nearly alike here
    for k in range(20):
        best = least_squares(lambda p, k=k: (rig.project(p) - xy[:, k]).ravel(), xyz[k]).x
        # The views' weights differ by the person's size in them, up to 10 %: a fraction of the millimetre noise.
        assert np.linalg.norm(found.xyz[k] - best) < 5e-4


@pytest.mark.parametrize("views", [4, 8])
def test_gross_outliers_do_not_move_points(rng, views):
    rig, xyz, xy = scene(rng, views=views, points=2000, sigma=2.0)
    outlier = rng.random(xy.shape[:2]) < 0.1
    outlier[:, outlier.sum(0) > views - 3] = False  # with two good views left, another pair may agree by chance
    xy[outlier] += rng.choice([-1, 1], (outlier.sum(), 2)) * rng.uniform(60, 300, (outlier.sum(), 2))
    found = triangulate(xy, rig)
    error = np.linalg.norm(found.xyz - xyz, axis=1)
    assert (error > 0.05).mean() < 0.002
    assert np.isnan(error).mean() < 0.01
    assert np.nanmedian(error) < 0.012
    plain = np.linalg.norm(triangulate_linear(rig.undistort(xy), rig) - xyz, axis=1)
    assert (plain > 0.05).mean() > 0.2  # the faults do harm a method that believes them
    assert (found.used & outlier)[:, ~np.isnan(error)].mean() < 0.002


def test_clean_points_are_as_good_as_plain_least_squares(rng):
    rig, xyz, xy = scene(rng, points=4000, sigma=2.0)
    robust = np.linalg.norm(triangulate(xy, rig).xyz - xyz, axis=1)
    plain = np.linalg.norm(triangulate_linear(rig.undistort(xy), rig) - xyz, axis=1)
    assert np.isfinite(robust).all()
    assert robust.mean() < 1.01 * plain.mean()


def test_covariance_is_the_cramer_rao_bound_and_covers_the_truth(rng):
    rig, xyz, xy = scene(rng, points=4000, sigma=1.5)
    found = triangulate(xy, rig)
    information = np.zeros((len(xyz), 3, 3))
    for camera in rig:
        J = camera.project_jacobian(xyz)[1] / 1.5
        information += np.swapaxes(J, 1, 2) @ J
    bound = np.linalg.inv(information)
    stated = matrices(found.covariance)
    ratio = np.trace(stated, axis1=1, axis2=2) / np.trace(bound, axis1=1, axis2=2)
    assert np.median(ratio) == pytest.approx(1, abs=0.05)  # 16,000 degrees of freedom; views weigh by size
    error = found.xyz - xyz
    inside = np.einsum("ni,nij,nj->n", error, np.linalg.inv(stated), error) < CHI2_90
    assert 0.88 < inside.mean() < 0.92


def test_noise_is_estimated_joint_by_joint_and_by_confidence(rng):
    rig = ring_rig(4)
    sigma = np.array([0.5, 1.0, 2.0, 4.0, 6.0, 1.0])
    xyz = rng.uniform((-0.3, -0.3, 0.5), (0.3, 0.3, 1.5), (800, 1, 6, 3))
    confidence = rng.uniform(0.3, 1.0, (800, 4, 1, 6))
    xy = np.moveaxis(rig.project(xyz), 0, 1)
    xy = xy + rng.normal(size=xy.shape) * (sigma / confidence)[..., None]
    noise = triangulate(xy, rig, confidence).noise
    assert noise.exponent == pytest.approx(1.0, abs=0.08)
    # Stated for the reference confidence.
    np.testing.assert_allclose(noise.joint, sigma / noise.reference, rtol=0.08)


def test_a_point_seen_once_or_never_is_nan(rng):
    rig, _, xy = scene(rng, points=3)
    xy[1:, 0] = np.nan
    xy[:, 1] = np.nan
    found = triangulate(xy, rig)
    assert np.isnan(found.xyz[:2]).all()
    assert np.isnan(found.covariance[:2]).all()
    assert found.views.tolist()[:2] == [0, 0]
    assert np.isfinite(found.xyz[2]).all()


def test_confidence_zero_counts_as_not_seen(rng):
    rig, xyz, xy = scene(rng, points=50, sigma=0.0)
    xy[2] += 500
    confidence = np.ones(xy.shape[:2])
    confidence[2] = 0
    found = triangulate(xy, rig, confidence)
    np.testing.assert_allclose(found.xyz, xyz, atol=1e-7)
    assert (found.views == 3).all()


def test_two_views_that_contradict_each_other_give_nothing(rng):
    rig, _, xy = scene(rng, views=2, points=400)
    xy[1, :40, 1] += 200  # across the epipolar lines
    found = triangulate(xy, rig)
    assert np.isnan(found.xyz[:40]).all()
    assert np.isfinite(found.xyz[40:]).all()


def test_parallel_rays_do_not_make_a_point():
    camera = ring_rig(1)[0]
    twin = camera.with_pose(camera.R, camera.t + (1e-13, 0, 0))
    rig = Rig((camera, type(camera)("other", camera.K, camera.dist, twin.R, twin.t, camera.size)))
    xy = np.broadcast_to(np.array([600.0, 300.0]), (2, 5, 2))
    assert np.isnan(triangulate(xy, rig).xyz).all()


def test_a_point_behind_the_cameras_is_not_found():
    rig = ring_rig(2)
    mirrored = rig.project(np.array([[0.2, 0.1, 1.0]]))
    backwards = Rig(tuple(c.with_pose(np.diag([-1, 1, -1.0]) @ c.R, np.diag([-1, 1, -1.0]) @ c.t) for c in rig))
    assert np.isnan(triangulate(mirrored, backwards).xyz).all()


def test_empty_input_gives_empty_output():
    rig = ring_rig(3)
    assert triangulate(np.zeros((3, 0, 2)), rig).xyz.shape == (0, 3)
    found = triangulate(np.zeros((0, 3, 2, 5, 2)), rig)
    assert found.xyz.shape == (0, 2, 5, 3)
    assert found.used.shape == (0, 3, 2, 5)


def test_both_input_shapes_give_the_same(rng):
    rig, _, xy = scene(rng, points=60)
    noise = NoiseModel(np.ones(1))
    loose = triangulate(xy, rig, noise=noise)
    stacked = triangulate(xy.transpose(1, 0, 2)[:, :, None, None], rig, noise=noise)
    np.testing.assert_array_equal(loose.xyz, stacked.xyz[:, 0, 0])
    np.testing.assert_array_equal(loose.used, stacked.used[:, :, 0, 0].T)


def test_moving_the_world_moves_the_points(rng):
    rig, _, xy = scene(rng, points=100)
    turn = cv2.Rodrigues(np.array([0.3, -0.2, 0.5]))[0]
    shift = np.array([1.0, 2.0, -0.5])
    moved = Rig(tuple(c.with_pose(c.R @ turn.T, c.t - c.R @ turn.T @ shift) for c in rig))
    expected = triangulate(xy, rig).xyz @ turn.T + shift
    # The views' weights follow the middle of the scene, a median axis by axis, and so turn with it only roughly.
    np.testing.assert_allclose(triangulate(xy, moved).xyz, expected, atol=5e-4)


@pytest.mark.parametrize(
    ("xy", "confidence", "message"),
    [
        (np.zeros((4, 2)), None, r"xy must be \[V, N, 2\] or \[T, V, P, J, 2\], got \[4, 2\]"),
        (np.zeros((3, 5, 2)), None, "xy has 3 views but the rig has 4 cameras"),
        (np.zeros((4, 5, 2)), np.ones((4, 6)), r"confidence must be \[4, 5\], got \[4, 6\]"),
    ],
)
def test_shapes_that_disagree_are_named(xy, confidence, message):
    with pytest.raises(InputError, match=message):
        triangulate(xy, ring_rig(4), confidence)


def test_one_camera_is_refused():
    with pytest.raises(InputError, match="at least two cameras"):
        triangulate(np.zeros((1, 5, 2)), ring_rig(1))


def test_sides_need_joints(rng):
    rig, _, xy = scene(rng, points=5)
    with pytest.raises(InputError, match="symmetric joints need"):
        triangulate(xy, rig, symmetric=[(0, 1)])


def test_sixteen_views_cost_less_than_the_square_of_four(rng):
    # Counted, not timed: how many view pairs are tried for a point with one outlier.
    from lift3d import consensus

    rig, _, xy = scene(rng, views=16, points=200)
    xy[3] += 200
    calls = []
    original = consensus._vote

    def counting(obs, i, j, gate):
        calls.append(obs.info.shape[2])
        return original(obs, i, j, gate)

    consensus._vote = counting
    try:
        consensus.find_consensus(consensus_input(xy, rig))
    finally:
        consensus._vote = original
    assert sum(calls) <= 3 * 200  # of 120 pairs


def consensus_input(xy, rig):
    from lift3d.point_solver import observe

    return observe(xy, rig)


def test_sides_are_exchanged_where_it_is_said_and_twice_gives_them_back(rng):
    value = rng.normal(size=(4, 2, 5))
    swapped = np.zeros(value.shape, bool)
    swapped[1:3, 0, [1, 2]] = True
    once = exchange_sides(value, swapped, [(1, 2), (3, 4)])
    np.testing.assert_array_equal(once[1:3, 0], value[1:3, 0][:, [0, 2, 1, 3, 4]])
    np.testing.assert_array_equal(once[~swapped], value[~swapped])
    np.testing.assert_array_equal(exchange_sides(once, swapped, [(1, 2), (3, 4)]), value)
