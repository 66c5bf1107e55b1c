import cv2
import numpy as np
import pytest

from lift3d.calib import Camera, InputError
from lift3d.viz.bounds import Bounds
from lift3d.viz.scene import build_scene
from lift3d.viz.viewpoint import FIXED_VIEWS, camera_picture_size, camera_view, check_view, turntable, viewpoint_of

BOX = Bounds(np.array([-1.0, 2.0, 0.0]), np.array([0.5, 2.8, 1.8]))


@pytest.mark.parametrize("size", [(1280, 720), (480, 960), (64, 64)])
@pytest.mark.parametrize("view", FIXED_VIEWS)
def test_every_view_frames_the_people(walkers, view, size):
    scene = build_scene(walkers(3, 20))
    seen = scene.viewpoint(view, size=size)
    xy, depth = seen.project(scene.bounds.corners)
    assert ((xy > 0) & (xy < size)).all()
    assert ((depth > seen.near) & (depth < seen.far)).all()
    if view != "overview":
        assert np.ptp(xy, axis=0).max() > 0.4 * min(size)


def test_the_overview_shows_the_cameras(walkers):
    poses = walkers()
    xy, _ = build_scene(poses).viewpoint("overview", size=(800, 600)).project(poses.rig.centers)
    assert ((xy > 0) & (xy < (800, 600))).all()


def test_from_the_front_left_is_right_and_the_head_is_up(walkers):
    poses = walkers(1, 1)
    joints = {name: i for i, name in enumerate(poses.skeleton.joints)}
    front, _ = build_scene(poses).viewpoint("front", size=(640, 480)).project(poses.xyz[0, 0])
    assert front[joints["left_wrist"], 0] > front[joints["right_wrist"], 0] + 50
    assert front[joints["head"], 1] < front[joints["left_ankle"], 1] - 100
    top, _ = build_scene(poses).viewpoint("top", size=(640, 480)).project(poses.xyz[0, 0])
    assert top[joints["left_wrist"], 0] < top[joints["right_wrist"], 0] - 50  # looked at from above, heading up


def test_looking_through_a_camera_is_projecting_with_it():
    camera = Camera("c", [[800, 0, 300], [0, 820, 260], [0, 0, 1]], np.zeros(4), np.eye(3), [0.1, 0.2, 3.0], (640, 480))
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))
    same, _ = camera_view(camera, size=(640, 480), distance=3.0).project(points)
    assert np.allclose(same, camera.project(points))
    half, _ = camera_view(camera, size=(640, 240), distance=3.0).project(points)  # half as large, in the middle
    assert np.allclose((half - [160, 0] + 0.5) * 2 - 0.5, camera.project(points))


def test_more_pixels_show_the_same_picture(walkers):
    view = build_scene(walkers()).viewpoint("side", size=(320, 200))
    xy, _ = view.project(BOX.corners)
    assert np.allclose((view.scaled(2).project(BOX.corners)[0] + 0.5) / 2 - 0.5, xy)


def test_the_turntable_keeps_its_distance_and_comes_back():
    views = [turntable(BOX, heading=0.3, turn=turn, size=(640, 480)) for turn in np.linspace(0, 1, 9)]
    distance = [np.linalg.norm(view.center - BOX.center) for view in views]
    assert np.allclose(distance, distance[0])
    assert np.allclose(views[0].center, views[-1].center)
    assert np.linalg.norm(views[0].center - views[4].center) > 1.8 * np.linalg.norm((views[0].center - BOX.center)[:2])
    for view in views:
        xy, _ = view.project(BOX.corners)
        assert ((xy > 0) & (xy < (640, 480))).all()


def test_what_is_behind_the_viewer_has_no_place(walkers):
    view = build_scene(walkers()).viewpoint("front", size=(320, 200))
    xy, _ = view.project(view.center - view.R[2])
    assert np.isnan(xy).all()


def test_an_unknown_view_is_answered_with_those_there_are(walkers):
    with pytest.raises(InputError, match=r"no view 'cam9'.*front.*overview"):
        check_view("cam9", None)
    rig = walkers().rig
    with pytest.raises(InputError, match=rf"a camera .*{rig.names[2]}"):
        check_view("cam9", rig)


def test_a_cameras_drawing_has_its_proportions_and_even_sides():
    camera = Camera("c", np.diag([900.0, 900.0, 1.0]), size=(1088, 1920))
    width, height = camera_picture_size(camera, longest=1280)
    assert (width % 2, height) == (0, 1280)
    assert width / height == pytest.approx(1088 / 1920, abs=0.002)


def test_the_eye_of_an_opengl_renderer_is_understood(rng):
    size, flip = (640, 400), np.diag([1.0, -1.0, -1.0, 1.0])
    axis = rng.normal(size=3)
    R = cv2.Rodrigues(axis)[0]
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = R, [0.1, -0.2, 3.0]
    gl_view = flip @ view
    near, far = 0.1, 100.0
    projection = np.array(
        [[1.7, 0, 0.05, 0], [0, 2.2, -0.03, 0], [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)]]
    )
    projection = np.vstack([projection, [0, 0, -1, 0]])
    points = R.T @ (rng.uniform(-0.5, 0.5, (3, 20)) + np.array([[0], [0], [4.0]]) - view[:3, 3:])
    clip = projection @ gl_view @ np.vstack([points, np.ones(20)])
    ndc = clip[:2] / clip[3]
    wanted = np.stack([(ndc[0] + 1) / 2 * size[0] - 0.5, (1 - ndc[1]) / 2 * size[1] - 0.5], -1)
    assert np.abs(viewpoint_of(gl_view, projection, size).project(points.T)[0] - wanted).max() < 1e-9
