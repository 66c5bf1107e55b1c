import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.viz import RenderOptions
from lift3d.viz.render import render_sheet
from lift3d.viz.sheet import grid, key_moments

PAINTER = RenderOptions(renderer="painter", title="walk")


def test_much_movement_gets_many_moments(walkers):
    poses = walkers(1, 600)
    poses.xyz[:300] = poses.xyz[300]  # stands for half of the time
    frames = key_moments(poses, 12)
    assert len(frames) == 12
    assert sum(frame < 300 for frame in frames) <= 3
    assert sorted(set(frames)) == frames


def test_frames_without_anybody_are_no_key_moments(walkers):
    poses = walkers(1, 100)
    poses.xyz[:50] = np.nan
    assert min(key_moments(poses, 8)) >= 50
    poses.xyz[:] = np.nan
    assert len(key_moments(poses, 8)) == 8


def test_a_jump_of_the_data_does_not_take_all_moments(walkers):
    poses = walkers(1, 200)
    poses.xyz[100:] += 50.0
    assert np.ptp(np.diff(key_moments(poses, 10))) < 20


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_few_frames_are_all_shown_once(walkers, frames):
    assert key_moments(walkers(1, frames), 12) == list(range(frames))


def test_tiles_are_about_as_wide_as_pictures():
    assert grid((1600, 1000), 12) == (4, 3)
    assert grid((400, 1600), 4) == (1, 4)
    assert grid((800, 600), 1) == (1, 1)


def test_every_tile_shows_somebody(walkers, tmp_path):
    done = render_sheet(walkers(2, 100), tmp_path / "a.png", moments=6, size=(480, 320), options=PAINTER)
    image = cv2.imread(str(tmp_path / "a.png")).astype(int)
    assert (image.shape, done.frames) == ((320, 480, 3), 6)
    columns, rows = grid((480, 320 - 46), 6)
    for k in range(6):
        tile = image[(k // columns) * 274 // rows :, (k % columns) * 480 // columns :][: 274 // rows, : 480 // columns]
        assert (tile.max(-1) - tile.min(-1) > 60).mean() > 0.005


def test_a_sheet_of_no_moments_is_refused(walkers, tmp_path):
    with pytest.raises(InputError, match="1 to 100 moments"):
        render_sheet(walkers(), tmp_path / "a.png", moments=0)
