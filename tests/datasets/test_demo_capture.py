import json
from pathlib import Path

import numpy as np
import pytest

from lift3d.datasets import Poses, demo_capture
from lift3d.datasets.capture import open_capture
from lift3d.datasets.demo_capture import DemoSettings, synthesize, write_demo_capture

SHORT = DemoSettings(duration=0.5, fps=20.0, seed=5)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return write_demo_capture(tmp_path_factory.mktemp("demo") / "walk", SHORT)


def test_layout_is_the_ordinary_one(capture):
    names = sorted(str(path.relative_to(capture)) for path in capture.rglob("*") if path.is_file())
    assert names[:3] == ["README.txt", "calib.toml", "capture.toml"]
    assert names[-1] == "truth.poses.h5"
    json_files = [name for name in names if name.endswith(".json")]
    assert len(json_files) == 10 * 4
    assert json_files[0] == "keypoints/openpose/cam01_json/cam01_000000000000_keypoints.json"
    assert json_files[-1] == "keypoints/openpose/cam04_json/cam04_000000000009_keypoints.json"
    assert list(capture.parent.iterdir()) == [capture]


def test_truth_is_what_was_simulated(capture):
    truth, made = Poses.load(capture / "truth.poses.h5"), synthesize(SHORT)
    assert truth.xyz.shape == (10, 1, 25, 3)
    assert truth.fps == 20.0
    np.testing.assert_allclose(truth.xyz, made.truth.xyz, atol=1e-6)  # float32 at 2 m
    assert truth.rig.names == ("cam01", "cam02", "cam03", "cam04")


def test_the_ordinary_reader_finds_rig_keypoints_and_rate(capture):
    made, found = synthesize(SHORT), open_capture(capture)
    assert found.fps == 20.0
    assert found.keypoints.skeleton is made.truth.skeleton
    xyz = made.truth.xyz.reshape(-1, 3)
    np.testing.assert_allclose(found.rig.project(xyz), made.rig.project(xyz), atol=1e-9)
    np.testing.assert_allclose(found.keypoints.xy, made.detections.keypoints.xy, atol=5.1e-4)
    np.testing.assert_allclose(found.keypoints.confidence, made.detections.keypoints.confidence, atol=5.1e-5)


def test_json_holds_the_detections(capture):
    detections = synthesize(SHORT).detections.keypoints
    for t, v in ((0, 0), (9, 3), (4, 2)):
        camera = f"cam{v + 1:02d}"
        path = capture / "keypoints" / "openpose" / f"{camera}_json" / f"{camera}_{t:012d}_keypoints.json"
        people = json.loads(path.read_text())["people"]
        rows = np.array([person["pose_keypoints_2d"] for person in people]).reshape(-1, 25, 3)
        wanted = np.nan_to_num(np.concatenate([detections.xy, detections.confidence[..., None]], -1)[t, v])
        assert len(rows) == wanted[..., 2].any(-1).sum() >= 1
        np.testing.assert_allclose(rows, wanted[: len(rows)], atol=1e-3)


def test_same_seed_makes_the_same_files(capture, tmp_path):
    again = write_demo_capture(tmp_path / "again", SHORT)
    for path in again.rglob("*.json"):
        assert path.read_bytes() == (capture / path.relative_to(again)).read_bytes()


def test_videos_are_filmed_from_the_capture_and_keypoints_left_out_when_asked(tmp_path):
    told = []

    def film(folder, capture):
        told.append(capture)
        (folder / "cam01.mp4").write_text("a video")

    folder = write_demo_capture(tmp_path / "walk", SHORT, keypoints=False, film=film)
    assert (folder / "videos" / "cam01.mp4").read_text() == "a video"
    assert not (folder / "keypoints").exists()
    assert "skeleton" not in (folder / "capture.toml").read_text()
    assert told[0].people.shape == (10, 2, 25, 3)
    np.testing.assert_array_equal(told[0].people[:, :1], told[0].truth.xyz)
    write_demo_capture(folder, SHORT, overwrite=True)
    assert not (folder / "videos").exists()


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "empty").mkdir()
    assert (write_demo_capture(tmp_path / "empty", SHORT) / "calib.toml").is_file()


def test_an_earlier_demo_is_replaced_only_when_asked(tmp_path):
    folder = write_demo_capture(tmp_path / "walk", SHORT)
    (folder / "result.poses.h5").write_text("an earlier result")
    with pytest.raises(FileExistsError, match="walk holds a demo already; give --overwrite to make it anew"):
        write_demo_capture(folder, SHORT)
    write_demo_capture(folder, SHORT, overwrite=True)
    assert not (folder / "result.poses.h5").exists()
    assert list(tmp_path.iterdir()) == [folder]


def test_what_is_not_a_demo_is_never_replaced(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="mine is not empty and not an earlier demo"):
        write_demo_capture(mine, SHORT, overwrite=True)
    folder = write_demo_capture(tmp_path / "walk", SHORT)
    (folder / "notes.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"walk holds notes\.txt, not made by"):
        write_demo_capture(folder, SHORT, overwrite=True)
    with pytest.raises(FileExistsError, match=r"notes\.txt is a file"):
        write_demo_capture(mine / "notes.txt", SHORT, overwrite=True)
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder; make it first"):
        write_demo_capture(tmp_path / "nowhere" / "demo", SHORT)


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path, monkeypatch):
    folder = write_demo_capture(tmp_path / "walk", SHORT)

    def fail(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(demo_capture.Poses, "save", fail)
    for target, overwrite in ((folder, True), (tmp_path / "other", False)):
        with pytest.raises(OSError, match="no space left"):
            write_demo_capture(target, SHORT, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["walk"]
    assert (folder / "truth.poses.h5").is_file()


def test_a_failing_move_brings_the_earlier_demo_back(tmp_path, monkeypatch):
    folder = write_demo_capture(tmp_path / "walk", SHORT)
    move = Path.rename

    def stubborn(self, target):
        if self.name == "new":
            raise OSError("cannot move")
        return move(self, target)

    monkeypatch.setattr(Path, "rename", stubborn)
    with pytest.raises(OSError, match="cannot move"):
        write_demo_capture(folder, SHORT, overwrite=True)
    assert (folder / "truth.poses.h5").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["walk"]
