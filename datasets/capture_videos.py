"""A capture's videos: which camera each belongs to, the frame rate, and what in them contradicts the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lift3d.calib import InputError, Rig

from .capture_folder import find_videos, relative_name
from .capture_settings import FILE_NAME, CameraSettings, CaptureSettings, read_settings
from .pairing import Pair, pair_names
from .resampling import CameraTime
from .video import VideoInfo, probe

SAME_RATE = 0.01  # relative; containers round 29.97 and 59.94 differently


@dataclass(frozen=True)
class Videos:
    """The videos of a capture's cameras.

    Args:
        paths: camera to file.
        infos: camera to what is in it, for those that can be decoded.
        notes: lines for the user.
    """

    paths: dict[str, Path]
    infos: dict[str, VideoInfo]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class TimedVideo:
    """A camera's video, and how its frames lie among the capture's.

    Args:
        path: the file.
        clock: the camera's.
    """

    path: Path
    clock: CameraTime = field(default_factory=CameraTime)

    def own_frame(self, frame: int) -> int:
        """The number in the video of the picture that is nearest to a frame of the capture."""
        return int(np.floor((frame - self.clock.offset) / self.clock.rate + 0.5))


def timed_videos(folder: str | os.PathLike[str], cameras: Sequence[str], fps: float | None) -> dict[str, TimedVideo]:
    """Do as :func:`capture_videos`, with the cameras' clocks by ``capture.toml``; ``fps`` is the capture's."""
    settings = read_settings(Path(folder)) if Path(folder).is_dir() else CaptureSettings()
    return {
        camera: TimedVideo(path, camera_clock(camera, settings.cameras.get(camera, CameraSettings()), fps))
        for camera, path in capture_videos(folder, cameras).items()
    }


def camera_clock(camera: str, entry: CameraSettings, fps: float | None) -> CameraTime:
    """A camera's clock by ``capture.toml``."""
    rate = 1.0 + 1e-6 * entry.drift_ppm
    if entry.fps is not None:
        if fps is None:
            raise InputError(f"{FILE_NAME}: cameras.{camera}: fps needs the capture's own fps beside it")
        rate *= fps / entry.fps
    return CameraTime(entry.offset, rate)


def capture_videos(folder: str | os.PathLike[str], cameras: Sequence[str]) -> dict[str, Path]:
    """The videos of a capture's cameras, camera name to file; cameras without one are left out.

    Args:
        folder: the capture.
        cameras: names in the calibration.

    Raises:
        FileNotFoundError: the folder, or a video that ``capture.toml`` names, does not exist.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} does not exist; wanted a capture folder")
    pairing = {camera: Pair(camera, "name") for camera in cameras}
    return look_at_videos(folder, pairing, read_settings(folder)).paths


def look_at_videos(folder: Path, pairing: Mapping[str, Pair], settings: CaptureSettings) -> Videos:
    """Pair the videos with the cameras, by the cameras' names or their keypoints', and look into each.

    Args:
        folder: of the capture.
        pairing: the cameras used, with their keypoints.
        settings: may name a camera's video.

    Raises:
        FileNotFoundError: a video that ``capture.toml`` names does not exist.
    """
    found = find_videos(folder)
    named = {camera: video for camera in pairing if (video := settings.cameras.get(camera, CameraSettings()).video)}
    given = {camera: _existing(folder, video, camera) for camera, video in named.items()}
    spare = {name: path for name, path in found.items() if path not in given.values()}
    rest = [camera for camera in pairing if camera not in given]
    paths = {**given, **(_by_name(rest, spare) or _by_name([pairing[c].name for c in rest], spare, rest))}
    notes, infos = [], {}
    if spare and not paths:
        notes.append(f"videos {', '.join(spare)} fit no camera by name and were left aside; name them in {FILE_NAME}")
    for camera, path in paths.items():
        try:
            infos[camera] = probe(path)
        except InputError as error:
            notes.append(f"{camera}: {error}".replace(str(path), relative_name(folder, path)))
    return Videos(paths, infos, tuple(notes))


def video_notes(videos: Videos, rig: Rig, counts: Mapping[str, int], settings: CaptureSettings) -> list[str]:
    """Lines on videos whose size is not the calibration's, or whose length is not the keypoints'.

    Args:
        videos: of the capture.
        rig: the cameras used.
        counts: camera to the number of frames its keypoints have.
        settings: a camera whose pixels they map is not told of.
    """
    lengths = [
        f"{camera} {info.frames} and {counts[camera]}"
        for camera, info in videos.infos.items()
        if info.frames and info.frames != counts[camera]
    ]
    note = size_note(videos, rig, settings)
    notes = [note] if note else []
    if lengths:
        notes.append(f"videos and keypoints differ in length (frames): {', '.join(lengths)}")
    return notes


def size_note(videos: Videos, rig: Rig, settings: CaptureSettings) -> str | None:
    """A line on videos whose size is not the calibration's; arguments as of :func:`video_notes`."""
    sizes = []
    for camera, info in videos.infos.items():
        size = rig[camera].size
        if info.size != size and not settings.cameras.get(camera, CameraSettings()).moves_pixels:
            sizes.append(f"{camera} {info.size[0]}x{info.size[1]} instead of {size[0]}x{size[1]}")
    if not sizes:
        return None
    return (
        f"videos differ in size from the calibration: {', '.join(sizes)}; if the keypoints were made on such "
        f"pictures, set `crop` and `scale` in {FILE_NAME}"
    )


def frame_rate(
    argument: float | None, setting: float | None, stored: float | None, videos: Videos
) -> tuple[float | None, list[str]]:
    """The frame rate and a line on where it is from: argument, ``capture.toml``, keypoints file, videos."""
    rates = {camera: info.fps for camera, info in videos.infos.items()}
    of_videos = next(iter(rates.values()), None)
    notes = []
    if of_videos is not None and not all(_alike(of_videos, rate) for rate in rates.values()):
        told = ", ".join(f"{camera} {rate:g}" for camera, rate in rates.items())
        notes.append(f"the videos disagree in frames a second: {told}")
        of_videos = None
    sources = {
        "given": argument,
        f"from {FILE_NAME}": setting,
        "from the keypoints file": stored,
        "from the videos": of_videos,
    }
    known = {source: rate for source, rate in sources.items() if rate is not None}
    if not known:
        return None, [*notes, f"the frame rate is not known; give --fps, or set fps in {FILE_NAME}"]
    source, fps = next(iter(known.items()))
    against = [f"{rate:g} {other}" for other, rate in known.items() if not _alike(rate, fps)]
    return float(fps), [*notes, f"fps: {fps:g}, {source}" + (f", against {', '.join(against)}" if against else "")]


def _existing(folder: Path, video: str, camera: str) -> Path:
    """The file that ``capture.toml`` means, beside it or in ``videos/``."""
    for path in (folder / video, folder / "videos" / video):
        if path.is_file():
            return path
    raise FileNotFoundError(f"{FILE_NAME}: cameras.{camera}: video {folder / video} does not exist")


def _by_name(names: Sequence[str], videos: Mapping[str, Path], cameras: Sequence[str] | None = None) -> dict[str, Path]:
    """Camera to video where the names are equal or similar; the order proves nothing."""
    pairs = pair_names(names, list(videos))
    called = dict(zip(names, cameras or names, strict=True))
    return {called[name]: videos[pair.name] for name, pair in pairs.items() if pair.how != "order"}


def _alike(a: float, b: float) -> bool:
    """Whether two frame rates are one."""
    return abs(a - b) <= SAME_RATE * max(a, b)
