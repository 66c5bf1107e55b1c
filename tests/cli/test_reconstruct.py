"""``lift3d reconstruct`` and ``lift3d check`` as typed, on real and on broken captures."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.datasets import Poses
from lift3d.datasets.demo_capture import DemoSettings, write_demo_capture
from lift3d.datasets.pose_formats import read_trc


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(result, *told):
    """One clear line on stderr, exit code 1."""
    assert result.exit_code == 1, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("lift3d: error: ")
    for text in told:
        assert text in lines[0], lines[0]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return write_demo_capture(tmp_path_factory.mktemp("demo") / "demo", DemoSettings(duration=6.0, fps=10.0))


@pytest.fixture
def broken(demo, tmp_path):
    """A copy that a test may break."""
    return shutil.copytree(demo, tmp_path / "broken")


@pytest.fixture(scope="module")
def balance(shared):
    return shared / "captures" / "balance"


@pytest.fixture(scope="module")
def balance_result(balance, tmp_path_factory):
    out = tmp_path_factory.mktemp("balance") / "b.poses.h5"
    options = ("--calibration", balance / "Calib.qca.txt", "--keypoints", balance / "keypoints/openpose")
    result = run("reconstruct", balance, *options, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), Poses.load(out)


def test_balance_finds_the_one_person_in_all_frames(balance_result):
    summary, poses = balance_result
    assert summary["frames_with_person"] == summary["frames"] == 100
    assert poses.xyz.shape == (100, 1, 25, 3)
    assert summary["verdict"]["level"] == "doubtful"  # its calibration is off, and the run says so


def test_balance_is_where_the_peer_found_it(balance, balance_result):
    _, poses = balance_result
    peer = read_trc(balance / "reference/pose2sim_raw.trc")
    both = [joint for joint in peer.skeleton.joints if joint in poses.skeleton.joints]
    assert len(both) == 21
    ours = poses.xyz[:, 0, [poses.skeleton.index(joint) for joint in both]]
    theirs = peer.xyz[:, 0, [peer.skeleton.index(joint) for joint in both]]
    distance = np.linalg.norm(ours - theirs, axis=-1)
    assert np.isfinite(ours).all(-1).sum() >= np.isfinite(theirs).all(-1).sum()
    assert np.nanmedian(distance) <= 0.015


def test_balance_has_steadier_bones_than_the_peer(balance_result):
    summary, _ = balance_result
    assert len(summary["bones"]) == 8
    assert summary["bone_cv_percent"] <= 6.0


def test_balance_residuals_stand_per_joint_and_camera(balance_result):
    summary, _ = balance_result
    hip = next(joint for joint in summary["joints"] if joint["name"] == "left_hip")
    assert set(hip["residual_px"]) == {"cam_01", "cam_02", "cam_03", "cam_04"}
    assert all(value > 0 for value in hip["residual_px"].values())


def test_a_plain_run_says_what_it_took_and_what_else_it_saw(balance, tmp_path):
    result = run("reconstruct", balance, "-o", tmp_path / "b.poses.h5")
    assert result.exit_code == 0, result.output
    assert "calib.toml" in result.stdout
    assert "also seen: Calib.qca.txt" in result.stdout
    assert "also seen: keypoints/blazepose/blazepose.h5" in result.stdout
    assert "cam_01 = cam01" in result.stdout
    assert "verdict: doubtful" in result.stdout


@pytest.mark.parametrize("camera", ["cam01", "cam02", "cam03", "cam04"])
def test_balance_with_a_shifted_camera_is_refused_by_name(balance, tmp_path, camera):
    keypoints = shutil.copytree(balance / "keypoints/openpose", tmp_path / "openpose")
    for path in (keypoints / f"{camera}_json").glob("*.json"):
        frame = json.loads(path.read_text())
        for person in frame["people"]:
            triples = np.reshape(person["pose_keypoints_2d"], (-1, 3))
            triples[triples[:, 2] > 0, 0] += 150
            person["pose_keypoints_2d"] = triples.ravel().tolist()
        path.chmod(0o644)
        path.write_text(json.dumps(frame))
    out = tmp_path / "b.poses.h5"
    result = run("reconstruct", balance, "--keypoints", keypoints, "-o", out)
    refused(result, camera.replace("cam", "cam_"), "were shifted by (-1")
    assert not out.exists()


@pytest.mark.parametrize("pair", [("cam01", "cam02"), ("cam02", "cam04"), ("cam03", "cam04")])
def test_balance_with_exchanged_files_is_refused_with_the_pairing_that_fits(balance, tmp_path, pair):
    keypoints = shutil.copytree(balance / "keypoints/openpose", tmp_path / "openpose")
    a, b = (keypoints / f"{name}_json" for name in pair)
    a.rename(keypoints / "aside")
    b.rename(a)
    (keypoints / "aside").rename(b)
    result = run("reconstruct", balance, "--keypoints", keypoints, "-o", tmp_path / "b.poses.h5")
    names = [name.replace("cam", "cam_") for name in pair]
    refused(result, f"{names[0]} and {names[1]} exchanged their keypoints")


def test_check_says_that_balance_is_sound(balance):
    result = run("check", balance, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert not found["problems"]
    assert [camera["by"] for camera in found["cameras"]] == ["similar name"] * 4
    assert all(camera["agrees_percent"] > 90 for camera in found["cameras"])


def test_the_demo_capture_reconstructs_and_exports(demo, tmp_path):
    out = tmp_path / "d.poses.h5"
    result = run("reconstruct", demo, "-o", out, "--people", "1")
    assert result.exit_code == 0, result.output
    assert "verdict: good" in result.stdout
    assert result.stdout.rstrip().endswith(f"wrote {out}")
    truth, poses = Poses.load(demo / "truth.poses.h5"), Poses.load(out)
    assert np.nanmedian(np.linalg.norm(poses.xyz[:, :1] - truth.xyz[:, :1], axis=-1)) < 0.018
    assert set(poses.inputs) >= {"calib.toml", "capture.toml", "keypoints/openpose"}
    assert run("export", out, "--to", "trc").exit_code == 0
    assert read_trc(tmp_path / "d.trc").xyz.shape == poses.xyz.shape


def test_check_writes_nothing_and_passes_the_demo(demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("check", demo)
    assert result.exit_code == 0, result.output
    assert "nothing wrong was found" in result.stdout
    assert not list(tmp_path.iterdir())


def test_check_reports_a_wrong_pairing_with_exit_code_1(broken):
    text = (broken / "capture.toml").read_text()
    (broken / "capture.toml").write_text(
        text + '\n[cameras.cam01]\nkeypoints = "cam02_json"\n[cameras.cam02]\nkeypoints = "cam01_json"\n'
    )
    result = run("check", broken)
    assert result.exit_code == 1
    assert "wrong: the keypoints do not fit the cameras" in result.stdout
    assert "cam01 and cam02 exchanged their keypoints" in result.stdout


def test_a_result_that_exists_is_kept(demo, tmp_path):
    out = tmp_path / "r.poses.h5"
    out.write_text("mine")
    refused(run("reconstruct", demo, "-o", out), str(out), "exists", "--overwrite")
    assert out.read_text() == "mine"
    assert run("reconstruct", demo, "-o", out, "--overwrite").exit_code == 0
    assert Poses.load(out).xyz.shape[1] == 2  # the passer-by, too


def test_a_folder_that_cannot_be_written_is_named_before_the_work(demo, tmp_path):
    refused(run("reconstruct", demo, "-o", tmp_path / "none" / "r.poses.h5"), str(tmp_path / "none"), "another -o")
    refused(run("reconstruct", demo, "-o", "/proc/r.poses.h5"), "cannot be written")


def test_no_calibration(broken, tmp_path):
    (broken / "calib.toml").unlink()
    refused(run("reconstruct", broken, "-o", tmp_path / "r.poses.h5"), str(broken), "no calibration")


def test_two_cameras_without_folders_are_named(broken, tmp_path):
    for name in ("cam02_json", "cam04_json"):
        shutil.rmtree(broken / "keypoints/openpose" / name)
    refused(run("reconstruct", broken, "-o", tmp_path / "r.poses.h5"), "cam02", "cam04", "exclude")


def test_a_camera_without_a_keypoint_is_named(broken, tmp_path):
    for path in (broken / "keypoints/openpose/cam03_json").glob("*.json"):
        path.write_text('{"version": 1.3, "people": []}')
    refused(run("reconstruct", broken, "-o", tmp_path / "r.poses.h5"), "cam03", "exclude")


def test_truncated_json_is_named(broken, tmp_path):
    path = sorted((broken / "keypoints/openpose/cam02_json").glob("*.json"))[7]
    path.write_text(path.read_text()[:200])
    refused(run("reconstruct", broken, "-o", tmp_path / "r.poses.h5"), str(path))


@pytest.mark.parametrize(("key", "value"), [("size", "-1280.0"), ("matrix", "nan")])
def test_absurd_calibrations_are_named(broken, tmp_path, key, value):
    path = broken / "calib.toml"
    changed, count = re.subn(rf"({key} = \[[\s\[]*)[\d.]+", rf"\g<1>{value}", path.read_text(), count=1)
    assert count == 1
    path.write_text(changed)
    refused(run("reconstruct", broken, "-o", tmp_path / "r.poses.h5"), str(path), "cam01", key)


def test_lengths_that_differ_are_reported_and_aligned(broken, tmp_path):
    files = sorted((broken / "keypoints/openpose/cam01_json").glob("*.json"))
    for path in (*files[:5], *files[-3:]):
        path.unlink()
    out = tmp_path / "r.poses.h5"
    result = run("reconstruct", broken, "-o", out)
    assert result.exit_code == 0, result.output
    poses, truth = Poses.load(out), Poses.load(broken / "truth.poses.h5")
    assert len(poses.time) == len(files)  # nothing was cut
    assert any("cam01" in line and "52" in line for line in result.stdout.splitlines() if line.startswith("note"))
    error = np.linalg.norm(poses.xyz[:, :1] - truth.xyz[:, :1], axis=-1)
    assert np.nanmedian(error[5:-3]) < 0.018
    assert np.nanmedian(error[:5]) < 0.03  # from the other three cameras


def test_an_empty_capture_says_what_is_wanted(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(run("reconstruct", tmp_path / "empty", "-o", tmp_path / "r.poses.h5"), str(tmp_path / "empty"))
    refused(run("check", tmp_path / "empty"), str(tmp_path / "empty"))


def test_a_capture_that_does_not_exist_is_named(tmp_path):
    refused(run("reconstruct", tmp_path / "nowhere", "-o", tmp_path / "r.poses.h5"), "nowhere", "does not exist")


def test_an_unknown_frame_rate_is_asked_for(broken, tmp_path):
    text = (broken / "capture.toml").read_text()
    (broken / "capture.toml").write_text("\n".join(line for line in text.splitlines() if not line.startswith("fps")))
    refused(run("reconstruct", broken, "-o", tmp_path / "r.poses.h5"), "--fps")
    assert run("reconstruct", broken, "-o", tmp_path / "r.poses.h5", "--fps", 10).exit_code == 0


def test_the_law_of_the_noise_can_be_asked_for_and_is_kept_in_the_file(demo, tmp_path):
    summary = {}
    for law, degrees in (("gaussian", None), ("cauchy", 1.0)):
        out = tmp_path / f"{law}.poses.h5"
        result = run("reconstruct", demo, "-o", out, "--people", 1, "--tails", law, "--json")
        assert result.exit_code == 0, result.output
        summary[law] = json.loads(result.stdout)
        settings = Poses.load(out).settings
        assert (settings["tails"], settings["noise"]["degrees_of_freedom"]) == (law, degrees)
    assert summary["cauchy"]["residual_px"] < 0.9 * summary["gaussian"]["residual_px"]


@pytest.mark.parametrize("law", ["heavy", "0.5", "nan"])
def test_tails_that_there_are_not_are_refused_in_one_line(demo, tmp_path, law):
    refused(
        run("reconstruct", demo, "-o", tmp_path / "x.poses.h5", "--tails", law), "tails must be auto", f"got '{law}'"
    )
    assert not list(tmp_path.iterdir())


def test_every_refusal_leaves_nothing_behind(broken, tmp_path):
    (broken / "calib.toml").write_text("[cam")
    folder = tmp_path / "out"
    folder.mkdir()
    assert run("reconstruct", broken, "-o", folder / "r.poses.h5").exit_code == 1
    assert not list(folder.iterdir())


def test_filled_joints_are_marked_and_the_others_stay(demo, tmp_path):
    pytest.importorskip("torch", reason="lift3d[train] is not installed")
    results = {}
    for fill in ("none", "lifted"):
        result = run("reconstruct", demo, "-o", tmp_path / f"{fill}.poses.h5", "--fill", fill, "--json")
        assert result.exit_code == 0, result.output
        results[fill] = json.loads(result.stdout), Poses.load(tmp_path / f"{fill}.poses.h5")
    (_, plain), (summary, filled) = results["none"], results["lifted"]
    kept = plain.status > 0
    np.testing.assert_array_equal(filled.xyz[kept], plain.xyz[kept])
    lifted = filled.status == 3
    assert summary["lifted"] == lifted.sum()
    assert not (lifted & kept).any()
    assert np.isfinite(filled.sigma[lifted]).all()
    assert not lifted.any() or "filled in by the lifter" in filled.verdict["reasons"][-1]
