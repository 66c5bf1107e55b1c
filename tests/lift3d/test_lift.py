"""From a keypoint file to poses in the world; what does not fit is refused."""

import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.calib import InputError
from lift3d.calib.formats import write_rig
from lift3d.cli import main
from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.coco_of_h36m import coco_of_h36m
from lift3d.datasets.keypoint_formats import write_h5
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig

torch = pytest.importorskip("torch", reason="lift3d[train] is not installed")

from lift3d.checkpoint import Checkpoint, save_checkpoint  # noqa: E402
from lift3d.detectors.detection import Boxes, Detection  # noqa: E402
from lift3d.lift import LiftConfig, assumed_camera, keypoints_beside, lift_keypoints, view_named  # noqa: E402
from lift3d.lifters.encoding import feature_count  # noqa: E402
from lift3d.lifters.lifter import Lifter  # noqa: E402
from lift3d.lifters.networks import build_network  # noqa: E402

COCO = SKELETONS["coco_17"]
H36M = SKELETONS["h36m_17"]


def standing(path, body):
    """A lifter that answers one upright pose, facing the camera, whatever it sees."""
    network = build_network("mlp", feature_count(17), len(body), width=8)
    state = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    upright = (body - body[0])[:, [1, 2, 0]] * (1, -1, -1)
    state["heads.xyz.bias"] = torch.tensor(upright.ravel() / 0.3, dtype=torch.float32)
    description = {"arch": "mlp", "sizes": {"width": 8}, "joints_in": "coco17", "joints_out": "h36m17"}
    return save_checkpoint(path, Checkpoint("lifter", description, state))


@pytest.fixture
def always_standing(tmp_path, mocap_body):
    """It knows Human3.6M's joints."""
    return standing(tmp_path / "standing.pt", mocap_body)


@pytest.fixture
def with_face(tmp_path, mocap_body, rng):
    """It knows the face as well."""
    face = coco_of_h36m(mocap_body[None, None].astype(np.float32), rng)[0, 0, :5]
    return standing(tmp_path / "face.pt", np.concatenate([mocap_body, face]))


def seen_by(camera, mocap_body, *, frames=5, skeleton=COCO):
    """The standing body, turned to face the camera, at the world's origin; faces at the head."""
    to_camera = camera.center[:2] / np.linalg.norm(camera.center[:2])
    turn = np.array([[to_camera[0], -to_camera[1], 0], [to_camera[1], to_camera[0], 0], [0, 0, 1]])
    body = mocap_body @ turn.T
    names = [joint if joint in H36M.joints else "head" for joint in skeleton.joints]
    xy = camera.project(body[[H36M.index(name) for name in names]])
    xy = np.repeat(xy[None, None, None], frames, 0)
    return body, Keypoints(xy, np.full(xy.shape[:-1], 0.9), (camera.name,), skeleton, 25.0)


def test_a_person_who_is_as_the_lifter_thinks_is_found_in_the_world(always_standing, mocap_body):
    camera = ring_rig(1, height=1.0)[0]
    body, keypoints = seen_by(camera, mocap_body)
    poses = lift_keypoints(keypoints, camera, Lifter.load(always_standing))
    error = np.linalg.norm(poses.xyz[:, 0] - body, axis=-1)
    assert error.max() < 0.2  # the camera looks down by a few degrees, which this lifter cannot know
    assert np.linalg.norm(poses.xyz[0, 0, 0] - body[0]) < 0.05
    assert (poses.status == 3).all()
    assert poses.fps == 25.0
    assert np.nanmedian(poses.reprojection_error) < 10
    assert poses.verdict["level"] == "doubtful"
    assert "one camera" in poses.verdict["reasons"][0]


