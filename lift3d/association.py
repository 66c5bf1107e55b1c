"""Whether the views agree on one person, and which detection in each view that is.

This is the question that a check of cameras against keypoints asks: of the one person whom most views agree on, in
frames that may lie far apart. Who everybody is through time, :mod:`lift3d.people` says, in the same
:class:`Association`.

A hypothesis is a pair of detections in two views, triangulated joint by joint; every other view names the detection
that fits it best, and how well. Its support is the number of views that agree, each counted between 0 and 1. One
hypothesis a frame is then chosen so that the sum of supports, less the jumps, is largest over the whole capture
(Viterbi). The cost is polynomial: at most V * PARTNERS view pairs, P² detections each, V * P votes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError, Rig
from lift3d.datasets import Keypoints
from lift3d.datasets.skeleton import SIDES

from .people_search import MIN_SUPPORT, MIN_VOTE
from .point_solver import Array, Observations, linear_points, reproject
from .view_matching import MIN_JOINTS, TOLERANCE, TOLERANCE_RANGE

IndexArray = NDArray[np.intp]
Progress = Callable[[str, int, int], None]

PARTNERS = 4
"""Views that each view is paired with; more make no difference once every view stands in several pairs."""

MAIN_JOINTS = (
    "nose",
    "neck",
    *(side + part for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in SIDES),
)
"""Joints that identify a person; toes and eyes add cost, not evidence."""

MIN_CONFIDENCE = 0.2
KEEP = 6
JUMP = 0.15
"""What a body's middle may move from one frame to the next, as a share of its extent: 25 cm."""

TOP_SPEED = 6.0
"""Body extents a second that nobody exceeds (10 m/s); counts where frames are so far apart that JUMP is too little."""

JUMP_COST = 25.0
"""Votes that it costs to go on with another person: six frames in which four views see only that one."""

BLOCK = 256


@dataclass(frozen=True, eq=False)
class Association:
    """Detections sorted by person.

    Args:
        index: [T, V, P] the detection of each person in each view, -1 where there is none.
        support: [T, P] how many views agree on the person, 0 where nobody was found.
        rival: [T] support of the best other person in the frame who shares no detection with the chosen one.
    """

    index: IndexArray
    support: Array
    rival: Array

    def gather(self, keypoints: Keypoints) -> Keypoints:
        """The detections of each person at the same p in every view."""
        index = np.maximum(self.index, 0)[..., None]
        missing = (self.index < 0)[..., None]
        return Keypoints(
            xy=np.where(missing[..., None], np.nan, np.take_along_axis(keypoints.xy, index[..., None], axis=2)),
            confidence=np.where(missing, 0.0, np.take_along_axis(keypoints.confidence, index, axis=2)),
            cameras=keypoints.cameras,
            skeleton=keypoints.skeleton,
            fps=keypoints.fps,
            frames=keypoints.frames,
        )


@dataclass(frozen=True, eq=False)
class _Hypotheses:
    """The best few of a frame, best first: detections [K, V], support [K], body [K, J, 3] m and extent [K] m."""

    detections: IndexArray
    support: Array
    body: Array
    extent: Array


def associate(keypoints: Keypoints, rig: Rig, *, progress: Progress | None = None) -> Association:
    """Find the one person whom the views agree on.

    Args:
        keypoints: detections of T frames, V views, up to P a view, in any order.
        rig: the V cameras, in the views' order.
        progress: called with (stage, frames done, frames in all).

    Raises:
        InputError: the views are not those of the rig.
    """
    if keypoints.cameras != rig.names:
        raise InputError(f"keypoints are of cameras {keypoints.cameras}, the rig has {rig.names}")
    T, V = keypoints.shape[:2]
    joints = main_joints(keypoints)
    frames: list[_Hypotheses | None] = []
    for start in range(0, T, BLOCK):
        block = slice(start, start + BLOCK)
        frames += _hypotheses(keypoints.xy[block][..., joints, :], keypoints.confidence[block][..., joints], rig)
        if progress:
            progress("finding the person", min(start + BLOCK, T), T)
    assert keypoints.frames is not None
    return _follow(frames, keypoints.frames, keypoints.fps, V)


def main_joints(keypoints: Keypoints) -> list[int]:
    """Positions of the joints that identify a person; all of them in a set that has few of these."""
    skeleton = keypoints.skeleton
    joints = [skeleton.index(name) for name in MAIN_JOINTS if name in skeleton.joints]
    return joints if len(joints) >= MIN_JOINTS else list(range(len(skeleton)))


