"""Joints that one camera alone saw are completed by the lifter, marked, and no surer than they are."""

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.poses import Status
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig

torch = pytest.importorskip("torch", reason="lift3d[train] is not installed")

from lift3d.checkpoint import Checkpoint  # noqa: E402
from lift3d.depth_errors import predict_errors  # noqa: E402
from lift3d.fill import fill_lifted  # noqa: E402
from lift3d.lifters.encoding import feature_count  # noqa: E402
from lift3d.lifters.lifter import Lifter  # noqa: E402
from lift3d.lifters.networks import build_network  # noqa: E402

COCO, H36M = SKELETONS["coco_17"], SKELETONS["h36m_17"]
SCALE = 1.15  # this person is taller than the lifter thinks
ELBOW, WRIST, ANKLE, NOSE = (COCO.index(joint) for joint in ("left_elbow", "left_wrist", "right_ankle", "nose"))


@pytest.fixture
def lifter(mocap_body):
    """It answers one upright pose that faces the camera, whatever it sees."""
    network = build_network("mlp", feature_count(17), 17, width=8)
    state = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    upright = (mocap_body - mocap_body[0])[:, [1, 2, 0]] * (1, -1, -1)
    state["heads.xyz.bias"] = torch.tensor(upright.ravel() / 0.3, dtype=torch.float32)
    description = {"arch": "mlp", "sizes": {"width": 8}, "joints_in": "coco17", "joints_out": "h36m17"}
    return Lifter(Checkpoint("lifter", description, state))


@pytest.fixture
def poses(mocap_body):
    """Forty frames of the body, one and a bit as large, facing the first of three cameras, as if triangulated."""
    rig = ring_rig(3, height=1.2)
    towards = rig[0].center[:2] / np.linalg.norm(rig[0].center[:2])
    turn = np.array([[towards[0], -towards[1], 0], [towards[1], towards[0], 0], [0, 0, 1]])
    body = SCALE * mocap_body @ turn.T
    names = [joint if joint in H36M.joints else "head" for joint in COCO.joints]
    xyz = np.repeat(body[[H36M.index(name) for name in names]][None, None], 40, 0)
    xy = np.moveaxis(rig.project(xyz), 0, 1)
    keypoints = Keypoints(xy, np.full(xy.shape[:-1], 0.8), rig.names, COCO, 30.0)
    return Poses.from_xyz(xyz, COCO, 30.0, rig).replace(
        keypoints=keypoints, covariance=np.tile([1e-4, 0, 0, 1e-4, 0, 1e-4], (40, 1, 17, 1))
    )


def lose(poses, frames, joints, *, views=()):
    """Without some joints in 3D, and without the views' keypoints of them."""
    xyz, status, confidence = poses.xyz.copy(), poses.status.copy(), poses.keypoints.confidence.copy()
    for joint in joints:
        xyz[frames, 0, joint], status[frames, 0, joint] = np.nan, Status.MISSING
        for v in views:
            confidence[frames, v, 0, joint] = 0
    k = poses.keypoints
    return poses.replace(xyz=xyz, status=status, keypoints=Keypoints(k.xy, confidence, k.cameras, k.skeleton, k.fps))


def test_a_lost_forearm_hangs_on_what_was_triangulated(poses, lifter):
    lost = lose(poses, slice(10, 20), (ELBOW, WRIST), views=(1, 2))
    filled = fill_lifted(lost, lifter)
    assert (filled.status[10:20, 0, [ELBOW, WRIST]] == Status.LIFTED).all()
    error = np.linalg.norm(filled.xyz - poses.xyz, axis=-1)[10:20, 0, [ELBOW, WRIST]]
    assert error.max() < 0.12
    assert (filled.views[10:20, 0, ELBOW] == 1).all()
    sigma = filled.sigma[10:20, 0, [ELBOW, WRIST]]
    assert ((sigma > 0.005) & (sigma < 0.1)).all()  # nothing changes from frame to frame: the error is known


def test_nothing_that_was_triangulated_changes(poses, lifter):
    lost = lose(poses, slice(10, 20), (WRIST,), views=(1, 2))
    filled = fill_lifted(lost, lifter)
    kept = lost.status > 0
    np.testing.assert_array_equal(filled.xyz[kept], lost.xyz[kept])
    np.testing.assert_array_equal(filled.covariance[kept], lost.covariance[kept])
    np.testing.assert_array_equal(filled.status[kept], lost.status[kept])