def test_in_the_detectors_own_joints_the_face_is_where_it_was_seen(with_face, mocap_body, rng):
    camera = ring_rig(1, height=1.0)[0]
    body, keypoints = seen_by(camera, mocap_body)
    face = coco_of_h36m(body[None, None].astype(np.float32), rng)[0, 0]
    keypoints.xy[:] = camera.project(face)
    keypoints.confidence[3] = 0
    lifter = Lifter.load(with_face)
    config = LiftConfig(joints="detector", max_gap=0, ground=True)
    poses = lift_keypoints(keypoints, camera, lifter, config=config)
    assert poses.skeleton is lifter.joints
    assert poses.skeleton.joints == COCO.joints
    ankles = poses.xyz[:, 0, [COCO.index("left_ankle"), COCO.index("right_ankle")], 2]
    assert np.nanmin(ankles) == pytest.approx(0.08, abs=0.01)
    error = np.linalg.norm((poses.xyz - poses.xyz[:, :, 11:12])[0, 0] - (face - face[11]), axis=-1)
    assert error.max() < 0.2  # as above
    assert np.nanmax(poses.reprojection_error) < 40
    assert np.isfinite(poses.reprojection_error[0]).all()  # the detector has all of these joints
    np.testing.assert_allclose(poses.confidence[0], 0.9)
    assert (poses.status[3] == 0).all()
    usual = lift_keypoints(keypoints, camera, lifter, config=LiftConfig(max_gap=0, ground=True))
    assert (usual.skeleton, usual.xyz.shape[2]) == (H36M, 17)
    elbow = H36M.index("left_elbow"), COCO.index("left_elbow")
    np.testing.assert_array_equal(usual.xyz[:, 0, elbow[0]], poses.xyz[:, 0, elbow[1]])


def test_frames_without_a_person_stay_missing(always_standing, mocap_body):
    camera = ring_rig(1, height=1.0)[0]
    _, keypoints = seen_by(camera, mocap_body)
    keypoints.xy[2] = np.nan
    keypoints.confidence[2] = 0
    poses = lift_keypoints(keypoints, camera, Lifter.load(always_standing), config=LiftConfig(max_gap=0))
    assert np.isnan(poses.xyz[2]).all()
    assert (poses.status[2] == 0).all()
    assert (poses.confidence[2] == 0).all()
    assert np.isfinite(poses.xyz[[0, 1, 3, 4]]).all()
    assert "1 of 5 frames" in poses.verdict["reasons"][1]


def test_short_gaps_are_bridged_and_marked(always_standing, mocap_body):
    camera = ring_rig(1, height=1.0)[0]
    _, keypoints = seen_by(camera, mocap_body, frames=12)
    for t in (2, *range(4, 11)):  # one frame, and seven: 0.28 s
        keypoints.xy[t], keypoints.confidence[t] = np.nan, 0
    poses = lift_keypoints(keypoints, camera, Lifter.load(always_standing))
    assert poses.status[:, 0, 0].tolist() == [3, 3, 2, 3, 0, 0, 0, 0, 0, 0, 0, 3]
    np.testing.assert_allclose(poses.xyz[2], (poses.xyz[1] + poses.xyz[3]) / 2, atol=1e-9)
    assert np.isfinite(poses.covariance[2]).all()


def test_on_the_ground_the_feet_stand_at_zero_and_the_picture_stays(always_standing, mocap_body):
    camera = assumed_camera((1280, 720))
    _, keypoints = seen_by(ring_rig(1, height=1.0)[0], mocap_body)
    floating, standing = (
        lift_keypoints(keypoints, camera, Lifter.load(always_standing), config=LiftConfig(ground=ground))
        for ground in (False, True)
    )
    ankles = [H36M.index("left_ankle"), H36M.index("right_ankle")]
    assert standing.xyz[:, 0, ankles, 2].min() == pytest.approx(0.08, abs=0.01)
    np.testing.assert_allclose(standing.rig.project(standing.xyz), floating.rig.project(floating.xyz), atol=1e-6)


def test_nobody_at_all_is_bad(always_standing, mocap_body):
    camera = ring_rig(1)[0]
    _, keypoints = seen_by(camera, mocap_body)
    keypoints.confidence[:] = 0
    keypoints.xy[:] = np.nan
    assert lift_keypoints(keypoints, camera, Lifter.load(always_standing)).verdict["level"] == "bad"


