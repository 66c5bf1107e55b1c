"""Bodies change their bones and nothing else; a mirrored person is a person."""

import numpy as np
import pytest

from lift3d.datasets.augment import BodyVariation, exchange_arms, mirror, stretch_bones, vary_bodies
from lift3d.datasets.mocap import PARENTS


@pytest.fixture
def people(rng, mocap_body):
    moved = mocap_body + rng.normal(0, 0.05, (50, 3, 17, 3))
    return moved.astype(np.float32)


def bones(xyz):
    vectors = np.stack([xyz[..., j, :] - xyz[..., p, :] for j, p in enumerate(PARENTS) if p >= 0], -2)
    length = np.linalg.norm(vectors, axis=-1)
    return vectors / length[..., None], length


def test_stretching_multiplies_lengths_and_keeps_directions(rng, people):
    factor = rng.uniform(0.8, 1.2, (50, 17)).astype(np.float32)
    direction, length = bones(people)
    new_direction, new_length = bones(stretch_bones(people, factor))
    np.testing.assert_allclose(new_direction, direction, atol=1e-4)
    np.testing.assert_allclose(new_length / length, np.repeat(factor[:, None, 1:], 3, 1), rtol=1e-3)


def test_the_pelvis_stays(rng, people):
    assert (vary_bodies(people, rng)[:, :, 0] == people[:, :, 0]).all()


def test_a_body_is_the_same_in_all_frames_of_its_sample(rng, people):
    ratio = bones(vary_bodies(people, rng))[1] / bones(people)[1]
    np.testing.assert_allclose(ratio, ratio[:, :1].repeat(3, 1), rtol=1e-3)
    assert ratio[:, 0].std(0).min() > 0.03


def test_sides_agree_when_nothing_tells_them_apart(rng, people):
    ratio = bones(vary_bodies(people, rng, BodyVariation(side=0.0)))[1] / bones(people)[1]
    np.testing.assert_allclose(ratio[..., 0:3], ratio[..., 3:6], rtol=1e-3)  # right leg, left leg
    np.testing.assert_allclose(ratio[..., 10:13], ratio[..., 13:16], rtol=1e-3)  # arms


def test_hips_reach_the_width_of_human36m(rng, people):
    wide = BodyVariation(stature=0.12, hip=(0.9, 1.5))
    half = bones(vary_bodies(people, rng, wide))[1][:, 0, 0] / bones(people)[1][:, 0, 0]
    assert half.max() > 1.4
    assert half.min() > 0.9 * 0.88 * 0.95


def test_as_trained_hips_change_with_the_stature_alone(rng, people):
    half = bones(vary_bodies(people, rng, BodyVariation(side=0.0)))[1][:, 0, 0] / bones(people)[1][:, 0, 0]
    assert 0.93 < half.min() < 0.97
    assert 1.03 < half.max() < 1.07


def test_mirroring_twice_is_nothing(people):
    which = np.ones(50, bool)
    assert (mirror(mirror(people, which), which) == people).all()


def test_mirroring_exchanges_sides_of_those_asked_for(people):
    which = np.arange(50) < 10
    turned = mirror(people, which)
    assert (turned[10:] == people[10:]).all()
    np.testing.assert_array_equal(turned[0, 0, 1], people[0, 0, 4] * np.array([-1, 1, 1]))  # right hip


def test_exchanged_arms_keep_their_lengths_and_leave_the_rest(rng, people):
    new = exchange_arms(people, rng, 0.5)
    assert (new[:, :, :11] == people[:, :, :11]).all()
    changed = (new != people).any((1, 2, 3))
    assert 0.2 < changed.mean() < 0.8
    known = np.sort(bones(people)[1][..., 10:].reshape(50, -1), 0)
    for lengths in bones(new)[1][..., 10:].reshape(50, -1):
        assert (np.abs(known - lengths).min(0) < 1e-4).all()


def test_arms_hang_on_the_new_trunk_as_on_the_old_one(rng, mocap_body):
    turns = [np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) for c, s in ((1, 0), (0, 1), (-1, 0))]
    turns.append(np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]))
    same = np.stack([mocap_body @ R.T + rng.normal(0, 1, 3) for R in turns])[:, None].astype(np.float32)
    np.testing.assert_allclose(exchange_arms(same, rng, 1.0), same, atol=1e-5)
