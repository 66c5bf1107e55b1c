import shutil

import pytest

from lift3d.calib import InputError
from lift3d.datasets.recording import lacks_keypoints, open_recording


@pytest.fixture
def filmed(small_capture, write_video):
    """The small capture with videos of its three cameras in place of keypoints."""
    shutil.rmtree(small_capture / "keypoints")
    for camera in ("cam01", "cam02", "cam03"):
        write_video(small_capture / "videos" / f"{camera}.mp4")
    return small_capture


def rename(folder, **names):
    for old, new in names.items():
        (folder / "videos" / f"{old}.mp4").rename(folder / "videos" / f"{new}.mp4")


def test_videos_are_paired_with_the_cameras_by_name(filmed):
    assert lacks_keypoints(filmed)
    recording = open_recording(filmed)
    assert recording.cameras == {"cam01": "cam01", "cam02": "cam02", "cam03": "cam03"}
    assert [path.name for path in recording.videos.values()] == ["cam01.mp4", "cam02.mp4", "cam03.mp4"]
    assert recording.rig.names == ("cam01", "cam02", "cam03")
    assert recording.sizes["cam02"] == (1280, 720)


def test_similar_names_are_understood_and_other_videos_left_aside(filmed, write_video):
    rename(filmed, cam01="Camera_1", cam02="Camera_2", cam03="Camera_3")
    write_video(filmed / "videos" / "overlay.mp4")
    recording = open_recording(filmed)
    assert recording.cameras == {"cam01": "cam01", "cam02": "cam02", "cam03": "cam03"}
    assert recording.videos["cam02"].name == "Camera_2.mp4"
    assert recording.notes[1] == "videos of no camera that is used, left aside: overlay.mp4"


def test_names_that_fit_no_camera_are_kept_so_that_they_are_paired_by_order(filmed):
    rename(filmed, cam01="left", cam02="middle", cam03="right")
    assert open_recording(filmed).cameras == {"left": "cam01", "middle": "cam02", "right": "cam03"}
    (filmed / "videos" / "right.mp4").unlink()
    with pytest.raises(InputError, match=r"no video \(middle, left\) is named as a camera .*\[cameras\.cam01\] video"):
        open_recording(filmed)


def test_capture_toml_names_videos_and_leaves_cameras_out(filmed):
    rename(filmed, cam02="front")
    with pytest.raises(InputError, match=r"no video of cam02; put it into .*exclude = \[\"cam02\"\]"):
        open_recording(filmed)
    (filmed / "capture.toml").write_text('exclude = ["cam03"]\n[cameras.cam02]\nvideo = "front.mp4"\n')
    recording = open_recording(filmed)
    assert {name: path.name for name, path in recording.videos.items()} == {"cam01": "cam01.mp4", "cam02": "front.mp4"}
    assert recording.rig.names == ("cam01", "cam02")


def test_videos_of_another_size_than_the_calibration_are_said(filmed, write_video):
    write_video(filmed / "videos" / "cam02.mp4", size=(640, 480))
    assert "videos differ in size from the calibration: cam02 640x480 instead of" in open_recording(filmed).notes[-1]
    (filmed / "capture.toml").write_text("[cameras.cam02]\nscale = 2\n")
    assert len(open_recording(filmed).notes) == 1


def test_without_a_calibration_all_videos_are_taken(filmed):
    (filmed / "calib.toml").unlink()
    recording = open_recording(filmed)
    assert recording.rig is None
    assert sorted(recording.videos) == ["cam01", "cam02", "cam03"]
    with pytest.raises(FileNotFoundError, match=r"calibration .*gone\.toml does not exist"):
        open_recording(filmed, calibration=filmed / "gone.toml")


def test_keypoints_that_are_there_or_named_are_not_lacking(small_capture, filmed, write_video, tmp_path):
    (filmed / "capture.toml").write_text('keypoints = "pose/mine"\n')
    assert not lacks_keypoints(filmed)
    assert not lacks_keypoints(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="does not exist; wanted a capture folder"):
        open_recording(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no videos; put one for each camera into"):
        open_recording(tmp_path / "empty")
