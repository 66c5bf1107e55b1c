"""Whole bodies exchanged in several views for a long time, and what anatomy says of it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from lift3d.calib import CalibrationError
from lift3d.datasets import Keypoints
from lift3d.datasets.body import Body
from lift3d.datasets.capture import open_capture
from lift3d.datasets.demo_capture import DemoSettings, synthesize
from lift3d.datasets.detections import mirror_joints
from lift3d.datasets.detector_noise import DetectorNoise
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig
from lift3d.facing import Facing
from lift3d.reconstruct import reconstruct
from lift3d.swaps import Sides
from lift3d.triangulation import triangulate

BODY, COCO = SKELETONS["body_25b"], SKELETONS["coco_17"]


@lru_cache
def capture(seed=0, cameras=4, noise=None):
    """Two seconds of a synthetic person, associated by the truth, without exchanges of the detector's own."""
    noise = noise or DetectorNoise(swaps=0.0)
    made = synthesize(DemoSettings(seed=seed, duration=2.0, fps=60.0, n_cameras=cameras, noise=noise))
    seen = made.detections.associated().keypoints
    return made, replace(seen, xy=seen.xy[:, :, :1], confidence=seen.confidence[:, :, :1])


def behind(keypoints: Keypoints, views, share=0.95):
    """Keypoints with left and right exchanged in a share of the frames of some views, and where: [T, V]."""
    rng = np.random.default_rng(1)
    where = np.zeros(keypoints.shape[:2], bool)
    where[:, views] = rng.random((len(where), len(views))) < share
    mirror = mirror_joints(keypoints.skeleton)
    xy = np.where(where[:, :, None, None, None], keypoints.xy[:, :, :, mirror], keypoints.xy)
    confidence = np.where(where[:, :, None, None], keypoints.confidence[..., mirror], keypoints.confidence)
    return replace(keypoints, xy=xy, confidence=confidence), where


def as_coco(keypoints: Keypoints) -> Keypoints:
    """The same in a set without feet and neck."""
    joints = [keypoints.skeleton.index(name) for name in COCO.joints]
    return replace(
        keypoints, xy=keypoints.xy[..., joints, :], confidence=keypoints.confidence[..., joints], skeleton=COCO
    )


def wrong(found, truth):
    """Share of joints more than 15 cm from the truth."""
    return float((np.linalg.norm(found.xyz - truth, axis=-1) > 0.15).mean())


def body(found):
    """[T, V] where most joints of the body are exchanged."""
    return found.swapped[:, :, 0, 5:17].mean(-1) > 0.5


@pytest.mark.parametrize("views", [[0, 1], [1, 2], [0, 3], [1, 3], [0, 1, 2], [0, 1, 2, 3], [2]])
@pytest.mark.parametrize("coco", [False, True])
def test_views_that_take_back_for_front_nearly_always_are_put_right(views, coco):
    made, seen = capture()
    truth = made.truth.xyz[:, :1]
    if coco:
        seen, truth = as_coco(seen), truth[:, :, [BODY.index(name) for name in COCO.joints]]
    keypoints, where = behind(seen, views)
    found = triangulate(keypoints.xy, made.rig, keypoints.confidence, symmetric=Sides.of(keypoints.skeleton))
    assert (body(found) == where).mean() > 0.99
    assert wrong(found, truth) < 0.01
    assert not found.unsure.any()


def test_without_anatomy_two_against_two_may_come_out_the_wrong_way_round_and_that_is_said():
    made, seen = capture()
    keypoints, where = behind(seen, [0, 1])
    blind = replace(Sides.of(BODY), facing=None)
    found = triangulate(keypoints.xy, made.rig, keypoints.confidence, symmetric=blind)
    relative = body(found) ^ where
    assert ((relative == relative[:, :1]).all(1)).mean() > 0.99  # the views agree with each other all the same
    assert found.unsure.mean() > 0.9


def test_the_wrong_way_round_is_wrong():
    made, seen = capture()
    keypoints, _ = behind(seen, [0, 1, 2, 3], share=1.0)
    found = triangulate(keypoints.xy, made.rig, keypoints.confidence)
    assert wrong(found, made.truth.xyz[:, :1]) > 0.5


def test_nothing_is_exchanged_and_nothing_doubted_where_names_are_right():
    made, seen = capture(seed=3)
    found = triangulate(seen.xy, made.rig, seen.confidence, symmetric=Sides.of(BODY))
    assert not body(found).any()
    assert not found.unsure.any()


def test_many_cameras_are_put_right_by_what_single_frames_suggest():
    made, seen = capture(cameras=7)
    keypoints, where = behind(seen, [2, 3, 4, 5])
    found = triangulate(keypoints.xy, made.rig, keypoints.confidence, symmetric=Sides.of(BODY))
    assert (body(found) == where).mean() > 0.99
    assert wrong(found, made.truth.xyz[:, :1]) < 0.01


def test_one_frame_is_enough_where_the_body_shows_its_front():
    made, seen = capture()
    keypoints, _ = behind(seen.select_frames(np.arange(1)), [0, 1], share=1.0)
    found = triangulate(keypoints.xy, made.rig, keypoints.confidence, symmetric=Sides.of(BODY))
    assert body(found).tolist() == [[True, True, False, False]]


