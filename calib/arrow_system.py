"""Normal equations of bundle adjustment, solved by eliminating the many small blocks, and the descent around them.

| A   B | |dx|   |g|      dx: cameras (few, coupled)
| B'  D | |dy| = |h|      dy: board poses or points (many; D is block-diagonal)
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from .distortion import Array

logger = logging.getLogger(__name__)

State = TypeVar("State")

FIRST_DAMPING = 1e-4
LAST_DAMPING = 1e10
TINY = 1e-12  # of the largest diagonal entry: keeps blocks that nobody saw invertible


@dataclass(frozen=True, eq=False)
class ArrowSystem:
    """Normal equations J' W J step = -J' W r of n + P k unknowns.

    Args:
        A: [n, n]. B: [n, P, k]. D: [P, k, k]. g: [n] and h: [P, k], the negative gradients.
    """

    A: Array
    B: Array
    D: Array
    g: Array
    h: Array

    def solve(self, damping: float) -> tuple[Array, Array]:
        """The step (dx [n], dy [P, k]) with Marquardt's damping of the diagonal.

        Raises:
            numpy.linalg.LinAlgError: the system is singular.

        Source: Triggs et al., Bundle adjustment: a modern synthesis, 2000, section 6.1.
        """
        A, D = _damp(self.A, damping), _damp(self.D, damping)
        Y = self._eliminated(D)  # [n, P, k]: B D^-1
        n = len(self.g)
        if n == 0:
            return np.asarray(self.g), np.asarray(np.linalg.solve(D, self.h[..., None])[..., 0])
        S = A - Y.reshape(n, -1) @ self.B.reshape(n, -1).T
        dx = np.linalg.solve(S, self.g - Y.reshape(n, -1) @ self.h.ravel())
        rest = self.h - np.einsum("npk,n->pk", self.B, dx)
        return np.asarray(dx), np.asarray(np.linalg.solve(D, rest[..., None])[..., 0])

    def information(self) -> Array:
        """[n, n]: what the observations say about dx once every dy may be anything (the Schur complement)."""
        n = len(self.g)
        if n == 0:
            return np.zeros((0, 0))
        Y = self._eliminated(_damp(self.D, 0.0))
        S = self.A - Y.reshape(n, -1) @ self.B.reshape(n, -1).T
        return np.asarray((S + S.T) / 2)

    def _eliminated(self, D: Array) -> Array:
        """B D^-1, [n, P, k]."""
        return np.asarray((self.B.transpose(1, 0, 2) @ np.linalg.inv(D)).transpose(1, 0, 2))


def _damp(M: Array, damping: float) -> Array:
    """Enlarge the diagonals of [..., k, k]."""
    diagonal = np.einsum("...ii->...i", M)
    floor = TINY * (float(diagonal.max()) if diagonal.size else 1.0) + 1e-300
    out = M.copy()
    np.einsum("...ii->...i", out)[...] += damping * diagonal + floor
    return out


class Problem(Protocol[State]):
    """A least squares problem that :func:`descend` can solve."""

    def cost(self, state: State) -> float:
        """Half the (robust) sum of squares."""

    def linearise(self, state: State) -> ArrowSystem:
        """The normal equations there."""

    def move(self, state: State, dx: Array, dy: Array) -> State:
        """The state after a step."""


@dataclass(frozen=True, eq=False)
class Descent(Generic[State]):
    """Where a descent ended.

    Args:
        state: the solution.
        cost: half the robust sum of squares there.
        steps: how many were accepted.
        converged: whether it ended because nothing improved, rather than for want of steps.
    """

    state: State
    cost: float
    steps: int
    converged: bool


def descend(problem: Problem[State], state: State, *, max_steps: int = 60, tolerance: float = 1e-9) -> Descent[State]:
    """Levenberg-Marquardt.

    Args:
        problem: what to minimise.
        state: where to start.
        max_steps: accepted steps at most.
        tolerance: ends when a step promises to lower the cost by less than this part of it.
    """
    cost, damping = problem.cost(state), FIRST_DAMPING
    for step in range(max_steps):
        system = problem.linearise(state)
        while True:
            moved, promised = _try_step(problem, state, system, damping)
            now = problem.cost(moved) if promised < np.inf else np.inf
            if promised < tolerance * cost:
                return Descent(moved if now < cost else state, min(now, cost), step, True)
            if now < cost:
                break
            damping *= 8
            if damping > LAST_DAMPING:
                return Descent(state, cost, step, True)
        logger.debug("step %d: cost %.9g, damping %.1e", step + 1, now, damping)
        state, cost, damping = moved, now, max(damping / 10, 1e-12)
    return Descent(state, cost, max_steps, False)


def _try_step(problem: Problem[State], state: State, system: ArrowSystem, damping: float) -> tuple[State, float]:
    """The state after a damped step and the decrease that the linear model promises; infinite if it is singular."""
    try:
        dx, dy = system.solve(damping)
    except np.linalg.LinAlgError:
        return state, np.inf
    if not (np.isfinite(dx).all() and np.isfinite(dy).all()):
        return state, np.inf
    promised = 0.5 * float(dx @ system.g + np.sum(dy * system.h))
    return problem.move(state, dx, dy), promised
