"""A face for bodies that have none: it moves with the head and lies where faces lie."""

import numpy as np
import pytest

from lift3d.calib.rotation import rotation_matrix
from lift3d.datasets.coco_of_h36m import (
    COCO,
    DetectorBody,
    coco_of_h36m,
    detector_joints,
    head_frames,
    without_hands_and_feet,
)
from lift3d.datasets.skeleton import SKELETONS


@pytest.fixture
def person(mocap_body):
    return mocap_body.astype(np.float32)[None, None]


def joint(xyz, name):
    return xyz[0, 0, COCO.index(name)]


def test_head_frames_are_rotations(person):
    axes, _ = head_frames(person)
    np.testing.assert_allclose(axes[0, 0] @ axes[0, 0].T, np.eye(3), atol=1e-5)
    assert np.linalg.det(axes[0, 0]) > 0


def test_the_face_looks_forward_with_left_on_the_left(rng, person):
    coco = coco_of_h36m(person, rng)
    assert joint(coco, "nose")[0] > joint(coco, "left_eye")[0] > joint(coco, "left_ear")[0]  # the body looks along x
    assert joint(coco, "left_ear")[1] > 0 > joint(coco, "right_ear")[1]
    assert joint(coco, "left_eye")[2] > joint(coco, "nose")[2]


def test_sizes_are_those_of_a_head(rng, person):
    coco = coco_of_h36m(person, rng)
    ears = np.linalg.norm(joint(coco, "left_ear") - joint(coco, "right_ear"))
    np.testing.assert_allclose(ears, 0.15, atol=1e-4)


def test_the_rest_is_the_motion_captures(rng, person):
    coco = coco_of_h36m(person, rng)
    np.testing.assert_array_equal(joint(coco, "left_wrist"), person[0, 0, 13])
    np.testing.assert_array_equal(joint(coco, "right_hip"), person[0, 0, 1])


def test_it_turns_with_the_body(rng, person):
    R = rotation_matrix(np.array([0.3, -1.0, 2.0])).astype(np.float32)
    np.testing.assert_allclose(coco_of_h36m(person @ R.T, rng), coco_of_h36m(person, rng) @ R.T, atol=1e-5)


def test_a_head_turned_back_to_front_is_set_right(rng, person):
    broken = person.copy()
    broken[..., 9, 0] -= 0.3  # the nose behind the neck
    coco = coco_of_h36m(broken, rng)
    assert joint(coco, "left_ear")[1] > joint(coco, "right_ear")[1]


def test_detectors_have_their_own_hips(rng, person):
    people = person.repeat(200, 0)
    coco = coco_of_h36m(people, rng, DetectorBody(hip=(0.85, 1.35), joint=0.0))
    width = np.linalg.norm(coco[:, 0, 11] - coco[:, 0, 12], axis=-1)
    true = np.linalg.norm(person[0, 0, 1] - person[0, 0, 4])
    assert 0.85 * true <= width.min() < 0.95 * true
    assert 1.25 * true < width.max() <= 1.351 * true


@pytest.mark.parametrize("name", ["body_25", "halpe_26", "mediapipe_33"])
def test_other_detectors_joints_are_where_cocos_are(mocap_body, rng, name):
    skeleton = without_hands_and_feet(SKELETONS[name])
    assert not {"left_heel", "left_big_toe", "right_foot_index", "left_thumb"} & set(skeleton.joints)
    xyz = mocap_body[None, None].astype(np.float32)
    varied = DetectorBody()
    coco = coco_of_h36m(xyz, np.random.default_rng(1), varied)[0, 0]
    seen = detector_joints(xyz, skeleton, np.random.default_rng(1), body=varied)[0, 0]
    for joint, place in zip(skeleton.joints, seen, strict=True):
        if joint in COCO.joints and joint in [*COCO.joints[5:]]:
            np.testing.assert_allclose(place, coco[COCO.index(joint)], err_msg=joint)
    if "neck" in skeleton.joints:
        shoulders = coco[[COCO.index("left_shoulder"), COCO.index("right_shoulder")]]
        np.testing.assert_allclose(seen[skeleton.index("neck")], shoulders.mean(0), atol=1e-6)
    if "head" in skeleton.joints:
        assert seen[skeleton.index("head"), 2] > coco[:5, 2].max() + 0.08  # the top, above the eyes
    if "left_mouth" in skeleton.joints:
        assert seen[skeleton.index("left_mouth"), 2] < coco[0, 2]  # below the nose
