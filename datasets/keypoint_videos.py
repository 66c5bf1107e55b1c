"""The videos that 2D keypoints were found in, and the size of the pictures that their pixels speak of."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lift3d.calib import InputError, formats

from .capture_cameras import settle_cameras
from .capture_folder import choose_calibration
from .capture_settings import CameraSettings, read_settings
from .capture_videos import look_at_videos
from .keypoints import Keypoints
from .pairing import Pair, pair_names
from .video import probe


@dataclass(frozen=True)
class KeypointVideos:
    """Where the keypoints of each camera belong.

    Args:
        paths: camera of the keypoints to its video; cameras without one are left out.
        sizes: every camera to the (width, height) of the pictures its pixels speak of.
        fps: frames a second of the videos, None without any.
    """

    paths: dict[str, Path]
    sizes: dict[str, tuple[int, int]]
    fps: float | None


def keypoint_videos(source: str | os.PathLike[str], keypoints: Keypoints) -> KeypointVideos:
    """Find the videos of keypoints, which need no calibration; where there is one, it tells the pictures' sizes.

    Args:
        source: a capture, a folder of videos, or the one video.
        keypoints: of the cameras.

    Raises:
        FileNotFoundError: there is no such source.
        InputError: the source is one video and the keypoints are of several cameras; or it cannot be read.
    """
    source = Path(source)
    if not source.exists():
        raise FileNotFoundError(f"{source} does not exist; wanted a capture folder, or a video")
    if source.is_file():
        if len(keypoints.cameras) > 1:
            raise InputError(
                f"{source} is one video, but the keypoints are of {', '.join(keypoints.cameras)}; give the folder that "
                "holds all their videos"
            )
        info = probe(source)
        return KeypointVideos({keypoints.cameras[0]: source}, {keypoints.cameras[0]: info.size}, info.fps)
    calibrated, pairing = _calibrated(source, keypoints.cameras)
    found = look_at_videos(source, pairing, read_settings(source))
    name_of = {camera: pair.name for camera, pair in pairing.items()}
    infos = {name_of[camera]: info for camera, info in found.infos.items()}
    sizes = {
        name: calibrated.get(name) or (infos[name].size if name in infos else _extent(keypoints, v))
        for v, name in enumerate(keypoints.cameras)
    }
    rates = [info.fps for info in infos.values()]
    paths = {name_of[camera]: path for camera, path in found.paths.items() if camera in found.infos}
    return KeypointVideos(paths, sizes, rates[0] if rates else None)


def _calibrated(folder: Path, names: tuple[str, ...]) -> tuple[Mapping[str, tuple[int, int]], dict[str, Pair]]:
    """Sizes by the calibration, where keypoints are in its pixels; cameras and their keypoints' names."""
    own = {name: Pair(name, "name") for name in names}
    settings = read_settings(folder)
    calibration = choose_calibration(folder, settings, None)
    if calibration is None:
        return {}, own
    rig = formats.read_rig(calibration, unit=settings.unit)
    settings = settle_cameras(settings, rig, names)
    given = {c: k for c in rig.names if (k := settings.cameras.get(c, CameraSettings()).keypoints) in names and k}
    pairs = {camera: pair for camera, pair in pair_names(rig.names, names, given).items() if pair.how != "order"}
    paired = {pair.name for pair in pairs.values()}
    sizes = {
        pair.name: rig[camera].size
        for camera, pair in pairs.items()
        if not settings.cameras.get(camera, CameraSettings()).moves_pixels
    }
    return sizes, {**pairs, **{name: pair for name, pair in own.items() if name not in paired}}


def _extent(keypoints: Keypoints, view: int) -> tuple[int, int]:
    """A picture that holds all keypoints of a view."""
    xy = keypoints.xy[:, view].reshape(-1, 2)
    xy = xy[np.isfinite(xy).all(-1)]
    width, height = np.maximum(np.ceil(xy.max(0)) + 1, 16).astype(int).tolist() if len(xy) else (640, 480)
    return width, height
