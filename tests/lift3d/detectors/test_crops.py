import cv2
import numpy as np
import pytest

from lift3d.detectors.crops import apply, boxes_around, crop_transform, cut, invert

SIZE = (192, 256)


def test_the_box_s_middle_is_the_crop_s_middle():
    transform = crop_transform(np.array([100.0, 50.0, 40.0, 90.0]), SIZE)
    assert apply(transform, np.array([120.0, 95.0])) == pytest.approx([95.5, 127.5])


def test_the_whole_padded_box_is_in_the_crop_and_fills_it_one_way():
    box = np.array([100.0, 50.0, 40.0, 90.0])
    transform = crop_transform(box, SIZE, padding=1.0)
    corners = apply(transform, np.array([[100.0, 50.0], [140.0, 140.0]]))
    assert corners[0, 1] == pytest.approx(-0.5)  # top and bottom edge of the box are the crop's
    assert corners[1, 1] == pytest.approx(255.5)
    assert (corners[:, 0] > -0.5).all()
    assert (corners[:, 0] < 191.5).all()


@pytest.mark.parametrize("turn", [0.0, 0.7, -2.0])
def test_there_and_back_is_exact(turn):
    rng = np.random.default_rng(0)
    points = rng.uniform(-50, 400, (30, 2))
    transform = crop_transform(np.array([37.3, 12.8, 111.1, 222.2]), SIZE, turn=turn)
    assert apply(invert(transform), apply(transform, points)) == pytest.approx(points, abs=1e-9)


@pytest.mark.parametrize("extent", [60.0, 300.0, 1200.0])
def test_a_dot_is_cut_where_the_map_says_to_a_fraction_of_a_pixel(extent):
    # A blob's centroid in the crop, brought back, is the blob's centre: also where the picture is first made smaller.
    picture = np.zeros((1600, 1500, 3), np.uint8)
    centre, spread = np.array([701.3, 803.8]), extent / 20
    y, x = np.mgrid[:1600, :1500]
    picture[...] = (255 * np.exp(-0.5 * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / spread**2))[..., None]
    box = np.array([701 - extent / 2 + 7, 803 - extent / 2 - 5, extent, extent])
    transform = crop_transform(box, SIZE)
    crop = cut(picture, transform, SIZE, fill=(0, 0, 0))[..., 0].astype(float)
    crop[crop < 8] = 0
    v, u = np.mgrid[:256, :192]
    found = np.array([(crop * u).sum(), (crop * v).sum()]) / crop.sum()
    assert apply(invert(transform), found) == pytest.approx(centre, abs=0.05 * max(1, extent / 150))


def test_an_enlarged_picture_moves_pixels_as_the_convention_says():
    # OpenCV's own enlargement by 4 keeps corners on corners: (x + 0.5) * 4 - 0.5.
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 255, (64, 48, 3), np.uint8)
    transform = crop_transform(np.array([-0.5, -0.5, 48.0, 64.0]), SIZE, padding=1.0)
    expected = cv2.resize(picture, SIZE, interpolation=cv2.INTER_LINEAR)
    found = cut(picture, transform, SIZE, border=cv2.BORDER_REPLICATE)
    assert np.abs(found.astype(int) - expected).max() <= 3
    assert apply(transform, np.array([10.0, 20.0])) == pytest.approx([10.5 * 4 - 0.5, 20.5 * 4 - 0.5])


@pytest.mark.parametrize("turn", [0.0, 0.4])
@pytest.mark.parametrize("shape", [(1601, 1503), (2003, 1777), (640, 480)])
def test_a_picture_of_any_size_is_made_smaller_without_being_moved(shape, turn):
    # A ramp keeps its value at every place, so what is cut tells where in the picture it was. The ramp's negative takes
    # out what rounding adds.
    height, width = shape
    ramp = np.repeat(np.round(np.linspace(0, 250, width)[None, :, None] * np.ones((height, 1, 1))), 3, -1)
    transform = crop_transform(np.array([0.0, 0.0, width, height]), (96, 128), turn=turn)
    up, down = (cut(ramp_.astype(np.uint8), transform, (96, 128))[..., 0].astype(float) for ramp_ in (ramp, 250 - ramp))
    v, u = np.mgrid[:128, :96]
    place = apply(invert(transform), np.stack([u, v], -1).astype(float))
    edge = 3 * max(shape) / 128
    inside = ((place > edge) & (place < np.array([width, height]) - edge)).all(-1)
    assert inside.sum() > 2000
    found = (125 + (up - down) / 2)[inside] * (width - 1) / 250
    assert np.mean(found - place[inside][:, 0]) == pytest.approx(0, abs=0.05 * max(shape) / 128)


def test_outside_of_the_picture_is_the_fill():
    picture = np.full((50, 50, 3), 200, np.uint8)
    crop = cut(picture, crop_transform(np.array([1000.0, 1000, 20, 20]), SIZE), SIZE, fill=(1, 2, 3))
    assert (crop == (1, 2, 3)).all()
    crop = cut(picture, crop_transform(np.array([10000.0, 10000, 2000, 2000]), SIZE), SIZE, fill=(1, 2, 3))
    assert (crop == (1, 2, 3)).all()


def test_what_stands_behind_shows_only_where_the_picture_ends():
    picture = np.full((100, 100, 3), 200, np.uint8)
    behind = np.full((256, 192, 3), 9, np.uint8)
    crop = cut(picture, crop_transform(np.array([0.0, 0, 100, 100]), SIZE), SIZE, behind=behind)
    assert (crop[128, 96] == 200).all()
    assert (crop[2, 2] == 9).all()


def test_a_box_around_joints_leaves_out_what_was_not_seen():
    xy = np.array([[1.0, 2], [11, 22], [500, 500]])
    assert boxes_around(xy, np.array([True, True, False])) == pytest.approx([1, 2, 10, 20])
    assert np.isnan(boxes_around(xy, np.zeros(3, bool))).all()
