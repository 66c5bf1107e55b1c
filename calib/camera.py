"""One calibrated camera."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import get_args

import numpy as np

from .distortion import FISHEYE_LENGTH, PINHOLE_LENGTHS, Array, LensModel, distort, distort_jacobian, undistort
from .errors import CalibrationError

ROTATION_TOLERANCE = 1e-3  # formats print rotations with 4 to 6 digits


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera with intrinsics and extrinsics.

    Convention:
        x_cam = R @ x_world + t, metres; camera axes x right, y down, z forward; pixel (0, 0) is the centre of the
        top-left pixel.

    Args:
        name: what files and messages call it.
        K: [3, 3] pixels, without skew.
        dist: distortion coefficients in OpenCV's order: 0, 4, 5, 8, 12 or 14 (pinhole), 4 (fisheye).
        R: [3, 3] world to camera.
        t: [3] metres.
        size: (width, height) in pixels of the pictures that K speaks of.
        model: "pinhole" or "fisheye".

    Raises:
        CalibrationError: a value is not finite, of the wrong shape, or impossible (the message names the camera).
    """

    name: str
    K: Array
    dist: Array = field(default_factory=lambda: np.zeros(5))
    R: Array = field(default_factory=lambda: np.eye(3))
    t: Array = field(default_factory=lambda: np.zeros(3))
    size: tuple[int, int] = (0, 0)
    model: LensModel = "pinhole"

    def __post_init__(self) -> None:
        for attribute, shape in (("K", (3, 3)), ("dist", (-1,)), ("R", (3, 3)), ("t", (3,))):
            try:
                value = np.array(getattr(self, attribute), dtype=np.float64).reshape(shape)
            except (TypeError, ValueError):
                raise CalibrationError(f"camera {self.name}: {attribute} must be numbers of shape {shape}") from None
            if not np.isfinite(value).all():
                raise CalibrationError(f"camera {self.name}: {attribute} holds a value that is not finite")
            value.setflags(write=False)
            object.__setattr__(self, attribute, value)
        self._check_size()
        self._check_intrinsics()
        if np.abs(self.R @ self.R.T - np.eye(3)).max() > ROTATION_TOLERANCE or np.linalg.det(self.R) < 0:
            raise CalibrationError(f"camera {self.name}: R is not a rotation (R R^T differs from 1, or it mirrors)")

    def _check_size(self) -> None:
        """A size must be two positive whole numbers."""
        size = np.asarray(self.size, dtype=np.float64).ravel()
        if size.shape != (2,) or not np.isfinite(size).all() or (size < 1).any() or (size != np.round(size)).any():
            got = tuple(size.tolist())
            raise CalibrationError(
                f"camera {self.name}: size must be (width, height) in whole pixels above zero, got {got}"
            )
        object.__setattr__(self, "size", (int(size[0]), int(size[1])))

    def _check_intrinsics(self) -> None:
        """K must be a pinhole without skew, dist of a length that OpenCV knows."""
        K = self.K
        if K[0, 0] <= 0 or K[1, 1] <= 0:
            raise CalibrationError(
                f"camera {self.name}: focal lengths must be above zero, got ({K[0, 0]:g}, {K[1, 1]:g})"
            )
        if np.abs(K[[0, 1, 2, 2], [1, 0, 0, 1]]).max() > 1e-9 or abs(K[2, 2] - 1) > 1e-9:
            raise CalibrationError(f"camera {self.name}: K must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] without skew")
        if self.model not in get_args(LensModel):
            raise CalibrationError(
                f"camera {self.name}: the lens model must be {' or '.join(get_args(LensModel))}, got {self.model!r}"
            )
        lengths = PINHOLE_LENGTHS if self.model == "pinhole" else (FISHEYE_LENGTH,)
        if len(self.dist) not in lengths:
            raise CalibrationError(
                f"camera {self.name}: a {self.model} lens has {' or '.join(map(str, lengths))} distortion "
                f"coefficients, got {len(self.dist)}"
            )

    @property
    def center(self) -> Array:
        """The optical centre in the world, [3] metres."""
        return np.asarray(-self.R.T @ self.t)

    @property
    def focal(self) -> Array:
        """(fx, fy) in pixels, [2]."""
        return self.K[[0, 1], [0, 1]]

    @property
    def principal_point(self) -> Array:
        """(cx, cy) in pixels, [2]."""
        return self.K[:2, 2]

    @property
    def P(self) -> Array:  # noqa: N802 the literature's name
        """The 3x4 matrix K [R | t]; the lens is not in it."""
        return np.asarray(self.K @ np.column_stack([self.R, self.t]))

    def project(self, xyz: Array) -> Array:
        """World points to pixels, through the lens.

        Args:
            xyz: [..., 3] metres, world.

        Returns:
            xy [..., 2] pixels; NaN for a point that is not in front of the camera.
        """
        x_cam = np.asarray(xyz, np.float64) @ self.R.T + self.t
        z = np.where(x_cam[..., 2:] > 0, x_cam[..., 2:], np.nan)
        return distort(x_cam[..., :2] / z, self.dist, self.model) * self.focal + self.principal_point

    def project_jacobian(self, xyz: Array) -> tuple[Array, Array]:
        """World points to pixels, and how the pixels move with the points.

        Args:
            xyz: [..., 3] metres, world.

        Returns:
            xy [..., 2] pixels; the derivative of xy by xyz [..., 2, 3] px/m. NaN behind the camera.
        """
        x_cam = np.asarray(xyz, np.float64) @ self.R.T + self.t
        z = np.where(x_cam[..., 2] > 0, x_cam[..., 2], np.nan)
        xy_norm = x_cam[..., :2] / z[..., None]
        xy_dist, J_lens = distort_jacobian(xy_norm, self.dist, self.model)
        J_norm = (self.R[:2] - xy_norm[..., :, None] * self.R[2]) / z[..., None, None]  # [..., 2, 3]
        return xy_dist * self.focal + self.principal_point, self.focal[:, None] * (J_lens @ J_norm)

    def undistort(self, xy: Array) -> Array:
        """Pixels to ideal coordinates on z = 1.

        Args:
            xy: [..., 2] pixels as the camera saw them.

        Returns:
            xy_norm [..., 2]; NaN where the lens model has no inverse.
        """
        xy = np.asarray(xy, np.float64)
        return undistort((xy - self.principal_point) / self.focal, self.dist, self.model)

    def undistort_scale(self, xy: Array) -> tuple[Array, Array]:
        """Pixels to ideal coordinates, and how many pixels a step there is worth.

        Args:
            xy: [..., 2] pixels as the camera saw them.

        Returns:
            xy_norm [..., 2]; the derivative of the pixels by xy_norm [..., 2, 2].
        """
        xy_norm = self.undistort(xy)
        _, J = distort_jacobian(xy_norm, self.dist, self.model)
        return xy_norm, self.focal[:, None] * J

    def unproject(self, xy: Array) -> Array:
        """Pixels to the directions they were seen in.

        Args:
            xy: [..., 2] pixels as the camera saw them.

        Returns:
            Unit vectors [..., 3] in the world frame, pointing away from ``center``.
        """
        xy_norm = self.undistort(xy)
        rays = np.concatenate([xy_norm, np.ones_like(xy_norm[..., :1])], axis=-1) @ self.R
        return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))

    def with_pose(self, R: Array, t: Array) -> Camera:
        """The same camera standing elsewhere."""
        return replace(self, R=R, t=t)
