import dataclasses
import hashlib
import json
import shutil

import numpy as np
import pytest

from lift3d.calib import CalibrationError, InputError
from lift3d.calib.formats import read_rig, write_rig
from lift3d.datasets.capture import open_capture
from lift3d.datasets.keypoint_formats import read_keypoints, write_h5
from lift3d.datasets.synthetic import ring_rig


def refused(folder, *parts, error=InputError, **arguments):
    """Open a capture that cannot be used: one line that holds these parts."""
    with pytest.raises(error) as caught:
        open_capture(folder, **arguments)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
    return message


def settle(folder, text):
    (folder / "capture.toml").write_text(text)


def folders(capture):
    return {path.name.removesuffix("_json"): path for path in (capture / "keypoints").iterdir()}


def rename(capture, **names):
    for name, path in folders(capture).items():
        path.rename(path.with_name(names[name]))


# What is found


def test_a_plain_folder_is_understood(small_capture):
    capture = open_capture(small_capture)
    assert capture.rig.names == capture.keypoints.cameras == ("cam01", "cam02", "cam03")
    assert capture.keypoints.shape == (6, 3, 1, 25)
    assert {pair.how for pair in capture.pairing.values()} == {"name"}
    assert capture.fps is None
    assert capture.calibration_path == small_capture / "calib.toml"
    assert capture.keypoints_path == small_capture / "keypoints"
    assert (capture.others, capture.videos) == ((), {})
    assert capture.notes[:2] == ("calibration: calib.toml", "keypoints: keypoints")
    assert capture.notes[-1] == "the frame rate is not known; give --fps, or set fps in capture.toml"


@pytest.mark.parametrize("place", ["pose", "pose-sync", "keypoints/openpose", "."])
def test_keypoints_are_found_in_each_layout(small_capture, place):
    expected = read_keypoints(small_capture / "keypoints")
    shutil.move(small_capture / "keypoints", small_capture / "aside")
    (small_capture / place).mkdir(parents=True, exist_ok=True)
    for path in (small_capture / "aside").iterdir():
        shutil.move(path, small_capture / place / path.name)
    capture = open_capture(small_capture)
    assert capture.keypoints_path == small_capture / place
    np.testing.assert_array_equal(capture.keypoints.xy, expected.xy)


def test_camera_folders_need_no_suffix(small_capture):
    for name, path in folders(small_capture).items():
        path.rename(path.with_name(name))
    assert open_capture(small_capture).keypoints.shape == (6, 3, 1, 25)


def test_a_keypoints_file_is_found_and_a_result_is_not_taken_for_one(small_capture):
    keypoints = dataclasses.replace(read_keypoints(small_capture / "keypoints"), fps=120.0)
    shutil.rmtree(small_capture / "keypoints")
    (small_capture / "keypoints" / "deep").mkdir(parents=True)
    write_h5(small_capture / "keypoints" / "a.poses.h5", keypoints)
    path = write_h5(small_capture / "keypoints" / "deep" / "k.h5", keypoints)
    capture = open_capture(small_capture)
    assert (capture.keypoints_path, capture.others) == (path, ())
    assert capture.fps == capture.keypoints.fps == 120.0
    np.testing.assert_array_equal(capture.keypoints.xy, keypoints.xy.astype(np.float32))


