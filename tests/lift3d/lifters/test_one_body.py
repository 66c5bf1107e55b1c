"""One body for a sequence: lengths that stay, joints on their rays, and poses nearer to the truth."""

import numpy as np
import pytest

from lift3d.lifters import one_body
from lift3d.lifters.lifter import Lifted
from lift3d.lifters.one_body import BONES, Shown, body_of, fit_one_body
from lift3d.lifters.placement import place
from lift3d.lifters.samples import COCO, H36M
from lift3d.lifters.windows import Timing

ACROSS, ALONG = 0.01, 0.06


@pytest.fixture
def scene(rng, tiny_clips):
    """A moving person 4 m away [60, 17, 3] in the camera frame, exact rays of COCO's limbs, and a lifter's answers."""
    true = tiny_clips[0].xyz.astype(float)[..., [1, 2, 0]] * (1, -1, 1) + (0.3, 1.0, 4.0)
    rays, seen = np.zeros((60, 17, 2)), np.zeros((60, 17))
    for joint in COCO.joints[5:]:
        rays[:, COCO.index(joint)] = (true[..., :2] / true[..., 2:])[:, H36M.index(joint)]
        seen[:, COCO.index(joint)] = 1.0
    error = rng.normal(0, (ACROSS, ACROSS, ALONG), true.shape)
    for t in range(1, 60):  # a lifter's errors last
        error[t] = 0.9 * error[t - 1] + np.sqrt(1 - 0.9**2) * error[t]
    return true, rays, seen, answers(true - true[:, :1] + error - error[:, :1])


def answers(relative):
    covariance = np.broadcast_to(2 * np.diag([ACROSS, ACROSS, ALONG]) ** 2, (*relative.shape, 3)).copy()
    covariance[:, 0] = 0
    return Lifted(relative, covariance)


def fitted(lifted, rays, seen, **how):
    return fit_one_body(place(lifted, rays, seen, COCO), lifted, Shown(rays, seen, COCO, exact=True), **how)


def error_mm(lifted, true):
    return 1000 * float(np.linalg.norm(lifted.xyz - (true - true[:, :1]), axis=-1)[:, 1:].mean())


def lengths(xyz):
    ends = np.array(BONES)
    return np.linalg.norm(xyz[:, ends[:, 0]] - xyz[:, ends[:, 1]], axis=-1)


def test_the_fit_takes_away_a_good_part_of_the_error(scene):
    true, rays, seen, lifted = scene
    _, after = fitted(lifted, rays, seen)
    assert error_mm(after, true) < 0.75 * error_mm(lifted, true)


def test_bones_keep_their_length_afterwards(scene):
    _, rays, seen, lifted = scene
    _, after = fitted(lifted, rays, seen)
    limbs = [k for k, (a, _) in enumerate(BONES) if H36M.joints[a].endswith(("knee", "ankle", "elbow", "wrist"))]
    assert lengths(lifted.xyz)[:, limbs].std(0).min() > 0.01
    assert lengths(after.xyz)[:, limbs].std(0).max() < 0.006


def test_joints_lie_on_their_rays_afterwards(scene):
    _, rays, seen, lifted = scene
    placed, _ = fitted(lifted, rays, seen)
    wrist = placed.xyz[:, H36M.index("left_wrist")]
    off = wrist[:, :2] - rays[:, COCO.index("left_wrist")] * wrist[:, 2:]
    assert np.linalg.norm(off, axis=-1).max() < 0.003


def test_the_truth_stays_where_it_is(scene):
    true, rays, seen, _ = scene
    placed, after = fitted(answers(true - true[:, :1]), rays, seen)
    assert error_mm(after, true) < 3.0  # small accelerations are preferred
    np.testing.assert_allclose(placed.xyz[:, 0], true[:, 0], atol=0.01)


def test_its_covariance_covers_the_error_that_is_left(scene):
    true, rays, seen, lifted = scene
    _, after = fitted(lifted, rays, seen)
    sigma = np.sqrt(np.einsum("tjii->tji", after.covariance))[:, 1:]
    inside = np.abs(after.xyz - true + true[:, :1])[:, 1:] <= 1.645 * sigma
    assert 0.8 < inside.mean() <= 0.99
    assert sigma[..., 2].mean() < np.sqrt(2) * ALONG  # smaller than the lifter's
    assert not after.covariance[:, 0].any()


def test_left_and_right_get_one_length_and_sure_frames_count_more(mocap_body):
    xyz = np.repeat(mocap_body[None], 9, 0)
    xyz[:5, H36M.index("left_ankle"), 2] -= 0.2
    covariance = np.broadcast_to(1e-4 * np.eye(3), (9, 17, 3, 3)).copy()
    covariance[:5] *= 100
    found = dict(zip(BONES, body_of(xyz, covariance).length, strict=True))
    left, right = ((H36M.index(f"{side}_ankle"), H36M.index(f"{side}_knee")) for side in ("left", "right"))
    assert found[left] == found[right] == pytest.approx(np.linalg.norm(mocap_body[3] - mocap_body[2]), abs=1e-6)


