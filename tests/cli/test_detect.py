"""``lift3d detect``, and ``lift3d reconstruct`` and ``check`` on captures that hold only videos."""

import json
import shutil

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.datasets import Poses
from lift3d.datasets.demo_capture import DemoSettings, synthesize, write_demo_capture
from lift3d.datasets.keypoint_formats import load_keypoints
from lift3d.datasets.skeleton import SKELETONS
from lift3d.detectors.detection import Boxes, Detection
from lift3d.detectors.pipeline import TopDown
from lift3d.detectors.registry import DETECTORS

SETTINGS = DemoSettings(duration=2.0, fps=10.0, n_cameras=3, size=(320, 240))


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(result, *told):
    """One clear line on stderr, exit code 1."""
    assert result.exit_code == 1, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    for text in ("lift3d: error: ", *told):
        assert text in lines[0], lines[0]


class Oracle:
    """Knows the true joints of every camera; which camera a picture is from, its brightness tells."""

    name = "oracle"

    def __init__(self, xy, skeleton, stop_at=None):
        self.xy, self.skeleton, self.stop_at = xy, skeleton, stop_at  # xy [T, V, J, 2]

    def detect(self, pictures, *, in_sequence=True):
        for frame, picture in enumerate(pictures):
            view = round(picture.mean() / 40) - 1
            if view == self.stop_at:
                raise KeyboardInterrupt
            xy = self.xy[frame, view][None]
            low, high = xy.min(1), xy.max(1)
            yield Detection(xy, np.full(xy.shape[:2], 0.9), Boxes(np.hstack([low, high - low]), np.ones(1)))


@pytest.fixture(scope="module")
def filmed_once(tmp_path_factory):
    """A capture with a calibration and videos of nothing, and where the joints would be in them."""
    folder = tmp_path_factory.mktemp("filmed") / "filmed"
    write_demo_capture(folder, SETTINGS, keypoints=False)
    made = synthesize(SETTINGS)
    xy = np.stack([camera.project(made.truth.xyz[:, 0]) for camera in made.rig], axis=1)
    (folder / "videos").mkdir(exist_ok=True)
    for view, camera in enumerate(made.rig):
        path = folder / "videos" / f"{camera.name}.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10.0, SETTINGS.size)
        for _ in range(len(xy)):
            writer.write(np.full((SETTINGS.size[1], SETTINGS.size[0], 3), 40 * (view + 1), np.uint8))
        writer.release()
    return folder, xy, made


@pytest.fixture
def filmed(filmed_once, tmp_path, monkeypatch):
    """A copy that a test may change; the detector "oracle" is registered, and stands for the light one too."""
    folder, xy, made = filmed_once
    for name in ("oracle", "light"):
        monkeypatch.setitem(DETECTORS, name, lambda name, options: Oracle(xy, made.truth.skeleton))
    return shutil.copytree(folder, tmp_path / "filmed")


def test_a_capture_of_videos_is_reconstructed_and_its_keypoints_are_kept(filmed, filmed_once, tmp_path):
    checked = run("check", filmed)
    assert checked.exit_code == 0, checked.output
    assert "keypoints    none yet" in checked.stdout
    assert checked.stdout.endswith("`lift3d reconstruct` will first find keypoints in the videos\n")
    first = run("reconstruct", filmed, "-o", tmp_path / "a.poses.h5", "--json")
    assert first.exit_code == 0, first.output
    kept = filmed / "keypoints" / "lift3d" / "light.h5"
    notes = json.loads(first.stdout)["input"]["notes"]
    assert any(
        "were found in the videos by detector oracle and are kept in keypoints/lift3d/light.h5" in n for n in notes
    )
    truth = filmed_once[2].truth.xyz[:, 0]
    error = np.linalg.norm(Poses.load(tmp_path / "a.poses.h5").xyz[:, 0] - truth, axis=-1)
    assert np.nanmedian(error) < 0.002
    assert np.isfinite(error).mean() > 0.9

    made = kept.stat().st_mtime_ns
    second = run("reconstruct", filmed, "-o", tmp_path / "b.poses.h5")
    assert second.exit_code == 0, second.output
    assert "keypoints/lift3d/light.h5 was made by `lift3d detect` (detector oracle" in second.stdout
    assert "is used again" in second.stdout
    assert kept.stat().st_mtime_ns == made
    assert not list(kept.parent.glob(".*"))
    assert "is used again" in run("check", filmed).stdout


