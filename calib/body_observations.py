"""What cameras saw of one moving person, and how a guess of cameras, joints and clocks explains it.

Convention:
    T frames, V views, J joints, B bones. A camera's nine parameters stand in the order omega (3, radians, camera
    frame: R' = exp([omega]x) R), the centre's step (3, metres, world), the logarithm of the focal length, the delay
    (frames) and the clock's drift (frames a frame, from the middle of the capture).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .distortion import Array
from .errors import InputError
from .rig import Rig
from .rotation import rotation_matrix

CAMERA_PARAMETERS = 9
OMEGA, CENTER, FOCAL, DELAY, DRIFT = slice(0, 3), slice(3, 6), 6, 7, 8
MIN_DEPTH = 0.05  # m: nearer points count as behind the camera

PairList = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class BodyViews:
    """The 2D joints of one person in several cameras.

    Convention:
        associated: all views show the same person; a joint that was not seen is NaN with confidence 0.

    Args:
        xy: [T, V, J, 2] pixels.
        confidence: [T, V, J] in 0..1; None: 1 where there is a joint.
        bones: pairs of joints whose distance a body keeps.
        symmetric: pairs of positions in ``bones`` that are the left and the right one of a kind.
        velocity: [T, V, J, 2] pixels a frame, needed where delays are solved for; NaN where not known.
        time: [T] frame numbers, None for 0..T-1; a clock's drift counts along it.

    Raises:
        InputError: shapes disagree.
    """

    xy: Array
    confidence: Array | None = None
    bones: PairList = ()
    symmetric: PairList = ()
    velocity: Array | None = None
    time: Array | None = None

    def __post_init__(self) -> None:
        xy = np.array(self.xy, np.float64)
        if xy.ndim != 4 or xy.shape[-1] != 2:
            raise InputError(f"a person's keypoints must be [T, V, J, 2], got {list(xy.shape)}")
        confidence = np.ones(xy.shape[:-1]) if self.confidence is None else np.array(self.confidence, np.float64)
        if confidence.shape != xy.shape[:-1]:
            raise InputError(f"confidence must be {list(xy.shape[:-1])}, got {list(confidence.shape)}")
        seen = np.isfinite(xy).all(-1) & (confidence > 0)
        xy[~seen] = np.nan
        time = np.arange(len(xy), dtype=np.float64) if self.time is None else np.asarray(self.time, np.float64)
        if time.shape != (len(xy),):
            raise InputError(f"time must be [{len(xy)}], got {list(time.shape)}")
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "confidence", np.where(seen, confidence, 0.0))
        object.__setattr__(self, "time", time)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """[T, V, J] where a view has the joint."""
        return np.asarray(self.weight > 0)

    @property
    def weight(self) -> Array:
        """[T, V, J] the confidence."""
        assert self.confidence is not None
        return self.confidence

    @property
    def frames(self) -> Array:
        """[T] frame numbers."""
        assert self.time is not None
        return self.time

    def take(self, frames: NDArray[np.intp], views: list[int] | None = None) -> BodyViews:
        """Some frames in all or some of the views."""
        which = np.arange(self.xy.shape[1]) if views is None else np.array(views)
        velocity = None if self.velocity is None else self.velocity[frames][:, which]
        return replace(
            self,
            xy=self.xy[frames][:, which],
            confidence=self.weight[frames][:, which],
            velocity=velocity,
            time=self.frames[frames],
        )


@dataclass(frozen=True, eq=False)
class IdealViews:
    """The same with the lens undone.

    Args:
        xy: [T, V, J, 2] on z = 1, zero where not seen.
        scale: [T, V, J, 2, 2] pixels a unit on z = 1, zero where not seen.
        velocity: [T, V, J, 2] on z = 1 a frame, zero where not known.
        seen: [T, V, J].
        phase: [T] frames from the middle of the capture.
    """

    xy: Array
    scale: Array
    velocity: Array
    seen: NDArray[np.bool_]
    phase: Array


def undo_lenses(views: BodyViews, rig: Rig) -> IdealViews:
    """Undistort all views; a joint that the lens model cannot explain counts as not seen."""
    xy = np.zeros(views.xy.shape)
    scale = np.zeros((*views.xy.shape, 2))
    velocity = np.zeros(views.xy.shape)
    seen = views.seen.copy()
    for v, camera in enumerate(rig):
        ideal, J = camera.undistort_scale(views.xy[:, v])
        seen[:, v] &= np.isfinite(ideal).all(-1) & np.isfinite(J).all((-1, -2))
        mask = seen[:, v]
        xy[:, v][mask], scale[:, v][mask] = ideal[mask], J[mask]
        if views.velocity is not None:
            mask = mask & np.isfinite(views.velocity[:, v]).all(-1)
            velocity[:, v][mask] = np.linalg.solve(J[mask], views.velocity[:, v][mask][..., None])[..., 0]
    phase = views.frames - (views.frames[0] + views.frames[-1]) / 2 if len(views.frames) else views.frames
    return IdealViews(xy, scale, velocity, seen, phase)


@dataclass(frozen=True, eq=False)
class BodyState:
    """A guess of everything.

    Args:
        R: [V, 3, 3] world to camera.
        center: [V, 3] metres.
        focal: [V] factors on the focal lengths.
        delay: [V] frames to add to a camera's frame numbers, at the middle of the capture.
        drift: [V] frames a frame by which that grows.
        X: [T, J, 3] metres; NaN where a joint has fewer than two views.
        bone: [B] metres.
    """

    R: Array
    center: Array
    focal: Array
    delay: Array
    drift: Array
    X: Array
    bone: Array = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of_rig(cls, rig: Rig, X: Array, bone: Array) -> BodyState:
        """The rig as it stands, clocks in step."""
        V = len(rig)
        R = np.array([camera.R for camera in rig])
        return cls(R, rig.centers, np.ones(V), np.zeros(V), np.zeros(V), X, bone)

    def moved(self, cameras: Array, X: Array, bone: Array) -> BodyState:
        """One step further: cameras [V, 9], X [T, J, 3], bone [B]."""
        return BodyState(
            R=rotation_matrix(cameras[:, OMEGA]) @ self.R,
            center=self.center + cameras[:, CENTER],
            focal=self.focal * np.exp(np.clip(cameras[:, FOCAL], -0.2, 0.2)),
            delay=self.delay + cameras[:, DELAY],
            drift=self.drift + cameras[:, DRIFT],
            X=self.X + X,
            bone=np.maximum(self.bone + bone, 1e-3),
        )

    def rig(self, rig: Rig) -> Rig:
        """The cameras of ``rig`` where this state has them."""
        cameras = []
        for v, camera in enumerate(rig):
            K = camera.K.copy()
            K[[0, 1], [0, 1]] *= self.focal[v]
            cameras.append(replace(camera, K=K, R=self.R[v], t=-self.R[v] @ self.center[v]))
        return Rig(tuple(cameras))


@dataclass(frozen=True, eq=False)
class Residuals:
    """Predicted minus observed.

    Args:
        e: [T, V, J, 2] pixels; zero where nothing was observed.
        valid: [T, V, J] observed, and before the camera.
        J_camera: [T, V, J, 2, 9] derivative by the own camera's parameters; None if not asked for.
        J_point: [T, V, J, 2, 3] derivative by the joint, px/m; None if not asked for.
    """

    e: Array
    valid: NDArray[np.bool_]
    J_camera: Array | None = None
    J_point: Array | None = None


def residuals(views: IdealViews, state: BodyState, *, derive: bool = False) -> Residuals:
    """Compare a guess with what was seen."""
    x_cam = np.einsum("vab,tvjb->tvja", state.R, state.X[:, None] - state.center[:, None])
    z = x_cam[..., 2]
    front = np.isfinite(z) & (z > MIN_DEPTH)
    valid = views.seen & front
    inv_z = 1.0 / np.where(front, z, 1.0)
    x_cam = np.where(front[..., None], x_cam, 0.0)
    p = x_cam[..., :2] * inv_z[..., None]
    late = state.delay + state.drift * views.phase[:, None]  # [T, V]
    scale = views.scale * valid[..., None, None]
    e = p * state.focal[:, None, None] - views.xy + late[..., None, None] * views.velocity
    e = (scale @ e[..., None])[..., 0]
    if not derive:
        return Residuals(e, valid)
    D = np.zeros((*p.shape, 3))
    D[..., 0, 0] = D[..., 1, 1] = inv_z
    D[..., :, 2] = -p * inv_z[..., None]
    D = scale @ D * state.focal[:, None, None, None]  # px by x_cam
    J_camera = np.zeros((*p.shape, CAMERA_PARAMETERS))
    J_camera[..., OMEGA] = np.cross(x_cam[..., None, :], D)  # D @ -[x]x, row by row
    J_point = np.einsum("tvjab,vbc->tvjac", D, state.R)
    J_camera[..., CENTER] = -J_point
    J_camera[..., FOCAL] = (scale @ (p * state.focal[:, None, None])[..., None])[..., 0]
    J_camera[..., DELAY] = (scale @ views.velocity[..., None])[..., 0]
    J_camera[..., DRIFT] = J_camera[..., DELAY] * views.phase[:, None, None, None]
    return Residuals(e, valid, J_camera, J_point)
