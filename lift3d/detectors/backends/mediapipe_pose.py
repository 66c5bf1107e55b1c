"""MediaPipe Pose (BlazePose): 33 landmarks, visibility as confidence, by its Tasks API or its older bundled model.

Convention:
    MediaPipe divides by the picture's width and height measured from its left and top edges; lift3d counts from the
    centre of the first pixel: x = landmark.x * width - 0.5. Landmarks that MediaPipe guesses outside the picture are
    missing here: nothing was seen there.

Sources: Bazarevsky et al., BlazePose, 2020; MediaPipe's guide to the pose landmarker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from lift3d.calib import InputError
from lift3d.datasets.skeleton import SKELETONS

from ..detection import Array, Detection, Detector, Picture
from .found_people import found_people
from .model_file import model_file

Finder = Callable[[Picture, int], list[Any]]

ADVICE = (
    "download pose_landmarker_full.task from the models of "
    "https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker"
)


class MediaPipePose:
    """MediaPipe Pose as a detector.

    Args:
        task: a pose landmarker's ``.task`` file; None: the "full" model inside MediaPipe up to 0.10.21.
        people: how many to look for; the bundled model knows one.
        fps: of the videos; smoothing inside MediaPipe goes by it.
        smooth: let the bundled model smooth in time, as it does by default; its lag is an error in fast movement, and
            lift3d smooths in 3D. The Tasks API smooths videos by itself while it looks for one person.

    Raises:
        FileNotFoundError: the file does not exist.
        InputError: neither a file nor a bundled model is there, or the bundled one is asked for several people.
    """

    name = "mediapipe"
    skeleton = SKELETONS["mediapipe_33"]

    def __init__(
        self,
        task: str | os.PathLike[str] | None = None,
        *,
        people: int = 1,
        fps: float = 30.0,
        smooth: bool = False,
    ) -> None:
        self.mediapipe = _mediapipe()
        self.task = None if task is None else model_file(task, "a pose landmarker (.task)", ADVICE)
        if self.task is None and not hasattr(self.mediapipe, "solutions"):
            version = getattr(self.mediapipe, "__version__", "installed here")
            raise InputError(f"MediaPipe {version} has no model inside; give one: {ADVICE}")
        if self.task is None and people > 1:
            raise InputError(f"MediaPipe's bundled model finds one person, not {people}; give a .task file: {ADVICE}")
        self.people, self.fps, self.smooth = people, fps, smooth

    @property
    def settings(self) -> dict[str, Any]:
        """What went into a result."""
        model = "bundled full" if self.task is None else self.task.name
        return {"model": model, "people": self.people, "fps": self.fps, "smooth": self.smooth}

    def detect(self, pictures: Iterable[Picture | None], *, in_sequence: bool = True) -> Iterator[Detection]:
        """One detection a picture, in order; a picture that could not be read still takes its time."""
        import cv2

        with ExitStack() as stack:
            find = (self._bundled if self.task is None else self._landmarker)(stack, in_sequence)
            for number, picture in enumerate(pictures):
                if picture is None:
                    yield Detection.none(len(self.skeleton))
                    continue
                rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
                people = find(rgb, round(1000 * number / self.fps))
                yield _detection(people, (picture.shape[1], picture.shape[0]))

    def _bundled(self, stack: ExitStack, in_sequence: bool) -> Finder:
        """The model inside the package; its own download of others is never needed."""
        pose = stack.enter_context(
            self.mediapipe.solutions.pose.Pose(
                static_image_mode=not in_sequence, model_complexity=1, smooth_landmarks=self.smooth
            )
        )

        def find(rgb: Picture, _: int) -> list[Any]:
            found = pose.process(rgb).pose_landmarks
            return [] if found is None else [found.landmark]

        return find

    def _landmarker(self, stack: ExitStack, in_sequence: bool) -> Finder:
        """The model of the file, by the Tasks API."""
        tasks, image = self.mediapipe.tasks, self.mediapipe.Image
        mode = tasks.vision.RunningMode.VIDEO if in_sequence else tasks.vision.RunningMode.IMAGE
        options = tasks.vision.PoseLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(self.task)), running_mode=mode, num_poses=self.people
        )
        try:
            landmarker = stack.enter_context(tasks.vision.PoseLandmarker.create_from_options(options))
        except (RuntimeError, ValueError, OSError) as error:  # which one, changes from version to version
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{self.task} is not a pose landmarker that MediaPipe reads ({reason}); {ADVICE}"
            ) from error

        def find(rgb: Picture, milliseconds: int) -> list[Any]:
            picture = image(image_format=self.mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
            found = landmarker.detect_for_video(picture, milliseconds) if in_sequence else landmarker.detect(picture)
            return list(found.pose_landmarks)

        return find


def _mediapipe() -> Any:
    """The package; what it logs at start about itself is kept back."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    import mediapipe

    return mediapipe


def _detection(people: list[Any], size: tuple[int, int]) -> Detection:
    """Landmarks of each person to joints in pixels; those outside the picture are missing."""
    if not people:
        return Detection.none(len(MediaPipePose.skeleton))
    landmarks = np.array([[(mark.x, mark.y, mark.visibility or 0.0) for mark in person] for person in people])
    xy: Array = landmarks[..., :2] * np.array(size) - 0.5
    inside = ((landmarks[..., :2] >= 0) & (landmarks[..., :2] <= 1)).all(-1)
    return found_people(xy, np.where(inside, landmarks[..., 2], 0.0))


def open_mediapipe(
    weights: str | os.PathLike[str] | None = None,
    *,
    people: int = 1,
    fps: float = 30.0,
    smooth: bool = False,
) -> Detector:
    """MediaPipe Pose on the CPU; arguments as of :class:`MediaPipePose`."""
    return MediaPipePose(weights, people=people, fps=fps, smooth=smooth)