def _hypotheses(xy: Array, confidence: Array, rig: Rig) -> list[_Hypotheses | None]:
    """The best hypotheses of each frame of a block, None for a frame without any."""
    T, J = len(confidence), confidence.shape[-1]
    ideal = np.moveaxis(rig.undistort(np.moveaxis(xy, 1, 0)), 0, 1)
    seen = np.isfinite(ideal).all(-1) & (confidence >= MIN_CONFIDENCE)
    ideal = np.where(seen[..., None], ideal, 0.0)
    present = seen.sum(-1) >= min(MIN_JOINTS, J)
    rows: list[tuple[IndexArray, IndexArray, Array, Array, Array]] = []
    for i, j in view_pairs(rig):
        t, a, b = np.nonzero(present[:, i, :, None] & present[:, j, None, :])
        if len(t):
            rows.append(_score(ideal, seen, rig, (i, j), (t, a, b)))
    out: list[_Hypotheses | None] = [None] * T
    if not rows:
        return out
    t, detections, support, body, extent = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.lexsort((-support, t))
    starts = np.searchsorted(t[order], np.arange(T + 1))
    for frame in range(T):
        mine = order[starts[frame] : starts[frame + 1]]
        mine = mine[support[mine] >= MIN_SUPPORT]
        if len(mine):
            _, first = np.unique(detections[mine], axis=0, return_index=True)
            best = mine[np.sort(first)[:KEEP]]
            out[frame] = _Hypotheses(detections[best], support[best], body[best], extent[best])
    return out


def view_pairs(rig: Rig) -> list[tuple[int, int]]:
    """Each view with those whose viewing directions differ most usefully from its own."""
    axes = np.array([camera.R[2] for camera in rig])
    usefulness = np.linalg.norm(np.cross(axes[:, None], axes[None]), axis=-1)
    usefulness += 1e-3 * np.linalg.norm(rig.centers[:, None] - rig.centers[None], axis=-1)
    np.fill_diagonal(usefulness, -np.inf)
    best = np.argsort(-usefulness, axis=1)[:, : min(PARTNERS, len(rig) - 1)]
    return sorted({(min(i, int(j)), max(i, int(j))) for i in range(len(rig)) for j in best[i]})


def _score(
    ideal: Array,
    seen: NDArray[np.bool_],
    rig: Rig,
    pair: tuple[int, int],
    who: tuple[IndexArray, IndexArray, IndexArray],
) -> tuple[IndexArray, IndexArray, Array, Array, Array]:
    """Triangulate detection a of view i with b of view j and let all views vote.

    Returns frame [H], detections [H, V], support [H], body [H, J, 3], extent [H].
    """
    (i, j), (t, a, b) = pair, who
    both = seen[t, i, a] & seen[t, j, b]  # [H, J]
    J = both.shape[1]
    X = _triangulate_pair(ideal[t, i, a], ideal[t, j, b], both, rig, pair)  # [H, J, 3]
    votes = np.zeros((len(t), len(rig)))
    detections = np.full((len(t), len(rig)), -1)
    for v, camera in enumerate(rig):
        candidates = [a if v == i else b] if v in pair else range(ideal.shape[2])
        for p in candidates:
            vote = fit_votes(X, camera, ideal[t, v, p], seen[t, v, p])
            better = vote > votes[:, v]
            votes[better, v] = vote[better]
            detections[better, v] = p[better] if isinstance(p, np.ndarray) else p
    agree = votes > MIN_VOTE
    detections[~agree] = -1
    known = np.isfinite(X).all(-1).sum(1)
    support = np.where(agree, votes, 0.0).sum(1) * (known >= min(3, J))
    return t, detections, support, X, _extent(X)


