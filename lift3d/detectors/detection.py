"""What every detector gives, and what every detector is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets.skeleton import Skeleton

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Boxes:
    """People's boxes in one picture.

    Args:
        xywh: [P, 4] left, top, width, height, pixels; pixel (0, 0) is the centre of the top-left pixel.
        score: [P] in 0..1.
    """

    xywh: Array
    score: Array

    @classmethod
    def none(cls) -> Boxes:
        """Nobody."""
        return cls(np.zeros((0, 4)), np.zeros(0))

    def __len__(self) -> int:
        return len(self.xywh)


@dataclass(frozen=True, eq=False)
class Detection:
    """The people found in one picture.

    Args:
        xy: [P, J, 2] pixels of the picture, NaN where a joint was not found.
        confidence: [P, J] in 0..1, 0 where a joint was not found.
        boxes: P boxes, in the same order.
    """

    xy: Array
    confidence: Array
    boxes: Boxes

    @classmethod
    def none(cls, joints: int) -> Detection:
        """Nobody."""
        return cls(np.zeros((0, joints, 2)), np.zeros((0, joints)), Boxes.none())


class PersonDetector(Protocol):
    """Finds people's boxes."""

    def __call__(self, pictures: list[Picture]) -> list[Boxes]:
        """The boxes in each picture.

        Args:
            pictures: B times [H, W, 3] BGR.
        """
        ...


class KeypointDetector(Protocol):
    """Finds the joints of people whose boxes are known."""

    skeleton: Skeleton

    def __call__(self, pictures: list[Picture], boxes: list[Boxes]) -> list[Detection]:
        """The joints of each box, in the order of the boxes.

        Args:
            pictures: B times [H, W, 3] BGR.
            boxes: B times P boxes.
        """
        ...


class Detector(Protocol):
    """Finds people and their joints in pictures that follow one another: the whole stage.

    ``name`` and ``settings`` go into the file that is written, so that a result tells how it was made.
    """

    name: str
    skeleton: Skeleton

    def detect(self, pictures: Iterable[Picture | None], *, in_sequence: bool = True) -> Iterator[Detection]:
        """One detection a picture, in order; batches are made inside.

        Args:
            pictures: [H, W, 3] BGR; None stands for one that could not be read, and gives nobody.
            in_sequence: they are frames of one fixed camera's video, so that boxes may be followed; otherwise each
                stands for itself.
        """
        ...
