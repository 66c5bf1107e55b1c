"""What is minimised when cameras are adjusted to a moving person: keypoints, bones and what is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .body_normal_equations import Bones
from .body_observations import (
    CAMERA_PARAMETERS,
    CENTER,
    DELAY,
    DRIFT,
    FOCAL,
    OMEGA,
    BodyState,
    IdealViews,
    residuals,
)
from .distortion import Array
from .rotation import rotation_vector

if TYPE_CHECKING:
    from .static_points import StaticTerms

Mask = NDArray[np.bool_]

FREEDOM = 3.0
"""Student's t degrees of freedom: detectors' errors have heavier tails than a Gaussian, lighter than Cauchy's."""

MEDIAN_T = FREEDOM * (2 ** (2 / FREEDOM) - 1)
"""The median squared length of a 2D error of that law, in units of its squared width."""

BONE_SPREAD = 0.04
"""By how much of the usual bone's length a bone varies in what detectors report, and a longer one by as much of its
own: joints are drawn to what the picture shows."""

SIDE_SPREAD = 0.03
"""How much the left and the right of a kind differ."""

GAUGE_SIGMA = 1e-7

BEHIND = 1e4
"""Something that was seen but lies behind its camera costs as much as an error of this, squared, in widths."""


@dataclass(frozen=True, eq=False)
class Prior:
    """What is known of the cameras before a person walks through; inf is "nothing", 0 is "exactly as it stands".

    Args:
        rotation: [V] radians, standard deviation about each axis.
        center: [V] metres, along each axis.
        focal: [V] standard deviation of the logarithm.
        delay: [V] frames.
        drift: [V] frames a frame.
        baseline: cameras (a, b) whose distance is kept exactly; None: nothing keeps the scale but the other priors.
        robust: let a few cameras move by far more than their prior allows; the others then stay.
    """

    rotation: Array
    center: Array
    focal: Array
    delay: Array
    drift: Array
    baseline: tuple[int, int] | None = None
    robust: bool = False

    @classmethod
    def poses(cls, n_cameras: int, *, rotation: float = np.inf, center: float = np.inf) -> Prior:
        """Lenses and clocks fixed, poses as loose as said."""
        fixed = np.zeros(n_cameras)
        return cls(np.full(n_cameras, rotation), np.full(n_cameras, center), fixed, fixed, fixed)

    def diagonal(self) -> Array:
        """Standard deviations [V, 9]."""
        sd = np.empty((len(self.rotation), CAMERA_PARAMETERS))
        sd[:, OMEGA], sd[:, CENTER] = self.rotation[:, None], self.center[:, None]
        sd[:, FOCAL], sd[:, DELAY], sd[:, DRIFT] = self.focal, self.delay, self.drift
        return sd


@dataclass
class Problem:
    """All that stays the same during one round."""

    views: IdealViews
    weight: Array  # [T, V, J] confidence relative to the joint's usual one
    bones: tuple[tuple[int, int], ...]
    symmetric: tuple[tuple[int, int], ...]
    known: Mask  # [T, J]
    prior: Prior
    start: BodyState
    sigma: Array  # [J]
    prior_weight: Array = field(default_factory=lambda: np.ones(0))  # [V]
    static: StaticTerms | None = None


def bone_residuals(problem: Problem, state: BodyState) -> Bones:
    """Bones at a state, not yet weighted against outliers."""
    ends = np.array(problem.bones, int).reshape(-1, 2)
    step = state.X[:, ends[:, 0]] - state.X[:, ends[:, 1]]
    distance = np.linalg.norm(step, axis=-1)
    usable = np.isfinite(distance) & (distance > 1e-6) & np.isfinite(state.bone)
    bone = np.where(np.isfinite(state.bone), state.bone, 1.0)
    distance = np.where(usable, distance, bone)
    usual = np.median(bone) if len(bone) else 1.0
    spread = BONE_SPREAD * np.maximum(1.0, usual / bone)
    return Bones(
        problem.bones,
        e=distance / bone - 1,
        J_end=np.where(usable[..., None], step / (distance * bone)[..., None], 0.0),
        J_length=-distance / bone**2,
        weight=usable / spread**2,
    )


def robust_loss(r2: Array) -> tuple[Array, Array]:
    """Student's t: weight and loss of squared normalised residuals."""
    return 1 / (1 + r2 / FREEDOM), 0.5 * FREEDOM * np.log1p(r2 / FREEDOM)


