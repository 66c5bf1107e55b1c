import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lift3d.calib import InputError
from lift3d.datasets.body import SEGMENTS, Body, rotation_about


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_rotation_about_an_axis_is_scipys(axis):
    angle = np.linspace(-4, 4, 9)
    np.testing.assert_allclose(
        rotation_about(axis, angle), Rotation.from_euler(axis, angle[:, None]).as_matrix(), atol=1e-15
    )


def test_standing_body_has_winters_heights():
    body = Body(2.0)
    xyz = body.place({}, np.array([[0.0, 0.0, 0.530 * 2]]))[0]
    z = dict(zip(body.skeleton.joints, xyz[:, 2] / 2, strict=True))
    wanted = {"left_ankle": 0.039, "right_knee": 0.285, "left_hip": 0.530, "right_shoulder": 0.818, "left_eye": 0.936}
    assert {joint: z[joint] for joint in wanted} == pytest.approx(wanted, abs=1e-12)
    assert z["head"] == pytest.approx(1.0)
    assert z["left_shoulder"] - z["left_wrist"] == pytest.approx(0.186 + 0.146)


def test_left_is_on_the_left_of_a_body_that_faces_x():
    body = Body()
    xyz = body.place({}, np.zeros((1, 3)))[0]
    for left, right in body.skeleton.symmetric:
        assert xyz[left, 1] > xyz[right, 1]
        np.testing.assert_allclose(xyz[left] * [1, -1, 1], xyz[right], atol=1e-15)
    assert xyz[body.skeleton.index("nose"), 0] > 0


def test_flexing_the_knee_moves_the_ankle_back_and_nothing_above():
    body = Body()
    bent = body.place({"left_shank": rotation_about("y", np.array([np.pi / 2]))}, np.zeros((1, 3)))[0]
    straight = body.place({}, np.zeros((1, 3)))[0]
    moved = {body.skeleton.joints[j] for j in np.flatnonzero(np.abs(bent - straight).max(-1) > 1e-9)}
    assert moved == {"left_ankle", "left_heel", "left_big_toe", "left_small_toe"}
    ankle, knee = bent[body.skeleton.index("left_ankle")], bent[body.skeleton.index("left_knee")]
    np.testing.assert_allclose(ankle - knee, [-0.246 * 1.75, 0, 0], atol=1e-12)


def test_any_pose_keeps_every_distance_within_a_segment():
    rng = np.random.default_rng(1)
    body = Body(1.6)
    rotations = {segment: Rotation.random(50, random_state=rng).as_matrix() for segment in SEGMENTS}
    xyz = body.place(rotations, rng.normal(size=(50, 3)))
    for a, b in body.skeleton.limb_bones:
        assert np.ptp(np.linalg.norm(xyz[:, a] - xyz[:, b], axis=-1)) < 1e-12


def test_unknown_segments_and_impossible_statures_are_named():
    with pytest.raises(InputError, match="no segment tail; there are pelvis"):
        Body().place({"tail": np.eye(3)[None]}, np.zeros((1, 3)))
    with pytest.raises(InputError, match=r"stature must be 0.5 to 2.5 m, got 175"):
        Body(175)
