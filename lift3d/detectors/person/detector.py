"""The person detector as others use it: pictures of any size in, boxes out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lift3d.calib import InputError
from lift3d.checkpoint import load_checkpoint
from lift3d.detectors.crops import cut
from lift3d.detectors.detection import Array, Boxes, Picture

from .network import MULTIPLE, PersonMaps, build_person_network
from .targets import boxes_from_maps

KIND = "person"
SHIPPED = "person_light.pt"
LONGEST = 320
"""Pixels of the longer side of what the network sees."""


@dataclass(eq=False)
class PersonNetwork:
    """Finds people with the project's own network.

    Args:
        network: in evaluation mode.
        description: of the checkpoint.
        device: where it runs.
        least: score below which a box is not told.
        longest: pixels of the longer side of what the network sees; half of it is faster, twice finds smaller people.
        batch: pictures at a time.
        smallest: pixels, of what the network sees, of the longer side of a box below which it is nobody: training
            showed nobody below 32.
    """

    network: PersonMaps
    description: dict[str, Any]
    device: str = "cpu"
    least: float = 0.15
    longest: int = LONGEST
    batch: int = 8
    smallest: float = 30.0

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, device: str = "cpu") -> PersonNetwork:
        """Read a checkpoint of ``lift3d train people``, or the one that ships.

        Raises:
            FileNotFoundError: there is none.
            InputError: it is no person detector, or of an architecture that this lift3d does not know.
        """
        path = Path(__file__).parents[2] / "weights" / SHIPPED if path is None else Path(path)
        checkpoint = load_checkpoint(path, KIND, device=device)
        try:
            network = build_person_network(checkpoint.description["arch"], checkpoint.description["sizes"])
            network.load_state_dict(checkpoint.state)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        except (RuntimeError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} does not fit the network it names ({checkpoint.description.get('arch')}); train it again"
            ) from error
        network.float().eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(network, checkpoint.description, device)

    def __call__(self, pictures: list[Picture]) -> list[Boxes]:
        """The people in each picture, surest first; boxes end at the picture's edge.

        Args:
            pictures: B times [H, W, 3] BGR; pictures of one size are looked at together.
        """
        out: list[Boxes] = [Boxes.none()] * len(pictures)
        sizes = [picture.shape[1::-1] for picture in pictures]
        for size in sorted(set(sizes)):
            rows = [row for row, other in enumerate(sizes) if other == size]
            for start in range(0, len(rows), self.batch):
                part = rows[start : start + self.batch]
                for row, boxes in zip(part, self._find([pictures[row] for row in part], size), strict=True):
                    out[row] = boxes
        return out

    @torch.inference_mode()
    def _find(self, pictures: list[Picture], size: tuple[int, int]) -> list[Boxes]:
        """The people in pictures of one size."""
        transform, frame = letterbox(size, self.longest)
        seen = np.stack([cut(picture, transform, frame) for picture in pictures])
        batch = torch.from_numpy(seen).to(self.device).permute(0, 3, 1, 2).float()  # channels last as it is
        found = boxes_from_maps(self.network(batch), least=self.least)
        return [_in_picture(_large(boxes, self.smallest), transform, size) for boxes in found]


def letterbox(size: tuple[int, int], longest: int) -> tuple[Array, tuple[int, int]]:
    """How a picture is made to fit the network.

    Args:
        size: (width, height) of the picture.
        longest: pixels of the longer side.

    Returns:
        [2, 3] the map from picture to frame; (width, height) of the frame, grey at its right and lower end.
    """
    scale = longest / max(size)
    frame = tuple(max(1, int(np.ceil(side * scale / MULTIPLE - 1e-6))) * MULTIPLE for side in size)
    shift = 0.5 * scale - 0.5
    return np.array([[scale, 0, shift], [0, scale, shift]]), (frame[0], frame[1])


def _large(boxes: Boxes, smallest: float) -> Boxes:
    """Boxes whose longer side is not below that."""
    kept = boxes.xywh[:, 2:].max(1) >= smallest
    return Boxes(boxes.xywh[kept], boxes.score[kept])


def _in_picture(boxes: Boxes, transform: Array, size: tuple[int, int]) -> Boxes:
    """Boxes of the frame in the picture's pixels; what is outside of it is cut off."""
    scale, shift = transform[0, 0], transform[:, 2]
    low = np.maximum((boxes.xywh[:, :2] - shift) / scale, -0.5)
    end = np.minimum((boxes.xywh[:, :2] + boxes.xywh[:, 2:] - shift) / scale, np.array(size) - 0.5)
    kept = (end - low > 1).all(1)
    return Boxes(np.concatenate([low, end - low], axis=1)[kept], boxes.score[kept])
