import json

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.keypoint_formats import load_keypoints, read_keypoints
from lift3d.datasets.keypoint_formats.openpose import camera_folders, frame_number
from lift3d.datasets.skeleton import SKELETONS


@pytest.fixture
def person(standing_person):
    """A function: joint set name to one person [J, 3] seen with confidence 0.8."""

    def make(name="body_25b", **where):
        xy = standing_person(SKELETONS[name].joints, **where)
        return np.column_stack([xy, np.full(len(xy), 0.8)])

    return make


@pytest.fixture
def two_cameras(tmp_path, write_openpose, person):
    """cam1_json and cam2_json with four frames of one BODY_25B person each."""
    for camera in ("cam1_json", "cam2_json"):
        write_openpose(tmp_path / camera, [[person(shift=(100.0 + 5 * t, 50.0))] for t in range(4)])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("cam01.0000.json", 0),
        ("video_000000000012_keypoints.json", 12),
        ("cam2_keypoints.json", 2),
        ("GX010034_000007.json", 7),
        ("frame.json", None),
    ],
)
def test_the_frame_number_is_the_last_group_of_digits(name, frame):
    assert frame_number(name) == frame


def test_what_was_written_comes_back(two_cameras, person):
    keypoints = read_keypoints(two_cameras)
    assert keypoints.cameras == ("cam1", "cam2")
    assert keypoints.shape == (4, 2, 1, 25)
    np.testing.assert_allclose(keypoints.xy[2, 1, 0], person(shift=(110.0, 50.0))[:, :2], atol=1e-3)
    np.testing.assert_array_equal(keypoints.confidence, 0.8)
    np.testing.assert_array_equal(keypoints.frames, [0, 1, 2, 3])


@pytest.mark.parametrize("name", ["body_25", "body_25b", "coco_18", "halpe_26", "coco_17"])
def test_the_joint_set_is_found_by_count_and_anatomy(tmp_path, write_openpose, person, name):
    write_openpose(tmp_path / "a_json", [[person(name)]] * 3)
    assert read_keypoints(tmp_path).skeleton is SKELETONS[name]


def test_the_choice_between_sets_of_25_joints_is_told(two_cameras):
    (note,) = load_keypoints(two_cameras).notes
    assert note.startswith("25 joints a person: took body_25b; body_25 would make the bones of 8 people")


def test_people_too_small_a_part_to_tell_the_joint_set_are_refused(tmp_path, write_openpose, person):
    hands_only = person() * (np.arange(25) > 20)[:, None]
    write_openpose(tmp_path / "a_json", [[hands_only]] * 3)
    with pytest.raises(
        InputError, match="can be body_25 or body_25b, and 0 confident people do not decide it; set `skel"
    ):
        read_keypoints(tmp_path)
    assert read_keypoints(tmp_path, skeleton="BODY_25").skeleton.name == "body_25"


def test_a_joint_set_that_does_not_fit_the_count_is_refused(two_cameras):
    with pytest.raises(InputError, match="25 joints a person, but coco_18 has 18"):
        read_keypoints(two_cameras, skeleton="coco_18")
    with pytest.raises(InputError, match=r"no joint set is called 'body25c' \(did you mean 'body_25"):
        read_keypoints(two_cameras, skeleton="body25c")


def test_a_number_of_joints_that_no_set_has_is_refused(tmp_path, write_openpose):
    write_openpose(tmp_path / "a_json", [[np.full((7, 3), 50.0)]])
    with pytest.raises(InputError, match="7 joints a person fit no known joint set"):
        read_keypoints(tmp_path)


def test_zero_triples_and_empty_entries_are_missing_and_keep_their_place(tmp_path, write_openpose, person):
    half = person()
    half[3] = 0.0
    write_openpose(tmp_path / "a_json", [[None, half], [], [person()]])
    keypoints = read_keypoints(tmp_path)
    assert keypoints.shape == (3, 1, 2, 25)
    seen = np.isfinite(keypoints.xy).all(-1)[:, 0]
    assert not seen[0, 0].any()
    assert seen[0, 1].sum() == 24
    assert not seen[0, 1, 3]
    assert not seen[1].any()
    assert seen[2, 0].all()
    assert not seen[2, 1].any()


