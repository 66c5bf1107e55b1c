"""One person detected as two: upper and lower half, or trunk and an arm, put together again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Rig
from lift3d.datasets import Keypoints

from .association import Association, fit_votes
from .people_search import MIN_VOTE
from .triangulation import triangulate


def join_fragments(keypoints: Keypoints, association: Association, rig: Rig) -> Keypoints:
    """The detections of each person, completed from other detections in the same view that are parts of the person.

    A part is a detection that nobody was given, and whose own joints lie where the other views say that the person's
    are. Only joints that the person's detection lacks are taken from it.

    Args:
        keypoints: all detections.
        association: who is who.
        rig: the cameras, in the views' order.

    Returns:
        Keypoints with the people of the association, [T, V, P, J].
    """
    person = association.gather(keypoints)
    present: NDArray[np.bool_] = np.any(keypoints.confidence > 0, axis=-1)  # [T, V, P]
    lacking = (association.index >= 0)[..., None] & ~(person.confidence > 0)
    frames = np.flatnonzero(lacking.any((1, 2, 3)) & (present.sum(2) > 1).any(1))
    if not len(frames):
        return person
    xyz = triangulate(person.xy[frames], rig, person.confidence[frames]).xyz  # [F, P, J, 3]
    xy, confidence = person.xy.copy(), person.confidence.copy()
    for v, camera in enumerate(rig):
        for candidate in range(present.shape[2]):
            part, weight = keypoints.xy[frames, v, candidate], keypoints.confidence[frames, v, candidate]
            free = present[frames, v, candidate] & (association.index[frames, v] != candidate).all(-1)
            ideal = camera.undistort(part)
            for p in range(xyz.shape[1]):
                votes = fit_votes(xyz[:, p], camera, ideal, (weight > 0) & np.isfinite(ideal).all(-1))
                fits = free & (association.index[frames, v, p] >= 0) & (votes > MIN_VOTE)
                take = fits[:, None] & ~(confidence[frames, v, p] > 0) & (weight > 0)
                f, j = np.nonzero(take)
                xy[frames[f], v, p, j], confidence[frames[f], v, p, j] = part[f, j], weight[f, j]
    return replace(person, xy=xy, confidence=confidence)
