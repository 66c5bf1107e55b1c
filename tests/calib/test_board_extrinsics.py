"""Cameras placed by a moving board, synthetic and real, and what is said when they cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lift3d.calib import CalibrationError, Camera, InputError
from lift3d.calib.board_check import check_corners, check_with_board
from lift3d.calib.board_extrinsics import (
    ExtrinsicsConfig,
    calibrate_board_extrinsics,
    check_known_distance,
    views_in_time,
)
from lift3d.calib.board_views import BoardViews, views_of_photos, views_of_video
from lift3d.calib.boards import Board, parse_board
from lift3d.calib.formats import read_rig
from lift3d.calib.frame_times import read_frame_times
from lift3d.calib.intrinsics import IntrinsicsConfig, calibrate_intrinsics
from lift3d.calib.rotation import rotation_matrix, rotation_vector

BOARD = Board(6, 5, 0.06)
CENTERS = ([2.2, 0, 1.2], [1.2, 2.0, 1.3], [-1.0, 2.1, 1.1], [-2.1, 0.3, 1.4])
LENS = np.array([-0.15, 0.03, 0, 0, 0])


def camera_at(i, center):
    z = -np.asarray(center) / np.linalg.norm(center)
    x = np.cross(z, [0, 0, 1.0])
    x /= np.linalg.norm(x)
    R = np.stack([x, np.cross(z, x), z])
    K = np.array([[850.0 + 20 * i, 0, 640], [0, 850 + 20 * i, 360], [0, 0, 1]])
    return Camera(f"cam{i}", K, LENS, R, -R @ center, (1280, 720))


CAMERAS = [camera_at(i, center) for i, center in enumerate(CENTERS)]
LENSES = [camera.with_pose(np.eye(3), np.zeros(3)) for camera in CAMERAS]


def move_board(rng, frames=60, noise=0.2, corners=BOARD.corners):
    """A board that is turned to one camera after the other; who sees its face at a steep angle does not find it."""
    views = [np.full((frames, 30, 2), np.nan) for _ in CAMERAS]
    for f in range(frames):
        angle = 2 * np.pi * f / frames * 0.5
        face = np.array([np.cos(angle), np.sin(angle), 0.3]) + rng.normal(0, 0.2, 3)
        z = -face / np.linalg.norm(face)  # the print faces against the board's z
        x = np.cross([0, 0, -1.0], z)
        x /= np.linalg.norm(x)
        R = np.stack([x, np.cross(z, x), z], axis=1) @ rotation_matrix(np.array([0, 0, rng.normal(0, 0.3)]))
        t = rng.uniform(-0.3, 0.3, 3)
        points = (corners - BOARD.corners.mean(0)) @ R.T + t
        for camera, view in zip(CAMERAS, views, strict=True):
            away = t - camera.center
            if away @ z > 0.5 * np.linalg.norm(away):
                view[f] = camera.project(points) + rng.normal(0, noise, (30, 2))
    return [views_of(camera.name, view) for camera, view in zip(CAMERAS, views, strict=True)]


def views_of(name, xy, board=BOARD):
    seen = np.flatnonzero(np.isfinite(xy[:, 0, 0]))
    sources = tuple(f"frame {i}" for i in seen)
    return BoardViews(name, (1280, 720), board, seen, xy[seen], np.ones(len(seen)), sources, len(xy))


def relative_error(rig):
    """Degrees and metres by which cameras stand off the truth, relative to the first."""
    worst = np.zeros(2)
    for camera, truth in zip(rig, CAMERAS, strict=True):
        R = camera.R @ rig[0].R.T
        true_R = truth.R @ CAMERAS[0].R.T
        place = rig[0].R @ camera.center + rig[0].t
        true_place = CAMERAS[0].R @ truth.center + CAMERAS[0].t
        turn = np.degrees(np.linalg.norm(rotation_vector(R @ true_R.T)))
        worst = np.maximum(worst, [turn, np.linalg.norm(place - true_place)])
    return worst


def test_cameras_stand_where_they_stood(rng):
    found = calibrate_board_extrinsics(move_board(rng), LENSES)
    degrees, metres = relative_error(found.rig)
    assert degrees < 0.1
    assert metres < 0.005
    assert found.adjustment.noise == pytest.approx(0.2, rel=0.15)


def test_cameras_that_never_share_a_view_are_joined_through_others(rng):
    found = calibrate_board_extrinsics(move_board(rng), LENSES)
    assert found.graph.shared[0, 3] == 0
    assert len(found.graph.tree()) == 3


def test_error_bars_hold_the_errors(rng):
    found = calibrate_board_extrinsics(move_board(rng), LENSES)
    root = next(i for i, covariance in enumerate(found.adjustment.covariance) if not covariance.any())
    base = found.rig[root]
    for i, camera in enumerate(found.rig):
        if i == root:
            continue
        truth_t = CAMERAS[i].t - CAMERAS[i].R @ CAMERAS[root].R.T @ CAMERAS[root].t
        own_t = camera.t - camera.R @ base.R.T @ base.t
        sigma = np.sqrt(np.diag(found.adjustment.covariance[i]))[3:]
        assert (np.abs(own_t - truth_t) < 4.5 * sigma).all()


def test_frames_that_were_held_out_measure_the_board(rng):
    views = move_board(rng)
    found = calibrate_board_extrinsics(views, LENSES)
    assert not set(found.held_out) & set(found.frames)
    check = check_with_board(found.rig, views, frames=found.held_out)
    assert check.median_distance_error < 0.001
    assert check.scale == pytest.approx(1, abs=0.003)


def test_wrong_views_are_outvoted(rng):
    views = move_board(rng)
    for entry in views[1:3]:
        for f in (2, 5, 9):
            entry.xy[f] = entry.xy[f][::-1]
    found = calibrate_board_extrinsics(views, LENSES)
    assert relative_error(found.rig)[1] < 0.006
    assert found.outliers >= 100


def test_a_camera_that_shares_no_view_is_named(rng):
    views = move_board(rng)
    views[3] = replace(views[3], frames=views[3].frames + 1000)
    with pytest.raises(CalibrationError, match=r"cam3 \(board in \d+ frames\) shares no board view with"):
        calibrate_board_extrinsics(views, LENSES)


def test_videos_out_of_step_are_found_out(rng):
    views = move_board(rng)
    views[1] = replace(views[1], frames=views[1].frames + 3)
    with pytest.raises(CalibrationError, match=r"out of step|agree on nothing"):
        calibrate_board_extrinsics(views, LENSES)


def test_a_mirrored_camera_is_found_out(rng):
    views = move_board(rng)
    mirrored = views[1].xy * [-1, 1] + [1279, 0]
    across, down = BOARD.grid
    index = np.arange(30).reshape(down, across)[::-1].ravel()  # a mirrored print is detected with its rows turned
    views[1] = replace(views[1], xy=mirrored[:, index])
    with pytest.raises(CalibrationError, match=r"mirrored|agree on nothing"):
        calibrate_board_extrinsics(views, LENSES)


def test_a_board_that_looks_the_same_turned_is_refused(rng):
    views = [replace(entry, board=Board(7, 5, 0.06)) for entry in move_board(rng)]
    with pytest.raises(InputError, match="same after half a turn"):
        calibrate_board_extrinsics(views, LENSES)


def test_a_lens_of_another_resolution_is_refused(rng):
    lenses = [replace(LENSES[0], size=(640, 360)), *LENSES[1:]]
    with pytest.raises(CalibrationError, match="cam0: its lens speaks of 640x360 pictures, the video is 1280x720"):
        calibrate_board_extrinsics(move_board(rng), lenses)


def test_a_wrong_square_is_found_by_a_known_distance(rng):
    half = replace(BOARD, square=0.03)
    views = [replace(entry, board=half) for entry in move_board(rng)]
    found = calibrate_board_extrinsics(views, LENSES)
    true = float(np.linalg.norm(CAMERAS[0].center - CAMERAS[1].center))
    with pytest.raises(CalibrationError, match=r"squares of (60\.\d|59\.\d) mm would fit"):
        check_known_distance(found.rig, "cam0", "cam1", metres=true, square=half.square)
    check_known_distance(found.rig, "cam0", "cam1", metres=true / 2, square=half.square)


def test_lenses_move_when_asked(rng):
    off = [replace(lens, K=lens.K * [[1.01], [1.01], [1]]) for lens in LENSES]
    config = ExtrinsicsConfig(refine=frozenset({"fx", "fy"}))
    found = calibrate_board_extrinsics(move_board(rng, 80), off, config=config)
    for camera, truth in zip(found.rig, CAMERAS, strict=True):
        assert camera.focal[0] == pytest.approx(truth.focal[0], rel=0.005)


def film_late(delays, rng, *, frames=60, still=False, noise=0.2):
    """Two seconds of a board swung before three cameras, each of which shows it as it was some time ago; its times."""
    times = np.arange(frames) / 30
    views = []
    for camera, delay in zip(CAMERAS[:3], delays, strict=True):
        at = np.zeros(frames) if still else times - delay
        turn = np.stack([0.3 * np.sin(3 * at), 0.2 * np.cos(2.1 * at), 0.4 * np.sin(1.3 * at)], axis=-1)
        facing = np.stack([[0, 0, -1.0], [1, 0, 0], [0, -1, 0]], axis=1)  # the print towards the middle camera
        away = np.array([[np.cos(1.0), -np.sin(1.0), 0], [np.sin(1.0), np.cos(1.0), 0], [0, 0, 1]])
        R = rotation_matrix(turn) @ away @ facing[:, [1, 2, 0]]
        t = np.stack([0.3 * np.sin(2.5 * at), 0.3 * np.cos(1.7 * at), 0.2 * np.sin(3.1 * at)], axis=-1)
        points = (BOARD.corners - BOARD.corners.mean(0)) @ R.transpose(0, 2, 1) + t[:, None]
        views.append(views_of(camera.name, camera.project(points) + rng.normal(0, noise, (frames, 30, 2))))
    return views, times


def place_late(views, times):
    return calibrate_board_extrinsics(views, LENSES[:3], times=times)


def test_cameras_that_are_late_are_found_out_and_stand_where_they_stood(rng):
    views, times = film_late([0, 0.075, -0.021], rng)
    found = place_late(views, times)
    np.testing.assert_allclose(found.delays - found.delays[0], [0, 0.075, -0.021], atol=0.0015)
    assert found.adjustment.noise == pytest.approx(0.2, rel=0.1)
    assert np.linalg.norm(found.rig[1].center - found.rig[0].center) == pytest.approx(
        np.linalg.norm(CAMERAS[1].center - CAMERAS[0].center), rel=0.002
    )
    check = check_corners(found.rig, BOARD, views_in_time(found, views, times))
    blind = check_with_board(found.rig, views, frames=found.held_out)
    assert check.rms < 0.35 < blind.rms


def test_cameras_in_step_are_not_called_late(rng):
    views, times = film_late([0, 0, 0], rng)
    assert not place_late(views, times).delays.any()


def test_a_board_that_stands_still_tells_no_delay(rng):
    views, times = film_late([0, 0.075, 0], rng, still=True)
    assert not place_late(views, times).delays.any()


def test_without_times_nobody_is_late(rng):
    views, _ = film_late([0, 0.03, 0], rng)
    assert not place_late(views, None).delays.any()


def test_frames_far_apart_tell_no_delay(rng):
    views, times = film_late([0, 0.01, 0], rng)
    assert not place_late(views, 30 * times).delays.any()


def test_an_uneven_print_is_found_out_when_cameras_are_placed(rng):
    bent = BOARD.corners + rng.normal(0, 4e-4, BOARD.corners.shape)
    off = bent - BOARD.corners
    views = move_board(rng, noise=0.05, corners=bent)
    found = calibrate_board_extrinsics(views, LENSES)
    assert np.corrcoef((found.adjustment.corners - BOARD.corners)[:, :2].ravel(), off[:, :2].ravel())[0, 1] > 0.9
    assert found.adjustment.noise == pytest.approx(0.05, rel=0.15)
    assert calibrate_board_extrinsics(move_board(rng), LENSES).bend == 0


def test_times_without_an_index_are_joined_by_nearness(tmp_path):
    file = tmp_path / "timestamps.csv"
    rows = ["cam_id,frame_time"]
    rows += [f"0,{i / 30:.4f}" for i in range(10)] + [f"1,{i / 30 + 0.004:.4f}" for i in range(2, 10)]
    file.write_text("\n".join(rows))
    times = read_frame_times(file, ["cam_0", "cam_1"])
    np.testing.assert_array_equal(times.frames[0], range(2, 10))
    np.testing.assert_array_equal(times.frames[1], range(8))
    assert times.spread == pytest.approx(0.004, abs=1e-4)


def test_times_of_other_cameras_are_refused(tmp_path):
    file = tmp_path / "timestamps.csv"
    file.write_text("cam_id,frame_time\n0,0.1\n")
    with pytest.raises(InputError, match="no row of camera cam_7; its cam_id are 0"):
        read_frame_times(file, ["cam_7"])
    file.write_text("a,b\n0,0.1\n")
    with pytest.raises(InputError, match="must have the columns cam_id and frame_time, got a, b"):
        read_frame_times(file, ["cam_0"])


def test_opencvs_corners_give_opencvs_baseline(shared):
    """With the 23 px window of OpenCV's tutorial, whose corners are up to 7 px off (docs/calibration.md)."""
    board = Board(9, 6, 0.025)
    views = []
    for side in ("left", "right"):
        files = sorted((shared / "captures/chessboard_stereo").glob(f"{side}*.jpg"))
        views.append(views_of_photos(files, board, camera=side, corners="opencv"))
    plain = IntrinsicsConfig(reject=False, folds=2, bend=False)
    lenses = [calibrate_intrinsics(entry, config=plain).camera for entry in views]
    rig = calibrate_board_extrinsics(views, lenses, config=ExtrinsicsConfig(held_out=0, bend=False)).rig
    assert np.linalg.norm(rig[0].center - rig[1].center) == pytest.approx(0.0834, rel=0.002)


