"""Pictures and videos of what the window shows, written into the working folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.calib.atomic_file import atomic_file

from .caption import draw_caption, draw_labels
from .playback import Playback
from .render import video_fps
from .scene import Scene
from .video_file import VideoFile
from .viewpoint import Viewpoint

Image = NDArray[np.uint8]

MAX_NUMBER = 10_000


class Recorder:
    """Takes what the window draws, writes words on it as ``lift3d render`` does, and saves it.

    Args:
        title: stands in the caption, and in the files' names.
        folder: where the files go.
        tell: called with a line about each file.
    """

    def __init__(self, title: str, folder: Path, tell: Callable[[str], None]) -> None:
        self._title, self._folder, self._tell = title, folder, tell
        self._closing: ExitStack | None = None
        self._video: VideoFile | None = None
        self._size = (0, 0)
        self._path = Path()
        self.frames = 0
        self.fps = 0.0

    @property
    def recording(self) -> bool:
        """Whether a video is under way."""
        return self._video is not None

    def picture(self, image: Image) -> None:
        """Save a picture [H, W, 3] BGR."""
        try:
            path = free_name(self._folder, self._title, ".png")
            data = cv2.imencode(".png", image)[1]
            with atomic_file(path) as temporary:
                temporary.write_bytes(data.tobytes())
        except (OSError, InputError) as error:
            self._tell(f"no picture: {error}")
        else:
            self._tell(f"wrote {path.name}")

    def start(self, size: tuple[int, int], fps: float) -> None:
        """Begin a video of pictures of this size, at real speed."""
        self._size = (size[0] - size[0] % 2, size[1] - size[1] % 2)
        self.fps, self.frames = video_fps(fps, None), 0
        try:
            self._path = free_name(self._folder, self._title, ".mp4")
            with ExitStack() as stack:
                self._video = stack.enter_context(VideoFile(self._path, self._size, self.fps))
                self._closing = stack.pop_all()
        except (OSError, InputError) as error:
            self._video = None
            self._tell(f"no video: {error}")
        else:
            self._tell(f"recording {self._path.name}")

    def add(self, image: Image) -> None:
        """Append a picture to the video; where the window has changed its size, scaled."""
        if self._video is None:
            return
        if image.shape[1::-1] != self._size:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        self._video.add(image)
        self.frames += 1

    def stop(self) -> None:
        """End the video; its file appears."""
        if self._closing is None:
            return
        closing, self._closing, self._video = self._closing, None, None
        if self.frames:
            closing.close()
            self._tell(f"wrote {self._path.name}: {self.frames} frames at {self.fps:g} fps")
            return
        nothing = InputError("nothing was recorded")
        closing.__exit__(InputError, nothing, None)
        self._tell(str(nothing))


def finished(image: Image, scene: Scene, frame: int, view: Viewpoint, *, title: str, shown: dict[str, bool]) -> Image:
    """Write the caption and the names in the scene on what the window drew.

    Args:
        image: [H, W, 3] BGR.
        scene: what is shown.
        frame: of it.
        view: from where, of the picture's size.
        title: for the caption.
        shown: which groups of labels are shown; "axes" stands for the floor too.
    """
    image = np.ascontiguousarray(image)
    draw_labels(image, [label for label in scene.labels_from(view.center) if shown.get(label.group, True)], view)
    draw_caption(image, scene, frame, title=title, grid=scene.floor.step if shown.get("axes") else 0.0)
    return image


def rgb_to_bgr(image: Any) -> Image:
    """Open3D's picture as OpenCV has it."""
    return np.ascontiguousarray(np.asarray(image)[..., 2::-1])


def advance_for_video(playback: Playback, fps: float) -> None:
    """Let as much time pass as a frame of the video lasts, however long it took to draw."""
    playback.advance(1.0 / fps)


def free_name(folder: Path, title: str, suffix: str) -> Path:
    """The first of ``title-1.png``, ``title-2.png`` … that is not there yet.

    Raises:
        InputError: there are too many.
    """
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in title) or "lift3d"
    stem = stem.removesuffix(".h5").removesuffix(".poses")
    for number in range(1, MAX_NUMBER):
        path = folder / f"{stem}-{number}{suffix}"
        if not path.exists():
            return path
    raise InputError(f"{folder} holds {MAX_NUMBER} files named {stem}; move them")
