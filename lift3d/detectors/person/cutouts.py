"""People cut out of their pictures: which pixels are the body, and what the picture would be without it.

The body's outline is found by GrabCut (Rother, Kolmogorov, Blake, SIGGRAPH 2004), which is told by the labelled joints
where the body surely is, may be, and is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets.people_images import PeopleImages
from lift3d.datasets.skeleton import SKELETONS
from lift3d.detectors.detection import Array, Picture

Mask = NDArray[np.uint8]
Progress = Callable[[str, int, int], None]

LONGEST = 256
"""Pixels: no cutout is longer; it bounds the memory."""

MASK_LONGEST = 88
"""Pixels of the picture in which the outline is searched for: 3 ms a person."""

FILL_LONGEST = 80
"""Pixels of the picture in which what was behind a person is guessed: it is smooth anyway."""

JOINTS_FOR_MASK = 11
"""A person with fewer labelled joints has no outline: parts of the body would be left out."""

UPRIGHT_WEIGHT = 2.0
"""How much more often people are shown whose box is half as high again as wide: most of those filmed stand."""

LIMBS = {
    (5, 7): 0.18, (7, 9): 0.18, (6, 8): 0.18, (8, 10): 0.18, (11, 13): 0.24, (13, 15): 0.18, (12, 14): 0.24,
    (14, 16): 0.18, (5, 6): 0.36, (11, 12): 0.36, (5, 11): 0.36, (6, 12): 0.36, (5, 12): 0.36, (6, 11): 0.36,
}  # fmt: skip
"""Thickness of limbs in COCO's numbers, in parts of the torso's length; found by eye."""


@dataclass(eq=False)
class Cutouts:
    """N people in memory.

    Args:
        pictures: N cut pictures with a little of the surroundings.
        boxes: [N, 4] left, top, width, height in their cut picture, pixels.
        xy: [N, 17, 2] joints there, COCO's order, NaN where not labelled.
    """

    pictures: list[Picture]
    boxes: Array
    xy: Array
    rooms: dict[int, Picture] = field(default_factory=dict)
    """Kept by :func:`lift3d.detectors.person.rooms.some_room`."""
    _masks: dict[int, Mask | None] = field(default_factory=dict)
    _chances: Array = field(init=False)

    def __post_init__(self) -> None:
        upright = self.boxes[:, 3] > 1.5 * self.boxes[:, 2]
        self._chances = np.cumsum(np.where(upright, UPRIGHT_WEIGHT, 1.0))

    def __len__(self) -> int:
        return len(self.pictures)

    def draw(self, rng: Generator) -> int:
        """Somebody."""
        return int(np.searchsorted(self._chances, rng.uniform(0, self._chances[-1]), side="right"))

    def mask(self, row: int) -> Mask | None:
        """[H, W] 0..255, how much of each pixel is body; None where too little is labelled."""
        if row not in self._masks:
            self._masks[row] = body_mask(self.pictures[row], self.xy[row], row)
        return self._masks[row]

    def scenery(self, row: int) -> tuple[Picture, Mask]:
        """The picture without the person, filled from around the body or the box, and what was taken out."""
        picture, mask = self.pictures[row], self.mask(row)
        if mask is None:
            left, top, width, height = self.boxes[row].round().astype(int)
            mask = np.zeros(picture.shape[:2], np.uint8)
            mask[max(top, 0) : top + height, max(left, 0) : left + width] = 255
        return filled(picture, mask), mask


def read_cutouts(people: PeopleImages, *, progress: Progress | None = None) -> Cutouts:
    """Read everybody's pictures.

    Raises:
        InputError: the joint set is not COCO's, or a picture cannot be read.
    """
    import cv2

    if people.skeleton.joints != SKELETONS["coco_17"].joints:
        raise InputError(f"the people are labelled in {people.skeleton.name}; people are cut out by COCO's 17 joints")
    pictures, boxes, xy = [], people.boxes.copy(), people.xy.copy()
    for row, path in enumerate(people.paths):
        picture = cv2.imread(str(path))
        if picture is None:
            raise InputError(f"{path} is not a picture that can be read; mend it or leave it out")
        cut, scale, corner = _cut(np.asarray(picture, np.uint8), boxes[row])
        boxes[row, :2] = (boxes[row, :2] + 0.5 - corner) * scale - 0.5
        boxes[row, 2:] *= scale
        xy[row] = (xy[row] + 0.5 - corner) * scale - 0.5
        pictures.append(cut)
        if progress is not None and (row + 1) % 100 == 0:
            progress("reading people", row + 1, len(people))
    return Cutouts(pictures, boxes, xy)


def _cut(picture: Picture, box: Array) -> tuple[Picture, float, Array]:
    """The part of a picture around a box, at most LONGEST; its scale and its corner in the picture."""
    import cv2

    low = np.maximum(np.floor(box[:2] - 0.2 * box[2:]), 0).astype(int)
    high = np.minimum(np.ceil(box[:2] + 1.2 * box[2:]).astype(int) + 1, picture.shape[1::-1])
    part = picture[low[1] : high[1], low[0] : high[0]]
    scale = min(1.0, LONGEST / max(part.shape[:2]))
    if scale < 1:
        part = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(part), scale, low.astype(float)


def body_mask(picture: Picture, xy: Array, seed: int = 0) -> Mask | None:
    """The body's outline, soft at its edge.

    Args:
        picture: [H, W, 3] BGR.
        xy: [17, 2] joints in it, NaN where not labelled.
        seed: of the clustering of colours.

    Returns:
        [H, W] 0..255; None where fewer than 11 joints are labelled or no outline was found.
    """
    import cv2

    seen = np.asarray(np.isfinite(xy).all(-1))
    if seen.sum() < JOINTS_FOR_MASK:
        return None
    scale = min(1.0, MASK_LONGEST / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    joints = (xy + 0.5) * scale - 0.5
    labels = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    for thickness, label in ((2.6, cv2.GC_PR_BGD), (1.2, cv2.GC_PR_FGD), (0.5, cv2.GC_FGD)):
        labels[_limbs(joints, seen, small.shape[:2], thickness) > 0] = label
    if not (labels == cv2.GC_BGD).any() or not (labels == cv2.GC_FGD).any():
        return None
    cv2.setRNGSeed(seed)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(small, labels, None, *models, 1, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    body = np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    body = np.asarray(cv2.GaussianBlur(_largest(body), (3, 3), 0), np.uint8)
    return np.asarray(cv2.resize(body, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _limbs(xy: Array, seen: NDArray[np.bool_], shape: tuple[int, int], thickness: float) -> Mask:
    """The body drawn as thick lines."""
    import cv2

    out = np.zeros(shape, np.uint8)
    torso = _torso_length(xy, seen)
    at = [(round(float(x)), round(float(y))) if ok else (0, 0) for (x, y), ok in zip(xy, seen, strict=True)]
    for (start, end), width in LIMBS.items():
        if seen[start] and seen[end]:
            cv2.line(out, at[start], at[end], 255, max(1, round(thickness * width * torso)))
    trunk = [row for row in (5, 6, 12, 11) if seen[row]]
    if len(trunk) >= 3:
        cv2.fillConvexPoly(out, cv2.convexHull(xy[trunk].round().astype(np.int32)), 255)
    head = _head(xy, seen)
    if head is not None:
        cv2.circle(out, (round(float(head[0])), round(float(head[1]))), max(2, int(thickness * 0.2 * torso)), 255, -1)
    for row in (9, 10, 15, 16):
        if seen[row]:
            cv2.circle(out, at[row], max(1, int(thickness * 0.12 * torso)), 255, -1)
    return out


def _torso_length(xy: Array, seen: NDArray[np.bool_]) -> float:
    """Shoulder to hip, or a guess from the whole where the torso is seen from its end."""
    pairs = [(a, b) for a, b in ((5, 11), (6, 12), (5, 12), (6, 11)) if seen[a] and seen[b]]
    lengths = [float(np.linalg.norm(xy[a] - xy[b])) for a, b in pairs]
    whole = float(np.ptp(xy[seen], axis=0).max())
    return max([*lengths, 0.15 * whole])


def _head(xy: Array, seen: NDArray[np.bool_]) -> Array | None:
    """Its middle: of the face, or where shoulders and hips say that it is."""
    if seen[:5].any():
        return np.asarray(xy[:5][seen[:5]].mean(0))
    if seen[[5, 6]].all() and seen[[11, 12]].any():
        shoulders, hips = xy[[5, 6]].mean(0), xy[11:13][seen[11:13]].mean(0)
        return np.asarray(shoulders + 0.4 * (shoulders - hips))
    return None


def _largest(body: Mask) -> Mask:
    """Without the pieces that are much smaller than the body."""
    import cv2

    count, pieces, sizes, _ = cv2.connectedComponentsWithStats(body)
    if count <= 2:
        return body
    small = np.flatnonzero(sizes[:, cv2.CC_STAT_AREA] < 0.1 * sizes[1:, cv2.CC_STAT_AREA].max())
    return np.where(np.isin(pieces, small), 0, body).astype(np.uint8)


def filled(picture: Picture, mask: Mask) -> Picture:
    """A picture whose masked part is filled with what is around it: halved until nothing is missing, and back."""
    import cv2

    scale = min(1.0, FILL_LONGEST / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grown = cv2.dilate(mask, np.ones((7, 7), np.uint8))
    known = (cv2.resize(grown, small.shape[1::-1], interpolation=cv2.INTER_AREA) < 16).astype(np.float32)
    colours, knowns = [small.astype(np.float32) * known[..., None]], [known]
    while min(colours[-1].shape[:2]) > 2:
        half = (max(1, colours[-1].shape[1] // 2), max(1, colours[-1].shape[0] // 2))
        colours.append(np.asarray(cv2.resize(colours[-1], half, interpolation=cv2.INTER_AREA), np.float32))
        knowns.append(np.asarray(cv2.resize(knowns[-1], half, interpolation=cv2.INTER_AREA), np.float32))
    rest = colours[-1].sum((0, 1)) / max(float(knowns[-1].sum()), 1e-3)
    out = np.broadcast_to(rest, colours[-1].shape).astype(np.float32)
    for colour, known in zip(reversed(colours), reversed(knowns), strict=True):
        out = np.asarray(cv2.resize(out, known.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        share = np.minimum(known, 1)[..., None]
        out = colour / np.maximum(known, 1e-3)[..., None] * share + out * (1 - share)
    fill = cv2.resize(np.clip(out, 0, 255).astype(np.uint8), picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(picture, cv2.bitwise_not(grown), fill)
    return np.asarray(fill, np.uint8)
