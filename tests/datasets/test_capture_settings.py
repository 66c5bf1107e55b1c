import re
from dataclasses import fields
from pathlib import Path

import pytest

from lift3d.calib import InputError
from lift3d.datasets.capture_settings import CameraSettings, CaptureSettings, read_settings
from lift3d.datasets.skeleton import SKELETONS


@pytest.fixture
def read(tmp_path):
    """A function: the text of capture.toml to its settings."""

    def from_text(text):
        (tmp_path / "capture.toml").write_text(text, encoding="utf-8")
        return read_settings(tmp_path)

    return from_text


def test_a_folder_without_the_file_has_the_defaults(tmp_path, read):
    assert read_settings(tmp_path) == CaptureSettings() == read("")


def test_all_keys_are_read(read):
    settings = read(
        """
        fps = 60
        calibration = "Calib.qca.txt"
        keypoints = "keypoints/openpose"
        skeleton = "body_25b"
        unit = "mm"
        exclude = ["cam_04"]
        [cameras.cam_01]
        keypoints = "front"
        video = "front.mov"
        offset = -3
        crop = [0, -7.2]
        scale = 1.0075
        [cameras."left 2"]
        scale = [2, 0.5]
        """
    )
    assert settings == CaptureSettings(
        fps=60.0,
        calibration="Calib.qca.txt",
        keypoints="keypoints/openpose",
        skeleton=SKELETONS["body_25b"],
        unit="mm",
        exclude=("cam_04",),
        cameras={
            "cam_01": CameraSettings("front", "front.mov", -3, (0.0, -7.2), (1.0075, 1.0075)),
            "left 2": CameraSettings(scale=(2.0, 0.5)),
        },
    )
    assert all(entry.moves_pixels for entry in settings.cameras.values())
    assert not CameraSettings(offset=4).moves_pixels


def test_a_joint_set_may_be_a_list_of_joints(read):
    settings = read('skeleton = ["Nose", "LShoulder", "RShoulder"]')
    assert settings.skeleton.joints == ("nose", "left_shoulder", "right_shoulder")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fsp = 60", "unknown key 'fsp'; did you mean 'fps'?"),
        ("Calibration = 'x'", "unknown key 'Calibration'; did you mean 'calibration'?"),
        ("[cameras.a]\nofset = 1", "cameras.a: unknown key 'ofset'; did you mean 'offset'?"),
        ("cameras = 3", "cameras must hold a table for each camera"),
        ("[cameras]\na = 3", "cameras.a must be a table, got 3"),
        ("fps = 0", "fps must be above zero, got 0"),
        ("fps = '60'", "fps must be a number, got '60'"),
        ("fps = nan", "fps must be a number, got nan"),
        ("fps = true", "fps must be a number, got True"),
        ("unit = 'inch'", "unit must be one of m, cm, mm, got 'inch'"),
        ("skeleton = 'body25x'", "skeleton: no joint set is called 'body25x' (did you mean 'body_25'?)"),
        ("skeleton = ['nose', 'Nose']", "skeleton: joint set custom: joint nose stands in it twice"),
        ("exclude = 'cam1'", "exclude must be a list such as"),
        ("exclude = [1]", "exclude must be a text in quotes, got 1"),
        ("calibration = ''", "calibration must be a text in quotes, got ''"),
        (
            "[cameras.a]\ndrift_ppm = 20000",
            "drift_ppm must be parts in a million, at most 10000, got 20000",
        ),
        ("[cameras.a]\ncrop = 3", "crop must be two numbers [x, y], got 3"),
        ("[cameras.a]\ncrop = [1, 2, 3]", "crop must be two numbers [x, y], got [1, 2, 3]"),
        ("[cameras.a]\nscale = -1", "scale must be above zero, got -1.0"),
        ("fps = = 3", "is not TOML"),
    ],
)
def test_a_mistake_is_told_in_one_line_that_names_the_file(read, tmp_path, text, message):
    with pytest.raises(InputError) as caught:
        read(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "capture.toml"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "capture.toml").write_bytes(b"fps = 60 # \xff")
    with pytest.raises(InputError, match="is not TOML"):
        read_settings(tmp_path)


def test_the_documentation_names_every_key_and_its_example_can_be_read(read):
    text = (Path(__file__).parents[2] / "docs" / "capture.md").read_text(encoding="utf-8")
    keys = {field.name for kind in (CaptureSettings, CameraSettings) for field in fields(kind)} - {"cameras"}
    assert [key for key in keys if f"| `{key}` |" not in text] == []
    settings = read(re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1])
    assert settings.cameras["cam_02"].crop == (0.0, -7.2)
