import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d import heatmaps as hm  # noqa: E402

SIZE = (48, 64)
STRIDE = 4


def places(count: int = 400, margin: float = 0.0) -> "torch.Tensor":
    rng = np.random.default_rng(3)
    return torch.from_numpy(rng.uniform(margin, np.array(SIZE) - 1 - margin, (count, 2)))


def errors_px(how: str, truth: "torch.Tensor") -> np.ndarray:
    found = hm.decode(hm.ideal_logits(truth, SIZE, 2.0), how)[0]
    return STRIDE * torch.linalg.vector_norm(found - truth, dim=-1).numpy()


def test_targets_peak_at_the_joint_and_fall_as_a_gaussian():
    maps = hm.gaussian_targets(torch.tensor([[10.0, 20.0]]), SIZE, 2.0)[0]
    assert maps.shape == (64, 48)
    assert maps[20, 10] == pytest.approx(1.0)
    assert maps[20, 12] == pytest.approx(np.exp(-0.5), rel=1e-6)
    assert maps[23, 10] == pytest.approx(np.exp(-0.5 * (3 / 2) ** 2), rel=1e-6)


def test_a_joint_that_is_not_there_has_an_empty_map():
    assert not hm.gaussian_targets(torch.tensor([[np.nan, np.nan]]), SIZE, 2.0).any()


def test_pixels_and_cells_are_inverse_and_keep_the_picture_s_corner():
    crop = torch.tensor([[-0.5, -0.5], [191.5, 255.5], [37.25, 11.0]])
    cells = hm.to_heat(crop, STRIDE)
    assert torch.allclose(hm.to_crop(cells, STRIDE), crop)
    assert torch.allclose(cells[0], torch.tensor([-0.5, -0.5]))  # the corner of the picture is the corner of the map
    assert torch.allclose(cells[1], torch.tensor([47.5, 63.5]))


def test_dark_is_exact_on_ideal_maps_up_to_their_edge():
    assert errors_px("dark", places()).max() < 0.3
    assert errors_px("dark", places(margin=6)).mean() < 0.02


def test_the_window_is_unbiased_inside_a_map():
    truth = places(margin=6)
    assert errors_px("window", truth).max() < 0.25
    found = hm.decode(hm.ideal_logits(truth, SIZE, 2.0), "window")[0]
    assert (found - truth).mean(0).abs().max() < 0.005


def test_the_window_stays_within_a_cell_of_its_peak_at_an_edge():
    assert errors_px("window", places(2000)).max() < STRIDE


def test_global_soft_argmax_is_biased_to_the_middle_as_it_is_known_to_be():
    # About 9 px in a 256x192 crop at beta 1, 15 to 37 px at the corners; how much depends on the map's floor.
    truth = places(2000)
    found = hm.soft_argmax(hm.ideal_logits(truth, SIZE, 2.0, floor=0.0055))
    assert 7 < STRIDE * torch.linalg.vector_norm(found - truth, dim=-1).mean() < 11
    middle = (torch.tensor(SIZE, dtype=torch.float64) - 1) / 2
    assert (((found - truth) * (middle - truth)).sum(-1) > 0).double().mean() > 0.95
    corners = torch.tensor([[0.0, 0.0], [47.0, 0.0], [0.0, 63.0], [47.0, 63.0]], dtype=torch.float64)
    found = hm.soft_argmax(hm.ideal_logits(corners, SIZE, 2.0, floor=0.01))
    off = STRIDE * torch.linalg.vector_norm(found - corners, dim=-1)
    assert ((off > 15) & (off < 37)).all()


def test_a_larger_beta_takes_the_bias_away():
    truth = places(margin=6)
    assert STRIDE * (hm.soft_argmax(hm.ideal_logits(truth, SIZE, 2.0), beta=2.0) - truth).norm(dim=-1).mean() < 1.0


def test_argmax_is_within_half_a_cell():
    assert errors_px("argmax", places()).max() <= STRIDE * 0.5 * np.sqrt(2) + 1e-9


@pytest.mark.parametrize("how", hm.DECODINGS)
def test_every_decoding_takes_leading_axes_and_tells_the_peak(how):
    truth = places(6).reshape(2, 3, 2)
    found, peak = hm.decode(hm.ideal_logits(truth, SIZE, 2.0), how)
    assert found.shape == (2, 3, 2)
    assert peak.shape == (2, 3)
    assert ((peak > 0.85) & (peak < 1)).all()


