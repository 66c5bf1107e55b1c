import numpy as np

from lift3d.datasets.body import Body
from lift3d.datasets.occlusion import hidden_joints
from lift3d.datasets.skeleton import SKELETONS

BODY = Body()
J = BODY.skeleton
STANDING = BODY.place({}, np.array([[0.0, 0.0, 0.93]]))[:, None]  # [1, 1, J, 3], faces x
CAMERAS = {"front": [5, 0, 1.2], "back": [-5, 0, 1.2], "left": [0, 5, 1.2]}


def hidden(xyz, where, skeleton=J):
    flags = hidden_joints(xyz, np.array([CAMERAS[where]], float), skeleton)
    return [{skeleton.joints[j] for j in np.flatnonzero(flags[0, 0, p])} for p in range(xyz.shape[1])]


def test_nothing_of_a_standing_person_is_hidden_from_the_front():
    assert hidden(STANDING, "front") == [set()]


def test_the_head_hides_the_face_from_behind():
    assert hidden(STANDING, "back")[0] == {"nose", "left_eye", "right_eye"}


def test_the_body_hides_its_far_side_from_the_side():
    found = hidden(STANDING, "left")[0]
    assert {"right_knee", "right_ear", "right_shoulder"} <= found
    assert not {joint for joint in found if joint.startswith("left_")}


def test_who_stands_in_front_hides_who_stands_behind():
    two = np.concatenate([STANDING, STANDING - [2.0, 0, 0]], axis=1)
    near, far = hidden(two, "front")
    assert near == set()
    assert {"neck", "left_hip", "right_knee"} <= far
    assert hidden(two, "back")[0] > hidden(STANDING, "back")[0]


def test_absent_people_hide_nothing_and_are_not_hidden():
    two = np.concatenate([STANDING, np.full_like(STANDING, np.nan)], axis=1)
    assert hidden(two, "front") == [set(), set()]


def test_a_joint_set_without_trunk_hides_by_its_head_alone():
    face = SKELETONS["coco_17"].joints[:5]
    joints = type(J)("face", face)
    assert hidden(STANDING[..., [J.index(j) for j in face], :], "back", joints) == [{"nose", "left_eye", "right_eye"}]
