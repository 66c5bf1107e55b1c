"""Bundle adjustment of cameras against the 2D joints of a moving person whose bones keep their length.

The unknowns are camera poses (and, where asked for, focal lengths, delays and clock drifts), the joints of every frame
and the bone lengths; the loss is Student's t, whose width is estimated joint by joint from the residuals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .body_normal_equations import Bones, NormalEquations, assemble, eliminate
from .body_observations import (
    CAMERA_PARAMETERS,
    CENTER,
    DELAY,
    DRIFT,
    FOCAL,
    OMEGA,
    BodyState,
    BodyViews,
    IdealViews,
    Residuals,
    residuals,
    undo_lenses,
)
from .distortion import Array
from .errors import InputError
from .rig import Rig
from .rotation import rotation_vector
from .triangulation import triangulate_linear

Mask = NDArray[np.bool_]
Progress = Callable[[str, int, int], None]

FREEDOM = 3.0
"""Student's t degrees of freedom: detectors' errors have heavier tails than a Gaussian, lighter than Cauchy's."""

MEDIAN_T = FREEDOM * (2 ** (2 / FREEDOM) - 1)
"""The median squared length of a 2D error of that law, in units of its squared width."""

BONE_SPREAD = 0.04
"""By how much of the usual bone's length a bone varies in what detectors report, and a longer one by as much of its
own: joints are drawn to what the picture shows."""

SIDE_SPREAD = 0.03
"""How much the left and the right of a kind differ."""

START_SIGMA = 0.006
"""First guess of the noise, as a share of the picture's longer side."""

SIGMA_FLOOR_PX = 0.05
GAUGE_SIGMA = 1e-7
BLOCKS = 4
"""Stretches of time within which a joint's errors are taken as one when uncertainties are computed."""

ROUNDS = 5
STEPS, LAST_STEPS = 12, 40


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

    @property
    def deviation(self) -> Array:
        """[V, 9] standard deviations."""
        V = len(self.moved)
        flat = self.covariance.reshape(V * CAMERA_PARAMETERS, -1)
        return np.sqrt(np.maximum(np.diag(flat), 0)).reshape(V, CAMERA_PARAMETERS)


@dataclass
class _Problem:
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


def adjust(
    views: BodyViews, rig: Rig, prior: Prior, *, rounds: int = ROUNDS, progress: Progress | None = None
) -> Adjustment:
    """Find the cameras under which the person is seen alike by all.

    Args:
        views: the person.
        rig: where the search starts, and what the prior speaks of.
        prior: how far the cameras may move; without a gauge (a camera that stands, a baseline) in it, none is added.
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
    problem = _Problem(
        views=ideal,
        weight=np.clip(views.weight / usual, 0.1, 1.5) * (views.weight > 0),
        bones=views.bones,
        symmetric=views.symmetric,
        known=known,
        prior=prior,
        start=start,
        sigma=np.full(views.xy.shape[2], START_SIGMA * longer),
        prior_weight=np.ones(len(rig)),
    )
    state = start
    for k in range(rounds):
        state, cost = _minimise(problem, state, STEPS, 1e-5)
        problem.sigma = _noise(problem, state)
        if prior.robust:
            problem.prior_weight = _prior_weight(problem, state)
        if prior.focal.any():
            problem.views = _relens(views, rig, state)
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


def _bone_residuals(problem: _Problem, state: BodyState) -> Bones:
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


def _robust(r2: Array) -> tuple[Array, Array]:
    """Student's t: weight and loss of squared normalised residuals."""
    return 1 / (1 + r2 / FREEDOM), 0.5 * FREEDOM * np.log1p(r2 / FREEDOM)


def _weights(problem: _Problem, state: BodyState) -> tuple[Array, Bones, float]:
    """Weights [T, V, J] of the keypoints, weighted bones, and the loss without the priors."""
    res = residuals(problem.views, state)
    information = problem.weight / problem.sigma**2
    w, loss = _robust((res.e**2).sum(-1) * information)
    # Something that was seen but lies behind its camera costs as much as a very gross error.
    missed = problem.views.seen & ~res.valid & problem.known[:, None]
    used = res.valid & problem.known[:, None]
    cost = float(loss[used].sum() + missed.sum() * 0.5 * FREEDOM * np.log1p(1e4 / FREEDOM))
    bones = _bone_residuals(problem, state)
    wb, loss_b = _robust(bones.e**2 * bones.weight)
    bones = replace(bones, weight=bones.weight * wb)
    return information * w * used, bones, cost + float(loss_b.sum())


def _camera_offsets(problem: _Problem, state: BodyState) -> Array:
    """[V, 9] how far the cameras are from where the prior has them."""
    start = problem.start
    x = np.zeros((len(start.R), CAMERA_PARAMETERS))
    x[:, OMEGA] = rotation_vector(state.R @ start.R.transpose(0, 2, 1))
    x[:, CENTER] = state.center - start.center
    x[:, FOCAL] = np.log(state.focal / start.focal)
    x[:, DELAY], x[:, DRIFT] = state.delay - start.delay, state.drift - start.drift
    return x


def _prior_weight(problem: _Problem, state: BodyState) -> Array:
    """[V] how much each camera's prior is believed (Cauchy), by how far the camera went."""
    x = _camera_offsets(problem, state)[:, :6] / np.maximum(problem.prior.diagonal()[:, :6], 1e-9)
    return np.asarray(1 / (1 + (x**2).sum(1) / 3))


