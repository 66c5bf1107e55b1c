"""Bundle adjustment of cameras over the poses of a moving board, by sparse normal equations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .arrow_system import ArrowSystem, descend
from .camera import Camera
from .camera_jacobian import project_camera_frame, turn_jacobian
from .distortion import Array
from .errors import CalibrationError
from .rotation import rotation_matrix

LOST = 1e3  # pixels: what a corner counts that was seen but would lie behind the camera
MIN_CORNERS = 4


@dataclass(frozen=True, eq=False)
class BoardObservations:
    """What C cameras saw of one board in P poses.

    Args:
        corners: [N, 3] metres, board frame.
        xy: [C, P, N, 2] pixels; NaN: not seen.
        motion: [C, P, N, 2] pixels a second, how the corners moved in the pictures. With it, every camera that is not
            fixed may prove late. None: nobody is.
    """

    corners: Array
    xy: Array
    motion: Array | None = None

    @property
    def seen(self) -> NDArray[np.bool_]:
        """[C, P, N]: whether a camera saw a corner."""
        return np.asarray(np.isfinite(self.xy).all(-1))

    def select(self, poses: NDArray[np.int64] | NDArray[np.bool_]) -> BoardObservations:
        """Some of the poses, by position or mask."""
        motion = None if self.motion is None else self.motion[:, poses]
        return BoardObservations(self.corners, self.xy[:, poses], motion)


@dataclass(frozen=True, eq=False)
class BoardPoses:
    """P poses of a board: x_world = R @ x_board + t.

    Args:
        R: [P, 3, 3].
        t: [P, 3] metres.
    """

    R: Array
    t: Array

    def points(self, corners: Array) -> Array:
        """Corners [N, 3] in the world, [P, N, 3] metres."""
        return corners @ self.R.transpose(0, 2, 1) + self.t[:, None]


@dataclass(frozen=True, eq=False)
class AdjustmentConfig:
    """What may move, and how much an outlier counts.

    Args:
        fixed: cameras that keep their pose, by position; the first, as a rule, since something must fix the gauge.
        lens: [4 + D, m] a camera: the directions in which (fx, fy, cx, cy, dist) may move; None: none may.
        stiffness: pixels a metre: what a corner counts that is not where the print should have it; noise in pixels over
            the print's error in metres. None: the board is as printed.
        loss_scale: pixels; residuals well beyond it lose their weight (Cauchy's loss). None: plain least squares.
        max_steps: at most.
        tolerance: relative decrease of the cost at which to stop.
    """

    fixed: tuple[int, ...] = (0,)
    lens: tuple[Array | None, ...] | None = None
    stiffness: float | None = None
    loss_scale: float | None = 1.0
    max_steps: int = 60
    tolerance: float = 1e-9


@dataclass(frozen=True, eq=False)
class Adjustment:
    """The result.

    Args:
        cameras: C, adjusted.
        poses: P poses of the board.
        corners: [N, 3] metres, board frame; those given, unless the board could be other than printed.
        delays: [C] seconds by which what a camera saw is older than the moment it is given for; zero for those fixed.
        delay_sigma: [C] their standard deviations.
        residuals: [C, P, N, 2] pixels, projected minus seen.
        weights: [C, P, N] of the robust loss, 0..1; 0 where nothing was seen.
        noise: pixels a coordinate, estimated from the weighted residuals.
        covariance: [C, 6, 6] of each camera's (omega, dt), as :mod:`camera_jacobian` defines them, relative to the
            cameras that were fixed; zero for those.
        lens_covariance: [4 + D, 4 + D] a camera of (fx, fy, cx, cy, dist); zero for what was fixed.
        cost: half the robust sum of squares.
        steps: how many were taken.
        converged: whether more steps would not have helped.
    """

    cameras: tuple[Camera, ...]
    poses: BoardPoses
    corners: Array
    delays: Array
    delay_sigma: Array
    residuals: Array
    weights: Array
    noise: float
    covariance: Array
    lens_covariance: tuple[Array, ...]
    cost: float
    steps: int
    converged: bool

    @property
    def rms(self) -> float:
        """Root mean square distance in pixels over all corners, outliers as well."""
        return float(np.sqrt(np.nanmean((self.residuals**2).sum(-1))))


@dataclass(frozen=True, eq=False)
class _State:
    """Cameras, board poses, the board and the cameras' delays."""

    cameras: tuple[Camera, ...]
    poses: BoardPoses
    corners: Array
    delays: Array


def adjust_boards(
    cameras: Sequence[Camera],
    observations: BoardObservations,
    poses: BoardPoses,
    *,
    config: AdjustmentConfig | None = None,
) -> Adjustment:
    """Move cameras, board poses and, if wanted, lenses to where they explain all corners best.

    Args:
        cameras: C, where they are thought to stand.
        observations: what they saw.
        poses: P, where the board is thought to have been.
        config: what may move.

    Raises:
        ValueError: the shapes disagree.
        CalibrationError: a pose or a camera that shall move saw fewer than four corners.
    """
    config = config or AdjustmentConfig()
    if observations.xy.shape[:2] != (len(cameras), len(poses.t)):
        raise ValueError(
            f"xy must be [C, P, N, 2] with {len(cameras)} cameras and {len(poses.t)} poses, "
            f"got {list(observations.xy.shape)}"
        )
    problem = _BoardProblem(observations, config, [4 + len(camera.dist) for camera in cameras])
    _check_seen(problem, cameras)
    start = _State(tuple(cameras), poses, observations.corners, np.zeros(len(cameras)))
    end = descend(problem, start, max_steps=config.max_steps, tolerance=config.tolerance)
    return problem.report(end.state, end.cost, end.steps, end.converged)


def _check_seen(problem: _BoardProblem, cameras: Sequence[Camera]) -> None:
    """Refuse what no corner holds."""
    seen = problem.observations.seen
    lost = np.flatnonzero(seen.sum((0, 2)) < MIN_CORNERS)
    if len(lost):
        raise CalibrationError(f"{len(lost)} board poses were seen in fewer than {MIN_CORNERS} corners; leave them out")
    for i, camera in enumerate(cameras):
        if problem.width(i) and seen[i].sum() < MIN_CORNERS:
            raise CalibrationError(f"camera {camera.name} saw no board; leave it out, or film the board before it")


class _BoardProblem:
    """The least squares problem of :func:`adjust_boards`."""

    def __init__(self, observations: BoardObservations, config: AdjustmentConfig, lens_sizes: Sequence[int]) -> None:
        self.observations = observations
        self.config = config
        lens = config.lens or (None,) * len(lens_sizes)
        self.bases = [np.zeros((n, 0)) if basis is None else basis for basis, n in zip(lens, lens_sizes, strict=True)]
        widths = [self.width(i) for i in range(len(lens_sizes))]
        self.ends = np.cumsum([0, *widths])
        self.shape = slice(
            int(self.ends[-1]), int(self.ends[-1]) + (observations.corners.size if config.stiffness else 0)
        )
        self.views = [np.flatnonzero(seen.any(1)) for seen in observations.seen]

    def width(self, i: int) -> int:
        """How many parameters of camera i may move."""
        return self._pose(i) + self.bases[i].shape[1] + self._delay(i)

    def _pose(self, i: int) -> int:
        """How many of them are the pose's."""
        return 0 if i in self.config.fixed else 6

    def _delay(self, i: int) -> int:
        """How many of them are the delay: one or none."""
        return int(self.observations.motion is not None and i not in self.config.fixed)

    def _columns(self, i: int) -> slice:
        """Where camera i's parameters stand."""
        return slice(int(self.ends[i]), int(self.ends[i + 1]))

    def _residuals(self, state: _State, i: int) -> tuple[Array, Array]:
        """[V, N, 2] projected minus seen and x_cam [V, N, 3], for the views of camera i; NaN: not seen."""
        camera, views = state.cameras[i], self.views[i]
        world = state.corners @ state.poses.R[views].transpose(0, 2, 1) + state.poses.t[views][:, None]
        xy = self.observations.xy[i, views]
        residual = camera.project(world) - xy
        if self.observations.motion is not None:
            residual -= state.delays[i] * self.observations.motion[i, views]
        lost = np.isfinite(xy) & ~np.isfinite(residual)
        return np.where(lost, LOST, residual), world @ camera.R.T + camera.t

    def _weights(self, residual: Array) -> tuple[Array, float]:
        """Weights [V, N] and the cost; NaN residuals weigh nothing."""
        square = np.nan_to_num((residual**2).sum(-1))
        seen = np.isfinite(residual[..., 0])
        if self.config.loss_scale is None:
            return seen.astype(np.float64), 0.5 * float(square.sum())
        scale = self.config.loss_scale**2
        return seen / (1 + square / scale), 0.5 * scale * float(np.log1p(square / scale).sum())

    def cost(self, state: _State) -> float:
        """Half the robust sum of squares."""
        bent = (self.config.stiffness or 0.0) * (state.corners - self.observations.corners)
        seen = sum(self._weights(self._residuals(state, i)[0])[1] for i in range(len(state.cameras)))
        return seen + 0.5 * float((bent**2).sum())

    def linearise(self, state: _State) -> ArrowSystem:
        """The normal equations, camera by camera."""
        n, P = self.shape.stop, len(state.poses.t)
        A, B, g = np.zeros((n, n)), np.zeros((n, P, 6)), np.zeros(n)
        D, h = np.zeros((P, 6, 6)), np.zeros((P, 6))
        for i, J, J_shape in self._weighted_jacobians(state):
            columns, views, k = self._columns(i), self.views[i], self.width(i)
            flat = J.reshape(len(J), -1, J.shape[-1])
            gram = flat.transpose(0, 2, 1) @ flat
            A[columns, columns] = gram[:, :k, :k].sum(0)
            g[columns] = -gram[:, :k, -1].sum(0)
            B[columns, views] = gram[:, :k, k : k + 6].transpose(1, 0, 2)
            D[views] += gram[:, k : k + 6, k : k + 6]
            h[views] -= gram[:, k : k + 6, -1]
            if J_shape is not None:
                own, cross = _shape_blocks(J, J_shape)
                A[self.shape, self.shape] += own
                A[self.shape, columns] = cross[..., :k].sum(1)
                A[columns, self.shape] = cross[..., :k].sum(1).T
                B[self.shape, views] += cross[..., k : k + 6]
                g[self.shape] -= cross[..., -1].sum(1)
        if self.config.stiffness:
            A[self.shape, self.shape] += self.config.stiffness**2 * np.eye(state.corners.size)
            g[self.shape] -= self.config.stiffness**2 * (state.corners - self.observations.corners).ravel()
        return ArrowSystem(A, B, D, g, h)

    def _weighted_jacobians(self, state: _State) -> Iterator[tuple[int, Array, Array | None]]:
        """For each camera [V, N, 2, k + 7]: its own, the board's pose's and the residual's columns; [V, N, 2, 3]: the
        corners', if they may move.
        """
        for i in range(len(state.cameras)):
            residual, x_cam = self._residuals(state, i)
            root = np.sqrt(self._weights(residual)[0])[..., None, None]
            J, J_world = self._jacobian(state, i, x_cam)
            J = np.concatenate([J, residual[..., None]], axis=-1)
            shape = J_world @ state.poses.R[self.views[i]][:, None] if self.config.stiffness else None
            yield i, _weigh(J, root), None if shape is None else _weigh(shape, root)

    def _jacobian(self, state: _State, i: int, x_cam: Array) -> tuple[Array, Array]:
        """[V, N, 2, k + 6]: by camera i's pose, lens and delay as far as they may move, then by the board's pose; and
        [V, N, 2, 3]: by the corner's place in the world.
        """
        camera, views, V, corners = state.cameras[i], self.views[i], len(x_cam), state.corners
        flat = x_cam.reshape(-1, 3)
        basis = self.bases[i]
        _, J, J_lens = project_camera_frame(camera, flat, intrinsics=basis.shape[1] > 0)
        J_world = J @ camera.R
        on_board = (corners @ state.poses.R[views].transpose(0, 2, 1)).reshape(-1, 3)
        parts = [turn_jacobian(J_world, on_board), J_world]
        if self._delay(i) and self.observations.motion is not None:
            parts.insert(0, -self.observations.motion[i, views].reshape(-1, 2, 1))
        if J_lens is not None:
            parts.insert(0, J_lens @ basis)
        if i not in self.config.fixed:
            parts[:0] = [turn_jacobian(J, flat - camera.t), J]
        shape = (V, len(corners), 2, -1)
        return np.concatenate(parts, axis=-1).reshape(shape), J_world.reshape(shape)

    def move(self, state: _State, dx: Array, dy: Array) -> _State:
        """Cameras and boards after a step."""
        cameras = tuple(self._move_camera(camera, i, dx[self._columns(i)]) for i, camera in enumerate(state.cameras))
        poses = BoardPoses(rotation_matrix(dy[:, :3]) @ state.poses.R, state.poses.t + dy[:, 3:])
        corners, delays = state.corners, state.delays.copy()
        if self.config.stiffness:
            corners = corners + dx[self.shape].reshape(-1, 3)
        for i in np.flatnonzero([self._delay(i) for i in range(len(delays))]):
            delays[i] += dx[self.ends[i + 1] - 1]
        return _State(cameras, poses, corners, delays)

    def _move_camera(self, camera: Camera, i: int, step: Array) -> Camera:
        """One camera after its part of a step; a focal length never turns negative."""
        if self.bases[i].shape[1]:
            camera = move_lens(camera, self.bases[i] @ step[self._pose(i) :][: self.bases[i].shape[1]])
        if i in self.config.fixed:
            return camera
        return camera.with_pose(_proper(rotation_matrix(step[:3]) @ camera.R), camera.t + step[3:6])

    def report(self, state: _State, cost: float, steps: int, converged: bool) -> Adjustment:
        """Residuals, weights, noise and covariances at the solution."""
        xy = self.observations.xy
        residuals, weights = np.full(xy.shape, np.nan), np.zeros(xy.shape[:3])
        for i, views in enumerate(self.views):
            residuals[i, views], _ = self._residuals(state, i)
            weights[i, views], _ = self._weights(residuals[i, views])
        unknowns = self.shape.stop + 6 * len(state.poses.t)
        square = float((weights * np.nan_to_num((residuals**2).sum(-1))).sum())
        noise = float(np.sqrt(square / max(2 * weights.sum() - unknowns, 1.0)))
        full = noise**2 * _inverse(self.linearise(state).information())
        covariance, lenses, late = np.zeros((len(state.cameras), 6, 6)), [], np.zeros(len(state.cameras))
        for i, basis in enumerate(self.bases):
            own = full[self._columns(i), self._columns(i)]
            lens = slice(self._pose(i), self._pose(i) + basis.shape[1])
            if self._pose(i):
                covariance[i] = own[:6, :6]
            if self._delay(i):
                late[i] = np.sqrt(max(own[-1, -1], 0.0))
            lenses.append(basis @ own[lens, lens] @ basis.T)
        return Adjustment(
            state.cameras, state.poses, state.corners, state.delays, late, residuals, weights, noise, covariance,
            tuple(lenses), cost, steps, converged,
        )  # fmt: skip


def move_lens(camera: Camera, change: Array) -> Camera:
    """The camera with (fx, fy, cx, cy, dist) changed by [4 + D]; focal lengths at most halve or double."""
    K = camera.K.copy()
    focal = np.clip(camera.focal + change[:2], camera.focal / 2, camera.focal * 2)
    K[0, 0], K[1, 1] = focal
    K[:2, 2] += change[2:4]
    return replace(camera, K=K, dist=camera.dist + change[4:])


def _weigh(J: Array, root: Array) -> Array:
    """Derivatives times the root of their weights; zero where nothing was seen."""
    return np.where(np.isfinite(J) & (root > 0), J, 0.0) * root


def _shape_blocks(J: Array, J_shape: Array) -> tuple[Array, Array]:
    """[3N, 3N]: the corners' own block, and [3N, V, k + 7]: their products with all else."""
    N = J.shape[1]
    own = np.zeros((N, 3, N, 3))
    own[np.arange(N), :, np.arange(N)] = np.einsum("vnra,vnrb->nab", J_shape, J_shape)
    cross = np.einsum("vnra,vnrk->navk", J_shape, J)
    return own.reshape(3 * N, 3 * N), cross.reshape(3 * N, *cross.shape[2:])


def _proper(R: Array) -> Array:
    """The nearest rotation: many products of rotations drift."""
    U, _, Vt = np.linalg.svd(R)
    return np.asarray(U @ Vt)


def _inverse(M: Array) -> Array:
    """The inverse of a symmetric matrix, scaled first; directions that nothing holds get a very large variance."""
    if not len(M):
        return M
    scale = 1 / np.sqrt(np.maximum(np.diag(M), 1e-300))
    values, vectors = np.linalg.eigh(M * scale[:, None] * scale)
    values = np.maximum(values, 1e-14)
    return np.asarray((vectors / values) @ vectors.T * scale[:, None] * scale)
