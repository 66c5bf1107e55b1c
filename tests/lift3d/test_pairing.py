"""Faults of the pairing, made by hand on synthetic truth, must be found and named."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from lift3d.association import associate
from lift3d.calib import InputError, Rig
from lift3d.datasets import Keypoints
from lift3d.datasets.detector_noise import simulate_detections
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig
from lift3d.pairing import check_pairing, check_scale


@dataclass(frozen=True)
class Capture:
    rig: Rig
    keypoints: Keypoints


@pytest.fixture(scope="module")
def capture():
    """Four cameras of a ring of seven: on an even ring, giving everyone the neighbour's keypoints is no fault."""
    rig = ring_rig(7).select(["cam01", "cam02", "cam04", "cam05"])
    rig = Rig(tuple(replace(camera, name=f"cam0{v + 1}") for v, camera in enumerate(rig)))
    people = demo_people(2.4, 10.0)
    seen = simulate_detections(people, rig, np.random.default_rng(5), fps=10.0)
    return Capture(rig, seen.keypoints)


def report(keypoints, rig):
    return check_pairing(keypoints, rig, associate(keypoints, rig))


def changed(keypoints, view, change):
    xy = keypoints.xy.copy()
    xy[:, view] = change(xy[:, view])
    return replace(keypoints, xy=xy)


def reordered(keypoints, order):
    return replace(keypoints, xy=keypoints.xy[:, order], confidence=keypoints.confidence[:, order])


def turned(xy, size):
    """A quarter turn anticlockwise of a picture of this size: what a clockwise one undoes."""
    return np.stack([xy[..., 1], size[0] - 1 - xy[..., 0]], axis=-1)


def test_a_sound_capture_has_no_suspects(capture):
    found = report(capture.keypoints, capture.rig)
    assert not found.suspects
    assert not found.message
    assert min(found.agreement.values()) > 0.9


@pytest.mark.parametrize("view", range(4))
@pytest.mark.parametrize("shift", [(150, 0), (0, -150)])
def test_shifted_keypoints_are_named_with_the_shift(capture, view, shift):
    found = report(changed(capture.keypoints, view, lambda xy: xy + np.array(shift)), capture.rig)
    assert found.suspects == (capture.rig.names[view],)
    assert len(found.remedies) == 1
    assert f"{capture.rig.names[view]}'s keypoints were shifted by (" in found.message
    dx, dy = map(int, found.message.split("shifted by (")[1].split(")")[0].split(", "))
    assert abs(dx + shift[0]) < 15  # the noise of a median over bodies of a few hundred pixels
    assert abs(dy + shift[1]) < 15


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [0, 3, 2, 1], [2, 1, 0, 3], [1, 2, 0, 3], [1, 2, 3, 0], [3, 2, 1, 0]])
def test_a_wrong_order_is_found_with_the_right_one(capture, order):
    keypoints = reordered(capture.keypoints, order)
    found = report(keypoints, capture.rig)
    assert found.remedies, found
    rig = capture.rig
    for remedy in found.remedies:
        keypoints, rig = remedy.apply(keypoints, rig)
    np.testing.assert_array_equal(keypoints.xy, capture.keypoints.xy)


@pytest.mark.parametrize(("factor", "told"), [(0.5, "2 times as large"), (2.0, "0.5 times as large")])
def test_keypoints_of_a_smaller_or_larger_video_are_named(capture, factor, told):
    change = lambda xy: (xy + 0.5) * factor - 0.5  # noqa: E731
    found = report(changed(capture.keypoints, 1, change), capture.rig)
    assert f"cam02's keypoints were {told}" in found.message


def test_all_keypoints_of_half_the_size_are_one_fault(capture):
    keypoints = capture.keypoints
    found = report(replace(keypoints, xy=(keypoints.xy + 0.5) * 0.5 - 0.5), capture.rig)
    assert [remedy.found for remedy in found.remedies] == ["all keypoints were 2 times as large"]


@pytest.mark.parametrize("view", [0, 2])
def test_a_quarter_turn_is_named(capture, view):
    size = capture.rig.cameras[view].size
    found = report(changed(capture.keypoints, view, lambda xy: turned(xy, size)), capture.rig)
    assert f"cam0{view + 1}'s keypoints were turned by 90 degrees clockwise" in found.message


def test_one_camera_in_millimetres_is_named(capture):
    cameras = list(capture.rig)
    cameras[2] = cameras[2].with_pose(cameras[2].R, cameras[2].t * 1000)
    found = report(capture.keypoints, Rig(tuple(cameras)))
    assert "cam03's translation is read as millimetres" in found.message


def test_a_camera_that_was_moved_is_called_wrong(capture):
    cameras = list(capture.rig)
    turn = np.array([[0.7, -0.714, 0], [0.714, 0.7, 0], [0, 0, 1]])
    turn, _ = np.linalg.qr(turn)
    turn *= np.sign(np.linalg.det(turn))
    cameras[1] = cameras[1].with_pose(cameras[1].R @ turn, cameras[1].t + (0.8, -0.5, 0.4))
    found = report(capture.keypoints, Rig(tuple(cameras)))
    assert "cam02" in found.suspects
    assert "cam02" in found.message


def bones(length):
    xyz = np.zeros((5, 1, 17, 3))
    xyz[:, 0, :, 2] = np.arange(17) * length / 2  # COCO-17: knees and ankles stand two joints further on
    return xyz, SKELETONS["coco_17"].limb_bones


def test_people_of_human_size_pass():
    check_scale(*bones(0.4))
    check_scale(*bones(0.2))


@pytest.mark.parametrize(("length", "unit"), [(400.0, "mm"), (40.0, "cm"), (15.7, "inches")])
def test_the_unit_of_a_giant_is_named(length, unit):
    with pytest.raises(InputError, match=f"not in metres.* fits {unit}"):
        check_scale(*bones(length))


def test_a_scale_that_fits_no_unit_is_refused():
    with pytest.raises(InputError, match="the scale of the calibration is wrong"):
        check_scale(*bones(0.01))


def test_no_bones_no_judgement():
    check_scale(np.full((3, 1, 17, 3), np.nan), SKELETONS["coco_17"].limb_bones)
    check_scale(np.zeros((3, 1, 2, 3)), ())
