import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.pose_formats import read_trc, write_trc
from lift3d.datasets.pose_formats.trc import marker_name
from lift3d.datasets.skeleton import SKELETONS, Skeleton, canonical_name

BODY = SKELETONS["body_25b"]


@pytest.fixture
def poses(rng):
    xyz = rng.normal(size=(7, 2, 25, 3))
    xyz[2, 0, 3] = np.nan
    xyz[3:5, 0, 24] = np.nan
    xyz[6, 0] = np.nan
    return Poses.from_xyz(xyz, BODY, 60.0)


def edit(path, line, text):
    """Replace one line, counted from 1."""
    lines = path.read_text().split("\n")
    lines[line - 1] = text(lines[line - 1]) if callable(text) else text
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(("unit", "tolerance"), [("m", 5.1e-7), ("mm", 5.1e-7)])
def test_what_is_written_comes_back(poses, tmp_path, unit, tolerance):
    for person in (0, 1):
        back = read_trc(write_trc(poses, tmp_path / f"{person}.trc", person, unit=unit))
        np.testing.assert_allclose(back.xyz[:, 0], poses.xyz[:, person], atol=tolerance)
        np.testing.assert_allclose(back.time, poses.time, atol=5.1e-7)
        assert back.skeleton is BODY
        assert back.fps == 60.0
        assert back.settings["trc"]["unit"] == unit


def test_world_up_is_the_files_y(tmp_path):
    poses = Poses.from_xyz(np.array([[[[1.0, 2.0, 3.0]]]]), Skeleton("one", ("nose",)), 30.0)
    lines = write_trc(poses, tmp_path / "a.trc", unit="mm").read_text().split("\n")
    assert lines[5] == "1\t0.000000\t2000.000\t3000.000\t1000.000"


def test_header_is_what_opensim_demands(poses, tmp_path):
    lines = write_trc(poses, tmp_path / "walk.trc").read_text().split("\n")
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\twalk.trc"
    assert (
        lines[1]
        == "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames"
    )
    assert lines[2] == "60\t60\t7\t25\tm\t60\t1\t7"
    labels = [cell for cell in lines[3].split("\t") if cell]
    assert labels[:5] == ["Frame#", "Time", "Nose", "LEye", "REye"]
    assert labels[-3:] == ["RBigToe", "RSmallToe", "RHeel"]
    assert [cell for cell in lines[4].split("\t") if cell][-3:] == ["X25", "Y25", "Z25"]
    assert lines[-1] == ""


def test_every_row_has_the_cells_that_opensim_counts(poses, tmp_path):
    def opensim_cells(line):
        """A cell ends at a tab, or at the end of the line if anything is in it."""
        cells = line.split("\t")
        return cells if cells[-1] else cells[:-1]

    rows = write_trc(poses, tmp_path / "a.trc").read_text().split("\n")[5:-1]
    assert [len(opensim_cells(row)) for row in rows] == [2 + 75] * 7
    gap = rows[2].split("\t")[2 + 9 : 2 + 12]
    assert gap == ["", "", ""]
    assert rows[3].split("\t")[-3:] == ["", "", "nan"]
    assert [float(row.split("\t")[1]) for row in rows] == pytest.approx(np.arange(7) / 60, abs=1e-6)


def test_pose2sims_way_of_reading_finds_every_marker(poses, tmp_path):
    pandas = pytest.importorskip("pandas")
    path = write_trc(poses, tmp_path / "a.trc")
    table = pandas.read_csv(path, sep="\t", skiprows=4, encoding="utf-8")
    named = table.iloc[:, 2:].loc[:, ~table.columns[2:].str.startswith("Unnamed")]
    markers = [name.strip() for name in path.read_text().split("\n")[3].split("\t")[2::3] if name.strip()]
    assert named.shape == (7, 75)
    assert len(markers) == 25
    np.testing.assert_allclose(table.iloc[:, 0], np.arange(1, 8))
    values = named.to_numpy(float).reshape(7, 25, 3)
    np.testing.assert_allclose(values, poses.xyz[:, 0][..., [1, 2, 0]], atol=1e-6)


