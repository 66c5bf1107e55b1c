import os
import subprocess
import sys

import pytest

from lift3d.calib import CalibrationError, Rig
from lift3d.calib.formats import FORMATS, detect_format, read_rig, write_rig

FOUR = [-0.046, 0.14, 6e-4, 7e-4]
OTHERS = {
    "empty": b"",
    "zeros": bytes(5000),
    "a video": b"\x00\x00\x00\x20ftypisom" + os.urandom(2000),
    "an image that says matrix": b"\x89PNG\r\n\x1a\n\0matrix" + os.urandom(200),
    "JSON keypoints": b'{"version": 1.3, "people": []}',
    "a JSON calibration": b'{"cameras": [{"matrix": [[1, 0, 0]], "rotation": 3}]}',
    "Pose2Sim's settings": b'[project]\nframe_range = []\n[calibration]\ncalibration_type = "convert"\n',
    "settings that say matrix": b"[plot]\nmatrix = [[1, 2], [3, 4]]\n",
    "Caliscope's board": b'[charuco]\nrows = 5\nrotation = 3\ndictionary = "DICT_4X4_1000"\n',
    "cameras of another kind": b"cameras = 3\nrotation = [1, 2]\n",
    "a list of cameras": b"[[cameras]]\nmatrix = 1\nsize = 2\n",
    "an XML of another kind": b"<Cameras><Camera FOCAL_LENGTH='1'/></Cameras>",
    "broken text": b"matrix = [\xff\xfe",
    "deep": b"matrix = " + b"[" * 100_000,
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS.keys())
def test_a_file_that_is_no_calibration_is_none_to_detect_and_an_error_to_read(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert detect_format(path) is None
    with pytest.raises(CalibrationError) as caught:
        read_rig(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    assert detect_format(tmp_path / "no.toml") is None
    assert detect_format(tmp_path) is None
    with pytest.raises(FileNotFoundError, match=r"no\.toml does not exist; give a calibration file"):
        read_rig(tmp_path / "no.toml")
    with pytest.raises(CalibrationError, match="is a folder; give the calibration file in it"):
        read_rig(tmp_path)


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "video.mp4"
    with path.open("wb") as file:
        file.truncate(10**10)
    assert detect_format(path) is None
    with pytest.raises(CalibrationError, match="has 10000 MB, which no calibration has"):
        read_rig(path)


def test_an_unknown_format_or_unit_is_answered_with_those_there_are(tmp_path, toml_of, make_rig):
    path = tmp_path / "calib.toml"
    path.write_text(toml_of(FOUR, extra="fisheye = false\n"))
    with pytest.raises(CalibrationError, match=r"no calibration format 'nobodys'; there are qualisys, .*anipose"):
        read_rig(path, "nobodys")
    with pytest.raises(CalibrationError, match="unit must be m, cm, mm, got 'inch'"):
        read_rig(path, unit="inch")
    with pytest.raises(CalibrationError, match="cannot be written in the format 'vicon'; there are caliscope, "):
        write_rig(make_rig(), tmp_path / "out", "vicon")


def test_a_broken_calibration_is_said_to_be_broken(tmp_path, toml_of):
    path = tmp_path / "calib.toml"
    path.write_text(toml_of(FOUR, extra="fisheye = false\n")[:300])
    with pytest.raises(CalibrationError, match=r"calib\.toml is not TOML, or was cut short"):
        read_rig(path)
    path.write_text("<calibration><cameras><camera/>")
    with pytest.raises(CalibrationError, match=r"calib\.toml is not XML, or was cut short"):
        read_rig(path)


def test_a_known_format_read_as_another_still_gives_its_cameras(tmp_path, make_rig):
    path = write_rig(make_rig(dist=FOUR), tmp_path / "calib.toml", "pose2sim")
    assert read_rig(path, "anipose").names == ("left", "right")


@pytest.mark.parametrize(
    "format", sorted({n for n, e in FORMATS.items() if e.write} - {"opencv", "easymocap", "colmap"})
)
def test_writing_replaces_nothing_unasked_and_leaves_nothing_half_written(tmp_path, make_rig, format):
    path = tmp_path / "calib.toml"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=r"calib\.toml exists"):
        write_rig(make_rig(dist=FOUR), path, format)
    assert path.read_text() == "mine"
    write_rig(make_rig(dist=FOUR), path, format, overwrite=True)
    assert len(read_rig(path, format, size=(1280, 720))) == 2
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(CalibrationError, match="a rig without cameras cannot be written"):
        write_rig(Rig(()), tmp_path / "none.toml", format)
    with pytest.raises(OSError, match="nowhere"):
        write_rig(make_rig(dist=FOUR), tmp_path / "nowhere" / "calib.toml", format)


def test_the_format_that_was_assumed_is_logged(tmp_path, make_rig, caplog):
    path = write_rig(make_rig(dist=FOUR), tmp_path / "calib.toml", "freemocap")
    with caplog.at_level("INFO", logger="lift3d"):
        read_rig(path)
    assert "calib.toml: read as a calibration by FreeMoCap, lengths in mm" in caplog.text


def test_importing_the_formats_loads_no_heavy_library():
    code = "import sys, lift3d.calib.formats; print({'cv2', 'scipy', 'h5py', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
