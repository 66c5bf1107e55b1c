"""Left and right exchanged in single views."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from lift3d.datasets.capture import open_capture
from lift3d.datasets.demo_capture import DemoSettings, synthesize
from lift3d.datasets.detections import mirror_joints
from lift3d.datasets.detector_noise import DetectorNoise
from lift3d.datasets.skeleton import SKELETONS
from lift3d.people_summary import swap_rows
from lift3d.reconstruct import reconstruct
from lift3d.swaps import Sides, _decide
from lift3d.triangulation import triangulate

BODY = SKELETONS["body_25b"]
SIDES = Sides.of(BODY)
LEFT = [left for left, _ in SIDES.pairs]
MIRROR = mirror_joints(BODY)
FACE = [k for k, (left, _) in enumerate(SIDES.pairs) if BODY.joints[left] in ("left_eye", "left_ear")]
LIMBS = [k for k in range(len(SIDES.pairs)) if k not in FACE]


@lru_cache
def capture(seed=0, duration=2.0, fps=60.0, swaps=0.0):
    """A synthetic capture, associated by the truth."""
    noise = DetectorNoise(swaps=swaps)
    made = synthesize(DemoSettings(seed=seed, duration=duration, fps=fps, noise=noise))
    return made, made.detections.associated()


def exchanged(where, joints=slice(None), **settings):
    """Keypoints of the person with sides exchanged in views, frames; what triangulate finds: [T, V, G]."""
    made, seen = capture(**settings)
    xy, confidence = seen.keypoints.xy[:, :, :1].copy(), seen.keypoints.confidence[:, :, :1].copy()
    moved = np.arange(len(BODY))[joints]
    for views, frames in where:
        for v in views:
            xy[frames, v, :, moved] = xy[frames, v][..., MIRROR[moved], :].transpose(2, 0, 1, 3)
            confidence[frames, v, :, moved] = confidence[frames, v][..., MIRROR[moved]].transpose(2, 0, 1)
    found = triangulate(xy, made.rig, confidence, symmetric=SIDES)
    return found, found.swapped[:, :, 0][..., LEFT], made


def test_legs_and_upper_body_are_told_apart():
    legs = {BODY.joints[left][5:] for (left, _), leg in zip(SIDES.pairs, SIDES.legs, strict=True) if leg}
    assert legs == {"hip", "knee", "ankle", "big_toe", "small_toe", "heel"}
    assert Sides.loose([(1, 2)]).legs == (False,)


def test_nothing_is_exchanged_where_nothing_was():
    _, found, _ = exchanged([])
    assert not found.any()


def test_hips_follow_their_body():
    _, found, _ = exchanged([((1,), slice(40, 60))])
    assert found[40:60, 1].mean() > 0.99
    assert found.sum() == found[40:60, 1].sum()


def test_legs_alone_are_exchanged_alone():
    mine = [pair for pair, leg in zip(SIDES.pairs, SIDES.legs, strict=True) if leg]
    legs = np.isin(np.arange(len(BODY)), np.ravel(mine))
    _, found, _ = exchanged([((2,), slice(30, 40))], joints=legs)
    assert found[30:40, 2][:, np.array(SIDES.legs)].mean() > 0.97  # a joint may be missed
    assert not found[:, :, ~np.array(SIDES.legs)].any()


@pytest.mark.parametrize("views", [(0, 1), (0, 2), (1, 3)])
def test_a_tie_is_settled_by_the_frames_before(views):
    found, swapped, made = exchanged([(views, slice(60, 80))])
    others = [v for v in range(4) if v not in views]
    assert swapped[60:80][:, views][..., LIMBS].mean() > 0.98
    assert not swapped[:, others].any()
    error = np.linalg.norm(found.xyz - made.truth.xyz, axis=-1)
    assert (error[60:80] > 0.1).mean() < 0.02


@pytest.mark.parametrize("views", [(0, 1, 2), (0, 1, 2, 3)])
def test_a_majority_that_errs_is_overruled_by_the_frames_around(views):
    found, swapped, made = exchanged([(views, slice(60, 80))])
    assert swapped[60:80][:, views][..., LIMBS].mean() > 0.98
    assert swapped[:60].sum() + swapped[80:].sum() == 0
    error = np.linalg.norm(found.xyz - made.truth.xyz, axis=-1)
    assert (error[60:80] > 0.1).mean() < 0.02


def test_one_joint_pair_exchanged_for_a_while_is_found_alone():
    wrists = [BODY.index("left_wrist"), BODY.index("right_wrist")]
    _, found, _ = exchanged([((0,), slice(20, 40))], joints=wrists)
    pair = LEFT.index(BODY.index("left_wrist"))
    assert found[20:40, 0, pair].mean() > 0.9
    assert found.sum() == found[:, 0, pair].sum()


@pytest.mark.parametrize(("fps", "seed"), [(60.0, 0), (60.0, 1), (5.0, 1)])
def test_bursts_of_the_detector_are_found_and_none_invented(fps, seed):
    made, seen = capture(seed=seed, duration=4.0, fps=fps, swaps=0.4)
    keypoints = seen.keypoints
    found = triangulate(keypoints.xy[:, :, :1], made.rig, keypoints.confidence[:, :, :1], symmetric=SIDES)
    truth = (seen.swapped | seen.swapped[..., MIRROR])[:, :, 0][..., LEFT]
    mine = found.swapped[:, :, 0][..., LEFT]
    assert truth.sum() > 30
    assert (truth & mine).sum() / truth.sum() > 0.98
    assert (truth & mine).sum() / mine.sum() > 0.98


def test_two_views_alone_exchange_nothing():
    made, seen = capture()
    pair = ("cam01", "cam02")
    keypoints = seen.keypoints.select_views(pair)
    found = triangulate(keypoints.xy[:, :, :1], made.rig.select(pair), keypoints.confidence[:, :, :1], symmetric=SIDES)
    assert found.swapped.mean() < 0.005


def test_pairs_without_a_body_are_one_group():
    made, seen = capture()
    xy, confidence = seen.keypoints.xy[:, :, :1].copy(), seen.keypoints.confidence[:, :, :1].copy()
    xy[30:50, 3], confidence[30:50, 3] = xy[30:50, 3][..., MIRROR, :], confidence[30:50, 3][..., MIRROR]
    found = triangulate(xy, made.rig, confidence, symmetric=BODY.symmetric)
    assert found.swapped[30:50, 3, 0][:, LEFT].mean() > 0.99


def test_the_real_exchange_of_a_whole_body_is_named(shared):
    folder = shared / "captures" / "balance"
    opened = open_capture(
        folder, calibration=folder / "Calib.qca.txt", keypoints=folder / "keypoints" / "blazepose", fps=60
    )
    result = reconstruct(opened.keypoints, opened.rig, fps=60)
    runs = result.summary["left_right_runs"]
    assert {row["camera"] for row in runs} == {"cam_02"}
    assert [(row["first"], row["last"]) for row in runs] == [(41, 61), (63, 63), (65, 65), (67, 74), (81, 81)]
    assert [row["part"] for row in runs] == ["whole body"] * 4 + ["upper body"]
    assert result.summary["joints_present_percent"] > 99


def test_runs_are_named_by_frame_numbers_and_part():
    made, seen = capture()
    keypoints = seen.keypoints
    swapped = np.zeros(keypoints.confidence[:, :, :1].shape, bool)
    swapped[5:8, 1] = True
    wrist = BODY.index("left_wrist")
    swapped[20, 2, 0, [wrist, MIRROR[wrist]]] = True
    poses = made.truth.replace(keypoints=seen.keypoints)
    rows = swap_rows(poses, np.concatenate([swapped, np.zeros_like(swapped)], axis=2))
    assert [(r["camera"], r["part"], r["first"], r["last"]) for r in rows] == [
        ("cam02", "whole body", 5, 7),
        ("cam03", "single joints", 20, 20),
    ]


@pytest.mark.parametrize(("face", "shoulders", "exchanged"), [(8.0, -15.0, False), (8.0, 15.0, True)])
def test_a_face_that_is_a_little_off_does_not_take_the_shoulders_along(face, shoulders, exchanged):
    sides = Sides(tuple((k, k + 9) for k in range(9)), (False,) * 6 + (True,) * 3)
    gain = np.full((1, 9, 1, 9), -30.0)
    gain[0, 4, 0, :6] = [face] * 5 + [shoulders]
    assert _decide(gain, sides, singly=True)[0, 4, 0, 5] == exchanged
    assert not _decide(gain, sides, singly=True)[..., 6:].any()