def test_of_several_calibrations_and_sets_one_is_taken_and_the_others_are_told(small_capture):
    keypoints = read_keypoints(small_capture / "keypoints")
    write_h5(small_capture / "keypoints" / "stored.h5", keypoints)
    (small_capture / "Calibration").mkdir()
    shutil.copy(small_capture / "calib.toml", small_capture / "Calibration" / "a.toml")
    shutil.copy(small_capture / "calib.toml", small_capture / "calib10.toml")
    shutil.copy(small_capture / "calib.toml", small_capture / "calib2.toml")
    (small_capture / "calib_old.toml").write_text("[cam01\n")
    capture = open_capture(small_capture)
    assert capture.calibration_path.name == "calib.toml"
    assert capture.notes[:3] == (
        "calibration: calib.toml; also seen: calib2.toml, calib10.toml, Calibration/a.toml",
        "keypoints: keypoints; also seen: keypoints/stored.h5",
        "not understood, though named like a calibration: calib_old.toml",
    )
    assert [path.name for path in capture.others] == ["calib2.toml", "calib10.toml", "a.toml", "stored.h5"]
    stored = open_capture(small_capture, keypoints=small_capture / "keypoints" / "stored.h5")
    assert stored.notes[1] == "keypoints: keypoints/stored.h5; also seen: keypoints"
    settle(small_capture, 'calibration = "calib10.toml"\nkeypoints = "keypoints/stored.h5"')
    settled = open_capture(small_capture)
    assert (settled.calibration_path.name, settled.keypoints_path.name) == ("calib10.toml", "stored.h5")
    given = open_capture(small_capture, calibration=small_capture / "calib2.toml")
    assert given.calibration_path.name == "calib2.toml"


def test_a_folder_of_sets_must_hold_one(small_capture, tmp_path):
    sets = tmp_path / "sets"
    shutil.move(small_capture / "keypoints", sets / "first")
    assert open_capture(small_capture, keypoints=sets).keypoints_path == sets / "first"
    shutil.copytree(sets / "first", sets / "second")
    refused(small_capture, f"{sets} holds several sets", str(sets / "first"), str(sets / "second"), keypoints=sets)


def test_fingerprints_cover_all_that_was_read(small_capture):
    settle(small_capture, "fps = 60")
    before = open_capture(small_capture).inputs
    assert list(before) == ["calib.toml", "capture.toml", "keypoints"]
    assert before["calib.toml"] == hashlib.sha256((small_capture / "calib.toml").read_bytes()).hexdigest()
    path = next(folders(small_capture)["cam02"].iterdir())
    path.write_text(path.read_text() + " ")
    after = open_capture(small_capture).inputs
    assert [name for name in after if after[name] != before[name]] == ["keypoints"]


# Pairing


def test_similar_names_are_paired_and_views_follow_the_rig(small_capture):
    before = open_capture(small_capture).keypoints
    rename(small_capture, cam01="Camera-1", cam02="cam_02", cam03="3")
    capture = open_capture(small_capture)
    assert {name: tuple(pair) for name, pair in capture.pairing.items()} == {
        "cam01": ("Camera-1", "similar name"),
        "cam02": ("cam_02", "similar name"),
        "cam03": ("3", "similar name"),
    }
    assert "similar names: cam01 = Camera-1, cam02 = cam_02, cam03 = 3" in capture.notes[2]
    np.testing.assert_array_equal(capture.keypoints.xy, before.xy)


def test_without_a_fitting_name_the_order_is_taken_and_told(small_capture):
    rename(small_capture, cam01="east", cam02="north", cam03="west")
    capture = open_capture(small_capture)
    assert {pair.how for pair in capture.pairing.values()} == {"order"}
    assert "by order, since no name fits: cam01 = east, cam02 = north, cam03 = west" in capture.notes[2]


def test_missing_cameras_are_named_and_can_be_left_out(small_capture):
    write_rig(ring_rig(4), small_capture / "calib.toml", "pose2sim", overwrite=True)
    shutil.rmtree(folders(small_capture)["cam02"])
    refused(
        small_capture, "no keypoints of cam02, cam04", "put them there (cam02_json/)", 'exclude = ["cam02", "cam04"]'
    )
    settle(small_capture, 'exclude = ["cam02", "Cam_4"]')
    capture = open_capture(small_capture)
    assert capture.rig.names == capture.keypoints.cameras == ("cam01", "cam03")
    assert "left out (capture.toml): cam02, cam04" in capture.notes


def test_keypoints_without_a_camera_are_named_and_can_be_left_out(small_capture):
    extra = shutil.copytree(folders(small_capture)["cam01"], small_capture / "keypoints" / "cam09_json")
    refused(small_capture, "keypoints cam09 of no camera in the calibration; leave them out by")
    (extra / "cam01.0000.json").write_text("left out, so never read")
    settle(small_capture, 'exclude = ["cam09"]')
    assert open_capture(small_capture).rig.names == ("cam01", "cam02", "cam03")


