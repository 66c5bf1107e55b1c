"""From videos and pictures to 2D keypoints in a file: what ``lift3d detect`` does."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lift3d import __version__
from lift3d.calib import InputError
from lift3d.calib.atomic_file import check_writable
from lift3d.datasets import Keypoints
from lift3d.datasets.capture_videos import SAME_RATE
from lift3d.datasets.keypoint_formats import Origin, write_h5

from .detectors.camera_job import CameraJob, bad_frames, count, open_jobs, run_job
from .detectors.detection import Array, Detector
from .detectors.parts import Block, Parts
from .detectors.pipeline import TopDown
from .detectors.slots import People

logger = logging.getLogger(__name__)

FilePath = str | os.PathLike[str]
Progress = Callable[[str, int, int], None]

FOUND = 0.1
"""Confidence from which a joint counts as found in what is told, as ``lift3d reconstruct`` counts by default."""


@dataclass(frozen=True)
class DetectConfig:
    """What can be set about a detection, apart from the detector.

    Args:
        people: no more than so many in a picture, those who are surest and largest; None: all.
        boxes: a file of boxes to look in, or a folder with one for each camera; None: the detector finds them.
        block: pictures after which what was found is kept on disk, and people are looked for anew.
    """

    people: int | None = None
    boxes: FilePath | None = None
    block: int = 300

    def __post_init__(self) -> None:
        if (self.people is not None and self.people < 1) or self.block < 1:
            raise InputError(f"people and block must be 1 or more, got {self.people} and {self.block}")


@dataclass(frozen=True)
class CameraResult:
    """What came of one camera.

    Args:
        name: of the camera.
        path: video, picture or folder.
        frames: pictures that there were.
        bad: numbers of those that could not be decoded.
        with_people: pictures in which somebody was found.
        most_people: found in one picture.
        joints_found: of all people in all pictures.
        joints_sought: how many those people have.
        notes: lines for the user.
    """

    name: str
    path: Path
    frames: int
    bad: tuple[int, ...]
    with_people: int
    most_people: int
    joints_found: int
    joints_sought: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Detected:
    """What a detection wrote, and how it went.

    Args:
        file: the keypoints file.
        keypoints: what is in it.
        cameras: one result each.
        detector: its name.
        resumed: pictures that an earlier run had done.
        seconds: of this run, in all and by stage where the detector tells.
        notes: lines for the user on all cameras together.
    """

    file: Path
    keypoints: Keypoints
    cameras: tuple[CameraResult, ...]
    detector: str
    resumed: int
    seconds: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @property
    def fps(self) -> float:
        """Pictures a second, of this run."""
        done = sum(camera.frames for camera in self.cameras) - self.resumed
        return done / max(self.seconds["all"], 1e-9)

    def summary(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "file": str(self.file),
            "detector": self.detector,
            "joint_set": self.keypoints.skeleton.name,
            "frames": sum(camera.frames for camera in self.cameras),
            "bad_frames": sum(len(camera.bad) for camera in self.cameras),
            "people": max(camera.most_people for camera in self.cameras),
            "joints_found_percent": _percent(self.cameras),
            "fps": round(self.fps, 2),
            "seconds": {stage: round(value, 2) for stage, value in self.seconds.items()},
            "resumed_frames": self.resumed,
            "cameras": [
                {
                    "name": camera.name,
                    "path": str(camera.path),
                    "frames": camera.frames,
                    "bad_frames": list(camera.bad),
                    "frames_with_people": camera.with_people,
                    "most_people": camera.most_people,
                    "joints_found_percent": _percent([camera]),
                }
                for camera in self.cameras
            ],
            "notes": [*self.notes, *(note for camera in self.cameras for note in camera.notes)],
        }


def _percent(cameras: Sequence[CameraResult]) -> float | None:
    """Joints found of those sought, per cent; None where there is nobody."""
    sought = sum(camera.joints_sought for camera in cameras)
    return round(100 * sum(camera.joints_found for camera in cameras) / sought, 1) if sought else None


def camera_names(paths: Sequence[FilePath]) -> dict[str, Path]:
    """Videos, pictures or folders by what their cameras are called: their names without the ending.

    Raises:
        InputError: two have one name.
    """
    named: dict[str, Path] = {}
    for path in map(Path, paths):
        name = path.resolve().name if path.is_dir() else path.stem
        if name in named:
            raise InputError(f"{named[name]} and {path} would both be camera {name}; rename one")
        named[name] = path
    return named


def detect_videos(
    sources: Mapping[str, FilePath],
    out: FilePath,
    detector: Detector,
    *,
    config: DetectConfig | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Detected:
    """Find people's joints in videos or pictures and write them as lift3d's keypoints file.

    What is found is kept in blocks in a hidden folder beside ``out``; a run that was stopped goes on after the last
    of them if it is started again in the same way, and gives the same file.

    Args:
        sources: camera to its video, picture or folder of pictures; frame k of one belongs to frame k of the others.
        out: the keypoints file; it appears whole or not at all.
        detector: finds people and joints.
        config: None: the defaults.
        overwrite: replace a file that exists.
        progress: called with (stage, pictures done, pictures in all or 0).

    Raises:
        FileExistsError: ``out`` exists.
        FileNotFoundError, InputError: a source or the boxes cannot be read, or not one picture of a camera can.
        OSError: the folder cannot be written.
    """
    config, out = config or DetectConfig(), Path(out)
    if not sources:
        raise InputError("no video and no pictures were given; nothing to find people in")
    if config.boxes is not None and not isinstance(detector, TopDown):
        raise InputError(f"detector {detector.name} finds people itself and takes no boxes; choose another")
    check_writable(out, overwrite=overwrite)
    jobs = open_jobs(sources, config.boxes)
    parts = Parts.open(out, _description(jobs, config, detector))
    if parts.resumed:
        logger.info("going on after %d pictures that an earlier run has done", parts.resumed)
    began = time.perf_counter()
    blocks = [run_job(job, detector, parts, length=config.block, progress=progress) for job in jobs]
    seconds = {"all": time.perf_counter() - began, **getattr(detector, "seconds", {})}
    views = [job.places(own, len(detector.skeleton), config.people) for job, own in zip(jobs, blocks, strict=True)]
    keypoints, boxes = _together(jobs, views, detector)
    provenance = {
        "command": "detect",
        "lift3d": __version__,
        "detector": detector.name,
        "settings": _settings(detector),
        "people": config.people,
        "cameras": {job.name: job.describe(own) for job, own in zip(jobs, blocks, strict=True)},
    }
    origin = Origin(provenance, tuple(count(own) for own in blocks), boxes)
    write_h5(out, keypoints, origin=origin, overwrite=overwrite)
    parts.remove()
    results = tuple(_result(job, own, view) for job, own, view in zip(jobs, blocks, views, strict=True))
    return Detected(out, keypoints, results, detector.name, parts.resumed, seconds)


def _settings(detector: Detector) -> dict[str, Any]:
    """What a detector says of itself, as JSON gives it back."""
    told: dict[str, Any] = json.loads(json.dumps(dict(getattr(detector, "settings", {})), default=str))
    return told


def _description(jobs: list[CameraJob], config: DetectConfig, detector: Detector) -> dict[str, Any]:
    """All that decides what is found."""
    return {
        "lift3d": __version__,
        "detector": detector.name,
        "joints": list(detector.skeleton.joints),
        "settings": _settings(detector),
        "block": config.block,
        "cameras": {job.name: [job.fingerprint, job.boxes.fingerprint if job.boxes else None] for job in jobs},
    }


def _together(jobs: list[CameraJob], views: list[People], detector: Detector) -> tuple[Keypoints, Array]:
    """All cameras in one container, and the boxes [T, V, P, 4]."""
    frames, places = (max(view.confidence.shape[axis] for view in views) for axis in (0, 1))
    shape = (frames, len(jobs), places, len(detector.skeleton))
    xy, confidence, boxes = np.full((*shape, 2), np.nan), np.zeros(shape), np.full((*shape[:3], 4), np.nan)
    for v, view in enumerate(views):
        t, p = view.confidence.shape[:2]
        xy[:t, v, :p], confidence[:t, v, :p], boxes[:t, v, :p] = view.xy, view.confidence, view.boxes
    names = tuple(job.name for job in jobs)
    return Keypoints(xy, np.clip(confidence, 0, 1), names, detector.skeleton, _common_rate(jobs)), boxes


def _common_rate(jobs: list[CameraJob]) -> float | None:
    """Frames a second, None where the videos differ or there is none."""
    rates = [job.source.fps or 0.0 for job in jobs]
    return rates[0] if min(rates) > 0 and max(rates) - min(rates) <= SAME_RATE * max(rates) else None


def _result(job: CameraJob, blocks: list[Block], view: People) -> CameraResult:
    """What came of a camera."""
    people = np.any(view.confidence > 0, axis=-1)  # [T, P]
    return CameraResult(
        name=job.name,
        path=job.path,
        frames=count(blocks),
        bad=bad_frames(blocks),
        with_people=int(np.any(people, axis=1).sum()),
        most_people=int(people.sum(1).max(initial=0)),
        joints_found=int((view.confidence >= FOUND).sum()),
        joints_sought=int(people.sum()) * view.confidence.shape[-1],
        notes=tuple(job.notes(blocks)),
    )