def test_dark_stays_at_the_peak_of_a_map_without_a_hill():
    assert torch.equal(hm.dark(torch.zeros(1, 64, 48)), torch.zeros(1, 2))


A, B = (12.3, 40.2), (30.6, 21.4)


def two_hills(*joints):
    """Logits [1, J, H, W] of maps with hills of such heights at A and B."""
    places = torch.tensor([A, B])
    hills = hm.gaussian_targets(places, SIZE, 2.0)
    maps = [sum(height * hill for height, hill in zip(heights, hills, strict=True)) for heights in joints]
    return torch.logit(torch.stack(maps).clamp(1e-4, 1 - 1e-4))[None]


@pytest.mark.parametrize("how", ["dark", "window", "argmax"])
def test_of_left_and_right_in_one_place_the_one_that_loses_less_goes_to_its_second_peak(how):
    logits = two_hills((0.6, 0.5), (0.7, 0.3), (0.6, 0.5))
    found, height = hm.decode(logits, how, pairs=((0, 1),))
    alone, _ = hm.decode(logits, how)
    tolerance = {"dark": 0.1, "window": 0.6, "argmax": 0.6}[how]
    np.testing.assert_allclose(alone[0], [A, A, A], atol=tolerance)
    np.testing.assert_allclose(found[0], [B, A, A], atol=tolerance)  # the third is in no pair
    np.testing.assert_allclose(height[0], [0.5, 0.7, 0.6], atol=0.03)
    mirrored, _ = hm.decode(logits[:, [1, 0, 2]], how, pairs=((0, 1),))
    np.testing.assert_allclose(mirrored[0], [A, B, A], atol=tolerance)


def test_left_and_right_stay_in_one_place_where_no_other_is_likely():
    for heights in ((0.7, 0.0), (0.7, 0.35)):
        found, _ = hm.decode(two_hills(heights, heights), "dark", pairs=((0, 1),))
        np.testing.assert_allclose(found[0], [A, A], atol=0.1)
    apart, _ = hm.decode(two_hills((0.7, 0.6), (0.6, 0.7)), "dark", pairs=((0, 1),))
    np.testing.assert_allclose(apart[0], [A, B], atol=0.1)  # nothing to settle


def test_pairs_of_many_people_are_each_their_own():
    one, other = two_hills((0.6, 0.5), (0.7, 0.3)), two_hills((0.7, 0.3), (0.6, 0.5))
    found, _ = hm.decode(torch.cat([one, other]), "dark", pairs=((0, 1),))
    np.testing.assert_allclose(found, [[B, A], [A, B]], atol=0.1)
    assert hm.decode(torch.zeros(0, 2, 64, 48), "dark", pairs=((0, 1),))[0].shape == (0, 2, 2)


def test_the_mirror_of_a_mirror_is_the_map():
    maps = torch.rand(2, 4, 8, 6)
    order = [0, 2, 1, 3]
    assert torch.equal(hm.mirror_maps(hm.mirror_maps(maps, order), order), maps)
    assert torch.equal(hm.mirror_maps(maps, order)[:, 1], maps[:, 2].flip(-1))


def test_the_loss_is_least_for_the_ideal_map_and_ignores_what_is_not_labelled():
    xy = torch.tensor([[[20.0, 30.0], [5.0, 5.0]]])
    target = hm.gaussian_targets(xy, SIZE, 2.0)
    right = torch.logit(target.clamp(1e-4, 1 - 1e-4))
    weight = torch.tensor([[1.0, 0.0]])
    wrong = right.clone()
    wrong[:, 1] = 3.0
    best = hm.heatmap_loss(right, target, weight)
    assert hm.heatmap_loss(wrong, target, weight) == pytest.approx(float(best))
    assert hm.heatmap_loss(right.roll(3, -1), target, weight) > best
    assert hm.heatmap_loss(wrong, target, torch.ones(1, 2)) > best


def test_the_coordinate_loss_is_the_distance_in_parts_of_the_map():
    xy = torch.tensor([[[20.0, 30.0]]], dtype=torch.float64)
    logits = hm.ideal_logits(xy, SIZE, 2.0, floor=1e-6)
    moved = xy + torch.tensor([4.8, 0.0])
    assert hm.coordinate_loss(logits, moved, torch.ones(1, 1), beta=2.0) == pytest.approx(0.1, abs=0.002)
    nowhere = torch.full_like(xy, np.nan)
    assert hm.coordinate_loss(logits, nowhere, torch.zeros(1, 1)) == 0
