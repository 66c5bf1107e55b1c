"""Which cameras still stand where they stood, and where that puts the world."""

import numpy as np
import pytest

from lift3d.calib import Rig
from lift3d.calib.old_places import find_moved, lay_over, offsets, settle
from lift3d.calib.rotation import rotation_matrix
from lift3d.datasets.synthetic import ring_rig

NOISE = np.r_[np.full(3, np.radians(0.05)), np.full(3, 0.002)]


def covariance(V):
    return np.diag(np.tile(NOISE**2, V)).reshape(V, 6, V, 6)


def shaken(rig, rng, moves):
    """The rig with noise, some cameras moved by (degrees, metres) in directions of their own, in a world of its own."""
    cameras = []
    for v, camera in enumerate(rig):
        x = NOISE * rng.standard_normal(6)
        degrees, metres = moves.get(v, (0, 0))
        omega, step = rng.standard_normal((2, 3))
        x[:3] += np.radians(degrees) * omega / np.linalg.norm(omega)
        x[3:] += metres * step / np.linalg.norm(step)
        R = rotation_matrix(x[:3]) @ camera.R
        cameras.append(camera.with_pose(R, -R @ (camera.center + x[3:])))
    turn = rotation_matrix(rng.normal(0, 0.02, 3))
    world = [c.with_pose(c.R @ turn.T, -c.R @ turn.T @ (1.01 * turn @ c.center + [0.05, 0, -0.1])) for c in cameras]
    return Rig(tuple(world)), Rig(tuple(cameras))


@pytest.mark.parametrize("moves", [{}, {2: (1.0, 0.03)}, {0: (1.0, 0.03), 3: (0.6, 0.05)}, {1: (20.0, 0.8)}])
def test_cameras_that_moved_are_named_and_the_others_hold_the_world(moves, rng):
    old = ring_rig(5)
    for _ in range(5):
        new, truth = shaken(old, rng, moves)
        found = find_moved(new, old, covariance(5))
        assert found.sure
        assert set(np.flatnonzero(found.moved)) == set(moves)
        laid = lay_over(new, old, found.hold)
        off = offsets(laid, truth)
        assert np.degrees(np.linalg.norm(off[:, :3], axis=1)).max() < 0.3
        assert np.linalg.norm(off[:, 3:], axis=1).max() < 0.02


def test_a_move_of_the_whole_world_moves_nobody(rng):
    old = ring_rig(4)
    new, _ = shaken(old, np.random.default_rng(0), {})
    again = shaken(new, np.random.default_rng(1), {})[0]
    for rig in (new, again):
        assert not find_moved(rig, old, covariance(4)).moved.any()


def test_where_no_half_of_the_cameras_stands_nobody_is_named(rng):
    old = ring_rig(4)
    new, _ = shaken(old, rng, {0: (1.0, 0.05), 1: (1.0, 0.05), 2: (1.0, 0.05)})
    found = find_moved(new, old, covariance(4))
    assert not found.sure
    assert not found.moved.any()
    np.testing.assert_array_equal(found.chance, 1.0)
    np.testing.assert_array_equal(found.hold, 0.5)


def test_what_could_be_either_of_two_cameras_is_said_of_both():
    old = ring_rig(3)
    new, _ = shaken(old, np.random.default_rng(3), {1: (3.0, 0.1)})
    found = find_moved(new, old, 15**2 * covariance(3))
    assert not found.moved.any()
    assert 0.1 < found.chance[1] < 0.9


def test_with_two_cameras_nobody_is_named(rng):
    old = ring_rig(2)
    new, _ = shaken(old, rng, {1: (2.0, 0.1)})
    found = find_moved(new, old, covariance(2))
    assert not found.moved.any()
    assert not found.sure


def test_uncertainties_are_those_of_many_trials_in_the_world_of_the_standing_cameras(rng):
    old = ring_rig(4)
    hold = np.array([0.0, 1, 1, 1])
    x = np.array([offsets(lay_over(shaken(old, rng, {})[0], old, hold), old).ravel() for _ in range(300)])
    expected = settle(covariance(4), old, hold).reshape(24, 24)
    np.testing.assert_allclose(x.std(0), np.sqrt(np.diag(expected)), rtol=0.2)
