"""Clocks from motion."""

import numpy as np
import pytest

from lift3d.calib import InputError, Rig
from lift3d.calib.rotation import rotation_matrix
from lift3d.calib.sync import SyncSettings, synchronise, whole_shifts
from lift3d.calib.tracks import Track
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig

FPS, FINE = 30, 10
SETTINGS = SyncSettings(reach=12, drift=False, bones=SKELETONS["body_25b"].limb_bones, moments=45)


def film(rig, xyz, offsets, *, rates=None, drift=None, noise=2.0, frames=150):
    """Tracks of cameras that start late and run at their own rates; ``xyz`` has FINE moments a capture frame."""
    rng = np.random.default_rng(8)
    tracks = []
    for v, camera in enumerate(rig):
        rate = 1.0 if rates is None else rates[v]
        speed = rate * (1 + (0.0 if drift is None else drift[v]))
        moments = np.arange(int(frames / rate)) * speed + offsets[v] + 20
        place = moments * FINE
        low = np.clip(np.floor(place).astype(int), 0, len(xyz) - 2)
        share = np.clip(place - low, 0, 1)[:, None, None]
        xy = camera.project(xyz[low] * (1 - share) + xyz[low + 1] * share)
        xy = xy + rng.standard_t(4, xy.shape) * noise
        xy[rng.random(xy.shape[:2]) < 0.1] = np.nan
        tracks.append(Track.of(xy, np.isfinite(xy).all(-1).astype(float), rate=rate))
    return tracks


@pytest.fixture(scope="module")
def rig():
    return ring_rig(4)


@pytest.fixture(scope="module")
def walk():
    return demo_people(7.0, FPS * FINE)[:, 0]


def test_fractional_offsets_come_out_of_noisy_keypoints(rig, walk):
    true = np.array([0.0, -7.3, 2.5, 0.4])
    found = synchronise(film(rig, walk, true), rig, SETTINGS)
    np.testing.assert_allclose([clock.offset for clock in found.clocks], true, atol=0.1)
    assert found.sure
    assert all(0 < clock.sigma < 0.1 for clock in found.clocks[1:])


def test_offsets_are_found_although_the_cameras_stand_elsewhere(rig, walk):
    rng = np.random.default_rng(2)
    cameras = []
    for camera in rig:
        R = rotation_matrix(rng.normal(0, np.radians(0.5), 3)) @ camera.R
        cameras.append(camera.with_pose(R, -R @ (camera.center + rng.normal(0, 0.03, 3))))
    true = np.array([0.0, 5.0, 0.0, -3.4])
    found = synchronise(film(rig, walk, true), Rig(tuple(cameras)), SETTINGS)
    np.testing.assert_allclose([clock.offset for clock in found.clocks], true, atol=0.15)


def test_a_slower_camera_is_put_in_step_by_its_rate(rig, walk):
    true = np.array([0.0, 1.7, 0.0, 0.0])
    found = synchronise(film(rig, walk, true, rates=[1.0, 2.0, 1.0, 1.0]), rig, SETTINGS)
    np.testing.assert_allclose([clock.offset for clock in found.clocks], true, atol=0.15)


def test_a_clock_that_runs_slow_is_measured(rig, walk):
    true, drift = np.array([0.0, 0.0, 3.0, 0.0]), np.array([0.0, 0.0, 2e-3, 0.0])  # as much as ten minutes at 50 ppm
    settings = SyncSettings(reach=4, bones=SETTINGS.bones, moments=45)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lift3d.calib.sync.DRIFT_SD", 2e-3)
        found = synchronise(film(rig, walk, true, drift=drift), rig, settings)
    # The track's own frame 0 is at capture moment 20 in the film, so that offsets are as given.
    assert found.clocks[2].drift_ppm == pytest.approx(2000, abs=4 * found.clocks[2].drift_sigma_ppm)
    assert found.clocks[2].drift_sigma_ppm < 900


def test_a_person_who_stands_still_sets_no_clock(rig, walk):
    still = np.repeat(walk[:1], len(walk), axis=0)
    found = synchronise(film(rig, still, np.zeros(4)), rig, SETTINGS)
    assert not found.sure
    assert not any(clock.sure for clock in found.clocks[1:])
    assert "nobody moves" in found.clocks[1].reason


def test_velocities_are_slopes_and_never_bridge_a_side_that_is_not_there():
    t = np.arange(20.0)
    xy = np.stack([3 * t + 5, -2 * t], axis=-1)[:, None]
    xy[8:12] = np.nan
    track = Track.of(xy, np.ones((20, 1)), half=2)
    np.testing.assert_allclose(track.velocity[3, 0], [3, -2], atol=1e-9)
    assert np.isnan(track.velocity[[0, 7, 12, 19], 0]).all()
    at, confidence, _ = track.at(np.array([3.5, 9.0, 40.0]), np.zeros(3))
    np.testing.assert_allclose(at[0, 0], [3 * 3.5 + 5, -7.0], atol=1e-9)
    assert confidence[:, 0].tolist() == [1, 0, 0]


def test_whole_shifts_see_beyond_the_fine_steps_reach(rig, walk):
    offset, contrast = whole_shifts(film(rig, walk, [0, -14, 9, 3]), rig, SyncSettings(reach=30, moments=60))
    np.testing.assert_allclose(offset, [0, -14, 9, 3], atol=1)
    assert (contrast > 0.2).all()


def test_what_cannot_be_synchronised_is_refused(rig, walk):
    tracks = film(rig, walk, np.zeros(4))
    with pytest.raises(InputError, match="3 tracks but the rig has 4"):
        synchronise(tracks[:3], rig)
    with pytest.raises(InputError, match="at least two cameras"):
        synchronise(tracks[:1], Rig(rig.cameras[:1]))
    with pytest.raises(InputError, match="ratio of 0"):
        Track.of(np.zeros((3, 1, 2)), np.ones((3, 1)), rate=0)
