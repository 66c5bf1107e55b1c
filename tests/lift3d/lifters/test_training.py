"""Training learns, repeats itself with its seed, and goes on after SIGKILL as if nothing had been."""

import os
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest

from lift3d.calib import InputError

torch = pytest.importorskip("torch")

from lift3d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint  # noqa: E402
from lift3d.lifters.encoding import feature_count  # noqa: E402
from lift3d.lifters.lifter import Lifter  # noqa: E402
from lift3d.lifters.networks import build_network  # noqa: E402
from lift3d.lifters.samples import Frames, SampleSettings, make_samples  # noqa: E402
from lift3d.lifters.training import TrainSettings, _new_state, learn, train_lifter  # noqa: E402

SPLIT = (("a",), ("b",))
TINY = TrainSettings(sizes={"width": 16}, epochs=3, batch=32, seed=4)


def weights(path):
    return load_checkpoint(path / "last.pt", "lifter-run").state["network"]


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_two_runs_with_one_seed_are_equal_and_another_seed_differs(tiny_mocap, tmp_path):
    for name, seed in (("one", 4), ("two", 4), ("three", 5)):
        settings = TrainSettings(**{**vars(TINY), "epochs": 1, "seed": seed})
        train_lifter(tiny_mocap, tmp_path / name, settings=settings, split=SPLIT)
    assert same(weights(tmp_path / "one"), weights(tmp_path / "two"))
    assert not same(weights(tmp_path / "one"), weights(tmp_path / "three"))


def test_mixed_precision_repeats_itself_and_keeps_its_weights_at_full_precision(tiny_mocap, tmp_path):
    for name, bf16 in (("one", True), ("two", True), ("full", False)):
        settings = TrainSettings(**{**vars(TINY), "epochs": 1, "bf16": bf16})
        train_lifter(tiny_mocap, tmp_path / name, settings=settings, split=SPLIT)
    one = weights(tmp_path / "one")
    assert same(one, weights(tmp_path / "two"))
    full = weights(tmp_path / "full")
    assert not same(one, full)
    for name, value in one.items():
        assert value.dtype == full[name].dtype
        if value.is_floating_point():
            torch.testing.assert_close(value, full[name], rtol=0.2, atol=0.05)


@pytest.mark.parametrize(("arch", "bf16"), [("mlp", False), ("mlp", True), ("tcn-causal", True)])
def test_after_a_kill_the_same_command_ends_with_bit_equal_weights(tiny_mocap, tmp_path, arch, bf16):
    settings = TrainSettings(**{**vars(TINY), "arch": arch, "bf16": bf16})
    train_lifter(tiny_mocap, tmp_path / "whole", settings=settings, split=SPLIT)
    code = (
        "import os, sys, time, torch; torch.set_num_threads(1);"
        "from lift3d.lifters.training import TrainSettings, train_lifter;"
        "train_lifter(sys.argv[1], sys.argv[2],"
        " settings=TrainSettings(sys.argv[3], {'width': 16}, epochs=3, batch=32, seed=4, bf16=sys.argv[4] == 'True'),"
        " split=(('a',), ('b',)),"
        " progress=lambda stage, done, total: time.sleep(60) if (stage, done) == ('epoch 2 of 3', 2) else None)"
    )
    typed = [str(tiny_mocap), str(tmp_path / "killed"), arch, str(bf16)]
    process = subprocess.Popen([sys.executable, "-c", code, *typed])
    log = tmp_path / "killed/log.csv"
    deadline = time.monotonic() + 180
    while not log.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)  # into the second epoch
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(load_checkpoint(tmp_path / "killed/last.pt", "lifter-run").description["records"]) == 1
    train_lifter(tiny_mocap, tmp_path / "killed", settings=settings, split=SPLIT)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    best = [load_checkpoint(tmp_path / name / "lifter.pt", "lifter").state for name in ("whole", "killed")]
    assert same(*best)


def test_training_learns_and_logs(tiny_mocap, tmp_path):
    seen = []
    settings = TrainSettings(**{**vars(TINY), "epochs": 12, "sizes": {"width": 48}, "rate": 3e-3})
    path = train_lifter(tiny_mocap, tmp_path / "run", settings=settings, split=SPLIT, on_epoch=seen.append)
    assert seen[-1].select < 0.8 * seen[0].select
    assert np.isfinite(seen[-1].train)
    lines = (tmp_path / "run/log.csv").read_text().splitlines()
    assert len(lines) == 13
    assert lines[0].startswith("epoch,epochs,train_mm")
    assert (tmp_path / "run/curve.svg").read_text().startswith("<svg")
    description = load_checkpoint(path, "lifter").description
    assert description["joints_in"] == "coco17"
    assert description["split"]["test"] == ["a"]
    assert description["select_mm"] == pytest.approx(min(record.select for record in seen))


def test_the_face_is_learnt_as_well(tiny_clips, rng):
    frames = Frames(tiny_clips)
    samples = make_samples(frames, np.arange(0, 240, 4), rng, SampleSettings.exact())
    net = _new_state(TrainSettings(sizes={"width": 64}))

    def face_error():
        with torch.no_grad():
            xyz = net.network.eval()(torch.from_numpy(samples.features))[0].numpy()
        return np.linalg.norm(xyz - samples.target, axis=-1)[:, 17:].mean()

    before = face_error()
    for _ in range(40):
        net.network.train()
        learn(net, samples, 3e-3, TrainSettings())
    assert face_error() < 0.5 * before


