"""Boxes against boxes: how much they overlap, which are the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.detectors.detection import Array, Boxes


def overlap(first: Array, second: Array) -> Array:
    """Intersection over union of boxes [N, 4] and [M, 4], [N, M]."""
    shared = shared_area(first, second)
    area = np.prod(first[:, 2:], axis=1)[:, None] + np.prod(second[:, 2:], axis=1)[None] - shared
    return np.asarray(shared / np.maximum(area, 1e-9))


def shared_area(first: Array, second: Array) -> Array:
    """Area of the intersections of boxes [N, 4] and [M, 4], [N, M] square pixels."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    return np.asarray(np.prod(np.maximum(high - low, 0), axis=-1))


def covered(box: Array, others: Array, part: float) -> bool:
    """Whether so much of a box [4] lies inside of one of the others [N, 4]."""
    return bool((shared_area(box[None], others) >= part * np.prod(box[2:])).any())


def match(followed: Array, detected: Array, least: float) -> NDArray[np.intp]:
    """Which of the followed boxes each detection is: the pairs of largest overlap first.

    Args:
        followed: [N, 4]
        detected: [M, 4]
        least: overlap below which two boxes are not one person.

    Returns:
        [M] rows of ``followed``, -1 for someone else.
    """
    owner = np.full(len(detected), -1, np.intp)
    shared = overlap(followed, detected)
    while shared.size and shared.max() >= least:
        one, other = np.unravel_index(shared.argmax(), shared.shape)
        owner[other] = one
        shared[one], shared[:, other] = 0.0, 0.0
    return owner


def suppressed(boxes: Boxes, same: float = 0.55) -> Boxes:
    """The best of boxes that overlap more than ``same``, best first."""
    order = np.argsort(-boxes.score, kind="stable")
    shared = overlap(boxes.xywh, boxes.xywh)
    kept: list[int] = []
    for row in order:
        if not (shared[row, kept] > same).any():
            kept.append(int(row))
    return Boxes(boxes.xywh[kept], boxes.score[kept])
