"""The picture report: arrows point where residuals point, and the page holds everything."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lift3d.calib import Camera, Rig
from lift3d.calib.board_views import BoardViews
from lift3d.calib.boards import Board
from lift3d.calib.calibration_pictures import coverage_picture, layout_picture, magnification
from lift3d.calib.calibration_report import write_lens_report
from lift3d.calib.intrinsics import Intrinsics

K = np.array([[800.0, 0, 640], [0, 800, 360], [0, 0, 1]])


@pytest.fixture
def lens(rng):
    board = Board(4, 3, 0.05)
    xy = rng.uniform(100, 600, (5, 12, 2))
    names = tuple(f"photo{i}" for i in range(5))
    views = BoardViews("cam1", (1280, 720), board, np.arange(5), xy, np.ones(5), names, 5)
    residuals = rng.normal(0, 0.2, xy.shape)
    camera = Camera("cam1", K, np.zeros(5), size=(1280, 720))
    return Intrinsics(camera, np.ones(9), np.eye(9), {"k3": "fixed"}, views, {}, 0, board.corners, residuals, residuals)


def test_cells_without_corners_are_tinted_otherwise_than_full_ones():
    xy = np.stack(np.meshgrid(np.linspace(5, 120, 6), np.linspace(5, 120, 6)), -1).reshape(-1, 2)
    picture = coverage_picture(xy, np.zeros_like(xy), (1280, 720))
    seen, unseen = picture[60, 3].astype(int), picture[200, 500].astype(int)
    assert seen[1] > seen[2]
    assert unseen[2] > unseen[1]


def test_arrows_are_as_long_as_the_residuals_times_the_magnification():
    picture = coverage_picture(np.array([[640.0, 360]]), np.array([[3.0, 0]]), (1280, 720), magnify=50)
    plain = coverage_picture(np.array([[640.0, 360]]), np.array([[0.0, 0]]), (1280, 720), magnify=50)
    columns = np.flatnonzero((picture[:340] != plain[:340]).any(axis=(0, 2)))
    assert columns.min() == pytest.approx(320, abs=2)
    assert columns.max() == pytest.approx(320 + 75, abs=2)


def test_the_magnification_is_a_power_of_ten():
    assert magnification(np.full((5, 2), 0.15)) == 10
    assert magnification(np.full((5, 2), 30.0)) == 1


def test_the_layout_shows_every_camera():
    rig = Rig(tuple(Camera(f"c{i}", K, np.zeros(5), t=[i, 0.2 * i, 2.0], size=(1280, 720)) for i in range(3)))
    picture = layout_picture(rig)
    colors = {tuple(color) for color in picture.reshape(-1, 3).tolist()}
    assert {(180, 119, 31), (14, 127, 255), (44, 160, 44)} <= colors


def test_the_page_holds_its_pictures(tmp_path, lens):
    page = write_lens_report([lens], tmp_path / "report", notes=["k3 <fixed>"])
    text = page.read_text()
    assert "data:image/png;base64," in text
    assert "k3 &lt;fixed&gt;" in text
    assert "http" not in text
    assert cv2.imread(str(tmp_path / "report/cam1_coverage.png")).shape == (360, 640, 3)


def test_a_report_that_exists_is_kept(tmp_path, lens):
    write_lens_report([lens], tmp_path)
    with pytest.raises(FileExistsError, match=r"calibration\.html exists"):
        write_lens_report([lens], tmp_path)
    write_lens_report([lens], tmp_path, overwrite=True)