def test_a_detection_that_was_stopped_in_reconstruct_goes_on_there(filmed, filmed_once, tmp_path, monkeypatch):
    _, xy, made = filmed_once
    whole = DETECTORS["light"]
    monkeypatch.setitem(DETECTORS, "light", lambda name, options: Oracle(xy, made.truth.skeleton, stop_at=2))
    stopped = run("reconstruct", filmed, "-o", tmp_path / "a.poses.h5")
    assert (stopped.exit_code, stopped.stderr) == (130, "lift3d: stopped\n")
    assert not (filmed / "keypoints" / "lift3d" / "light.h5").exists()
    monkeypatch.setitem(DETECTORS, "light", whole)
    result = run("reconstruct", filmed, "-o", tmp_path / "a.poses.h5")
    assert result.exit_code == 0, result.output
    assert "60 pictures at" in result.stdout
    assert "40 of them by an earlier run" in result.stdout


def test_detect_keeps_keypoints_in_a_capture_and_says_when_its_videos_changed(filmed, tmp_path):
    result = run("detect", filmed, "--detector", "oracle")
    assert result.exit_code == 0, result.output
    assert "60 frames, 1 people at most, 100 % of their joints found, 0 bad frames" in result.stdout
    assert result.stdout.endswith(f"wrote {filmed / 'keypoints' / 'lift3d' / 'oracle.h5'}\n")
    refused(run("detect", filmed, "--detector", "oracle"), "oracle.h5 exists; give --overwrite")
    assert run("detect", filmed, "--detector", "oracle", "--overwrite").exit_code == 0
    video = next((filmed / "videos").glob("*.mp4"))
    video.write_bytes(video.read_bytes() + b"\0")
    changed = run("reconstruct", filmed, "-o", tmp_path / "a.poses.h5")
    assert f"the videos of {video.stem} are not those that the keypoints were found in" in changed.stdout


def test_keypoints_that_would_be_taken_before_those_found_are_named(filmed, tmp_path):
    outside = run("detect", filmed, "--detector", "oracle", "-o", tmp_path / "o.h5")
    assert (outside.exit_code, "before these" in outside.stdout) == (0, False)
    (filmed / "keypoints").mkdir()
    shutil.copy(tmp_path / "o.h5", filmed / "keypoints" / "a.h5")
    inside = run("detect", filmed, "--detector", "oracle")
    assert "`lift3d reconstruct` takes keypoints/a.h5 before these; for these give --keypoints" in inside.stdout