@pytest.mark.parametrize(
    ("skeleton", "message"),
    [
        ("h36m_17", r"coco_17, the keypoints are h36m_17 and lack nose.*lift3d train lifter --joints h36m17"),
        ("shelf_14", r"lack nose.*no joint set that a lifter can be trained for \(coco17, h36m17, body25"),
    ],
)
def test_a_lifter_for_other_joints_is_refused_with_what_would_fit(always_standing, mocap_body, skeleton, message):
    camera = ring_rig(1)[0]
    _, keypoints = seen_by(camera, mocap_body, skeleton=SKELETONS[skeleton])
    with pytest.raises(InputError, match=message):
        lift_keypoints(keypoints, camera, Lifter.load(always_standing))


@pytest.fixture
def capture(tmp_path, mocap_body):
    rig = ring_rig(2, height=1.0)
    write_rig(rig, tmp_path / "calib.toml", "pose2sim")
    _, one = seen_by(rig[0], mocap_body)
    _, two = seen_by(rig[1], mocap_body)
    both = Keypoints(np.concatenate([one.xy, two.xy], 1), np.full((5, 2, 1, 17), 0.9), ("cam_1", "cam_2"), COCO)
    return write_h5(tmp_path / "k.h5", both)


def lift(*arguments):
    return CliRunner().invoke(main, ["lift", *map(str, arguments)])


def test_the_command_lifts_one_view_of_several(capture, always_standing, tmp_path):
    typed = [capture, "--camera", tmp_path / "calib.toml", "--lifter", always_standing, "-o", tmp_path / "r.poses.h5"]
    assert "say which to lift: --view cam_1" in lift(*typed).output
    assert "holds no view cam_9; there are cam_1, cam_2" in lift(*typed, "--view", "cam_9").output
    result = lift(*typed, "--view", "cam_2", "--fps", 50)
    assert result.exit_code == 0, result.output
    assert "5 of 5 frames lifted" in result.output
    poses = Poses.load(tmp_path / "r.poses.h5")
    assert (poses.fps, poses.rig.names, poses.skeleton.name) == (50.0, ("cam02",), "h36m_17")
    assert "exists; give --overwrite" in lift(*typed, "--view", "cam_2").output


def test_the_command_lifts_to_the_detectors_joints_where_the_lifter_knows_them(
    capture, always_standing, with_face, tmp_path
):
    typed = [capture, "--camera", tmp_path / "calib.toml", "--view", "cam_1", "--fps", 25, "--joints", "detector"]
    out = tmp_path / "r.poses.h5"
    refused = lift(*typed, "--lifter", always_standing, "-o", out)
    assert refused.exit_code == 1
    assert "does not know nose, left_eye, right_eye" in refused.output
    assert "lift3d train lifter --arch mlp --joints coco17" in refused.output
    result = lift(*typed, "--lifter", with_face, "-o", out)
    assert result.exit_code == 0, result.output
    poses = Poses.load(out)
    assert (poses.skeleton, poses.settings["lift"]["joints"]) == (COCO, "detector")


def test_a_view_may_be_called_as_the_camera_is_and_another_one_is_refused():
    assert view_named(("cam01", "cam02"), "cam_01", "walk") == "cam01"
    assert view_named(("cam01",), None, "walk") == "cam01"
    with pytest.raises(InputError, match="walk holds no view cam03; there are cam01, cam02"):
        view_named(("cam01", "cam02"), "cam03", "walk")
    with pytest.raises(InputError, match="walk holds cam01, cam02; say which to lift: --view cam01"):
        view_named(("cam01", "cam02"), None, "walk")


def test_a_video_is_not_looked_through_for_a_view_that_it_is_not(always_standing, write_video, tmp_path):
    video = write_video(tmp_path / "walk.mp4")
    typed = (video, "--lifter", always_standing, "--size", 64, 48, "--view", "left", "-o", tmp_path / "a.poses.h5")
    result = lift(*typed)
    assert result.exit_code == 1
    assert "holds no view left; there are walk" in result.output
    assert not list(tmp_path.glob("a.*"))