def test_our_corners_give_the_published_baseline(shared):
    board = Board(9, 6, 0.025)
    views = []
    for side in ("left", "right"):
        files = sorted((shared / "captures/chessboard_stereo").glob(f"{side}*.jpg"))
        views.append(views_of_photos(files, board, camera=side))
    lenses = [calibrate_intrinsics(entry, config=IntrinsicsConfig(folds=2)).camera for entry in views]
    found = calibrate_board_extrinsics(views, lenses)
    assert np.linalg.norm(found.rig[0].center - found.rig[1].center) == pytest.approx(0.0834, rel=0.002)
    check = check_with_board(found.rig, views, frames=found.held_out)
    assert check.rms < 0.1
    assert found.bend > 2e-4


@pytest.mark.slow
@pytest.mark.parametrize("session", ["session_a", "session_b"])
def test_a_real_inverted_charuco_board_joins_four_webcams(shared, session):
    folder = shared / "captures/charuco" / session
    board = parse_board(str(folder / "charuco.toml"))
    lenses = read_rig(folder / "camera_array.toml")
    videos = folder / "calibration/extrinsic"
    times = read_frame_times(videos / "timestamps.csv", lenses.names)
    views = [times.renumber(views_of_video(videos / f"{n}.mp4", board, camera=n)) for n in lenses.names]
    found = calibrate_board_extrinsics(views, list(lenses), times=times.moments)
    late = found.delays - found.delays[lenses.names.index("cam_0")]
    assert 0.09 < late[lenses.names.index("cam_1")] < 0.14
    check = check_corners(found.rig, board, views_in_time(found, views, times.moments))
    assert len(found.rig) == 4
    assert check.median_distance_error < 0.0006
    assert check.rms < 1.0
