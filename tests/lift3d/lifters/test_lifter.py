"""A trained lifter in use, calibrated and measured."""

import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.calib import InputError
from lift3d.cli import main

torch = pytest.importorskip("torch")

from lift3d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint  # noqa: E402
from lift3d.datasets.mocap import H36M  # noqa: E402
from lift3d.lifters.encoding import encode, mirror_features  # noqa: E402
from lift3d.lifters.evaluation import evaluate_lifter, evaluate_panoptic  # noqa: E402
from lift3d.lifters.lifter import Lifter, measure_sigma  # noqa: E402
from lift3d.lifters.samples import Frames, SampleSettings, beside_h36m, input_joints, make_samples  # noqa: E402
from lift3d.lifters.training import TrainSettings, train_lifter  # noqa: E402


@pytest.fixture(scope="module")
def trained(tiny_mocap, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    settings = TrainSettings(sizes={"width": 32}, epochs=8, batch=32, rate=3e-3)
    return train_lifter(tiny_mocap, run, settings=settings, split=(("a",), ("b",)))


@pytest.fixture
def samples(tiny_clips, rng):
    frames = Frames(tiny_clips[1:2])
    return make_samples(frames, np.repeat(np.arange(60), 5), rng, SampleSettings.exact())


def test_intervals_are_calibrated_on_the_held_out_subject(trained, samples):
    lifter = Lifter.load(trained)
    assert "sigma_factor" in lifter.description
    lifter.sigma_factor = np.array([1.0, 1.0], np.float32)
    across, along = measure_sigma(lifter, samples)
    lifter.sigma_factor = np.array([across, along], np.float32)
    xyz, sigma = lifter.lift_both_sides(samples.features)
    inside = (np.abs(xyz - samples.target) <= 1.6449 * sigma[..., [0, 0, 1]])[:, 1:17]
    assert inside[..., :2].mean() == pytest.approx(0.9, abs=0.002)
    assert inside[..., 2].mean() == pytest.approx(0.9, abs=0.002)


def test_rays_and_features_give_one_answer_in_their_frames(trained, rng, mocap_body):
    lifter = Lifter.load(trained)
    person = mocap_body[:, [1, 2, 0]] * (1, -1, 1) + (0.8, 0.9, 4.0)
    xy = rng.normal(0, 0.001, (6, 17, 2)) + (person[:, :2] / person[:, 2:])
    lifted = lifter.lift_rays(xy, np.ones((6, 17)), both_sides=False, exact=True)
    assert lifted.xyz.shape == (6, 22, 3)
    assert (lifted.xyz[:, 0] == 0).all()
    encoded = encode(xy, np.ones((6, 17)))
    turned, sigma = lifter.lift(encoded.features[:, None])
    np.testing.assert_allclose(lifted.xyz @ encoded.R.transpose(0, 2, 1), turned, atol=1e-6)
    sight = encoded.R[0, 2] @ lifted.covariance[0, 5] @ encoded.R[0, 2]
    assert np.sqrt(sight) == pytest.approx(sigma[0, 5, 1], rel=1e-4)
    eigenvalues = np.linalg.eigvalsh(lifted.covariance[:, 1:])
    assert eigenvalues.min() > 0


def test_rays_are_lifted_from_both_sides_as_windows_are(trained, rng):
    lifter = Lifter.load(trained)
    xy = rng.normal(0, 0.1, (4, 17, 2))
    encoded = encode(xy, np.ones((4, 17)))
    turned, _ = lifter.lift_both_sides(encoded.features[:, None])
    lifted = lifter.lift_rays(xy, np.ones((4, 17)), exact=True)
    np.testing.assert_allclose(lifted.xyz @ encoded.R.transpose(0, 2, 1), turned, atol=1e-6)


def test_a_detector_is_not_believed_to_be_exact(trained, rng):
    lifter = Lifter.load(trained)
    xy = rng.normal(0, 0.1, (4, 17, 2))
    sure, nearly = (lifter.lift_rays(xy, np.full((4, 17), c)).xyz for c in (1.0, 0.97))
    assert (sure == nearly).all()
    assert np.abs(lifter.lift_rays(xy, np.ones((4, 17)), exact=True).xyz - sure).max() > 1e-4


def test_nobody_is_nan_and_nan_is_nobody(trained):
    lifted = Lifter.load(trained).lift_rays(np.full((3, 17, 2), np.nan), np.ones((3, 17)) * [[1], [0], [0]])
    assert np.isnan(lifted.xyz[1:]).all()


@pytest.mark.parametrize("arch", ["tcn", "tcn-causal"])
def test_sequences_shorter_than_the_window_are_lifted(tiny_mocap, tmp_path, arch, samples):
    settings = TrainSettings(arch=arch, sizes={"width": 8}, epochs=1, batch=32)
    path = train_lifter(tiny_mocap, tmp_path / "run", settings=settings, split=(("a",), ("b",)))
    lifter = Lifter.load(path)
    xy = np.random.default_rng(1).normal(0, 0.1, (5, 17, 2))
    lifted = lifter.lift_rays(xy, np.ones((5, 17)))
    assert lifted.xyz.shape == (5, 22, 3)
    assert np.isfinite(lifted.xyz).all()


def test_half_precision_weights_answer_alike(trained, tmp_path, samples):
    full = load_checkpoint(trained, "lifter")
    half = {n: v.half() if v.is_floating_point() else v for n, v in full.state.items()}
    path = save_checkpoint(tmp_path / "half.pt", Checkpoint("lifter", full.description, half))
    a, b = (Lifter.load(p).lift(samples.features)[0] for p in (trained, path))
    assert np.abs(a - b).max() < 0.003


def test_weights_that_do_not_fit_are_refused(trained):
    checkpoint = load_checkpoint(trained, "lifter")
    wrong = {**checkpoint.description, "sizes": {"width": 16}}
    with pytest.raises(InputError, match="do not fit its own description"):
        Lifter(Checkpoint("lifter", wrong, checkpoint.state))
    few = {**checkpoint.state, "heads.xyz.bias": torch.zeros(3 * 19)}
    with pytest.raises(InputError, match="answers for 19 joints, a lifter for coco_17 for 22; train it again"):
        Lifter(Checkpoint("lifter", checkpoint.description, few))


def test_weights_from_before_answer_for_human36ms_joints_as_they_did(trained, samples):
    checkpoint = load_checkpoint(trained, "lifter")
    rows = {"heads.xyz.weight": 51, "heads.xyz.bias": 51, "heads.sigma.weight": 34, "heads.sigma.bias": 34}
    state = {name: value[: rows.get(name)] for name, value in checkpoint.state.items() if value.ndim} | {
        name: value for name, value in checkpoint.state.items() if not value.ndim
    }
    before, now = Lifter(Checkpoint("lifter", checkpoint.description, state)), Lifter(checkpoint)
    assert (before.beside, now.beside) == ((), (0, 1, 2, 3, 4))
    for old, new in zip(before.lift_both_sides(samples.features), now.lift_both_sides(samples.features), strict=True):
        assert old.shape[1] == 17
        np.testing.assert_allclose(old, new[:, :17], atol=1e-6)
    assert measure_sigma(before, samples) == pytest.approx(measure_sigma(now, samples), rel=1e-4)


def test_evaluation_measures_every_method_under_every_condition(trained, tiny_mocap):
    rows = evaluate_lifter(Lifter.load(trained), tiny_mocap)
    truth = {row.method: row for row in rows if row.condition == "truth"}
    assert list(truth) == ["mean pose", "exemplar", "linear", "mlp"]
    assert truth["mean pose"].mpjpe.value > truth["linear"].mpjpe.value
    mpjpe = truth["mlp"].mpjpe
    assert mpjpe.low - 1e-9 <= mpjpe.value <= mpjpe.high + 1e-9  # one clip: all three are one number, but for rounding
    assert truth["mlp"].pa_mpjpe.value < truth["mlp"].n_mpjpe.value < truth["mlp"].mpjpe.value
    assert {row.condition for row in rows} >= {"noise 0.5", "noise 1", "noise 2", "noise 1, a part hidden"}
    assert 0.5 < truth["mlp"].coverage <= 1
    assert np.isnan(truth["linear"].coverage)


def test_the_command_prints_a_table_with_its_protocol(trained, tiny_mocap):
    result = CliRunner().invoke(main, ["evaluate", "lifter", str(trained), "--data", str(tiny_mocap), "--no-baselines"])
    assert result.exit_code == 0, result.output
    assert "noise 2" in result.output
    assert "test a; selected on b; 2 subjects trained" in result.output
    assert "give --data, --panoptic or both" in CliRunner().invoke(main, ["evaluate", "lifter", str(trained)]).output


def test_panoptic_is_measured_where_it_is(trained, shared):
    row = evaluate_panoptic(Lifter.load(trained), shared / "captures/panoptic")[0]
    assert row.samples > 5000
    assert 0.03 < row.pa_mpjpe.value < 0.3


def counterpart(name):
    """The joint on the other side."""
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(side):
            return other + name.removeprefix(side)
    return name


def test_the_flip_test_forgets_which_side_is_which(trained, samples):
    lifter = Lifter.load(trained)
    xyz, sigma = lifter.lift_both_sides(samples.features[:8])
    again, again_sigma = lifter.lift_both_sides(mirror_features(samples.features[:8], lifter.joints))
    names = [*H36M.joints, *(lifter.joints.joints[j] for j in lifter.beside)]
    other = [names.index(counterpart(name)) for name in names]
    np.testing.assert_allclose(again[:, other] * (-1, 1, 1), xyz, atol=1e-6)
    np.testing.assert_allclose(again_sigma[:, other], sigma, atol=1e-6)


def test_details_name_actions_and_joints(trained, tiny_mocap):
    typed = [
        "evaluate",
        "lifter",
        str(trained),
        "--data",
        str(tiny_mocap),
        "--no-baselines",
        "--no-flip-test",
        "--details",
    ]
    result = CliRunner().invoke(main, typed)
    assert result.exit_code == 0, result.output
    assert "truth, swing" in result.output
    assert "left_wrist" in result.output
    assert "camera frame, no flip test;" in result.output


@pytest.mark.parametrize(("arch", "joints"), [("tcn", "body25"), ("tcn-causal", "halpe26"), ("mlp", "mediapipe33")])
def test_every_arch_and_joint_set_goes_from_data_to_poses(tiny_mocap, tmp_path, arch, joints, mocap_body):
    sizes = {"width": 8} | ({"blocks": 1} if arch != "mlp" else {})
    settings = TrainSettings(arch, sizes, SampleSettings(joints), epochs=1, batch=64)
    lifter = Lifter.load(train_lifter(tiny_mocap, tmp_path / "run", settings=settings, split=(("a",), ("b",))))
    rows = evaluate_lifter(lifter, tiny_mocap, baselines=False)
    assert np.isfinite([row.mpjpe.value for row in rows]).all()
    rays = np.zeros((4, len(lifter.joints), 2))  # shorter than the window
    rays[:] = np.random.default_rng(0).normal(0, 0.1, rays.shape[1:])
    lifted = lifter.lift_rays(rays, np.ones(rays.shape[:2]))
    assert lifted.xyz.shape == (4, 17 + len(beside_h36m(input_joints(joints))), 3)
    assert np.isfinite(lifted.covariance).all()
