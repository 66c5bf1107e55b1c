"""Pictures by nothing but OpenCV: the same scene, its triangles painted from far to near."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh
from .palette import BACKGROUND
from .viewpoint import Viewpoint

Array = NDArray[np.float64]

GROUND_LAYERS = ("floor", "shadows")  # painted before everything else, in this order
SUBPIXEL_BITS = 4
SUPERSAMPLE = 2
SUBPIXEL_LIMIT = 2**26  # beyond it, OpenCV's fixed-point coordinates overflow


class PainterRenderer:
    """Named meshes drawn by the painter's algorithm; a stand-in where Open3D cannot draw.

    Triangles are sorted by the depth of their middle, so long ones that pass each other may be painted in the wrong
    order; limbs are made of short ones.

    Args:
        size: (width, height) pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._meshes: dict[str, Mesh] = {}
        self._backdrop: NDArray[np.uint8] | None = None

    def set_mesh(self, name: str, mesh: Mesh) -> None:
        """Put a mesh into the scene, or replace the one of that name."""
        self._meshes[name] = mesh

    def move_mesh(self, name: str, mesh: Mesh) -> None:
        """The same; here nothing is gained by what stays."""
        self._meshes[name] = mesh

    def set_backdrop(self, picture: NDArray[np.uint8] | None) -> None:
        """What stands behind everything: a picture [H, W, 3] BGR of the drawing's size; None: plain."""
        self._backdrop = picture

    def draw(self, view: Viewpoint) -> NDArray[np.uint8]:
        """The picture [H, W, 3] BGR from a viewpoint of the renderer's size."""
        width, height = self._size
        large = view.scaled(SUPERSAMPLE)
        image = np.empty((height * SUPERSAMPLE, width * SUPERSAMPLE, 3), np.uint8)
        if self._backdrop is None:
            image[:] = _bgr(BACKGROUND)
        else:
            image[:] = cv2.resize(self._backdrop, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        for name in GROUND_LAYERS:  # seen from below they turn their backs, and nothing of them is painted
            if name in self._meshes:
                _paint(image, [self._meshes[name]], large, sort=False)
        _paint(image, [mesh for name, mesh in self._meshes.items() if name not in GROUND_LAYERS], large, sort=True)
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _paint(image: NDArray[np.uint8], meshes: list[Mesh], view: Viewpoint, *, sort: bool) -> None:
    """Fill the triangles that can be seen, far ones first or in their own order."""
    triangles, colors, depths = [], [], []
    for mesh in meshes:
        xy, depth = view.project(mesh.vertices)
        corners = xy[mesh.faces]  # [M, 3, 2]
        a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        front = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0  # False for NaN, that is for what is behind the viewer
        inside = (corners.max(1) > 0).all(-1) & (corners.min(1) < view.size).all(-1)
        keep = np.flatnonzero(front & inside & (np.abs(corners).max((1, 2)) < SUBPIXEL_LIMIT >> SUBPIXEL_BITS))
        triangles.append(corners[keep])
        colors.append(mesh.colors[mesh.faces[keep]].mean(1))
        depths.append(depth[mesh.faces[keep]].mean(1))
    if not triangles:
        return
    points = np.round(np.concatenate(triangles) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    bgr = _bgr(np.concatenate(colors)).tolist()
    order = np.argsort(-np.concatenate(depths)) if sort else np.arange(len(points))
    for i in order.tolist():
        cv2.fillConvexPoly(image, points[i], bgr[i], cv2.LINE_8, SUBPIXEL_BITS)


def _bgr(color: Array) -> NDArray[np.float64]:
    """RGB in 0..1 to BGR in 0..255."""
    return np.round(255 * color[..., ::-1])
