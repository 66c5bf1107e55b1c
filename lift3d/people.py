"""Who is in a capture: all people whom two or more cameras see, followed through time, and those who do not count.

:func:`lift3d.association.associate` asks whether the views agree on one person, in any frames in any order; this module
follows everybody through consecutive frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError, Rig
from lift3d.datasets import Keypoints
from lift3d.datasets.skeleton import LIMB_BONES

from .association import MIN_CONFIDENCE, Association, main_joints
from .identities import Track, collect, inside, join_pieces
from .people_search import Appearance, find_people
from .point_solver import Array
from .tracking import PeopleTracker, Sighting
from .tracking_2d import lone_sightings
from .view_matching import IndexArray, SightBlock, Views

Progress = Callable[[str, int, int], None]

Box = tuple[float, float, float, float, float, float]

BLOCK = 128
USUAL_FPS = 30.0
"""Taken where nothing tells the frame rate: only how far people move between frames hangs on it."""

MIN_SECONDS, MIN_FRAMES = 0.4, 5
"""Who is seen by two views for less than this is passing by."""

UNCONFIRMED_S = 2.0
"""The same for those whom a third camera could have confirmed and never did."""

MIN_SHARE = 0.03
"""The same, as a share of the time that the person who is seen best is seen."""

WITNESSES = 3
"""Rays of two cameras always nearly meet: with four cameras or more, a third must at times confirm a person."""

MIN_PIECE = 3
"""Frames of two views that a piece of a track must have."""

SEEN_BY_CHANCE = 0.1
EDGE = 0.1
"""Share of the picture at its edges in which somebody may be cut off."""

TRUNK_BONES = (
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
)


@dataclass(frozen=True)
class PeopleConfig:
    """Who is looked for.

    Args:
        people: how many there are; None: all whom the cameras see consistently.
        roi: (x0, y0, z0, x1, y1, z1) metres, world: only people whose middle is in this box; None: everywhere.

    Raises:
        InputError: a number below one, or a box without volume.
    """

    people: int | None = None
    roi: Box | None = None

    def __post_init__(self) -> None:
        if self.people is not None and self.people < 1:
            raise InputError(f"the number of people must be at least 1, got {self.people}")
        if self.roi is not None:
            box = np.array(self.roi, np.float64)
            if box.shape != (6,) or not np.isfinite(box).all() or not (box[:3] < box[3:]).all():
                raise InputError(f"the region must be x0,y0,z0,x1,y1,z1 in metres with x0 < x1 …, got {list(self.roi)}")


@dataclass(frozen=True)
class LeftOut:
    """Somebody who was seen and does not count.

    Args:
        reason: "passer-by" (two views or more, briefly), "two cameras only", "contradicted" (a third
            looks there and sees nobody), "outside the region", "one camera only",
            "more than asked for".
        first: number of the first frame.
        last: number of the last frame.
        frames: in how many of them.
        cameras: who saw it.
        static: the place in the picture did not change: a poster, a mirror, a person who stands (one camera only).
    """

    reason: str
    first: int
    last: int
    frames: int
    cameras: tuple[str, ...]
    static: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "cameras": list(self.cameras)}


@dataclass(frozen=True, eq=False)
class People:
    """Everybody.

    Args:
        association: people who count, the best seen first.
        left_out: who was seen besides.
    """

    association: Association
    left_out: tuple[LeftOut, ...] = field(default=())


def follow_people(
    keypoints: Keypoints,
    rig: Rig,
    *,
    config: PeopleConfig | None = None,
    appearance: Appearance | None = None,
    progress: Progress | None = None,
) -> People:
    """Find everybody whom two or more cameras see, and keep them apart through time.

    Args:
        keypoints: detections of T consecutive frames, V views, up to P a view, in any order.
        rig: the V cameras, in the views' order.
        config: who is looked for.
        appearance: an opinion on which detections of a frame look alike, see :mod:`lift3d.people_search`.
        progress: called with (stage, frames done, frames in all).

    Returns:
        The people; none where nobody is seen by two cameras.

    Raises:
        InputError: the views are not those of the rig.
    """
    if keypoints.cameras != rig.names:
        raise InputError(f"keypoints are of cameras {keypoints.cameras}, the rig has {rig.names}")
    config = config or PeopleConfig()
    assert keypoints.frames is not None
    fps = keypoints.fps or USUAL_FPS
    time = keypoints.frames / fps
    sightings = _sightings(keypoints, rig, time, appearance, progress)
    pieces, left_out = _sound(collect(sightings), keypoints, rig, config)
    pieces = join_pieces(pieces, time, count=config.people)
    chosen, others = _choose(pieces, keypoints, fps, config)
    left_out += others
    alone = lone_sightings(keypoints, np.stack([s.free for s in sightings])) if sightings else []
    for view, track in alone:
        numbers = keypoints.frames[track.frames]
        name = (keypoints.cameras[view],)
        left_out.append(LeftOut("one camera only", int(numbers[0]), int(numbers[-1]), len(numbers), name, track.static))
    return People(_association(chosen, pieces, keypoints), tuple(left_out))


def best_of_frames(keypoints: Keypoints, rig: Rig, *, exchanged: bool = False) -> Association:
    """The person whom most views agree on in each frame by itself, who need not be the same: quick in a crowd.

    Args:
        keypoints: detections of T frames that may lie far apart, V views.
        rig: the V cameras, in the views' order.
        exchanged: whether views may exchange left and right, as a view of other cameras seems to at times.
    """
    joints, views = main_joints(keypoints), Views.of(rig)
    mirror = _mirror(keypoints, joints) if exchanged else None
    block = SightBlock.of(keypoints.xy[..., joints, :], keypoints.confidence[..., joints], rig, MIN_CONFIDENCE)
    index = np.full((*keypoints.shape[:2], 1), -1)
    support = np.zeros((len(index), 1))
    for t in range(len(index)):
        sights = block.frame(t)
        group = find_people(sights, views, mirror=mirror)
        if len(group.support):
            best = int(group.support.argmax())
            members = group.members[best]
            index[t, members >= 0, 0] = sights.candidate[members[members >= 0]]
            support[t] = group.support[best]
    return Association(index, support, np.zeros(len(index)))


def _sightings(
    keypoints: Keypoints, rig: Rig, time: Array, appearance: Appearance | None, progress: Progress | None
) -> list[Sighting]:
    """Run the tracker over all frames."""
    joints = main_joints(keypoints)
    tracker = PeopleTracker(Views.of(rig), _mirror(keypoints, joints), _bones(keypoints, joints), appearance=appearance)
    T, _, P = keypoints.shape[:3]
    out: list[Sighting] = []
    for start in range(0, T, BLOCK):
        block = slice(start, min(start + BLOCK, T))
        xy, confidence = keypoints.xy[block][..., joints, :], keypoints.confidence[block][..., joints]
        sights = SightBlock.of(xy, confidence, rig, MIN_CONFIDENCE)
        for t in range(block.start, block.stop):
            dt = float(time[t] - time[t - 1]) if t else 0.0
            out.append(tracker.step(sights.frame(t - start), dt, frame=t, candidates=P))
        if progress:
            progress("following people", block.stop, T)
    return out


def _mirror(keypoints: Keypoints, joints: list[int]) -> IndexArray:
    """The position of each main joint's other side."""
    other = dict(keypoints.skeleton.symmetric)
    other.update({right: left for left, right in keypoints.skeleton.symmetric})
    return np.array([joints.index(other[j]) if other.get(j) in joints else k for k, j in enumerate(joints)])


