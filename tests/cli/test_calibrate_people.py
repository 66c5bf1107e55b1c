"""``lift3d calibrate people``, ``repair``, ``sync`` and ``check`` as typed."""

import json
import shutil
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.calib import Rig
from lift3d.calib.formats import read_rig, write_rig
from lift3d.calib.rotation import rotation_matrix
from lift3d.cli import main
from lift3d.datasets.capture import open_capture
from lift3d.datasets.demo_capture import DemoSettings, write_demo_capture

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def run(*arguments):
    return CliRunner().invoke(main, ["calibrate", *map(str, arguments)])


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captures") / "demo"
    return write_demo_capture(folder, DemoSettings(duration=3.5, fps=12.0))


@pytest.fixture(scope="module")
def knocked(capture, tmp_path_factory):
    """The same with one camera turned by one degree."""
    folder = tmp_path_factory.mktemp("captures") / "knocked"
    shutil.copytree(capture, folder)
    rig = read_rig(folder / "calib.toml")
    R = rotation_matrix(np.radians([0.5, 0.8, 0.3])) @ rig[1].R
    cameras = [camera.with_pose(R, -R @ camera.center) if v == 1 else camera for v, camera in enumerate(rig)]
    write_rig(Rig(tuple(cameras)), folder / "calib.toml", "pose2sim", overwrite=True)
    return folder


def test_people_writes_a_calibration_that_stands_on_the_floor(capture, tmp_path):
    out = tmp_path / "new.toml"
    answer = run("people", capture, "--height", "1.75", "-o", out, "--json")
    assert answer.exit_code == 0, answer.output
    figures = json.loads(answer.output)
    rig, truth = read_rig(out), read_rig(capture / "calib.toml")
    np.testing.assert_allclose(rig.centers[:, 2], truth.centers[:, 2], rtol=0.08)
    assert [row["height_m"] for row in figures["cameras"]] == pytest.approx(rig.centers[:, 2].tolist(), abs=1e-3)
    again = run("people", capture, "--height", "1.75", "-o", out)
    assert again.exit_code == 1
    assert "exists" in again.output


def test_people_wants_a_scale(capture, tmp_path):
    answer = run("people", capture, "-o", tmp_path / "new.toml")
    assert answer.exit_code == 1
    assert "give the person's height or the distance of two cameras" in answer.output
    assert not (tmp_path / "new.toml").exists()


def test_check_names_the_camera_and_repair_puts_it_right(knocked, capture, tmp_path):
    answer = run("check", knocked)
    assert answer.exit_code == 1
    assert "wrong: cam02 is off" in answer.output
    out = tmp_path / "repaired.toml"
    answer = run("repair", knocked, "-o", out)
    assert answer.exit_code == 0, answer.output
    assert "cam02 moved and the others stand" in answer.output
    assert "median residual" in answer.output
    truth = read_rig(capture / "calib.toml")
    np.testing.assert_allclose(read_rig(out)[1].R, truth[1].R, atol=0.01)


@pytest.fixture(scope="module")
def clicked(capture, tmp_path_factory):
    """Files of clicks on six points, and of where five of them are."""
    folder = tmp_path_factory.mktemp("clicks")
    points = {"a": (-1, -1, 0), "b": (1, -1, 0), "c": (1, 1, 0), "d": (-1, 1, 0.5), "e": (0, 0, 1), "dot": (0.4, 0, 0)}
    clicks, places = ["camera,point,x,y"], ["point,x,y,z"]
    for camera in read_rig(capture / "calib.toml"):
        for name, xyz in points.items():
            x, y = camera.project(np.array(xyz, float))
            clicks.append(f"{camera.name},{name},{x:.1f},{y:.1f}")
    places += [f"{name},{x},{y},{z}" for name, (x, y, z) in points.items() if name != "dot"]
    (folder / "clicks.csv").write_text("\n".join(clicks))
    (folder / "points.csv").write_text("\n".join(places))
    (folder / "two.csv").write_text("\n".join(places[:3]))
    return folder


