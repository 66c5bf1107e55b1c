"""Joint angles: known rotations of the parametric body in, known angles out."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lift3d.datasets.body import Body, rotation_about
from lift3d.datasets.skeleton import SIDES, SKELETONS, Skeleton
from lift3d.kinematics import ANGLES, joint_angles
from lift3d.kinematics.angles import WORLD_ANGLES

BODY_25B = SKELETONS["body_25b"]


def turned(axis, degrees):
    """One rotation, for one frame."""
    return rotation_about(axis, np.radians([degrees]))


def pose(**rotations):
    """[1, 25, 3] of a body whose segments are turned in their parents' frames."""
    return Body().place(rotations, np.array([[0.3, -0.2, 0.9]]))


def angles_of(xyz, skeleton=BODY_25B):
    """Name to degrees of the first frame."""
    return {name: float(np.degrees(value[0])) for name, value in joint_angles(xyz, skeleton).items()}


def mirrored(xyz):
    """The body seen in a mirror: the points of left and right change places."""
    order = [BODY_25B.index(_other(joint)) for joint in BODY_25B.joints]
    return xyz[..., order, :] * [1.0, -1.0, 1.0]


def _other(joint):
    for a, b in (SIDES, SIDES[::-1]):
        if joint.startswith(a):
            return b + joint.removeprefix(a)
    return joint


def anybody(rng, frames=5):
    """Frames of bodies with every limb bent."""
    rotations = {}
    for side in SIDES:
        for segment, sign in (("thigh", -1), ("shank", 1), ("upper_arm", -1), ("forearm", -1)):
            bent = rotation_about("y", sign * rng.uniform(0.5, 1.4, frames))
            rotations[side + segment] = rotation_about("x", rng.uniform(-0.3, 0.3, frames)) @ bent
    for segment in ("trunk", "head", "pelvis"):
        rotations[segment] = Rotation.from_rotvec(rng.uniform(-0.3, 0.3, (frames, 3))).as_matrix()
    return Body().place(rotations, rng.normal(size=(frames, 3)))


def test_a_right_angle_at_the_knee_is_ninety_degrees():
    xyz = np.full((1, 25, 3), np.nan)
    for joint, at in {"hip": (0, 0, 1), "knee": (0, 0, 0.5), "ankle": (-0.4, 0, 0.5)}.items():
        xyz[0, BODY_25B.index("left_" + joint)] = at
    assert angles_of(xyz)["left_knee_flexion"] == pytest.approx(90.0)


def test_a_straight_standing_body_has_zero_everywhere_it_is_defined():
    angles = angles_of(pose())
    offset = {"neck_flexion", "head_pitch"}  # the eyes lie above the ears
    assert all(abs(value) < 1e-6 for name, value in angles.items() if np.isfinite(value) and name not in offset)
    assert angles["head_pitch"] == pytest.approx(np.degrees(np.arctan2(0.011, 0.052)))
    assert angles["neck_flexion"] == pytest.approx(-angles["head_pitch"])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("flexion", "adduction", "rotation"), [(40, 10, -15), (-12, -25, 20), (100, 5, 30)])
def test_the_hip_angles_are_those_of_the_thigh_s_rotation(side, flexion, adduction, rotation):
    sign = 1 if side == "right_" else -1
    thigh = turned("y", -flexion) @ turned("x", sign * adduction) @ turned("z", sign * rotation)
    angles = angles_of(pose(**{side + "thigh": thigh, side + "shank": turned("y", 50)}))
    found = [angles[f"{side}{name}"] for name in ("hip_flexion", "hip_adduction", "hip_rotation", "knee_flexion")]
    assert found == pytest.approx([flexion, adduction, rotation, 50])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("plane", "raised", "rotation"), [(0, 60, 0), (90, 80, -30), (45, 120, 40), (-30, 30, 10)])
def test_the_shoulder_angles_are_those_of_the_upper_arm_s_rotation(side, plane, raised, rotation):
    sign = 1 if side == "right_" else -1
    arm = turned("z", sign * plane) @ turned("x", -sign * raised) @ turned("z", sign * rotation)
    angles = angles_of(pose(**{side + "upper_arm": arm, side + "forearm": turned("y", -70)}))
    names = ("shoulder_plane", "shoulder_elevation", "shoulder_rotation", "elbow_flexion")
    assert [angles[side + name] for name in names] == pytest.approx([plane, raised, rotation, 70])


