"""How sure the cameras are that were adjusted to a moving person."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .body_normal_equations import assemble, eliminate
from .body_observations import CAMERA_PARAMETERS, CENTER, OMEGA, BodyState, Residuals, residuals
from .body_problem import FREEDOM, Problem, prior_terms, weigh
from .distortion import Array

BLOCKS = 4
"""Stretches of time within which a joint's errors are taken as one when uncertainties are computed."""


def score_spread(problem: Problem, res: Residuals, weight: Array, Z: Array) -> Array:
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


def joints_alike(problem: Problem, state: BodyState) -> float:
    """How many joints are worth one, as a detector errs alike in joint after joint; 1: they err one by one.

    Source: Varin, Reid and Firth, An overview of composite likelihood methods, Statistica Sinica 2011, section 2.3: the
    mean of the eigenvalues by which the spread of the gradient exceeds the curvature.
    """
    res = residuals(problem.views, state, derive=True)
    weight, bones, _ = weigh(problem, state)
    H, _, Z = eliminate(assemble(res, bent(problem, weight), bones, problem.known), 0.0)
    inverse = invert(H + prior_terms(problem, state)[0])
    ratio = float(np.sum(inverse * score_spread(problem, res, weight, Z)) / max(np.sum(inverse * H), 1e-12))
    return ratio * (FREEDOM + 2) / FREEDOM  # errors that follow the law one by one have that much less spread


def bent(problem: Problem, weight: Array) -> Array:
    """What the loss bends by, less than its weights: of Student's t in the plane the mean is the weight squared."""
    information = problem.weight / problem.sigma**2
    return np.where(information > 0, weight**2 / np.where(information > 0, information, 1.0), 0.0)


def invert(H: Array) -> Array:
    """The inverse of normal equations whose unknowns differ in size."""
    root = np.sqrt(np.maximum(np.diag(H), 1e-12))
    return np.asarray(np.linalg.pinv(H / root / root[:, None], hermitian=True) / root / root[:, None])


def prior_spread(inverse: Array, problem: Problem, state: BodyState) -> Array:
    """What the prior's own uncertainty adds, but for where the whole world lies: that is the prior's to define."""
    P = prior_terms(problem, state)[0]
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