def _bones(keypoints: Keypoints, joints: list[int]) -> IndexArray:
    """Pairs [B, 2] of main joints whose distance tells people apart."""
    pairs = keypoints.skeleton.pairs((*LIMB_BONES, *TRUNK_BONES))
    return np.array([(joints.index(a), joints.index(b)) for a, b in pairs if a in joints and b in joints]).reshape(
        -1, 2
    )


def _sound(
    tracks: Sequence[Track], keypoints: Keypoints, rig: Rig, config: PeopleConfig
) -> tuple[list[Track], list[LeftOut]]:
    """Without the pieces of a frame or two that chance makes, and those whom a third camera should see and does not."""
    sound: list[Track] = []
    left_out: list[LeftOut] = []
    for track in tracks:
        if (track.views >= 2).sum() < MIN_PIECE:
            continue
        if config.people is None and contradicted(track, rig):
            left_out.append(_left(track, keypoints, "contradicted"))
        else:
            sound.append(track)
    return sound, left_out


def contradicted(track: Track, rig: Rig) -> bool:
    """Whether two cameras alone see a person who stands in the middle of the picture of others."""
    if (track.views >= 3).mean() > SEEN_BY_CHANCE:
        return False
    xy = np.moveaxis(rig.project(track.middle), 0, 1)  # [n, V, 2]
    size = np.array([camera.size for camera in rig], np.float64)
    inside = ((xy > EDGE * size) & (xy < (1 - EDGE) * size)).all(-1)
    saw = (track.candidate >= 0).mean(0)
    return bool(((inside.mean(0) > 0.8) & (saw < SEEN_BY_CHANCE)).any())