def fit_votes(X: Array, camera: Camera, ideal: Array, seen: NDArray[np.bool_]) -> Array:
    """How well detections fit bodies in one view: 1 = every joint in place, 0 = none within three tolerances.

    Args:
        X: [H, J, 3] metres, NaN where unknown.
        camera: the view.
        ideal: [H, J, 2] a detection for each body, on z = 1.
        seen: [H, J] which of its joints count.

    Returns:
        [H].
    """
    valid = np.isfinite(X).all(-1)
    x_cam = X @ camera.R.T + camera.t
    depth = np.where(x_cam[..., 2] > 0, x_cam[..., 2], np.nan)
    image = x_cam[..., :2] / depth[..., None]
    tolerance = _tolerance(image, camera.size, float(camera.focal.mean()))
    error = ((image - ideal) ** 2).sum(-1) / (3 * tolerance[:, None]) ** 2
    counts = seen & valid
    gain = np.where(counts & np.isfinite(error), 1 - np.minimum(error, 1), 0.0).sum(-1)
    # A detection with few joints, or of few that the body has, must not win by their fitting well.
    wanted = np.maximum(np.maximum(counts.sum(-1), valid.sum(-1) // 2), min(MIN_JOINTS, X.shape[1]))
    return np.asarray(gain / wanted)


def _triangulate_pair(xy_i: Array, xy_j: Array, both: NDArray[np.bool_], rig: Rig, pair: tuple[int, int]) -> Array:
    """[H, J, 3]; NaN where not seen by both, or behind one of them."""
    views = [rig.cameras[k] for k in pair]
    info = np.zeros((3, 2, both.size))
    info[0] = info[2] = both.ravel()
    obs = Observations(
        np.array([camera.R for camera in views]),
        np.array([camera.t for camera in views]),
        np.stack([xy_i.reshape(-1, 2).T, xy_j.reshape(-1, 2).T], axis=1),
        info,
    )
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        X = linear_points(obs)
        X = np.where(reproject(obs, X).in_front.all(0), X, np.nan)
    return X.T.reshape(*both.shape, 3)


def _tolerance(image: Array, size: tuple[int, int], focal: float) -> Array:
    """[H] on z = 1: how far a joint may be off in a view, from the person's extent there."""
    low, high = (share * max(size) / focal for share in TOLERANCE_RANGE)
    finite = np.isfinite(image)
    spread = np.where(finite, image, -np.inf).max(1) - np.where(finite, image, np.inf).min(1)
    extent = np.linalg.norm(np.where(np.isfinite(spread), spread, 0.0), axis=-1)
    return np.clip(TOLERANCE * extent, low, high)


def _extent(X: Array) -> Array:
    """[H] metres, how large a body is, unmoved by a wild joint."""
    filled = np.ma.masked_invalid(X)
    middle = np.ma.median(filled, axis=1, keepdims=True)
    return np.asarray(2.5 * np.ma.median(np.sqrt(((filled - middle) ** 2).sum(-1)), axis=1).filled(np.nan))


@dataclass(frozen=True, eq=False)
class _Chains:
    """The best chain of hypotheses that ends in each of K states of a frame.

    A state is a hypothesis of this frame, or one of an earlier frame that is waited for: whoever is hidden for a while
    is found again, and nobody else takes the place.
    """

    total: Array  # [K] votes less jumps
    frame: IndexArray  # [K] where the state's hypothesis stands
    choice: IndexArray  # [K] which of that frame's hypotheses it is
    body: Array  # [K, J, 3] m
    extent: Array  # [K] m


STATE = ("total", "frame", "choice", "body", "extent")


def _follow(frames: list[_Hypotheses | None], numbers: NDArray[np.int64], fps: float | None, V: int) -> Association:
    """Viterbi over the frames: the chain of hypotheses with the most support and the fewest jumps."""
    chains: _Chains | None = None
    origins: dict[tuple[int, int], tuple[int, int] | None] = {}
    for t, now in enumerate(frames):
        if now is None:
            continue
        total, best = now.support, np.zeros(len(now.support), np.intp)
        if chains is not None:
            value = chains.total[None] - _jump_cost(now, chains, numbers[t] - numbers[chains.frame], fps)
            best = value.argmax(1)
            total = now.support + value.max(1)
        for k in range(len(total)):
            origins[t, k] = None if chains is None else (int(chains.frame[best[k]]), int(chains.choice[best[k]]))
        fresh = _Chains(total, np.full(len(total), t), np.arange(len(total)), now.body, now.extent)
        chains = _keep_best(fresh, chains)
    index = np.full((len(frames), V, 1), -1)
    support, rival = np.zeros((len(frames), 1)), np.zeros(len(frames))
    at = (int(chains.frame[0]), int(chains.choice[0])) if chains is not None else None
    while at is not None:
        t, choice = at
        now = frames[t]
        assert now is not None
        mine = now.detections[choice]
        index[t, :, 0], support[t, 0] = mine, now.support[choice]
        other = ~((now.detections == mine) & (mine >= 0)).any(1)
        rival[t] = now.support[other].max(initial=0.0)
        at = origins[at]
    return Association(index, support, rival)


def _jump_cost(now: _Hypotheses, chains: _Chains, frames: NDArray[np.int64], fps: float | None) -> Array:
    """[K, states] votes that it costs to call two hypotheses one person: none for what a body can do."""
    size = np.maximum(now.extent[:, None], 1e-6)
    step = JUMP if fps is None else max(JUMP, TOP_SPEED / fps)
    reach = step * size * np.maximum(frames[None], 1) ** 0.5
    # By joints that both have: half a body has another middle than the whole.
    distance = np.linalg.norm(now.body[:, None] - chains.body[None], axis=-1)
    distance = np.sort(distance, axis=-1)  # NaN last
    known = np.isfinite(distance).sum(-1, keepdims=True)
    distance = np.take_along_axis(distance, np.maximum(known - 1, 0) // 2, axis=-1)[..., 0]
    jump = np.nan_to_num(distance / reach, nan=2.0)
    return np.asarray(JUMP_COST * np.clip(jump - 1, 0, 1))


def _keep_best(fresh: _Chains, waiting: _Chains | None) -> _Chains:
    """The states of this frame and those waited for, the best few, best first."""
    if waiting is None:
        return _sorted(fresh, len(fresh.total))
    both = _Chains(*(np.concatenate([getattr(fresh, name), getattr(waiting, name)]) for name in STATE))
    return _sorted(both, 2 * KEEP)


def _sorted(chains: _Chains, count: int) -> _Chains:
    """The best states, best first."""
    order = np.argsort(-chains.total, kind="stable")[:count]
    return _Chains(*(getattr(chains, name)[order] for name in STATE))
