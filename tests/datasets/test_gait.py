import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.body import Body
from lift3d.datasets.gait import walk_past, walk_turn_squat

BODY = Body()
JOINTS = BODY.skeleton
FEET = [JOINTS.index(side + part) for side in ("left_", "right_") for part in ("heel", "big_toe", "small_toe")]


@pytest.fixture(scope="module")
def demo():
    return walk_turn_squat()


def hips(xyz):
    return xyz[:, [JOINTS.index("left_hip"), JOINTS.index("right_hip")]].mean(1)


def flexion(xyz, a, b, c):
    """Degrees by which the chain a-b-c is bent at b."""
    first, second = (xyz[:, JOINTS.index(q)] - xyz[:, JOINTS.index(p)] for p, q in ((a, b), (b, c)))
    cosine = (first * second).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def test_default_is_ten_seconds_at_60_fps(demo):
    assert demo.shape == (600, 25, 3)
    assert np.isfinite(demo).all()


def test_bone_lengths_are_exactly_constant(demo):
    pairs = [
        *JOINTS.limb_bones,
        *JOINTS.pairs([("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"), ("neck", "head")]),
        *JOINTS.pairs([("left_ankle", "left_heel"), ("left_heel", "left_big_toe"), ("nose", "right_ear")]),
    ]
    for a, b in pairs:
        assert np.ptp(np.linalg.norm(demo[:, a] - demo[:, b], axis=-1)) < 1e-12


def test_some_part_of_a_foot_is_always_on_the_floor_and_none_is_below_it(demo):
    lowest = demo[:, FEET, 2].min(axis=1)
    assert lowest.min() > 0.0  # keypoints of heel and toes lie 17 mm above the floor when they stand on it
    assert lowest.max() < 0.03
    assert demo[:, :17, 2].min() > 0.04  # ankles and all above


def test_stays_in_the_middle_for_a_minute():
    xyz = walk_turn_squat(60.0, 30.0)
    assert np.abs(xyz[..., :2]).max() < 2.05


def test_moves_smoothly(demo):
    velocity = np.diff(demo, axis=0) * 60
    acceleration = np.linalg.norm(np.diff(velocity, axis=0) * 60, axis=-1)
    trunk = [JOINTS.index(j) for j in ("neck", "head", "left_hip", "right_shoulder", "nose")]
    # Trunk accelerations in walking stay below about 1 g; toes reach 50 m/s² when they leave the floor.
    assert acceleration[:, trunk].max() < 15
    assert acceleration.max() < 70
    # C1: twice the frame rate halves the largest step of the velocity.
    finer = np.diff(walk_turn_squat(10.0, 120.0), axis=0) * 120
    assert np.abs(np.diff(finer, axis=0)).max() < 0.6 * np.abs(np.diff(velocity, axis=0)).max()


def test_frame_rate_samples_the_same_motion(demo):
    half = walk_turn_squat(10.0, 30.0)
    np.testing.assert_allclose(half[:295], demo[:590:2], atol=1e-6)  # the smoothing of the root knows where time ends


def test_walks_turns_and_squats(demo):
    root = hips(demo)
    speed = np.linalg.norm(root[90:150, :2] - root[30:90, :2], axis=-1)  # metres in a second
    assert 1.1 < speed[-1] < 1.3
    knee = flexion(demo, "left_hip", "left_knee", "left_ankle")
    assert 55 < knee[60:150].max() < 75
    assert knee[430:500].max() == pytest.approx(104, abs=1)
    assert root[430:500, 2].min() < 0.65
    across = demo[:, JOINTS.index("left_hip")] - demo[:, JOINTS.index("right_hip")]
    yaw = np.degrees(np.unwrap(np.arctan2(-across[:, 0], across[:, 1])))
    assert abs(yaw[0]) < 6
    assert abs(yaw[300] - 180) < 8
    assert abs(yaw[-1] - 360) < 8


def test_standing_foot_does_not_slide():
    xyz = walk_past(4.0, 100.0)[100:300]
    z = xyz[:, FEET, 2]
    speed = np.linalg.norm(np.gradient(xyz[:, FEET, :2], 0.01, axis=0), axis=-1)
    lowest = speed[np.arange(len(z)), z.argmin(axis=1)]
    assert np.median(lowest) < 0.08  # the body goes at 1.1 m/s
    assert np.percentile(lowest, 80) < 0.3


def test_arms_swing_against_the_legs(demo):
    wrist = demo[:, JOINTS.index("left_wrist"), 0] - demo[:, JOINTS.index("right_wrist"), 0]
    ankle = demo[:, JOINTS.index("left_ankle"), 0] - demo[:, JOINTS.index("right_ankle"), 0]
    assert np.corrcoef(wrist[60:150], ankle[60:150])[0, 1] < -0.8


def test_passer_by_crosses_the_origin_at_half_time_along_its_yaw():
    xyz = walk_past(6.0, 50.0, yaw=np.pi / 2)
    middle = hips(xyz)
    assert np.abs(middle[len(xyz) // 2, :2]).max() < 0.2
    way = middle[-1] - middle[0]
    assert abs(way[0]) < 0.15
    assert 1.0 < way[1] / 6 < 1.3


def test_one_frame_is_a_motion():
    assert walk_turn_squat(0.01, 60.0).shape == (1, 25, 3)


@pytest.mark.parametrize("wrong", [(0.0, 60.0), (10.0, -1.0), (np.nan, 60.0)])
def test_impossible_durations_are_refused(wrong):
    with pytest.raises(InputError, match="duration and fps must be above zero, got"):
        walk_turn_squat(*wrong)
