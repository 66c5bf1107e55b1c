"""torchvision's Keypoint R-CNN (ResNet-50, FPN): boxes and COCO's 17 joints in one pass, from a local weights file.

Convention:
    torchvision measures from the picture's left and top edges (its boxes end at the width, and a keypoint lies half a
    heatmap cell inside its cell); lift3d counts from the centre of the first pixel, half a pixel less.

Source: He et al., Mask R-CNN, ICCV 2017.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.calib import InputError
from lift3d.datasets.skeleton import SKELETONS

from ..detection import Boxes, Detection, Detector, Picture
from .found_people import found_people
from .model_file import model_file

HALF_SURE = 2.0
"""Of a keypoint's score, which is the peak of its logits: below 2 Detectron does not draw a joint."""


class KeypointRcnn:
    """Keypoint R-CNN as a detector.

    Args:
        weights: a state dict of ``keypointrcnn_resnet50_fpn``; None: where torchvision itself keeps its download.
        score: the least score of a person, 0..1.
        people: at most so many a picture, the surest first; None: all.
        device: cpu, cuda or cuda:1.
        download: let torchvision download its COCO weights if they are not there.

    Raises:
        FileNotFoundError: there are no weights.
        InputError: the file holds something else, or torchvision was built for another PyTorch.
    """

    name = "torchvision"
    skeleton = SKELETONS["coco_17"]

    def __init__(
        self,
        weights: str | os.PathLike[str] | None = None,
        *,
        score: float = 0.5,
        people: int | None = None,
        device: str = "cpu",
        download: bool = False,
    ) -> None:
        detection = _detection_models()
        official = detection.KeypointRCNN_ResNet50_FPN_Weights.COCO_V1
        path, state = _state(weights, official, download)
        network = detection.keypointrcnn_resnet50_fpn(
            weights=None, weights_backbone=None, num_classes=2, num_keypoints=len(self.skeleton)
        )
        try:
            network.load_state_dict(state)
        except (RuntimeError, TypeError, AttributeError) as error:
            raise InputError(f"{path} holds other weights than keypointrcnn_resnet50_fpn's; give those") from error
        self.network = network.to(device).eval()
        self.weights, self.score, self.people, self.device = path.name, score, people, device

    @property
    def settings(self) -> dict[str, Any]:
        """What went into a result."""
        return {"weights": self.weights, "score": self.score, "people": self.people}

    def detect(self, pictures: Iterable[Picture | None], *, in_sequence: bool = True) -> Iterator[Detection]:
        """One detection a picture, in order; each picture stands for itself."""
        for picture in pictures:
            yield Detection.none(len(self.skeleton)) if picture is None else self._one(picture)

    def _one(self, picture: Picture) -> Detection:
        """The people in one picture."""
        import torch

        rgb = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1]).transpose(2, 0, 1)).to(self.device)
        with torch.no_grad():
            answer = {key: value.cpu().numpy() for key, value in self.network([rgb.float() / 255])[0].items()}
        keep = np.flatnonzero(answer["scores"] >= self.score)[: self.people]  # they come sorted
        low, high = answer["boxes"][keep, :2].astype(np.float64), answer["boxes"][keep, 2:].astype(np.float64)
        boxes = Boxes(np.concatenate([low - 0.5, high - low], axis=1), answer["scores"][keep].astype(np.float64))
        sure = 1 / (1 + np.exp(HALF_SURE - answer["keypoints_scores"][keep].astype(np.float64)))
        return found_people(answer["keypoints"][keep, :, :2].astype(np.float64) - 0.5, sure, boxes=boxes)


def _detection_models() -> Any:
    """Of torchvision, the part with Keypoint R-CNN."""
    try:
        from torchvision.models import detection
    except RuntimeError as error:  # "operator torchvision::nms does not exist"
        import torch

        raise InputError(
            f"torchvision does not fit PyTorch {torch.__version__} ({error}); install both from the same index"
        ) from error
    return detection


def _state(weights: str | os.PathLike[str] | None, official: Any, download: bool) -> tuple[Path, dict[str, Any]]:
    """The path and the state dict of the weights, downloaded if that was asked for."""
    import torch

    stored = Path(torch.hub.get_dir()) / "checkpoints" / official.url.rpartition("/")[2]
    if weights is None and download and not stored.is_file():
        try:
            return stored, official.get_state_dict(progress=True)
        except OSError as error:
            raise InputError(
                f"{official.url} cannot be downloaded ({error}); fetch it elsewhere to {stored}"
            ) from error
    advice = f"download {official.url} and give its path, or ask for the download (--download)"
    path = model_file(weights or stored, "weights of torchvision's Keypoint R-CNN", advice)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what unpickling refuses has a class of its own in the pickle module
        raise InputError(f"{path} cannot be loaded as a PyTorch state dict; {advice}") from error
    return path, state


def open_torchvision(
    weights: str | os.PathLike[str] | None = None,
    *,
    score: float = 0.5,
    people: int | None = None,
    device: str = "cpu",
    download: bool = False,
) -> Detector:
    """Keypoint R-CNN; arguments as of :class:`KeypointRcnn`."""
    return KeypointRcnn(weights, score=score, people=people, device=device, download=download)
