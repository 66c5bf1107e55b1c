"""A trained keypoint network at work: crops of boxes in, joints with a confidence that means something out."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lift3d.calib import InputError
from lift3d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lift3d.datasets.detections import mirror_joints
from lift3d.datasets.people_images import PeopleImages
from lift3d.datasets.picture_file import read_picture
from lift3d.datasets.skeleton import Skeleton, skeleton_of
from lift3d.heatmaps import DECODINGS, decode, mirror_maps, to_crop
from lift3d.keypoint_metrics import correct_keypoints, keypoint_errors, torso_diagonals

from .confidence import LEAST, RADIUS, ConfidenceTable
from .crops import apply, crop_transform, cut, invert
from .detection import Array, Boxes, Detection, Picture
from .networks import MULTIPLE, STRIDE, build_network
from .samples import face_joints, hidden_faces

logger = logging.getLogger(__name__)

KIND = "keypoints"
MEAN = (0.485, 0.456, 0.406)
SPREAD = (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, RGB in 0..1: what encoders trained on it expect."""

BATCH = 32

LARGER = MULTIPLE
"""A network errs otherwise where a person is larger, and the mean of both gains."""


@dataclass(frozen=True, eq=False)
class Joints:
    """Joints of N crops.

    Args:
        xy: [N, J, 2] pixels of the picture.
        peak: [N, J] height of the map's peak, 0..1.
    """

    xy: Array
    peak: Array


