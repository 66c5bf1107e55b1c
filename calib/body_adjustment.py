"""Bundle adjustment of cameras against the 2D joints of a moving person whose bones keep their length.

The unknowns are camera poses (and, where asked for, focal lengths, delays and clock drifts), the joints of every frame
and the bone lengths; the loss is Student's t, whose width is estimated joint by joint from the residuals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .body_normal_equations import NormalEquations, assemble, eliminate
from .body_observations import (
    CAMERA_PARAMETERS,
    BodyState,
    BodyViews,
    IdealViews,
    residuals,
    undo_lenses,
)
from .body_problem import MEDIAN_T, Problem, camera_offsets, other_terms, prior_belief, weigh
from .body_problem import Prior as Prior
from .body_uncertainty import bent, invert, joints_alike, prior_spread, score_spread
from .distortion import Array
from .errors import InputError
from .rig import Rig
from .static_points import ClickFit, StaticPoints, StaticTerms
from .triangulation import triangulate_linear

Progress = Callable[[str, int, int], None]


START_SIGMA = 0.006
"""First guess of the noise, as a share of the picture's longer side."""

SIGMA_FLOOR_PX = 0.05

ROUNDS = 5
STEPS, LAST_STEPS = 12, 40


@dataclass(frozen=True, eq=False)
class Adjustment:
    """What came of a bundle adjustment.

    Args:
        rig: the cameras, moved.
        delay: [V] frames to add to each camera's frame numbers, at the middle of the capture.
        drift: [V] frames a frame.
        X: [T, J, 3] metres.
        bone: [B] metres.
        sigma: [J] pixels, the width of the noise.
        error: [T, V, J] pixels, NaN where nothing was seen.
        covariance: [V, 9, V, 9] of the cameras' parameters (see :mod:`lift3d.calib.body_observations`).
        cost: the loss at the end, smaller is better.
        moved: [V, 9] parameters from the prior's cameras to these.
        clicks: how clicks on static points fit; None: there were none.
    """

    rig: Rig
    delay: Array
    drift: Array
    X: Array
    bone: Array
    sigma: Array
    error: Array
    covariance: Array
    cost: float
    moved: Array
    clicks: ClickFit | None = None

    @property
    def deviation(self) -> Array:
        """[V, 9] standard deviations."""
        V = len(self.moved)
        flat = self.covariance.reshape(V * CAMERA_PARAMETERS, -1)
        return np.sqrt(np.maximum(np.diag(flat), 0)).reshape(V, CAMERA_PARAMETERS)


def adjust(
    views: BodyViews,
    rig: Rig,
    prior: Prior,
    *,
    static: StaticPoints | None = None,
    rounds: int = ROUNDS,
    progress: Progress | None = None,
) -> Adjustment:
    """Find the cameras under which the person is seen alike by all.

    Args:
        views: the person.
        rig: where the search starts, and what the prior speaks of.
        prior: how far the cameras may move; without a gauge (a camera that stands, a baseline) in it, none is added.
        static: points of the scene that were clicked; those of known place hold the world.
        rounds: how often noise and weights are estimated anew.
        progress: called with (stage, rounds done, rounds in all).

    Raises:
        InputError: the views are not as many as the cameras, or fewer than two share joints.
    """
    if views.xy.shape[1] != len(rig):
        raise InputError(f"keypoints have {views.xy.shape[1]} views but the rig has {len(rig)} cameras")
    ideal = undo_lenses(views, rig)
    X = triangulate_robustly(ideal, rig)
    known = np.asarray(np.isfinite(X).all(-1))
    if known.sum() < 10:
        raise InputError("fewer than 10 joints are seen by two cameras at once; nothing to calibrate with")
    start = BodyState.of_rig(rig, X, bone_lengths(X, views.bones))
    usual = np.array([np.median(c[c > 0]) if (c > 0).any() else 1.0 for c in views.weight.transpose(2, 0, 1)])
    longer = float(np.mean([max(camera.size) for camera in rig]))
    problem = Problem(
        views=ideal,
        weight=np.clip(views.weight / usual, 0.1, 1.5) * (views.weight > 0),
        bones=views.bones,
        symmetric=views.symmetric,
        known=known,
        prior=prior,
        start=start,
        sigma=np.full(views.xy.shape[2], START_SIGMA * longer),
        prior_weight=np.ones(len(rig)),
        static=None if static is None else StaticTerms(static, rig),
    )
    state = start
    for k in range(rounds):
        state, cost = _minimise(problem, state, STEPS, 1e-5)
        problem.sigma = _noise(problem, state)
        if prior.robust:
            problem.prior_weight = prior_belief(problem, state)
        if prior.focal.any():
            problem.views = _relens(views, rig, state)
        if problem.static is not None:
            problem.static.ideal = _relens(problem.static.views, rig, state)
            problem.static.learn(state, joints_alike(problem, state))
        if progress:
            progress("adjusting cameras", k + 1, rounds)
    state, cost = _minimise(problem, state, LAST_STEPS, 1e-7)
    return _result(problem, state, rig, cost)


