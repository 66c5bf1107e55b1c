"""Dots and lines on the videos, from 2D keypoints alone."""

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.calib import InputError
from lift3d.cli import main
from lift3d.datasets import Keypoints
from lift3d.datasets.keypoint_formats import read_keypoints, write_h5
from lift3d.datasets.keypoint_videos import keypoint_videos
from lift3d.datasets.skeleton import SKELETONS
from lift3d.viz.mosaic import mosaic_of

SKELETON = SKELETONS["h36m_17"]


def points(cameras=("left", "right"), frames=4):
    """One person who stands still, 200 pixels tall, in pictures of 400x300."""
    xy = np.random.default_rng(1).uniform((100, 40), (300, 240), (len(SKELETON), 2))
    xy = np.tile(xy, (frames, len(cameras), 1, 1, 1))
    return Keypoints(xy, np.ones(xy.shape[:-1]), tuple(cameras), SKELETON, 25.0)


def frames_of(path):
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    capture.release()
    return frames


def run(*words):
    return CliRunner().invoke(main, ["overlay", *map(str, words)])


def test_keypoints_are_drawn_on_the_videos_of_a_folder_without_calibration(write_video, tmp_path):
    keypoints = points()
    file = tmp_path / "a.keypoints.h5"
    write_h5(file, keypoints)
    write_video(tmp_path / "films" / "left.mp4", size=(400, 300), frames=4)
    done = run(tmp_path / "films", file, "-o", tmp_path / "o.mp4", "--start", 1, "--size", "800x300")
    assert done.exit_code == 0, done.output
    assert "no video of right" in done.stdout
    frames = frames_of(tmp_path / "o.mp4")
    assert len(frames) == 3
    places = mosaic_of([(400, 300), keypoint_videos(tmp_path / "films", keypoints).sizes["right"]], (800, 300)).places
    dark = frames[0]
    for v, (x, y, scale) in enumerate(places):
        dots = (keypoints.xy[0, v, 0] + 0.5) * scale - 0.5 + (x, y)
        bright = [dark[round(row), round(column)].min() for column, row in dots]
        assert np.median(bright) > 170  # white, as far as the encoder leaves it so
    assert frames[2][5, 395].mean() > frames[0][5, 395].mean() + 50  # the video's own pictures, ever brighter


def test_one_video_is_enough_for_one_camera(write_video, tmp_path):
    write_h5(tmp_path / "a.h5", points(("alone",)))
    video = write_video(tmp_path / "other.mp4", size=(400, 300), frames=4)
    assert run(video, tmp_path / "a.h5", "-o", tmp_path / "o.mp4").exit_code == 0
    assert frames_of(tmp_path / "o.mp4")[0].shape == (300, 400, 3)
    with pytest.raises(InputError, match="one video, but the keypoints are of left, right"):
        keypoint_videos(video, points())


def test_the_calibration_tells_the_size_of_pictures_that_keypoints_speak_of(small_capture, write_video, tmp_path):
    write_video(small_capture / "videos" / "cam02.mp4", size=(640, 360))
    keypoints = read_keypoints(small_capture / "keypoints")
    found = keypoint_videos(small_capture, keypoints)
    assert list(found.paths) == ["cam02"]
    assert found.sizes["cam02"] == (1280, 720)
    done = run(small_capture, small_capture / "keypoints", "-o", tmp_path / "o.mp4", "--stop", 2)
    assert done.exit_code == 0, done.output
    (small_capture / "capture.toml").write_text("[cameras.cam02]\nscale = 2.0\n")
    assert keypoint_videos(small_capture, keypoints).sizes["cam02"] == (640, 360)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--no-detections"], "leaves nothing"),
        (["--start", "90"], "no frame from 90"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_a_line(tmp_path, words, message):
    write_h5(tmp_path / "a.h5", points())
    done = run(tmp_path, tmp_path / "a.h5", "-o", tmp_path / "o.mp4", *words)
    assert done.exit_code in (1, 2)
    assert message in done.stderr
    assert not (tmp_path / "o.mp4").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    write_h5(tmp_path / "a.h5", points())
    done = run(tmp_path / "nothing", tmp_path / "a.h5")
    assert done.exit_code == 1
    assert "nothing does not exist" in done.stderr
