import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.viz.follow import follow
from lift3d.viz.look import Look
from lift3d.viz.scene import build_scene


def test_the_person_stays_in_the_middle_of_the_picture(walkers):
    poses = walkers(2, 300)  # 5 m of way
    scene = build_scene(poses, look=Look(follow=1))
    for frame in (0, 150, 299):
        xy, _ = scene.viewpoint("side", size=(640, 400), frame=frame).project(poses.xyz[frame, 1])
        assert np.abs(xy.mean(0) - [320, 190]).max() < 60
        assert np.ptp(xy[:, 1]) > 200


def test_the_view_is_calm(walkers, rng):
    poses = walkers(1, 300)
    poses.xyz[:] += 0.05 * rng.normal(size=(300, 1, 1, 3))
    middle = follow(poses, 0).middle
    assert np.abs(np.diff(middle, n=2, axis=0)).max() < 2e-3
    assert np.ptp(middle[:, 2]) == 0


def test_while_the_person_is_away_the_view_goes_on_evenly(walkers):
    poses = walkers(1, 300)
    truth = follow(poses, 0).middle
    poses.xyz[100:200] = np.nan
    assert np.abs(follow(poses, 0).middle - truth).max() < 0.05


@pytest.mark.parametrize(("person", "match"), [(2, "no person 3.*people 1 to 2"), (0, "person 1 has no joint")])
def test_nobody_to_follow_is_said(walkers, person, match):
    poses = walkers(2)
    poses.xyz[:, 0] = np.nan
    with pytest.raises(InputError, match=match):
        build_scene(poses, look=Look(follow=person))
