import numpy as np
import pytest

from lift3d.calib import Camera, InputError
from lift3d.datasets import Poses
from lift3d.datasets.poses import Status
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig
from lift3d.viz.bounds import Bounds
from lift3d.viz.scene import build_scene, fullest_frame
from lift3d.viz.stage import MAX_LINES, floor_under, frustum_corners, frustum_mesh, frustum_size


def box(center, half=(0.4, 0.4, 0.9)):
    return Bounds(np.subtract(center, half), np.add(center, half))


def test_the_floor_has_whole_metres_and_carries_people_and_origin():
    floor = floor_under(box((3.3, 0.2, 0.9)))
    assert floor.step == 1
    assert np.array_equal(np.diff(floor.x), np.ones(len(floor.x) - 1))
    assert floor.x[0] < 0
    assert floor.x[-1] >= 4.7
    assert 0.0 in floor.y
    assert floor.z == 0


def test_the_floor_leaves_a_far_origin_and_spreads_its_lines_in_a_large_scene():
    away = floor_under(box((1000, 0, 0.9)))
    assert away.x[0] > 990
    large = floor_under(box((0, 0, 0.9), half=(400, 10, 1)))
    assert large.step == 50
    assert len(large.x) <= 2 * MAX_LINES + 1


def test_people_far_below_zero_stand_on_a_floor_of_their_own():
    assert floor_under(box((0, 0, 0.85))).z == 0
    assert floor_under(box((0, 0, -3.05))).z == pytest.approx(-4.0)


def test_floor_tiles_cover_the_floor_once_and_look_up():
    floor = floor_under(box((0, 0, 0.9)))
    mesh = floor._tiles(np.array(floor.x), np.array(floor.y))
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    area = 0.5 * np.cross(b - a, c - a)[:, 2]
    assert (area > 0).all()
    assert area.sum() == pytest.approx((floor.x[-1] - floor.x[0]) * (floor.y[-1] - floor.y[0]))


def test_a_frustum_ends_in_the_corners_of_the_picture():
    camera = ring_rig(3)[1]
    without_lens = Camera("c", camera.K, np.zeros(4), camera.R, camera.t, camera.size)
    width, height = camera.size
    corners = without_lens.project(frustum_corners(camera, 0.3))
    assert np.allclose(corners, np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5)
    mesh = frustum_mesh(camera, 0.3)
    assert np.linalg.norm(mesh.vertices - camera.center, axis=1).max() < 0.6


def test_cameras_are_small_beside_the_scene_and_smaller_where_they_stand_close():
    rig = ring_rig(4)
    size = frustum_size(rig, box((0, 0, 0.9)))
    assert 0.1 < size < 0.6
    close = [camera.with_pose(camera.R, camera.t * 0 + [0.01 * i, 0, 5]) for i, camera in enumerate(rig)]
    twins = type(rig)(tuple(camera.with_pose(close[0].R, camera.t) for camera in close))
    assert frustum_size(twins, box((0, 0, 0.9))) < 0.05


def test_shadows_lie_on_the_floor_and_people_below_it_cast_none(walkers):
    scene = build_scene(walkers(1, 3))
    people = scene.people(1)
    shadows = scene.shadows(people)
    assert np.allclose(shadows.vertices[:, 2], scene.floor.z + 3 * scene.floor.lift)
    assert np.array_equal(shadows.vertices[:, :2], people.vertices[:, :2])
    people.vertices[:, 2] -= 5
    assert np.ptp(scene.shadows(people).vertices, axis=0).max() == 0


def test_every_camera_is_drawn_but_the_one_looked_through(walkers):
    scene = build_scene(walkers())
    one = len(scene.cameras().faces) // 4
    assert len(scene.cameras(without={scene.rig.names[0]}).faces) == 3 * one
    assert [label.text for label in scene.labels if label.group == "cameras"] == list(scene.rig.names)


def test_a_camera_just_before_the_eye_is_left_out_and_so_is_its_name(walkers):
    scene = build_scene(walkers())
    eye = scene.rig[1].center + [0.5 * scene.frustum_size(), 0.0, 0.0]
    assert scene.near_cameras(eye) == {scene.rig.names[1]}
    assert scene.rig.names[1] not in [label.text for label in scene.labels_from(eye)]
    overview = scene.viewpoint("overview", size=(640, 360)).center
    assert scene.near_cameras(overview) == frozenset()
    assert scene.labels_from(overview) == list(scene.labels)


def test_another_rig_takes_the_place_of_the_poses_own(walkers):
    scene = build_scene(walkers(), ring_rig(2))
    assert len(scene.rig) == 2
    without = build_scene(walkers().replace(rig=None))
    assert without.rig is None
    assert len(without.cameras().faces) == 0


def test_the_fullest_frame_has_most_measured_joints_and_is_near_the_middle(walkers):
    poses = walkers(1, 11)
    assert fullest_frame(poses) == 5
    poses.xyz[4:7, 0, 3] = np.nan
    poses.status[4:7, 0, 3] = Status.MISSING
    assert fullest_frame(poses) in (3, 7)
    poses.status[[3, 7], 0, 0] = Status.INTERPOLATED  # as many joints, fewer of them measured
    assert fullest_frame(poses) in (2, 8)


@pytest.mark.parametrize("shape", [(3, 0, 17), (3, 2, 17), (1, 1, 17)])
def test_a_scene_without_a_joint_still_has_a_floor(shape):
    poses = Poses.from_xyz(np.full((*shape, 3), np.nan), SKELETONS["h36m_17"], 30.0)
    scene = build_scene(poses)
    assert np.isfinite(scene.people(0).vertices).all()
    assert len(scene.floor.mesh().faces) > 0
    assert scene.heading is None


def test_no_frame_is_an_error():
    poses = Poses.from_xyz(np.zeros((0, 1, 17, 3)), SKELETONS["h36m_17"], 30.0)
    with pytest.raises(InputError, match="no frames"):
        build_scene(poses)
