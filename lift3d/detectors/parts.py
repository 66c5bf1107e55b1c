"""Detections kept in blocks while the work goes on, so that a run that was stopped goes on after the last of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from lift3d.calib.atomic_file import atomic_file

from .detection import Boxes, Detection

JOB = "job.json"


@dataclass(frozen=True, eq=False)
class Block:
    """Pictures of one camera that follow one another.

    Args:
        found: a detection a picture.
        bad: numbers of the pictures that could not be read.
        outside: given boxes that lay outside of their picture.
        last: whether there are no more pictures.
    """

    found: Sequence[Detection]
    bad: tuple[int, ...] = ()
    outside: int = 0
    last: bool = False


@dataclass(frozen=True)
class Parts:
    """The blocks that are done, in a folder beside the file that they shall become.

    Args:
        folder: hidden, and removed at the end.
        resumed: pictures that were done when the folder was opened.
    """

    folder: Path
    resumed: int = field(default=0)

    @classmethod
    def open(cls, out: Path, job: Mapping[str, Any]) -> Parts:
        """The blocks of this job; those of another, or unreadable ones, are removed.

        Args:
            out: the file that they shall become.
            job: all that decides what is found: detector, settings, videos.

        Raises:
            OSError: the folder cannot be made.
        """
        folder = out.with_name(f".{out.name}.parts")
        text = json.dumps(job, sort_keys=True, indent=1)
        if not (folder / JOB).is_file() or (folder / JOB).read_text(encoding="utf-8") != text:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            with atomic_file(folder / JOB) as temporary:
                temporary.write_text(text, encoding="utf-8")
        parts = cls(folder)
        return cls(folder, sum(len(block.found) for camera in job["cameras"] for block in parts.read(camera)))

    def read(self, camera: str) -> list[Block]:
        """The blocks of a camera that are there without a gap."""
        blocks: list[Block] = []
        while not (blocks and blocks[-1].last):
            block = _load(self._path(camera, len(blocks)))
            if block is None:
                break
            blocks.append(block)
        return blocks

    def add(self, camera: str, number: int, block: Block) -> None:
        """Keep a camera's next block."""
        counts = [len(one.boxes) for one in block.found]
        joints = block.found[0].xy.shape[1] if block.found else 0
        empty = Detection.none(joints)
        rows = [one for one in block.found if len(one.boxes)] or [empty]
        with atomic_file(self._path(camera, number), overwrite=True) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                counts=np.array(counts, np.int64),
                xy=np.concatenate([one.xy for one in rows]),
                confidence=np.concatenate([one.confidence for one in rows]),
                boxes=np.concatenate([one.boxes.xywh for one in rows]),
                score=np.concatenate([one.boxes.score for one in rows]),
                bad=np.array(block.bad, np.int64),
                outside=np.array(block.outside),
                last=np.array(block.last),
            )

    def remove(self) -> None:
        """The file is written; the blocks are not needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, camera: str, number: int) -> Path:
        """Where a block stands; a camera's name may hold what a file's must not."""
        return self.folder / f"{hashlib.sha256(camera.encode()).hexdigest()[:16]}.{number:06d}.npz"


def _load(path: Path) -> Block | None:
    """A block, None where there is none that can be read."""
    try:
        with path.open("rb") as file, np.load(file) as data:  # np.load alone leaves a damaged file open
            ends = np.cumsum(data["counts"])[:-1]
            parts = [np.split(data[name], ends) for name in ("xy", "confidence", "boxes", "score")]
            found = [Detection(xy, sure, Boxes(box, score)) for xy, sure, box, score in zip(*parts, strict=True)]
            bad = tuple(int(number) for number in data["bad"])
            return Block(found[: len(data["counts"])], bad, int(data["outside"]), bool(data["last"]))
    except (OSError, ValueError, KeyError, BadZipFile):
        return None
