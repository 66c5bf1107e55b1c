"""Baselines do what their names say."""

import numpy as np
import pytest

from lift3d.lifters.baselines import LinearLifter, MeanPose, NearestExemplar
from lift3d.lifters.samples import Frames, Samples, SampleSettings, make_samples


@pytest.fixture
def samples(tiny_clips, rng):
    frames = Frames(tiny_clips)
    return make_samples(frames, frames.draw(400, rng), rng, SampleSettings.exact())


def test_mean_pose_is_the_mean(samples):
    np.testing.assert_allclose(MeanPose.fit(samples).lift(samples.features[:2])[1], samples.target.mean(0))


def test_linear_regression_finds_a_linear_law(rng):
    features = rng.normal(size=(500, 1, 52)).astype(np.float32)
    law = rng.normal(size=(52, 51))
    target = (features[:, 0] @ law + 3).reshape(500, 17, 3).astype(np.float32)
    unused = [np.zeros(500)] * 5
    lifter = LinearLifter.fit(Samples(features, target, *unused), ridge=1e-9)
    np.testing.assert_allclose(lifter.lift(features), target, atol=1e-3)


def test_nearest_exemplar_recalls_what_it_was_shown(samples):
    lifted = NearestExemplar.fit(samples).lift(samples.features[5:9])
    np.testing.assert_array_equal(lifted, samples.target[5:9])


def test_linear_beats_the_mean(samples):
    errors = [
        np.linalg.norm(kind.fit(samples).lift(samples.features) - samples.target, axis=-1).mean()
        for kind in (LinearLifter, MeanPose)
    ]
    assert errors[0] < 0.6 * errors[1]
