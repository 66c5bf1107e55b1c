import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Skeleton
from lift3d.viz.coloring import Coloring
from lift3d.viz.look import Look
from lift3d.viz.scene import build_scene
from lift3d.viz.trails import CORNERS, SEGMENTS, Trails, trail_joints

REST = np.array([9.0, 9.0, 9.0])


def path(poses, frame, seconds=0.5, joints=(13,)):
    """Vertices [S, P, K, 2, C, 3] of the paths."""
    drawn = Trails(poses, Coloring(poses), REST, seconds, joints).mesh(frame)
    assert drawn.faces.max() == len(drawn.vertices) - 1
    return drawn.vertices.reshape(SEGMENTS, poses.xyz.shape[1], len(joints), 2, CORNERS, 3)


def test_a_path_ends_at_the_joint_and_starts_where_it_was(walkers):
    poses = walkers(2, 60, fps=60.0)
    middle = path(poses, 50).mean(-2)
    assert np.allclose(middle[-1, :, 0, 1], poses.xyz[50, :, 13], atol=1e-9)
    assert np.allclose(middle[0, :, 0, 0], poses.xyz[20, :, 13], atol=1e-9)


def test_before_the_first_frame_there_is_no_path(walkers):
    drawn = path(walkers(1, 60, fps=60.0), 15)
    assert (drawn[: SEGMENTS // 2 - 1] == REST).all()
    assert not (drawn[-2:] == REST).any()


def test_a_gap_stays_a_gap(walkers):
    poses = walkers(1, 60, fps=60.0)
    poses.xyz[30:40, 0, 13] = np.nan
    gone = (path(poses, 50)[:, 0, 0] == REST).all((1, 2, 3))
    assert 0.3 < gone.mean() < 0.45
    assert not gone[[0, -1]].any()


def test_the_far_end_is_thinner(walkers):
    drawn = path(walkers(1, 60, fps=60.0), 59)[:, 0, 0]
    thick = np.linalg.norm(drawn - drawn.mean(-2, keepdims=True), axis=-1)
    assert thick[0].max() < 0.1 * thick[-1].max()


def test_hands_and_feet_are_followed_unless_others_are_named(walkers):
    skeleton = walkers().skeleton
    assert {skeleton.joints[j] for j in trail_joints(skeleton, ())} == {
        f"{side}_{part}" for side in ("left", "right") for part in ("wrist", "ankle")
    }
    assert trail_joints(skeleton, ("head",)) == (skeleton.index("head"),)
    assert trail_joints(Skeleton("dot", ("thing",)), ()) == (0,)
    with pytest.raises(InputError, match="has no tail; it has"):
        trail_joints(skeleton, ("tail",))


def test_a_scene_has_paths_and_ellipsoids_only_where_asked_for(walkers):
    assert set(build_scene(walkers()).moving(0)) == {"people"}
    assert set(build_scene(walkers(), look=Look(trails=1.0, ellipsoids=True)).moving(0)) == {
        "people",
        "trails",
        "ellipsoids",
    }
