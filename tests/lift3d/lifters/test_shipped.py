"""The weights in the package are whole, say where they come from, and are as good as their card says."""

import time
from dataclasses import replace

import pytest

pytest.importorskip("torch")

import numpy as np
import torch

from lift3d.calib import InputError
from lift3d.datasets.capture import open_capture
from lift3d.datasets.mocap import of_subjects, read_mocap
from lift3d.datasets.ray_noise import RayNoise
from lift3d.lift import lift_keypoints
from lift3d.lifters.answers import SPAN, by_network, by_one_body
from lift3d.lifters.evaluation import evaluate_lifter, evaluate_panoptic
from lift3d.lifters.lifter import SHIPPED, Lifter
from lift3d.lifters.samples import Frames, SampleSettings, make_samples
from lift3d.pose_errors import compare_poses
from lift3d.reconstruct import reconstruct


@pytest.fixture(scope="module")
def mocap(shared):
    data = shared / "mocap/mocap_h36m17.h5"
    if not data.is_file():
        pytest.skip(f"no motion capture at {data}")
    return data


@pytest.mark.parametrize("arch", SHIPPED)
def test_they_say_what_they_are(arch):
    shipped = Lifter.load(arch)
    assert shipped.description["arch"] == arch
    assert shipped.description["joints_in"] == "coco17"
    assert shipped.description["split"]["test"] == ["cmu03", "cmu14", "cmu49", "cmu85", "cmu135"]
    assert "mocap.cs.cmu.edu" in shipped.description["data"]
    assert "NSF EIA-0196217" in shipped.description["data"]
    assert SHIPPED[arch].stat().st_size < 15e6


def test_a_name_that_does_not_ship_is_refused(monkeypatch):
    monkeypatch.setattr("lift3d.lifters.lifter.SHIPPED", {"mlp": SHIPPED["mlp"]})
    with pytest.raises(
        InputError, match="no tcn comes with lift3d, only mlp; train one: lift3d train lifter --arch tcn"
    ):
        Lifter.load("tcn")
    with pytest.raises(FileNotFoundError, match=r"lstm\.pt does not exist"):
        Lifter.load("lstm.pt")


def test_the_one_of_single_frames_is_as_good_as_the_card_says(mocap, shared):
    mlp = Lifter.load("mlp")
    truth = evaluate_lifter(mlp, mocap, baselines=False)[0]
    assert truth.mpjpe.value < 0.064
    panoptic = evaluate_panoptic(mlp, shared / "captures/panoptic")[0]
    assert panoptic.pa_mpjpe.value < 0.037


def test_frames_around_help_a_detector(mocap):
    """On the held-out training subject; the card has the test subjects, which take minutes with these networks."""
    clips = of_subjects(read_mocap(mocap), ["cmu05"])
    error = {}
    for arch in SHIPPED:
        lifter = Lifter.load(arch)
        frames = Frames(clips, window=lifter.network.window, causal=lifter.network.causal)
        every = SampleSettings.exact("coco17", RayNoise.fixed(1.0))
        samples = make_samples(frames, np.arange(0, len(frames), 10), np.random.default_rng(1), every)
        xyz, _ = lifter.lift_both_sides(samples.features)
        error[arch] = np.linalg.norm(xyz[:, :17] - samples.target[:, :17], axis=-1).mean()
    assert error["tcn"] < 0.97 * error["mlp"]
    assert error["tcn-causal"] < 0.985 * error["mlp"]


def test_with_one_body_sequences_are_a_good_part_nearer_than_single_frames(mocap):
    """The held-out training subject once more, exact 2D and a detector's."""
    frames = Frames(of_subjects(read_mocap(mocap), ["cmu05"]), window=SPAN)
    for noise in (None, RayNoise.fixed(1.0)):
        every = SampleSettings.exact("coco17", noise)
        samples = make_samples(frames, np.arange(0, len(frames), 80), np.random.default_rng(1), every)
        answers = [by_network(Lifter.load("mlp"), both_sides=True), by_one_body(Lifter.load("tcn"), both_sides=True)]
        single, sequence = (
            np.linalg.norm(lift(samples)[0] - samples.target[:, :17], axis=-1).mean() for lift in answers
        )
        assert sequence < 0.9 * single


@pytest.fixture(scope="module")
def balance(shared):
    """A real capture, and what all of its cameras make of it."""
    folder = shared / "captures/balance"
    if not folder.is_dir():
        pytest.skip(f"no capture at {folder}")
    capture = open_capture(folder, calibration=folder / "calib.toml", keypoints=folder / "keypoints/openpose")
    return capture, reconstruct(capture.keypoints, capture.rig, fps=capture.fps).poses


@pytest.mark.parametrize("arch", SHIPPED)
def test_each_camera_alone_is_near_the_result_of_all(balance, arch):
    capture, whole = balance
    lifter = Lifter.load(arch)
    views = [replace(capture.keypoints.select_views([name]), fps=capture.fps) for name in capture.keypoints.cameras]
    lift_keypoints(views[0], capture.rig[0], lifter)
    for view, camera in zip(views, capture.rig, strict=True):
        began = time.process_time()
        poses = lift_keypoints(view, camera, lifter)
        assert time.process_time() - began < len(poses.xyz) / 200
        found = compare_poses((poses.xyz[:, 0], poses.skeleton), (whole.xyz[:, 0], whole.skeleton), fps=whole.fps)
        assert found.figures["PA-MPJPE"].value < 0.085


def test_temporal_lifters_ask_the_mlp_that_ships_and_no_other(tmp_path, monkeypatch):
    alone = Lifter.load("mlp").network.state_dict()
    asked = Lifter.load("tcn").network.frame.state_dict()
    assert all(torch.equal(value, asked[name]) for name, value in alone.items())
    changed = tmp_path / "lifter_coco17_mlp.pt"
    changed.write_bytes(SHIPPED["mlp"].read_bytes() + b" ")
    monkeypatch.setitem(SHIPPED, "mlp", changed)
    with pytest.raises(InputError, match=r"needs another lifter_coco17_mlp\.pt than the one that is there"):
        Lifter.load("tcn")