def test_anatomy_knows_a_body_from_its_mirror_image():
    made, _ = capture()
    xyz = made.truth.xyz[:, 0]
    covariance = np.tile([4e-4, 0, 0, 4e-4, 0, 4e-4], (*xyz.shape[:2], 1))
    facing, mirror = Facing(BODY), mirror_joints(BODY)
    right, wrong_way = facing.evidence(xyz, covariance), facing.evidence(xyz[:, mirror], covariance)
    assert (right > 3).all()
    np.testing.assert_allclose(wrong_way, -right, atol=1e-9)
    assert (facing.evidence(np.full_like(xyz, np.nan), covariance) == 0).all()
    vague = facing.evidence(xyz, 1e4 * covariance)
    assert (np.abs(vague) < 0.1).all()  # what is not known to a metre says nothing


@pytest.mark.parametrize("names", ["h36m_17", "mpii_16", "coco_17"])
def test_anatomy_asks_only_for_joints_that_are_there(names):
    skeleton = SKELETONS[names]
    made, _ = capture()
    known = [BODY.index(name) for name in skeleton.joints]
    xyz = np.where(np.array(known)[:, None] >= 0, made.truth.xyz[:, 0][:, known], np.nan)
    covariance = np.tile([4e-4, 0, 0, 4e-4, 0, 4e-4], (*xyz.shape[:2], 1))
    assert np.median(Facing(skeleton).evidence(xyz, covariance)) > 0.5


def test_the_summary_names_views_that_exchange_and_the_search_for_people_survives_them():
    made = synthesize(DemoSettings(seed=2, duration=1.0, fps=60.0, noise=DetectorNoise(swaps=0.0)))
    keypoints, where = behind(made.detections.keypoints, [0, 1])
    result = reconstruct(keypoints, made.rig)
    errors = np.linalg.norm(result.poses.xyz - made.truth.xyz[:, :1], axis=-1)  # [T, P, J]
    error = errors[:, np.nanmedian(errors, axis=(0, 2)).argmin()]
    assert errors.shape[1] == 2  # somebody walks past
    assert np.nanmedian(error) < 0.02
    assert (error > 0.15).mean() < 0.02
    cameras = {row["name"]: row["swapped_frames"] for row in result.summary["cameras"]}
    assert cameras["cam01"] >= where[:, 0].sum() - 1
    assert any("cam01" in reason and "exchange" in reason for reason in result.summary["verdict"]["reasons"])


def test_the_verdict_doubts_sides_that_could_not_be_told():
    made, seen = capture()
    keypoints, _ = behind(seen, [0, 1])
    faceless = [k for k, name in enumerate(BODY.joints) if name.split("_")[-1] in ("hip", "shoulder", "wrist")]
    xy, confidence = np.full_like(keypoints.xy, np.nan), np.zeros_like(keypoints.confidence)
    xy[..., faceless, :], confidence[..., faceless] = (
        keypoints.xy[..., faceless, :],
        keypoints.confidence[..., faceless],
    )
    result = reconstruct(replace(keypoints, xy=xy, confidence=confidence), made.rig)
    assert result.summary["verdict"]["level"] != "good"
    assert any("may be exchanged" in reason for reason in result.summary["verdict"]["reasons"])
    assert result.summary["left_right_unsure"][0]["person"] == 1


@pytest.mark.parametrize("views", [[2, 3], [0, 1], [1, 3]])
def test_a_real_person_seen_from_behind_comes_out_right(shared, views):
    folder = shared / "captures" / "balance"
    opened = open_capture(
        folder, calibration=folder / "Calib.qca.txt", keypoints=folder / "keypoints" / "openpose", fps=60
    )
    plain = reconstruct(opened.keypoints, opened.rig, fps=60)
    keypoints, where = behind(opened.keypoints, views)
    result = reconstruct(keypoints, opened.rig, fps=60)
    assert plain.summary["left_right_runs"] == []
    assert not plain.summary["left_right_unsure"]
    assert not result.summary["left_right_unsure"]
    error = np.linalg.norm(result.poses.xyz - plain.poses.xyz, axis=-1)
    assert np.nanmedian(error) < 0.001
    assert (error < 0.03).mean() > 0.97
    found = [row["swapped_frames"] for row in result.summary["cameras"]]
    assert np.abs(np.array(found) - where.sum(0)).max() <= 2


def test_cameras_with_exchanged_files_are_not_taken_for_cameras_that_exchange_sides():
    rng, rig = np.random.default_rng(0), ring_rig(4)
    xyz = Body(1.75).place({}, np.array([[0.0, 0.0, 0.93]]))
    swaying = xyz + 0.3 * np.sin(np.arange(60) / 40)[:, None, None] * np.array([1.0, 0.0, 0.0])
    xy = np.moveaxis(rig.project(swaying), 0, 1)[:, :, None]
    xy = xy + rng.normal(0, 2, xy.shape)
    opposite = Keypoints(xy[:, [2, 1, 0, 3]], np.ones(xy.shape[:-1]), rig.names, BODY, 60.0)
    with pytest.raises(CalibrationError, match="cam01 and cam03 exchanged their keypoints"):
        reconstruct(opposite, rig)
    keypoints, _ = behind(Keypoints(xy, np.ones(xy.shape[:-1]), rig.names, BODY, 60.0), [0, 2])
    assert reconstruct(keypoints, rig).summary["left_right_unsure"] == []
