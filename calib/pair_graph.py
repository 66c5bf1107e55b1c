"""Which cameras saw the board together, where they stand to each other by it, and the tree that joins them best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .board_pose import board_poses
from .camera import Camera
from .distortion import Array
from .errors import CalibrationError

SAME_ANGLE = 0.1  # radians: two frames' relative poses of a pair that differ by less agree
SAME_PLACE = 0.1  # of the cameras' distance plus the board's
FRAMES_TRIED = 40  # relative poses proposed a pair

Pose = tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class PairGraph:
    """What pairs of cameras share.

    Args:
        names: C cameras.
        shared: [C, C] frames in which both saw the board; on the diagonal, in which the one did.
        agreeing: [C, C] frames that agree on where the second camera stands to the first.
        second_from_first: the relative pose of each pair that shares a frame: x_second = R @ x_first + t.
    """

    names: tuple[str, ...]
    shared: NDArray[np.int64]
    agreeing: NDArray[np.int64]
    second_from_first: dict[tuple[int, int], Pose]

    def tree(self) -> list[tuple[int, int]]:
        """Links (known, new) of the spanning tree with the most agreeing frames, from the best joined camera.

        Raises:
            CalibrationError: some cameras share no frame with the others; they are named.
        """
        root = int(np.argmax((self.agreeing - np.diag(np.diag(self.agreeing))).sum(0)))
        joined, links = [root], []
        while len(joined) < len(self.names):
            rest = [c for c in range(len(self.names)) if c not in joined]
            best = max(((a, b) for a in joined for b in rest), key=lambda pair: self.agreeing[pair])
            if self.agreeing[best] < 1:
                raise CalibrationError(self._split(joined, rest))
            links.append(best)
            joined.append(best[1])
        return links

    def _split(self, joined: Sequence[int], rest: Sequence[int]) -> str:
        """Which cameras stand apart, and how often they saw the board."""
        if len(joined) == 1 < len(rest):
            joined, rest = rest, joined
        apart = ", ".join(f"{self.names[c]} (board in {self.shared[c, c]} frames)" for c in rest)
        with_ = ", ".join(self.names[c] for c in joined)
        near = self.shared[np.ix_(list(rest), list(joined))].max()
        why = "shares no board view with" if not near else f"shares {near} frames that agree on nothing with"
        return f"{apart} {why} {with_}; hold the board where both sides see it at once, or leave the camera out"


def build_pair_graph(cameras: Sequence[Camera], corners: Array, xy: Array) -> PairGraph:
    """Compare every two cameras.

    A single view of a small board allows two poses, so a pair has up to four relative poses a frame. The one is taken
    on which most frames agree.

    Args:
        cameras: C lenses; their poses do not count.
        corners: [N, 3] metres, board frame.
        xy: [C, P, N, 2] pixels; NaN: not seen.
    """
    C = len(cameras)
    poses = [[board_poses(camera, corners, view) for view in views] for camera, views in zip(cameras, xy, strict=True)]
    seen = np.array([[bool(choices) for choices in row] for row in poses]).reshape(C, -1)
    shared = seen.astype(np.int64) @ seen.T.astype(np.int64)
    agreeing, relative = np.diag(np.diag(shared)).copy(), {}
    for a in range(C):
        for b in range(a + 1, C):
            frames = np.flatnonzero(seen[a] & seen[b])
            if not len(frames):
                continue
            pose, votes = _consensus([_relative_poses(poses[a][p], poses[b][p]) for p in frames])
            relative[a, b] = pose
            relative[b, a] = (pose[0].T, -pose[0].T @ pose[1])
            agreeing[a, b] = agreeing[b, a] = votes
    return PairGraph(tuple(camera.name for camera in cameras), shared, agreeing, relative)


def _relative_poses(
    first: Sequence[tuple[Array, Array, float]], second: Sequence[tuple[Array, Array, float]]
) -> list[Pose]:
    """Every combination of one frame's poses, as second from first."""
    out = []
    for Ra, ta, _ in first:
        for Rb, tb, _ in second:
            R = Rb @ Ra.T
            out.append((R, tb - R @ ta))
    return out


def _consensus(choices: Sequence[Sequence[Pose]]) -> tuple[Pose, int]:
    """The relative pose on which most frames agree (averaged over them), and how many do."""
    R = np.array([[pose[0] for pose in _padded(frame)] for frame in choices])  # [F, 4, 3, 3]
    t = np.array([[pose[1] for pose in _padded(frame)] for frame in choices])
    tried = np.unique(np.linspace(0, len(choices) - 1, FRAMES_TRIED).astype(int))
    best: tuple[int, float, NDArray[np.int64], NDArray[np.int64]] | None = None
    for Rc, tc in zip(R[tried].reshape(-1, 3, 3), t[tried].reshape(-1, 3), strict=True):
        angle = np.arccos(np.clip((np.einsum("fkij,ij->fk", R, Rc) - 1) / 2, -1, 1))
        reach = SAME_PLACE * (np.linalg.norm(tc) + 0.5)
        score = np.maximum(angle / SAME_ANGLE, np.linalg.norm(t - tc, axis=-1) / reach)
        choice = score.argmin(1)
        close = score[np.arange(len(score)), choice]
        key = (int((close < 1).sum()), -float(np.minimum(close, 1).sum()))
        if best is None or key > best[:2]:
            best = (*key, np.flatnonzero(close < 1), choice)
    assert best is not None
    frames, choice = best[2], best[3]
    return _average(R[frames, choice[frames]], t[frames, choice[frames]]), best[0]


def _padded(frame: Sequence[Pose]) -> list[Pose]:
    """Four choices a frame, the first repeated."""
    return [*frame, *[frame[0]] * (4 - len(frame))][:4]


def _average(R: Array, t: Array) -> Pose:
    """The mean rotation and the median translation."""
    U, _, Vt = np.linalg.svd(R.sum(0))
    mean = U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
    return mean, np.median(t, axis=0)
