import logging

import numpy as np
import pytest

from lift3d.calib import CalibrationError
from lift3d.calib.formats import detect_format, read_rig, write_rig
from lift3d.calib.formats.toml_tables import load_toml

FIVE = [-0.046, 0.14, 6e-4, 7e-4, 0.02]
FISHEYE = [0.1, -0.02, 3e-3, -1e-3]
TAIL = "\n[metadata]\nadjusted = false\nerror = 0.41\n"


def test_a_point_lands_where_opencv_puts_it(tmp_path, toml_of, seen_by_opencv, point):
    path = tmp_path / "calibration.toml"
    path.write_text(toml_of(FIVE, key="cam_{i}", tail=TAIL))
    assert detect_format(path) == "anipose"
    rig = read_rig(path, unit="m")
    assert rig.names == ("left", "right")
    np.testing.assert_allclose(rig.project(point), seen_by_opencv(FIVE), atol=1e-9)


def test_a_fisheye_is_one(tmp_path, toml_of, seen_by_opencv, point):
    path = tmp_path / "calibration.toml"
    path.write_text(toml_of(FISHEYE, key="cam_{i}", extra="fisheye = true\n"))
    assert detect_format(path) == "anipose"
    np.testing.assert_allclose(
        read_rig(path, unit="m").project(point), seen_by_opencv(FISHEYE, fisheye=True), atol=1e-9
    )


@pytest.mark.parametrize(("unit", "metres"), [("m", 1.0), ("cm", 0.01), ("mm", 0.001)])
def test_lengths_are_turned_into_metres_where_the_unit_is_given(
    tmp_path, toml_of, seen_by_opencv, point, unit, metres, caplog
):
    path = tmp_path / "calibration.toml"
    path.write_text(toml_of(FIVE, key="cam_{i}", metres=metres))
    np.testing.assert_allclose(read_rig(path, unit=unit).project(point), seen_by_opencv(FIVE), atol=1e-9)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_without_a_unit_the_numbers_stay_and_a_warning_says_so(tmp_path, toml_of, caplog):
    path = tmp_path / "calibration.toml"
    path.write_text(toml_of(FIVE, key="cam_{i}", metres=0.001))
    rig = read_rig(path)
    assert "does not say its unit of length; read as metres" in caplog.text
    np.testing.assert_allclose(rig["left"].t, [320, 960, 2890])


def test_a_file_of_ours_says_its_unit(tmp_path, make_rig, caplog):
    path = write_rig(make_rig(), tmp_path / "calibration.toml", "anipose")
    read_rig(path)
    assert "unit" not in caplog.text
    path.write_text(path.read_text().replace('unit = "m"', 'unit = "mm"'))
    np.testing.assert_allclose(read_rig(path).centers, make_rig().centers / 1000)


def test_tables_are_read_in_natural_order(tmp_path, toml_of):
    text = toml_of(FIVE, key="cam_{i}", order=("left", "right"))
    path = tmp_path / "calibration.toml"
    path.write_text(text.replace("[cam_0]", "[cam_10]").replace("[cam_1]", "[cam_2]"))
    assert read_rig(path, unit="m").names == ("right", "left")


@pytest.mark.parametrize(("dist", "model"), [([], "pinhole"), (FIVE, "pinhole"), (FISHEYE, "fisheye")])
def test_what_is_written_is_read_back(tmp_path, make_rig, dist, model, point):
    rig = make_rig([f"cam{i}" for i in range(12)], dist, model)
    path = write_rig(rig, tmp_path / "calibration.toml", "anipose")
    back = read_rig(path)
    assert back.names == rig.names
    assert {camera.model for camera in back} == {model}
    np.testing.assert_allclose(back.project(point), rig.project(point), atol=1e-9)


def test_anipose_which_sorts_tables_as_text_gets_the_rigs_order(tmp_path, make_rig):
    rig = make_rig([f"cam{i}" for i in range(12)])
    document = load_toml(write_rig(rig, tmp_path / "calibration.toml", "anipose"))
    tables = [document[key] for key in sorted(document) if key != "metadata"]
    assert tuple(table["name"] for table in tables) == rig.names
    assert {len(table["distortions"]) for table in tables} == {5}
    assert not any("fisheye" in table for table in tables)


def test_a_lens_it_cannot_carry_is_refused_by_camera(tmp_path, make_rig):
    with pytest.raises(CalibrationError, match=r"camera left: aniposelib holds 5 .* lose k4 = 0.3, k6 = -0.1"):
        write_rig(make_rig(dist=[*FIVE, 0.3, 0.0, -0.1]), tmp_path / "calibration.toml", "anipose")
