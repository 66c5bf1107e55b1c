import numpy as np
import pytest

pytest.importorskip("pycocotools")

from lift3d.datasets.people_images import read_people_images
from lift3d.detectors.person import rooms
from lift3d.detectors.person.cutouts import read_cutouts


@pytest.fixture
def cutouts(people_files):
    return read_cutouts(read_people_images(*people_files(4)))


def looking_ahead(size, focal):
    """Rays of a level camera."""
    x, y = np.meshgrid(np.arange(size[0]) - size[0] / 2, np.arange(size[1]) - size[1] / 2)
    rays = np.stack([x, y, np.full(x.shape, focal)], -1).reshape(-1, 3).astype(np.float32) / focal
    return np.where(np.abs(rays) < 1e-4, np.float32(1e-4), rays)


def empty_view(size=(64, 48), focal=40.0):
    rays = looking_ahead(size, focal)
    return rooms._View(rays, np.full(len(rays), np.inf, np.float32), np.zeros_like(rays))


def plain(*values):
    return tuple(np.full((rooms.TILE, rooms.TILE, 3), value, np.uint8) for value in values)


def test_a_box_is_painted_where_its_projection_is():
    view, size, focal = empty_view(), (64, 48), 40.0
    rooms._paint(view, (np.array([-1.0, -0.5, 4.0]), np.array([1.0, 0.5, 5.0])), 0.0, plain(50, 100, 200))
    seen = (view.colours[:, 0] == 200).reshape(size[1], size[0])
    rows, columns = seen.nonzero()
    assert (columns.min(), columns.max()) == pytest.approx((32 - focal / 4, 32 + focal / 4), abs=1)
    assert (rows.min(), rows.max()) == pytest.approx((24 - focal / 8, 24 + focal / 8), abs=1)
    assert view.depth.reshape(size[1], size[0])[24, 32] == pytest.approx(4.0)


def test_what_is_nearer_hides_what_is_behind_in_any_order():
    near = (np.array([-0.2, -0.2, 2.0]), np.array([0.2, 0.2, 2.4])), plain(10, 20, 30)
    far = (np.array([-2.0, -2.0, 4.0]), np.array([2.0, 2.0, 5.0])), plain(110, 120, 130)
    views = []
    for order in ((near, far), (far, near)):
        views.append(empty_view())
        for corners, patterns in order:
            rooms._paint(views[-1], corners, 0.0, patterns)
    assert (views[0].colours == views[1].colours).all()
    assert views[0].colours.reshape(48, 64, 3)[24, 32, 0] == 30


def test_a_turned_box_is_as_far_as_its_nearest_edge():
    view = empty_view()
    rooms._paint(view, (np.array([-1.0, -1.0, 4.0]), np.array([1.0, 1.0, 6.0])), np.pi / 4, plain(1, 2, 3))
    assert view.depth.min() == pytest.approx(5 - np.sqrt(2), abs=0.05)


def test_a_room_surrounds_its_camera_and_is_the_same_for_the_same_seed(cutouts):
    first, again = (rooms.make_room(cutouts, (96, 64), np.random.default_rng(3)) for _ in range(2))
    assert first.shape == (64, 96, 3)
    assert (first == again).all()
    view = empty_view()
    rooms._paint(view, (np.array([-2.0, -1.0, -1.0]), np.array([2.0, 1.5, 6.0])), 0.0, plain(1, 2, 3))
    assert np.isfinite(view.depth).all()
    assert view.depth.max() == pytest.approx(6.0)


def test_rooms_are_made_once_and_shown_in_parts(cutouts, monkeypatch):
    monkeypatch.setattr(rooms, "ROOMS", 2)
    monkeypatch.setattr(rooms, "ROOM_SIZE", 80)
    shown = [rooms.some_room(cutouts, (64, 96), np.random.default_rng(seed)) for seed in range(8)]
    assert sorted(cutouts.rooms) == [0, 1]
    assert all(room.shape == (96, 64, 3) for room in shown)