def test_an_entry_with_an_empty_list_is_a_person_not_seen(two_cameras):
    path = two_cameras / "cam1_json" / "cam1.0001.json"
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": []}]}))
    confidence = read_keypoints(two_cameras).confidence
    assert (confidence[1, 0] == 0).all()
    assert (confidence[1, 1] > 0).all()


def test_cameras_of_different_length_are_aligned_by_frame_number_and_it_is_said(tmp_path, write_openpose, person):
    write_openpose(tmp_path / "cam1", [[person()]] * 4, first=10)
    write_openpose(tmp_path / "cam2", [[person()]] * 5, first=12)
    (tmp_path / "cam2" / "cam2.0014.json").unlink()
    found = load_keypoints(tmp_path)
    np.testing.assert_array_equal(found.keypoints.frames, np.arange(10, 17))
    seen = (found.keypoints.confidence > 0).any((2, 3)).T
    np.testing.assert_array_equal(seen[0], [1, 1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(seen[1], [0, 0, 1, 1, 0, 1, 1])
    assert "aligned by frame number: cam1 10-13 (4 frames); cam2 12-16 (4 frames)" in found.notes[1]
    assert found.notes[2] == "cam2: frames missing in between, counted as not seen: 14 (1)"


def test_only_the_cameras_asked_for_are_read(two_cameras):
    (two_cameras / "cam2_json" / "cam2.0000.json").write_text("broken")
    assert load_keypoints(two_cameras, cameras=["cam1"]).keypoints.cameras == ("cam1",)


def test_coordinates_from_0_to_1_are_scaled_when_the_size_is_known_and_refused_otherwise(
    tmp_path, write_openpose, person
):
    size = (640, 480)
    normalised = person() / [639.0, 479.0, 1.0]
    (tmp_path / "a").mkdir()
    write_openpose(tmp_path / "a" / "cam1_json", [[person()]] * 2)
    write_openpose(tmp_path / "a" / "cam2_json", [[normalised]] * 2)
    found = load_keypoints(tmp_path / "a", sizes={"cam1": size, "cam2": size})
    np.testing.assert_allclose(found.keypoints.xy[0, 1], found.keypoints.xy[0, 0], atol=0.5)  # 3 digits of 0..1
    assert found.notes[-1] == "coordinates ran from 0 to 1 and were scaled to the pictures' sizes: cam2 640x480"
    with pytest.raises(InputError, match=r"cam2's coordinates run from .* wanted pixels; .*--keypoint_scale 0"):
        read_keypoints(tmp_path / "a")


def test_the_fingerprint_changes_with_any_byte_and_with_names(two_cameras):
    before = load_keypoints(two_cameras).fingerprint
    assert load_keypoints(two_cameras).fingerprint == before
    path = two_cameras / "cam2_json" / "cam2.0003.json"
    path.write_text(path.read_text() + "\n")
    assert (after := load_keypoints(two_cameras).fingerprint) != before
    path.rename(path.with_name("cam2.0004.json"))
    assert load_keypoints(two_cameras).fingerprint not in (before, after)


def test_progress_ends_at_the_number_of_files(two_cameras):
    calls = []
    read_keypoints(two_cameras, progress=lambda *call: calls.append(call))
    assert calls[-1] == ("reading keypoints", 8, 8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"people": [{"pose_keypoints_2d": [1.0, 2.', "is not complete JSON"),
        ("", "is not complete JSON"),
        (b'{"people": [{"pose_keypoints_2d": "\xff"}]}', "is not complete JSON"),
        ('{"persons": []}', "is not an OpenPose file"),
        ('{"people": [3]}', "is not an OpenPose file"),
        ("[]", "is not an OpenPose file"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 3, 4]}]}', "4 values are not triples"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, "c"]}]}', "must be numbers"),
        (
            '{"people": [{"pose_keypoints_2d": [1, 2, 3]}, {"pose_keypoints_2d": [1, 2, 3, 4, 5, 6]}]}',
            "got 3, 6 values",
        ),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', r"has 1 joints a person but .*cam1.0000.json has 25"),
    ],
)
def test_a_broken_file_is_named_in_one_line(two_cameras, content, message):
    path = two_cameras / "cam2_json" / "cam2.0002.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_keypoints(two_cameras)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_without_a_frame_twice_a_frame_or_with_time_stamps_are_refused(two_cameras):
    folder = two_cameras / "cam1_json"
    (folder / "notes.json").write_text("{}")
    with pytest.raises(InputError, match=r"notes.json: no frame number in the name"):
        read_keypoints(two_cameras)
    (folder / "notes.json").rename(folder / "other_1.json")
    with pytest.raises(InputError, match=r"cam1.0001.json and other_1.json both say frame 1"):
        read_keypoints(two_cameras)
    (folder / "other_1.json").unlink()
    (folder / "cam1.0003.json").rename(folder / "cam1.1717001122.json")
    with pytest.raises(InputError, match="frame numbers run from 0 to 1717001122"):
        read_keypoints(two_cameras)