def test_one_name_that_does_not_fit_is_never_guessed(small_capture):
    folders(small_capture)["cam02"].rename(small_capture / "keypoints" / "back_json")
    refused(small_capture, "no keypoints of cam02", "keypoints back of no camera", "[cameras.cam02] keypoints")
    settle(small_capture, '[cameras.cam_2]\nkeypoints = "back_json"')
    assert tuple(open_capture(small_capture).pairing["cam02"]) == ("back", "capture.toml")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[cameras.can02]\noffset = 1", "[cameras.can02] is no camera of the calibration; did you mean 'cam02'?"),
        ('[cameras.cam02]\nkeypoints = "cam4"', "cameras.cam02: there are no keypoints 'cam4'; did you mean 'cam0"),
        ('exclude = ["dam03"]', "exclude: 'dam03' is no camera; did you mean 'cam03'?"),
        ('exclude = ["cam1", "cam2", "cam3"]', "exclude leaves no camera of the calibration"),
        (
            '[cameras.cam01]\nkeypoints = "cam02"\n[cameras.cam02]\nkeypoints = "cam02"',
            "'cam02' are given to two cameras",
        ),
    ],
)
def test_settings_that_name_no_camera_are_refused(small_capture, text, part):
    settle(small_capture, text)
    refused(small_capture, "capture.toml", part)


# What capture.toml changes


def test_offsets_move_frames_and_keep_all_of_them(small_capture):
    before = open_capture(small_capture).keypoints
    settle(small_capture, "[cameras.cam02]\noffset = 2\n[cameras.cam03]\noffset = -1")
    capture = open_capture(small_capture)
    np.testing.assert_array_equal(capture.keypoints.frames, np.arange(-1, 8))
    np.testing.assert_array_equal(capture.keypoints.xy[1:7, 0], before.xy[:, 0])
    np.testing.assert_array_equal(capture.keypoints.xy[3:9, 1], before.xy[:, 1])
    np.testing.assert_array_equal(capture.keypoints.xy[0:6, 2], before.xy[:, 2])
    assert np.isfinite(capture.keypoints.xy).all((2, 3, 4)).sum() == 18
    assert "cam02: frames moved by +2 (capture.toml)" in capture.notes


def test_crop_and_scale_map_keypoints_to_the_calibrations_pixels(small_capture):
    before = open_capture(small_capture).keypoints
    settle(small_capture, "[cameras.cam01]\nscale = [2, 0.5]\ncrop = [10, -7.5]")
    after = open_capture(small_capture).keypoints
    np.testing.assert_allclose(after.xy[:, 0], before.xy[:, 0] * [2, 0.5] + [10, -7.5])
    np.testing.assert_array_equal(after.xy[:, 1:], before.xy[:, 1:])


def test_the_unit_is_handed_to_the_calibrations_reader(small_capture):
    metres = open_capture(small_capture).rig
    settle(small_capture, 'unit = "mm"')
    np.testing.assert_allclose(open_capture(small_capture).rig.centers, metres.centers / 1000)


def test_a_joint_set_that_fits_worse_than_another_is_taken_and_doubted(small_capture):
    settle(small_capture, 'skeleton = "body_25"')
    capture = open_capture(small_capture)
    assert capture.keypoints.skeleton.name == "body_25"
    assert any("is it body_25b?" in note for note in capture.notes)


# Videos and the frame rate


def test_the_frame_rate_comes_from_argument_settings_file_or_videos_in_this_order(small_capture, write_video):
    for name in ("cam01", "cam02", "cam03"):
        write_video(small_capture / "videos" / f"{name}.mp4")
    assert open_capture(small_capture).notes[-1] == "fps: 25, from the videos"
    stored = dataclasses.replace(read_keypoints(small_capture / "keypoints"), fps=50.0)
    path = write_h5(small_capture / "keypoints" / "k.h5", stored)
    assert open_capture(small_capture, keypoints=path).fps == 50.0
    settle(small_capture, "fps = 60")
    assert open_capture(small_capture, keypoints=path).fps == 60.0
    capture = open_capture(small_capture, keypoints=path, fps=25)
    assert capture.fps == capture.keypoints.fps == 25.0
    assert capture.notes[-1] == "fps: 25, given, against 60 from capture.toml, 50 from the keypoints file"
    refused(small_capture, "fps must be a number above zero, got 0", fps=0)