@pytest.mark.parametrize("name", sorted(SKELETONS))
def test_marker_names_come_back_as_the_joints_they_were(name):
    for joint in SKELETONS[name].joints:
        marker = marker_name(joint)
        assert canonical_name(marker) == joint
        assert not set(marker) & set(" \t_")


def test_marker_names_are_those_of_opensims_models():
    wanted = {
        "right_hip": "RHip", "left_big_toe": "LBigToe", "right_heel": "RHeel", "neck": "Neck", "head": "Head",
        "nose": "Nose", "left_ear": "LEar", "pelvis": "Hip", "right_wrist": "RWrist",
    }  # fmt: skip
    assert {joint: marker_name(joint) for joint in wanted} == wanted
    assert marker_name("my marker_1") == "my_marker_1"
    assert {canonical_name(name) for name in ("Hip", "CHip", "midHip")} == {"pelvis"}  # Pose2Sim's two, OpenCap's


def test_frame_numbers_follow_the_times(poses, tmp_path):
    late = poses.replace(time=poses.time + 100 / 60)
    lines = write_trc(late, tmp_path / "a.trc").read_text().split("\n")
    assert lines[2].split("\t")[6] == "101"
    assert lines[5].startswith("101\t1.666667\t")
    odd = poses.replace(time=np.linspace(0, 0.01, 7))
    assert write_trc(odd, tmp_path / "b.trc").read_text().split("\n")[-2].startswith("7\t0.010000\t")


def test_no_frames_make_a_file_without_rows(tmp_path):
    path = write_trc(Poses.from_xyz(np.zeros((0, 1, 25, 3)), BODY, 60.0), tmp_path / "a.trc")
    assert read_trc(path).xyz.shape == (0, 1, 25, 3)


def test_reads_the_peers_own_files(shared):
    path = shared / "captures" / "balance" / "reference" / "pose2sim_raw.trc"
    poses = read_trc(path)
    assert poses.xyz.shape == (100, 1, 21, 3)
    assert poses.fps == 60.0
    assert poses.time[0] == pytest.approx(1 / 60)
    hip = poses.xyz[0, 0, poses.skeleton.index("right_hip")]
    np.testing.assert_allclose(hip, [-1.4005886926, -0.0649721479, 0.9015045550], atol=1e-9)
    head, heel = (poses.xyz[:, 0, poses.skeleton.index(joint), 2] for joint in ("head", "left_heel"))
    assert np.nanmin(head - heel) > 1.0  # up is up


def test_the_peers_file_survives_a_round_trip(shared, tmp_path):
    first = read_trc(shared / "captures" / "two_people" / "reference" / "pose2sim_P2.trc")
    again = read_trc(write_trc(first, tmp_path / "a.trc"))
    np.testing.assert_allclose(again.xyz, first.xyz, atol=5.1e-7)
    assert again.settings["trc"]["markers"] == first.settings["trc"]["markers"]
    assert (
        again.settings["trc"]["first_frame"] == first.settings["trc"]["first_frame"] + 1
    )  # the peer's time is late by one


def test_takes_opencaps_variant(tmp_path):
    path = tmp_path / "a.trc"
    path.write_text(
        "PathFileType  4\t(X/Y/Z) walk.trc\r\n"
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\r\n"
        "60.000000\t60.000000\t2\t2\tm\t60.000000\t1\t2\r\n"
        "Frame#\tTime\tNeck\t\t\tmidHip\t\t\t\r\n"
        "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\t\r\n"
        "\r\n"
        "1\t0.00000\t0.10000\t1.40000\t0.20000\t0.30000\t0.90000\t0.40000\t\r\n"
        "2\t0.01667\t0.10000\t1.50000\t0.20000\t0.30000\t0.91000\t0.40000\t\r\n"
    )
    poses = read_trc(path)
    assert poses.skeleton.joints == ("neck", "pelvis")
    np.testing.assert_allclose(poses.xyz[1, 0], [[0.2, 0.1, 1.5], [0.4, 0.3, 0.91]])


