import json
from dataclasses import replace

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.demo_capture import DemoSettings, synthesize
from lift3d.datasets.skeleton import SIDES, SKELETONS, Skeleton
from lift3d.demo import deviation, run_demo
from lift3d.demo_video import error_from_pixels, run_pixels_demo
from lift3d.detectors.crops import boxes_around
from lift3d.detectors.detection import Boxes, Detection
from lift3d.detectors.registry import OWN, WEIGHTS

SMALL = DemoSettings(duration=0.2, fps=20.0, n_cameras=3, size=(192, 108))

TORSO = ("shoulder", "hip")


class Oracle:
    """A detector that knows the truth, and holds the pictures against it."""

    name = "oracle"
    skeleton = SKELETONS["coco_17"]
    settings = {}  # noqa: RUF012

    def __init__(self, settings, shift=0.0):
        self._capture, self._cameras, self._shift = synthesize(settings), 0, shift
        self.seen = []

    def detect(self, pictures, *, in_sequence=True):
        camera = list(self._capture.rig)[self._cameras]
        self._cameras += 1
        joints = [self._capture.truth.skeleton.index(joint) for joint in self.skeleton.joints]
        for t, picture in enumerate(pictures):
            assert picture.shape[1::-1] == camera.size
            xy = camera.project(self._capture.truth.xyz[t, :, joints].swapaxes(0, 1)) + self._shift
            u, v = np.round(xy[0, self.skeleton.index("right_hip")]).astype(int)
            self.seen.append(picture[v, u])
            boxes = Boxes(boxes_around(xy, np.ones(xy.shape[:-1], bool)), np.ones(1))
            yield Detection(xy, np.full(xy.shape[:-1], 0.9), boxes)


def test_what_is_seen_in_the_videos_is_held_against_the_truth(tmp_path):
    detector = Oracle(SMALL)
    report = run_pixels_demo(tmp_path / "walk", detector, SMALL)
    assert sorted(path.name for path in (tmp_path / "walk").iterdir()) == [
        *("README.txt", "calib.toml", "capture.toml", "keypoints", "report.html", "result.png", "result.poses.h5"),
        *("truth.poses.h5", "videos"),
    ]
    truth = report["truth"]
    assert truth["worst_mm"] < 0.1
    assert truth["found_percent"] == truth["seen_percent"] == 100.0
    assert truth["median_px"] == 0.0
    assert [row["name"] for row in truth["joints"]] == list(SKELETONS["coco_17"].joints)
    assert truth["clean_bound_mm"] is None
    assert report["detection"]["frames"] == 12
    assert json.loads(json.dumps(report)) == report
    # At the hip there are dark trousers, not the bright floor, in every picture that the videos gave.
    assert len(detector.seen) == 12
    assert np.max(detector.seen) < 100
    readme = (tmp_path / "walk" / "README.txt").read_text()
    assert "a detector finds them in the videos" in readme
    assert "openpose" not in readme


def test_a_joint_that_is_never_found_is_told_as_missing(tmp_path):
    class Blind(Oracle):
        def detect(self, pictures, *, in_sequence=True):
            for found in super().detect(pictures):
                found.confidence[:, 0] = 0.0
                yield found

    nose, *others = run_pixels_demo(tmp_path / "walk", Blind(SMALL), SMALL)["truth"]["joints"]
    assert (nose["found_percent"], nose["seen_percent"], nose["median_mm"], nose["median_px"]) == (0.0, 0.0, None, None)
    assert all(row["found_percent"] == 100.0 for row in others)


def test_pixels_that_are_off_are_told(tmp_path):
    truth = run_pixels_demo(tmp_path / "walk", Oracle(SMALL, shift=[0.3, 0.4]), SMALL)["truth"]
    assert truth["median_px"] == 0.5
    assert 1 < truth["median_mm"] < 40


def test_a_demo_with_video_keeps_its_keypoints_and_can_be_made_anew(tmp_path):
    report = run_demo(tmp_path / "walk", SMALL, video=True)
    assert report["reconstruction"]["input"]["joint_set"] == "body_25b"
    videos = sorted(path.name for path in (tmp_path / "walk" / "videos").iterdir())
    assert videos == ["cam01.mp4", "cam02.mp4", "cam03.mp4"]
    notes = " ".join(report["reconstruction"]["input"]["notes"])
    assert "differ" not in notes
    run_demo(tmp_path / "walk", SMALL, overwrite=True)
    assert not (tmp_path / "walk" / "videos").exists()


@pytest.fixture(scope="module")
def capture():
    return synthesize(SMALL)


