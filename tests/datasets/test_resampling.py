"""Keypoints between frames."""

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Keypoints
from lift3d.datasets.resampling import CameraTime, in_step, nearest_frames
from lift3d.datasets.skeleton import skeleton_of

JOINTS = skeleton_of(["left_hip", "left_knee"])


def path(moments):
    """A joint that swings (a cubic cannot follow it exactly, a line much less), and one that goes straight."""
    swing = np.stack([300 + 100 * np.sin(moments / 6), 200 + 3 * moments], axis=-1)
    return np.stack([swing, np.stack([5 * moments, 400 - moments], axis=-1)], axis=-2)


def filmed(clocks, frames=40):
    """What cameras with these clocks see: [T, V, 1, 2, 2] by their own frame numbers."""
    own = np.arange(frames)
    xy = np.stack([path(own * clock.rate + clock.offset) for clock in clocks], axis=1)[:, :, None]
    confidence = np.full(xy.shape[:-1], 0.8)
    names = tuple(f"cam{v}" for v in range(len(clocks)))
    return Keypoints(xy, confidence, names, JOINTS, 60.0, own)


def resampled(clocks, keypoints=None, **options):
    keypoints = keypoints or filmed(clocks)
    spans = [(0, len(keypoints.xy) - 1)] * len(clocks)
    return in_step(nearest_frames(keypoints, clocks, spans), **options)


def test_cameras_out_of_step_meet_on_whole_frames():
    clocks = [CameraTime(), CameraTime(offset=-7.3), CameraTime(offset=2.5), CameraTime(offset=0.4)]
    found = resampled(clocks)
    truth = path(found.frames.astype(float))
    assert found.times is None
    np.testing.assert_array_equal(found.xy[np.isin(found.frames, np.arange(40)), 0, 0], path(np.arange(40.0)))
    for v in range(1, 4):
        seen = found.confidence[:, v, 0, 0] > 0
        assert seen.sum() >= 38
        assert np.abs(found.xy[seen, v, 0] - truth[seen]).max() < 0.25  # the nearest frames are up to 9 px off
        assert (found.confidence[seen, v] == 0.8).all()


def test_half_the_frame_rate_gives_every_capture_frame():
    found = resampled([CameraTime(), CameraTime(offset=0.25, rate=2.0)])
    truth = path(found.frames.astype(float))
    seen = found.confidence[:, 1, 0, 0] > 0
    assert seen[(found.frames >= 3) & (found.frames <= 76)].all()
    assert np.abs(found.xy[seen, 1, 0] - truth[seen]).max() < 0.6


def test_drift_adds_up_over_the_capture():
    clock = CameraTime(rate=1.01)
    found = resampled([CameraTime(), clock])
    seen = found.confidence[:, 1, 0, 0] > 0
    truth = path(found.frames.astype(float))
    assert np.abs(found.xy[seen, 1, 0] - truth[seen]).max() < 0.15


def test_gaps_longer_than_stated_stay_gaps():
    clocks = [CameraTime(), CameraTime(offset=0.5)]
    keypoints = filmed(clocks)
    confidence = keypoints.confidence.copy()
    confidence[10, 1, 0, 0] = 0.0  # one frame
    confidence[20:23, 1, 0, 0] = 0.0  # three
    holed = Keypoints(keypoints.xy, confidence, keypoints.cameras, JOINTS, 60.0, keypoints.frames)
    found = resampled(clocks, holed)
    there = dict(zip(found.frames.tolist(), found.confidence[:, 1, 0, 0] > 0, strict=True))
    assert all(there[t] for t in (10, 11, 19, 24))
    assert not any(there[t] for t in (20, 21, 22, 23))
    strict = resampled(clocks, holed, max_gap=1.0)
    there = dict(zip(strict.frames.tolist(), strict.confidence[:, 1, 0, 0] > 0, strict=True))
    assert not any(there[t] for t in (10, 11, 20, 21, 22, 23))
    assert there[9]
    assert np.isnan(strict.xy[strict.confidence == 0]).all()


def test_nothing_is_invented_before_the_first_and_after_the_last_frame():
    found = resampled([CameraTime(), CameraTime(offset=10.5)])
    seen = found.confidence[:, 1, 0, 0] > 0
    assert found.frames[seen].min() == 11
    assert found.frames[seen].max() == 49
    assert not (found.confidence[found.frames > 40, 0] > 0).any()


def test_keypoints_in_step_are_left_alone():
    keypoints = filmed([CameraTime(), CameraTime()])
    assert in_step(keypoints) is keypoints


def test_times_must_be_of_the_frames_and_views_and_go_with_them():
    keypoints = filmed([CameraTime(), CameraTime()])
    with pytest.raises(InputError, match=r"times must be \[40, 2\], got \[3\]"):
        Keypoints(keypoints.xy, keypoints.confidence, keypoints.cameras, JOINTS, times=np.zeros(3))
    timed = nearest_frames(keypoints, [CameraTime(), CameraTime(0.25)], [(0, 39)] * 2)
    part = timed.select_frames(np.arange(3, 6)).select_views(["cam1"])
    np.testing.assert_allclose(part.times, [[3.25], [4.25], [5.25]])