def test_videos_that_contradict_the_rest_are_told(small_capture, write_video):
    write_video(small_capture / "videos" / "cam_1.mp4", size=(640, 480))
    write_video(small_capture / "videos" / "cam_2.mp4", fps=30.0, frames=4)
    (small_capture / "videos" / "cam_3.mp4").write_bytes(b"nothing")
    capture = open_capture(small_capture)
    assert [path.name for path in capture.videos.values()] == ["cam_1.mp4", "cam_2.mp4", "cam_3.mp4"]
    told = "\n".join(capture.notes)
    assert "differ in size from the calibration: cam01 640x480 instead of 1280x720; if" in told
    assert "differ in length (frames): cam02 4 and 6" in told
    assert "cam03: videos/cam_3.mp4 cannot be decoded" in told
    assert "the videos disagree in frames a second: cam01 25, cam02 30" in told
    assert capture.fps is None


def test_videos_are_found_by_the_keypoints_names_or_as_capture_toml_says_but_not_by_order(small_capture, write_video):
    rename(small_capture, cam01="east", cam02="north", cam03="west")
    for name in ("east", "north", "west"):
        write_video(small_capture / "videos" / f"{name}.mp4", size=(64, 48))
    assert [path.stem for path in open_capture(small_capture).videos.values()] == ["east", "north", "west"]
    for name in ("east", "north", "west"):
        (small_capture / "videos" / f"{name}.mp4").rename(small_capture / "videos" / f"{name[::-1]}.mp4")
    capture = open_capture(small_capture)
    assert capture.videos == {}
    assert any("fit no camera by name and were left aside" in note for note in capture.notes)
    settle(small_capture, '[cameras.cam01]\nvideo = "tsae.mp4"\nscale = 20')
    capture = open_capture(small_capture)
    assert capture.videos == {"cam01": small_capture / "videos" / "tsae.mp4"}
    assert not any("differ in size" in note for note in capture.notes)
    settle(small_capture, '[cameras.cam01]\nvideo = "gone.mp4"')
    refused(small_capture, "cameras.cam01: video", "gone.mp4 does not exist", error=FileNotFoundError)


def test_normalised_coordinates_are_scaled_by_the_size_of_the_video_before_the_calibrations(small_capture, write_video):
    expected = open_capture(small_capture).keypoints
    for path in folders(small_capture)["cam02"].iterdir():
        (person,) = json.loads(path.read_text())["people"]
        triples = np.reshape(person["pose_keypoints_2d"], (-1, 3)) / [639, 479, 1]
        path.write_text(json.dumps({"people": [{"pose_keypoints_2d": triples.ravel().tolist()}]}))
    in_calibration = open_capture(small_capture)
    np.testing.assert_allclose(in_calibration.keypoints.xy[:, 1] / [1279 / 639, 719 / 479], expected.xy[:, 1])
    write_video(small_capture / "videos" / "cam02.mp4", size=(640, 480))
    capture = open_capture(small_capture)
    np.testing.assert_allclose(capture.keypoints.xy, expected.xy)
    assert any("scaled to the pictures' sizes: cam02 640x480" in note for note in capture.notes)


# What is refused


def test_a_folder_that_is_not_there_or_empty_says_what_is_wanted(tmp_path, small_capture):
    refused(tmp_path / "gone", "gone does not exist; wanted a capture folder with", error=FileNotFoundError)
    refused(small_capture / "calib.toml", "calib.toml is a file; wanted a capture folder", error=FileNotFoundError)
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "empty holds no capture; wanted a calibration", "keypoints/<camera>_json/")


