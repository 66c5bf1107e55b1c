"""Several people who walk at once: who is who before anything is known of the cameras, and the cameras from that."""

import numpy as np
import pytest

from lift3d.calib import Rig
from lift3d.calib.rotation import rotation_vector
from lift3d.calibrate_people import calibrate_people
from lift3d.datasets import Keypoints
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig
from lift3d.main_person import follow_everybody
from lift3d.people_matching import match_people

BODY = SKELETONS["body_25b"]
FPS = 8.0


@pytest.fixture(scope="module")
def rig():
    return ring_rig(3)


@pytest.fixture(scope="module")
def crowd(rig):
    """Keypoints of two people, shuffled in every view and frame, and who is who [T, V, P]."""
    rng = np.random.default_rng(11)
    walk = demo_people(12.0, FPS)[:, 0]
    other = np.roll(walk, len(walk) // 3, axis=0) * [-1, -1, 1] + [0.3, 1.3, 0.0]
    people = np.stack([walk, other], axis=1)
    xy = np.stack([camera.project(people) for camera in rig], axis=1)  # [T, V, P, J, 2]
    xy += 1.5 * rng.standard_t(4, xy.shape)
    who = rng.permuted(np.tile(np.arange(2), (*xy.shape[:2], 1)), axis=2)
    xy = np.take_along_axis(xy, who[..., None, None], axis=2)
    return Keypoints(xy, np.ones(xy.shape[:-1]), rig.names, BODY, FPS), who


def lenses(rig):
    return Rig(tuple(camera.with_pose(np.eye(3), np.zeros(3)) for camera in rig))


def test_paths_are_cut_rather_than_passed_on_to_somebody_else(crowd):
    keypoints, who = crowd
    for v, pieces in enumerate(follow_everybody(keypoints)):
        assert pieces
        for piece in pieces:
            assert len({who[t, v, candidate] for t, candidate in piece.items()}) == 1


def test_two_who_walk_at_once_are_told_apart_in_all_views(rig, crowd):
    keypoints, who = crowd
    found = match_people(keypoints, lenses(rig))
    assert found.index.shape[2] == 2
    mean = []
    for p in range(2):
        there = found.index[:, :, p] >= 0
        names = np.take_along_axis(who, np.maximum(found.index[:, :, p : p + 1], 0), axis=2)[..., 0][there]
        assert len(set(names.tolist())) == 1
        mean.append(names.mean())
        assert there.mean() > 0.6
    assert sorted(mean) == [0, 1]


@pytest.mark.slow
def test_cameras_come_from_two_who_walk_at_once(rig, crowd):
    keypoints, _ = crowd
    found = calibrate_people(
        keypoints, lenses(rig), distance=("cam01", "cam02", np.linalg.norm(np.diff(rig.centers[:2], axis=0)))
    )
    for i, j in ((0, 1), (0, 2), (1, 2)):
        turn = found.rig[j].R @ found.rig[i].R.T @ rig[i].R @ rig[j].R.T
        assert np.degrees(np.linalg.norm(rotation_vector(turn))) < 0.5
        apart = [np.linalg.norm(r[i].center - r[j].center) for r in (found.rig, rig)]
        assert apart[0] == pytest.approx(apart[1], abs=0.03)
    np.testing.assert_allclose(found.rig.centers[:, 2], rig.centers[:, 2], atol=0.1)