def resized(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """[B, C, H, W] at another (height, width), bilinear; the outer edges of the outer pixels stay where they are."""
    return nn.functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def as_input(pictures: Tensor) -> Tensor:
    """What a network takes, [B, 3, H, W], of pictures [B, H, W, 3] RGB 0..255."""
    mean, spread = (torch.tensor(values, device=pictures.device) for values in (MEAN, SPREAD))
    return ((pictures.float() / 255 - mean) / spread).permute(0, 3, 1, 2)  # channels last in memory


class KeypointNetwork:
    """A KeypointDetector (see :mod:`lift3d.detectors.detection`) of our own networks."""

    def __init__(
        self,
        network: nn.Module,
        description: dict[str, Any],
        *,
        device: str = "cpu",
        decoding: str = "dark",
        flip: bool = False,
    ) -> None:
        """A network with its checkpoint's description.

        Args:
            network: gives logits.
            description: of the checkpoint.
            device: where it computes.
            decoding: one of :data:`lift3d.heatmaps.DECODINGS`.
            flip: look at the mirror image too, and at both with :data:`LARGER` pixels more a side: slower, better.

        Raises:
            InputError: there is no such decoding.
        """
        if decoding not in DECODINGS:
            raise InputError(f"decoding must be one of {', '.join(DECODINGS)}, got {decoding!r}")
        self.network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.skeleton: Skeleton = skeleton_of(tuple(description["joints"]), description["skeleton"])
        self.size: tuple[int, int] = (int(description["size"][0]), int(description["size"][1]))
        self.padding = float(description["padding"])
        self.device, self.decoding, self.flip = device, decoding, flip
        self.bf16 = device == "cpu" and has_bf16()
        table = description.get("confidence")
        self.confidence = None if table is None else ConfidenceTable.from_json(table)
        self.description = description

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, device: str = "cpu", decoding: str = "dark", flip: bool = False
    ) -> KeypointNetwork:
        """A checkpoint of ``lift3d train keypoints``, float32 or float16.

        Raises:
            FileNotFoundError: there is none.
            InputError: it is damaged, of another kind, or does not fit its own description.
        """
        checkpoint = load_checkpoint(path, KIND)
        return cls(build(checkpoint, path), checkpoint.description, device=device, decoding=decoding, flip=flip)

    def __call__(self, pictures: list[Picture], boxes: list[Boxes]) -> list[Detection]:
        """The joints of each box, in the order of the boxes."""
        owners = [i for i, own in enumerate(boxes) for _ in range(len(own))]
        crops = [
            cut(picture, transform, self.size)
            for picture, own in zip(pictures, boxes, strict=True)
            for transform in self._transforms(own.xywh)
        ]
        transforms = [transform for own in boxes for transform in self._transforms(own.xywh)]
        found = self._read(crops, transforms)
        sure = self._confidence(found.peak)
        owner = np.array(owners, np.intp)
        return [Detection(found.xy[owner == i], sure[owner == i], own) for i, own in enumerate(boxes)]

    def on_people(self, people: PeopleImages) -> Joints:
        """The joints of labelled people in their labelled boxes.

        Raises:
            InputError: a picture cannot be decoded.
        """
        parts = []
        for start in range(0, len(people), BATCH):
            rows = range(start, min(start + BATCH, len(people)))
            transforms = self._transforms(people.boxes[rows])
            crops = [
                cut(read_picture(people.paths[row]), transform, self.size)
                for row, transform in zip(rows, transforms, strict=True)
            ]
            parts.append(self._read(crops, transforms))
        return Joints(np.concatenate([part.xy for part in parts]), np.concatenate([part.peak for part in parts]))

    def _transforms(self, boxes: Array) -> list[Array]:
        """From picture to crop, one a box."""
        return [crop_transform(box, self.size, padding=self.padding) for box in boxes]

    def _confidence(self, peak: Array) -> Array:
        """The probability of being right where it was learnt, else the peak itself."""
        return peak if self.confidence is None else self.confidence(peak)

    def _read(self, crops: list[Picture], transforms: list[Array]) -> Joints:
        """Joints of crops, BGR, in pixels of their pictures."""
        xy, peak = np.zeros((len(crops), len(self.skeleton), 2)), np.zeros((len(crops), len(self.skeleton)))
        for start in range(0, len(crops), BATCH):
            stop = min(start + BATCH, len(crops))
            batch = torch.from_numpy(np.stack(crops[start:stop])[..., ::-1].copy())
            cells, height = self.maps_to_cells(as_input(batch.to(self.device)))
            xy[start:stop] = to_crop(cells, STRIDE).double().cpu().numpy()
            peak[start:stop] = height.double().cpu().numpy()
        back = [apply(invert(transform), points) for transform, points in zip(transforms, xy, strict=True)]
        return Joints(np.array(back).reshape(xy.shape), peak)

    @torch.inference_mode()
    def maps_to_cells(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Cells [B, J, 2] and peaks [B, J] of network input [B, 3, H, W]."""
        logits = self._maps(batch)
        if self.flip:
            size = (batch.shape[-2] + LARGER, batch.shape[-1] + LARGER)
            larger = self._maps(resized(batch, size).contiguous(memory_format=torch.channels_last))
            logits = (logits + resized(larger, tuple(logits.shape[-2:]))) / 2
        return decode(logits, self.decoding, pairs=self.skeleton.symmetric)

    def _maps(self, batch: Tensor) -> Tensor:
        """Logits [B, J, H / 4, W / 4] of [B, 3, H, W], with the flip test the mean of both."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            logits: Tensor = self.network(batch)
            if self.flip:
                logits = (logits + mirror_maps(self.network(batch.flip(-1)), mirror_joints(self.skeleton).tolist())) / 2
        return logits.float()


def has_bf16() -> bool:
    """Whether this CPU multiplies in bfloat16, which halves a network's time; elsewhere it would be slower."""
    told = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(told()) if told is not None else False


def build(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> nn.Module:
    """The network that a checkpoint describes, with its weights in float32.

    Raises:
        InputError: the weights do not fit the description.
    """
    told = checkpoint.description
    try:
        network = build_network(told["arch"], len(told["joints"]), **told["sizes"])
        state = {
            name: value.float() if value.dtype.is_floating_point else value for name, value in checkpoint.state.items()
        }
        network.load_state_dict(state)
    except (KeyError, RuntimeError, AttributeError) as error:
        raise InputError(
            f"{path} says it is a network {told.get('arch')!r}, but its weights do not fit "
            f"({str(error).splitlines()[0][:100]}); give a checkpoint of `lift3d train keypoints`"
        ) from error
    return network


def calibrate_confidence(path: str | os.PathLike[str], people: PeopleImages, *, device: str = "cpu") -> None:
    """Learn from people who trained nothing what the peaks mean, and write it into the checkpoint.

    With the flip test, as `lift3d detect` uses it: means of two maps have lower peaks than single ones. A network's
    labels count where nothing else tells of faces: those of noses and eyes that it saw, and that there is none where
    it called them hidden, as in :func:`lift3d.detectors.samples.hidden_faces`.

    Args:
        path: the checkpoint.
        people: held out of training.
        device: where to compute.
    """
    network = KeypointNetwork.load(path, device=device, flip=True)
    found = network.on_people(people)
    by_human = np.where(people.teacher[..., None], np.nan, people.xy)
    hidden = hidden_faces(people, np.arange(len(people)))
    seen_face = people.teacher & face_joints(people.skeleton) & ~hidden
    errors = keypoint_errors(found.xy, np.where(seen_face[..., None], people.xy, by_human))
    correct = correct_keypoints(errors, torso_diagonals(by_human, people.skeleton), RADIUS)
    seen: NDArray[np.bool_] = np.isfinite(correct) | hidden
    if seen.sum() < LEAST:
        logger.warning("%d keypoints of held-out people are too few to calibrate confidence (%d)", seen.sum(), LEAST)
        return
    table = ConfidenceTable.fit(found.peak, correct == 1, seen, skeleton=people.skeleton)
    checkpoint = load_checkpoint(path, KIND)
    described = {**checkpoint.description, "confidence": table.to_json()}
    save_checkpoint(Path(path), replace(checkpoint, description=described), overwrite=True)