@pytest.mark.parametrize("side", SIDES)
def test_an_arm_swung_forward_is_flexed_and_one_held_out_is_abducted(side):
    sign = 1 if side == "right_" else -1
    forward = angles_of(pose(**{side + "upper_arm": turned("y", -35)}))
    out = angles_of(pose(**{side + "upper_arm": turned("x", -sign * 50)}))
    assert forward[side + "shoulder_flexion"] == pytest.approx(35)
    assert forward[side + "shoulder_abduction"] == pytest.approx(0, abs=1e-9)
    assert out[side + "shoulder_abduction"] == pytest.approx(50)


@pytest.mark.parametrize("degrees", [20, -25])
def test_toes_up_is_dorsiflexion(degrees):
    angles = angles_of(pose(left_foot=turned("y", -degrees)))
    # The middle of the toes lies 3 degrees beside the foot's axis, which shortens the angle by a thousandth.
    assert angles["left_ankle_dorsiflexion"] == pytest.approx(degrees, abs=0.1)
    assert angles["right_ankle_dorsiflexion"] == pytest.approx(0, abs=1e-9)


def test_the_head_s_turn_pitch_and_roll_have_the_stated_signs():
    rest = angles_of(pose())
    turn, nod, roll = (
        angles_of(pose(head=turned(axis, degrees))) for axis, degrees in (("z", 25), ("y", 15), ("x", 12))
    )
    assert turn["head_heading"] == pytest.approx(25)
    # Turned and rolled about the trunk's axes, not the face's, which points up by 12 degrees: a little becomes another.
    assert turn["neck_rotation"] == pytest.approx(25, abs=0.6)
    assert nod["head_pitch"] - rest["head_pitch"] == pytest.approx(-15)
    assert nod["neck_flexion"] - rest["neck_flexion"] == pytest.approx(15)
    assert roll["head_roll"] == pytest.approx(12, abs=0.3)
    assert roll["neck_side_bend"] == pytest.approx(12, abs=0.3)


def test_leaning_and_turning_the_whole_body_shows_in_the_angles_against_the_vertical():
    forward, right, left = (angles_of(pose(pelvis=turned(a, d))) for a, d in (("y", 20), ("x", 10), ("z", 40)))
    assert forward["trunk_lean"] == pytest.approx(20)
    assert (right["trunk_side_lean"], right["pelvis_obliquity"]) == pytest.approx((10, -10))
    assert left["trunk_heading"] == pytest.approx(40)


def test_shoulders_turned_against_the_hips_are_trunk_rotation():
    angles = angles_of(pose(trunk=turned("z", 30)))
    assert angles["trunk_rotation"] == pytest.approx(30)
    assert np.isnan(angles["trunk_flexion"]), "without a joint on the spine nobody knows"


def test_trunk_flexion_needs_and_uses_a_joint_on_the_spine():
    skeleton = Skeleton(
        "spined", ("pelvis", "left_hip", "right_hip", "spine", "thorax", "left_shoulder", "right_shoulder")
    )
    up = np.array([np.sin(np.radians(30)), 0, np.cos(np.radians(30))])
    top = np.array([0, 0, 1.2]) + 0.3 * up
    across = np.array([0, 0.2, 0])
    xyz = np.array([(0, 0, 1), (0, 0.1, 1), (0, -0.1, 1), (0, 0, 1.2), top, top + across, top - across], float)
    assert angles_of(xyz[None], skeleton)["trunk_flexion"] == pytest.approx(30)


def test_joint_angles_do_not_change_when_the_whole_body_is_moved(rng):
    xyz = anybody(rng)
    R = Rotation.random(random_state=3).as_matrix()
    before, after = (joint_angles(x, BODY_25B) for x in (xyz, xyz @ R.T + rng.normal(size=3)))
    for name in ANGLES.keys() - WORLD_ANGLES.keys():
        np.testing.assert_allclose(after[name], before[name], atol=1e-9, err_msg=name)


