"""Calibration by people on the real capture: the figures of docs/calibration_people.md, with room for choices."""

import numpy as np
import pytest

from lift3d.calib.repair import repair
from lift3d.calibrate_people import body_views, person_by_geometry
from lift3d.calibrate_sync import synchronise_people
from lift3d.datasets import Keypoints
from lift3d.datasets.capture import open_capture


@pytest.fixture(scope="module")
def balance(shared):
    folder = shared / "captures" / "balance"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return open_capture(folder, calibration=folder / "Calib.qca.txt", keypoints=folder / "keypoints" / "openpose")


def test_repair_lowers_the_residual_by_two_fifths_and_keeps_the_scale(balance):
    found = repair(body_views(person_by_geometry(balance.keypoints, balance.rig)), balance.rig)
    assert found.after_px < 0.6 * found.before_px
    before, after = (
        np.linalg.norm(r.centers[:, None] - r.centers[None], axis=-1).sum() for r in (balance.rig, found.rig)
    )
    assert after == pytest.approx(before, rel=0.01)


def test_a_camera_that_is_five_frames_late_is_found_though_all_stand_wrong(balance):
    points, late = balance.keypoints, 5
    xy, confidence = points.xy[late:].copy(), points.confidence[late:].copy()
    xy[:, 2], confidence[:, 2] = points.xy[:-late, 2], points.confidence[:-late, 2]
    delayed = Keypoints(xy, confidence, points.cameras, points.skeleton, points.fps)
    found = synchronise_people(delayed, balance.rig, reach_s=0.2, drift=False)
    np.testing.assert_allclose([clock.offset for clock in found.clocks], [0, 0, -late, 0], atol=0.5)
    assert found.sure
