"""Against a stand-in of torchvision with its shapes of calls, and against torchvision itself where it is installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.detectors.backends.torchvision_rcnn import open_torchvision

torch = pytest.importorskip("torch", reason="Keypoint R-CNN needs PyTorch, which is in the extra train")
HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None
URL = "https://example.org/keypointrcnn-fc26.pth"


class Network(torch.nn.Module):  # type: ignore[misc]
    """Answers as Keypoint R-CNN does: the mean of each colour is where the joints are; three people, surest first."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = torch.nn.Parameter(torch.zeros(1))

    def forward(self, pictures: list[Any]) -> list[dict[str, Any]]:
        assert len(pictures) == 1
        assert pictures[0].dtype == torch.float32
        red, green, _ = (self.offset + pictures[0].mean((1, 2)) * 255).tolist()
        joints = torch.tensor([[red, green, 1.0]] * 17)
        return [
            {
                "boxes": torch.tensor([[10.0, 20.0, 40.0, 80.0]] * 3),
                "scores": torch.tensor([0.99, 0.8, 0.3]),
                "keypoints": torch.stack([joints] * 3),
                "keypoints_scores": torch.tensor([[2.0] * 16 + [12.0]] * 3),
            }
        ]


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    official = SimpleNamespace(url=URL, get_state_dict=lambda progress: {"offset": torch.ones(1)})
    detection = SimpleNamespace(
        KeypointRCNN_ResNet50_FPN_Weights=SimpleNamespace(COCO_V1=official),
        keypointrcnn_resnet50_fpn=lambda **settings: Network(),
    )
    models = ModuleType("torchvision.models")
    models.detection = detection  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return detection


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "rcnn.pth"
    torch.save({"offset": torch.zeros(1)}, path)
    return path


def coloured() -> np.ndarray:
    picture = np.zeros((100, 60, 3), np.uint8)
    picture[..., 2], picture[..., 1] = 30, 50  # red, green
    return picture


def test_joints_and_boxes_lose_the_half_pixel_of_torchvisions_edges(package: SimpleNamespace, weights: Path) -> None:
    found = list(open_torchvision(weights).detect([coloured(), None]))
    assert [len(each.xy) for each in found] == [2, 0]  # the third is less sure than one half
    np.testing.assert_allclose(found[0].xy, np.broadcast_to([29.5, 49.5], (2, 17, 2)), atol=1e-4)
    np.testing.assert_allclose(found[0].boxes.xywh, [[9.5, 19.5, 30, 60]] * 2)
    np.testing.assert_allclose(found[0].boxes.score, [0.99, 0.8], atol=1e-6)
    np.testing.assert_allclose(found[0].confidence[0, [0, 16]], [0.5, 1 / (1 + np.exp(-10))], atol=1e-6)


def test_only_the_surest_people_are_kept_where_so_many_are_wanted(package: SimpleNamespace, weights: Path) -> None:
    found = next(open_torchvision(weights, people=1, score=0.1).detect([coloured()]))
    np.testing.assert_allclose(found.boxes.score, [0.99], atol=1e-6)


def test_weights_are_looked_for_where_torchvision_keeps_them(
    package: SimpleNamespace, weights: Path, tmp_path: Path
) -> None:
    expected = tmp_path / "torch" / "hub" / "checkpoints" / "keypointrcnn-fc26.pth"
    with pytest.raises(FileNotFoundError, match=rf"{expected} does not exist; wanted weights .*: download {URL}"):
        open_torchvision()
    found = next(open_torchvision(download=True).detect([coloured()]))  # what was asked for is downloaded
    np.testing.assert_allclose(found.xy[0, 0], [30.5, 50.5], atol=1e-4)
    expected.parent.mkdir(parents=True)
    weights.rename(expected)
    assert open_torchvision().settings["weights"] == "keypointrcnn-fc26.pth"  # type: ignore[attr-defined]


def test_download_that_fails_says_where_the_file_belongs(
    package: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(progress: bool) -> Any:
        raise URLError("no network")

    monkeypatch.setattr(package.KeypointRCNN_ResNet50_FPN_Weights.COCO_V1, "get_state_dict", offline)
    with pytest.raises(InputError, match=r"cannot be downloaded \(.+\); fetch it elsewhere to .+keypointrcnn-fc26.pth"):
        open_torchvision(download=True)


def test_other_files_are_refused(package: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none.pth does not exist"):
        open_torchvision(tmp_path / "none.pth")
    path = tmp_path / "rcnn.pth"
    torch.save({"other": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"rcnn.pth holds other weights than keypointrcnn_resnet50_fpn's"):
        open_torchvision(path)
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"rcnn.pth cannot be loaded as a PyTorch state dict; download"):
        open_torchvision(path)


def test_torchvision_built_for_another_pytorch_is_told(monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    class Broken(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", Broken("torchvision.models"))
    with pytest.raises(InputError, match=r"torchvision does not fit PyTorch .+ \(operator .+\); install both from the"):
        open_torchvision(weights)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed; it is in the extra torchvision")
def test_torchvision_itself_takes_and_gives_what_is_expected(tmp_path: Path) -> None:
    from torchvision.models import detection

    network = detection.keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    torch.save(network.state_dict(), tmp_path / "random.pth")
    picture = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    found = next(open_torchvision(tmp_path / "random.pth", score=0.0, people=3).detect([picture]))
    assert found.xy.shape == (len(found.boxes), 17, 2)
    assert (found.xy[np.isfinite(found.xy)] >= -0.5).all()
