from dataclasses import replace

import cv2
import numpy as np
import pytest

from lift3d.calib import CalibrationError
from lift3d.calib.formats import detect_format, qualisys, read_rig, write_rig

NUMBERS = {
    "left": 0,
    "top": 0,
    "right": 1087,
    "bottom": 1919,
    "fu": 107599.671875,
    "fv": 107588.828125,
    "cu": 34110.316406,
    "cv": 60680.792969,
    "head": "",
}


def camera_xml(serial, center_mm, M, *, model="Miqus Video", attributes="", **changes):
    n = {**NUMBERS, **changes}
    r = " ".join(f'r{i + 1}{j + 1}="{M[i][j]}"' for i in range(3) for j in range(3))
    return f"""
    <camera serial="{serial}" model="{model}" {attributes}>
      <fov_video left="{n["left"]}" top="{n["top"]}" right="{n["right"]}" bottom="{n["bottom"]}"/>
      <transform x="{center_mm[0]}" y="{center_mm[1]}" z="{center_mm[2]}" {r}/>
      <intrinsic focalLengthU="{n["fu"]}" focalLengthV="{n["fv"]}" centerPointU="{n["cu"]}" centerPointV="{n["cv"]}"
        skew="0.000000" radialDistortion1="-0.046183" radialDistortion2="0.139983" radialDistortion3="0.000000"
        tangentalDistortion1="0.000608" tangentalDistortion2="0.00069"/>
    </camera>"""


def qca(*cameras):
    return f"<?xml version='1.0'?>\n<calibration><cameras>{''.join(cameras)}</cameras></calibration>"


