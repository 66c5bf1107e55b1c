"""The videos' pictures in the scene of a window, behind it and in its cameras; made beside the window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .backdrop import Backdrops, Video
from .frustum_pictures import FrustumPictures
from .latest import Latest
from .mesh import Mesh
from .scene import Scene

Image = NDArray[np.uint8]
Asked = tuple[str, int, tuple[int, int]]  # camera, frame, the scene's (width, height)


class ScenePictures:
    """What the cameras saw, for a scene that stays where it is.

    Args:
        scene: with cameras.
        videos: camera name to video file.
    """

    def __init__(self, scene: Scene, videos: Mapping[str, Video]) -> None:
        assert scene.rig is not None
        self._scene = scene
        self._backdrops = Backdrops(scene.poses, videos)
        self._frusta = FrustumPictures(scene.poses, scene.rig, videos, size=scene.frustum_size(large=True))
        self._behind: Latest[Asked, Image | None] = Latest(self._seen)
        self._plates: Latest[int, Mesh] = Latest(self._frusta.mesh)

    def __contains__(self, camera: str) -> bool:
        return camera in self._backdrops

    def behind(self, asked: Asked) -> tuple[bool, Image | None]:
        """Whether the picture behind a camera's view is there at once, and it; otherwise it is made."""
        if self._behind.idle and self._backdrops.near(*asked[:2]):
            return True, self._seen(asked)
        self._behind.ask(asked)
        return False, None

    def late_behind(self, asked: Asked) -> tuple[bool, Image | None]:
        """Whether the picture that :meth:`behind` promised for this has come, and it."""
        late = self._behind.take()
        return (True, late[1]) if late is not None and late[0] == asked and self._behind.idle else (False, None)

    def ask_for_plates(self, frame: int) -> None:
        """Have the pictures in the cameras made."""
        self._plates.ask(frame)

    def late_plates(self) -> Mesh | None:
        """The pictures in the cameras, once they are made."""
        late = self._plates.take()
        return None if late is None else late[1]

    def wait(self) -> None:
        """Until all that was asked for is made."""
        self._behind.wait()
        self._plates.wait()

    def close(self) -> None:
        """End what is under way, and let go of the videos."""
        for late in (self._behind, self._plates):
            late.close()
        self._backdrops.close()
        self._frusta.close()

    def _seen(self, asked: Asked) -> Image | None:
        """What a camera saw in a frame; None where it has no picture."""
        name, frame, size = asked
        camera = self._scene.camera(name)
        return (
            None if camera is None else self._backdrops.picture(camera, frame, self._scene.viewpoint(name, size=size))
        )
