"""A lifted pose is placed where its rays say, and the placement knows how far off it may be."""

import numpy as np
import pytest

from lift3d.lifters.lifter import Lifted
from lift3d.lifters.placement import SIZE_SIGMA, place
from lift3d.lifters.samples import COCO, H36M


@pytest.fixture
def scene(rng, mocap_body):
    """True joints [40, 17, 3] in the camera frame, and exact rays of COCO's joints, faces left out."""
    place = rng.uniform((-1.5, -0.5, 2.5), (1.5, 0.5, 8.0), (40, 1, 3))
    true = mocap_body[None, :, [1, 2, 0]] * (1, -1, 1) + (0, 0.94, 0) + place
    rays, seen = np.zeros((40, 17, 2)), np.zeros((40, 17))
    for joint in COCO.joints[5:]:
        rays[:, COCO.index(joint)] = (true[..., :2] / true[..., 2:])[:, H36M.index(joint)]
        seen[:, COCO.index(joint)] = 0.9
    return true, rays, seen


def lifted(true, scale=1.0):
    small = np.broadcast_to(np.diag([0.02, 0.02, 0.05]) ** 2, (*true.shape[:2], 3, 3))
    return Lifted(scale * (true - true[:, :1]), small)


def test_an_exact_pose_is_placed_exactly(scene):
    true, rays, seen = scene
    np.testing.assert_allclose(place(lifted(true), rays, seen, COCO).xyz, true, atol=1e-4)


def test_a_pose_taken_for_larger_stands_further_away(scene):
    true, rays, seen = scene
    placed = place(lifted(true, 1.1), rays, seen, COCO)
    np.testing.assert_allclose(placed.xyz[:, 0], 1.1 * true[:, 0], rtol=1e-3)


def test_missing_joints_and_one_gross_error_do_not_move_it_much(scene):
    true, rays, seen = scene
    rays, seen = rays.copy(), seen.copy()
    seen[:, COCO.index("left_ankle")] = 0
    rays[:, COCO.index("left_ankle")] = np.nan
    rays[:, COCO.index("right_wrist")] += 0.2
    error = np.linalg.norm(place(lifted(true), rays, seen, COCO).xyz[:, 0] - true[:, 0], axis=-1)
    assert np.median(error / true[:, 0, 2]) < 0.03


def test_sigma_along_the_ray_is_what_not_knowing_the_size_costs(scene):
    true, rays, seen = scene
    covariance = place(lifted(true), rays, seen, COCO).covariance[:, 0]
    sight = true[:, 0] / np.linalg.norm(true[:, 0], axis=-1, keepdims=True)
    along = np.sqrt(np.einsum("ti,tij,tj->t", sight, covariance, sight))
    distance = np.linalg.norm(true[:, 0], axis=-1)
    assert (along >= SIZE_SIGMA * distance).all()
    assert (along < 0.2 * distance).all()
    across = np.cross(sight, (0, 1.0, 0))
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    assert (np.sqrt(np.einsum("ti,tij,tj->t", across, covariance, across)) < 0.05).all()


def test_too_little_seen_is_nowhere(scene):
    true, rays, seen = scene
    seen = seen.copy()
    seen[3] = 0
    seen[3, :7] = 0.5  # a face and two shoulders
    placed = place(lifted(true), rays, seen, COCO)
    assert np.isnan(placed.xyz[3]).all()
    assert np.isfinite(placed.xyz[4]).all()
