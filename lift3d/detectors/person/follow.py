"""Following people's boxes over the frames of one camera, so that the person detector need not look at each of them.

A person's next box is where the joints found last say that it will be. The detector is asked every few frames: it
brings in who is new, and whom neither the detector nor the joints confirm is given up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lift3d.detectors.crops import boxes_around
from lift3d.detectors.detection import Array, Boxes, Detection

from .boxes import covered, match

SAME_JOINTS = 0.12
"""Mean distance of two people's joints, in parts of the smaller box's size, below which they are one."""

MEMORY = 5
"""Frames for which joints say where a box is as well as the detector does: what is looked at comes in batches of 4."""


@dataclass(frozen=True)
class FollowSettings:
    """How people are followed.

    The thresholds on joints suit a confidence that is the probability to be within a tenth of the torso, which is low
    for a small network even where it is roughly right; what is taken up wrongly is left to the views to contradict.

    Args:
        every: frames from one look of the person detector to the next.
        new: score that a detection needs to be taken up as a new person.
        same: overlap (intersection over union) from which a detection and a followed box are one person.
        seen: confidence from which a joint counts for the box.
        lost: mean confidence of the joints below which a person was not found.
        believed: mean confidence of the joints that a new person needs, unless the detector was ``strong``.
        strong: score of a detection that is believed with weaker joints.
        sure: mean confidence of the joints above which a person is kept though the detector does not see it.
        patience: frames without joints, or looks without a detection, after which a person is given up.
        margin: what the box around the joints is enlarged by on each side, in parts of its size (width, height).
        most: people followed at a time.
    """

    every: int = 5
    new: float = 0.25
    same: float = 0.3
    seen: float = 0.1
    lost: float = 0.1
    believed: float = 0.15
    strong: float = 0.35
    sure: float = 0.25
    patience: int = 3
    margin: tuple[float, float] = (0.15, 0.1)
    most: int = 20


@dataclass(frozen=True, eq=False)
class Track:
    """A person who is followed.

    Args:
        identity: number that no other person of this camera has.
        frame: when the box was last renewed.
        box: [4] left, top, width, height, pixels, at that frame.
        speed: [2] pixels a frame, of the box's middle.
        score: of the detection that was last seen, 0..1.
        lost: frames since joints were found.
        unconfirmed: looks of the detector since it saw the person.
        believed: whether joints were found once.
    """

    identity: int
    frame: int
    box: Array
    speed: Array
    score: float
    lost: int = 0
    unconfirmed: int = 0
    believed: bool = False

    def at(self, frame: int) -> Array:
        """[4] the box expected at a frame."""
        moved = self.box.copy()
        moved[:2] += self.speed * np.clip(frame - self.frame, 0, 10)
        return moved


@dataclass(eq=False)
class Follower:
    """The people of one camera. For each frame, in order::

        detected = person([picture])[0] if follower.due(frame) else None
        boxes = follower.boxes(frame, detected)
        found = follower.update(frame, keypoints([picture], [boxes])[0])

    Several frames may be asked for by :meth:`boxes` before :meth:`update` is called for them in the same order, so
    that crops of a few frames make a batch; the boxes are then predicted that much further.
    """

    settings: FollowSettings = FollowSettings()
    tracks: tuple[Track, ...] = ()
    identities: tuple[int, ...] = ()
    """Whose the rows of the last :meth:`update` are; a person keeps its number, and the order is theirs."""
    _asked: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _looked: int | None = None
    _next: int = 0

    def due(self, frame: int) -> bool:
        """Whether the person detector should look at this frame."""
        return not self.tracks or self._looked is None or frame - self._looked >= self.settings.every

    def boxes(self, frame: int, detected: Boxes | None = None) -> Boxes:
        """Where to look for joints.

        Args:
            frame: number of the picture.
            detected: what the person detector saw in it; None where it did not look.
        """
        if detected is not None:
            self._looked = frame
            self._take_up(frame, detected)
        self._asked[frame] = tuple(track.identity for track in self.tracks)
        if not self.tracks:
            return Boxes.none()
        return Boxes(np.stack([track.at(frame) for track in self.tracks]), np.array([t.score for t in self.tracks]))

    def update(self, frame: int, found: Detection) -> Detection:
        """Learn from the joints found in the boxes of that frame.

        Args:
            frame: a number that :meth:`boxes` was asked with.
            found: a row for each of those boxes, in their order.

        Returns:
            The rows of those who were found: without the boxes that hold nobody, and nobody twice.
        """
        asked = self._asked.pop(frame)
        if len(asked) != len(found.boxes):
            raise ValueError(f"found must have a row for each of the {len(asked)} boxes, got {len(found.boxes)}")
        followed = {track.identity: track for track in self.tracks}
        rows = _distinct(found, self._found(found) & self._credible(found, [followed.get(number) for number in asked]))
        for row, identity in enumerate(asked):
            if identity in followed:
                one = found.xy[row], found.confidence[row]
                followed[identity] = self._follow(followed[identity], frame, one if rows[row] else None)
        self.tracks = tuple(track for track in followed.values() if not self._is_over(track))
        self.identities = tuple(identity for identity, kept in zip(asked, rows, strict=True) if kept)
        boxes = Boxes(found.boxes.xywh[rows], found.boxes.score[rows])
        return Detection(found.xy[rows], found.confidence[rows], boxes)

    def _found(self, found: Detection) -> NDArray[np.bool_]:
        """[P] whether joints were found."""
        joints = (found.confidence >= self.settings.seen).sum(1)
        return np.asarray((joints >= 3) & (found.confidence.mean(1) >= self.settings.lost))

    def _credible(self, found: Detection, tracks: list[Track | None]) -> NDArray[np.bool_]:
        """[P] whether each is somebody; who was asked about and is no longer followed is not."""
        sure = found.confidence.mean(1) >= self.settings.believed
        return np.array(
            [
                track is not None and (track.believed or track.score >= self.settings.strong or bool(one))
                for track, one in zip(tracks, sure, strict=True)
            ],
            bool,
        )

    def _take_up(self, frame: int, detected: Boxes) -> None:
        """Match detections with those who are followed; those left over are new people."""
        at = np.array([track.at(frame) for track in self.tracks]).reshape(-1, 4)
        owner = match(at, detected.xywh, self.settings.same)
        tracks = []
        for number, track in enumerate(self.tracks):
            if number in owner:
                row = int(np.flatnonzero(owner == number)[0])
                track = _seen(track, frame, detected.xywh[row], float(detected.score[row]))
            else:
                track = replace(track, score=track.score / 2, unconfirmed=track.unconfirmed + 1)
            tracks.append(track)
        for new in np.flatnonzero(owner < 0):
            box, score = detected.xywh[new], float(detected.score[new])
            room = len(tracks) < self.settings.most
            surer = at[[track.score >= score for track in self.tracks]]  # a wrong large box must not hide a person
            if room and score >= self.settings.new and not covered(box, surer, 0.8):
                tracks.append(Track(self._next, frame, box, np.zeros(2), score))
                self._next += 1
        self.tracks = tuple(tracks)

    def _follow(self, track: Track, frame: int, found: tuple[Array, Array] | None) -> Track:
        """A person's box anew from its joints."""
        if found is None:
            return replace(track, speed=np.zeros(2), lost=track.lost + 1)
        xy, confidence = found
        box = box_of_joints(xy, confidence >= self.settings.seen, self.settings.margin)
        elapsed = frame - track.frame
        if elapsed > 0:
            moved = (_middle(box) - _middle(track.box)) / elapsed
            speed = 0.5 * track.speed + 0.5 * moved
        else:
            speed = track.speed
        kept = confidence.mean() >= self.settings.sure
        unconfirmed = 0 if kept else track.unconfirmed
        size = 0.5 * track.box[2:] + 0.5 * box[2:]
        box = np.concatenate([_middle(box) - size / 2, size])
        return replace(track, frame=frame, box=box, speed=speed, lost=0, unconfirmed=unconfirmed, believed=True)

    def _is_over(self, track: Track) -> bool:
        """Whether a person is given up."""
        lost_at_once = not track.believed and track.lost > 0
        return lost_at_once or max(track.lost, track.unconfirmed) >= self.settings.patience


