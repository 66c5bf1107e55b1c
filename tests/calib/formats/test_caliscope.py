import json

import cv2
import numpy as np
import pytest

from lift3d.calib import CalibrationError
from lift3d.calib.formats import detect_format, read_rig, write_rig
from lift3d.calib.formats.toml_tables import load_toml

FIVE = [-0.046, 0.14, 6e-4, 7e-4, 0.02]
FISHEYE = [0.1, -0.02, 3e-3, -1e-3]


def as_caliscope(text):
    """Without names, as Caliscope writes it."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("name")) + "\n"


def with_matrices(text):
    """Rotations as 3x3, as Caliscope wrote them once."""
    lines = []
    for line in text.splitlines():
        if line.startswith("rotation ="):
            vector = np.array(json.loads(line.split("=")[1]))
            lines.append(f"rotation = {cv2.Rodrigues(vector)[0].tolist()}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("turn", [str, with_matrices])
def test_a_point_lands_where_opencv_puts_it(tmp_path, toml_of, seen_by_opencv, point, turn):
    path = tmp_path / "camera_array.toml"
    path.write_text(turn(as_caliscope(toml_of(FIVE, key="cameras.{i}", extra="cam_id = {i}\nfisheye = false\n"))))
    assert detect_format(path) == "caliscope"
    rig = read_rig(path)
    assert rig.names == ("cam_0", "cam_1")
    np.testing.assert_allclose(rig.project(point), seen_by_opencv(FIVE), atol=1e-9)


def test_a_fisheye_is_one(tmp_path, toml_of, seen_by_opencv, point):
    path = tmp_path / "camera_array.toml"
    path.write_text(as_caliscope(toml_of(FISHEYE, key="cameras.{i}", extra="fisheye = true\n")))
    np.testing.assert_allclose(read_rig(path).project(point), seen_by_opencv(FISHEYE, fisheye=True), atol=1e-9)


@pytest.mark.parametrize("field", ["cam_id", "port", "rotation_count"])
def test_the_old_config_is_read_past_its_other_tables(tmp_path, toml_of, seen_by_opencv, point, field):
    other = "[stereo_0_1]\nrotation = [0, 0, 0]\ntranslation = [1, 2, 3]\n[capture_volume]\nstage = 2\n"
    path = tmp_path / "config.toml"
    text = as_caliscope(toml_of(FIVE, key="cam_{i}", extra=f"{field} = {{i}}\n"))
    path.write_text("CreationDate = 2023-03-31T09:56:43\n" + other + with_matrices(text))
    assert detect_format(path) == "caliscope"
    rig = read_rig(path)
    assert rig.names == ("cam_0", "cam_1")
    np.testing.assert_allclose(rig.project(point), seen_by_opencv(FIVE), atol=1e-9)


def test_an_ignored_camera_is_left_out_and_named(tmp_path, toml_of, caplog):
    path = tmp_path / "camera_array.toml"
    text = as_caliscope(toml_of(FIVE, key="cameras.{i}"))
    path.write_text(text + "[cameras.7]\nsize = [640, 480]\nignore = true\n")
    assert read_rig(path).names == ("cam_0", "cam_1")
    assert "camera cam_7 is marked as ignored" in caplog.text


@pytest.mark.parametrize("missing", ["", "rotation = 'null'\ntranslation = 'null'\n"])
def test_a_camera_without_pose_is_refused_by_name(tmp_path, toml_of, missing):
    path = tmp_path / "camera_array.toml"
    path.write_text(as_caliscope(toml_of(FIVE, key="cameras.{i}")) + f"[cameras.7]\nsize = [640, 480]\n{missing}")
    with pytest.raises(CalibrationError, match=r"camera_array\.toml: camera cam_7 has no rotation; .*ignore = true"):
        read_rig(path)


def test_a_camera_that_is_no_table_is_refused(tmp_path, toml_of):
    path = tmp_path / "camera_array.toml"
    path.write_text(as_caliscope(toml_of(FIVE, key="cameras.{i}")) + "[cameras]\ncount = 2\n")
    with pytest.raises(CalibrationError, match=r"camera_array\.toml: camera cam_count must be a table, got '2'"):
        read_rig(path)


@pytest.mark.parametrize(("dist", "model"), [([], "pinhole"), (FIVE, "pinhole"), (FISHEYE, "fisheye")])
def test_what_is_written_is_read_back(tmp_path, make_rig, dist, model, point):
    rig = make_rig([f"cam{i:02}" for i in range(12)], dist, model)
    path = write_rig(rig, tmp_path / "camera_array.toml", "caliscope")
    back = read_rig(path)
    assert detect_format(path) == "caliscope"
    assert back.names == rig.names
    np.testing.assert_allclose(back.project(point), rig.project(point), atol=1e-9)


@pytest.mark.parametrize(
    ("names", "numbers"),
    [(("cam_3", "cam_12"), ["3", "12"]), (("left", "right"), ["0", "1"]), (("a1", "b1"), ["0", "1"])],
)
def test_cameras_are_numbered_by_their_names_where_these_differ(tmp_path, make_rig, names, numbers):
    tables = load_toml(write_rig(make_rig(names), tmp_path / "camera_array.toml", "caliscope"))["cameras"]
    assert list(tables) == numbers
    assert [table["cam_id"] for table in tables.values()] == [int(number) for number in numbers]


def test_a_lens_it_cannot_carry_is_refused_by_camera(tmp_path, make_rig):
    with pytest.raises(CalibrationError, match=r"camera left: Caliscope holds 5 .* lose k5 = 0.2"):
        write_rig(make_rig(dist=[*FIVE, 0, 0.2, 0]), tmp_path / "camera_array.toml", "caliscope")


@pytest.mark.parametrize("session", ["session_a", "session_b"])
def test_both_files_of_a_real_session_are_the_same_rig(shared, session):
    folder = shared / "captures" / "charuco" / session
    new, old = read_rig(folder / "camera_array.toml"), read_rig(folder / "config.toml")
    assert new.names == old.names == ("cam_0", "cam_1", "cam_2", "cam_3")
    for a, b in zip(new, old, strict=True):
        x_cam = np.array([0.1, -0.05, 1.0])
        seen = a.R.T @ (x_cam - a.t)
        np.testing.assert_allclose(a.project(seen), b.project(seen), atol=1e-9)