def test_an_unknown_camera_must_at_least_have_a_size(capture, always_standing, tmp_path):
    typed = [capture, "--view", "cam_1", "--lifter", always_standing, "--fps", 25, "-o", tmp_path / "r.poses.h5"]
    assert "give --camera CALIBRATION, or --size" in lift(*typed).output
    result = lift(*typed, "--size", 1280, 720)
    assert result.exit_code == 0, result.output
    assert "assumed: focal length 1536 px" in result.output


def test_the_assumed_camera_stands_upright():
    camera = assumed_camera((1280, 720))
    above, below = camera.project(np.array([[0.0, 4.0, 0.5], [0.0, 4.0, -0.5]]))
    assert above[1] < 359.5 < below[1]
    assert above[0] == pytest.approx(639.5)


class Stub:
    """A detector that sees the standing body in every picture."""

    name, skeleton = "stub", COCO

    def __init__(self, xy):
        self.xy = xy

    def detect(self, pictures, *, in_sequence=True):
        boxes = Boxes(np.array([[0.0, 0.0, 100.0, 200.0]]), np.ones(1))
        yield from (Detection(self.xy[None], np.full((1, 17), 0.9), boxes) for _ in pictures)


def test_a_video_is_detected_and_lifted(always_standing, mocap_body, write_video, tmp_path, monkeypatch):
    rig = ring_rig(1, height=1.0)
    write_rig(rig, tmp_path / "calib.toml", "pose2sim")
    video = write_video(tmp_path / "cam01.mp4", size=rig[0].size, frames=4)
    _, keypoints = seen_by(rig[0], mocap_body)
    stub = Stub(keypoints.xy[0, 0, 0])
    monkeypatch.setattr("lift3d.detectors.registry.open_detector", lambda name, options: stub)
    out = tmp_path / "r.poses.h5"
    result = lift(video, "--camera", tmp_path / "calib.toml", "--lifter", always_standing, "-o", out)
    assert result.exit_code == 0, result.output
    assert "4 of 4 frames lifted" in result.output
    assert keypoints_beside(out).is_file()
    assert Poses.load(out).fps == 25.0
    alone = lift(video, "--lifter", always_standing, "-o", tmp_path / "alone.poses.h5")
    assert "assumed: focal length 1536 px" in alone.output  # the video tells its size


@pytest.mark.parametrize(("fps", "warned"), [(10, True), (15, False)])
def test_a_slow_recording_is_better_lifted_frame_by_frame(capture, tmp_path, caplog, fps, warned):
    network = build_network("tcn", feature_count(17), 17, width=8)
    description = {"arch": "tcn", "sizes": {"width": 8}, "joints_in": "coco17"}
    path = save_checkpoint(tmp_path / "tcn.pt", Checkpoint("lifter", description, network.state_dict()))
    typed = ["--camera", tmp_path / "calib.toml", "--view", "cam_1", "--fps", fps, "-o", tmp_path / "r.poses.h5"]
    assert lift(capture, *typed, "--lifter", path).exit_code == 0
    assert ("at 10 frames a second movements look faster to tcn" in caplog.text) == warned
    assert ("--lifter mlp" in caplog.text) == warned


@pytest.mark.parametrize(("name", "usual"), [("mlp", False), ("tcn-causal", False), ("tcn", True)])
def test_one_body_is_fitted_where_asked_and_where_the_lifter_sees_frames_to_come(mocap_body, name, usual):
    camera = ring_rig(1, height=1.0)[0]
    _, keypoints = seen_by(camera, mocap_body, frames=12)
    lifter = Lifter.load(name)
    poses = {
        asked: lift_keypoints(keypoints, camera, lifter, config=LiftConfig(one_body=asked))
        for asked in (None, False, True)
    }
    np.testing.assert_array_equal(poses[None].xyz, poses[usual].xyz)
    assert poses[None].settings["lift"]["one_body"] is usual
    assert np.linalg.norm(poses[True].xyz - poses[False].xyz, axis=-1).max() > 1e-3
    assert np.nanmedian(poses[True].reprojection_error) < np.nanmedian(poses[False].reprojection_error)
