import numpy as np
import pytest

from lift3d.datasets import Poses
from lift3d.datasets.poses import Status
from lift3d.datasets.skeleton import SKELETONS
from lift3d.viz.palette import INK, STATUS_COLORS, VERDICTS
from lift3d.viz.timeline import frame_at, shares, strip, with_head


def of_status(status):
    """Poses whose joints have this status, [T, J]."""
    status = np.asarray(status, np.uint8)[:, None]
    poses = Poses.from_xyz(np.ones((*status.shape, 3)), SKELETONS["coco_17"], 30.0)
    return poses.replace(status=status)


def rgb(color):
    return np.round(255 * np.asarray(color)).astype(np.uint8)


def test_each_column_tells_the_shares_of_its_frames():
    status = np.ones((4, 17), int)
    status[1, :] = Status.MISSING
    status[2, :9] = Status.INTERPOLATED
    assert np.allclose(shares(of_status(status), 4), [[0, 1, 0, 0], [1, 0, 0, 0], [0, 8 / 17, 9 / 17, 0], [0, 1, 0, 0]])
    assert np.allclose(shares(of_status(status), 8)[::2], shares(of_status(status), 4))


def test_a_gap_of_one_frame_in_a_long_file_is_seen():
    status = np.ones((60_000, 17), int)
    status[31_234] = Status.MISSING
    found = shares(of_status(status), 1200)
    assert np.flatnonzero(found[:, Status.MISSING] == 1).tolist() == [31_234 * 1200 // 60_000]
    assert np.allclose(found.sum(1), 1)
    assert (found >= 0).all()


def test_the_strip_shows_gaps_and_the_verdict_in_their_colours():
    status = np.ones((10, 17), int)
    status[5] = Status.MISSING
    image = strip(of_status(status).replace(verdict={"level": "doubtful"}), (100, 16))
    assert (image[3, 20] == rgb(STATUS_COLORS[Status.OBSERVED])).all()
    assert (image[3, 55] == rgb(STATUS_COLORS[Status.MISSING])).all()
    assert (image[15, 20] == rgb(VERDICTS["doubtful"])).all()


def test_a_single_missing_joint_gets_a_pixel():
    status = np.ones((10, 17), int)
    status[5, 3] = Status.MISSING
    image = strip(of_status(status), (100, 16))
    assert (image[0, 55] == rgb(STATUS_COLORS[Status.MISSING])).all()
    assert (image[0, 45] == rgb(STATUS_COLORS[Status.OBSERVED])).all()


@pytest.mark.parametrize("shape", [(3, 0, 17), (1, 1, 17)])
def test_poor_data_have_a_strip(shape):
    poses = Poses.from_xyz(np.full((*shape, 3), np.nan), SKELETONS["coco_17"], 30.0)
    assert (strip(poses, (50, 8))[0] == rgb(STATUS_COLORS[0])).all()


def test_the_head_is_where_the_frame_is_and_stays_inside():
    image = np.full((8, 100, 3), 200, np.uint8)
    for frame in (0, 5, 9):
        columns = np.flatnonzero((with_head(image, frame, 10) == rgb(INK)).all((0, 2)))
        assert frame_at(columns.mean(), 100, 10) == frame
    assert (image == 200).all()


def test_places_on_the_strip_are_frames():
    assert [frame_at(x, 100, 10) for x in (-5, 0, 9.9, 10, 99, 500)] == [0, 0, 0, 1, 9, 9]
