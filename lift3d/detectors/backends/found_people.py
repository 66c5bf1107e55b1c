"""Putting together what a detector of others found, with lift3d's word for a missing joint."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..crops import boxes_around
from ..detection import Boxes, Detection


def found_people(xy: ArrayLike, confidence: ArrayLike, *, boxes: Boxes | None = None) -> Detection:
    """A detection with NaN and confidence 0 where the detector gave no joint.

    Args:
        xy: [P, J, 2] pixels.
        confidence: [P, J]; clipped to 0..1.
        boxes: P boxes; None: around the joints, scored by their mean confidence.
    """
    xy = np.array(xy, np.float64)
    confidence = np.clip(np.nan_to_num(np.asarray(confidence, np.float64)), 0.0, 1.0)
    seen = (confidence > 0) & np.isfinite(xy).all(-1)
    xy[~seen] = np.nan
    confidence = np.where(seen, confidence, 0.0)
    if boxes is None:
        boxes = Boxes(boxes_around(xy, seen), confidence.mean(-1) if confidence.size else np.zeros(len(xy)))
    return Detection(xy, confidence, boxes)
