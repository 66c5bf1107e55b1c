"""People of one camera in a stable order: who is in a place stays there, and a place that is free is taken again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .detection import Array, Detection
from .person.boxes import match

SAME = 0.2
"""Overlap (intersection over union) from which two boxes of neighbouring frames are one person's."""

KEPT = 1.5
"""How much more a person counts who was there before, where there are more people than places."""


@dataclass(frozen=True, eq=False)
class People:
    """What T pictures of one camera hold.

    Args:
        xy: [T, P, J, 2] pixels, NaN where missing.
        confidence: [T, P, J]
        boxes: [T, P, 4] left, top, width, height; NaN where there is nobody.
    """

    xy: Array
    confidence: Array
    boxes: Array


def in_places(found: Sequence[Detection], joints: int, *, most: int | None = None, patience: int = 0) -> People:
    """Give everybody a place that is kept from picture to picture.

    Args:
        found: T detections.
        joints: J.
        most: places; the people who are surest and largest get them. None: as many as are needed.
        patience: pictures for which a place is kept for somebody not seen; 0: the pictures stand for themselves, and
            the surest and largest comes first.
    """
    places = _Places(most, patience)
    rows = [places.take(number, one) for number, one in enumerate(found)]
    count = max(1, *(1 + max(row, default=-1) for row in rows)) if rows else 1
    xy = np.full((len(found), count, joints, 2), np.nan)
    confidence, boxes = np.zeros((len(found), count, joints)), np.full((len(found), count, 4), np.nan)
    for t, (one, row) in enumerate(zip(found, rows, strict=True)):
        for person, place in enumerate(row):
            if place >= 0:
                xy[t, place], confidence[t, place] = one.xy[person], one.confidence[person]
                boxes[t, place] = one.boxes.xywh[person]
    return People(xy, confidence, boxes)


class _Places:
    """Who was seen where last."""

    def __init__(self, most: int | None, patience: int) -> None:
        self.most, self.patience = most, patience
        self.boxes: list[Array] = []
        self.last: list[int] = []

    def take(self, number: int, found: Detection) -> list[int]:
        """The place of each person in a picture, -1 for nobody's."""
        if not len(found.boxes):
            return []
        boxes = _body_boxes(found)
        kept = [place for place, last in enumerate(self.last) if number - last <= self.patience]
        before = np.array([self.boxes[place] for place in kept]).reshape(-1, 4)
        owner = match(before, boxes, SAME)
        weight = found.confidence.mean(1) * np.sqrt(np.maximum(boxes[:, 2] * boxes[:, 3], 0))
        order = np.argsort(-np.where(owner >= 0, KEPT, 1.0) * weight, kind="stable")[: self.most]
        taken = [-1] * len(boxes)
        for person in order[owner[order] >= 0]:
            taken[person] = kept[owner[person]]
        for person in order[owner[order] < 0]:
            taken[person] = self._free(number, set(taken))
            if taken[person] == len(self.boxes):
                self.boxes.append(boxes[person])
                self.last.append(number)
        for person, place in enumerate(taken):
            if place >= 0:
                self.boxes[place], self.last[place] = boxes[person], number
        return taken

    def _free(self, number: int, taken: set[int]) -> int:
        """The first place that nobody has; where all are kept and there may be no more, the one left longest ago."""
        free = [place for place in range(len(self.last)) if place not in taken]
        for place in free:
            if number - self.last[place] > self.patience:
                return place
        if self.most is not None and len(self.last) >= self.most:
            return min(free, key=lambda place: self.last[place])
        return len(self.last)


def _body_boxes(found: Detection) -> Array:
    """[P, 4] what was looked at, which is steadier than the joints; nothing's size where nobody is."""
    return np.nan_to_num(found.boxes.xywh)
