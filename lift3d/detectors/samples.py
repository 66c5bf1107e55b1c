"""What a keypoint network is shown: crops of people, changed at random in ways that leave their joints known."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets.detections import mirror_joints
from lift3d.datasets.people_images import PeopleImages
from lift3d.datasets.picture_file import read_picture
from lift3d.datasets.skeleton import Skeleton

from .crops import apply, boxes_around, crop_transform, cut
from .detection import Array, Picture

CACHE_BYTES = 3 << 30
"""Decoded pictures that are kept in memory; a set that is larger is read anew for each epoch."""

HARD = {"elbow": 1.2, "wrist": 1.5, "knee": 1.2, "ankle": 1.5}
"""Weights of the joints that are hardest to find, as in Xiao et al., ECCV 2018; all others have 1."""

FACE = ("nose", "eye")
"""Parts of a joint's name; a network that labels them where they are hidden has guessed."""

LOWER = ("hip", "knee", "ankle", "heel", "toe", "pelvis")


@dataclass(frozen=True)
class CropSettings:
    """How crops are made and changed. Probabilities and ranges are of single samples.

    Args:
        size: (width, height) pixels.
        padding: the crop over the box.
        scale: the box is made larger or smaller by up to this factor.
        move: it is moved by up to this part of its size.
        turn: probability of a turn, of a normal distribution of ``turn_deg``; a tenth of these turns is any angle.
        turn_deg: degrees.
        mirror: probability of a mirror image, left and right joints exchanged.
        colour: probability of other brightness, contrast, colours, blur or noise.
        occlude: probability of patches that hide something.
        half_body: probability that only the upper or the lower half is in the box.
        backgrounds: probability that another picture, or the picture's own continuation, surrounds what the picture
            shows, instead of grey.
        teacher: weight of the labels that a network made; those of humans have 1.
    """

    size: tuple[int, int] = (192, 256)
    padding: float = 1.25
    scale: float = 1.4
    move: float = 0.08
    turn: float = 0.6
    turn_deg: float = 30.0
    mirror: float = 0.5
    colour: float = 0.7
    occlude: float = 0.3
    half_body: float = 0.15
    backgrounds: float = 0.6
    teacher: float = 0.7

    def plain(self) -> CropSettings:
        """The same crops without any change, as they are tested."""
        return CropSettings(self.size, self.padding, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, self.teacher)


@dataclass(frozen=True, eq=False)
class Crops:
    """A batch.

    Args:
        pictures: [B, H, W, 3] RGB.
        xy: [B, J, 2] pixels of the crop; NaN where not labelled, outside of the crop, or a hidden face.
        weight: [B, J] of the joints that are labelled, in the crop or outside of it; 0 elsewhere.
    """

    pictures: NDArray[np.uint8]
    xy: NDArray[np.float32]
    weight: NDArray[np.float32]


class Pictures:
    """Decoded pictures by their files, the latest ones kept."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._kept: OrderedDict[Path, Picture] = OrderedDict()
        self._limit, self._bytes = limit, 0

    def __getitem__(self, path: Path) -> Picture:
        """[H, W, 3] BGR.

        Raises:
            InputError: the file cannot be decoded.
        """
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        picture = read_picture(path)
        self._kept[path] = picture
        self._bytes += picture.nbytes
        while self._bytes > self._limit:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return picture


def joint_weights(skeleton: Skeleton) -> NDArray[np.float32]:
    """[J]: what a joint counts in the loss."""
    return np.array([HARD.get(joint.rpartition("_")[2], 1.0) for joint in skeleton.joints], np.float32)


def hidden_faces(people: PeopleImages, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """[B, J]: eyes and noses that a network labelled and called hidden: where they are cannot be learnt from these.

    Whoever turns the back has no face to find. A network that is taught to put one there takes backs for fronts, and
    several cameras cannot weigh down what it says of the face as surely as of a hand.
    """
    return np.asarray(people.teacher[rows] & (people.labelled[rows] == 1) & face_joints(people.skeleton))


def face_joints(skeleton: Skeleton) -> NDArray[np.bool_]:
    """[J]: nose and eyes."""
    return np.array([any(part in joint for part in FACE) for joint in skeleton.joints])


def make_crops(
    people: PeopleImages,
    rows: NDArray[np.intp],
    rng: np.random.Generator,
    settings: CropSettings,
    pictures: Pictures,
) -> Crops:
    """A batch of some people.

    Args:
        people: whom to choose from.
        rows: [B] whom to show.
        rng: decides all that is random.
        settings: how.
        pictures: where decoded pictures are kept.
    """
    made = [_make_one(people, int(row), rng, settings, pictures) for row in rows]
    counts = joint_weights(people.skeleton) * (people.labelled[rows] > 0)
    counts = np.where(people.teacher[rows], settings.teacher, 1.0) * counts
    mirrored = np.array([mirror for _, _, mirror in made])
    counts = np.where(mirrored[:, None], counts[:, mirror_joints(people.skeleton)], counts)
    xy = np.stack([points for _, points, _ in made])
    hidden = hidden_faces(people, rows)
    xy[np.where(mirrored[:, None], hidden[:, mirror_joints(people.skeleton)], hidden)] = np.nan
    outside = ((xy < -0.5) | (xy > np.array(settings.size) - 0.5)).any(-1)
    xy[outside] = np.nan
    return Crops(np.stack([crop for crop, _, _ in made]), xy.astype(np.float32), counts.astype(np.float32))


def _make_one(
    people: PeopleImages, row: int, rng: np.random.Generator, settings: CropSettings, pictures: Pictures
) -> tuple[Picture, Array, bool]:
    """A crop [H, W, 3] RGB, its joints [J, 2], and whether it is a mirror image."""
    import cv2

    xy, size = people.xy[row], settings.size
    transform = crop_transform(
        _box(people, row, rng, settings), size, padding=settings.padding, turn=_turn(rng, settings)
    )
    mirror = bool(rng.random() < settings.mirror)
    if mirror:
        transform = np.array([[-1, 0, size[0] - 1], [0, 1, 0]], float) @ np.vstack([transform, [0, 0, 1]])
        xy = xy[mirror_joints(people.skeleton)]
    picture = pictures[people.paths[row]]
    if rng.random() < settings.backgrounds:
        crop = _on_background(picture, transform, people, rng, size=size, pictures=pictures)
    else:
        crop = cut(picture, transform, size)
    if rng.random() < settings.occlude:
        _occlude(crop, rng, pictures[people.paths[int(rng.integers(len(people)))]])
    if rng.random() < settings.colour:
        crop = _recolour(crop, rng)
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB), np.uint8), apply(transform, xy), mirror


def _box(people: PeopleImages, row: int, rng: np.random.Generator, settings: CropSettings) -> Array:
    """The person's box, or that of half of the joints, scaled and moved."""
    box = people.boxes[row]
    if rng.random() < settings.half_body:
        low = np.array([any(part in joint for part in LOWER) for joint in people.skeleton.joints])
        half = (people.labelled[row] > 0) & (low == (rng.random() < 0.5))
        if half.sum() >= 3:
            box = boxes_around(people.xy[row], half)
            grown = np.maximum(1.5 * box[2:], 0.3 * people.boxes[row, 2:].max())
            box = np.concatenate([box[:2] + (box[2:] - grown) / 2, grown])
    factor = settings.scale ** rng.uniform(-1, 1)
    extent = box[2:] * factor
    middle = box[:2] + box[2:] / 2 + rng.uniform(-1, 1, 2) * settings.move * box[2:]
    return np.concatenate([middle - extent / 2, extent])


