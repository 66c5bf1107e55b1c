"""How good boxes are: average precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lift3d.detectors.detection import Array, Boxes

from .boxes import overlap, shared_area


@dataclass(frozen=True)
class BoxScore:
    """What was found.

    Args:
        average_precision: area under precision over recall, 0..1; the precision at a recall is the best at that recall
            or beyond it, as in PASCAL VOC from 2010 on.
        recall: part of the people found at the score ``at``.
        precision: part of the boxes at that score that are people.
        people: how many there are.
        at: the score.
    """

    average_precision: float
    recall: float
    precision: float
    people: int
    at: float


def score_boxes(
    found: Sequence[Boxes],
    wanted: Sequence[Array],
    ignored: Sequence[Array] | None = None,
    *,
    least: float = 0.5,
    at: float = 0.3,
) -> BoxScore:
    """Compare boxes with the truth, picture by picture.

    A person is found by the best box that overlaps most with it; a second box on it is wrong. Boxes that lie in an
    ignored region are neither right nor wrong.

    Args:
        found: B times the boxes, with scores.
        wanted: B times [P, 4] left, top, width, height.
        ignored: B times [Q, 4].
        least: intersection over union from which a box is right.
        at: score at which recall and precision are told.
    """
    scores, right = [], []
    for number, (boxes, people) in enumerate(zip(found, wanted, strict=True)):
        hits, kept = _hits(boxes, people, np.zeros((0, 4)) if ignored is None else ignored[number], least)
        scores.append(boxes.score[kept])
        right.append(hits[kept])
    score, hit = np.concatenate([*scores, np.zeros(0)]), np.concatenate([*right, np.zeros(0, bool)])
    order = np.argsort(-score, kind="stable")
    score, hit = score[order], hit[order]
    people_count = sum(len(people) for people in wanted)
    recall = np.cumsum(hit) / max(people_count, 1)
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    last = int((score >= at).sum()) - 1
    return BoxScore(
        average_precision=float((np.diff(recall, prepend=0.0) * best).sum()),
        recall=float(recall[last]) if last >= 0 else 0.0,
        precision=float(precision[last]) if last >= 0 else float("nan"),
        people=people_count,
        at=at,
    )


def _hits(boxes: Boxes, people: Array, ignored: Array, least: float) -> tuple[Array, Array]:
    """Which boxes found a person, [P] bool, and which count at all."""
    hits, kept = np.zeros(len(boxes), bool), np.ones(len(boxes), bool)
    free = np.ones(len(people), bool)
    shared = overlap(boxes.xywh, people)
    for row in np.argsort(-boxes.score, kind="stable"):
        of_free = np.where(free, shared[row], 0.0)
        if of_free.size and of_free.max() >= least:
            free[of_free.argmax()] = False
            hits[row] = True
    if len(ignored):
        inside = shared_area(boxes.xywh, ignored).max(1) >= 0.5 * np.prod(boxes.xywh[:, 2:], axis=1)
        kept = hits | ~inside
    return hits, kept
