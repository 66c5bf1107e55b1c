"""What a lifter says of the middle of short sequences, each under a camera of its own: as an evaluation asks.

Every lifter is shown the same :data:`SPAN` frames: those that look at fewer see the ones around the middle.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets.mocap import H36M

from .lifter import Lifted, Lifter, in_camera_axes
from .one_body import Shown, fit_one_body
from .placement import place
from .samples import Samples

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
Answer = tuple[Array, Array | None]
Lift = Callable[[Samples], Answer]
"""Poses [B, 17, 3] metres in the turned frame of the middle, and sigma [B, 17, 2] across and along, or None."""

SPAN = 53  # frames: 27, for each of which a network looks at 27
MIDDLE = SPAN // 2
AROUND = 13  # frames on either side of the middle that one body is fitted to


def by_network(lifter: Lifter, *, both_sides: bool) -> Lift:
    """The network's own answer."""

    def lift(samples: Samples) -> Answer:
        start = MIDDLE - lifter.network.target
        shown = samples.features[:, start : start + lifter.network.window]
        xyz, sigma = lifter.lift_both_sides(shown) if both_sides else lifter.lift(shown)
        return xyz[:, : len(H36M)].astype(np.float64), sigma[:, : len(H36M)].astype(np.float64)

    return lift


def by_one_body(lifter: Lifter, *, both_sides: bool) -> Lift:
    """The answers for the frames around the middle as well, and one body fitted to them, as ``lift3d lift`` does.

    A recording is longer, and its body better known.
    """

    def lift(samples: Samples) -> Answer:
        B, frames = len(samples.features), MIDDLE + np.arange(-AROUND, AROUND + 1)
        windows = frames[:, None] + np.arange(lifter.network.window) - lifter.network.target
        every = (SPAN * np.arange(B)[:, None, None] + windows).reshape(-1, windows.shape[1])
        features = samples.features.reshape(B * SPAN, -1)
        answers = lifter.lift_windows(features, every, both_sides=both_sides)
        xyz, sigma = (part.reshape(B, len(frames), *part.shape[1:])[:, :, : len(H36M)] for part in answers)
        fitted = [_fit_middle(lifter, samples, b, (xyz[b], sigma[b]), frames) for b in range(B)]
        turned, spread = (np.stack(part) for part in zip(*fitted, strict=True))
        return turned, spread

    return lift


def _fit_middle(
    lifter: Lifter, samples: Samples, b: int, answers: tuple[Array32, Array32], frames: NDArray[np.intp]
) -> tuple[Array, Array]:
    """One sequence: xyz [17, 3] and sigma [17, 2] of its middle, in the turned frame."""
    R, confidence = samples.R[b, frames], samples.confidence[b, frames].astype(np.float64)
    rays = samples.rays[b, frames].astype(np.float64)
    lifted = in_camera_axes(*answers, R, (confidence > 0).any(-1))
    shown = Shown(rays, confidence, lifter.joints, exact=True)
    _, fitted = fit_one_body(place(lifted, rays, confidence, lifter.joints), lifted, shown)
    return _turned(fitted, AROUND, R[AROUND])


def _turned(lifted: Lifted, t: int, R: Array32) -> tuple[Array, Array]:
    """One frame in the turned axes."""
    covariance = R @ lifted.covariance[t] @ R.T
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    return lifted.xyz[t] @ R.T, np.sqrt(np.stack([variance[:, :2].mean(-1), variance[:, 2]], -1))