def test_joints_of_which_there_is_no_truth_do_not_count(capture):
    truth = capture.truth
    odd = Skeleton("odd", ("left_knee", "mouth", "nose"))
    places = [truth.skeleton.index("left_knee"), 0, truth.skeleton.index("nose")]
    poses = Poses.from_xyz(truth.xyz[:, :, places] + [0, 0, 0.005], odd, truth.fps, truth.rig)
    error, _ = deviation(poses, truth)
    assert np.isnan(error[:, 1]).all()
    np.testing.assert_allclose(error[:, [0, 2]], np.broadcast_to([0, 0, 0.005], (4, 2, 3)), atol=1e-12)
    with pytest.raises(InputError, match="the truth is one person of body_25b"):
        deviation(Poses.from_xyz(truth.xyz[:, :, :1], Skeleton("mouths", ("mouth",)), truth.fps), truth)
    with pytest.raises(InputError, match="hold no cameras or no keypoints"):
        error_from_pixels(poses, truth)


@pytest.fixture(scope="module")
def turning():
    """Poses of somebody who turns, a centimetre off with error bars of a millimetre, and the truth."""
    truth = synthesize(DemoSettings(duration=8.0, fps=10.0, n_cameras=2)).truth
    covariance = np.broadcast_to(np.array([1e-6, 0, 0, 1e-6, 0, 1e-6]), (*truth.xyz.shape[:-1], 6))
    return truth, covariance


def poses_off(truth, covariance, off):
    keypoints = synthesize(DemoSettings(duration=8.0, fps=10.0, n_cameras=2)).detections.associated().keypoints
    one = replace(keypoints, xy=keypoints.xy[:, :, :1], confidence=keypoints.confidence[:, :, :1])
    return replace(truth, xyz=truth.xyz + off, covariance=covariance, keypoints=one)


def test_an_offset_that_a_joint_keeps_towards_the_body_is_told_from_what_error_bars_are_about(turning, rng):
    truth, covariance = turning
    index = truth.skeleton.index
    across = (truth.xyz[:, 0, index("right_hip")] - truth.xyz[:, 0, index("left_hip")]) * [1, 1, 0]
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    assert (across[:, :2] @ across[0, :2]).min() < 0.5, "somebody turns"
    noise = rng.normal(0, 1e-3, truth.xyz.shape)
    told = error_from_pixels(poses_off(truth, covariance, 0.01 * across[:, None, None] + noise), truth)
    assert told["inside_90_percent"] < 5
    assert told["offset_percent"] == pytest.approx(100 * 1e-4 / (1e-4 + 3e-6), abs=2)
    assert told["inside_90_around_offset_percent"] == pytest.approx(90, abs=3)
    # What points one way in the hall points all ways from a body that turns.
    told = error_from_pixels(poses_off(truth, covariance, np.array([0.01, 0, 0]) + noise), truth)
    assert told["offset_percent"] < 30


def test_a_detector_of_other_joints_is_refused_before_anything_is_filmed(tmp_path):
    detector = Oracle(SMALL)
    detector.skeleton = Skeleton("mouths", ("mouth",))
    with pytest.raises(InputError, match="detector oracle finds no joint of which the demo knows the truth"):
        run_pixels_demo(tmp_path / "walk", detector, SMALL)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(
    not (WEIGHTS / OWN["light"]).is_file(), reason="the light network's weights are not in this checkout"
)
def test_the_light_network_finds_joints_in_drawn_people():
    """Boxes are given, so that the network alone is on trial: chance would find about one joint in twenty."""
    pytest.importorskip("torch")
    from lift3d.detectors.keypoint_network import KeypointNetwork
    from lift3d.viz.footage import Footage

    settings = replace(SMALL, size=(640, 360), n_cameras=4)
    capture = synthesize(settings)
    network = KeypointNetwork.load(WEIGHTS / OWN["light"])
    pictures = Footage(capture.rig, capture.truth.skeleton).pictures(capture.people[0])
    true = np.stack([camera.project(capture.truth.xyz[0, 0]) for camera in capture.rig])
    seen = np.ones((1, true.shape[1]), bool)
    boxes = [Boxes(boxes_around(xy[None], seen), np.ones(1)) for xy in true]
    index = [capture.truth.skeleton.index(joint) for joint in network.skeleton.joints]
    right = []
    for found, xy in zip(network(pictures, boxes), true, strict=True):
        middle = {part: xy[[capture.truth.skeleton.index(side + part) for side in SIDES]].mean(0) for part in TORSO}
        torso = np.linalg.norm(middle["shoulder"] - middle["hip"])
        right.append(np.linalg.norm(found.xy[0] - xy[index], axis=-1) < 0.2 * torso)
    assert np.mean(right) > 0.3
