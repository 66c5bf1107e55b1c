"""Pictures of an evaluation: the best and the worst people, and the reliability curve."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.calib.atomic_file import atomic_file
from lift3d.datasets.people_images import PeopleImages
from lift3d.datasets.picture_file import read_picture

from .crops import apply, crop_transform, cut
from .detection import Array
from .scoring import KeypointEvaluation

TILE = (180, 240)  # width, height, pixels
COLUMNS = 8
BEST, WORST = 16, 24
LEAST_LABELS = 8  # joints: a person with three right ones is not the best
CAP = 1.0  # torso diagonals; beyond it an error is just wrong


def person_errors(errors: Array) -> Array:
    """Mean error [N] in torso diagonals, each joint's capped at one; NaN for who has too few labels.

    Args:
        errors: [N, J] NaN where not labelled, infinite where not found.
    """
    labelled = ~np.isnan(errors)
    total = np.where(labelled, np.minimum(errors, CAP), 0.0).sum(1)
    count = labelled.sum(1)
    return np.where(count >= LEAST_LABELS, total / np.maximum(count, 1), np.nan)


def best_and_worst(errors: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the people with the least and the greatest mean error; nobody is in both."""
    mean = person_errors(errors)
    order = np.argsort(mean)[: int(np.isfinite(mean).sum())]
    best = order[: min(BEST, len(order) // 2)]
    return best, order[len(best) :][::-1][:WORST]


def write_sheet(
    evaluation: KeypointEvaluation, people: PeopleImages, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write a PNG of the best and worst people, the joints that were found over the true ones.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
    """
    import cv2

    from lift3d.viz.people_sheet import Tile, draw_people_sheet

    def tile(row: int) -> Tile:
        transform = crop_transform(people.boxes[row], TILE)
        found, true = (apply(transform, xy[row]) for xy in (evaluation.predicted, people.xy))
        picture = cut(read_picture(people.paths[row]), transform, TILE)
        return Tile(picture, found, true, f"{people.ids[row]}: {mean[row]:.2f}, OKS {evaluation.similarity[row]:.2f}")

    mean = person_errors(evaluation.errors)
    best, worst = best_and_worst(evaluation.errors)
    sections = [
        ("Best. Orange: found, left dark, right bright; white: the truth. Number: mean error in torso diagonals",
         [tile(row) for row in best]),
        ("Worst", [tile(row) for row in worst]),
    ]  # fmt: skip
    _, data = cv2.imencode(".png", draw_people_sheet(sections, people.skeleton, columns=COLUMNS))
    with atomic_file(Path(path), overwrite=overwrite) as temporary:
        temporary.write_bytes(data.tobytes())
    return Path(path)


def write_reliability(
    evaluation: KeypointEvaluation, path: str | os.PathLike[str], *, name: str, overwrite: bool = False
) -> Path:
    """Write the reliability curve as SVG.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
    """
    from lift3d.viz.reliability_chart import draw_reliability

    curve = evaluation.reliability
    text = draw_reliability(
        curve.confidence,
        curve.share,
        curve.count,
        title=f"{name}: expected calibration error {curve.expected_error:.3f}",
        event=f"within {evaluation.radius:g} torso diagonals",
    )
    with atomic_file(Path(path), overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)
