"""The ray of every pixel of a camera, through its lens, and where solids can be in its picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera

from .solids import Single, Solids, Window

Array = NDArray[np.float64]

MARGIN = 1  # pixels beyond the picture, so that rays between pixels are interpolated at its edge as well
SPARE = 1.1  # a window's size over the linear estimate: perspective swells what is near
SPARE_PX = 2.0


@dataclass(frozen=True, eq=False)
class RayTable:
    """Rays of one camera.

    Args:
        camera: the camera.
        x: [H + 2, W + 2] x on the plane z = 1 for pixels from -1 to W; NaN where the lens has no ray.
        y: the same for y.
    """

    camera: Camera
    x: Single
    y: Single

    @classmethod
    def of(cls, camera: Camera) -> RayTable:
        """Undo the lens for every pixel."""
        width, height = camera.size
        u, v = np.meshgrid(np.arange(-MARGIN, width + MARGIN), np.arange(-MARGIN, height + MARGIN))
        xy_norm = camera.undistort(np.stack([u, v], axis=-1).astype(np.float64)).astype(np.float32)
        return cls(camera, np.ascontiguousarray(xy_norm[..., 0]), np.ascontiguousarray(xy_norm[..., 1]))

    @property
    def pose(self) -> tuple[Array, Array]:
        """R [3, 3] and the centre [3] of the camera."""
        return self.camera.R, self.camera.center

    def rays(self, window: Window, factor: int = 1) -> tuple[Single, Single]:
        """Rays of a part of the picture, ``factor`` by ``factor`` of them in every pixel.

        Between pixels the rays are interpolated linearly: at a usual lens 1e-6 px off, at a strong one 1e-3 px.
        """
        left, top, right, bottom = window
        crop = np.s_[top : bottom + 2 * MARGIN, left : right + 2 * MARGIN]
        if factor == 1:
            inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
            return self.x[crop][inner], self.y[crop][inner]
        inner = np.s_[factor * MARGIN : -factor * MARGIN, factor * MARGIN : -factor * MARGIN]
        size = (factor * (right - left + 2 * MARGIN), factor * (bottom - top + 2 * MARGIN))
        finer = (cv2.resize(part[crop], size, interpolation=cv2.INTER_LINEAR)[inner] for part in (self.x, self.y))
        x, y = finer
        return np.asarray(x, np.float32), np.asarray(y, np.float32)

    def windows(self, solids: Solids) -> NDArray[np.int64]:
        """[N, 4] left, top, right, bottom: the pixels in which each solid can be seen; empty where it cannot."""
        width, height = self.camera.size
        depth = solids.ends @ self.camera.R[2] + self.camera.t[2]  # [N, 2]
        xy, J = self.camera.project_jacobian(solids.ends)
        with np.errstate(invalid="ignore", divide="ignore"):
            nearness = SPARE / (1 - solids.bound / depth)
        reach = np.linalg.norm(J, axis=-1) * (solids.bound * nearness)[..., None] + SPARE_PX  # [N, 2, 2]
        low, high = (xy - reach).min(1), (xy + reach).max(1)
        close = (depth < 2 * solids.bound).any(1) & (depth > -solids.bound).any(1)
        low[close], high[close] = -1, (width, height)
        gone = ~np.isfinite(low + high).all(1) | (depth < -solids.bound).all(1)
        low[gone], high[gone] = 0, -1
        limit = np.array([width, height])
        return np.concatenate([np.clip(np.floor(low), 0, limit), np.clip(np.ceil(high) + 1, 0, limit)], axis=1).astype(
            np.int64
        )


def around(windows: NDArray[np.int64]) -> Window | None:
    """The window that holds all windows which are not empty; None where all are."""
    full = windows[(windows[:, 2:] > windows[:, :2]).all(1)]
    if not len(full):
        return None
    left, top = full[:, :2].min(0).tolist()
    right, bottom = full[:, 2:].max(0).tolist()
    return left, top, right, bottom