def test_a_lifter_of_single_frames_goes_first_and_stays_as_it_is(tiny_mocap, tmp_path):
    mlp = train_lifter(tiny_mocap, tmp_path / "mlp", settings=TINY, split=SPLIT)
    settings = TrainSettings(**{**vars(TINY), "arch": "tcn-causal", "initial": str(mlp)})
    tcn = load_checkpoint(train_lifter(tiny_mocap, tmp_path / "tcn", settings=settings, split=SPLIT), "lifter")
    assert tcn.description["training"]["initial"] == "lifter.pt"
    first = load_checkpoint(mlp, "lifter").state
    assert same(first, {name.removeprefix("frame."): v for name, v in tcn.state.items() if name.startswith("frame.")})
    assert Lifter(tcn).network.window == 27
    assert any(value.abs().max() > 0 for name, value in tcn.state.items() if name == "heads.xyz.weight")

    halpe = TrainSettings(**{**vars(settings), "samples": SampleSettings("halpe26")})
    with pytest.raises(InputError, match=r"is a mlp for coco17 joints, wanted an mlp for halpe26: lift3d train lifter"):
        train_lifter(tiny_mocap, tmp_path / "halpe", settings=halpe, split=SPLIT)
    with pytest.raises(InputError, match="only tcn and tcn-causal start from another lifter; leave out --initial"):
        train_lifter(tiny_mocap, tmp_path / "two", settings=TrainSettings(initial=str(mlp)), split=SPLIT)


def test_a_lifter_of_single_frames_without_the_face_is_no_start(tiny_mocap, tmp_path):
    network = build_network("mlp", feature_count(17), 17, width=16)
    description = {"arch": "mlp", "sizes": {"width": 16}, "joints_in": "coco17"}
    path = save_checkpoint(tmp_path / "old.pt", Checkpoint("lifter", description, network.state_dict()))
    settings = TrainSettings(**{**vars(TINY), "arch": "tcn", "initial": str(path)})
    with pytest.raises(InputError, match=r"old\.pt does not answer for the face.*lift3d train lifter --arch mlp"):
        train_lifter(tiny_mocap, tmp_path / "tcn", settings=settings, split=SPLIT)


def test_it_stops_when_nothing_improves(tiny_mocap, tmp_path):
    settings = TrainSettings(**{**vars(TINY), "epochs": 9, "rate": 1e-12, "patience": 2, "ema": 0.0})
    seen = []
    train_lifter(tiny_mocap, tmp_path / "run", settings=settings, split=SPLIT, on_epoch=seen.append)
    assert len(seen) < 9


def test_a_run_with_other_settings_is_not_continued(tiny_mocap, tmp_path):
    settings = TrainSettings(**{**vars(TINY), "epochs": 1})
    train_lifter(tiny_mocap, tmp_path / "run", settings=settings, split=SPLIT)
    with pytest.raises(InputError, match=r"holds a run with training.rate = 0.001, not 0.01"):
        train_lifter(
            tiny_mocap, tmp_path / "run", settings=TrainSettings(**{**vars(settings), "rate": 0.01}), split=SPLIT
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be 1 or more"),
        ({"arch": "gcn"}, "no lifter architecture 'gcn'"),
    ],
)
def test_what_cannot_be_trained_is_refused(tiny_mocap, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        train_lifter(tiny_mocap, tmp_path / "run", settings=TrainSettings(**{**vars(TINY), **change}), split=SPLIT)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(tiny_mocap, tmp_path):
    with pytest.raises(InputError, match="no GPU here; use --device cpu"):
        train_lifter(tiny_mocap, tmp_path / "run", settings=TrainSettings(device="cuda"), split=SPLIT)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_trains(tiny_mocap, tmp_path):
    settings = TrainSettings(**{**vars(TINY), "device": "cuda"})
    assert train_lifter(tiny_mocap, tmp_path / "run", settings=settings, split=SPLIT).is_file()


class Board:
    """What TensorBoard's writer is told."""

    def __init__(self, folder, purge_step):
        self.folder, self.purge_step, self.said = folder, purge_step, []
        Board.made = self

    def add_scalar(self, name, value, step):
        self.said.append((name, step))

    def flush(self):
        pass


def test_tensorboard_is_told_where_it_is_installed(tiny_mocap, tmp_path, monkeypatch):
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Board
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    settings = TrainSettings(**{**vars(TINY), "epochs": 2})
    train_lifter(tiny_mocap, tmp_path / "run", settings=settings, split=SPLIT)
    assert Board.made.folder == str(tmp_path / "run" / "tensorboard")
    assert Board.made.purge_step == 1
    assert ("select_mm", 2) in Board.made.said


def test_without_tensorboard_nothing_is_missed(tiny_mocap, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    settings = TrainSettings(**{**vars(TINY), "epochs": 1})
    assert train_lifter(tiny_mocap, tmp_path / "run", settings=settings, split=SPLIT).is_file()
