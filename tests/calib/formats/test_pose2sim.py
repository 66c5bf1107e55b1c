import numpy as np
import pytest

from lift3d.calib import CalibrationError
from lift3d.calib.formats import detect_format, pose2sim, read_rig, write_rig
from lift3d.calib.formats.toml_tables import load_toml

FOUR = [-0.046, 0.14, 6e-4, 7e-4]
TAIL = "\n[metadata]\nadjusted = false\nerror = 0.0\n"


def test_a_point_lands_where_opencv_puts_it(tmp_path, toml_of, seen_by_opencv, point):
    path = tmp_path / "calib.toml"
    path.write_text(toml_of(FOUR, extra="fisheye = false\n", tail=TAIL))
    assert detect_format(path) == "pose2sim"
    rig = read_rig(path)
    assert rig.names == ("left", "right")
    assert rig["left"].size == (1088, 1920)
    np.testing.assert_allclose(rig.project(point), seen_by_opencv(FOUR), atol=1e-9)


def test_the_file_order_is_kept(tmp_path, toml_of):
    path = tmp_path / "calib.toml"
    path.write_text(toml_of(FOUR, extra="fisheye = false\n", order=("right", "left")))
    assert read_rig(path).names == ("right", "left")


def test_tables_that_pose2sim_skips_are_no_cameras(tmp_path, toml_of):
    path = tmp_path / "calib.toml"
    path.write_text('title = "ours"\n' + toml_of(FOUR, extra="fisheye = false\n", tail="[charuco]\nrows = 5\n"))
    assert len(read_rig(path)) == 2


@pytest.mark.parametrize("dist", [[], FOUR, [*FOUR, 0.0], [*FOUR, *[0.0] * 4]], ids=len)
def test_what_is_written_is_read_back(tmp_path, make_rig, dist, point):
    rig = make_rig([f"cam{i:02}" for i in range(12)], dist)
    path = write_rig(rig, tmp_path / "calib.toml", "pose2sim")
    back = read_rig(path)
    assert detect_format(path) == "pose2sim"
    assert back.names == rig.names
    np.testing.assert_allclose(back.project(point), rig.project(point), atol=1e-9)
    np.testing.assert_allclose(back.centers, rig.centers, atol=1e-12)


def test_pose2sims_own_arithmetic_sees_the_same_point(tmp_path, make_rig, point):
    import cv2

    rig = make_rig(dist=[])
    path = write_rig(rig, tmp_path / "calib.toml", "pose2sim")
    for table, camera in zip([load_toml(path)[name] for name in rig.names], rig, strict=True):
        extrinsic = np.column_stack([cv2.Rodrigues(np.array(table["rotation"]))[0], table["translation"]])
        u, v, w = np.array(table["matrix"]) @ extrinsic @ [*point, 1]
        np.testing.assert_allclose([u / w, v / w], camera.project(point), atol=1e-9)


def test_numbers_are_written_as_floats_as_pose2sim_writes_them(tmp_path, make_rig):
    table = load_toml(write_rig(make_rig(dist=[]), tmp_path / "calib.toml", "pose2sim"))["left"]
    numbers = [*table["size"], *np.ravel(table["matrix"]).tolist(), *table["distortions"], *table["rotation"]]
    assert all(type(number) is float for number in numbers)
    assert table["distortions"] == [0.0] * 4
    assert table["fisheye"] is False


def test_a_lens_it_cannot_carry_is_refused_by_camera(tmp_path, make_rig):
    path = tmp_path / "calib.toml"
    with pytest.raises(CalibrationError, match=r"camera left: Pose2Sim holds 4 .* lose k3 = 0.02"):
        write_rig(make_rig(dist=[*FOUR, 0.02]), path, "pose2sim")
    with pytest.raises(CalibrationError, match="camera left: Pose2Sim would read its fisheye lens as a pinhole"):
        write_rig(make_rig(dist=[0.1, 0, 0, 0], model="fisheye"), path, "pose2sim")
    with pytest.raises(CalibrationError, match="camera charuco: Pose2Sim skips tables of that name"):
        write_rig(make_rig(["left", "charuco"], FOUR), path, "pose2sim")
    assert not list(tmp_path.iterdir())


def test_a_stated_unit_overrides_metres(tmp_path, toml_of, seen_by_opencv, point):
    path = tmp_path / "calib.toml"
    path.write_text(toml_of(FOUR, extra="fisheye = false\n", metres=0.01))
    np.testing.assert_allclose(pose2sim.read(path, unit="cm").project(point), seen_by_opencv(FOUR), atol=1e-9)


def test_a_file_of_lenses_alone_is_not_a_rig(tmp_path, toml_of):
    path = tmp_path / "calib.toml"
    text = toml_of(FOUR, extra="fisheye = false\n")
    path.write_text("\n".join("translation = [0.0, 0.0, 0.0]" if "transl" in li else li for li in text.splitlines()))
    with pytest.raises(CalibrationError, match=r"calib\.toml: all cameras stand at the origin"):
        read_rig(path)
