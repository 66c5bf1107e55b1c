import dataclasses

import h5py
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Keypoints, Poses, Skeleton
from lift3d.datasets.keypoint_formats import (
    detect_keypoints,
    keypoint_cameras,
    load_keypoints,
    read_keypoints,
    write_h5,
)
from lift3d.datasets.skeleton import SKELETONS


@pytest.fixture
def keypoints(rng):
    """3 frames, 2 cameras, 2 people, 17 joints; one joint missing."""
    xy = rng.uniform(50.0, 500.0, (3, 2, 2, 17, 2)).astype(np.float32)
    xy[1, 0, 1, 5] = np.nan
    confidence = rng.uniform(0.1, 1.0, (3, 2, 2, 17)).astype(np.float32)
    return Keypoints(xy, confidence, ("left", "right"), SKELETONS["coco_17"], fps=50.0, frames=np.array([4, 5, 9]))


def assert_same(a, b):
    for name in ("xy", "confidence", "frames"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.cameras, a.skeleton, a.fps) == (b.cameras, b.skeleton, b.fps)


def test_what_is_written_comes_back(tmp_path, keypoints):
    path = write_h5(tmp_path / "k.h5", keypoints)
    assert detect_keypoints(path) == "lift3d"
    assert keypoint_cameras(path) == ("left", "right")
    assert_same(read_keypoints(path), keypoints)


def test_keypoints_without_a_frame_rate_or_frames_come_back(tmp_path, keypoints):
    bare = dataclasses.replace(
        keypoints, fps=None, xy=keypoints.xy[:0], confidence=keypoints.confidence[:0], frames=None
    )
    assert_same(read_keypoints(write_h5(tmp_path / "k.h5", bare)), bare)


def test_an_existing_file_is_kept_unless_overwrite_is_given(tmp_path, keypoints):
    path = write_h5(tmp_path / "k.h5", keypoints)
    with pytest.raises(FileExistsError, match=r"k\.h5 exists"):
        write_h5(path, keypoints)
    write_h5(path, dataclasses.replace(keypoints, fps=25.0), overwrite=True)
    assert read_keypoints(path).fps == 25.0


def test_attributes_may_stand_on_the_file_and_names_follow_any_custom(tmp_path):
    with h5py.File(tmp_path / "k.h5", "w") as file:
        file["keypoints/xy"] = np.full((2, 1, 1, 3, 2), 90.0, np.float32)
        file["keypoints/confidence"] = np.full((2, 1, 1, 3), 0.5, np.float32)
        file.attrs.update(cameras=np.array([b"a"]), joints=["RKnee", "mouth_left", "tail"], fps=np.float64(30))
    keypoints = read_keypoints(tmp_path / "k.h5")
    assert keypoints.skeleton == Skeleton("custom", ("right_knee", "left_mouth", "tail"))
    assert (keypoints.cameras, keypoints.fps) == (("a",), 30.0)
    np.testing.assert_array_equal(keypoints.frames, [0, 1])


def test_a_result_file_can_be_read_as_keypoints(tmp_path, keypoints):
    poses = Poses.from_xyz(np.zeros((3, 1, 17, 3)), SKELETONS["coco_17"], 50.0).replace(keypoints=keypoints)
    poses.save(tmp_path / "r.poses.h5")
    assert_same(read_keypoints(tmp_path / "r.poses.h5"), keypoints)


def test_some_cameras_and_another_joint_set_can_be_asked_for(tmp_path, keypoints):
    path = write_h5(tmp_path / "k.h5", keypoints)
    found = load_keypoints(path, cameras=["right"], skeleton="h36m_17")
    assert found.keypoints.cameras == ("right",)
    assert list(found.spans) == ["right"]
    assert found.keypoints.skeleton.name == "h36m_17"
    np.testing.assert_array_equal(found.keypoints.xy[:, 0], keypoints.xy[:, 1])
    with pytest.raises(InputError, match=r"k\.h5: keypoints have 17 joints but body_25 names 25"):
        load_keypoints(path, skeleton="body_25")


def spoil(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def replace_dataset(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file["keypoints"].attrs.pop("cameras"), "attribute cameras lacks"),
        (lambda file: file["keypoints"].attrs.pop("joints"), "attribute joints lacks"),
        (lambda file: file["keypoints"].attrs.update(fps=0.0), "fps must be a number above zero, got 0.0"),
        (lambda file: file["keypoints"].attrs.update(fps="fast"), "fps must be a number above zero, got fast"),
        (lambda file: file["keypoints"].pop("confidence"), "is not a complete keypoints file"),
        (replace_dataset("keypoints/frames", [3, 2, 1]), "frames must rise"),
        (
            replace_dataset("keypoints/xy", np.zeros((3, 2, 17, 2))),
            r"xy must be \[T, V, P, J, 2\], got \[3, 2, 17, 2\]",
        ),
        (replace_dataset("keypoints/xy", np.full((3, 2, 2, 17, 2), 0.5)), "left's coordinates run from 0.5 to 0.5"),
    ],
)
def test_a_malformed_file_is_named_in_one_line(tmp_path, keypoints, change, message):
    path = write_h5(tmp_path / "k.h5", keypoints)
    spoil(path, change)
    with pytest.raises(InputError, match=message) as caught:
        read_keypoints(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_named(tmp_path, keypoints):
    path = write_h5(tmp_path / "k.h5", keypoints)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match=r"k\.h5 is not a complete keypoints file"):
        read_keypoints(path)
    with pytest.raises(InputError, match=r"k\.h5 is damaged"):
        keypoint_cameras(path)


def test_what_is_no_keypoints_says_what_is_wanted(tmp_path, write_openpose):
    with pytest.raises(FileNotFoundError, match="gone does not exist"):
        read_keypoints(tmp_path / "gone")
    with pytest.raises(InputError, match=r"holds no keypoints; wanted one folder of OpenPose JSON for each camera"):
        read_keypoints(tmp_path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["df_with_missing"] = 1
    assert detect_keypoints(tmp_path / "other.h5") is None
    with pytest.raises(InputError, match=r"wanted HDF5 with /keypoints/xy"):
        read_keypoints(tmp_path / "other.h5")
    write_openpose(tmp_path / "sub" / "one", [[]])
    with pytest.raises(InputError, match="holds one camera's files; give the folder that holds all"):
        read_keypoints(tmp_path / "sub" / "one")


def test_the_real_mediapipe_file_is_recognised(shared):
    keypoints = read_keypoints(shared / "captures/balance/keypoints/blazepose/blazepose.h5")
    assert keypoints.shape == (100, 4, 1, 33)
    assert keypoints.skeleton is SKELETONS["mediapipe_33"]
    assert (keypoints.fps, keypoints.cameras) == (60.0, ("cam01", "cam02", "cam03", "cam04"))