def weigh(problem: Problem, state: BodyState) -> tuple[Array, Bones, float]:
    """Weights [T, V, J] of the keypoints, weighted bones, and the loss without the priors."""
    res = residuals(problem.views, state)
    information = problem.weight / problem.sigma**2
    w, loss = robust_loss((res.e**2).sum(-1) * information)
    missed = problem.views.seen & ~res.valid & problem.known[:, None]
    used = res.valid & problem.known[:, None]
    cost = float(loss[used].sum() + missed.sum() * 0.5 * FREEDOM * np.log1p(BEHIND / FREEDOM))
    bones = bone_residuals(problem, state)
    wb, loss_b = robust_loss(bones.e**2 * bones.weight)
    bones = replace(bones, weight=bones.weight * wb)
    return information * w * used, bones, cost + float(loss_b.sum())


def camera_offsets(problem: Problem, state: BodyState) -> Array:
    """[V, 9] how far the cameras are from where the prior has them."""
    start = problem.start
    x = np.zeros((len(start.R), CAMERA_PARAMETERS))
    x[:, OMEGA] = rotation_vector(state.R @ start.R.transpose(0, 2, 1))
    x[:, CENTER] = state.center - start.center
    x[:, FOCAL] = np.log(state.focal / start.focal)
    x[:, DELAY], x[:, DRIFT] = state.delay - start.delay, state.drift - start.drift
    return x


def prior_belief(problem: Problem, state: BodyState) -> Array:
    """[V] how much each camera's prior is believed (Cauchy), by how far the camera went."""
    x = camera_offsets(problem, state)[:, :6] / np.maximum(problem.prior.diagonal()[:, :6], 1e-9)
    return np.asarray(1 / (1 + (x**2).sum(1) / 3))


def prior_terms(problem: Problem, state: BodyState) -> tuple[Array, Array, float]:
    """The priors' H [G, G], g [G] and cost."""
    V, B = len(state.R), len(problem.bones)
    n = V * CAMERA_PARAMETERS
    H, g = np.zeros((n + B, n + B)), np.zeros(n + B)
    sd = problem.prior.diagonal()
    precision = np.where(np.isfinite(sd), 1 / np.maximum(sd, GAUGE_SIGMA) ** 2, 0.0)
    precision[:, :6] *= problem.prior_weight[:, None]
    x = camera_offsets(problem, state)
    H[np.arange(n), np.arange(n)] = precision.ravel()
    g[:n] = (precision * x).ravel()
    cost = 0.5 * float((precision * x**2).sum())
    if problem.prior.baseline is not None:
        a, b = problem.prior.baseline
        step = state.center[b] - state.center[a]
        wanted = float(np.linalg.norm(problem.start.center[b] - problem.start.center[a]))
        length = float(np.linalg.norm(step))
        row = np.zeros(n + B)
        row[b * CAMERA_PARAMETERS + 3 : b * CAMERA_PARAMETERS + 6] = step / length
        row[a * CAMERA_PARAMETERS + 3 : a * CAMERA_PARAMETERS + 6] = -step / length
        stiff = 1 / (1e-5 * wanted) ** 2
        H += stiff * np.outer(row, row)
        g += stiff * (length - wanted) * row
        cost += 0.5 * stiff * (length - wanted) ** 2
    return _with_symmetry(problem, state, H, g, cost)


def other_terms(problem: Problem, state: BodyState) -> tuple[Array, Array, float]:
    """All that is not the person: the priors and, where there are any, clicks on static points."""
    H, g, cost = prior_terms(problem, state)
    if problem.static is None:
        return H, g, cost
    H_static, g_static, cost_static = problem.static.terms(state)
    n = len(g_static)
    H[:n, :n] += H_static
    g[:n] += g_static
    return H, g, cost + cost_static


def _with_symmetry(problem: Problem, state: BodyState, H: Array, g: Array, cost: float) -> tuple[Array, Array, float]:
    """Add that left and right are about alike; a bone that was never seen stays as it is."""
    first = len(g) - len(problem.bones)
    for left, right in problem.symmetric:
        a, b = state.bone[[left, right]]
        if not (np.isfinite(a) and np.isfinite(b)):
            continue
        e, row = float(np.log(a / b)) / SIDE_SPREAD, np.array([1 / a, -1 / b]) / SIDE_SPREAD
        both = [first + left, first + right]
        H[np.ix_(both, both)] += np.outer(row, row)
        g[both] += row * e
        cost += 0.5 * e**2
    never = first + np.flatnonzero(~np.isfinite(state.bone))
    H[never, never] += 1.0
    return H, g, cost
