"""What the colours of a skeleton tell: who, which side, how certain, how far from the pictures, where from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .look import ColorMode
from .palette import RAMP, SIDE_COLORS, STATUS_COLORS, UNKNOWN, paler, person_colors

Array = NDArray[np.float64]
Index = NDArray[np.intp]

LEFT, CENTER, RIGHT = 0, 1, 2  # a person's three shades
ROUND = (1.0, 2.0, 3.0, 5.0, 10.0)  # ends of scales, times a power of ten
SCALE_QUANTILE = 0.95  # of the values lie on the scale; worse ones take its last colour
MAX_VALUES = 200_000  # of a long file, evenly spread, to find a scale
BY_SIDE: tuple[ColorMode, ...] = ("person", "side", "file")
UNITS = {"sigma": (1000.0, "mm"), "residual": (1.0, "px"), "confidence": (1.0, "")}


@dataclass(frozen=True)
class Scale:
    """A range of values with a ramp of colours, from good (light) to bad (dark).

    Args:
        good: the value that takes the first colour, in ``unit``.
        bad: the value that takes the last.
        unit: for the legend.
        name: of the quantity.
    """

    good: float
    bad: float
    unit: str
    name: str

    def colors(self, values: Array) -> Array:
        """[...] values to [..., 3] RGB; NaN takes the colour of what is not known."""
        at = (values - self.good) / (self.bad - self.good) * (len(RAMP) - 1)
        known = np.isfinite(at)
        place = np.clip(np.where(known, at, 0.0), 0.0, len(RAMP) - 1.0)
        low = np.minimum(place.astype(int), len(RAMP) - 2)
        mixed = RAMP[low] + (place - low)[..., None] * (RAMP[low + 1] - RAMP[low])
        return np.where(known[..., None], mixed, UNKNOWN)


@dataclass(frozen=True, eq=False)
class Coloring:
    """The colours of one result's joints, frame by frame.

    Args:
        poses: T frames, P people, J joints.
        mode: what the colours tell.
        number: of this result among those compared, for "file".
        first: number of its first person among all, for "person".
        scale: for "sigma", "residual" and "confidence".
    """

    poses: Poses
    mode: ColorMode = "person"
    number: int = 0
    first: int = 0
    scale: Scale | None = None

    @cached_property
    def sides(self) -> Index:
        """[J] which of the three shades each joint takes."""
        return np.array([joint_side(joint) for joint in self.poses.skeleton.joints], np.intp)

    def joints(self, frame: int) -> Array:
        """[P, J, 3] RGB in 0..1 of a frame, without light."""
        if self.mode == "status":
            return STATUS_COLORS[np.minimum(self.poses.status[frame], len(STATUS_COLORS) - 1)]
        if self.scale is not None:
            return self.scale.colors(values_of(self.poses, self.mode, slice(frame, frame + 1))[0])
        base = self._all_shades[:, self.sides]
        return np.where(self._filled(frame)[..., None], paler(base), base)

    def bones(self, frame: int, bones: Index) -> Array:
        """[P, B, 2, 3] RGB of the two ends of bones [B, 2]: by side one colour, by value from end to end."""
        if self.mode not in BY_SIDE:
            return self.joints(frame)[:, bones]
        sides = self.sides[bones]
        base = self._all_shades[:, np.where(sides[:, 0] == sides[:, 1], sides[:, 0], CENTER)]  # [P, B, 3]
        filled = np.asarray(self._filled(frame)[:, bones].any(-1))
        base = np.where(filled[..., None], paler(base), base)
        return np.repeat(base[:, :, None], 2, axis=2)

    @cached_property
    def _all_shades(self) -> Array:
        """[P, 3, 3] RGB of everyone."""
        return np.array([self.shades(person) for person in range(self.poses.xyz.shape[1])]).reshape(-1, 3, 3)

    def _filled(self, frame: int) -> NDArray[np.bool_]:
        """[P, J] whose position no camera measured."""
        return np.isin(self.poses.status[frame], (Status.INTERPOLATED, Status.LIFTED))

    def shades(self, person: int) -> Array:
        """[3, 3] RGB of a person's left, middle and right."""
        if self.mode == "side":
            return SIDE_COLORS
        if self.mode == "file":
            return person_colors(self.number).shades
        return person_colors(self.first + person).shades


def values_of(poses: Poses, mode: ColorMode, frames: slice) -> Array:
    """What a mode colours by, [T, P, J] in the units of :data:`UNITS`."""
    factor = UNITS[mode][0]
    if mode == "sigma":
        return factor * np.sqrt(poses.covariance[frames][..., [0, 3, 5]].mean(-1))
    values = poses.reprojection_error if mode == "residual" else poses.confidence
    return factor * np.asarray(values[frames], np.float64)


def scale_for(results: Sequence[Poses], mode: ColorMode) -> Scale | None:
    """One scale for all results, so that they can be compared; None for modes without one."""
    if mode not in UNITS:
        return None
    unit = UNITS[mode][1]
    if mode == "confidence":
        return Scale(1.0, 0.0, unit, mode)
    samples = []
    for poses in results:
        step = max(1, -(-poses.status.size // MAX_VALUES))
        values = values_of(poses, mode, slice(None, None, step)).ravel()
        samples.append(values[np.isfinite(values)])
    values = np.concatenate(samples) if samples else np.zeros(0)
    return Scale(0.0, round_up(float(np.quantile(values, SCALE_QUANTILE)) if len(values) else 1.0), unit, mode)


def round_up(value: float) -> float:
    """The next 1, 2, 3 or 5 times a power of ten; 1 for what is not positive."""
    if not (np.isfinite(value) and value > 0):
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * next(factor for factor in ROUND if factor * power >= value * (1 - 1e-9)))


def bone_side(a: str, b: str) -> int:
    """LEFT or RIGHT where both ends of a bone are, else CENTER."""
    side = joint_side(a)
    return side if side == joint_side(b) else CENTER


def joint_side(joint: str) -> int:
    """Which of a person's three shades a joint takes: LEFT, CENTER or RIGHT."""
    return LEFT if joint.startswith("left_") else RIGHT if joint.startswith("right_") else CENTER