def test_angles_against_the_vertical_do_not_change_when_the_body_is_turned_about_it(rng):
    xyz = anybody(rng)
    before, after = (joint_angles(x, BODY_25B) for x in (xyz, xyz @ rotation_about("z", np.array(0.7)).T))
    for name in WORLD_ANGLES:
        shift = 0.7 if name.endswith("heading") else 0.0
        difference = np.remainder(after[name] - before[name] - shift + np.pi, 2 * np.pi) - np.pi
        np.testing.assert_allclose(difference, 0, atol=1e-9, err_msg=name)


def test_a_mirrored_body_swaps_the_sides(rng):
    xyz = anybody(rng)
    angles, other = joint_angles(xyz, BODY_25B), joint_angles(mirrored(xyz), BODY_25B)
    turning = ("rotation", "side_bend", "side_lean", "heading", "obliquity", "roll")
    for name in ANGLES:
        sided = name.startswith(SIDES)
        sign = -1 if not sided and name.endswith(turning) else 1
        np.testing.assert_allclose(other[name], sign * angles[_other(name)], atol=1e-9, err_msg=name)


def test_a_missing_joint_takes_only_its_own_angles(rng):
    xyz = anybody(rng)
    whole = joint_angles(xyz, BODY_25B)
    xyz[2, BODY_25B.index("left_knee")] = np.nan
    found = joint_angles(xyz, BODY_25B)
    lost = {name for name in ANGLES if np.isnan(found[name][2]) and np.isfinite(whole[name][2])}
    of_the_knee = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_flexion", "ankle_dorsiflexion")
    assert lost == {f"left_{name}" for name in of_the_knee}
    assert all(np.array_equal(np.delete(found[name], 2), np.delete(whole[name], 2), equal_nan=True) for name in ANGLES)


def test_a_straight_leg_has_no_plane_and_so_no_rotation_but_keeps_its_other_angles():
    angles = angles_of(pose(left_thigh=turned("y", -30), left_shank=turned("y", 10)))
    assert np.isnan(angles["left_hip_rotation"])
    assert angles["left_hip_flexion"] == pytest.approx(30)
    assert angles["left_knee_flexion"] == pytest.approx(10)


def test_a_hanging_arm_has_no_plane_of_elevation():
    angles = angles_of(pose(left_upper_arm=turned("y", -8), left_forearm=turned("y", -60)))
    assert np.isnan(angles["left_shoulder_plane"])
    assert np.isnan(angles["left_shoulder_rotation"])
    assert angles["left_shoulder_elevation"] == pytest.approx(8)


def test_an_arm_held_out_level_has_no_flexion():
    assert np.isnan(angles_of(pose(left_upper_arm=turned("x", 89)))["left_shoulder_flexion"])


def test_joints_in_one_place_give_nan_and_no_warning():
    angles = joint_angles(np.zeros((2, 25, 3)), BODY_25B)
    assert np.isnan(angles["left_hip_flexion"]).all()
    assert np.isnan(angles["trunk_lean"]).all()


@pytest.mark.parametrize("name", SKELETONS)
def test_every_joint_set_gives_what_its_joints_allow(name, rng):
    skeleton = SKELETONS[name]
    body = anybody(rng)
    at = {joint: body[:, j] for j, joint in enumerate(BODY_25B.joints)}
    middle = {"pelvis": "hip", "thorax": "shoulder"}
    at |= {joint: (at["left_" + part] + at["right_" + part]) / 2 for joint, part in middle.items()}
    at["spine"] = (at["pelvis"] + at["thorax"]) / 2
    xyz = np.stack([at.get(joint, at.get(_toe(joint), body[:, 0])) for joint in skeleton.joints], axis=1)
    angles = joint_angles(xyz, skeleton)
    assert list(angles) == list(ANGLES)
    there = {name for name in ANGLES if np.isfinite(angles[name]).all()}
    assert {"left_knee_flexion", "right_elbow_flexion", "left_hip_flexion", "trunk_lean"} <= there
    assert ("left_ankle_dorsiflexion" in there) == any(joint.endswith(("toe", "index")) for joint in skeleton.joints)
    assert ("head_pitch" in there) == ("left_ear" in skeleton.joints)
    assert ("trunk_flexion" in there) == ("spine" in skeleton.joints)


def _toe(joint):
    return joint.replace("foot_index", "big_toe")
