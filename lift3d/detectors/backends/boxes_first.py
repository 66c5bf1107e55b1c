"""A keypoint detector of others, put behind a person detector."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from ..detection import Detector, KeypointDetector, PersonDetector
from ..pipeline import TopDown, TopDownSettings

Person = PersonDetector | Literal["own"] | None
"""What finds boxes: a detector; "own": the one that comes with lift3d; None: nobody, boxes will be given."""

GPU_BATCH = 16


def boxes_first(
    keypoints: KeypointDetector, person: Person, *, name: str, told: dict[str, Any], device: str = "cpu"
) -> Detector:
    """The two as one detector.

    Args:
        keypoints: finds joints.
        person: finds boxes.
        name: what to call the whole.
        told: goes into the files that are written.
        device: of our own person detector, and deciding how large batches are.
    """
    if isinstance(person, str):
        from ..person.detector import PersonNetwork

        person = PersonNetwork.load(None, device=device)
    settings = TopDownSettings() if device == "cpu" else TopDownSettings(batch=GPU_BATCH)
    return TopDown(person, keypoints, name=name, told=told, settings=settings)


def fingerprint(path: Path) -> dict[str, str]:
    """Name and SHA-256 of a model, as results tell them."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {"weights": path.name, "weights_sha256": digest.hexdigest()}
