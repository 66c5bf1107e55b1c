"""One camera's part of a detection: its pictures, its boxes, and the blocks that are done of it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from lift3d.calib import InputError
from lift3d.datasets.frames import FrameSource, Picture, PictureFrames, VideoFrames, open_frames, prefetched
from lift3d.datasets.keypoint_formats.keypoint_set import ranges

from .box_file import BoxTable, read_boxes
from .detection import Boxes, Detection, Detector
from .parts import Block, Parts
from .pipeline import TopDown
from .slots import People, in_places

Progress = Callable[[str, int, int], None]

PATIENCE_S = 1.0
"""Seconds for which somebody's place in the file is kept free who is not seen."""


@dataclass(frozen=True, eq=False)
class CameraJob:
    """One camera.

    Args:
        name: of the camera.
        path: video, picture or folder of pictures.
        source: the pictures.
        boxes: given ones; None: the detector finds them.
        fingerprint: of the pictures.
    """

    name: str
    path: Path
    source: FrameSource
    boxes: BoxTable | None
    fingerprint: str

    @property
    def in_sequence(self) -> bool:
        """Whether the pictures are frames of one video."""
        return isinstance(self.source, VideoFrames)

    def notes(self, blocks: list[Block]) -> list[str]:
        """Lines for the user on what became of the pictures."""
        source, frames = self.source, count(blocks)
        bad, outside = bad_frames(blocks), sum(block.outside for block in blocks)
        notes = list(self.boxes.notes) if self.boxes is not None else []
        if isinstance(source, VideoFrames) and source.info.rotation:
            notes.append(f"turned by {source.info.rotation} degrees, as its header asks")
        if bad:
            notes.append(
                f"{len(bad)} of {frames} pictures cannot be decoded and count as not seen: {ranges(list(bad))}"
            )
        if frames < source.count:
            notes.append(f"the header tells of {source.count} pictures, {frames} are there; the file may be cut short")
        if outside:
            notes.append(f"boxes outside of the picture, left out: {outside}")
        return [f"{self.name}: {note}" for note in notes]

    def describe(self, blocks: list[Block]) -> dict[str, Any]:
        """Where the keypoints are from, as JSON can say it."""
        told = {"file": self.path.name, "sampled_sha256": self.fingerprint, "bad_frames": list(bad_frames(blocks))}
        if isinstance(self.source, VideoFrames):
            info = self.source.info
            return told | {"size": list(info.size), "fps": info.fps, "rotation": info.rotation} | self._boxes_told()
        assert isinstance(self.source, PictureFrames)
        return told | {"pictures": [path.name for path in self.source.paths]} | self._boxes_told()

    def places(self, blocks: list[Block], joints: int, most: int | None) -> People:
        """The people in a stable order."""
        found = [detection for block in blocks for detection in block.found]
        patience = round(PATIENCE_S * self.source.fps) if self.source.fps else 0
        return in_places(found, joints, most=most, patience=patience)

    def _boxes_told(self) -> dict[str, str]:
        """The fingerprint of given boxes."""
        return {} if self.boxes is None else {"boxes_sha256": self.boxes.fingerprint}


def count(blocks: list[Block]) -> int:
    """How many pictures there are in blocks."""
    return sum(len(block.found) for block in blocks)


def bad_frames(blocks: list[Block]) -> tuple[int, ...]:
    """Numbers of the pictures that could not be read."""
    return tuple(number for block in blocks for number in block.bad)


def open_jobs(sources: Mapping[str, str | os.PathLike[str]], boxes: str | os.PathLike[str] | None) -> list[CameraJob]:
    """All cameras, opened before any is worked on.

    Args:
        sources: camera to video, picture or folder.
        boxes: file, or folder with one for each camera; None: none are given.

    Raises:
        FileNotFoundError, InputError: a source or the boxes cannot be read.
    """
    jobs = []
    for name, path in sources.items():
        source = open_frames(path)
        table = None if boxes is None else _boxes(Path(boxes), name, source, alone=len(sources) == 1)
        jobs.append(CameraJob(name, Path(path), source, table, source.fingerprint()))
    return jobs


def _boxes(path: Path, camera: str, source: FrameSource, *, alone: bool) -> BoxTable:
    """A camera's boxes, of a file or of a folder with a file for each."""
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if file.stem == camera and file.is_file()]
        if not files:
            raise FileNotFoundError(f"{path} holds no boxes of {camera}; wanted {camera}.csv or {camera}.json")
        path = files[0]
    elif not alone:
        raise InputError(f"{path} is one file of boxes for several cameras; give a folder with <camera>.csv for each")
    names = tuple(picture.name for picture in source.paths) if isinstance(source, PictureFrames) else ()
    return read_boxes(path, count=source.count, names=names)


def run_job(
    job: CameraJob, detector: Detector, parts: Parts, *, length: int, progress: Progress | None = None
) -> list[Block]:
    """Find people in one camera's pictures, block after block, from where an earlier run stopped.

    Args:
        job: the camera.
        detector: finds people and joints.
        parts: where blocks are kept.
        length: pictures in a block.
        progress: called with (stage, pictures done, pictures in all or 0).

    Raises:
        InputError: not one picture can be decoded.
    """
    blocks = parts.read(job.name)
    if progress:
        progress(_stage(job), count(blocks), job.source.count)
    pictures = prefetched(job.source.read(count(blocks)))
    try:
        while not (blocks and blocks[-1].last):
            block = _block(job, detector, islice(pictures, length), count(blocks), progress)
            block = replace(block, last=len(block.found) < length)
            parts.add(job.name, len(blocks), block)
            blocks.append(block)
    finally:
        pictures.close()
    if len(bad_frames(blocks)) == count(blocks):
        raise InputError(f"{job.path}: not one of its {count(blocks)} pictures can be decoded")
    return blocks


def _stage(job: CameraJob) -> str:
    """What the work is called while it lasts."""
    return f"finding people in {job.name}"


def _block(
    job: CameraJob, detector: Detector, pictures: Iterator[Picture | None], start: int, progress: Progress | None
) -> Block:
    """The next pictures of a camera."""
    bad, outside, waiting = list[int](), [0], deque[Boxes]()

    def shown() -> Iterator[Picture | None]:
        for number, picture in enumerate(pictures, start):
            if picture is None:
                bad.append(number)
            if job.boxes is not None:
                boxes = job.boxes.at(number)
                inside = boxes if picture is None else _inside(boxes, picture)
                outside[0] += len(boxes) - len(inside)
                waiting.append(inside)
            yield picture

    if job.boxes is None:
        found = detector.detect(shown(), in_sequence=job.in_sequence)
    else:
        assert isinstance(detector, TopDown)
        found = detector.detect_in(shown(), iter(waiting.popleft, None))
    detections = list[Detection]()
    for detection in found:
        detections.append(detection)
        if progress:
            progress(_stage(job), start + len(detections), job.source.count)
    return Block(detections, tuple(bad), outside[0])


def _inside(boxes: Boxes, picture: Picture) -> Boxes:
    """The boxes that share an area with the picture."""
    low, high = boxes.xywh[:, :2], boxes.xywh[:, :2] + boxes.xywh[:, 2:]
    kept = ((high > 0) & (low < picture.shape[1::-1])).all(1)
    return Boxes(boxes.xywh[kept], boxes.score[kept])