def triangulate_robustly(ideal: IdealViews, rig: Rig, rounds: int = 6) -> Array:
    """Joints [T, J, 3] by reweighted linear triangulation; NaN where fewer than two views see one."""
    T, V, J = ideal.seen.shape
    if V < 2:
        return np.full((T, J, 3), np.nan)
    xy = np.where(ideal.seen[..., None], ideal.xy, np.nan).transpose(1, 0, 2, 3).reshape(V, T * J, 2)
    weights = np.ones((V, T * J))
    focal = np.array([camera.focal.mean() for camera in rig])[:, None]
    sigma = START_SIGMA * np.array([max(camera.size) for camera in rig])[:, None]
    for _ in range(rounds):
        X = triangulate_linear(xy, rig, weights * focal)
        x_cam = np.einsum("vab,nb->vna", np.array([c.R for c in rig]), X) + np.array([c.t for c in rig])[:, None]
        depth = np.where(x_cam[..., 2] > 0.05, x_cam[..., 2], np.nan)
        error = np.linalg.norm(x_cam[..., :2] / depth[..., None] - xy, axis=-1) * focal / sigma
        # A view that the point lies behind gets a small weight, not none, so that the point may come back.
        weights = np.where(np.isfinite(error), 1 / (1 + np.nan_to_num(error, nan=10.0) ** 2), 0.01) / np.nan_to_num(
            depth, nan=1.0
        )
    behind = ((x_cam[..., 2] <= 0.05) & np.isfinite(xy).all(-1)).any(0)
    return np.where(behind[:, None], np.nan, X).reshape(T, J, 3)


def bone_lengths(X: Array, bones: tuple[tuple[int, int], ...]) -> Array:
    """Median lengths [B] metres; NaN for a bone that is never seen whole."""
    lengths = [np.linalg.norm(X[:, i] - X[:, j], axis=-1) for i, j in bones]
    return np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in lengths])


def _relens(views: BodyViews, rig: Rig, state: BodyState) -> IdealViews:
    """Undistort with the focal lengths found, in units of the first ones, so that the model stays exact."""
    ideal = undo_lenses(views, state.rig(rig))
    f = state.focal[:, None, None]
    return replace(ideal, xy=ideal.xy * f, velocity=ideal.velocity * f, scale=ideal.scale / f[..., None])


def _minimise(problem: Problem, state: BodyState, steps: int, tolerance: float) -> tuple[BodyState, float]:
    """Levenberg-Marquardt with weights taken anew at every step, until a step gains less than a share of the cost."""
    damping = 1e-4
    weight, bones, cost = weigh(problem, state)
    H_prior, g_prior, prior_cost = other_terms(problem, state)
    cost += prior_cost
    for _ in range(steps):
        res = residuals(problem.views, state, derive=True)
        equations = assemble(res, weight, bones, problem.known)
        improved = False
        for _ in range(6):
            trial = _step(state, equations, H_prior, g_prior, damping)
            new_weight, new_bones, new_cost = weigh(problem, trial)
            H_new, g_new, prior_cost = other_terms(problem, trial)
            new_cost += prior_cost
            if new_cost < cost:
                improved = True
                break
            damping *= 10
        if not improved:
            break
        gain = cost - new_cost
        state, weight, bones, cost = trial, new_weight, new_bones, new_cost
        H_prior, g_prior = H_new, g_new
        damping = max(damping / 10, 1e-6)
        if gain < tolerance * cost:
            break
    return state, cost


def _step(state: BodyState, equations: NormalEquations, H_prior: Array, g_prior: Array, damping: float) -> BodyState:
    """Solve the damped equations and move."""
    H, g, Z = eliminate(equations, damping)
    H, g = H + H_prior, g + g_prior
    diagonal = np.maximum(np.diag(equations.H) + np.diag(H_prior), 1e-9)
    H[np.arange(len(g)), np.arange(len(g))] += damping * diagonal + 1e-12
    root = np.sqrt(diagonal)
    x = -np.linalg.solve(H / root / root[:, None], g / root) / root
    V = len(state.R)
    points = -(Z[..., :-1] @ x + Z[..., -1])
    return state.moved(
        x[: V * CAMERA_PARAMETERS].reshape(V, -1), points.reshape(state.X.shape), x[V * CAMERA_PARAMETERS :]
    )


def _noise(problem: Problem, state: BodyState) -> Array:
    """The width [J] of each joint's error, from median residuals; a joint with few takes the average."""
    res = residuals(problem.views, state)
    used = res.valid & problem.known[:, None]
    r2 = (res.e**2).sum(-1) * problem.weight
    count = used.sum(1)  # [T, J]
    share = np.where(count > 1, 2 * count / np.maximum(2 * count - 3, 1), 1.0)  # a point takes 3 degrees of freedom
    scaled = r2 * share[:, None]
    every = float(np.median(scaled[used]))
    width = [
        float(np.median(scaled[..., j][used[..., j]])) if used[..., j].sum() >= 40 else every
        for j in range(used.shape[-1])
    ]
    return np.maximum(np.sqrt(np.array(width) / MEDIAN_T), SIGMA_FLOOR_PX)


def _result(problem: Problem, state: BodyState, rig: Rig, cost: float) -> Adjustment:
    """Residuals and covariance at the end."""
    res = residuals(problem.views, state, derive=True)
    weight, bones, _ = weigh(problem, state)
    used = res.valid & problem.known[:, None]
    error = np.where(used, np.linalg.norm(res.e, axis=-1), np.nan)
    H, _, Z = eliminate(assemble(res, bent(problem, weight), bones, problem.known), 0.0)
    inverse = invert(H + other_terms(problem, state)[0])
    spread = score_spread(problem, res, weight, Z)
    V, n = len(rig), len(rig) * CAMERA_PARAMETERS
    if problem.static is not None:
        spread[:n, :n] += problem.static.spread(state)
    covariance = inverse @ spread @ inverse + prior_spread(inverse, problem, state)
    return Adjustment(
        rig=state.rig(rig),
        delay=state.delay,
        drift=state.drift,
        X=np.where(problem.known[..., None], state.X, np.nan),
        bone=state.bone,
        sigma=problem.sigma,
        error=error,
        covariance=covariance[:n, :n].reshape(V, CAMERA_PARAMETERS, V, CAMERA_PARAMETERS),
        cost=cost,
        moved=camera_offsets(problem, state),
        clicks=None if problem.static is None else problem.static.fit(state, rig.names),
    )
