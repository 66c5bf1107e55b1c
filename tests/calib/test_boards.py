"""Boards and their detection in pictures drawn for the purpose."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lift3d.calib import CalibrationError, InputError
from lift3d.calib.board_detection import detect_board
from lift3d.calib.board_views import views_of_folder, views_of_video
from lift3d.calib.boards import Board, parse_board

CHESS = Board(6, 5, 0.03)
CHARUCO = Board(5, 7, 0.04, dictionary="DICT_5X5_100", marker=0.7)


def chessboard_picture(board, side=40):
    """A print with a white border, the first inner square dark."""
    i, j = np.meshgrid(np.arange(board.columns + 1), np.arange(board.rows + 1))
    squares = np.where((i + j) % 2 == 0, 20, 235).astype(np.uint8)
    return cv2.copyMakeBorder(np.kron(squares, np.ones((side, side), np.uint8)), 60, 60, 60, 60, 0, value=235)


def charuco_picture(board, side=60):
    return board.charuco().generateImage((board.columns * side + 80, board.rows * side + 80), marginSize=40)


def photograph(picture, *, turn=0.0, size=(900, 700)):
    """The picture seen from the side, turned in the plane, and what it does to its points [3, 3]."""
    height, width = picture.shape
    c, s = np.cos(turn), np.sin(turn)
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    tilt = np.array([[c, -s, 0], [s, 0.9 * c, 0], [2e-4, 1e-4, 1]])
    back = np.array([[1, 0, size[0] / 2], [0, 1, size[1] / 2], [0, 0, 1]])
    H = back @ tilt @ centre
    photo = cv2.warpPerspective(picture, H, size, flags=cv2.INTER_AREA, borderValue=235)
    return cv2.GaussianBlur(photo, (3, 3), 0), H


def test_chessboard_corners_are_where_they_were_drawn():
    photo, H = photograph(chessboard_picture(CHESS))
    found = detect_board(photo, CHESS).xy
    first = 60 - 0.5 + 40
    drawn = CHESS.corners[:, :2] / CHESS.square * 40 + first
    expected = cv2.perspectiveTransform(drawn[None], H)[0]
    np.testing.assert_allclose(found, expected, atol=0.25)


@pytest.mark.parametrize("turn", [0.5, 1.5, 2.5, 3.1, 4.0, 5.5])
def test_the_first_corner_stays_the_first_however_the_board_is_turned(turn):
    photo, H = photograph(chessboard_picture(CHESS), turn=turn)
    found = detect_board(photo, CHESS).xy
    first = cv2.perspectiveTransform(np.array([[[99.5, 99.5]]]), H)[0, 0]
    np.testing.assert_allclose(found[0], first, atol=0.5)


def test_boards_of_one_even_and_one_odd_count_can_be_oriented():
    Board(9, 6, 0.02).check_orientable()
    Board(4, 7, 0.02).check_orientable()
    Board(8, 6, 0.02, dictionary="DICT_4X4_50").check_orientable()


@pytest.mark.parametrize("size", [(8, 6), (7, 5), (6, 6)])
def test_boards_that_look_the_same_after_half_a_turn_are_refused(size):
    i, j = np.meshgrid(np.arange(size[0] + 1), np.arange(size[1] + 1))
    squares = (i + j) % 2
    assert (squares == squares[::-1, ::-1]).all()
    with pytest.raises(InputError, match="looks the same after half a turn"):
        Board(*size, 0.02).check_orientable()


@pytest.mark.parametrize("inverted", [False, True])
def test_charuco_corners_are_found_in_normal_and_inverted_prints(inverted):
    board = Board(5, 7, 0.04, dictionary="DICT_5X5_100", marker=0.7, inverted=inverted)
    photo, H = photograph(charuco_picture(board))
    found = detect_board(255 - photo if inverted else photo, board).xy
    drawn = board.corners[:, :2] / board.square * 60 + 40 - 0.5
    expected = cv2.perspectiveTransform(drawn[None], H)[0]
    np.testing.assert_allclose(found, expected, atol=0.5)


def test_a_covered_charuco_board_gives_the_corners_that_are_left():
    photo, _ = photograph(charuco_picture(CHARUCO))
    photo[:, :340] = 128
    found = detect_board(photo, CHARUCO).xy
    seen = np.isfinite(found).all(1)
    assert 6 <= seen.sum() < len(found)
    assert (found[seen, 0] > 335).all()


def test_noise_is_no_board(rng):
    photo = rng.integers(0, 255, (400, 500), dtype=np.uint8)
    for board in (CHESS, CHARUCO):
        detection = detect_board(photo, board)
        assert detection.xy is None
        assert detection.reason


def test_pictures_of_16_bits_are_refused():
    with pytest.raises(InputError, match="of 8 bits, got"):
        detect_board(np.zeros((4, 4), np.uint16), CHESS)


def folder_of(tmp_path, *photos):
    folder = tmp_path / "cam1"
    folder.mkdir()
    for i, photo in enumerate(photos):
        cv2.imwrite(str(folder / f"photo{i}.png"), photo)
    return folder


def test_photos_of_different_sizes_are_named(tmp_path):
    photo, _ = photograph(chessboard_picture(CHESS))
    folder = folder_of(tmp_path, photo, photo[:, :-10])
    with pytest.raises(CalibrationError, match=r"photo1\.png is 890x700, photo0\.png 900x700"):
        views_of_folder(folder, CHESS)


def test_squares_counted_for_corners_are_found_out(tmp_path):
    photo, _ = photograph(chessboard_picture(CHESS))
    with pytest.raises(CalibrationError, match=r"any of 1 pictures .*6x5 inner corners \(count inner corners"):
        views_of_folder(folder_of(tmp_path, photo), Board(7, 6, 0.03))


def test_a_mirrored_charuco_board_is_found_out(tmp_path):
    photo, _ = photograph(charuco_picture(CHARUCO))
    with pytest.raises(CalibrationError, match="the pictures are mirrored"):
        views_of_folder(folder_of(tmp_path, photo[:, ::-1]), CHARUCO)


def test_the_wrong_print_is_found_out(tmp_path):
    photo, _ = photograph(charuco_picture(CHARUCO))
    with pytest.raises(CalibrationError, match="the inverted print of it is in 1 of the 1"):
        views_of_folder(folder_of(tmp_path, 255 - photo), CHARUCO)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(CalibrationError, match="holds no photo and 0 videos"):
        views_of_folder(tmp_path, CHESS)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        views_of_folder(tmp_path / "missing", CHESS)
    with pytest.raises(FileNotFoundError, match="no such video"):
        views_of_video(tmp_path / "missing.mp4", CHESS, camera="c")


def test_boards_are_read_from_a_line():
    assert parse_board("chessboard:9x6:25mm") == Board(9, 6, 0.025)
    board = parse_board("charuco:4x5:5.4cm:DICT_4X4_1000:0.75:inverted")
    assert board == Board(4, 5, 0.054, dictionary="DICT_4X4_1000", marker=0.75, inverted=True)
    assert board.grid == (3, 4)


@pytest.mark.parametrize("text", ["chess", "chessboard:9:25mm", "charuco:4x5:54mm", "chessboard:9x6:25km"])
def test_what_is_no_board_is_refused(text):
    with pytest.raises(InputError, match="write chessboard:9x6:25mm"):
        parse_board(text)


def test_impossible_boards_are_refused():
    with pytest.raises(InputError, match="too small"):
        Board(1, 6, 0.02)
    with pytest.raises(InputError, match="below 10 m"):
        Board(9, 6, 25)
    with pytest.raises(InputError, match="no marker dictionary 'DICT_9X9'"):
        Board(5, 7, 0.02, dictionary="DICT_9X9")


def test_caliscopes_board_file_is_read(shared):
    board = parse_board(str(shared / "captures/charuco/session_a/charuco.toml"))
    assert board == Board(4, 5, 0.054, dictionary="DICT_4X4_1000", marker=0.75, inverted=True)
