"""The weights in the package are whole, say where they come from, and are as good as their card says."""

import time
from dataclasses import replace

import pytest

pytest.importorskip("torch")

from lift3d.calib import InputError
from lift3d.datasets.capture import open_capture
from lift3d.lift import lift_keypoints
from lift3d.lifters.evaluation import evaluate_lifter, evaluate_panoptic
from lift3d.lifters.lifter import SHIPPED, Lifter
from lift3d.pose_errors import compare_poses
from lift3d.reconstruct import reconstruct


@pytest.fixture(scope="module")
def shipped():
    return Lifter.load()


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


def test_they_are_as_good_as_the_card_says(shipped, shared):
    data = shared / "mocap/mocap_h36m17.h5"
    if not data.is_file():
        pytest.skip(f"no motion capture at {data}")
    truth = evaluate_lifter(shipped, data, baselines=False)[0]
    assert truth.mpjpe.value < 0.069
    panoptic = evaluate_panoptic(shipped, shared / "captures/panoptic")[0]
    assert panoptic.pa_mpjpe.value < 0.038


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
        assert found.figures["PA-MPJPE"].value < 0.090
