import numpy as np
import pytest

from lift3d.calib import CalibrationError
from lift3d.calib.formats import detect_format, read_rig, write_rig
from lift3d.calib.formats.toml_tables import load_toml

FIVE = [-0.046, 0.14, 6e-4, 7e-4, 0.0]
NEW = 'id = "cam {name}"\nindex = {i}\n'
BOARD = "\n[metadata]\n[metadata.board]\nsquares_x = 7\nsquares_y = 5\nsquare_length_mm = 58.0\n"
OLD = '\n[metadata]\ncharuco_square_size = 39\npath_to_recorded_videos = "/tmp"\n'


@pytest.mark.parametrize(("extra", "tail"), [(NEW, ""), (NEW, BOARD), ("", BOARD), ("", OLD)])
def test_a_point_lands_where_opencv_puts_it(tmp_path, toml_of, seen_by_opencv, point, extra, tail):
    path = tmp_path / "camera_calibration.toml"
    path.write_text(toml_of(FIVE, key="cam_{i}", extra=extra, metres=0.001, tail=tail))
    assert detect_format(path) == "freemocap"
    rig = read_rig(path)
    assert rig.names == (("cam left", "cam right") if extra else ("left", "right"))
    np.testing.assert_allclose(rig.project(point), seen_by_opencv(FIVE), atol=1e-9)


def test_millimetres_alone_do_not_make_a_file_freemocaps(tmp_path, toml_of):
    path = tmp_path / "camera_calibration.toml"
    path.write_text(toml_of(FIVE, key="cam_{i}", metres=0.001))
    assert detect_format(path) == "anipose"


def test_an_early_file_says_image_size(tmp_path, toml_of):
    path = tmp_path / "camera_calibration.toml"
    path.write_text(toml_of(FIVE, extra=NEW).replace("\nsize", "\nimage_size"))
    assert {camera.size for camera in read_rig(path)} == {(1088, 1920)}


def test_what_is_written_is_read_back(tmp_path, make_rig, point):
    rig = make_rig([f"cam{i}" for i in range(12)], FIVE)
    path = write_rig(rig, tmp_path / "camera_calibration.toml", "freemocap")
    back = read_rig(path)
    assert detect_format(path) == "freemocap"
    assert back.names == rig.names
    np.testing.assert_allclose(back.project(point), rig.project(point), atol=1e-9)


def test_freemocaps_own_fields_are_those_of_the_camera_in_millimetres(tmp_path, make_rig):
    rig = make_rig(dist=FIVE)
    document = load_toml(write_rig(rig, tmp_path / "camera_calibration.toml", "freemocap"))
    for index, camera in enumerate(rig):
        table = document[camera.name]
        assert (table["id"], table["name"], table["index"]) == (camera.name, camera.name, index)
        assert all(type(side) is int for side in table["size"])
        assert len(table["distortions"]) == 5
        np.testing.assert_allclose(table["world_position"], camera.center * 1000)
        x_cam = np.array([0.1, 0.2, 3.0])
        x_world = np.array(table["world_orientation"]) @ x_cam + np.array(table["world_position"]) / 1000
        np.testing.assert_allclose(camera.R @ x_world + camera.t, x_cam, atol=1e-12)


def test_a_rig_it_cannot_carry_is_refused_by_camera(tmp_path, make_rig):
    path = tmp_path / "camera_calibration.toml"
    with pytest.raises(CalibrationError, match=r"camera left: FreeMoCap holds 4 .* lose k3 = 0.5"):
        write_rig(make_rig(dist=[*FIVE[:4], 0.5]), path, "freemocap")
    with pytest.raises(CalibrationError, match="camera left: FreeMoCap would read its fisheye lens as a pinhole"):
        write_rig(make_rig(dist=[0.1, 0, 0, 0], model="fisheye"), path, "freemocap")
    with pytest.raises(CalibrationError, match="camera metadata: FreeMoCap keeps that name"):
        write_rig(make_rig(["left", "metadata"], FIVE), path, "freemocap")