def test_clicks_on_known_points_hold_the_world_of_check_and_repair(knocked, capture, clicked, tmp_path):
    files = ("--clicks", clicked / "clicks.csv", "--points", clicked / "points.csv")
    answer = run("check", knocked, *files)
    assert answer.exit_code == 1
    assert "in the world of the known points cam02 moved; run `lift3d calibrate repair`" in answer.output
    assert "24 clicks on 5 points of known place and 1 others lie 0." in answer.output
    out = tmp_path / "repaired.toml"
    answer = run("repair", knocked, "-o", out, *files, "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["moved"] == ["cam02"]
    assert "24 clicks" in json.loads(answer.output)["notes"][0]
    np.testing.assert_allclose(read_rig(out).centers, read_rig(capture / "calib.toml").centers, atol=0.02)


def test_points_that_cannot_hold_the_world_end_in_one_line(knocked, clicked, tmp_path):
    out = tmp_path / "repaired.toml"
    clicks = ("--clicks", clicked / "clicks.csv")
    answer = run("repair", knocked, "-o", out, *clicks, "--points", clicked / "two.csv")
    assert answer.exit_code == 1
    assert "2 points of known place are clicked; 3 or more" in answer.output
    assert not out.exists()
    answer = run("check", knocked, "--points", clicked / "points.csv")
    assert answer.exit_code == 2
    assert "--points needs --clicks" in answer.output


def test_sync_writes_what_capture_toml_takes(capture, tmp_path):
    folder = tmp_path / "late"
    shutil.copytree(capture, folder)
    (folder / "capture.toml").write_text('fps = 12\nskeleton = "body_25b"\n[cameras.cam03]\noffset = 3\n')
    out = tmp_path / "sync.toml"
    answer = run("sync", folder, "-o", out, "--reach", "0.5", "--json")
    assert answer.exit_code == 0, answer.output
    rows = {row["name"]: row for row in json.loads(answer.output)["cameras"]}
    assert rows["cam03"]["offset_frames"] == pytest.approx(-3, abs=0.15)
    shutil.copy(out, folder / "capture.toml")
    offsets = {name: entry["offset"] for name, entry in tomllib.loads(out.read_text())["cameras"].items()}
    assert offsets["cam03"] == pytest.approx(0, abs=0.15)
    assert open_capture(folder).keypoints.times is not None


def test_sync_by_claps(capture, tmp_path):
    out = tmp_path / "sync.toml"
    claps = [text for v in range(1, 5) for text in ("--clap", f"cam0{v}", 20 + v)]
    answer = run("sync", capture, "-o", out, *claps)
    assert answer.exit_code == 0, answer.output
    assert tomllib.loads(out.read_text())["cameras"]["cam04"]["offset"] == -3.0


def test_sync_of_somebody_who_stands_still_writes_nothing(capture, tmp_path, write_openpose, rng):
    folder = tmp_path / "still"
    shutil.copytree(capture, folder)
    keypoints = open_capture(capture).keypoints
    for v, camera in enumerate(keypoints.cameras):
        shutil.rmtree(folder / "keypoints" / "openpose" / f"{camera}_json")
        best = int(keypoints.confidence[20, v].sum(-1).argmax())
        xy = np.nan_to_num(keypoints.xy[20, v, best])
        frames = [[np.column_stack([xy + rng.normal(0, 2, xy.shape), xy[:, 0] > 0])] for _ in range(40)]
        write_openpose(folder / "keypoints" / "openpose" / f"{camera}_json", frames)
    answer = run("sync", folder, "-o", tmp_path / "sync.toml", "--reach", "0.4")
    assert answer.exit_code == 1
    assert "nothing was written" in answer.output
    assert not (tmp_path / "sync.toml").exists()
