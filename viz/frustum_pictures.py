"""The cameras' pictures in their pyramids: patches of the pictures' colours, which move as people do."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, Rig
from lift3d.datasets import Poses

from .backdrop import Backdrops, Video
from .mesh import Mesh, join
from .stage import frustum_corners
from .viewpoint import camera_view

Array = NDArray[np.float64]

MOST_PATCHES = 40_000  # of all cameras together
MOST_ALONG = 128  # patches along a picture's longer side
FINER = 3  # pixels that are averaged for a patch, a side


class FrustumPictures:
    """What every camera saw, on the picture planes of the wire pyramids, its lens undone.

    Convention:
        the mesh has the same triangles in every frame; a camera without a picture shrinks to a point.

    Args:
        poses: a result, whose frames tell those of the videos.
        rig: the cameras drawn.
        videos: camera name to video file.
        size: of the pyramids, metres, as :func:`lift3d.viz.stage.frustum_corners` has it.
    """

    def __init__(self, poses: Poses, rig: Rig, videos: Mapping[str, Video], *, size: float) -> None:
        self._cameras = [camera for camera in rig if camera.name in videos]
        self._backdrops = Backdrops(poses, videos, lighten=0.0)
        self._patches = [patches(camera, len(self._cameras)) for camera in self._cameras]
        self._plates = [
            _plate(frustum_corners(camera, size), patch)
            for camera, patch in zip(self._cameras, self._patches, strict=True)
        ]

    def mesh(self, frame: int) -> Mesh:
        """The pictures of a frame of the result."""
        parts = []
        for camera, (columns, rows), plate in zip(self._cameras, self._patches, self._plates, strict=True):
            view = camera_view(camera, size=(FINER * columns, FINER * rows), distance=1.0)
            picture = self._backdrops.picture(camera, frame, view)
            if picture is None:
                parts.append(Mesh(np.repeat(camera.center[None], columns * rows, axis=0), plate.faces, plate.colors))
                continue
            small = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
            colors = np.asarray(small[..., ::-1], np.float64).reshape(-1, 3) / 255.0
            parts.append(Mesh(plate.vertices, plate.faces, colors))
        return join(parts)

    def close(self) -> None:
        """Let go of the videos."""
        self._backdrops.close()


def patches(camera: Camera, cameras: int) -> tuple[int, int]:
    """Columns and rows of a camera's picture, where so many cameras are shown."""
    width, height = camera.size
    along = min(MOST_ALONG, np.sqrt(MOST_PATCHES / max(cameras, 1) * max(width, height) / min(width, height)))
    columns, rows = (max(2, round(along * side / max(width, height))) for side in (width, height))
    return columns, rows


def _plate(corners: Array, patch: tuple[int, int]) -> Mesh:
    """Vertices in the middle of the patches of a rectangle, whose corners [4, 3] are as those of a picture."""
    columns, rows = patch
    across = ((np.arange(columns) + 0.5) / columns)[:, None]
    upper, lower = (corners[a] + across * (corners[b] - corners[a]) for a, b in ((0, 1), (3, 2)))
    vertices = upper + ((np.arange(rows) + 0.5) / rows)[:, None, None] * (lower - upper)  # [rows, columns, 3]
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1, 1)
    one, other = corner + [0, 1, columns + 1], corner + [0, columns + 1, columns]
    front = np.concatenate([one, other])
    faces = np.concatenate([front, front[:, ::-1]]).astype(np.int32)  # seen from both sides
    return Mesh(vertices.reshape(-1, 3), faces, np.zeros((columns * rows, 3)))
