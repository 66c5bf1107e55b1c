"""Against a stand-in of rtmlib with its shapes of calls, and against rtmlib itself where it is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.detectors.backends.rtmlib_pose import RtmlibKeypoints, RtmlibPeople, open_rtmpose, stored_model
from lift3d.detectors.detection import Boxes

pytest.importorskip("onnxruntime", reason="rtmlib works by onnxruntime, which is in the extras rtmpose and dev")
HAS_RTMLIB = importlib.util.find_spec("rtmlib") is not None

Maker = Callable[..., Path]
BOX = Boxes(np.array([[48.0, 30.0, 50.0, 84.0]]), np.array([0.9]))
ADDRESSES = {"det": "https://example.org/yolox_m-a39d.zip", "pose": "https://example.org/rtmpose-m_simcc-e48f.zip"}


class Yolox:
    """What rtmlib.YOLOX is: left, top, right, bottom of each person, measured from the picture's edges; no scores."""

    def __init__(self, onnx_model: str, **settings: Any) -> None:
        sys.stdout.write("load model\n")
        self.settings = settings

    def __call__(self, image: np.ndarray) -> np.ndarray:
        return np.array([[10.0, 20.0, 60.0, 120.0]]) if image.any() else np.array([])


class RtmDet(Yolox):
    pass


class RtmPose(Yolox):
    """What rtmlib.RTMPose is: joints and scores of each box; without boxes it takes the whole picture for one."""

    def __call__(self, image: np.ndarray, bboxes: Any = ()) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[override]
        corners = np.array(bboxes if len(bboxes) else [[0, 0, *image.shape[1::-1]]], np.float64)
        scores = np.full((len(corners), 17), 1.3)
        scores[:, 3] = -0.1
        return np.repeat((corners[:, None, :2] + corners[:, None, 2:]) / 2, 17, axis=1), scores


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    body = SimpleNamespace(MODE={"balanced": ADDRESSES})
    made = SimpleNamespace(YOLOX=Yolox, RTMDet=RtmDet, RTMPose=RtmPose, Body=body)
    monkeypatch.setitem(sys.modules, "rtmlib", made)  # type: ignore[arg-type]
    return made


