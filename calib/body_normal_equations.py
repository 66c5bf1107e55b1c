"""The sparse normal equations of cameras and a moving body: the joints of each frame are eliminated by themselves.

A frame's joints hang together by the bones (3J unknowns); frames hang together by nothing but the cameras and the
bone lengths (9V + B unknowns). So T small dense systems are solved, and one of the cameras.

Source: Triggs and others, Bundle Adjustment, a Modern Synthesis (2000), section 6.1 (the Schur complement).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body_observations import CAMERA_PARAMETERS, PairList, Residuals
from .distortion import Array


@dataclass(frozen=True, eq=False)
class Bones:
    """Bone residuals: distance of the ends over the bone's length, less 1; so that the scale of the world is free.

    Args:
        pairs: B pairs of joints.
        e: [T, B], zero where an end is missing.
        J_end: [T, B, 3] derivative by the first end, 1/m; by the second it is the opposite.
        J_length: [T, B] derivative by the bone's length, 1/m.
        weight: [T, B], zero where an end is missing.
    """

    pairs: PairList
    e: Array
    J_end: Array
    J_length: Array
    weight: Array


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """H x = -g with x = (9V camera parameters, B bone lengths) and 3J joint coordinates in each of T frames.

    Args:
        H: [G, G]; g: [G].
        H_frame: [T, 3J, 3J]; g_frame: [T, 3J].
        H_cross: [T, 3J, G].
    """

    H: Array
    g: Array
    H_frame: Array
    g_frame: Array
    H_cross: Array


def assemble(res: Residuals, weight: Array, bones: Bones, known: NDArray[np.bool_]) -> NormalEquations:
    """Build the normal equations.

    Args:
        res: with derivatives.
        weight: [T, V, J] 1/px².
        bones: residuals of the bones.
        known: [T, J] joints that are solved for; the others do not move.
    """
    assert res.J_camera is not None
    assert res.J_point is not None
    T, V, J = weight.shape
    n_camera, G = CAMERA_PARAMETERS * V, CAMERA_PARAMETERS * V + len(bones.pairs)
    H, g = np.zeros((G, G)), np.zeros(G)
    weighted = res.J_camera * weight[..., None, None]  # [T, V, J, 2, 9]
    for v in range(V):
        own = slice(v * CAMERA_PARAMETERS, (v + 1) * CAMERA_PARAMETERS)
        rows = weighted[:, v].reshape(-1, CAMERA_PARAMETERS)
        H[own, own] = rows.T @ res.J_camera[:, v].reshape(-1, CAMERA_PARAMETERS)
        g[own] = rows.T @ res.e[:, v].ravel()
    H_joint = np.einsum("tvjab,tvjac,tvj->tjbc", res.J_point, res.J_point, weight, optimize=True)
    g_joint = np.einsum("tvjab,tvja,tvj->tjb", res.J_point, res.e, weight, optimize=True)
    H_cross = np.zeros((T, J, 3, G))
    cross = np.einsum("tvjab,tvjac->tjbvc", res.J_point, weighted, optimize=True)
    H_cross[..., :n_camera] = cross.reshape(T, J, 3, n_camera)
    H_frame = np.zeros((T, J, 3, J, 3))
    index = np.arange(J)
    H_frame[:, index, :, index] = H_joint.transpose(1, 0, 2, 3)
    _add_bones(bones, H_frame, g_joint, H_cross, (H, g))
    unknown = ~known
    H_frame[unknown] = 0
    H_frame.transpose(0, 3, 1, 2, 4)[unknown] = 0
    t, j = np.nonzero(unknown)
    H_frame[t, j, :, j] = np.eye(3)
    H_cross[unknown], g_joint[unknown] = 0, 0
    return NormalEquations(
        H, g, H_frame.reshape(T, 3 * J, 3 * J), g_joint.reshape(T, 3 * J), H_cross.reshape(T, 3 * J, G)
    )


def _add_bones(bones: Bones, H_frame: Array, g_joint: Array, H_cross: Array, whole: tuple[Array, Array]) -> None:
    """Add the bones' share in place."""
    H, g = whole
    first = len(g) - len(bones.pairs)
    for b, (i, j) in enumerate(bones.pairs):
        n, d, w, e = bones.J_end[:, b], bones.J_length[:, b], bones.weight[:, b], bones.e[:, b]
        outer = n[:, :, None] * n[:, None, :] * w[:, None, None]
        for a, c, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
            H_frame[:, a, :, c] += sign * outer
        pull = n * (w * e)[:, None]
        g_joint[:, i] += pull
        g_joint[:, j] -= pull
        H_cross[:, i, :, first + b] += n * (w * d)[:, None]
        H_cross[:, j, :, first + b] -= n * (w * d)[:, None]
        H[first + b, first + b] += (w * d**2).sum()
        g[first + b] += (w * d * e).sum()


def eliminate(equations: NormalEquations, damping: float) -> tuple[Array, Array, Array]:
    """Take the joints out.

    Args:
        equations: see there.
        damping: Levenberg-Marquardt's factor on the joints' diagonal.

    Returns:
        The reduced H [G, G] and g [G]; Z [T, 3J, G + 1], by which joints follow: step = -Z @ (x, 1).
    """
    H_frame = equations.H_frame.copy()
    index = np.arange(H_frame.shape[1])
    H_frame[:, index, index] *= 1 + damping
    H_frame[:, index, index] += 1e-9
    right = np.concatenate([equations.H_cross, equations.g_frame[..., None]], axis=-1)
    Z = np.linalg.solve(H_frame, right)
    G = len(equations.g)
    # Frame by frame: one large product would wake BLAS's threads, which costs more than it saves on a busy machine.
    reduced = (equations.H_cross.transpose(0, 2, 1) @ Z).sum(0)
    return equations.H - reduced[:, :G], equations.g - reduced[:, G], Z