def test_an_empty_camera_folder_and_frames_without_anyone_are_named(two_cameras):
    for path in (two_cameras / "cam2_json").iterdir():
        path.write_text('{"people": []}')
    assert (read_keypoints(two_cameras).confidence[:, 1] == 0).all()
    for path in (two_cameras / "cam1_json").iterdir():
        path.write_text('{"people": []}')
    with pytest.raises(InputError, match="none of its 8 files holds a person"):
        read_keypoints(two_cameras)
    for path in (two_cameras / "cam2_json").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r'cam2_json: no keypoint files .*exclude = \["cam2"\]'):
        read_keypoints(two_cameras)


def test_camera_folders_count_by_name_or_content_and_hidden_files_do_not(two_cameras, write_openpose):
    (two_cameras / "images").mkdir()
    (two_cameras / "images" / "settings_1.json").write_text('{"exposure": 3}')
    (two_cameras / ".cache_json").mkdir()
    (two_cameras / "cam1_json" / "._cam1.0000.json").write_bytes(b"\0\5\x16\7")
    write_openpose(two_cameras / "cam10", [[]])
    assert list(camera_folders(two_cameras)) == ["cam1", "cam2", "cam10"]
    assert read_keypoints(two_cameras).shape[:2] == (4, 3)


def test_the_real_capture_is_body_25b_and_a_reordered_copy_is_body_25(shared, tmp_path, write_openpose):
    real = read_keypoints(shared / "captures" / "balance" / "keypoints" / "openpose")
    assert (real.shape, real.skeleton.name) == ((100, 4, 3, 25), "body_25b")
    one = json.loads((shared / "captures/balance/keypoints/openpose/cam03_json/cam03.0042.json").read_text())
    expected = np.reshape(one["people"][0]["pose_keypoints_2d"], (25, 3))
    seen = expected[:, 2] > 0
    np.testing.assert_array_equal(real.xy[42, 2, 0][seen], expected[seen, :2])
    xyc = np.concatenate([real.xy, real.confidence[..., None]], -1)[::10]
    xyc = np.nan_to_num(np.concatenate([xyc, xyc[..., 11:13, :].mean(-2, keepdims=True)], -2))  # a pelvis, index 25
    order = [real.skeleton.index(joint) for joint in SKELETONS["body_25"].joints]
    for v, camera in enumerate(real.cameras):
        write_openpose(tmp_path / camera, list(xyc[:, v][..., order, :]))
    assert read_keypoints(tmp_path).skeleton.name == "body_25"
