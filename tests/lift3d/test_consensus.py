"""The vote of the views, on hand-made contradictions."""

from __future__ import annotations

import numpy as np

from lift3d.consensus import find_consensus, pairs_by_angle
from lift3d.datasets.synthetic import ring_rig
from lift3d.point_solver import inverse3, linear_points, normal_equations, observe, refine, reproject, solve3


def observations(rng, views=4, points=200, sigma=1.0):
    rig = ring_rig(views)
    xyz = rng.uniform((-1, -1, 0), (1, 1, 2), (points, 3))
    xy = rig.project(xyz)
    return rig, xyz, xy + rng.normal(size=xy.shape) * sigma


def test_one_wrong_view_of_four_is_the_one_left_out(rng):
    rig, xyz, xy = observations(rng)
    wrong = rng.integers(0, 4, len(xyz))
    xy[wrong, np.arange(len(xyz))] += 100
    found = find_consensus(observe(xy, rig))
    decided = np.isfinite(found.X[0])
    assert decided.mean() > 0.97  # now and then a shifted point lies on every epipolar line
    assert not found.inlier[wrong, np.arange(len(xyz))][decided].any()
    assert np.linalg.norm(found.X.T - xyz, axis=1)[decided].max() < 0.05


def test_two_against_two_is_undecided(rng):
    rig, xyz, xy = observations(rng, sigma=0.3)
    other = rig.project(xyz + (0.4, 0.2, 0.3))
    xy[2:] = other[2:]  # views 0, 1 see one point, views 2, 3 another
    found = find_consensus(observe(xy, rig))
    assert np.isnan(found.X).all(0).mean() > 0.9


def test_three_against_two_is_decided(rng):
    rig, xyz, xy = observations(rng, views=5, sigma=0.3)
    xy[3:] = rig.project(xyz + (0.4, 0.2, 0.3))[3:]
    found = find_consensus(observe(xy, rig))
    assert np.isfinite(found.X).all()
    assert np.linalg.norm(found.X.T - xyz, axis=1).max() < 0.02
    assert not found.inlier[3:].any()


def test_leverages_sum_to_the_parameters(rng):
    rig, _, xy = observations(rng)
    found = find_consensus(observe(xy, rig), leverage=True)
    # The trace of the hat matrix is the number of coordinates; stated as a half of it.
    np.testing.assert_allclose(found.leverage.sum(0), 1.5, atol=1e-9)


def test_chunks_make_no_difference(rng, monkeypatch):
    rig, _, xy = observations(rng, points=3000)
    xy[1, ::7] += 80
    whole = find_consensus(observe(xy, rig))
    monkeypatch.setattr("lift3d.consensus.CHUNK", 1024)
    pieces = find_consensus(observe(xy, rig))
    np.testing.assert_array_equal(whole.inlier, pieces.inlier)
    np.testing.assert_allclose(whole.X, pieces.X, rtol=1e-12, equal_nan=True)


def test_the_widest_pair_comes_first():
    rig = ring_rig(4)
    obs = observe(rig.project(np.random.default_rng(0).uniform(-0.5, 0.5, (50, 3)) + (0, 0, 0.9)), rig)
    first, last = pairs_by_angle(obs)[0], pairs_by_angle(obs)[-1]
    assert abs(first[0] - first[1]) in (1, 3)  # neighbours on the ring see under a right angle
    assert abs(last[0] - last[1]) == 2  # opposite cameras look along one line


def test_three_by_three_systems_agree_with_numpy(rng):
    A = rng.normal(size=(50, 3, 3))
    A = A @ np.swapaxes(A, 1, 2) + 0.1 * np.eye(3)
    b = rng.normal(size=(50, 3))
    packed = A[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]].T
    np.testing.assert_allclose(solve3(packed, b.T).T, np.linalg.solve(A, b[..., None])[..., 0], rtol=1e-8)
    inverse = np.linalg.inv(A)
    np.testing.assert_allclose(inverse3(packed), inverse[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]].T, rtol=1e-8)


def test_a_singular_system_is_nan():
    flat = np.array([[1.0], [0], [0], [1.0], [0], [0]])
    assert np.isnan(inverse3(flat)).all()


def test_derivatives_agree_with_differences(rng):
    rig, xyz, xy = observations(rng, points=10)
    obs = observe(xy, rig)
    X, h = xyz.T.copy(), 1e-6
    B = reproject(obs, X).B
    for k in range(3):
        ahead, behind = X.copy(), X.copy()
        ahead[k] += h
        behind[k] -= h
        slope = (reproject(obs, ahead).e - reproject(obs, behind).e) / (2 * h)
        np.testing.assert_allclose(B[:, k], slope, atol=1e-8)


def test_refinement_reaches_a_stationary_point(rng):
    rig, _, xy = observations(rng, points=40)
    obs = observe(xy, rig)
    X = refine(obs, linear_points(obs), 6)
    _, gradient = normal_equations(obs, reproject(obs, X))
    assert np.abs(gradient).max() < 1e-6  # against curvatures near 1e5
