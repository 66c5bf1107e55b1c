"""Samples are consistent: the target projects to the features, subjects are balanced, windows stay in their clip."""

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.mocap import H36M, Clip
from lift3d.lifters.samples import INPUTS, Frames, SampleSettings, beside_h36m, input_joints, make_samples


def test_target_and_features_are_one_person(tiny_clips, rng):
    frames = Frames(tiny_clips)
    samples = make_samples(frames, np.arange(0, 240, 7), rng, SampleSettings.exact("h36m17"))
    assert samples.target.shape[1:] == (17, 3)
    for ray, target in zip(shown_rays(samples, 17), samples.target, strict=True):
        x = target + place_of(ray, target)
        np.testing.assert_allclose(x[:, :2] / x[:, 2:], ray, atol=1e-4)


def shown_rays(samples, joints):
    """[B, J, 2] on z = 1 of the turned frame."""
    xy = samples.features[:, 0, : 2 * joints].reshape(-1, joints, 2)
    return xy * 0.15 * np.exp(samples.features[:, 0, -1])[:, None, None]


def place_of(ray, target):
    """Of the pelvis, which targets leave out: from where all joints lie best on their rays."""
    A = np.eye(3)[None, :2] - ray[:, :, None] * np.array([0, 0, 1.0])
    b = -np.einsum("jik,jk->ji", A, target)
    return np.linalg.lstsq(A.reshape(-1, 3), b.ravel(), rcond=None)[0]


@pytest.mark.parametrize("name", ["coco17", "body25", "halpe26", "mediapipe33"])
def test_the_face_to_answer_for_is_the_one_that_was_shown(tiny_clips, rng, name):
    frames = Frames(tiny_clips, window=3)
    skeleton, face = INPUTS[name], list(beside_h36m(INPUTS[name]))
    body = [(H36M.index(joint), j) for j, joint in enumerate(skeleton.joints) if joint.endswith(("knee", "wrist"))]
    ours, theirs = (list(part) for part in zip(*body, strict=True))
    samples = make_samples(frames, np.arange(0, 240, 9), rng, SampleSettings.exact(name))
    assert samples.target.shape[1:] == (17 + len(face), 3)
    samples.features[:, 0] = samples.features[:, frames.target]
    for ray, target in zip(shown_rays(samples, len(skeleton)), samples.target, strict=True):
        x = target + place_of(ray[theirs], target[ours])
        np.testing.assert_allclose((x[:, :2] / x[:, 2:])[17:], ray[face], atol=1e-3)


def test_beside_the_shared_joints_are_those_of_the_face():
    coco = INPUTS["coco17"]
    assert [coco.joints[j] for j in beside_h36m(coco)] == ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
    assert beside_h36m(INPUTS["h36m17"]) == ()
    body25, halpe = INPUTS["body25"], INPUTS["halpe26"]
    assert {body25.joints[j] for j in beside_h36m(body25)} == {coco.joints[j] for j in beside_h36m(coco)}
    assert "head" in {halpe.joints[j] for j in beside_h36m(halpe)}  # the top of it, which Human3.6M's is not
    assert len(beside_h36m(INPUTS["mediapipe33"])) == 11


def test_pelvis_is_the_origin(tiny_clips, rng):
    samples = make_samples(Frames(tiny_clips), np.arange(50), rng, SampleSettings())
    assert (samples.target[:, 0] == 0).all()
    assert np.isfinite(samples.features).all()
    assert samples.features.shape == (50, 1, 52)


def test_no_subject_dominates(tiny_clips, rng):
    long = Clip("long", np.repeat(tiny_clips[0].xyz, 9, 0), 30.0, "z")
    frames = Frames([*tiny_clips, long])
    drawn = frames.clip[frames.draw(20000, rng)]
    share = np.bincount(drawn) / 20000
    np.testing.assert_allclose(share, [1 / 7] * 4 + [3 / 7], atol=0.02)  # nine times the frames, three times the share


@pytest.mark.parametrize(("causal", "target"), [(False, 13), (True, 26)])
def test_windows_repeat_the_ends_of_their_clip(tiny_clips, causal, target):
    frames = Frames(tiny_clips, window=27, causal=causal)
    windows = frames.windows(np.array([60, 119]))  # first and last frame of the second clip
    assert windows.shape == (2, 27, 17, 3)
    for window, frame in zip(windows, (0, 59), strict=True):
        np.testing.assert_array_equal(window[target], tiny_clips[1].xyz[frame])
    np.testing.assert_array_equal(windows[0, 0], tiny_clips[1].xyz[0])
    np.testing.assert_array_equal(windows[1, 26], tiny_clips[1].xyz[59])


def test_the_same_stream_gives_the_same_samples(tiny_clips):
    frames = Frames(tiny_clips)
    a, b = (make_samples(frames, np.arange(9), np.random.default_rng(5), SampleSettings()) for _ in range(2))
    assert (a.features == b.features).all()
    assert (a.target == b.target).all()


def test_an_empty_side_and_unknown_joints_are_refused():
    with pytest.raises(InputError, match="no clips"):
        Frames([])
    with pytest.raises(InputError, match="joints 'body99'; there are coco17, h36m17"):
        input_joints("body99")
