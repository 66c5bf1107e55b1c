"""Captures that hold only videos: keypoints are found in them, kept inside the capture, and taken again next time."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lift3d.calib import InputError
from lift3d.datasets.capture import Capture
from lift3d.datasets.capture_folder import find_keypoint_sets, relative_name
from lift3d.datasets.frames import sampled_digest
from lift3d.datasets.keypoint_formats import read_provenance
from lift3d.datasets.keypoint_formats.lift3d_h5 import is_hdf5
from lift3d.datasets.recording import Recording, lacks_keypoints, open_recording
from lift3d.datasets.video import probe

from .detect import DetectConfig, Detected, detect_videos
from .detectors.registry import DETECTORS, DetectorOptions, open_detector

logger = logging.getLogger(__name__)

FilePath = str | os.PathLike[str]
Progress = Callable[[str, int, int], None]

FOLDER = Path("keypoints", "lift3d")
"""Where a capture keeps what lift3d found in its videos, one file a detector."""

DEFAULT = "light"


@dataclass(frozen=True)
class DetectorChoice:
    """Which detector a capture's keypoints shall be from.

    Args:
        name: as :func:`lift3d.detectors.registry.open_detector` takes it; None: whatever keypoints the capture has,
            and the light one where it has none.
        options: of the detector.
        config: of the detection.
    """

    name: str | None = None
    options: DetectorOptions = field(default_factory=DetectorOptions)
    config: DetectConfig = field(default_factory=DetectConfig)

    @property
    def file_name(self) -> str:
        """What the keypoints of this detector are called."""
        name = self.name or DEFAULT
        return f"{name if name in DETECTORS else Path(name).stem}.h5"


@dataclass(frozen=True)
class Found:
    """Keypoints of a capture.

    Args:
        path: the file; None where the capture's own choice stands.
        notes: lines on what was done; empty where nothing had to be.
    """

    path: Path | None
    notes: tuple[str, ...] = ()


def detect_capture(
    folder: FilePath,
    out: FilePath | None = None,
    *,
    choice: DetectorChoice | None = None,
    calibration: FilePath | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Detected:
    """Find keypoints in all videos of a capture that a camera of its calibration has.

    Args:
        folder: the capture; without a calibration, all its videos are taken.
        out: the keypoints file; None: inside the capture, where ``lift3d reconstruct`` finds it.
        choice: detector and settings; None: the light one.
        calibration: the calibration to take.
        overwrite: replace a file that exists.
        progress: called with (stage, pictures done, pictures in all or 0).

    Raises:
        FileExistsError: the file exists.
        FileNotFoundError, InputError: see :func:`lift3d.datasets.recording.open_recording`,
            :func:`lift3d.detectors.registry.open_detector`, :func:`lift3d.detect.detect_videos`.
        OSError: the capture cannot be written to.
    """
    choice, folder = choice or DetectorChoice(), Path(folder)
    recording = open_recording(folder, calibration=calibration)
    path = folder / FOLDER / choice.file_name if out is None else Path(out)
    detector = open_detector(choice.name or DEFAULT, _for_videos(choice, recording))
    if out is None:
        _make_folder(path.parent)
    result = detect_videos(
        recording.videos, path, detector, config=choice.config, overwrite=overwrite, progress=progress
    )
    return replace(result, notes=(*recording.notes, *_taken_instead(folder, path)))


def keypoints_of(
    folder: FilePath,
    *,
    choice: DetectorChoice,
    calibration: FilePath | None = None,
    progress: Progress | None = None,
) -> Found:
    """Where a capture's keypoints are, found in its videos if that has not been done.

    Args:
        folder: the capture.
        choice: detector and settings.
        calibration: the calibration to take.
        progress: called with (stage, pictures done, pictures in all or 0).

    Raises:
        As :func:`detect_capture`; InputError if the keypoints that are there were found with other weights.
    """
    folder = Path(folder)
    path = folder / FOLDER / choice.file_name
    if choice.name is None and not lacks_keypoints(folder):
        return Found(None)
    if path.is_file():
        _check_weights(path, choice)
        return Found(path)
    logger.info("%s: finding keypoints in its videos", folder)
    result = detect_capture(folder, choice=choice, calibration=calibration, progress=progress)
    summary = result.summary()
    done = (
        f"keypoints were found in the videos by detector {result.detector} and are kept in "
        f"{relative_name(folder, path)}: {summary['frames']} pictures at {summary['fps']:g} a second"
    )
    if summary["resumed_frames"]:
        done += f", {summary['resumed_frames']} of them by an earlier run"
    return Found(path, (done, *(note for camera in result.cameras for note in camera.notes)))


def origin_notes(capture: Capture) -> list[str]:
    """Lines on keypoints that lift3d has found in the capture's videos before: that they are used, and if they fit."""
    told = provenance_of(capture.keypoints_path)
    if told.get("command") != "detect":
        return []
    notes = [
        f"{relative_name(capture.folder, capture.keypoints_path)} was made by `lift3d detect` (detector "
        f"{told['detector']}, lift3d {told['lift3d']}) and is used again"
    ]
    changed = [
        camera
        for camera, path in capture.videos.items()
        if (entry := told["cameras"].get(capture.pairing[camera].name)) and entry["sampled_sha256"] != _digest(path)
    ]
    if changed:
        notes.append(
            f"the videos of {', '.join(changed)} are not those that the keypoints were found in; run "
            f"`lift3d detect {capture.folder} --overwrite`"
        )
    return notes


def provenance_of(path: Path) -> dict[str, Any]:
    """How a keypoints file says it was made; empty for other formats."""
    return read_provenance(path) if path.is_file() and is_hdf5(path) else {}


def _for_videos(choice: DetectorChoice, recording: Recording) -> DetectorOptions:
    """The options, with what the videos say."""
    fps = probe(next(iter(recording.videos.values()))).fps
    return replace(choice.options, fps=fps, boxes_given=choice.config.boxes is not None)


def _taken_instead(folder: Path, path: Path) -> list[str]:
    """A line where ``lift3d reconstruct`` would by itself take other keypoints than those just found."""
    first = next(iter(find_keypoint_sets(folder)), path)
    if not path.absolute().is_relative_to(folder.absolute()) or first.absolute() == path.absolute():
        return []
    return [
        f"`lift3d reconstruct` takes {relative_name(folder, first)} before these; for these give --keypoints {path}"
    ]


def _make_folder(folder: Path) -> None:
    """Make room in the capture."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"{folder} cannot be made ({error.strerror}); write elsewhere by `lift3d detect CAPTURE -o FILE.h5`, and "
            "give that file by --keypoints"
        ) from error


def _check_weights(path: Path, choice: DetectorChoice) -> None:
    """Refuse keypoints that bear the detector's name and were found with other weights."""
    given = choice.options.weights or (choice.name if choice.name not in (None, *DETECTORS) else None)
    stored = provenance_of(path).get("settings", {}).get("weights_sha256")
    if given is None or stored is None or not Path(given).is_file():
        return
    if hashlib.sha256(Path(given).read_bytes()).hexdigest() != stored:
        raise InputError(
            f"{path} was made with other weights than {given}; run `lift3d detect` with them and --overwrite"
        )


def _digest(path: Path) -> str | None:
    """A video's fingerprint, None where it cannot be read."""
    try:
        return sampled_digest(path)
    except OSError:
        return None
