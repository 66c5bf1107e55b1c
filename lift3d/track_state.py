"""Bodies that move: a Kalman filter of position and velocity for every joint of everybody who is followed.

The three axes of a joint share one covariance (position, cross term, velocity), so that all bodies are predicted and
updated in closed form at once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .point_solver import Array
from .view_matching import body_extent

ACCELERATION = 5.0
"""What joints do between frames, in body extents a second squared (9 m/s²): walking hands and feet reach 10 m/s²."""

START_SPEED = 1.0
"""Body extents a second within which a newcomer may move."""

FORGET_S = 0.7
"""A joint that nobody saw for so long is forgotten."""

SLOWING_S = 0.7
"""Without news a body is expected to come to rest in this time."""


@dataclass(eq=False)
class BodyStates:
    """K bodies of J joints.

    Args:
        number: [K] who it is.
        X: [K, J, 3] metres, NaN for a joint that is not known.
        velocity: [K, J, 3] m/s.
        variance: [K, J, 3] of position (m²), both (m²/s), velocity (m²/s²).
        extent: [K] metres.
        unseen: [K, J] seconds since the joint was measured.
        lost: [K] seconds since two views or more saw the body.
        absent: [K] seconds since any view saw it.
        age: [K] frames in which two views or more saw it.
    """

    number: NDArray[np.intp]
    X: Array
    velocity: Array
    variance: Array
    extent: Array
    unseen: Array
    lost: Array
    absent: Array
    age: NDArray[np.intp]

    @classmethod
    def start(cls, number: NDArray[np.intp], X: Array, noise: float) -> BodyStates:
        """New bodies at X [K, J, 3], known to ``noise`` extents."""
        K, J = X.shape[:2]
        extent = body_extent(X)
        variance = np.zeros((K, J, 3))
        variance[..., 0] = (noise * extent[:, None]) ** 2
        variance[..., 2] = (START_SPEED * extent[:, None]) ** 2
        zero = np.zeros(K)
        return cls(
            number,
            X.copy(),
            np.zeros_like(X),
            variance,
            extent,
            np.zeros((K, J)),
            zero,
            zero.copy(),
            np.ones(K, np.intp),
        )

    def __len__(self) -> int:
        return len(self.number)

    def take(self, keep: NDArray[np.bool_]) -> BodyStates:
        """Some of the bodies."""
        return BodyStates(*(getattr(self, item.name)[keep] for item in fields(self)))

    def joined(self, other: BodyStates) -> BodyStates:
        """These and others."""
        names = [item.name for item in fields(self)]
        return BodyStates(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))

    def predict(self, dt: float) -> None:
        """Move on by dt seconds."""
        q = (ACCELERATION * self.extent[:, None]) ** 2
        position, cross, speed = np.moveaxis(self.variance, -1, 0)
        self.variance = np.stack(
            [
                position + 2 * dt * cross + dt**2 * speed + q * dt**4 / 4,
                cross + dt * speed + q * dt**3 / 2,
                speed + q * dt**2,
            ],
            axis=-1,
        )
        self.X = self.X + dt * self.velocity
        self.lost, self.absent, self.unseen = self.lost + dt, self.absent + dt, self.unseen + dt
        resting = self.absent > 0.1
        self.velocity[resting] *= np.exp(-dt / SLOWING_S)

    def update(self, measured: Array, variance: Array) -> None:
        """Take in positions [K, J, 3] (NaN: not measured) with variance [K, J] m²."""
        known = np.isfinite(measured[..., 0])
        new = known & np.isnan(self.X[..., 0])
        old = known & ~new
        position, cross, speed = np.moveaxis(self.variance, -1, 0)
        total = np.where(old, position + variance, 1.0)
        gain, gain_speed = (np.where(old, part / total, 0.0) for part in (position, cross))
        step = np.where(old[..., None], measured - np.where(known[..., None], self.X, 0.0), 0.0)
        self.X = np.where(new[..., None], measured, self.X + gain[..., None] * step)
        self.velocity = self.velocity + gain_speed[..., None] * step
        fresh = np.stack([variance, np.zeros_like(variance), np.broadcast_to(speed, variance.shape)], axis=-1)
        updated = np.stack([(1 - gain) * position, (1 - gain) * cross, speed - gain_speed * cross], axis=-1)
        self.variance = np.where(new[..., None], fresh, updated)
        self.unseen = np.where(known, 0.0, self.unseen)
        self._carry(known, new)

    def restart(self, row: int, other: BodyStates) -> None:
        """Put the only body of another set in the place of one, who stays the same person."""
        for name in ("X", "velocity", "variance", "unseen", "lost", "absent"):
            getattr(self, name)[row] = getattr(other, name)[0]
        self.age[row] += 1

    def _carry(self, known: NDArray[np.bool_], new: NDArray[np.bool_]) -> None:
        """Joints without news move along with the body, and are forgotten in time."""
        some = known & ~new
        count = np.maximum(some.sum(1), 1)[:, None, None]
        mean = np.where(some[..., None], self.velocity, 0.0).sum(1, keepdims=True) / count
        follow = ~some & (some.sum(1) > 0)[:, None]
        self.velocity = np.where(follow[..., None], mean, self.velocity)
        gone = self.unseen > FORGET_S
        gone &= ~gone.all(1, keepdims=True)
        self.X[gone] = np.nan
