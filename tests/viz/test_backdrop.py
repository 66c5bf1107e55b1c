import cv2
import numpy as np
import pytest

from lift3d.datasets.capture_videos import timed_videos
from lift3d.viz import RenderOptions, render_image
from lift3d.viz.backdrop import Backdrops, VideoPictures, undistortion_maps
from lift3d.viz.scene import build_scene


@pytest.fixture
def counting(tmp_path):
    """A video whose frame k is as bright as 20 k."""
    path = tmp_path / "count.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (320, 180))
    for k in range(12):
        writer.write(np.full((180, 320, 3), 20 * k, np.uint8))
    writer.release()
    return path


def test_pictures_come_in_any_order(counting):
    pictures = VideoPictures(counting)
    for k in (0, 5, 6, 2, 11, 0, 7):
        assert abs(pictures.picture(k).mean() / 20 - k) < 0.3
    assert pictures.picture(12) is None
    assert pictures.picture(-1) is None
    assert abs(pictures.picture(3).mean() / 20 - 3) < 0.3
    pictures.close()
    assert VideoPictures(None).picture(0) is None


def test_a_camera_that_began_late_shows_the_picture_of_the_moment(counting, tmp_path):
    (tmp_path / "capture.toml").write_text("[cameras.count]\noffset = 3\n[cameras.slow]\nfps = 12.5\n")
    (tmp_path / "slow.mp4").write_bytes(counting.read_bytes())
    videos = timed_videos(tmp_path, ("count", "slow"), 25.0)
    late, slow = VideoPictures(videos["count"]), VideoPictures(videos["slow"])
    assert abs(late.picture(10).mean() / 20 - 7) < 0.3
    assert late.picture(2) is None  # it did not run yet
    assert abs(slow.picture(10).mean() / 20 - 5) < 0.3
    assert late.near(11)
    late.close()
    slow.close()


def test_going_back_by_single_frames_seeks_once_in_a_while(counting, monkeypatch):
    monkeypatch.setattr("lift3d.viz.backdrop.KEPT_BYTES", 4 * 320 * 180 * 3)
    pictures = VideoPictures(counting)
    sought = []
    seek = pictures._seek
    monkeypatch.setattr(pictures, "_seek", lambda number: (sought.append(number), seek(number)))
    for k in (11, 10, 9, 8, 7, 6, 5, 4, 3):
        assert abs(pictures.picture(k).mean() / 20 - k) < 0.3, k
    assert sought == [7, 3]
    assert pictures.near(4)
    assert pictures.near(11)
    assert not pictures.near(30)
    pictures.close()


def test_a_point_of_the_world_lies_where_the_lens_put_it(walkers):
    poses = walkers(1, 1)
    camera = poses.rig[1]
    view = build_scene(poses).viewpoint(camera.name, size=(camera.size[0] // 2, camera.size[1] // 2))
    x, y = undistortion_maps(camera, view, camera.size)
    points = poses.xyz[0, 0]
    drawn, _ = view.project(points)
    column, row = np.round(drawn).astype(int).T
    found = np.stack([x[row, column], y[row, column]], -1)
    assert np.abs(found - camera.project(points)).max() < 2.5  # half a pixel of the drawing is one of the picture


def test_a_video_of_half_the_size_is_stretched(walkers):
    poses = walkers(1, 1)
    camera = poses.rig[0]
    view = build_scene(poses).viewpoint(camera.name, size=(320, 180))
    whole, _ = undistortion_maps(camera, view, camera.size)
    half, _ = undistortion_maps(camera, view, (camera.size[0] // 2, camera.size[1] // 2))
    assert np.allclose(half, (whole + 0.5) / 2 - 0.5, atol=1e-3)


def test_the_picture_of_the_frame_stands_behind_the_camera_view(walkers, counting, tmp_path):
    poses = walkers(1, 12)
    name = poses.rig.names[0]
    options = RenderOptions(renderer="painter", caption=False, videos={name: counting})
    for frame in (0, 10):
        render_image(poses, tmp_path / f"{frame}.png", frame=frame, view=name, size=(160, 90), options=options)
    dark, light = (cv2.imread(str(tmp_path / f"{frame}.png"))[3, 3].mean() for frame in (0, 10))
    assert dark < 90
    assert light > 180


def test_other_views_and_cameras_have_no_picture(walkers, counting):
    poses = walkers(1, 12)
    backdrops = Backdrops(poses, {poses.rig.names[0]: counting})
    scene = build_scene(poses)
    other = poses.rig.names[1]
    assert backdrops.picture(poses.rig[other], 0, scene.viewpoint(other, size=(160, 90))) is None
    assert backdrops.picture(poses.rig[0], 0, scene.viewpoint("front", size=(160, 90))) is None
    assert backdrops.picture(poses.rig[0], 0, scene.viewpoint(poses.rig.names[0], size=(160, 90))) is not None
    assert other not in backdrops
    backdrops.close()
