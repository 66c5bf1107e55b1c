"""Against a stand-in of MediaPipe with its shapes of calls; the comparison with the real one is in the docs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.detectors.backends.mediapipe_pose import open_mediapipe
from lift3d.detectors.detection import Detection

BLACK = np.zeros((40, 80, 3), np.uint8)


def landmarks(x: float, y: float, visibility: float = 0.9) -> list[SimpleNamespace]:
    return [SimpleNamespace(x=x, y=y, visibility=visibility) for _ in range(33)]


class Pose:
    """What mp.solutions.pose.Pose is: one person, or None."""

    opened: list[dict[str, Any]]
    closed: int

    def __init__(self, **settings: Any) -> None:
        Pose.opened.append(settings)

    def __enter__(self) -> Pose:
        return self

    def __exit__(self, *_: object) -> None:
        Pose.closed += 1

    def process(self, rgb: np.ndarray) -> SimpleNamespace:
        if rgb[0, 0, 0] != 200:  # red is first in what MediaPipe gets
            return SimpleNamespace(pose_landmarks=None)
        return SimpleNamespace(pose_landmarks=SimpleNamespace(landmark=landmarks(0.25, 0.75)))


class Landmarker:
    """What mp.tasks.vision.PoseLandmarker is: a list of people, and rising timestamps in a video."""

    options: SimpleNamespace
    stamps: list[int]

    @classmethod
    def create_from_options(cls, options: SimpleNamespace) -> Landmarker:
        if "broken" in options.base_options.model_asset_path:
            raise RuntimeError("Unable to open zip archive.\nsecond line")
        cls.options, cls.stamps = options, []
        return cls()

    def __enter__(self) -> Landmarker:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def detect_for_video(self, image: SimpleNamespace, stamp: int) -> SimpleNamespace:
        assert self.options.running_mode == "video"
        assert not self.stamps or stamp > self.stamps[-1]
        self.stamps.append(stamp)
        return SimpleNamespace(pose_landmarks=[landmarks(0.25, 0.75), landmarks(0.5, 0.5, 0.4)])

    def detect(self, image: SimpleNamespace) -> SimpleNamespace:
        assert self.options.running_mode == "image"
        return SimpleNamespace(pose_landmarks=[])


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    Pose.opened, Pose.closed = [], 0
    vision = SimpleNamespace(
        RunningMode=SimpleNamespace(VIDEO="video", IMAGE="image"),
        PoseLandmarkerOptions=SimpleNamespace,
        PoseLandmarker=Landmarker,
    )
    made = SimpleNamespace(
        __version__="0.0",
        solutions=SimpleNamespace(pose=SimpleNamespace(Pose=Pose)),
        tasks=SimpleNamespace(vision=vision, BaseOptions=SimpleNamespace),
        Image=SimpleNamespace,
        ImageFormat=SimpleNamespace(SRGB=1),
    )
    monkeypatch.setitem(sys.modules, "mediapipe", made)  # type: ignore[arg-type]
    return made


@pytest.fixture
def task(tmp_path: Path) -> Path:
    path = tmp_path / "pose.task"
    path.write_bytes(b"")
    return path


def red() -> np.ndarray:
    picture = BLACK.copy()
    picture[..., 2] = 200
    return picture


def test_landmarks_become_pixels_counted_from_the_centre_of_the_first(package: SimpleNamespace) -> None:
    found = list(open_mediapipe().detect([red(), None, BLACK]))
    assert [len(each.xy) for each in found] == [1, 0, 0]
    np.testing.assert_allclose(found[0].xy, np.broadcast_to([0.25 * 80 - 0.5, 0.75 * 40 - 0.5], (1, 33, 2)))
    np.testing.assert_allclose(found[0].confidence, 0.9)
    np.testing.assert_allclose(found[0].boxes.xywh, [[19.5, 29.5, 0, 0]])


def test_bundled_model_follows_a_video_and_looks_at_pictures_one_by_one(package: SimpleNamespace) -> None:
    detector = open_mediapipe()
    list(detector.detect([red()]))
    list(detector.detect([red()], in_sequence=False))
    assert [each["static_image_mode"] for each in Pose.opened] == [False, True]
    assert [each["smooth_landmarks"] for each in Pose.opened] == [False, False]
    assert Pose.closed == 2


def test_landmarks_outside_the_picture_are_missing(package: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    guessed = landmarks(0.5, 0.5)[:30] + landmarks(0.5, 1.2)[:2] + landmarks(-0.1, 0.5)[:1]
    answer = SimpleNamespace(pose_landmarks=SimpleNamespace(landmark=guessed))
    monkeypatch.setattr(Pose, "process", lambda self, rgb: answer)
    found: Detection = next(open_mediapipe().detect([red()]))
    assert np.isnan(found.xy[0]).any(-1).nonzero()[0].tolist() == [30, 31, 32]
    assert (found.confidence[0] == 0).nonzero()[0].tolist() == [30, 31, 32]


def test_task_file_finds_several_people_at_rising_times(package: SimpleNamespace, task: Path) -> None:
    found = list(open_mediapipe(task, people=2, fps=60).detect([BLACK, None, BLACK, BLACK]))
    assert Landmarker.stamps == [0, 33, 50]  # the frame that could not be read takes its time too
    assert Landmarker.options.num_poses == 2
    assert [len(each.xy) for each in found] == [2, 0, 2, 2]
    np.testing.assert_allclose(found[0].boxes.score, [0.9, 0.4])


def test_task_file_on_single_pictures_may_find_nobody(package: SimpleNamespace, task: Path) -> None:
    assert [len(each.xy) for each in open_mediapipe(task).detect([BLACK], in_sequence=False)] == [0]


def test_what_is_missing_or_wrong_is_said_in_one_line(package: SimpleNamespace, task: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none.task does not exist; wanted a pose landmarker \(.task\): downl"):
        open_mediapipe(tmp_path / "none.task")
    with pytest.raises(InputError, match=r"MediaPipe's bundled model finds one person, not 2; give a .task file: "):
        open_mediapipe(people=2)
    broken = task.rename(tmp_path / "broken.task")
    with pytest.raises(InputError, match=r"broken.task is not .* MediaPipe reads \(Unable to open zip archive.\)"):
        next(open_mediapipe(broken).detect([BLACK]))
    del package.solutions
    with pytest.raises(InputError, match=r"MediaPipe 0.0 has no model inside; give one: download pose_landmarker_full"):
        open_mediapipe()


def test_missing_package_keeps_its_name_for_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)  # type: ignore[arg-type]
    with pytest.raises(ModuleNotFoundError) as caught:
        open_mediapipe()
    assert caught.value.name == "mediapipe"
