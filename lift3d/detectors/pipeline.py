"""A detector made of two: one finds people's boxes, the other the joints in each; boxes are followed in between."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from lift3d.calib import InputError

from .detection import Boxes, Detection, KeypointDetector, PersonDetector, Picture
from .person.background import WithBackground
from .person.follow import Follower, FollowSettings


@dataclass(frozen=True)
class TopDownSettings:
    """How the two detectors work together.

    Args:
        follow: how boxes are followed from frame to frame.
        background: let what moves before a camera that stands still help the person detector.
        batch: pictures whose crops go through the network together. Boxes are predicted that many frames ahead, so
            a CPU, which gains little by it, takes few.
    """

    follow: FollowSettings = field(default_factory=FollowSettings)
    background: bool = False
    batch: int = 4


@dataclass(frozen=True)
class _Frame:
    """A picture that waits for its batch, None if it could not be read."""

    number: int
    picture: Picture | None
    boxes: Boxes


class TopDown:
    """Boxes first, then joints (see :class:`lift3d.detectors.detection.Detector`).

    Args:
        person: finds boxes; None: they are always given, see :meth:`detect_in`.
        keypoints: finds joints.
        name: what to call the whole.
        told: goes into the files that are written: weights, architecture.
        settings: of the two together.
    """

    def __init__(
        self,
        person: PersonDetector | None,
        keypoints: KeypointDetector,
        *,
        name: str = "top-down",
        told: Mapping[str, Any] | None = None,
        settings: TopDownSettings | None = None,
    ) -> None:
        self.person = person
        self.keypoints = keypoints
        self.name = name
        self.skeleton = keypoints.skeleton
        self.config = settings or TopDownSettings()
        self.settings: dict[str, Any] = {**(told or {}), **asdict(self.config)}
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Where the time went: waiting for pictures, finding people, finding joints."""

    def detect(self, pictures: Iterable[Picture | None], *, in_sequence: bool = True) -> Iterator[Detection]:
        """One detection a picture, in order.

        Args:
            pictures: [H, W, 3] BGR; None stands for one that could not be read, and gives nobody.
            in_sequence: frames of one video: the person detector looks at some of them, and the joints found tell
                where people are in the others.
        """
        if self.person is None:
            raise InputError(f"detector {self.name} has no person detector; give it boxes")
        return self._follow(self._timed(pictures)) if in_sequence else self._each(self._timed(pictures))

    def detect_in(self, pictures: Iterable[Picture | None], boxes: Iterable[Boxes]) -> Iterator[Detection]:
        """The joints in boxes that are known, one detection a picture; a row for each box, in the boxes' order.

        Args:
            pictures: as of :meth:`detect`.
            boxes: of each picture.
        """
        found = iter(boxes)
        numbered = enumerate(self._timed(pictures))
        frames = (_Frame(number, picture, next(found, Boxes.none())) for number, picture in numbered)
        while batch := list(islice(frames, self.config.batch)):
            yield from self._joints(batch)

    def _follow(self, pictures: Iterator[Picture | None]) -> Iterator[Detection]:
        """Frames of a video."""
        assert self.person is not None
        follower, waiting = Follower(self.config.follow), list[_Frame]()
        person = WithBackground(self.person) if self.config.background else self.person
        for number, picture in enumerate(pictures):
            boxes = Boxes.none()
            if picture is not None:
                detected = self._people(person, [picture])[0] if follower.due(number) else None
                boxes = follower.boxes(number, detected)
            waiting.append(_Frame(number, picture, boxes))
            if len(waiting) >= self.config.batch:
                yield from self._learn(follower, waiting)
                waiting.clear()
        yield from self._learn(follower, waiting)

    def _learn(self, follower: Follower, frames: list[_Frame]) -> Iterator[Detection]:
        """The joints of a batch, told to the follower."""
        for frame, found in zip(frames, self._joints(frames), strict=True):
            yield found if frame.picture is None else follower.update(frame.number, found)

    def _each(self, pictures: Iterator[Picture | None]) -> Iterator[Detection]:
        """Pictures that have nothing to do with one another."""
        assert self.person is not None
        while batch := list(islice(pictures, self.config.batch)):
            detected = iter(self._people(self.person, [picture for picture in batch if picture is not None]))
            followers = [Follower(self.config.follow) for _ in batch]
            frames = [
                _Frame(0, picture, Boxes.none() if picture is None else follower.boxes(0, next(detected)))
                for picture, follower in zip(batch, followers, strict=True)
            ]
            for follower, frame, found in zip(followers, frames, self._joints(frames), strict=True):
                yield found if frame.picture is None else follower.update(0, found)

    def _people(self, person: PersonDetector, pictures: list[Picture]) -> list[Boxes]:
        """The boxes in each picture."""
        with self._clock("people"):
            return person(pictures) if pictures else []

    def _joints(self, frames: list[_Frame]) -> list[Detection]:
        """The joints in each frame's boxes."""
        empty = Detection.none(len(self.skeleton))
        shown = [(frame.picture, frame.boxes) for frame in frames if frame.picture is not None and len(frame.boxes)]
        with self._clock("joints"):
            pictures, boxes = [picture for picture, _ in shown], [box for _, box in shown]
            found = iter(self.keypoints(pictures, boxes) if shown else [])
        return [next(found) if frame.picture is not None and len(frame.boxes) else empty for frame in frames]

    def _timed(self, pictures: Iterable[Picture | None]) -> Iterator[Picture | None]:
        """The same pictures, and how long they were waited for."""
        source = iter(pictures)
        while True:
            with self._clock("pictures"):
                try:
                    picture = next(source)
                except StopIteration:
                    return
            yield picture

    @contextmanager
    def _clock(self, stage: str) -> Iterator[None]:
        """Count the time of a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - began