def test_takes_caliscopes_frame_count_and_path(poses, tmp_path):
    path = write_trc(poses, tmp_path / "a.trc")
    edit(path, 1, "PathFileType\t4\t(X/Y/Z)\tC:\\Users\\me\\recording 1\\xyz.trc")
    edit(path, 3, lambda line: line.replace("\t7\t", "\t6\t"))
    assert len(read_trc(path).xyz) == 7


def test_takes_a_byte_order_mark_centimetres_and_zeroth_frames(poses, tmp_path):
    path = write_trc(poses, tmp_path / "a.trc", unit="mm")
    edit(path, 3, lambda line: line.replace("\tmm\t", "\tCM\t"))
    path.write_text(path.read_text(), encoding="utf-8-sig")
    edit(path, 6, lambda line: "0" + line[1:])
    back = read_trc(path)
    np.testing.assert_allclose(back.xyz[:, 0], poses.xyz[:, 0] * 10, atol=1e-5)
    assert back.settings["trc"]["first_frame"] == 0


def test_markers_that_mean_one_joint_keep_their_own_names(tmp_path):
    poses = Poses.from_xyz(np.zeros((1, 1, 2, 3)), Skeleton("two", ("right_ankle", "nose")), 30.0)
    path = edit(write_trc(poses, tmp_path / "a.trc"), 4, "Frame#\tTime\tRAnkle\t\t\tRFoot\t\t")
    assert read_trc(path).skeleton.joints == ("RAnkle", "RFoot")


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (1, "x,y,z", r"a\.trc is not a TRC file: its first line does not begin with PathFileType"),
        (3, "60\t60", r"lines 2 and 3 must name and give DataRate, NumFrames, NumMarkers and Units, got '60\\t60'"),
        (3, "60\t60\t7\t25\tinch\t60\t1\t7", "Units must be m, cm or mm, got inch"),
        (3, "0\t60\t7\t25\tm\t60\t1\t7", "DataRate must be above zero, got 0"),
        (3, "60\t60\t7\t21\tm\t60\t1\t7", "NumMarkers says 21, but line 4 names 25 markers"),
        (3, "60\t60\t9\t25\tm\t60\t1\t9", "is cut short: its header says 9 frames, but 7 are there"),
        (4, lambda line: line.replace("Nose", "REye"), "line 4 names REye more than once"),
        (9, lambda line: line[: len(line) // 2], r"line 9 is cut short: \d+ cells of 77"),
        (8, lambda line: line + "\t1.0", "line 8 has 78 cells, but the markers need 77"),
        (8, lambda line: line.replace(".", ",", 2), "line 8 holds something else than numbers"),
        (8, lambda line: "\t" + line.split("\t", 1)[1], "line 8 has no frame number or no time"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(poses, tmp_path, line, text, message):
    path = edit(write_trc(poses, tmp_path / "a.trc"), line, text)
    with pytest.raises(InputError, match=message) as caught:
        read_trc(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_trc_at_all_are_refused(tmp_path):
    path = tmp_path / "a.trc"
    path.write_bytes(b"\x89HDF\r\n\x1a\n\xff\xfe")
    with pytest.raises(InputError, match="is not text, so not a TRC file"):
        read_trc(path)
    path.write_text("PathFileType\t4\n")
    with pytest.raises(InputError, match="cut short: a TRC file has five lines of header, this one 1 in all"):
        read_trc(path)
    with pytest.raises(FileNotFoundError, match=r"b\.trc does not exist"):
        read_trc(tmp_path / "b.trc")


def test_writing_what_cannot_be_written_says_so(poses, tmp_path):
    path = write_trc(poses, tmp_path / "a.trc")
    with pytest.raises(FileExistsError, match=r"a\.trc exists; give --overwrite"):
        write_trc(poses, path, 1)
    write_trc(poses, path, 1, overwrite=True)
    with pytest.raises(InputError, match="there is no person 3; the poses hold 2"):
        write_trc(poses, tmp_path / "b.trc", 2)
    with pytest.raises(InputError, match="written in m or mm, not in 'inch'"):
        write_trc(poses, tmp_path / "b.trc", unit="inch")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.trc"]
