"""Which frames of a sequence a network is shown: one window each, at the pace of the motion capture it learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .networks import Mlp, Tcn, frame_by_frame

Array = NDArray[np.float64]

LEARNT_FPS = 30.0  # of nearly all of the motion capture
BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Timing:
    """When the frames of a sequence were.

    Args:
        frames: [T] their numbers, rising; None: 0..T-1.
        fps: frames a second; None: as many as in training.
    """

    frames: NDArray[np.int64] | None = None
    fps: float | None = None

    def numbers(self, count: int) -> NDArray[np.int64]:
        """The frames' numbers [T]."""
        return np.arange(count) if self.frames is None else self.frames

    def stride(self, network: Mlp | Tcn) -> int:
        """How many frames of the recording apart a window's frames are taken, so that they pass as in training."""
        if self.fps is None or network.window == 1:
            return 1
        return max(1, round(self.fps / LEARNT_FPS))


@dataclass(frozen=True, eq=False)
class FrameByFrame:
    """What a temporal network's lifter of single frames says of those that windows ask about, each once.

    Args:
        answers: of N frames.
        place: [B, window / 3] which of them a window asks about.
    """

    answers: tuple[torch.Tensor, torch.Tensor]
    place: NDArray[np.intp]

    @classmethod
    def of(cls, network: Mlp | Tcn, shown: torch.Tensor, windows: NDArray[np.intp]) -> FrameByFrame | None:
        """None: the network has no such lifter."""
        if isinstance(network, Mlp) or network.frame is None:
            return None
        asked = network.asked_frames(windows)
        used, place = np.unique(asked, return_inverse=True)
        parts = [frame_by_frame(network.frame, shown[block]) for block in blocks(used)]
        xyz, every = (torch.cat(part) for part in zip(*parts, strict=True))
        return cls((xyz, every), place.reshape(asked.shape))

    def of_windows(self, block: NDArray[np.intp]) -> tuple[torch.Tensor, torch.Tensor]:
        """Of some of the windows."""
        place = self.place[block]
        return self.answers[0][place], self.answers[1][place]


def blocks(index: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """In parts that fit into memory, one at least."""
    return [index[start : start + BLOCK] for start in range(0, max(len(index), 1), BLOCK)]


def windows_of(
    seen: NDArray[np.bool_], number: NDArray[np.int64], network: Mlp | Tcn, *, stride: int
) -> NDArray[np.intp]:
    """Which frames each window holds; where it reaches a frame without anybody, the nearest one with somebody.

    Args:
        seen: [T] in which frames there is anybody.
        number: [T] the frames' numbers, rising.
        network: whose window it is; a causal one is never shown what comes later.
        stride: how many numbers apart a window's frames are.

    Returns:
        [T, window] positions.
    """
    known = np.flatnonzero(seen)
    wanted = number[:, None] + stride * (np.arange(network.window) - network.target)
    if not len(known):
        return np.zeros(wanted.shape, np.intp)
    before = (np.searchsorted(number[known], wanted, side="right") - 1).clip(0)
    if network.causal:
        return np.asarray(known[before])
    after = np.minimum(np.searchsorted(number[known], wanted), len(known) - 1)
    nearer = np.abs(number[known[after]] - wanted) < np.abs(number[known[before]] - wanted)
    return np.asarray(known[np.where(nearer, after, before)])


def weights_around(stride: int, *, causal: bool) -> dict[int, float]:
    """What frames around one count, by how much later they are, for :func:`mean_around`."""
    if causal:
        return {-later: 1.0 for later in range(stride)}
    return {later: 1 - abs(later) / stride for later in range(1 - stride, stride)}


def mean_around(
    xy: Array, confidence: Array, number: NDArray[np.int64], *, weights: dict[int, float]
) -> tuple[Array, Array]:
    """Joints and confidences as the mean over frames in which a joint was seen; what was not seen stays so."""
    seen = (confidence > 0) & np.isfinite(xy).all(-1)
    values = np.concatenate([np.nan_to_num(xy), confidence[..., None]], -1) * seen[..., None]
    total, weight = np.zeros_like(values), np.zeros_like(confidence)
    for later, share in weights.items():
        at = np.searchsorted(number, number + later).clip(max=len(number) - 1)
        there = share * (number[at] == number + later)
        total += there[:, None, None] * values[at]
        weight += there[:, None] * seen[at]
    mean = total / np.maximum(weight, 1e-9)[..., None]
    return np.where(seen[..., None], mean[..., :2], np.nan), np.where(seen, mean[..., 2], 0.0)