# World to Qualisys' camera axes (x right, y up, z backward), in a camera that looks along world x with z up.
AHEAD = [[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "Calib.qca.txt"


def test_a_point_lands_where_opencv_puts_it(path):
    path.write_text(qca(camera_xml("28992", (-3000.0, 100.0, 1500.0), AHEAD)))
    assert detect_format(path) == "qualisys"
    rig = read_rig(path)
    assert rig.names == ("28992",)
    assert rig[0].size == (1088, 1920)
    np.testing.assert_allclose(rig[0].center, [-3, 0.1, 1.5])
    point = np.array([0.5, -0.3, 1.2])  # 3.5 m ahead, 0.4 m to the right, 0.3 m below the axis
    K = np.array([[107599.671875, 0, 34110.316406], [0, 107588.828125, 60680.792969], [0, 0, 64]]) / 64
    lens = np.array([-0.046183, 0.139983, 0.000608, 0.00069, 0.0])
    expected = cv2.projectPoints(np.array([[0.4, 0.3, 3.5]]), np.zeros(3), np.zeros(3), K, lens)[0].ravel()
    np.testing.assert_allclose(rig[0].project(point), expected, atol=1e-9)


def test_a_cropped_field_of_view_moves_the_principal_point(path):
    path.write_text(qca(camera_xml("1", (0, 0, 0), AHEAD, left=100, right=899, top=40, bottom=639)))
    (camera,) = read_rig(path)
    assert camera.size == (800, 600)
    np.testing.assert_allclose(camera.principal_point, [34110.316406 / 64 - 100, 60680.792969 / 64 - 40])


def test_only_cameras_that_film_are_kept_in_the_files_order(path):
    models = {"1": "Oqus 7+", "3": "Miqus Video UnderWater", "2": "Miqus Hybrid", "4": "none", "5": "Miqus M3"}
    path.write_text(qca(*(camera_xml(serial, (0, 0, 1), AHEAD, model=model) for serial, model in models.items())))
    assert read_rig(path).names == ("3", "2", "4")


def test_half_resolution_takes_four_pixels_for_one(path, caplog):
    full, half = (camera_xml(str(i), (0, 0, 1000), AHEAD, attributes=a) for i, a in enumerate(["", HALF]))
    path.write_text(qca(full, half))
    full, half = read_rig(path)
    assert half.size == (544, 960)
    point = np.array([3.0, 0.4, 0.2])
    np.testing.assert_allclose(half.project(point) + 0.5, (full.project(point) + 0.5) / 2, atol=1e-9)
    assert "camera 1 films in 540p" in caplog.text


HALF = 'video_resolution="540p"'


@pytest.mark.parametrize(
    ("attributes", "said"),
    [('viewrotation="90"', "turned by 90 degrees"), ('video_resolution="1440p"', "films in 1440p")],
)
def test_what_was_never_tested_is_said(path, caplog, attributes, said):
    path.write_text(qca(camera_xml("7", (0, 0, 1), AHEAD, attributes=attributes)))
    read_rig(path)
    assert f"camera 7 {'is shown ' if 'turned' in said else ''}{said}" in caplog.text


def test_it_agrees_with_pose2sims_conversion_of_the_same_file(shared):
    folder = shared / "captures" / "balance"
    ours, theirs = read_rig(folder / "Calib.qca.txt"), read_rig(folder / "calib.toml")
    assert ours.names == theirs.names == ("cam_01", "cam_02", "cam_03", "cam_04")
    xyz = np.random.default_rng(0).uniform([-1, -1, 0], [1, 1, 2], (500, 3))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(replace(a, dist=a.dist / 64).project(xyz), b.project(xyz), atol=1e-9)
        np.testing.assert_allclose(a.dist[:4], 64 * b.dist)  # Pose2Sim divides the distortion, too
        assert a.size == b.size


def test_it_cannot_be_written(path, make_rig):
    with pytest.raises(CalibrationError, match="cannot be written in the format 'qualisys'; there are caliscope, "):
        write_rig(make_rig(), path, "qualisys")


GOOD = camera_xml("9", (0, 0, 1000), AHEAD)
BAD_FILES = {
    "cut short": (qca(GOOD)[:-60], "is not XML, or was cut short"),
    "not XML": ("serial,x,y\n9,1,2\n", "is not XML, or was cut short"),
    "another XML": ("<cameras><camera focalLengthU='1'/></cameras>", "begins with <cameras>"),
    "no camera": (qca(), "holds no camera"),
    "marker cameras only": (qca(camera_xml("9", (0, 0, 1), AHEAD, model="Oqus 7+")), r"none of its 1 .*Oqus 7\+"),
    "no serial": (qca(camera_xml("", (0, 0, 1), AHEAD)), "video camera 1 has no serial"),
    "no fov_video": (qca(GOOD.replace("fov_video", "fov")), "camera 9 has no fov_video"),
    "no intrinsic": (qca(GOOD.replace("intrinsic", "lens")), "camera 9 has no intrinsic"),
    "no transform": (qca(GOOD.replace("transform", "pose")), "camera 9 has no transform; is it calibrated"),
    "no focal length": (qca(GOOD.replace("focalLengthV", "f")), "camera 9 has no focalLengthV in its intrinsic"),
    "a word": (qca(camera_xml("9", (0, 0, 1), AHEAD, fu="wide")), "focalLengthU must be a number, got 'wide'"),
    "NaN": (qca(camera_xml("9", (0, 0, "nan"), AHEAD)), "camera 9: z is nan"),
    "negative size": (qca(camera_xml("9", (0, 0, 1), AHEAD, right=-5)), "camera 9: size must be"),
    "negative focal length": (qca(camera_xml("9", (0, 0, 1), AHEAD, fu=-1.0)), "camera 9: focal lengths must be above"),
    "mirrored": (qca(camera_xml("9", (0, 0, 1), np.diag([1, 1, -1]))), "camera 9: R is not a rotation"),
    "skew": (qca(GOOD.replace('skew="0.000000"', 'skew="0.5"')), "camera 9: skew is 0.5"),
    "twice": (qca(GOOD, GOOD), "two cameras of the calibration are called 9"),
}


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_refused_in_one_line(path, text, message):
    path.write_text(text)
    with pytest.raises(CalibrationError, match=message) as caught:
        qualisys.read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_entities_are_never_expanded(path):
    lols = "".join(f'<!ENTITY lol{i + 1} "{f"&lol{i};" * 10}">' for i in range(9))
    path.write_text(f'<!DOCTYPE calibration [<!ENTITY lol0 "ha">{lols}]>\n' + qca(GOOD)[21:].replace("9", "&lol9;", 1))
    with pytest.raises(CalibrationError, match=r"Calib\.qca\.txt declares a document type"):
        read_rig(path)


def test_an_external_entity_is_not_fetched(path):
    path.write_text('<!DOCTYPE calibration SYSTEM "file:///etc/passwd">\n' + qca(GOOD)[21:])
    with pytest.raises(CalibrationError, match="declares a document type"):
        read_rig(path, "qualisys")
