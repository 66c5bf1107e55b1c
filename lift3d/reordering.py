"""Which keypoints belong to which camera, when the given order is wrong altogether."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from lift3d.calib import Rig
from lift3d.datasets import Keypoints

from .association import associate, fit_votes, main_joints
from .point_solver import Array
from .triangulation import triangulate

SEED_FRAMES = 12
FINALISTS = 6


def find_order(keypoints: Keypoints, rig: Rig) -> list[int] | None:
    """The assignment of keypoints to cameras under which most views agree.

    Two cameras are given every two sets of keypoints in turn; the person that they triangulate is offered to all
    other cameras and sets, and the best assignment of the rest is a linear one. The cost is V³ seeds' votes of V²,
    over a dozen frames.

    Args:
        keypoints: detections of a few frames.
        rig: the cameras.

    Returns:
        For each camera the position of its keypoints, None where no seed gives a person.
    """
    V = len(rig)
    pick = np.linspace(0, len(keypoints.xy) - 1, min(SEED_FRAMES, len(keypoints.xy))).astype(int)
    xy, confidence = keypoints.xy[pick], keypoints.confidence[pick]
    # What each set of keypoints would mean to each camera, undistorted once.
    ideal = np.stack([np.stack([camera.undistort(xy[:, a]) for a in range(V)]) for camera in rig])  # [V, V, F, P, J, 2]
    angles = np.abs([np.linalg.norm(np.cross(rig.cameras[0].R[2], camera.R[2])) for camera in rig])
    partners = np.argsort(-angles)[: min(2, V - 1)]
    finalists: list[tuple[float, list[int]]] = []
    for j in map(int, partners):
        if j == 0:
            continue
        for a in range(V):
            for b in range(V):
                if a != b:
                    result = _grow(keypoints, pick, rig, (0, j), (a, b), ideal, confidence)
                    if result is not None:
                        finalists.append(result)
    finalists.sort(key=lambda item: -item[0])
    orders = list(dict.fromkeys(tuple(order) for _, order in finalists))[:FINALISTS]
    scores = [associate(_given(keypoints, list(order)), rig).support.mean() for order in orders]
    return list(orders[int(np.argmax(scores))]) if scores else None


def _given(keypoints: Keypoints, order: list[int]) -> Keypoints:
    """Keypoints handed to the cameras in another order."""
    return Keypoints(
        keypoints.xy[:, order],
        keypoints.confidence[:, order],
        keypoints.cameras,
        keypoints.skeleton,
        keypoints.fps,
        keypoints.frames,
    )


def _grow(
    keypoints: Keypoints,
    pick: NDArray[np.intp],
    rig: Rig,
    cameras: tuple[int, int],
    sets: tuple[int, int],
    ideal: Array,
    confidence: Array,
) -> tuple[float, list[int]] | None:
    """Seed with two cameras and two sets, assign the rest by their votes: (votes, order)."""
    pair = Rig(tuple(rig.cameras[k] for k in cameras))
    some = keypoints.select_frames(pick)
    seed = Keypoints(
        some.xy[:, list(sets)], some.confidence[:, list(sets)], pair.names, some.skeleton, some.fps, some.frames
    )
    chosen = associate(seed, pair)
    if (chosen.support > 0).mean() < 0.5:
        return None
    joints = main_joints(keypoints)
    two = chosen.gather(seed)
    X = triangulate(two.xy[..., joints, :], pair, two.confidence[..., joints]).xyz[:, 0]
    V = len(rig)
    votes = np.zeros((V, V))
    for k, camera in enumerate(rig):
        for a in range(V):
            views = ideal[k, a][:, :, joints]  # [F, P, J, 2]
            seen = np.isfinite(views).all(-1) & (confidence[:, a][..., joints] > 0)
            best = [fit_votes(X, camera, views[:, p], seen[:, p]) for p in range(views.shape[1])]
            votes[k, a] = np.max(best, axis=0).mean()
    forced = votes.copy()
    for k, a in zip(cameras, sets, strict=True):
        forced[k, a] += V  # the seed stands
    rows, columns = linear_sum_assignment(-forced)
    return float(votes[rows, columns].sum()), [int(a) for a in columns]
