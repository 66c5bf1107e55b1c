"""A capture before anybody has found keypoints in it: calibrated cameras and their videos."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lift3d.calib import InputError, Rig, formats

from .capture_cameras import settle_cameras
from .capture_folder import choose_calibration, find_keypoint_sets, find_videos, relative_name
from .capture_settings import FILE_NAME, CameraSettings, CaptureSettings, read_settings
from .capture_videos import Videos, look_at_videos, size_note
from .pairing import Pair, pair_names

FilePath = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Recording:
    """What several cameras filmed.

    Args:
        folder: the capture's folder.
        rig: the cameras that are used; None: there is no calibration.
        videos: to each video the name that its keypoints should have, so that the cameras are paired with them.
        cameras: those names to cameras of the rig; empty without one.
        calibration_path: the calibration taken.
        sizes: camera of the rig to (width, height) of its video, in pixels.
        notes: remarks for the user, a line each.
    """

    folder: Path
    rig: Rig | None
    videos: dict[str, Path]
    cameras: dict[str, str]
    calibration_path: Path | None
    sizes: dict[str, tuple[int, int]]
    notes: tuple[str, ...]


def lacks_keypoints(folder: FilePath) -> bool:
    """Whether a capture has videos, no keypoints, and no word on where some are."""
    folder = Path(folder)
    if not folder.is_dir() or not find_videos(folder):
        return False
    return read_settings(folder).keypoints is None and not find_keypoint_sets(folder)


def open_recording(folder: FilePath, *, calibration: FilePath | None = None) -> Recording:
    """Understand a capture folder by its videos, and pair them with the cameras of its calibration.

    Args:
        folder: holds videos, and the calibration if there is one.
        calibration: the calibration to take; None: by ``capture.toml``, else the first that is found.

    Raises:
        FileNotFoundError: a folder or file does not exist.
        InputError: there are no videos, or a camera has none; one line says what to do.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} does not exist; wanted a capture folder")
    found = find_videos(folder)
    if not found:
        raise InputError(f"{folder} holds no videos; put one for each camera into {folder / 'videos'}/")
    settings = read_settings(folder)
    chosen = choose_calibration(folder, settings, calibration)
    if chosen is None:
        return Recording(folder, None, found, {}, None, {}, ("no calibration is there; videos go by their own names",))
    rig = formats.read_rig(chosen, unit=settings.unit)
    settings = settle_cameras(settings, rig, tuple(found))
    rig = rig.select([name for name in rig.names if name not in settings.exclude])
    pairing = {name: Pair(settings.cameras.get(name, CameraSettings()).keypoints or name, "name") for name in rig.names}
    videos = look_at_videos(folder, pairing, settings)
    if not videos.paths:
        return _by_order(folder, rig, found, chosen)
    _check_all(folder, rig, videos)
    names = {pairing[camera].name: camera for camera in videos.paths}
    sizes = {camera: info.size for camera, info in videos.infos.items()}
    left = [path.name for path in found.values() if path not in videos.paths.values()]
    aside = [f"videos of no camera that is used, left aside: {', '.join(left)}"] if left else []
    return Recording(
        folder,
        rig,
        {name: videos.paths[camera] for name, camera in names.items()},
        names,
        chosen,
        sizes,
        (f"calibration: {relative_name(folder, chosen)}", *aside, *_size_notes(videos, rig, settings)),
    )


def _by_order(folder: Path, rig: Rig, found: dict[str, Path], calibration: Path) -> Recording:
    """Videos whose names fit no camera: as many as cameras, they keep their names, and are paired as keypoints are."""
    pairs = pair_names(rig.names, list(found))
    if len(pairs) < len(rig):
        raise InputError(
            f"{folder}: no video ({', '.join(found)}) is named as a camera ({', '.join(rig.names)}); "
            f'say which is whose by `[cameras.{rig.names[0]}] video = "..."` in {FILE_NAME}'
        )
    videos = {pair.name: found[pair.name] for pair in pairs.values()}
    names = {pair.name: camera for camera, pair in pairs.items()}
    return Recording(
        folder, rig, videos, names, calibration, {}, (f"calibration: {relative_name(folder, calibration)}",)
    )


def _check_all(folder: Path, rig: Rig, videos: Videos) -> None:
    """Refuse cameras without a video, before hours go into the others."""
    bare = [camera for camera in rig.names if camera not in videos.paths]
    if bare:
        listed = ", ".join(f'"{name}"' for name in bare)
        raise InputError(
            f"{folder}: no video of {', '.join(bare)}; put it into {folder / 'videos'}/, name it by "
            f'`[cameras.{bare[0]}] video = "..."`, or leave the camera out by `exclude = [{listed}]` in {FILE_NAME}'
        )


def _size_notes(videos: Videos, rig: Rig, settings: CaptureSettings) -> list[str]:
    """A line on videos whose size is not the calibration's."""
    note = size_note(videos, rig, settings)
    return [note] if note else []
