"""Contacts, gait events and strides against the walking model's own phase."""

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.gait import walk_past, walk_turn_squat
from lift3d.datasets.skeleton import SKELETONS
from lift3d.kinematics import foot_contacts, gait_events, speed, velocity
from lift3d.kinematics.strides import cadence, strides

BODY_25B = SKELETONS["body_25b"]
FPS, CADENCE = 60.0, 1.8
STRIDE = 2 / CADENCE
STANCE = 0.62  # of the stride: the model takes all weight off a foot there


@pytest.fixture(scope="module")
def walk():
    """Eight seconds of straight walking: xyz and time."""
    xyz = walk_past(8.0, FPS, cadence=CADENCE)
    return xyz, np.arange(len(xyz)) / FPS


def events_of(xyz, time, skeleton=BODY_25B):
    return gait_events(foot_contacts(xyz, skeleton, time), xyz, skeleton, time)


def true_moments(side, kind):
    phase = (0.5 if side == "left" else 0.0) + (0.0 if kind == "foot_strike" else STANCE)
    moments = (np.arange(-1, 12) + phase) * STRIDE
    return moments[(moments > 0.3) & (moments < 7.7)]


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.015])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", ["foot_strike", "foot_off"])
def test_every_event_of_the_walk_is_found_once_and_near_the_model_s_own_moment(walk, noise, side, kind, rng):
    xyz, time = walk
    noisy = xyz + noise * rng.standard_normal(xyz.shape)
    found = [e.time for e in events_of(noisy, time) if (e.side, e.kind) == (side, kind) and 0.3 < e.time < 7.7]
    truth = true_moments(side, kind)
    assert len(found) == len(truth)
    # Five frames: the model's foot is set down rigidly over a tenth of a second, and so has no sharp moment itself.
    np.testing.assert_allclose(found, truth, atol=0.085)
    assert np.abs(np.median(found - truth)) < 0.04


def test_a_walker_strikes_with_the_heel_and_leaves_with_the_toe(walk):
    events = events_of(*walk)
    assert {e.point for e in events if e.kind == "foot_strike"} == {"heel"}
    assert {e.point for e in events if e.kind == "foot_off"} == {"toe"}


def test_strides_have_the_model_s_time_and_length(walk):
    xyz, time = walk
    events = events_of(xyz, time)
    hips = xyz[:, [BODY_25B.index("left_hip"), BODY_25B.index("right_hip")], :2].mean(1)
    pace = np.linalg.norm(hips[-1] - hips[0]) / (time[-1] - time[0])
    for side in strides(events).values():
        assert np.median(side["stride_time"]) == pytest.approx(STRIDE, abs=0.01)
        assert np.median(side["stride_length"]) == pytest.approx(pace * STRIDE, rel=0.02)
        assert np.nanmedian(side["step_time"]) == pytest.approx(STRIDE / 2, abs=0.02)
        assert np.nanmedian(side["stance_share"]) == pytest.approx(100 * STANCE, abs=3)
    assert cadence(events) == pytest.approx(60 * CADENCE, abs=1)


def test_somebody_who_stands_still_has_contacts_and_no_events():
    xyz = np.repeat(walk_turn_squat(0.02, FPS)[:1], 120, axis=0)
    time = np.arange(120) / FPS
    contacts = foot_contacts(xyz, BODY_25B, time)
    assert all((contacts[side]["foot"] == 1).all() for side in ("left", "right"))
    assert events_of(xyz, time) == ()
    assert np.isnan(cadence(()))


def test_a_gap_makes_no_event_and_its_state_is_not_known(walk):
    xyz, time = walk
    before = events_of(xyz, time)
    holed = xyz.copy()
    holed[100:130] = np.nan
    contacts = foot_contacts(holed, BODY_25B, time)
    assert (contacts["left"]["foot"][100:130] == -1).all()
    after = events_of(holed, time)
    assert all(
        any(e.kind == b.kind and e.side == b.side and abs(e.frame - b.frame) <= 3 for b in before) for e in after
    )
    assert all(not 99 < e.frame <= 130 for e in after)


def test_a_set_without_feet_rests_on_the_ankles(walk):
    xyz, time = walk
    coco = SKELETONS["coco_17"]
    part = xyz[:, [BODY_25B.index(joint) for joint in coco.joints]]
    contacts = foot_contacts(part, coco, time)
    assert set(contacts["left"]) == {"foot", "ankle"}
    found = [e.time for e in events_of(part, time, coco) if (e.side, e.kind) == ("right", "foot_strike")]
    assert len(found) >= len(true_moments("right", "foot_strike"))


def test_velocity_of_a_parabola_is_exact_but_for_the_ends_where_a_line_is_fitted():
    time = np.arange(40) / 50
    value = np.stack([1000 + 3 * time - 2 * time**2, np.full(40, 7.0)], axis=-1)
    found, truth = velocity(value, time), np.stack([3 - 4 * time, 0 * time], axis=-1)
    np.testing.assert_allclose(found[1:-1], truth[1:-1], atol=1e-9)
    np.testing.assert_allclose(found, truth, atol=4 / 50 + 1e-9)  # one frame's worth of acceleration


def test_velocity_does_not_bridge_a_gap_and_stays_exact_beside_it():
    time = np.arange(40) / 50
    xyz = time[:, None, None] * np.array([3.0, 4.0, 0.0])
    xyz[10:15] = np.nan
    found = speed(xyz, time)[:, 0]
    assert np.isnan(found[10:15]).all()
    np.testing.assert_allclose(np.delete(found, np.s_[10:15]), 5.0, atol=1e-9)


def test_velocity_of_too_few_frames_is_nan():
    assert np.isnan(velocity(np.zeros((2, 2)), np.arange(2.0))).all()
    assert velocity(np.zeros((0, 2)), np.zeros(0)).shape == (0, 2)


def test_time_that_does_not_increase_is_refused():
    with pytest.raises(InputError, match="time must increase"):
        velocity(np.zeros((5, 2)), np.array([0.0, 1, 1, 2, 3]))
