"""Soft bounds on limbs, on poses made by hand and on a person whose keypoints break them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.gait import walk_turn_squat
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig
from lift3d.joint_limits import SOFTNESS, JointLimits, add_limits, excess, joint_limits, kept_limits
from lift3d.refinement import RefinementConfig, refine
from lift3d.triangulation import triangulate

BODY = SKELETONS["h36m_17"]
FORWARD, UP, RIGHT = np.eye(3)[[1, 2, 0]]  # facing +y


def standing(**moved):
    """A person who stands straight with hanging arms, [1, 17, 3], with some joints elsewhere."""
    at = {"pelvis": (0, 1.0), "spine": (0, 1.25), "thorax": (0, 1.5), "neck": (0, 1.6), "head": (0, 1.75)}
    x = np.full((len(BODY), 3), np.nan)
    for name in BODY.joints:
        side = -1 if name.startswith("left") else 1
        part = name.removeprefix("left_").removeprefix("right_")
        limb = {
            "hip": (0.12, 1.0), "knee": (0.12, 0.55), "ankle": (0.12, 0.1),
            "shoulder": (0.2, 1.5), "elbow": (0.2, 1.2), "wrist": (0.2, 0.95),
        }  # fmt: skip
        across, height = limb.get(part) or at.get(name, (0, 1.7))
        x[BODY.index(name)] = side * across * RIGHT + height * UP
    for name, place in moved.items():
        x[BODY.index(name)] = place
    return x[None]


def turned(x, parent, joint, direction, length):
    """The joint put at a distance from its parent."""
    x = x.copy()
    direction = np.asarray(direction, float) / np.linalg.norm(direction)
    x[:, BODY.index(joint)] = x[:, BODY.index(parent)] + length * direction
    return x


def broken(x):
    """Names of the bounds that a pose breaks."""
    limits = joint_limits(BODY)
    return [limit.name for limit, over in zip(limits.limits, excess(x, limits)[0], strict=True) if over > 0]


def test_standing_breaks_nothing():
    assert broken(standing()) == []


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_knee_bends_back_and_not_forward(side):
    knee, ankle = f"{side}_knee", f"{side}_ankle"
    assert broken(turned(standing(), knee, ankle, -FORWARD - 0.3 * UP, 0.45)) == []
    assert broken(turned(standing(), knee, ankle, 0.2 * FORWARD - UP, 0.45)) == []  # 11 degrees
    assert broken(turned(standing(), knee, ankle, 0.6 * FORWARD - UP, 0.45)) == [f"{side}_knee backwards"]


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_elbow_bends_forward_and_not_back(side):
    elbow, wrist = f"{side}_elbow", f"{side}_wrist"
    assert broken(turned(standing(), elbow, wrist, FORWARD, 0.25)) == []
    assert broken(turned(standing(), elbow, wrist, -0.6 * FORWARD - UP, 0.25)) == [f"{side}_elbow backwards"]
    level = turned(standing(), f"{side}_shoulder", elbow, FORWARD, 0.3)  # arm held out to the front: bends upwards
    assert broken(turned(level, elbow, wrist, UP, 0.25)) == []
    assert broken(turned(level, elbow, wrist, FORWARD - UP, 0.25)) == [f"{side}_elbow backwards"]


def test_a_thigh_and_an_upper_arm_do_not_point_straight_back():
    thigh = turned(standing(), "left_hip", "left_knee", -FORWARD, 0.45)
    assert "left_hip behind" in broken(turned(thigh, "left_knee", "left_ankle", -FORWARD, 0.45))
    arm = turned(standing(), "right_shoulder", "right_elbow", -FORWARD, 0.3)
    assert "right_shoulder behind" in broken(turned(arm, "right_elbow", "right_wrist", -FORWARD, 0.25))


def test_a_limb_does_not_fold_into_itself():
    assert broken(turned(standing(), "left_knee", "left_ankle", UP - 0.05 * FORWARD, 0.45)) == ["left_knee flexion"]


def test_an_arm_overhead_is_not_judged():
    up = turned(standing(), "left_shoulder", "left_elbow", UP + 0.1 * FORWARD, 0.3)
    for direction in (FORWARD, -FORWARD, RIGHT, UP):
        assert "left_elbow backwards" not in broken(turned(up, "left_elbow", "left_wrist", direction + UP, 0.25))


def test_walking_turning_and_squatting_keep_all_bounds_and_exchanged_sides_break_them():
    skeleton = SKELETONS["body_25b"]
    x, limits = walk_turn_squat(6.0, 60.0), joint_limits(skeleton)
    assert not excess(x, limits).any()
    assert kept_limits(x, limits) == limits
    mirror = np.arange(len(skeleton))
    for left, right in skeleton.symmetric:
        mirror[[left, right]] = right, left
    names = [limit.name for limit in kept_limits(x[:, mirror], limits).limits]
    assert "left_knee backwards" not in names  # the bound gives way, not the person


def test_a_joint_set_without_shoulders_has_no_bounds():
    assert joint_limits(replace(BODY, joints=("left_hip", "left_knee", "left_ankle"))) is None


def test_slopes_agree_with_differences():
    x = turned(standing(), "left_knee", "left_ankle", 0.6 * FORWARD - UP, 0.45)
    x = turned(x, "right_elbow", "right_wrist", UP + 0.2 * FORWARD, 0.25)
    x = turned(x, "right_hip", "right_knee", -FORWARD + 0.1 * UP, 0.45)
    limits, J = joint_limits(BODY), len(BODY)
    names = ("left_knee backwards", "right_elbow flexion", "right_hip behind")
    for limit in limits.limits:
        if limit.name not in names:
            continue
        one = JointLimits(limits.trunk, (limit,))
        blocks, gradient = np.zeros((1, 3 * J, 3 * J)), np.zeros((1, 3 * J))
        add_limits(
            (blocks, gradient), x, np.ones((1, J), bool), limits=one, joints=range(J), scale=np.full(J, SOFTNESS**-2)
        )
        value = excess(x, one)[0, 0]
        slope = gradient[0] / value
        np.testing.assert_allclose(blocks[0], np.outer(slope, slope), atol=1e-12)
        for joint in limit.chain[1:]:  # the first joint moves the trunk too, which counts as fixed
            for axis in (1, 2):
                ends = []
                for h in (1e-6, -1e-6):
                    moved = x.copy()
                    moved[0, joint, axis] += h
                    ends.append(excess(moved, one)[0, 0])
                assert slope[3 * joint + axis] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=0.02)


def test_refinement_pulls_a_knee_that_bends_forward_back_and_leaves_the_rest():
    skeleton, fps = SKELETONS["body_25b"], 60.0
    truth, rig = walk_turn_squat(10.0, fps)[:, None], ring_rig(4)
    knee, ankle = skeleton.index("left_knee"), skeleton.index("left_ankle")
    wrong = truth.copy()
    limits, frames = joint_limits(skeleton), slice(60, 74)
    hips = truth[frames, 0, skeleton.index("right_hip")] - truth[frames, 0, skeleton.index("left_hip")]
    thigh = truth[frames, 0, knee] - truth[frames, 0, skeleton.index("left_hip")]
    front = np.cross(hips, thigh)
    front /= np.linalg.norm(front, axis=-1, keepdims=True)
    wrong[frames, 0, ankle] += 0.35 * front * np.sign((front * np.cross([0, 0, 1.0], hips)).sum(-1, keepdims=True))
    xy = np.moveaxis(rig.project(wrong), 0, 1)
    xy = xy + 2.0 * np.random.default_rng(3).normal(size=xy.shape)
    keypoints = Keypoints(xy, np.ones(xy.shape[:-1]), rig.names, skeleton, fps)
    found = triangulate(xy, rig, keypoints.confidence)
    status = np.isfinite(found.xyz).all(-1).astype(np.uint8)
    poses = Poses(
        xyz=found.xyz, covariance=found.covariance, status=status, views=found.views,
        reprojection_error=found.reprojection_error, confidence=status.astype(float), time=np.arange(len(xy)) / fps,
        fps=fps, skeleton=skeleton, rig=rig, keypoints=keypoints, used=found.used,
    )  # fmt: skip
    free, kept = (refine(poses, config=RefinementConfig(limits=use)) for use in (False, True))
    over = [np.nan_to_num(excess(p.xyz[:, 0], limits)).max(1)[frames] for p in (free, kept)]
    assert over[0].max() > 0.15
    assert over[1].max() < 0.6 * over[0].max()
    error = [np.linalg.norm(p.xyz - truth, axis=-1)[frames, 0, ankle].mean() for p in (free, kept)]
    assert error[1] < error[0]
    others = [j for j in range(len(skeleton)) if not skeleton.joints[j].startswith("left_")]
    np.testing.assert_allclose(kept.xyz[:, 0, others], free.xyz[:, 0, others], atol=1e-6)
    assert "left_knee backwards" in kept.settings["refinement"]["people"][0]["joint_limits"]
