"""Lenses from synthetic boards whose truth is known, from pictures that cannot tell, and from real ones."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lift3d.calib import CalibrationError, Camera, InputError
from lift3d.calib.board_views import BoardViews, views_of_folder, views_of_photos
from lift3d.calib.boards import Board
from lift3d.calib.formats import read_rig
from lift3d.calib.intrinsics import IntrinsicsConfig, calibrate_intrinsics
from lift3d.calib.lens_comparison import compare_lens, look_like_one
from lift3d.calib.lens_parameters import LensShape
from lift3d.calib.rotation import rotation_matrix

BOARD = Board(9, 6, 0.03)
K = np.array([[900.0, 0, 655], [0, 905, 340], [0, 0, 1]])
PINHOLE = Camera("cam", K, np.array([-0.25, 0.08, 0.001, -0.0005, 0.02]), size=(1280, 720))
FISHEYE = Camera(
    "cam",
    K * [[0.5], [0.5], [1]] + [[0, 0, 330], [0, 0, 170], [0, 0, 0]],
    np.array([0.05, -0.01, 0.003, 0]),
    size=(1280, 720),
    model="fisheye",
)


def film(camera, rng, frames=25, *, tilt=0.6, noise=0.1, corners=BOARD.corners):
    """What a camera would see of a board that is moved about before it."""
    middle = BOARD.corners.mean(0)
    views = []
    while len(views) < frames:
        R = rotation_matrix(np.array([*rng.uniform(-tilt, tilt, 2), rng.uniform(-1, 1)]))
        z = rng.uniform(0.25, 0.5)
        t = np.array([rng.uniform(-0.5, 0.5) * z, rng.uniform(-0.25, 0.25) * z, z])
        xy = camera.project((corners - middle) @ R.T + t)
        if (xy > 0).all() and (xy < camera.size).all():
            views.append(xy + rng.normal(0, noise, xy.shape))
    return views_of(np.array(views), camera)


def views_of(xy, camera):
    names = tuple(f"photo{i:02d}" for i in range(len(xy)))
    return BoardViews("cam", camera.size, BOARD, np.arange(len(xy)), xy, np.ones(len(xy)), names, len(xy))


@pytest.mark.parametrize("camera", [PINHOLE, FISHEYE], ids=["pinhole", "fisheye"])
def test_the_lens_is_found_within_its_error_bars(camera, rng):
    shape = LensShape(camera.model, 4 if camera.model == "fisheye" else 5)
    found = calibrate_intrinsics(film(camera, rng), config=IntrinsicsConfig(shape))
    assert np.abs(found.camera.focal - camera.focal).max() < 0.004 * camera.focal[0]
    truth = np.array([*camera.focal, *camera.principal_point])
    assert (np.abs(found.values[:4] - truth) < 4 * found.sigma[:4]).all()
    assert found.held_out_rms == pytest.approx(0.1 * np.sqrt(2), rel=0.15)


def test_error_bars_are_of_the_size_of_the_errors(rng):
    noiseless = replace(PINHOLE, dist=np.array([-0.25, 0.08, 0, 0]))
    errors = []
    for _ in range(6):
        shape = IntrinsicsConfig(LensShape(coefficients=2))
        found = calibrate_intrinsics(film(noiseless, rng, 12), config=shape)
        errors.append((found.values[0] - noiseless.focal[0]) / found.sigma[0])
    assert 0.2 < np.sqrt(np.mean(np.square(errors))) < 2.5


def bent_board(rng):
    """A print whose columns are uneven, on a cardboard that curves by 0.6 mm."""
    uneven = rng.normal(0, 1e-4, BOARD.columns)[np.tile(np.arange(BOARD.columns), BOARD.rows)]
    curve = 6e-4 * np.sin(np.pi * BOARD.corners[:, 0] / BOARD.corners[:, 0].max())
    return BOARD.corners + np.stack([uneven, np.zeros(len(uneven)), curve], axis=-1)


def test_a_bent_board_is_straightened_out(rng):
    corners = bent_board(rng)
    views = film(PINHOLE, rng, 16, corners=corners)
    flat, found = (calibrate_intrinsics(views, config=IntrinsicsConfig(bend=bend)) for bend in (False, True))
    assert found.held_out_rms < 0.2 < flat.held_out_rms
    assert np.abs(found.values[:4] - [900, 905, 655, 340]).max() < np.abs(flat.values[:4] - [900, 905, 655, 340]).max()
    assert np.corrcoef(found.corners[:, 2], corners[:, 2])[0, 1] > 0.95
    assert 3e-4 < found.bend < 6e-4


def test_a_board_as_printed_stays_as_printed(rng):
    found = calibrate_intrinsics(film(PINHOLE, rng, 16))
    assert found.bend == 0
    assert (found.corners == BOARD.corners).all()


def test_boards_found_wrongly_are_left_out(rng):
    views = film(PINHOLE, rng, 12)
    xy = views.xy.copy()
    xy[3] = xy[3][::-1] * [1, 1.2]
    xy[7] += 15 * np.sin(np.arange(54))[:, None]
    found = calibrate_intrinsics(views_of(xy, PINHOLE))
    assert set(found.left_out) == {"photo03", "photo07"}
    assert found.camera.focal[0] == pytest.approx(900, rel=0.005)


def test_single_wrong_corners_are_left_out(rng):
    views = film(PINHOLE, rng, 12)
    views.xy[2, 5] += 9
    found = calibrate_intrinsics(views)
    assert found.outliers == 1
    assert np.isnan(found.residuals[2, 5]).all()


def test_parallel_boards_do_not_tell_the_focal_length(rng):
    with pytest.raises(CalibrationError, match="all but parallel; film it tilted"):
        calibrate_intrinsics(film(PINHOLE, rng, 12, tilt=0.0))


def test_three_photos_are_too_few(rng):
    with pytest.raises(CalibrationError, match="found in 3 of 3 pictures, at least 4 are needed"):
        calibrate_intrinsics(film(PINHOLE, rng, 3))


def test_coefficients_that_the_frames_cannot_tell_are_fixed_and_named(rng):
    views = film(PINHOLE, rng, 6, noise=0.3)
    small = views_of((views.xy - PINHOLE.principal_point) * 0.25 + PINHOLE.principal_point, PINHOLE)
    found = calibrate_intrinsics(small, config=IntrinsicsConfig(LensShape(coefficients=8), reject=False))
    assert {"k4", "k5", "k6"} <= set(found.fixed)
    assert "fixed at 0" in found.fixed["k6"]
    assert found.sigma[found.names.index("k6")] == 0


def test_what_the_caller_fixes_stays(rng):
    fix = frozenset({"cx", "cy", "fy"})
    found = calibrate_intrinsics(film(PINHOLE, rng, 12), config=IntrinsicsConfig(fix=fix))
    assert tuple(found.camera.principal_point) == (639.5, 359.5)
    assert found.camera.focal[0] == pytest.approx(found.camera.focal[1])


def test_a_long_film_is_thinned_out(rng):
    found = calibrate_intrinsics(film(PINHOLE, rng, 60), config=IntrinsicsConfig(max_frames=15, folds=3))
    assert len(found.views) == 15


@pytest.mark.parametrize("coefficients", range(9))
def test_every_number_of_coefficients_gives_a_lens(coefficients):
    shape = LensShape(coefficients=coefficients)
    assert len(shape.free) == 4 + coefficients
    assert shape.free <= set(shape.names)


def test_a_ninth_coefficient_is_refused():
    with pytest.raises(InputError, match="0 to 8 distortion coefficients, got 9"):
        LensShape(coefficients=9)


def test_a_foreign_principal_point_is_not_supported(rng):
    found = calibrate_intrinsics(film(PINHOLE, rng, 20))
    off = replace(PINHOLE, K=K + [[0, 0, 40], [0, 0, 0], [0, 0, 0]])
    verdicts = {difference.parameter: difference.supported for difference in compare_lens(found, off)}
    assert verdicts == {"fx": True, "fy": True, "cx": False, "cy": True}


def test_pictures_of_one_camera_are_noticed(rng):
    first, again = (calibrate_intrinsics(film(PINHOLE, rng, 15)) for _ in range(2))
    other = calibrate_intrinsics(film(replace(PINHOLE, K=K + [[0, 0, 60], [0, 0, 0], [0, 0, 0]]), rng, 15))
    assert look_like_one([first, again])
    assert not look_like_one([first, again, other])
    assert not look_like_one([first])


def test_opencvs_stereo_set_gives_opencvs_focal_length_on_opencvs_corners(shared):
    """With the 23 px window of OpenCV's tutorial, 13 pictures and no rejection; its corners in left02 are 7 px off."""
    files = sorted((shared / "captures/chessboard_stereo").glob("left*.jpg"))
    views = views_of_photos(files, Board(9, 6, 0.025), camera="left", corners="opencv")
    grey = cv2.imread(str(files[0]), cv2.IMREAD_GRAYSCALE)
    rough = cv2.findChessboardCorners(grey, (9, 6))[1]
    theirs = cv2.cornerSubPix(grey, rough, (11, 11), (-1, -1), (3, 30, 1e-3)).reshape(-1, 2)
    np.testing.assert_array_equal(np.sort(views.xy[0], axis=0), np.sort(theirs, axis=0))
    found = calibrate_intrinsics(views, config=IntrinsicsConfig(reject=False, folds=2, bend=False))
    assert found.camera.focal[0] == pytest.approx(535.92, rel=0.002)
    assert found.rms <= 0.41


def test_the_print_of_opencvs_stereo_set_is_uneven_and_both_cameras_say_the_same_of_it(shared):
    found = []
    for side in ("left", "right"):
        files = sorted((shared / "captures/chessboard_stereo").glob(f"{side}*.jpg"))
        found.append(calibrate_intrinsics(views_of_photos(files, Board(9, 6, 0.025), camera=side)))
    off = [lens.corners - lens.views.board.corners for lens in found]
    for axis in range(3):
        assert np.corrcoef(off[0][:, axis], off[1][:, axis])[0, 1] > 0.95
    assert max(lens.held_out_rms for lens in found) < 0.1
    assert found[0].camera.focal[0] == pytest.approx(535.92, rel=0.004)


@pytest.mark.slow
def test_real_photos_with_wrong_detections_agree_on_one_lens(shared):
    folder = shared / "captures/balance/checkerboard/cam04"
    found = calibrate_intrinsics(views_of_folder(folder, Board(4, 7, 0.06)))
    assert 1670 < found.camera.focal[0] < 1680
    assert found.held_out_rms < 0.15
    theirs = read_rig(shared / "captures/balance/Calib.qca.txt")["cam_04"]
    assert not all(difference.supported for difference in compare_lens(found, theirs))
