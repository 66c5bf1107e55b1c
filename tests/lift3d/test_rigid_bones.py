"""Bones that keep their length."""

from __future__ import annotations

import numpy as np

from lift3d.datasets.skeleton import SKELETONS, Skeleton
from lift3d.rigid_bones import Bones, add_bones, components, measure_bones, rigid_bones

LEGS = Skeleton("legs", ("left_hip", "right_hip", "left_knee", "right_knee"))


def test_every_joint_set_with_limbs_has_its_eight_rigid_limbs():
    for name in ("coco_17", "body_25b", "halpe_26", "h36m_17", "mediapipe_33"):
        assert len([pair for pair, spread in rigid_bones(SKELETONS[name]) if spread < 0.01]) == 8, name


def test_joints_that_bones_connect_are_solved_together():
    assert components(6, [(0, 2), (2, 5)]) == [[0, 2, 5], [1], [3], [4]]


def test_lengths_are_measured_and_the_sides_drawn_together(rng):
    n = 400
    x = np.zeros((n, 4, 3))
    x[:, 2, 2], x[:, 3, 2] = -0.40, -0.42
    x += 0.004 * rng.normal(size=x.shape)
    covariance = np.tile(np.array([1, 0, 0, 1, 0, 1]) * 0.004**2, (n, 4, 1))
    bones = measure_bones(x, covariance, LEGS, persistence=1.0)
    np.testing.assert_allclose(bones.length, [0.40, 0.42], atol=0.001)
    unsure = measure_bones(x, covariance, LEGS, persistence=1000.0)
    assert 0 < np.diff(unsure.length)[0] < np.diff(bones.length)[0]
    assert (unsure.sigma > bones.sigma).all()


def test_a_bone_that_was_hardly_seen_is_not_held():
    x = np.full((100, 4, 3), np.nan)
    x[:5] = np.arange(12.0).reshape(4, 3)
    assert measure_bones(x, np.ones((100, 4, 6)), LEGS, persistence=1.0).ends == ()


def test_bone_terms_are_the_derivatives_of_their_cost(rng):
    bones = Bones(((0, 1), (1, 2)), np.array([0.3, 0.5]), np.array([0.01, 0.02]), np.zeros(2))
    x = rng.normal(size=(1, 3, 3))

    def cost(flat):
        p = flat.reshape(3, 3)
        lengths = np.array([np.linalg.norm(p[a] - p[b]) for a, b in bones.ends])
        return 0.5 * (((lengths - bones.length) / bones.sigma) ** 2).sum()

    blocks, gradient = np.zeros((1, 9, 9)), np.zeros((1, 9))
    add_bones(blocks, gradient, x, np.ones((1, 3), bool), bones)
    step = 1e-6
    numeric = [(cost(x.ravel() + step * e) - cost(x.ravel() - step * e)) / (2 * step) for e in np.eye(9)]
    np.testing.assert_allclose(gradient[0], numeric, rtol=1e-5)
    np.testing.assert_allclose(blocks[0], blocks[0].T)
    assert np.linalg.eigvalsh(blocks[0]).min() > -1e-9


def test_a_bone_with_a_missing_end_says_nothing():
    bones = Bones(((0, 1),), np.array([0.3]), np.array([0.01]), np.zeros(1))
    blocks, gradient = np.zeros((2, 6, 6)), np.zeros((2, 6))
    active = np.array([[True, False], [True, True]])
    add_bones(blocks, gradient, np.arange(12.0).reshape(2, 2, 3), active, bones)
    assert not blocks[0].any()
    assert blocks[1].any()
