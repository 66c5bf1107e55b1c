"""Anatomical axes and the angles between segments.

Convention:
    every frame is (x anterior, y towards the head, z to the person's right), as the ISB recommends. For the left side
    the components along z change sign, which makes a left limb a right one, so that one set of formulas serves both.

Source: Grood and Suntay (1983), J Biomech Eng 105:136; Wu et al. (2002), J Biomech 35:543, and (2005), 38:981.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST_SINE = float(np.sin(np.radians(15.0)))
"""Below it a direction that rests on the bend of a limb, or on its being away from an axis, is not defined."""
TINY = 1e-9


class Axes(NamedTuple):
    """The axes of a segment, unit vectors [..., 3] in the world; NaN where they are not defined."""

    x: Array
    y: Array
    z: Array

    def components(self, vector: Array, side: str = "right_") -> Array:
        """A vector [..., 3] in these axes; for the left side mirrored."""
        sign = -1.0 if side == "left_" else 1.0
        return np.stack([dot(vector, self.x), dot(vector, self.y), sign * dot(vector, self.z)], axis=-1)


def dot(a: Array, b: Array) -> Array:
    """[...] of [..., 3]."""
    return np.einsum("...i,...i->...", a, b)


def unit(vector: Array, least: float = TINY) -> Array:
    """Vectors of length 1; NaN where one is shorter than ``least``."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return vector / np.where(length > least, length, np.nan)


def axes_from_z(z: Array, up: Array) -> Axes:
    """Axes whose z is given and whose y is as near to ``up`` as it can be."""
    z = unit(z)
    x = unit(np.cross(unit(up), z), 1e-6)
    return Axes(x, np.cross(z, x), z)


def axes_from_y(y: Array, right: Array) -> Axes:
    """Axes whose y is given and whose z is as near to ``right`` as it can be."""
    y = unit(y)
    x = unit(np.cross(y, unit(right)), 1e-6)
    return Axes(x, y, np.cross(x, y))


def angle_between(a: Array, b: Array) -> Array:
    """0 to pi; exact near both ends, where the arc cosine is not."""
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), dot(a, b))


def bend_axis(upper: Array, lower: Array, least_sine: float) -> Array:
    """Unit normal of the plane of two directions; NaN where they are nearly parallel."""
    return unit(np.cross(unit(upper), unit(lower)), max(least_sine, TINY))


def flexion_adduction(y: Array, z: Array, least_sine: float) -> tuple[Array, Array, Array]:
    """Rotations about z, then the floating x, then y: Grood and Suntay's angles.

    Args:
        y: [..., 3] the segment's long axis, towards the head, in the parent's components.
        z: [..., 3] the segment's lateral axis in them; NaN where it is not known.
        least_sine: where the long axis is nearer to the parent's z than this, the first and the last are NaN.

    Returns:
        The three angles in radians, right-handed about z, x and y.
    """
    first = np.where(np.hypot(y[..., 0], y[..., 1]) > least_sine, np.arctan2(-y[..., 0], y[..., 1]), np.nan)
    second = np.arctan2(y[..., 2], np.hypot(y[..., 0], y[..., 1]))
    c, s = np.cos(first), np.sin(first)
    x_zero = np.stack([c, s, np.zeros_like(c)], axis=-1)
    z_zero = np.stack([s * np.sin(second), -c * np.sin(second), np.cos(second)], axis=-1)
    return first, second, np.arctan2(dot(z, x_zero), dot(z, z_zero))


def elevation(y: Array, z: Array, least_sine: float) -> tuple[Array, Array, Array]:
    """Plane of elevation, elevation and axial rotation: the ISB's Y-X-Y of the humerus in the thorax.

    Args:
        y: [..., 3] from the elbow to the shoulder, in the thorax's components.
        z: [..., 3] the humerus's lateral axis in them; NaN where it is not known.
        least_sine: where the arm hangs or points up closer than this, the plane and the rotation are NaN.

    Returns:
        The three angles in radians: plane 0 in abduction, pi/2 in forward flexion; elevation 0 (hanging) to pi;
        internal rotation positive.
    """
    across = np.hypot(y[..., 0], y[..., 2])
    plane = np.where(across > least_sine, np.arctan2(-y[..., 0], -y[..., 2]), np.nan)
    raised = np.arctan2(across, y[..., 1])
    c, s = np.cos(plane), np.sin(plane)
    x_zero = np.stack([c, np.zeros_like(c), -s], axis=-1)
    z_zero = np.stack([s * np.cos(raised), np.sin(raised), c * np.cos(raised)], axis=-1)
    return plane, raised, np.arctan2(dot(z, x_zero), dot(z, z_zero))
