"""World frames: pictures never change, and the axes come out where they were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.calib import CalibrationError, Camera, Rig
from lift3d.calib.bundle_adjustment import BoardPoses
from lift3d.calib.rotation import rotation_matrix
from lift3d.calib.world import floor_at, rescale, world_of_board, world_of_points, world_with_up

K = np.array([[800.0, 0, 640], [0, 800, 360], [0, 0, 1]])


@pytest.fixture
def rig(rng):
    poses = [(rotation_matrix(rng.normal(0, 0.2, 3)), np.array([0.1 * i, 0, 3.0])) for i in range(3)]
    return Rig(tuple(Camera(f"c{i}", K, np.zeros(5), R, t, (1280, 720)) for i, (R, t) in enumerate(poses)))


def test_pictures_do_not_change_with_the_world(rig, rng):
    xyz = rng.uniform(-0.5, 0.5, (10, 3))
    for world in (
        world_of_points([0.1, 0, 0], [1, 0.2, 0], [0, 1, 0.3]),
        world_with_up("-y"),
        rescale(measured=2.0, true=1.0),
        floor_at(0.7),
    ):
        moved = world.apply_to_rig(rig)
        np.testing.assert_allclose(moved.project(world.apply(xyz)), rig.project(xyz), atol=1e-8)


def test_a_board_on_the_floor_faces_up(rng):
    R = rotation_matrix(rng.normal(0, 1, 3))
    t = rng.normal(0, 1, 3)
    world = world_of_board(BoardPoses(R[None], t[None]))
    on_board = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, -0.1]])  # -z: above the print
    np.testing.assert_allclose(
        world.apply(on_board @ R.T + t), [[0, 0, 0], [0.1, 0, 0], [0, -0.1, 0], [0, 0, 0.1]], atol=1e-12
    )


def test_three_points_span_the_floor():
    world = world_of_points([1, 1, 1], [1, 1, 3], [2, 1, 2])
    np.testing.assert_allclose(world.apply([1, 1, 1]), 0, atol=1e-12)
    np.testing.assert_allclose(world.apply([1, 1, 3]), [2, 0, 0], atol=1e-12)
    _, y, z = world.apply([2, 1, 2])
    assert y == pytest.approx(1)
    assert z == pytest.approx(0)
    assert np.linalg.det(world.R) == pytest.approx(1)


@pytest.mark.parametrize("up", ["x", "y", "z", "-x", "-y", "-z"])
def test_the_way_up_becomes_z(up):
    direction = np.zeros(3)
    direction["xyz".index(up[-1])] = -1 if up.startswith("-") else 1
    world = world_with_up(up)
    np.testing.assert_allclose(world.apply(direction), [0, 0, 1], atol=1e-12)
    assert np.linalg.det(world.R) == pytest.approx(1)


def test_a_known_length_sets_the_scale(rig):
    moved = rescale(measured=0.2, true=0.5).apply_to_rig(rig)
    before = np.linalg.norm(rig[0].center - rig[2].center)
    assert np.linalg.norm(moved[0].center - moved[2].center) == pytest.approx(2.5 * before)


def test_what_sets_no_frame_is_refused():
    with pytest.raises(CalibrationError, match="on one line"):
        world_of_points([0, 0, 0], [1, 0, 0], [2, 0, 0])
    with pytest.raises(CalibrationError, match="one of x, y, z"):
        world_with_up("north")
    with pytest.raises(CalibrationError, match="above zero"):
        rescale(measured=0.0, true=1.0)
    with pytest.raises(CalibrationError, match="so none is number 3"):
        world_of_board(BoardPoses(np.eye(3)[None], np.zeros((1, 3))), 3)
