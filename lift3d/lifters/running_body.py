"""One body while frames come in: the newest frame is fitted with those just before it and the lengths of all so far."""

from __future__ import annotations

from collections import deque

import numpy as np

from lift3d.datasets.mocap import H36M
from lift3d.datasets.skeleton import Skeleton

from .lifter import Lifted
from .one_body import Array, Shown, body_of, fit_one_body
from .placement import Placed
from .windows import Timing

BEFORE = 9  # frames that are fitted together with the newest one
REMEMBERED = 300  # answers from which lengths are taken


class RunningBody:
    """One person; see :func:`lift3d.lifters.one_body.fit_one_body`.

    Args:
        joints: the detector's.
        fps: frames a second.
        exact: confidences of 1 mean rays without error.
    """

    def __init__(self, joints: Skeleton, *, fps: float, exact: bool = False) -> None:
        self._joints, self._fps, self._exact = joints, fps, exact
        self._recent: deque[tuple[int, tuple[Array, ...]]] = deque(maxlen=BEFORE + 1)
        self._answers: deque[tuple[Array, Array]] = deque(maxlen=REMEMBERED)

    def fit(self, number: int, placed: Placed, lifted: Lifted, shown: Shown) -> Placed:
        """The newest frame, moved.

        Args:
            number: of the frame; those that are left out part the motion.
            placed: [1, 17 + E, 3] where the lifter's answer reprojects best; NaN if nowhere, which is given back.
            lifted: the same relative to the pelvis.
            shown: what the lifter saw of it.
        """
        if not np.isfinite(placed.xyz).all():
            return placed
        own = slice(len(H36M))
        self._answers.append((lifted.xyz[0, own], lifted.covariance[0, own]))
        frame = (placed.xyz, placed.covariance, lifted.xyz, lifted.covariance, shown.rays, shown.confidence)
        self._recent.append((number, tuple(part[0] for part in frame)))
        numbers, frames = zip(*self._recent, strict=True)
        parts = [np.stack(part) for part in zip(*frames, strict=True)]
        lengths = body_of(*(np.stack(part) for part in zip(*self._answers, strict=True)))
        together = Shown(parts[4], parts[5], self._joints, self._exact)
        time = Timing(np.array(numbers), self._fps)
        moved, _ = fit_one_body(Placed(*parts[:2]), Lifted(*parts[2:4]), together, time=time, body=lengths)
        return Placed(moved.xyz[-1:], moved.covariance[-1:])
