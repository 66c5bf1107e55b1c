"""An evaluation shows every lifter the same frames, and asks as `lift3d lift` does."""

import numpy as np
import pytest

from lift3d.lifters.answers import AROUND, MIDDLE, SPAN, by_network, by_one_body
from lift3d.lifters.lifter import Lifter, in_camera_axes
from lift3d.lifters.one_body import Shown, fit_one_body
from lift3d.lifters.placement import place
from lift3d.lifters.samples import Frames, SampleSettings, make_samples
from lift3d.lifters.windows import Timing


@pytest.fixture(scope="module")
def shown(tiny_clips):
    frames = Frames(tiny_clips, window=SPAN)
    return make_samples(frames, np.array([30, 95, 150]), np.random.default_rng(1), SampleSettings.exact())


@pytest.mark.parametrize("name", ["mlp", "tcn", "tcn-causal"])
def test_the_network_answers_for_the_middle_from_the_frames_that_it_looks_at(shown, name):
    lifter = Lifter.load(name)
    changed = shown.features.copy()
    first = MIDDLE - lifter.network.target
    changed[:, :first] = 0
    changed[:, first + lifter.network.window :] = 0
    xyz, sigma = by_network(lifter, both_sides=True)(shown)
    same, _ = by_network(lifter, both_sides=True)(shown.__class__(**{**vars(shown), "features": changed}))
    np.testing.assert_array_equal(xyz, same)
    assert xyz.shape == (3, 17, 3)
    assert sigma.shape == (3, 17, 2)


def test_with_one_body_it_is_what_lift_says_of_those_frames(shown):
    lifter = Lifter.load("tcn")
    xyz, sigma = by_one_body(lifter, both_sides=True)(shown)
    rays, confidence = shown.rays[1].astype(float), shown.confidence[1].astype(float)
    encoded, seen = lifter.see(rays, confidence, time=Timing(), exact=True)
    middle = MIDDLE + np.arange(-AROUND, AROUND + 1)
    windows = middle[:, None] + np.arange(27) - 13
    lifted = in_camera_axes(
        *lifter.lift_windows(encoded.features, windows, both_sides=True), encoded.R[middle], seen[middle]
    )
    rays, confidence = rays[middle], confidence[middle]
    placed = place(lifted, rays, confidence, lifter.joints)
    _, fitted = fit_one_body(placed, lifted, Shown(rays, confidence, lifter.joints, exact=True))
    np.testing.assert_allclose(xyz[1], fitted.xyz[AROUND, :17] @ encoded.R[MIDDLE].T, atol=1e-5)
    assert (sigma[1, 1:] > 0).all()
    assert not sigma[1, 0].any()