def test_a_joint_detected_elsewhere_in_one_frame_does_not_go_there(scene):
    true, rays, seen, lifted = scene
    rays[30, COCO.index("right_ankle")] += 0.2  # 80 cm
    _, after = fitted(lifted, rays, 0.9 * seen)
    ankle = H36M.index("right_ankle")
    assert np.linalg.norm((after.xyz - true + true[:, :1])[30, ankle]) < 0.15


def test_frames_without_anybody_stay_empty_and_part_the_motion(scene):
    _, rays, seen, lifted = scene
    lifted.xyz[30:40] = np.nan
    seen[30:40] = 0
    placed, after = fitted(lifted, rays, seen)
    assert np.isnan(placed.xyz[30:40]).all()
    assert np.isfinite(placed.xyz[:30]).all()
    alone, _ = fitted(Lifted(lifted.xyz[:30], lifted.covariance[:30]), rays[:30], seen[:30])
    bones = body_of(lifted.xyz[:30], lifted.covariance[:30]).length
    assert np.abs(lengths(after.xyz[:30]).mean(0) - bones).max() < 0.03  # the body is that of all frames
    assert np.linalg.norm(placed.xyz[:30] - alone.xyz, axis=-1).max() < 0.05


def test_frames_that_the_numbers_part_are_not_smoothed_across(scene, monkeypatch):
    _, rays, seen, lifted = scene
    together, _ = fitted(lifted, rays, seen)
    parted, _ = fitted(lifted, rays, seen, time=Timing(np.r_[0:30, 90:120]))
    moved = np.linalg.norm(together.xyz - parted.xyz, axis=-1).max(1)
    assert moved[[29, 30]].min() > 1e-4
    assert moved[[5, 55]].max() < 0.2 * moved[[29, 30]].max()


def test_long_recordings_are_solved_in_parts_that_agree(scene, monkeypatch):
    _, rays, seen, lifted = scene
    whole, _ = fitted(lifted, rays, seen)
    monkeypatch.setattr(one_body, "LONGEST", 20)
    parts, _ = fitted(lifted, rays, seen)
    assert np.linalg.norm(whole.xyz - parts.xyz, axis=-1).max() < 0.005


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_few_frames_are_enough(scene, count):
    true, rays, seen, lifted = scene
    short = Lifted(lifted.xyz[:count], lifted.covariance[:count])
    _, after = fitted(short, rays[:count], seen[:count])
    assert error_mm(after, true[:count]) < 1.05 * error_mm(short, true[:count])


def test_nobody_at_all_is_left_alone(scene):
    _, rays, seen, lifted = scene
    lifted.xyz[:] = np.nan
    placed, after = fitted(lifted, rays, 0 * seen)
    assert np.isnan(placed.xyz).all()
    assert after is lifted


@pytest.fixture
def with_face(scene):
    """The scene, and a face 2 cm above and 5 cm before the neck: lifted as such, and seen there or not."""
    true, rays, seen, lifted = scene
    face = np.repeat(lifted.xyz[:, [H36M.index("neck")]] + (0, 0.02, -0.05), 5, 1)
    there = np.repeat(true[:, [H36M.index("neck")]] + (0, 0.02, -0.05), 5, 1)
    rays[:, :5] = there[..., :2] / there[..., 2:]
    more = Lifted(np.concatenate([lifted.xyz, face], 1), lifted.covariance[:, [*range(17), *[9] * 5]])
    return there, rays, seen, more


def test_a_face_that_is_not_seen_goes_along_with_the_neck(with_face):
    _, rays, seen, lifted = with_face
    placed, after = fitted(lifted, rays, seen)
    np.testing.assert_allclose(placed.xyz[:, 17] - placed.xyz[:, 9], np.tile((0, 0.02, -0.05), (60, 1)), atol=1e-6)
    assert np.abs(after.xyz[:, 9] - lifted.xyz[:, 9]).max() > 1e-3


def test_a_face_that_is_seen_moves_towards_its_rays(with_face):
    _, rays, seen, lifted = with_face
    alone, _ = fitted(lifted, rays, seen)
    seen[:, :5] = 0.9
    placed, after = fitted(lifted, rays, seen)
    off = [np.linalg.norm(x.xyz[:, 17:, :2] / x.xyz[:, 17:, 2:] - rays[:, :5], axis=-1).mean() for x in (alone, placed)]
    assert off[1] < 0.5 * off[0]
    assert np.isfinite(after.covariance[:, 17:]).all()
    assert (np.linalg.eigvalsh(after.covariance[:, 17:]) > 0).all()