def test_no_calibration_and_one_that_does_not_exist_are_refused(small_capture):
    refused(small_capture, "c.toml does not exist", error=FileNotFoundError, calibration=small_capture / "c.toml")
    (small_capture / "calib.toml").unlink()
    refused(small_capture, "holds no calibration that is known", "--calibration")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda text: text.replace("1280", "-1280", 1), "camera cam01: size must be"),
        (lambda text: text.replace("matrix = [", "matrix = [nan, ", 1), "cam01"),
        (lambda text: text[:300], "calib.toml"),
    ],
)
def test_a_broken_calibration_is_refused_by_name(small_capture, change, part):
    path = small_capture / "calib.toml"
    path.write_text(change(path.read_text()))
    refused(small_capture, "calib.toml", part, error=CalibrationError)


def test_without_keypoints_it_says_where_to_put_them(small_capture, write_video):
    shutil.rmtree(small_capture / "keypoints")
    refused(small_capture, "holds no keypoints and no videos; put videos into", "keypoints/<camera>_json/")
    write_video(small_capture / "videos" / "cam01.mp4", size=(64, 48))
    refused(small_capture, "holds no keypoints yet, only videos (1); run `lift3d detect", "first")
    refused(small_capture, "gone does not exist", error=FileNotFoundError, keypoints=small_capture / "gone")


def test_a_camera_that_saw_nobody_is_named(small_capture):
    for camera in ("cam01", "cam03"):
        for path in folders(small_capture)[camera].iterdir():
            path.write_text('{"people": []}')
    refused(small_capture, "not one keypoint of cam01, cam03 in 6 frames", 'exclude = ["cam01", "cam03"]')
    for path in folders(small_capture)["cam03"].iterdir():
        path.unlink()
    refused(small_capture, "cam03_json: no keypoint files (*.json)", 'exclude = ["cam03"]')


def test_a_truncated_file_is_named(small_capture):
    path = folders(small_capture)["cam02"] / "cam02.0003.json"
    path.write_bytes(path.read_bytes()[:200])
    refused(small_capture, f"{path} is not complete JSON")


def test_cameras_of_different_length_are_aligned_by_frame_number_with_a_note(small_capture):
    for frame in (0, 3, 5):
        (folders(small_capture)["cam02"] / f"cam02.{frame:04d}.json").unlink()
    capture = open_capture(small_capture)
    seen = (capture.keypoints.confidence > 0).any((2, 3))
    np.testing.assert_array_equal(seen[:, 1], [0, 1, 1, 0, 1, 0])
    assert seen[:, [0, 2]].all()
    told = "\n".join(capture.notes)
    assert "aligned by frame number: cam01, cam03 0-5 (6 frames); cam02 1-4 (3 frames)" in told
    assert "cam02: frames missing in between, counted as not seen: 3 (1)" in told


# Real captures


def test_the_real_capture_opens_plainly_and_says_what_else_it_saw(shared):
    folder = shared / "captures" / "balance"
    capture = open_capture(folder)
    assert capture.keypoints.shape == (100, 4, 3, 25)
    assert (capture.keypoints.skeleton.name, capture.fps) == ("body_25b", 60.0)
    assert [path.name for path in capture.others] == ["Calib.qca.txt", "blazepose.h5"]
    names = [f"cam0{n}" for n in range(1, 5)]
    assert list(capture.pairing) == list(capture.videos) == ["cam_01", "cam_02", "cam_03", "cam_04"]
    assert [pair.name for pair in capture.pairing.values()] == names
    assert [path.stem for path in capture.videos.values()] == names
    sizes = "cam_01 1080x1920 instead of 1088x1920, cam_02 1080x1920 instead of 1088x1920"
    assert any(sizes in note for note in capture.notes)


def test_the_real_capture_opens_with_its_other_calibration_and_keypoints(shared):
    folder = shared / "captures" / "balance"
    stored = folder / "keypoints" / "blazepose" / "blazepose.h5"
    capture = open_capture(folder, calibration=folder / "Calib.qca.txt", keypoints=stored)
    assert capture.keypoints.shape == (100, 4, 1, 33)
    assert capture.rig.names == read_rig(folder / "Calib.qca.txt").names
    assert [path.name for path in capture.others] == ["calib.toml", "openpose"]
