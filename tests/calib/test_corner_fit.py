"""Chessboard corners fitted in drawn pictures whose true corners are known, blurred, noisy and unevenly lit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lift3d.calib.board_detection import detect_board
from lift3d.calib.boards import Board
from lift3d.calib.corner_fit import fit_corners

BOARD = Board(6, 5, 0.03)
SIZE = (360, 300)
TILTED = np.array([[40.0, -6, 80], [5, 38, 70], [2e-2, 1e-2, 1]])
FINE = 6  # each pixel is the mean of so many squared


def draw(H, rng, *, blur, noise):
    """A board under H (squares to pixels), twice as bright on the right; and its corners."""
    y, x = np.mgrid[: SIZE[1] * FINE, : SIZE[0] * FINE]
    rays = np.stack([(x + 0.5) / FINE - 0.5, (y + 0.5) / FINE - 0.5, np.ones(x.shape)], axis=-1) @ np.linalg.inv(H).T
    u, v = rays[..., 0] / rays[..., 2], rays[..., 1] / rays[..., 2]
    on_board = (u > -1) & (u < BOARD.columns) & (v > -1) & (v < BOARD.rows)
    dark = on_board & ((np.floor(u) + np.floor(v)) % 2 == 0)
    print_ = np.where(dark, 40.0, 180.0).reshape(SIZE[1], FINE, SIZE[0], FINE).mean((1, 3))
    light = 0.65 + 0.65 * np.arange(SIZE[0]) / SIZE[0]
    picture = cv2.GaussianBlur(print_, (0, 0), blur) * light + rng.normal(0, noise, print_.shape)
    corners = cv2.perspectiveTransform(BOARD.corners[None, :, :2] / BOARD.square, H)[0]
    return np.clip(np.round(picture), 0, 255).astype(np.uint8), corners


def rms(xy, truth):
    return np.sqrt(((xy - truth) ** 2).sum(1).mean())


@pytest.mark.parametrize(("blur", "noise", "limit"), [(0.6, 1, 0.02), (1.0, 4, 0.05), (2.0, 2, 0.05), (3.0, 1, 0.07)])
def test_corners_are_found_to_a_few_hundredths_of_a_pixel(rng, blur, noise, limit):
    picture, truth = draw(TILTED, rng, blur=blur, noise=noise)
    fitted = fit_corners(picture, truth + rng.uniform(-1, 1, truth.shape), BOARD.grid, half=13)
    assert rms(fitted, truth) < limit


def test_the_fit_beats_opencvs_saddle_points(rng):
    picture, truth = draw(TILTED, rng, blur=2.0, noise=2)
    fitted = fit_corners(picture, truth, BOARD.grid, half=13)
    start = truth.astype(np.float32).reshape(-1, 1, 2).copy()
    saddles = cv2.cornerSubPix(picture, start, (13, 13), (-1, -1), (3, 60, 1e-4)).reshape(-1, 2)
    assert rms(fitted, truth) < 0.7 * rms(saddles, truth)


def test_what_is_detected_is_the_fit(rng):
    picture, truth = draw(TILTED, rng, blur=1.0, noise=1)
    assert rms(detect_board(picture, BOARD).xy, truth) < 0.03


def test_a_corner_at_the_picture_s_rim_is_fitted_by_what_is_in_the_picture(rng):
    H = np.array([[1, 0, -50.0], [0, 1, 0], [0, 0, 1]]) @ TILTED
    picture, truth = draw(H, rng, blur=1.0, noise=1)
    assert truth[:, 0].min() < 13 / 2
    fitted = fit_corners(picture, truth + 0.5, BOARD.grid, half=13)
    assert rms(fitted, truth) < 0.05


def test_where_there_is_no_corner_none_is_found(rng):
    picture, truth = draw(TILTED, rng, blur=1.0, noise=1)
    xy = truth.copy()
    xy[4] = np.nan
    middle = np.round(truth[8]).astype(int)
    picture[middle[1] - 14 : middle[1] + 15, middle[0] - 14 : middle[0] + 15] = 128
    fitted = fit_corners(picture, xy, BOARD.grid, half=13)
    assert np.isnan(fitted[[4, 8]]).all()
    assert np.isfinite(np.delete(fitted, [4, 8], axis=0)).all()