def test_boxes_move_half_a_pixel_and_score_one(
    package: SimpleNamespace, simcc_file: Maker, picture: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    people = RtmlibPeople(simcc_file())
    some, nobody = people([picture, np.zeros_like(picture)])
    np.testing.assert_allclose(some.xywh, [[9.5, 19.5, 50, 100]])
    assert some.score.tolist() == [1]
    assert len(nobody) == 0
    assert people.model.settings["model_input_size"] == (128, 96)  # height first, as rtmlib wants it of detectors
    assert capsys.readouterr().out == ""


def test_rtmdet_is_known_by_its_file_name(package: SimpleNamespace, simcc_file: Maker) -> None:
    path = simcc_file()
    assert type(RtmlibPeople(path).model) is Yolox
    assert type(RtmlibPeople(path.rename(path.with_name("rtmdet_m_640.onnx"))).model) is RtmDet


def test_joints_come_with_their_boxes_and_a_score_below_zero_is_missing(
    package: SimpleNamespace, simcc_file: Maker, picture: np.ndarray
) -> None:
    keypoints = RtmlibKeypoints(simcc_file())
    one, nobody = keypoints([picture, picture], [BOX, Boxes.none()])
    assert one.xy.shape == (1, 17, 2)
    np.testing.assert_allclose(one.xy[0, 0], [73, 72])
    assert one.confidence[0, 0] == 1
    assert np.isnan(one.xy[0, 3]).all()
    assert one.confidence[0, 3] == 0
    assert len(nobody.xy) == 0  # rtmlib alone would find one in the whole picture
    assert keypoints.model.settings["model_input_size"] == (96, 128)


def test_models_that_rtmlib_keeps_are_found_without_a_download(
    package: SimpleNamespace, simcc_file: Maker, picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "rtmlib" / "hub" / "checkpoints"
    with pytest.raises(FileNotFoundError, match=r"e48f.onnx does not exist; wanted the pose model of rtmlib's mode"):
        open_rtmpose()
    folder.mkdir(parents=True)
    simcc_file().rename(folder / "rtmpose-m_simcc-e48f.onnx")
    with pytest.raises(FileNotFoundError, match=r"or unpack https://example.org/yolox_m-a39d.zip to there"):
        open_rtmpose()
    assert open_rtmpose(person=None).settings["person"] is None  # type: ignore[attr-defined]
    simcc_file().rename(folder / "yolox_m-a39d.onnx")
    detector = open_rtmpose()
    found = list(detector.detect([picture, None], in_sequence=False))
    np.testing.assert_allclose(found[0].xy[0, 0], [34.5, 69.5])
    assert (detector.name, detector.settings["person"]) == ("rtmpose", "yolox_m-a39d.onnx")


def test_models_are_fetched_where_that_is_asked_for(
    package: SimpleNamespace, simcc_file: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    fetched = []

    def fetch(address: str) -> str:
        if "yolox" in address:
            raise URLError("no network")
        fetched.append(address)
        return str(simcc_file())

    for name in ("rtmlib.tools", "rtmlib.tools.file"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(sys.modules["rtmlib.tools.file"], "download_checkpoint", fetch, raising=False)
    assert stored_model("pose", None, "balanced", download=True).is_file()
    assert fetched == [ADDRESSES["pose"]]
    with pytest.raises(
        InputError, match=r"yolox_m-a39d.zip cannot be downloaded \(.+\); fetch it elsewhere, unpack it to"
    ):
        stored_model("det", None, "balanced", download=True)


def test_wrong_choices_are_named(package: SimpleNamespace, simcc_file: Maker, heatmap_file: Maker) -> None:
    with pytest.raises(InputError, match="mode must be one of lightweight, balanced, performance, got 'fast'"):
        stored_model("pose", None, "fast", download=False)
    with pytest.raises(InputError, match="rtmlib has no model for 'mpii_16'; it has coco_17, halpe_26, coco_wholeb"):
        stored_model("pose", "mpii_16", "balanced", download=False)
    with pytest.raises(InputError, match=r"heatmaps.onnx gives 1 outputs, RTMPose two; try detector onnx"):
        RtmlibKeypoints(heatmap_file())
    with pytest.raises(FileNotFoundError, match=r"nobody.onnx does not exist; wanted YOLOX's or RTMDet's ONNX file"):
        open_rtmpose(simcc_file(), person="nobody.onnx")


@pytest.mark.skipif(not HAS_RTMLIB, reason="rtmlib is not installed; it is in the extra rtmpose")
def test_rtmlib_itself_agrees_on_where_pixels_are(simcc_file: Maker, picture: np.ndarray, spots: np.ndarray) -> None:
    found = RtmlibKeypoints(simcc_file())([picture], [BOX])[0]
    errors = found.xy[0] - spots[::-1][np.arange(17) % 3]  # it gives the network blue first
    assert np.abs(errors).max() < 0.45  # it takes the highest bin as it is, and a bin is 0.41 px here
    assert np.abs(errors[:3].mean(0)).max() < 0.1


@pytest.mark.skipif(not HAS_RTMLIB, reason="rtmlib is not installed; it is in the extra rtmpose")
@pytest.mark.parametrize("name", ["yolox.onnx", "rtmdet.onnx"])
def test_boxes_of_rtmlib_itself_come_back_to_the_pictures_size(
    save_graph: Callable[..., Path], picture: np.ndarray, tmp_path: Path, name: str
) -> None:
    from onnx import helper

    boxes = np.array([[[10, 20, 30, 50, 0.9], [1, 2, 3, 4, 0.1]]], np.float32)
    nodes = [
        helper.make_node("ReduceMax", ["picture"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "nothing"], ["zero"]),
        helper.make_node("Add", ["known", "zero"], ["dets"]),
    ]
    shapes = {"picture": [1, 3, 56, 64], "dets": [1, 2, 5]}
    path = save_graph(nodes, shapes, tmp_path / name, known=boxes, nothing=np.zeros((), np.float32))
    found = RtmlibPeople(path)([picture])[0]  # 160x140 becomes 64x56
    np.testing.assert_allclose(found.xywh, [[24.5, 49.5, 50, 75]], atol=1e-4)