def test_a_person_whom_one_camera_sees_is_placed_at_the_size_that_is_known(poses, lifter):
    lost = lose(poses, slice(10, 20), range(17), views=(1, 2))
    filled = fill_lifted(lost, lifter)
    limbs = slice(5, 17)
    assert (filled.status[10:20, 0, limbs] == Status.LIFTED).all()
    error = np.linalg.norm(filled.xyz - poses.xyz, axis=-1)[10:20, 0, limbs]
    assert error.max() < 0.25  # without the size the person would stand 0.7 m nearer
    covered = np.abs(filled.xyz - poses.xyz) <= 1.645 * np.sqrt(filled.covariance[..., [0, 3, 5]])
    assert covered[10:20, 0, limbs].mean() > 0.8


def test_joints_that_nobody_knows_stay_missing(poses, lifter):
    filled = fill_lifted(lose(poses, slice(10, 20), (NOSE,), views=(1, 2)), lifter)
    assert (filled.status[10:20, 0, NOSE] == Status.MISSING).all()
    assert np.isnan(filled.xyz[10:20, 0, NOSE]).all()


def test_a_person_whom_no_camera_sees_well_stays_missing(poses, lifter):
    lost = lose(poses, slice(10, 20), range(17), views=(1, 2))
    lost = lose(lost, slice(10, 20), range(5, 17), views=(0,))  # five face points are too few
    assert (fill_lifted(lost, lifter).status[10:20] == Status.MISSING).all()


def test_whole_poses_are_left_alone(poses, lifter):
    np.testing.assert_array_equal(fill_lifted(poses, lifter).xyz, poses.xyz)


def test_what_cannot_be_filled_is_refused(poses, lifter):
    with pytest.raises(InputError, match="needs the cameras and keypoints"):
        fill_lifted(poses.replace(rig=None), lifter)
    other = Keypoints(np.zeros((40, 3, 1, 14, 2)), np.ones((40, 3, 1, 14)), poses.rig.names, SKELETONS["shelf_14"])
    with pytest.raises(InputError, match="trained for coco_17, the keypoints lack nose"):
        fill_lifted(poses.replace(keypoints=other), lifter)


def test_a_pixel_far_from_where_the_lifter_has_the_joint_is_not_followed(poses, lifter):
    lost = lose(poses, slice(10, 20), (WRIST,), views=(1, 2))
    lost.keypoints.xy[12, 0, 0, WRIST] += 200
    filled = fill_lifted(lost, lifter)
    assert filled.status[12, 0, WRIST] == Status.MISSING
    assert filled.status[13, 0, WRIST] == Status.LIFTED


def test_error_bars_cover_a_lifter_that_errs_by_turns(rng):
    T, J = 240, 12
    xyz = np.repeat(rng.uniform(-0.6, 0.6, (1, J, 3)) + (0, 0, 4), T, 0)
    slow = np.linalg.cholesky(np.exp(-np.abs(np.subtract.outer(np.arange(T), np.arange(T))) / 15) + 1e-9 * np.eye(T))
    apart = np.linalg.norm(xyz[0, :, None] - xyz[0], axis=-1)
    near = np.linalg.cholesky(np.exp(-apart / 0.25) + 1e-9 * np.eye(J))
    wanted = np.zeros((T, J), bool)
    wanted[60:90], wanted[150:180, :3] = True, True
    inside, gain = [], []
    for _ in range(6):
        body, own = slow @ rng.standard_normal((T, 1)), slow @ rng.standard_normal((T, J)) @ near.T
        error = 0.2 + 0.1 * body + 0.05 * own
        mean, variance = predict_errors(np.where(wanted, np.nan, error), xyz, wanted, 30.0)
        off = np.abs(mean - error)[wanted]
        gain.append(off.mean() / np.abs(error - error[~wanted].mean())[wanted].mean())
        inside.append((off <= 1.645 * np.sqrt(variance[wanted])).mean())
    assert np.mean(gain) < 0.95
    assert 0.8 < np.mean(inside) < 0.98
    assert variance[75, 0] > variance[61, 0]  # the middle of the gap is the least sure


def test_without_any_known_error_the_usual_one_is_meant():
    wanted = np.ones((3, 2), bool)
    mean, variance = predict_errors(np.full((3, 2), np.nan), np.zeros((3, 2, 3)), wanted, 30.0)
    np.testing.assert_array_equal(mean, np.zeros((3, 2)))
    assert 0.1 < np.sqrt(variance.min()) < 0.5
