import numpy as np
import pytest

from lift3d.viz.bounds import LEAST_HALF, NOWHERE, bounds_of


def test_bounds_hold_nearly_every_joint_and_little_else(walkers):
    xyz = walkers(2, 30).xyz
    box = bounds_of(xyz)
    assert ((xyz > box.low - 0.1) & (xyz < box.high + 0.1)).all(-1).mean() > 0.97
    assert box.size < 1.6 * np.linalg.norm(np.ptp(xyz.reshape(-1, 3), axis=0))


def test_wild_joints_and_wild_frames_do_not_move_the_bounds(walkers, rng):
    xyz = walkers(1, 200).xyz
    clean = bounds_of(xyz)
    xyz[rng.random(xyz.shape[:-1]) < 0.03] = [1000, -500, 300]
    xyz[17] = 1e6
    dirty = bounds_of(xyz)
    assert np.abs(dirty.low - clean.low).max() < 0.1
    assert np.abs(dirty.high - clean.high).max() < 0.1


def test_a_person_who_is_there_for_a_moment_counts(walkers):
    xyz = walkers(2, 100).xyz
    xyz[:, 1, :, 1] += 6
    xyz[10:, 1] = np.nan
    assert bounds_of(xyz).high[1] > 7


def test_one_joint_is_not_seen_from_within():
    box = bounds_of(np.full((1, 1, 1, 3), 2.0))
    assert np.allclose(box.center, 2)
    assert (box.high - box.low).min() == pytest.approx(2 * LEAST_HALF)


@pytest.mark.parametrize("shape", [(5, 1, 17, 3), (5, 0, 17, 3), (0, 1, 17, 3)])
def test_without_a_joint_the_view_is_where_a_person_would_stand(shape):
    assert bounds_of(np.full(shape, np.nan)) is NOWHERE
