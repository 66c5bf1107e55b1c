"""Frame by frame comes out what the whole sequence gives."""

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Keypoints
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig

torch = pytest.importorskip("torch", reason="lift3d[train] is not installed")

from lift3d.checkpoint import Checkpoint  # noqa: E402
from lift3d.lift import LiftConfig, lift_keypoints  # noqa: E402
from lift3d.lifters.encoding import feature_count  # noqa: E402
from lift3d.lifters.lifter import Lifter  # noqa: E402
from lift3d.lifters.networks import build_network  # noqa: E402
from lift3d.live import LiveLifter  # noqa: E402

COCO = SKELETONS["coco_17"]
H36M = SKELETONS["h36m_17"]
T = 40


def lifter(arch, mocap_body, *, face=0):
    """It answers the standing body, ``face`` points at its head, and a little that depends on all it is shown."""
    torch.manual_seed(2)
    network = build_network(arch, feature_count(17), 17 + face, width=16)
    upright = (mocap_body - mocap_body[0])[[*range(17), *[10] * face]][:, [1, 2, 0]] * (1, -1, -1)
    state = network.state_dict() | {"heads.xyz.bias": torch.tensor(upright.ravel() / 0.3, dtype=torch.float32)}
    return Lifter(Checkpoint("lifter", {"arch": arch, "sizes": {"width": 16}, "joints_in": "coco17"}, state))


@pytest.fixture
def walk(mocap_body, rng):
    """A body that shakes and sways before a camera; nobody for some frames, and too little of them in one."""
    camera = ring_rig(1, height=1.0)[0]
    body = mocap_body[[H36M.index(joint if joint in H36M.joints else "head") for joint in COCO.joints]]
    sway = 0.3 * np.sin(np.arange(T) / 6)[:, None, None] * (1, 1, 0)
    xy = camera.project(body + sway) + rng.normal(0, 3, (T, 17, 2))
    confidence = rng.uniform(0.3, 1.0, (T, 17))
    confidence[[0, 11, 12, 13]] = 0
    confidence[20, 4:] = 0
    return camera, xy, confidence


@pytest.mark.parametrize("arch", ["mlp", "tcn-causal"])
@pytest.mark.parametrize(
    ("fps", "flip_test", "joints"), [(30.0, True, "h36m17"), (60.0, False, "detector"), (120.0, True, "h36m17")]
)
def test_frame_by_frame_comes_out_what_the_sequence_gives(walk, mocap_body, arch, fps, flip_test, joints):
    camera, xy, confidence = walk
    config = LiftConfig(flip_test=flip_test, max_gap=0, joints=joints)
    network = lifter(arch, mocap_body, face=5)
    whole = Keypoints(xy[:, None, None], confidence[:, None, None], (camera.name,), COCO, fps)
    poses = lift_keypoints(whole, camera, network, config=config)
    live = LiveLifter(camera, network, fps=fps, config=config)
    found = [live.lift(*frame) for frame in zip(xy, confidence, strict=True)]
    np.testing.assert_allclose([each.xyz for each in found], poses.xyz[:, 0], atol=1e-5)
    upper = [each.covariance[..., [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]] for each in found]
    np.testing.assert_allclose(upper, poses.covariance[:, 0], atol=1e-5)
    assert np.isfinite([each.xyz for each in found]).all((-1, -2)).sum() == T - 5


@pytest.mark.parametrize("arch", ["mlp", "tcn-causal"])
def test_with_one_body_bones_settle_as_frames_come_in(walk, mocap_body, arch):
    camera, xy, confidence = walk
    network = lifter(arch, mocap_body, face=5)
    thigh, found = {}, {}
    for fitted in (False, True):
        live = LiveLifter(camera, network, fps=30, config=LiftConfig(one_body=fitted, joints="detector"))
        found[fitted] = [live.lift(*frame) for frame in zip(xy, confidence, strict=True)]
        xyz = np.stack([each.xyz for each in found[fitted]])
        thigh[fitted] = np.linalg.norm(xyz[:, COCO.index("left_hip")] - xyz[:, COCO.index("left_knee")], axis=-1)
    np.testing.assert_array_equal(np.isnan(thigh[True]), np.isnan(thigh[False]))
    assert np.nanstd(thigh[True][20:]) < 0.5 * np.nanstd(thigh[False][20:])
    assert all((np.linalg.eigvalsh(each.covariance) > 0).all() for each in found[True] if np.isfinite(each.xyz).all())


def test_a_network_that_needs_frames_to_come_is_refused(mocap_body):
    camera = ring_rig(1)[0]
    with pytest.raises(InputError, match=r"tcn needs the 13 frames to come.*take tcn-causal or mlp"):
        LiveLifter(camera, lifter("tcn", mocap_body), fps=30)
    with pytest.raises(InputError, match="fps must be above zero, got 0"):
        LiveLifter(camera, lifter("mlp", mocap_body), fps=0)
    with pytest.raises(InputError, match="this mlp does not know nose, left_eye"):
        LiveLifter(camera, lifter("mlp", mocap_body), fps=30, config=LiftConfig(joints="detector"))


def test_joints_of_another_number_are_refused(mocap_body):
    live = LiveLifter(ring_rig(1)[0], lifter("mlp", mocap_body), fps=30)
    with pytest.raises(InputError, match=r"xy must be \[17, 2\] and confidence \[17\] for coco_17, got \[25, 2\]"):
        live.lift(np.zeros((25, 2)), np.ones(25))
