"""The weights in the package are whole, say where they come from, and are as good as their card says."""

import pytest

pytest.importorskip("torch")

from lift3d.calib import InputError
from lift3d.lifters.evaluation import evaluate_lifter, evaluate_panoptic
from lift3d.lifters.lifter import SHIPPED, Lifter


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
    assert SHIPPED[arch].stat().st_size < 10e6


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