def _seen(track: Track, frame: int, box: Array, score: float) -> Track:
    """A person whom the detector saw; its box counts as much as that of joints just found, and alone without them."""
    if track.lost == 0 and frame - track.frame <= MEMORY:
        return replace(track, frame=frame, box=(track.at(frame) + box) / 2, score=score, unconfirmed=0)
    return replace(track, frame=frame, box=box, speed=np.zeros(2), score=score, unconfirmed=0)


def _middle(box: Array) -> Array:
    """[2] of a box."""
    return np.asarray(box[:2] + box[2:] / 2)


def box_of_joints(xy: Array, seen: NDArray[np.bool_], margin: tuple[float, float]) -> Array:
    """The body's box from its joints, which lie inside of it.

    Args:
        xy: [J, 2] pixels.
        seen: [J]
        margin: parts of the joints' box that are added on each side, width and height.
    """
    box = boxes_around(xy, seen)
    extra = np.maximum(box[2:] * margin, 0.04 * box[2:].max())
    return np.concatenate([box[:2] - extra, box[2:] + 2 * extra])


def _distinct(found: Detection, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of people whose joints coincide, the one with the surest joints alone."""
    kept = kept.copy()
    order = np.argsort(-found.confidence.mean(1), kind="stable")
    for place, row in enumerate(order):
        for other in order[:place]:
            if not (kept[row] and kept[other]):
                continue
            size = np.sqrt(np.prod(found.boxes.xywh[[row, other], 2:], axis=1).min())
            distance = np.linalg.norm(found.xy[row] - found.xy[other], axis=-1)
            weight = np.where(np.isfinite(distance), found.confidence[row] * found.confidence[other], 0.0)
            if weight.sum() > 0 and np.average(np.nan_to_num(distance), weights=weight) < SAME_JOINTS * size:
                kept[row] = False
    return kept