def test_a_detector_that_is_named_is_used_though_others_keypoints_are_there(filmed, tmp_path):
    assert run("reconstruct", filmed, "-o", tmp_path / "a.poses.h5").exit_code == 0
    result = run("reconstruct", filmed, "-o", tmp_path / "b.poses.h5", "--detector", "oracle", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["input"]["keypoints"].endswith("keypoints/lift3d/oracle.h5")
    both = run("reconstruct", filmed, "--detector", "oracle", "--keypoints", filmed / "keypoints/lift3d/light.h5")
    assert both.exit_code == 2


def test_crop_and_scale_put_pictures_of_another_size_right(filmed, filmed_once, tmp_path, monkeypatch):
    """The first camera's video shows the calibrated picture 0.8 times as large, with bars above and below."""
    _, xy, made = filmed_once
    moved = xy.copy()
    moved[:, 0] = xy[:, 0] * 0.8 + (0, 24)
    monkeypatch.setitem(DETECTORS, "light", lambda name, options: Oracle(moved, made.truth.skeleton))
    name = made.rig.names[0]
    writer = cv2.VideoWriter(str(filmed / "videos" / f"{name}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10.0, (256, 240))
    for _ in range(len(xy)):
        writer.write(np.full((240, 256, 3), 40, np.uint8))
    writer.release()
    assert (
        f"videos differ in size from the calibration: {name} 256x240 instead of 320x240" in run("check", filmed).stdout
    )
    text = (filmed / "capture.toml").read_text()
    (filmed / "capture.toml").write_text(f"{text}\n[cameras.{name}]\nscale = 1.25\ncrop = [0, -30]\n")
    result = run("reconstruct", filmed, "-o", tmp_path / "a.poses.h5")
    assert result.exit_code == 0, result.output
    assert "instead of" not in result.stdout
    error = np.linalg.norm(Poses.load(tmp_path / "a.poses.h5").xyz[:, 0] - made.truth.xyz[:, 0], axis=-1)
    assert np.nanmedian(error) < 0.002


def test_other_commands_say_to_run_detect_first(filmed):
    refused(run("calibrate", "check", filmed), "holds no keypoints yet, only videos (3); run `lift3d detect")


def test_a_video_without_a_capture_becomes_a_file_and_a_preview_here(filmed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    videos = sorted((filmed / "videos").glob("*.mp4"))
    result = run("detect", videos[0], "--detector", "oracle", "--preview", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["file"] == f"{videos[0].stem}.keypoints.h5"
    assert load_keypoints(tmp_path / summary["file"]).keypoints.shape[:3] == (20, 1, 1)
    reader = cv2.VideoCapture(summary["preview"])
    assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == 20
    picture = reader.read()[1]
    assert np.ptp(picture[30:].astype(int).sum(-1)) > 100  # a skeleton on an even picture
    refused(run("detect", videos[0], "--detector", "oracle", "--preview"), "preview.mp4 exists")
    several = run("detect", *videos, "--detector", "oracle", "-o", "all.h5", "--preview")
    assert several.exit_code == 0, several.output
    assert load_keypoints(tmp_path / "all.h5").keypoints.cameras == tuple(video.stem for video in videos)
    assert (tmp_path / "all.preview.mp4").is_file()


def test_a_folder_of_pictures_becomes_a_file_and_a_sheet(filmed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shots").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "shots" / f"{number}.png"), np.full((240, 320, 3), 40, np.uint8))
    (tmp_path / "shots" / "3.jpg").write_bytes(b"torn")
    monkeypatch.setitem(DETECTORS, "boxed", lambda name, options: TopDown(None, InBox(), name="boxed"))
    (tmp_path / "b.csv").write_text("frame,id,x,y,w,h\n0,1,50,20,60,200\n2,1,90,20,60,200\n2,2,999,0,5,5\n")
    result = run("detect", "shots", "--detector", "boxed", "--boxes", "b.csv", "--preview")
    assert result.exit_code == 0, result.output
    assert "shots: 1 of 4 pictures cannot be decoded and count as not seen: 3" in result.stdout
    assert "shots: boxes outside of the picture, left out: 1" in result.stdout
    assert "4 frames, 1 people at most, 100 % of their joints found, 1 bad frames" in result.stdout
    sheet = cv2.imread(str(tmp_path / "shots.keypoints.preview.png"))
    assert sheet.shape[0] > 200
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 20
    refused(run("detect", "shots", "--detector", "oracle", "--boxes", "b.csv", "-o", "l.h5"), "takes no boxes")


class InBox:
    skeleton = SKELETONS["coco_17"]

    def __call__(self, pictures, boxes):
        shape = np.random.default_rng(0).uniform(0.1, 0.9, (17, 2))
        return [
            Detection(own.xywh[:, None, :2] + shape * own.xywh[:, None, 2:], np.full((len(own), 17), 0.7), own)
            for own in boxes
        ]


def test_bad_input_ends_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(DETECTORS, "boxed", lambda name, options: TopDown(None, InBox(), name="boxed"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.mp4").write_bytes(b"x" * 100)
    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((8, 8, 3), np.uint8))
    refused(run("detect", "gone.mp4", "--detector", "boxed"), "gone.mp4 does not exist")
    refused(run("detect", "empty", "--detector", "boxed"), "empty holds no pictures")
    refused(run("detect", "broken.mp4", "--detector", "boxed"), "broken.mp4 cannot be decoded")
    refused(run("detect", "p.png", "--detector", "boxd"), "there is no detector 'boxd'; did you mean 'boxed'?")
    refused(run("detect", "p.png", "p.png", "--detector", "boxed"), "would both be camera p; rename one")
    refused(
        run("detect", "p.png", "--detector", "boxed", "--boxes", "gone.csv"), "gone.csv does not exist; wanted boxes"
    )
    (tmp_path / "b.csv").write_text("frame,id,x,y,w,h\n0,1,5,5,0,10\n")
    refused(run("detect", "p.png", "--detector", "boxed", "--boxes", "b.csv"), "none of which has an area")
    assert run("detect").exit_code == 2
    assert not list(tmp_path.glob("*.h5"))
