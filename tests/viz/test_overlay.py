"""Skeletons on pictures: the right pixels in the right tile."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.calib import InputError
from lift3d.cli import main
from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig
from lift3d.viz.mosaic import mosaic_of, tile_of
from lift3d.viz.overlay import OverlayOptions, write_overlay

SKELETON = SKELETONS["body_25b"]


@pytest.fixture(scope="module")
def poses():
    rig = ring_rig(3)
    xyz = demo_people(0.5, 10.0)[:, :1]
    xy = np.moveaxis(rig.project(xyz), 0, 1)
    return Poses.from_xyz(xyz, SKELETON, 10.0, rig).replace(
        keypoints=Keypoints(xy, np.ones(xy.shape[:-1]), rig.names, SKELETON, 10.0)
    )


def frames_of(path):
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    capture.release()
    return frames


def test_every_frame_holds_every_camera_and_the_dots_are_where_the_keypoints_are(poses, tmp_path):
    path = write_overlay(poses, {}, tmp_path / "o.mp4", options=OverlayOptions(size=(1280, 720)))
    frames = frames_of(path)
    assert len(frames) == len(poses.time)
    assert frames[0].shape[1] <= 1280
    assert frames[0].shape[0] <= 720
    mosaic = mosaic_of([camera.size for camera in poses.rig], (1280, 720))
    for v, (x, y, scale) in enumerate(mosaic.places):
        nose = (poses.keypoints.xy[0, v, 0, 0] + 0.5) * scale - 0.5 + (x, y)
        column, row = np.round(nose).astype(int)
        assert frames[0][row, column].min() > 150  # a white dot, as far as the encoder leaves it white


def test_a_video_of_another_size_is_scaled_and_centred():
    picture = np.zeros((192, 108, 3), np.uint8)
    picture[96:98, 54:56] = 255  # the middle
    tile = tile_of(picture, (544, 960))
    bright = np.argwhere(tile[..., 0] > 100).mean(0)
    # The dot's middle is one pixel right of and below the picture's, and a pixel is 544 / 108 of a tile's.
    np.testing.assert_allclose(bright, (959 / 2 + 544 / 108, 543 / 2 + 544 / 108), atol=0.2)


def test_pictures_come_from_the_frames_of_the_video(poses, write_video, tmp_path):
    video = write_video(tmp_path / "cam02.mp4", frames=len(poses.time))  # ever brighter
    path = write_overlay(poses, {"cam02": video}, tmp_path / "o.mp4", options=OverlayOptions(start=1, stop=4))
    x, y, scale = mosaic_of([camera.size for camera in poses.rig], (1920, 1080)).places[1]
    corner = [frame[y + int(600 * scale), x + 5].mean() for frame in frames_of(path)]
    assert len(corner) == 3
    assert np.all(np.diff(corner) > 20)


@pytest.mark.parametrize(
    ("sizes", "columns"),
    [([(1080, 1920)] * 4, 4), ([(1920, 1080)] * 4, 2), ([(1920, 1080)], 1), ([(640, 480)] * 16, 4)],
)
def test_the_grid_makes_the_pictures_large(sizes, columns):
    mosaic = mosaic_of(sizes, (1920, 1080))
    assert len({x for x, _, _ in mosaic.places}) == columns
    assert mosaic.size[0] <= 1920
    assert mosaic.size[1] <= 1080
    assert mosaic.size[0] % 2 == mosaic.size[1] % 2 == 0


def test_a_result_without_cameras_is_refused(poses, tmp_path):
    with pytest.raises(InputError, match="no cameras to draw on"):
        write_overlay(poses.replace(rig=None), {}, tmp_path / "o.mp4")


def test_a_result_without_keypoints_is_drawn_all_the_same(poses, tmp_path):
    path = write_overlay(poses.replace(keypoints=None), {}, tmp_path / "o.mp4", options=OverlayOptions(stop=2))
    assert len(frames_of(path)) == 2


def test_no_frames_are_refused(poses, tmp_path):
    with pytest.raises(InputError, match="no frame from 90"):
        write_overlay(poses, {}, tmp_path / "o.mp4", options=OverlayOptions(start=90))
    assert not list(tmp_path.iterdir())


def test_the_command_finds_the_videos_by_name(poses, small_capture, write_video, tmp_path):
    file = poses.save(tmp_path / "a.poses.h5")
    write_video(small_capture / "videos" / "cam01.mp4")
    out = tmp_path / "o.mp4"
    result = CliRunner().invoke(main, ["overlay", str(small_capture), str(file), "-o", str(out), "--size", "640x360"])
    assert result.exit_code == 0, result.output
    assert "no video of cam02, cam03" in result.stdout
    assert len(frames_of(out)) == len(poses.time)
    again = CliRunner().invoke(main, ["overlay", str(small_capture), str(file), "-o", str(out)])
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
