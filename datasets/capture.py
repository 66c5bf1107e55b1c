"""A capture: a folder of cameras, understood without configuration. docs/capture.md says which layouts."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lift3d.calib import InputError, Rig, formats

from .capture_cameras import pair_cameras, pairing_notes, settle_cameras
from .capture_folder import LAYOUT, Sources, find_sources, relative_name
from .capture_settings import FILE_NAME, CameraSettings, CaptureSettings, read_settings
from .capture_videos import Videos, camera_clock, frame_rate, look_at_videos, video_notes
from .keypoint_formats import keypoint_cameras, load_keypoints
from .keypoint_formats.keypoint_set import KeypointSet, Progress, Span
from .keypoints import Keypoints
from .pairing import Pair
from .resampling import CameraTime, nearest_frames


@dataclass(frozen=True, eq=False)
class Capture:
    """What several cameras saw, with their calibration.

    Args:
        folder: the capture's folder.
        rig: the cameras that have keypoints, in the calibration's order.
        keypoints: views in the rig's order and under the rig's names, in the calibration's pixels.
        fps: frames a second, None where nothing tells it.
        pairing: camera of the rig to the name of its keypoints, and how that was decided.
        calibration_path: the calibration taken.
        keypoints_path: the keypoints taken.
        others: calibrations and sets of keypoints that were seen and not taken.
        videos: camera of the rig to its video, for those that have one.
        notes: remarks for the user, a line each.
        inputs: the fingerprints of what was read, name to SHA-256.
    """

    folder: Path
    rig: Rig
    keypoints: Keypoints
    fps: float | None
    pairing: dict[str, Pair]
    calibration_path: Path
    keypoints_path: Path
    others: tuple[Path, ...]
    videos: dict[str, Path]
    notes: tuple[str, ...]
    inputs: dict[str, str]


def open_capture(
    folder: str | os.PathLike[str],
    *,
    calibration: str | os.PathLike[str] | None = None,
    keypoints: str | os.PathLike[str] | None = None,
    fps: float | None = None,
    progress: Progress | None = None,
) -> Capture:
    """Understand a capture folder, read its calibration and its keypoints, and pair them.

    An argument wins over ``capture.toml``, and that over what is found in the folder.

    Args:
        folder: holds calibration, keypoints and, if there are, videos.
        calibration: the calibration file to take.
        keypoints: the keypoints to take, a folder of camera folders or a file.
        fps: frames a second.
        progress: called with (stage, done, total).

    Raises:
        FileNotFoundError: a folder or file does not exist.
        InputError: something lacks, is broken, or cannot be paired; one line names it and says what to do.
    """
    folder = _checked(Path(folder), fps)
    settings = read_settings(folder)
    sources = find_sources(folder, settings, calibration=calibration, keypoints=keypoints)
    rig = formats.read_rig(sources.calibration, unit=settings.unit)
    names = keypoint_cameras(sources.keypoints)
    settings = settle_cameras(settings, rig, names)
    rig, pairing = pair_cameras(rig, names, settings, sources.keypoints)
    videos = look_at_videos(folder, pairing, settings)
    read = load_keypoints(
        sources.keypoints,
        cameras=[pair.name for pair in pairing.values()],
        skeleton=settings.skeleton,
        sizes=_picture_sizes(rig, pairing, videos),
        progress=progress,
    )
    spans = {camera: read.spans[pair.name] for camera, pair in pairing.items()}
    rate, rate_notes = frame_rate(fps, settings.fps, read.keypoints.fps, videos)
    points = _by_rig(read.keypoints, pairing, spans, settings, rate)
    _check_seen(points, pairing, sources.keypoints)
    counts = {camera: span.count for camera, span in spans.items()}
    of_cameras = (*pairing_notes(pairing), *_shift_notes(settings, rig))
    of_videos = (*videos.notes, *video_notes(videos, rig, counts, settings), *rate_notes)
    return Capture(
        folder=folder,
        rig=rig,
        keypoints=dataclasses.replace(points, fps=rate),
        fps=rate,
        pairing=pairing,
        calibration_path=sources.calibration,
        keypoints_path=sources.keypoints,
        others=sources.others,
        videos=videos.paths,
        notes=(*sources.notes, *of_cameras, *read.notes, *of_videos),
        inputs=_inputs(folder, sources, read),
    )


def _checked(folder: Path, fps: float | None) -> Path:
    """The folder, if it is one."""
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise FileNotFoundError(f"{folder} {found}; wanted a capture folder with {LAYOUT}")
    if fps is not None and not 0 < fps < np.inf:
        raise InputError(f"fps must be a number above zero, got {fps}")
    return folder


def _picture_sizes(rig: Rig, pairing: Mapping[str, Pair], videos: Videos) -> dict[str, tuple[int, int]]:
    """The size of the pictures that keypoints were found in, by the keypoints' names: the video's if there is one."""
    return {
        pair.name: videos.infos[camera].size if camera in videos.infos else rig[camera].size
        for camera, pair in pairing.items()
    }


def _by_rig(
    keypoints: Keypoints,
    pairing: Mapping[str, Pair],
    spans: Mapping[str, Span],
    settings: CaptureSettings,
    fps: float | None,
) -> Keypoints:
    """The views in the rig's order and pixels and under its names, frames moved by the cameras' clocks."""
    keypoints = keypoints.select_views([pair.name for pair in pairing.values()])
    entries = [settings.cameras.get(camera, CameraSettings()) for camera in pairing]
    clocks = [camera_clock(camera, entry, fps) for camera, entry in zip(pairing, entries, strict=True)]
    if not any(clock != CameraTime() or entry.moves_pixels for clock, entry in zip(clocks, entries, strict=True)):
        return dataclasses.replace(keypoints, cameras=tuple(pairing))
    if not all(clock.whole for clock in clocks):
        xy = np.stack([keypoints.xy[:, v] * entry.scale + entry.crop for v, entry in enumerate(entries)], axis=1)
        keypoints = dataclasses.replace(keypoints, xy=xy, cameras=tuple(pairing))
        return nearest_frames(keypoints, clocks, [(spans[camera].first, spans[camera].last) for camera in pairing])
    assert keypoints.frames is not None
    offsets = [int(clock.offset) for clock in clocks]
    moved = [keypoints.frames + offset for offset in offsets]
    first = min(spans[camera].first + offset for camera, offset in zip(pairing, offsets, strict=True))
    last = max(spans[camera].last + offset for camera, offset in zip(pairing, offsets, strict=True))
    frames = np.unique(np.concatenate(moved))
    frames = frames[(frames >= first) & (frames <= last)]
    _, _, most, joints = keypoints.shape
    xy = np.full((len(frames), len(entries), most, joints, 2), np.nan)
    confidence = np.zeros(xy.shape[:-1])
    for v, (entry, own) in enumerate(zip(entries, moved, strict=True)):
        to, of = np.intersect1d(frames, own, return_indices=True)[1:]
        xy[to, v] = keypoints.xy[of, v] * entry.scale + entry.crop
        confidence[to, v] = keypoints.confidence[of, v]
    return Keypoints(xy, confidence, tuple(pairing), keypoints.skeleton, keypoints.fps, frames)


def _check_seen(keypoints: Keypoints, pairing: Mapping[str, Pair], source: Path) -> None:
    """Refuse cameras that never saw anybody."""
    seen = np.any(keypoints.confidence > 0, axis=(0, 2, 3))
    blind = [camera for v, camera in enumerate(keypoints.cameras) if not seen[v]]
    if blind:
        told = ", ".join(
            camera if pairing[camera].how == "name" else f"{camera} ({pairing[camera].name})" for camera in blind
        )
        listed = ", ".join(f'"{camera}"' for camera in blind)
        raise InputError(
            f"{source}: not one keypoint of {told} in {len(keypoints.xy)} frames; run the 2D tool again, or leave it "
            f"out by `exclude = [{listed}]` in {FILE_NAME}"
        )


def _shift_notes(settings: CaptureSettings, rig: Rig) -> list[str]:
    """Lines on what ``capture.toml`` changed in the keypoints or left out."""
    own = {camera: entry for camera, entry in settings.cameras.items() if camera in rig.names}
    notes = [
        f"{camera}: frames moved by {entry.offset:+g} ({FILE_NAME})" for camera, entry in own.items() if entry.offset
    ]
    notes += [
        f"{camera}: frames last {entry.drift_ppm:+g} ppm longer ({FILE_NAME})"
        for camera, entry in own.items()
        if entry.drift_ppm
    ]
    notes += [f"{camera}: {entry.fps:g} frames a second ({FILE_NAME})" for camera, entry in own.items() if entry.fps]
    notes += [
        f"{camera}: pixels mapped by crop and scale ({FILE_NAME})"
        for camera, entry in own.items()
        if entry.moves_pixels
    ]
    if settings.exclude:
        notes.append(f"left out ({FILE_NAME}): {', '.join(settings.exclude)}")
    return notes


def _inputs(folder: Path, sources: Sources, read: KeypointSet) -> dict[str, str]:
    """The fingerprints of all that was read."""
    files = [sources.calibration, folder / FILE_NAME]
    inputs = {
        relative_name(folder, path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()
    }
    return inputs | {relative_name(folder, sources.keypoints): read.fingerprint}