def _choose(
    pieces: Sequence[Track], keypoints: Keypoints, fps: float, config: PeopleConfig
) -> tuple[list[Track], list[LeftOut]]:
    """Who counts, the best seen first, and who does not."""
    left_out: list[LeftOut] = []
    tracks: list[Track] = []
    for piece in pieces:
        track = piece if config.roi is None else inside(piece, np.array(config.roi, np.float64).reshape(2, 3))
        if len(track.frames):
            tracks.append(track)
        else:
            left_out.append(_left(piece, keypoints, "outside the region"))
    tracks.sort(key=lambda track: -track.support)
    if config.people is not None:
        left_out += [_left(track, keypoints, "more than asked for") for track in tracks[config.people :]]
        return tracks[: config.people], left_out
    least = max(MIN_FRAMES, round(MIN_SECONDS * fps))
    least = max(least, round(MIN_SHARE * max(((track.views >= 2).sum() for track in tracks), default=0)))
    least = min(least, max(1, len(keypoints.xy) // 2))
    witnesses = min(WITNESSES, max((int(track.views.max()) for track in tracks), default=0))
    needed = 2 if keypoints.shape[1] <= WITNESSES else witnesses
    chosen = []
    doubted = max(least, min(round(UNCONFIRMED_S * fps), len(keypoints.xy) // 2))
    for track in tracks:
        lone = keypoints.shape[1] > 2 and (track.views >= 3).mean() < SEEN_BY_CHANCE
        if (track.views >= 2).sum() < (doubted if lone else least):
            left_out.append(_left(track, keypoints, "passer-by"))
        elif (track.views >= needed).sum() < min(least, 0.5 * len(track.frames)):
            left_out.append(_left(track, keypoints, "two cameras only"))
        else:
            chosen.append(track)
    return chosen, left_out


def _left(track: Track, keypoints: Keypoints, reason: str) -> LeftOut:
    """A track as the report names it."""
    assert keypoints.frames is not None
    numbers = keypoints.frames[track.frames]
    saw: NDArray[np.bool_] = (track.candidate >= 0).mean(0) > 0.1
    cameras = tuple(name for name, yes in zip(keypoints.cameras, saw, strict=True) if yes)
    return LeftOut(reason, int(numbers[0]), int(numbers[-1]), len(numbers), cameras)


def _association(chosen: Sequence[Track], pieces: Sequence[Track], keypoints: Keypoints) -> Association:
    """The tracks as a table, and in each frame the support of the best person who is not in it."""
    T, V = keypoints.shape[:2]
    index = np.full((T, V, len(chosen)), -1)
    support = np.zeros((T, len(chosen)))
    for p, track in enumerate(chosen):
        index[track.frames, :, p] = track.candidate
        support[track.frames, p] = track.vote.sum(1)
    rival = np.zeros(T)
    for piece in pieces:
        at = (index[piece.frames] == piece.candidate[..., None]) & (piece.candidate >= 0)[..., None]
        foreign = ~at.any((1, 2))
        rival[piece.frames] = np.maximum(rival[piece.frames], np.where(foreign, piece.vote.sum(1), 0.0))
    return Association(index, support, rival)
