import numpy as np
import pytest

from lift3d.datasets import Poses, Skeleton
from lift3d.datasets.poses import Status
from lift3d.datasets.skeleton import SKELETONS
from lift3d.viz.figures import BONE_SEGMENTS, drawn_bones, facing, figure_mesh, limb_scale
from lift3d.viz.palette import BACKGROUND


def areas(vertices, faces):
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=-1)


def parts(figures, frame):
    """Vertices of bones [P, B, 2, S, 3] and of joints [P, J, N, 3]."""
    people, joints = figures.poses.xyz.shape[1:3]
    n_bones = len(figures.bones)
    each = figures.pose_vertices(frame).reshape(people, -1, 3)
    split = n_bones * 2 * BONE_SEGMENTS
    return each[:, :split].reshape(people, n_bones, 2, BONE_SEGMENTS, 3), each[:, split:].reshape(people, joints, -1, 3)


def test_bones_end_at_their_joints_and_balls_sit_on_them(walkers):
    poses = walkers(2, 5)
    figures = figure_mesh(poses)
    for frame in (0, 4):
        bones, balls = parts(figures, frame)
        assert np.allclose(bones.mean(-2), poses.xyz[frame][:, figures.bones], atol=1e-9)
        assert np.allclose(balls.mean(-2), poses.xyz[frame], atol=1e-9)


def test_all_frames_share_one_set_of_triangles(walkers):
    figures = figure_mesh(walkers(3, 5))
    for frame in range(5):
        vertices, colors = figures.pose(frame)
        assert vertices.shape == colors.shape
        assert figures.faces.max() == len(vertices) - 1
        assert (areas(vertices, figures.faces) > 0).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_missing_joint_takes_its_bones_with_it_and_nothing_else(walkers, wrong):
    poses = walkers(1, 2)
    knee = poses.skeleton.index("left_knee")
    poses.xyz[1, 0, knee, 2] = wrong
    figures = figure_mesh(poses, rest=np.array([7.0, 8.0, 9.0]))
    bones, balls = parts(figures, 1)
    gone = (figures.bones == knee).any(1)
    assert gone.sum() == 2
    assert (bones[0, gone] == [7, 8, 9]).all()
    assert (balls[0, knee] == [7, 8, 9]).all()
    whole_bones, whole_balls = parts(figures, 0)
    assert np.ptp(bones[0, ~gone], axis=(1, 2)).min() > 0.01
    assert np.allclose(np.ptp(balls[0, :knee], axis=1), np.ptp(whole_balls[0, :knee], axis=1))
    assert np.isfinite(whole_bones).all()


def test_a_joint_that_is_marked_missing_is_not_drawn_even_if_it_has_numbers(walkers):
    poses = walkers(1, 1)
    poses.status[0, 0, 10] = Status.MISSING
    figures = figure_mesh(poses)
    assert not parts(figures, 0)[1][0, 10].any()


@pytest.mark.parametrize("status", [Status.INTERPOLATED, Status.LIFTED])
def test_filled_in_joints_are_paler_and_thinner(walkers, status):
    poses = walkers(1, 1)
    before, before_colors = figure_mesh(poses).pose(0)
    poses.status[:] = status
    after, after_colors = figure_mesh(poses).pose(0)
    assert np.abs(after_colors - BACKGROUND).mean() < 0.7 * np.abs(before_colors - BACKGROUND).mean()
    faces = figure_mesh(poses).faces
    assert areas(after, faces).sum() < 0.8 * areas(before, faces).sum()


def test_left_is_darker_than_right(walkers):
    poses = walkers()
    figures = figure_mesh(poses)
    n_bones = len(figures.bones)
    colors = figures.pose(0)[1].reshape(-1, 3)[n_bones * 2 * BONE_SEGMENTS :].reshape(len(poses.skeleton), -1, 3)
    left, right = poses.skeleton.index("left_wrist"), poses.skeleton.index("right_wrist")
    assert colors[left].mean() < 0.6 * colors[right].mean()


def test_limbs_scale_with_the_body(walkers):
    poses = walkers()
    assert limb_scale(poses) == pytest.approx(1, abs=0.2)
    small = poses.replace(xyz=0.1 * poses.xyz)
    assert limb_scale(small) == pytest.approx(0.1 * limb_scale(poses))


def test_limbs_have_a_size_without_any_bone():
    dots = Poses.from_xyz(np.zeros((2, 1, 1, 3)), Skeleton("dot", ("thing",)), 30.0)
    assert limb_scale(dots) == 1
    assert (areas(figure_mesh(dots).pose_vertices(0), figure_mesh(dots).faces) > 0).all()
    nothing = Poses.from_xyz(np.full((2, 1, 17, 3), np.nan), SKELETONS["h36m_17"], 30.0)
    assert limb_scale(nothing) == 1


@pytest.mark.parametrize("turn", [0.0, 1.0, -2.5])
def test_the_front_is_where_the_chest_looks(walkers, turn):
    c, s = np.cos(turn), np.sin(turn)
    poses = walkers(2)
    xyz = poses.xyz @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    heading = facing(xyz, poses.skeleton)
    assert np.allclose([np.cos(heading), np.sin(heading)], [c, s], atol=1e-6)


def test_without_shoulders_and_hips_there_is_no_front(walkers):
    poses = walkers()
    assert facing(np.full_like(poses.xyz, np.nan), poses.skeleton) is None
    assert facing(np.zeros((1, 1, 3)), Skeleton("dot", ("thing",))) is None


@pytest.mark.parametrize("name", sorted(SKELETONS))
def test_no_part_of_the_face_hangs_in_the_air(name):
    skeleton = SKELETONS[name]
    group = {joint: {joint} for joint in range(len(skeleton))}
    for a, b in drawn_bones(skeleton):
        together = group[a] | group[b]
        group.update(dict.fromkeys(together, together))
    shoulder, nose = skeleton.index("left_shoulder"), skeleton.index("nose")
    if nose >= 0 and "neck" in skeleton.joints:
        assert nose in group[shoulder]
    assert len(set(drawn_bones(skeleton))) == len(drawn_bones(skeleton))
