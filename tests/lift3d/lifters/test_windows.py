"""Which frames a temporal lifter is shown: its window, without gaps, ends or frames to come."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.checkpoint import Checkpoint  # noqa: E402
from lift3d.lifters.encoding import encode, feature_count  # noqa: E402
from lift3d.lifters.lifter import MOST_SURE, Lifter  # noqa: E402
from lift3d.lifters.networks import build_network  # noqa: E402
from lift3d.lifters.windows import Timing  # noqa: E402


def untrained(arch, **more):
    """Random weights do: these tests ask what the network sees, not what it makes of it."""
    torch.manual_seed(3)
    sizes = {"width": 16, **more}
    network = build_network(arch, feature_count(17), 17, **sizes)
    if more:
        torch.nn.init.normal_(network.heads.xyz.weight, std=0.1)
    description = {"arch": arch, "sizes": sizes, "joints_in": "coco17"}
    return Lifter(Checkpoint("lifter", description, network.state_dict()))


@pytest.fixture(params=["tcn", "tcn-causal", "tcn after mlp", "tcn-causal after mlp"])
def lifter(request):
    arch, after, _ = request.param.partition(" after ")
    return untrained(arch, **({"frame": {"width": 24}} if after else {}))


@pytest.fixture
def seen(rng):
    return rng.normal(0, 0.1, (40, 17, 2)), rng.uniform(0.3, 0.9, (40, 17))


def lift(lifter, xy, confidence, **more):
    return lifter.lift_rays(xy, confidence, both_sides=False, **more).xyz


def test_a_sequence_gives_what_its_windows_give(lifter, seen):
    encoded = encode(seen[0], np.minimum(seen[1], MOST_SURE))
    target, window = lifter.network.target, lifter.network.window
    windows = np.stack([encoded.features[i : i + window] for i in range(40 - window + 1)])
    turned, _ = lifter.lift(windows)
    R = encoded.R[target : target + len(windows)]
    np.testing.assert_allclose(
        lift(lifter, *seen)[target : target + len(windows)] @ R.swapaxes(1, 2), turned, atol=1e-6
    )


def test_past_the_ends_the_first_and_the_last_frame_go_on(lifter, seen):
    longer = [np.concatenate([part[:1]] * 30 + [part] + [part[-1:]] * 30) for part in seen]
    np.testing.assert_allclose(lift(lifter, *longer)[30:-30], lift(lifter, *seen), atol=1e-6)
    alone = lift(lifter, seen[0][:1], seen[1][:1])
    still = lift(lifter, np.repeat(seen[0][:1], 27, 0), np.repeat(seen[1][:1], 27, 0))
    np.testing.assert_allclose(still, np.repeat(alone, 27, 0), atol=1e-6)


def test_in_a_gap_the_nearest_frame_that_is_known_counts(lifter, seen):
    xy, confidence = seen
    lost = confidence.copy()
    lost[15:20] = 0
    nearest = np.arange(40)
    nearest[15:20] = 14 if lifter.network.causal else (14, 14, 14, 20, 20)
    stood = lift(lifter, xy[nearest], confidence[nearest])
    answer = lift(lifter, np.where(lost[..., None] > 0, xy, np.nan), lost)
    known = lost.any(-1)
    np.testing.assert_allclose(answer[known], stood[known], atol=1e-6)
    assert np.isnan(answer[~known]).all()


def test_frames_that_are_not_in_the_file_are_a_gap(lifter, seen):
    xy, confidence = seen
    lost = confidence.copy()
    lost[15:20] = 0
    left_out = np.delete(np.arange(40), np.s_[15:20])
    short = lift(lifter, xy[left_out], confidence[left_out], time=Timing(left_out))
    np.testing.assert_allclose(short, lift(lifter, xy, lost)[left_out], atol=1e-6)


def test_causal_means_causal(seen):
    xy, confidence = seen
    for arch, same in (("tcn-causal", True), ("tcn", False)):
        lifter = untrained(arch)
        whole, begun = lift(lifter, xy, confidence), lift(lifter, xy[:20], confidence[:20])
        assert np.allclose(whole[:20], begun, atol=1e-6) == same


def test_nobody_in_any_frame_is_nobody(lifter):
    assert np.isnan(lift(lifter, np.full((3, 17, 2), np.nan), np.zeros((3, 17)))).all()
    assert lift(lifter, np.zeros((0, 17, 2)), np.zeros((0, 17))).shape == (0, 17, 3)


def test_a_faster_recording_is_shown_as_fast_as_in_training(lifter, seen):
    """Of one in which every frame was taken twice comes out what the frames themselves give."""
    xy, confidence = seen
    slow = lift(lifter, xy, confidence, time=Timing(fps=30.0))
    fast = lift(lifter, xy.repeat(2, 0), confidence.repeat(2, 0), time=Timing(fps=60.0))
    if lifter.network.causal:  # the mean of a frame and the one before: both are one where the pair ends
        np.testing.assert_allclose(fast[1::2], slow, atol=1e-6)
    assert np.abs(fast - lift(lifter, xy.repeat(2, 0), confidence.repeat(2, 0))).max() > 0.01


def test_of_a_faster_recording_the_frames_between_are_averaged(lifter):
    still, sure = np.tile(np.linspace(-0.3, 0.3, 17)[:, None], (120, 1, 2)), np.full((120, 17), 0.8)
    shaken = still + 0.01 * (-1.0) ** np.arange(120)[:, None, None]
    as_fast, faster = (lift(lifter, shaken, sure, time=Timing(fps=fps)) for fps in (30.0, 60.0))
    quiet = lift(lifter, still, sure)
    inside = slice(54, -27)  # whose windows do not reach the ends, where there is nothing to average with
    assert np.abs(faster - quiet)[inside].max() < 1e-6
    assert np.abs(as_fast - quiet)[inside].max() > 1e-4


def test_a_single_frame_network_has_no_rate(seen):
    mlp = untrained("mlp")
    assert (lift(mlp, *seen, time=Timing(fps=120.0)) == lift(mlp, *seen)).all()
