"""Virtual cameras are real cameras: rotations, projections as Camera's, people where they were aimed."""

import numpy as np
import pytest

from lift3d.calib import Camera
from lift3d.datasets.virtual_views import ViewRanges, look_at, sample_views


@pytest.fixture
def target(rng):
    return rng.normal(0, 1, (200, 3)).astype(np.float32) + (0, 0, 1)


def test_rotations_are_rotations(rng, target):
    R = sample_views(target, rng).R
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.eye(3)[None].repeat(200, 0), atol=1e-5)
    assert (np.linalg.det(R) > 0).all()


def test_projection_is_that_of_camera(rng, target):
    views = sample_views(target, rng)
    X = (target[:, None, None] + rng.normal(0, 0.3, (200, 1, 17, 3))).astype(np.float32)
    xy, _ = views.see(views.to_camera(X))
    for b in range(0, 200, 40):
        R = np.linalg.qr(views.R[b].astype(float))[0]
        R *= np.sign((R * views.R[b]).sum(0))  # exactly orthogonal, the same rotation
        camera = Camera("c", np.eye(3), R=R, t=-R @ views.center[b], size=(2, 2))
        np.testing.assert_allclose(xy[b], camera.project(X[b]), atol=1e-4)


def test_without_roll_and_aim_the_target_is_in_the_centre_and_up_is_up(rng, target):
    views = sample_views(target, rng, ViewRanges(aim=0.0, roll_deg=0.0))
    feet_and_head = np.stack([target, target + np.array([0, 0, 0.3])], 1)[:, None].astype(np.float32)
    xy, _ = views.see(views.to_camera(feet_and_head))
    np.testing.assert_allclose(xy[:, 0, 0], 0, atol=1e-5)
    np.testing.assert_allclose(xy[:, 0, 1, 0], 0, atol=1e-5)
    assert (xy[:, 0, 1, 1] < 0).all()  # y points down


def test_ranges_are_kept(rng, target):
    ranges = ViewRanges(distance=(2.0, 3.0), height=(1.0, 1.5), focal=(1.0, 2.0), aspect=(0.5, 2.0), aim=0.4)
    views = sample_views(target, rng, ranges)
    distance = np.linalg.norm((views.center - target)[:, :2], axis=-1)
    assert 2.0 <= distance.min() < 2.1
    assert 2.9 < distance.max() <= 3.0001
    assert views.center[:, 2].min() >= 1.0
    assert views.center[:, 2].max() <= 1.5
    assert views.half.max(-1).min() >= 0.25
    assert views.half.max(-1).max() <= 0.5
    _, inside = views.see(views.to_camera(target[:, None, None].repeat(6, 2)))
    assert inside.all()


def test_what_is_outside_the_picture_or_behind_is_not_seen(rng):
    views = sample_views(np.zeros((1, 3), np.float32), rng, ViewRanges(aim=0.0, focal=(1.0, 1.0)))
    x_cam = np.zeros((1, 1, 9, 3), np.float32)
    x_cam[..., 2] = 4.0
    x_cam[0, 0, 7] = (40.0, 0.0, 4.0)
    x_cam[0, 0, 8] = (0.0, 0.0, -4.0)
    xy, inside = views.see(x_cam)
    assert inside[0, 0].tolist() == [True] * 7 + [False, False]
    assert np.isfinite(xy).all()


def test_a_person_hardly_in_the_picture_is_shown_whole(rng):
    views = sample_views(np.zeros((1, 3), np.float32), rng)
    x_cam = np.full((1, 1, 17, 3), 40.0, np.float32)
    x_cam[..., 2] = 4.0
    assert views.see(x_cam)[1].all()


def test_views_are_the_same_for_the_same_seed(target):
    a, b = (sample_views(target, np.random.default_rng(3)) for _ in range(2))
    assert (a.R == b.R).all()
    assert (a.center == b.center).all()


def test_looking_straight_down_is_finite():
    assert np.isfinite(look_at(np.array([[0.0, 0, 5]]), np.zeros((1, 3)))).all()