def _turn(rng: np.random.Generator, settings: CropSettings) -> float:
    """Radians."""
    chance, angle, any_angle = rng.random(), rng.normal() * np.radians(settings.turn_deg), rng.uniform(-np.pi, np.pi)
    if chance >= settings.turn:
        return 0.0
    return float(any_angle if chance < 0.1 * settings.turn else angle)


def _on_background(
    picture: Picture,
    transform: Array,
    people: PeopleImages,
    rng: np.random.Generator,
    *,
    size: tuple[int, int],
    pictures: Pictures,
) -> Picture:
    """A crop without grey margins."""
    import cv2

    how = rng.random()
    if how < 0.35:
        return cut(picture, transform, size, border=cv2.BORDER_REPLICATE)
    if how < 0.55:
        return cut(picture, transform, size, border=cv2.BORDER_REFLECT_101)
    if how < 0.7:
        return cut(picture, transform, size, fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    behind = cv2.resize(pictures[people.paths[int(rng.integers(len(people)))]], size)
    if rng.random() < 0.5:
        behind = cv2.blur(behind, (9, 9))
    return cut(picture, transform, size, behind=np.asarray(behind, np.uint8))


def _occlude(crop: Picture, rng: np.random.Generator, other: Picture) -> None:
    """Put patches of one colour, of noise, or of another picture on the crop."""
    height, width = crop.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        w, h = (int(side * share) for side, share in zip((width, height), rng.uniform(0.06, 0.35, 2), strict=True))
        x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
        kind, colour = rng.random(), rng.integers(0, 256, 3, dtype=np.uint8)
        if kind < 0.5 and other.shape[0] > h and other.shape[1] > w:
            top, left = int(rng.integers(0, other.shape[0] - h)), int(rng.integers(0, other.shape[1] - w))
            crop[y : y + h, x : x + w] = other[top : top + h, left : left + w]
        elif kind < 0.85:
            crop[y : y + h, x : x + w] = colour
        else:
            crop[y : y + h, x : x + w] = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)


def _recolour(crop: Picture, rng: np.random.Generator) -> Picture:
    """Other light, another camera."""
    import cv2

    gain = rng.uniform(0.65, 1.35) * rng.uniform(0.85, 1.15, 3)
    shift, gamma = rng.uniform(-30, 30), 2.0 ** rng.uniform(-0.5, 0.5)
    level = 255 * (np.arange(256) / 255) ** gamma
    table = np.clip(level[:, None] * gain + shift, 0, 255).astype(np.uint8)
    crop = np.asarray(cv2.LUT(crop, table[None]), np.uint8)
    kind = rng.random()
    if kind < 0.1:
        return np.asarray(cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)
    if kind < 0.2:
        return np.asarray(cv2.GaussianBlur(crop, (0, 0), float(rng.uniform(0.5, 2.5))), np.uint8)
    if kind < 0.3:
        coarse = float(rng.uniform(0.25, 0.7))
        small = cv2.resize(crop, None, fx=coarse, fy=coarse, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, crop.shape[1::-1]), np.uint8)
    if kind < 0.4:
        spread = int(rng.integers(3, 15))
        noise = rng.integers(-spread, spread + 1, crop.shape, dtype=np.int16)
        return np.clip(crop + noise, 0, 255).astype(np.uint8)
    return crop
