"""Calibration, checking and synchronisation by the people of a capture."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lift3d.calib import CalibrationError, InputError, Rig
from lift3d.calib.agreement import measure_agreement
from lift3d.calib.old_places import Standing
from lift3d.calib.repair import Move, Repair
from lift3d.calib.rotation import rotation_matrix, rotation_vector
from lift3d.calibrate_check import check_calibration
from lift3d.calibrate_people import (
    body_views,
    calibrate_people,
    people_by_geometry,
    person_by_geometry,
    rigid_bones,
    views_of_people,
)
from lift3d.calibrate_report import who_moved
from lift3d.calibrate_sync import clap_offsets, synchronise_people, tracks_of
from lift3d.datasets.detector_noise import DetectorNoise, simulate_detections
from lift3d.datasets.resampling import CameraTime, nearest_frames
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig
from lift3d.main_person import follow_main_person
from lift3d.reconstruct import reconstruct

BODY = SKELETONS["body_25b"]


@pytest.fixture(scope="module")
def rig():
    return ring_rig(4)


@pytest.fixture(scope="module")
def people():
    return demo_people(7.0, 7.0)


@pytest.fixture(scope="module")
def detections(rig, people):
    return simulate_detections(people, rig, np.random.default_rng(4), fps=7.0)


def turned(rig, v, degrees=0.8, metres=0.03):
    camera = rig[v]
    R = rotation_matrix(np.radians(degrees) * np.array([0.6, -0.8, 0.0])) @ camera.R
    moved = camera.with_pose(R, -R @ (camera.center + np.array([metres, 0, 0])))
    return Rig(tuple(moved if k == v else c for k, c in enumerate(rig)))


def test_the_main_person_is_followed_past_a_passer_by(detections):
    found = follow_main_person(detections.keypoints)
    who = np.take_along_axis(detections.person, np.maximum(found.index, 0), axis=2)
    right = (who == 0)[found.index >= 0]
    assert (found.index >= 0).mean() > 0.9
    assert right.mean() > 0.95


def test_left_and_right_bones_are_paired():
    bones, symmetric = rigid_bones(BODY)
    names = [tuple(BODY.joints[joint] for joint in bone) for bone in bones]
    assert (("left_hip", "left_knee"), ("right_hip", "right_knee")) in [(names[a], names[b]) for a, b in symmetric]
    assert all(names[a] != names[b] for a, b in symmetric)


def test_cameras_floor_and_scale_from_a_walk_with_a_passer_by(rig, detections):
    lenses = Rig(tuple(camera.with_pose(np.eye(3), np.zeros(3)) for camera in rig))
    found = calibrate_people(detections.keypoints, lenses, stature=1.75)
    for i in range(4):
        relative = found.rig[i].R @ found.rig[0].R.T @ rig[0].R @ rig[i].R.T
        assert np.degrees(np.linalg.norm(rotation_vector(relative))) < 1.0
    np.testing.assert_allclose(found.rig.centers[:, 2], rig.centers[:, 2], rtol=0.06)
    spans = [np.linalg.norm(r[0].center - r[2].center) for r in (found.rig, rig)]
    assert spans[0] == pytest.approx(spans[1], rel=0.06)
    with pytest.raises(CalibrationError, match="give the person's height"):
        calibrate_people(detections.keypoints, lenses)


def test_check_names_the_camera_that_moved(rig, detections):
    assert check_calibration(detections.keypoints, rig)["problems"] == []
    bad = turned(rig, 2)
    found = check_calibration(detections.keypoints, bad, known_length=("left_hip", "LKnee", 0.43))
    assert found["off"] == ["cam03"]
    assert any("cam03 is off" in problem for problem in found["problems"])


def test_a_known_length_that_does_not_fit_is_a_problem(rig, detections):
    found = check_calibration(detections.keypoints, rig, known_length=("left_hip", "left_knee", 0.40))
    assert any("the scale is off by +" in problem for problem in found["problems"])
    ends = {"post": (1.0, 0.5, 0.0), "lamp": (-0.5, 0.5, 2.0)}
    clicks = {c.name: {name: c.project(np.array(xyz)) for name, xyz in ends.items()} for c in rig}
    found = check_calibration(detections.keypoints, rig, known_length=("post", "lamp", 2.5), clicks=clicks)
    assert found["problems"] == []
    assert "post to lamp: 2500 mm by the calibration, 2500 mm known" in found["notes"]
    clicks["cam02"]["lamp"] = clicks["cam02"]["lamp"] + 40
    found = check_calibration(detections.keypoints, rig, known_length=("post", "lamp", 2.4), clicks=clicks)
    assert any("the scale is off by +" in problem for problem in found["problems"])
    assert any("lamp: clicks disagree by" in note for note in found["notes"])
    with pytest.raises(InputError, match="no joint 'tail'"):
        check_calibration(detections.keypoints, rig, known_length=("tail", "left_knee", 0.40))


def test_a_quarter_turn_is_told_before_any_residual(rig, detections):
    keypoints = detections.keypoints
    xy = keypoints.xy.copy()
    xy[:, 1] = np.stack([719 - xy[:, 1, ..., 1], xy[:, 1, ..., 0]], axis=-1)
    found = check_calibration(replace(keypoints, xy=xy), rig)
    assert "cam02's keypoints were turned by 270 degrees" in found["problems"][0]


def test_everybody_who_walks_about_takes_part_unless_a_camera_is_lost(rig, people):
    both = np.stack([people[:, 0], people[::-1, 0] * [-1, 1, 1] + [0, 1.2, 0]], axis=1)
    keypoints = simulate_detections(both, rig, np.random.default_rng(2), fps=7.0).keypoints
    found = people_by_geometry(keypoints, rig)
    assert found.shape[2] == 2
    assert measure_agreement(views_of_people(found), rig).noise < 5
    assert people_by_geometry(keypoints, turned(rig, 1, degrees=12.0)).shape[2] == 1


def test_too_few_frames_are_refused(rig, detections):
    few = detections.keypoints.select_frames(np.arange(5))
    with pytest.raises(InputError, match="needs 10 at least"):
        body_views(person_by_geometry(few, rig))


def test_fractional_offsets_are_found_and_then_applied_by_interpolation(rig):
    fps, fine, offsets = 30, 10, (0.0, -2.3, 1.6, 0.4)
    truth = demo_people(5.0, fps * fine)[:, :1]
    keypoints = None
    for v, offset in enumerate(offsets):
        own = np.arange(100)
        xyz = truth[np.round((own + 10 + offset) * fine).astype(int)]
        noise = DetectorNoise(swaps=0.0)
        seen = simulate_detections(xyz, rig, np.random.default_rng(v), fps=fps, noise=noise).keypoints
        keypoints = keypoints or seen
        keypoints.xy[:, v], keypoints.confidence[:, v] = seen.xy[:, v], seen.confidence[:, v]
    found = synchronise_people(keypoints, rig, reach_s=0.3, drift=False)
    np.testing.assert_allclose([clock.offset for clock in found.clocks], offsets, atol=0.15)
    clocks = [CameraTime(offset) for offset in offsets]
    timed = nearest_frames(keypoints, clocks, [(0, 99)] * 4)
    errors = []
    for points in (timed, replace(timed, times=None)):
        poses = reconstruct(points, rig, fps=fps).poses
        frames = np.round((poses.time * fps + 10) * fine).astype(int)
        errors.append(np.nanmedian(np.linalg.norm(poses.xyz[:, 0] - truth[frames, 0], axis=-1)))
    assert errors[0] < 0.9 * errors[1]  # interpolated against the nearest frame
    again = tracks_of(replace(follow_main_person(timed).gather(timed), times=timed.times), fps)
    assert again[1].first == pytest.approx(timed.times[:, 1][np.isfinite(timed.times[:, 1])].min())


def test_claps_set_offsets(rig):
    found = clap_offsets({"cam01": 100, "cam02": 103, "cam03": 90, "cam04": 100}, rig)
    assert found == {"cam01": 0, "cam02": -3, "cam03": 10, "cam04": 0}
    with pytest.raises(InputError, match="no clap of cam03, cam04"):
        clap_offsets({"cam01": 100, "cam02": 103}, rig)


def told(rig, chance, *, anchored, sure=False):
    """A repair that says so much of who moved, and nothing else."""
    chance = np.array(chance)
    moves = tuple(Move(name, *[0.0] * 9) for name in rig.names)
    moved = tuple(name for name, share in zip(rig.names, chance, strict=True) if anchored and share > 0.95)
    adjustment = SimpleNamespace(moved=np.tile([0, 0, 0, 0.03, 0.04, 0, 0, 0, 0], (4, 1)))
    standing = Standing(chance > 0.95, sure, chance)
    return Repair(rig, moves, moved, standing, anchored, before_px=9.0, after_px=5.0, adjustment=adjustment)


def test_where_nobody_can_be_named_the_line_says_that_points_of_the_scene_would_settle_it(rig):
    line = who_moved(told(rig, [0.9, 0.1, 0.7, 0.1], anchored=False))
    assert "(cam01 90%, cam02 10%, cam03 70%, cam04 10%)" in line
    assert "(--clicks, --points) would hold it instead" in line
    assert "(--clicks, --points)" in who_moved(told(rig, [1, 1, 1, 1], anchored=False))


def test_where_points_hold_the_world_cameras_are_judged_one_by_one(rig):
    line = who_moved(told(rig, [0.99, 0.01, 0.6, 0.01], anchored=True))
    assert line == "in the world of the known points cam01 moved; it cannot be told of cam03 60%"
    assert "no camera moved" in who_moved(told(rig, [0, 0, 0, 0], anchored=True, sure=True))
    assert "all of them together by 5.0 cm" in who_moved(told(rig, [1, 1, 1, 1], anchored=True, sure=True))