def _prior_terms(problem: _Problem, state: BodyState) -> tuple[Array, Array, float]:
    """The priors' H [G, G], g [G] and cost."""
    V, B = len(state.R), len(problem.bones)
    n = V * CAMERA_PARAMETERS
    H, g = np.zeros((n + B, n + B)), np.zeros(n + B)
    sd = problem.prior.diagonal()
    precision = np.where(np.isfinite(sd), 1 / np.maximum(sd, GAUGE_SIGMA) ** 2, 0.0)
    precision[:, :6] *= problem.prior_weight[:, None]
    x = _camera_offsets(problem, state)
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


def _with_symmetry(problem: _Problem, state: BodyState, H: Array, g: Array, cost: float) -> tuple[Array, Array, float]:
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


def _minimise(problem: _Problem, state: BodyState, steps: int, tolerance: float) -> tuple[BodyState, float]:
    """Levenberg-Marquardt with weights taken anew at every step, until a step gains less than a share of the cost."""
    damping = 1e-4
    weight, bones, cost = _weights(problem, state)
    H_prior, g_prior, prior_cost = _prior_terms(problem, state)
    cost += prior_cost
    for _ in range(steps):
        res = residuals(problem.views, state, derive=True)
        equations = assemble(res, weight, bones, problem.known)
        improved = False
        for _ in range(6):
            trial = _step(state, equations, H_prior, g_prior, damping)
            new_weight, new_bones, new_cost = _weights(problem, trial)
            H_new, g_new, prior_cost = _prior_terms(problem, trial)
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


def _noise(problem: _Problem, state: BodyState) -> Array:
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


def _result(problem: _Problem, state: BodyState, rig: Rig, cost: float) -> Adjustment:
    """Residuals and covariance at the end."""
    res = residuals(problem.views, state, derive=True)
    weight, bones, _ = _weights(problem, state)
    used = res.valid & problem.known[:, None]
    error = np.where(used, np.linalg.norm(res.e, axis=-1), np.nan)
    # The loss bends less than its weights say: for Student's t in the plane the mean curvature is the weight squared.
    information = problem.weight / problem.sigma**2
    bent = np.where(information > 0, weight**2 / np.where(information > 0, information, 1.0), 0.0)
    equations = assemble(res, bent, bones, problem.known)
    H, _, Z = eliminate(equations, 0.0)
    H = H + _prior_terms(problem, state)[0]
    root = np.sqrt(np.maximum(np.diag(H), 1e-12))
    inverse = np.linalg.pinv(H / root / root[:, None], hermitian=True) / root / root[:, None]
    covariance = inverse @ _score_spread(problem, res, weight, Z) @ inverse + _prior_spread(inverse, problem, state)
    V, n = len(rig), len(rig) * CAMERA_PARAMETERS
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
        moved=_camera_offsets(problem, state),
    )


def _score_spread(problem: _Problem, res: Residuals, weight: Array, Z: Array) -> Array:
    """Spread [G, G] of the gradient, with the errors of one joint within a quarter of the capture taken as one.

    A detector errs the same way in frame after frame: counted as independent, the errors would promise ten times the
    precision there is (the sandwich estimator, clustered).
    """
    assert res.J_camera is not None
    assert res.J_point is not None
    T, V, J = weight.shape
    G = Z.shape[-1] - 1
    Zr = Z[..., :G].reshape(T, J, 3, G)
    we = res.e * weight[..., None]  # [T, V, J, 2]
    pull = np.einsum("tvja,tvjab->tjb", we, res.J_point)
    score = -np.einsum("tjb,tjbg->tjg", pull, Zr)
    own = np.einsum("tvja,tvjac->tjvc", we, res.J_camera)
    score[..., : V * CAMERA_PARAMETERS] += own.reshape(T, J, -1)
    edges = np.linspace(0, T, min(BLOCKS, T) + 1).astype(int)
    clusters = np.concatenate([score[a:b].sum(0) for a, b in pairwise(edges)])
    return np.asarray(clusters.T @ clusters) * len(clusters) / max(len(clusters) - 1, 1)


def _prior_spread(inverse: Array, problem: _Problem, state: BodyState) -> Array:
    """What the prior's own uncertainty adds, but for where the whole world lies: that is the prior's to define."""
    P = _prior_terms(problem, state)[0]
    N = world_moves(state, len(problem.bones))
    PN = P @ N
    P = P - PN @ np.linalg.pinv(N.T @ PN, hermitian=True) @ PN.T
    return np.asarray(inverse @ P @ inverse)


def world_moves(state: BodyState, n_bones: int) -> Array:
    """[G, 7] how the parameters change when the world turns, shifts and grows."""
    V = len(state.R)
    moves = np.zeros((V, CAMERA_PARAMETERS, 7))
    moves[:, OMEGA, 0:3] = -state.R
    for axis in range(3):
        moves[:, CENTER, axis] = np.cross(np.eye(3)[axis], state.center)
    moves[:, CENTER, 3:6] = np.eye(3)
    moves[:, CENTER, 6] = state.center
    bones = np.zeros((n_bones, 7))
    bones[:, 6] = np.nan_to_num(state.bone)
    return np.concatenate([moves.reshape(-1, 7), bones])
