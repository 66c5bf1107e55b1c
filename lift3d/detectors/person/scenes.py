"""Pictures with people whose boxes are known, put together from cutouts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lift3d.datasets.detections import mirror_joints
from lift3d.datasets.skeleton import SKELETONS
from lift3d.detectors.crops import GREY, apply, boxes_around
from lift3d.detectors.detection import Array, Picture

from .cutouts import Cutouts, Mask
from .rooms import some_room
from .scenery import jigsaw, make_scenery, parts, paste, surroundings, texture

_MIRRORED = mirror_joints(SKELETONS["coco_17"])


@dataclass(frozen=True)
class SceneSettings:
    """What pictures are made.

    Args:
        heights: least and largest height of a person's longer side, in parts of the picture's longer side.
        people: probability of 0, 1, 2, … people.
        whole: share of people that come with all of their cut picture.
        alone: share of pictures that are one cut picture, as it is, filling the frame.
        mosaic: share of pictures that are several cut pictures side by side.
        rooms: share of the pictures with people before a background whose background is a room.
        bars: share of pictures with plain bars at two of their sides, as a frame has that the picture does not fill.
        decoys: things with a person's outline and no person in it, at most.
        visible: part of a person's box that must lie in the picture, and of the body that nothing may hide, for the
            person to be asked for; of whom less is seen, nothing is asked.
        disturbed: whether colours, sharpness and noise vary.
    """

    heights: tuple[float, float] = (0.1, 0.95)
    people: tuple[float, ...] = (0.07, 0.35, 0.25, 0.13, 0.1, 0.06, 0.04)
    whole: float = 0.3
    alone: float = 0.08
    mosaic: float = 0.2
    rooms: float = 0.5
    bars: float = 0.15
    decoys: int = 3
    visible: float = 0.5
    disturbed: bool = True


@dataclass(eq=False)
class Scene:
    """A picture and who is in it.

    Args:
        picture: [H, W, 3] BGR.
        boxes: [P, 4] left, top, width, height, pixels.
        ignored: [Q, 4] of whom too little is seen.
        joints: [P, 17, 2] of those in ``boxes``, COCO's order, NaN where not labelled or outside of the box.
    """

    picture: Picture
    boxes: Array
    ignored: Array
    joints: Array


@dataclass(eq=False)
class _Placed:
    """A person in a picture that is being made."""

    box: Array
    body: NDArray[np.float32]
    xy: Array
    limits: Array
    area: float = field(init=False)
    pixels: float = field(init=False)

    def __post_init__(self) -> None:
        self.area = float(np.prod(self.box[2:]))
        self.pixels = max(float(self.body.sum()), 1.0)


@dataclass(frozen=True, eq=False)
class _Patch:
    """A cutout of the wanted size."""

    picture: Picture
    mask: Mask
    box: Array
    xy: Array


def make_scene(
    cutouts: Cutouts, size: tuple[int, int], rng: Generator, settings: SceneSettings = SceneSettings()
) -> Scene:
    """A picture with people.

    Args:
        cutouts: people to show.
        size: (width, height) of the picture.
        rng: what it is drawn by.
        settings: of what kind.
    """
    if settings.bars and rng.random() < settings.bars:
        return _with_bars(cutouts, size, rng, settings)
    in_room = settings.rooms > 0 and rng.random() < settings.rooms
    picture = some_room(cutouts, size, rng) if in_room else make_scenery(cutouts, size, rng)
    placed: list[_Placed] = []
    draw = rng.random()
    if draw < settings.alone:
        _fill_frame(picture, placed, cutouts, rng)
    elif draw < settings.alone + settings.mosaic:
        _fill_parts(picture, placed, cutouts, rng)
    else:
        chances = np.array(settings.people) / sum(settings.people)
        count = int(rng.choice(len(chances), p=chances))
        sizes = _sizes(count, settings.heights, rng) * max(size)
        smaller = (settings.heights[0], max(settings.heights[0], 0.5 * settings.heights[1]))
        decoys = _sizes(int(rng.integers(settings.decoys + 1)), smaller, rng) * max(size)
        todo = sorted([*((s, True) for s in sizes), *((s, False) for s in decoys)])
        for length, real in todo:
            _place(picture, placed, (cutouts, length, real), rng=rng, settings=settings)
    if settings.disturbed:
        picture = disturbed(picture, rng)
    return _judged(picture, placed, settings.visible)


def _with_bars(cutouts: Cutouts, size: tuple[int, int], rng: Generator, settings: SceneSettings) -> Scene:
    """A smaller scene and plain bars beside it."""
    inner, low = np.array(size), np.zeros(2, int)
    axis = int(rng.integers(2))
    inner[axis] -= int(rng.uniform(0.02, 0.3) * size[axis])
    low[axis] = rng.integers(size[axis] - inner[axis] + 1) if rng.random() < 0.5 else 0
    scene = make_scene(cutouts, (int(inner[0]), int(inner[1])), rng, replace(settings, bars=0.0))
    picture = np.full((size[1], size[0], 3), rng.choice([0, GREY, 255], p=[0.3, 0.6, 0.1]), np.uint8)
    picture[low[1] : low[1] + inner[1], low[0] : low[0] + inner[0]] = scene.picture
    shift = np.array([*low, 0, 0])
    return Scene(picture, scene.boxes + shift, scene.ignored + shift, scene.joints + low)


def _sizes(count: int, heights: tuple[float, float], rng: Generator) -> Array:
    """Lengths of people: half of the pictures show them in about one size, as captures do."""
    low, high = heights
    alike = rng.uniform(low, high) * np.exp(rng.normal(0, 0.25, count))
    drawn = alike if rng.random() < 0.5 else rng.uniform(low, high, count)
    return np.asarray(np.clip(drawn, low, high))


def _fill_frame(picture: Picture, placed: list[_Placed], cutouts: Cutouts, rng: Generator) -> None:
    """One cut picture as large as the frame allows."""
    row = cutouts.draw(rng)
    shape = cutouts.pictures[row].shape
    scale = min(picture.shape[1] / shape[1], picture.shape[0] / shape[0])
    patch = _patch(cutouts, row, scale, whole=True, turn=0.0, rng=rng)
    patch.mask[:] = 255
    if rng.random() < 0.5:
        picture[:] = rng.integers(0, 256)
    room = [picture.shape[axis] - patch.mask.shape[axis] for axis in (1, 0)]
    corner = (max(room[0], 0) // 2, max(room[1], 0) // 2)
    _put(picture, placed, patch, corner)


def _fill_parts(picture: Picture, placed: list[_Placed], cutouts: Cutouts, rng: Generator) -> None:
    """Cut pictures side by side, each as large as its part needs; their people before their own background."""
    size = (picture.shape[1], picture.shape[0])
    for left, top, width, height in parts(size, int(rng.integers(1, 7)), rng):
        if min(width, height) < 16:
            continue
        rows = [cutouts.draw(rng) for _ in range(4)]
        shapes = np.array([cutouts.pictures[row].shape[:2] for row in rows], float)
        fit = np.abs(np.log(shapes[:, 1] / shapes[:, 0] * height / width))
        best = int(fit.argmin())
        scale = max(height / shapes[best, 0], width / shapes[best, 1])
        patch = _patch(cutouts, rows[best], scale, whole=True, turn=0.0, rng=rng)
        slack = (patch.mask.shape[1] - width, patch.mask.shape[0] - height)
        x, y = (int(rng.integers(max(room, 0) + 1)) for room in slack)
        piece = _Patch(
            patch.picture[y : y + height, x : x + width],
            patch.mask[y : y + height, x : x + width],
            patch.box + [left - x, top - y, 0, 0],
            patch.xy + [left - x, top - y],
        )
        piece.mask[:] = 255
        cover = paste(picture, piece.picture, piece.mask, (left, top))
        limits = np.array([left - 0.5, top - 0.5, left + width - 0.5, top + height - 0.5])
        placed.append(_Placed(piece.box, cover.astype(np.float32) / np.float32(255), piece.xy, limits))


def _place(
    picture: Picture,
    placed: list[_Placed],
    what: tuple[Cutouts, float, bool],
    *,
    rng: Generator,
    settings: SceneSettings,
) -> None:
    """Put a person, or a decoy in the shape of one, somewhere."""
    cutouts, length, real = what
    row = cutouts.draw(rng)
    whole = rng.random() < settings.whole
    scale = length / cutouts.boxes[row, 2:].max()
    turn = np.radians(rng.normal(0, 12)) if rng.random() < 0.4 else 0.0
    patch = _patch(cutouts, row, scale, whole=whole, turn=turn, rng=rng)
    high, wide = patch.mask.shape
    reach = 0.3 if rng.random() < 0.25 else 0.0  # at times over the picture's edge
    low = -reach * np.array([wide, high])
    room = np.maximum(np.array([picture.shape[1] - wide, picture.shape[0] - high]) - low, low + 1)
    corner = rng.uniform(low, room).astype(int)
    if real:
        _put(picture, placed, patch, (int(corner[0]), int(corner[1])))
    else:
        fill = _filling(cutouts, (wide, high), rng)
        _hide(placed, paste(picture, fill, patch.mask, (int(corner[0]), int(corner[1]))))


def _filling(cutouts: Cutouts, size: tuple[int, int], rng: Generator) -> Picture:
    """What a decoy is made of."""
    draw = rng.random()
    if draw < 0.25:
        return texture(size, rng)
    return jigsaw(cutouts, size, rng) if draw < 0.7 else surroundings(cutouts, size, rng)


def _put(picture: Picture, placed: list[_Placed], patch: _Patch, corner: tuple[int, int]) -> None:
    """Paste a person before all others."""
    cover = paste(picture, patch.picture, patch.mask, corner)
    _hide(placed, cover)
    box = patch.box + [*corner, 0, 0]
    limits = np.array([-0.5, -0.5, picture.shape[1] - 0.5, picture.shape[0] - 0.5])
    placed.append(_Placed(box, cover.astype(np.float32) / np.float32(255), patch.xy + corner, limits))


def _hide(placed: list[_Placed], cover: Mask) -> None:
    """What was pasted last hides those behind it."""
    for person in placed:
        person.body *= 1 - cover.astype(np.float32) / 255


def _patch(cutouts: Cutouts, row: int, scale: float, *, whole: bool, turn: float, rng: Generator) -> _Patch:
    """A person in the wanted size, perhaps mirrored, turned, with other colours."""
    import cv2

    picture, box, xy = cutouts.pictures[row], cutouts.boxes[row].copy(), cutouts.xy[row].copy()
    body = cutouts.mask(row)
    mask = _frame_mask(picture.shape[:2], rng) if whole or body is None else body
    if rng.random() < 0.5:
        picture, mask = picture[:, ::-1], mask[:, ::-1]
        box[0] = picture.shape[1] - 1 - box[0] - box[2]
        xy[:, 0] = picture.shape[1] - 1 - xy[:, 0]
        xy = xy[_MIRRORED]
    size = (max(2, round(picture.shape[1] * scale)), max(2, round(picture.shape[0] * scale)))
    real = np.array(size) / picture.shape[1::-1]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = (cv2.resize(np.ascontiguousarray(side), size, interpolation=way) for side in (picture, mask))
    picture, mask = (np.asarray(side, np.uint8) for side in resized)
    box, xy = np.concatenate([(box[:2] + 0.5) * real - 0.5, box[2:] * real]), (xy + 0.5) * real - 0.5
    if turn and np.isfinite(xy).all(-1).sum() >= 6:
        picture, mask, box, xy = _turned(picture, mask, box, xy, turn)
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.9, 1.1, 3)
    picture = np.clip(picture * gain.astype(np.float32), 0, 255).astype(np.uint8)
    return _Patch(picture, np.asarray(mask, np.uint8).copy(), box, xy)


def _turned(picture: Picture, mask: Mask, box: Array, xy: Array, turn: float) -> tuple[Picture, Mask, Array, Array]:
    """A patch turned about its middle; the box keeps its distance to the outermost joints."""
    import cv2

    size = (mask.shape[1], mask.shape[0])
    seen = np.asarray(np.isfinite(xy).all(-1))
    before = boxes_around(xy, seen)
    grown = np.ceil(np.abs(np.array([[np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])) @ size)
    c, s = np.cos(turn), np.sin(turn)
    linear = np.array([[c, -s], [s, c]])
    affine = np.column_stack([linear, (grown - 1) / 2 - linear @ (np.array(size) - 1) / 2])
    wide, high = int(grown[0]), int(grown[1])
    turned = (cv2.warpAffine(side, affine, (wide, high), flags=cv2.INTER_LINEAR) for side in (picture, mask))
    picture, mask = (np.asarray(side, np.uint8) for side in turned)
    xy = apply(affine, xy)
    after = boxes_around(xy, seen)
    margin = np.concatenate([before[:2] - box[:2], box[:2] + box[2:] - before[:2] - before[2:]])
    box = np.concatenate([after[:2] - margin[:2], after[2:] + margin[:2] + margin[2:]])
    return picture, mask, box, xy


def _frame_mask(shape: tuple[int, int], rng: Generator) -> Mask:
    """Of a whole cut picture: all of it, or fading out towards its edge."""
    import cv2

    mask = np.full(shape, 255, np.uint8)
    if rng.random() < 0.6:
        edge = max(1, int(0.06 * min(shape)))
        mask[:edge], mask[-edge:], mask[:, :edge], mask[:, -edge:] = 0, 0, 0, 0
        mask = np.asarray(cv2.blur(mask, (2 * edge + 1, 2 * edge + 1)), np.uint8)
    return mask


def _judged(picture: Picture, placed: list[_Placed], visible: float) -> Scene:
    """Who is asked for; boxes end at the picture's edge."""
    boxes: list[Array] = []
    ignored: list[Array] = []
    joints: list[Array] = []
    for person in placed:
        low = np.maximum(person.box[:2], person.limits[:2])
        end = np.minimum(person.box[:2] + person.box[2:], person.limits[2:])
        extent = end - low
        if (extent < 2).any():
            continue
        seen = np.prod(extent) / person.area
        shown = float(person.body.sum()) / person.pixels
        asked = min(seen, shown) >= visible
        (boxes if asked else ignored).append(np.concatenate([low, extent]))
        if asked:
            within = ((person.xy >= low) & (person.xy <= end)).all(-1, keepdims=True)
            joints.append(np.where(within, person.xy, np.nan))
    asked_for, passed_over = (np.array(part).reshape(-1, 4) for part in (boxes, ignored))
    return Scene(picture, asked_for, passed_over, np.array(joints).reshape(-1, 17, 2))


def disturbed(picture: Picture, rng: Generator) -> Picture:
    """Other light and colours, blur, noise, and what JPEG leaves."""
    import cv2

    out = picture.astype(np.float32)
    if rng.random() < 0.15:
        out = np.repeat(out.mean(-1, keepdims=True), 3, axis=-1)
    gain = rng.uniform(0.6, 1.3) * rng.uniform(0.88, 1.12, 3).astype(np.float32)
    middle = np.float32(rng.uniform(80, 150))
    out = (out * gain - middle) * np.float32(rng.uniform(0.6, 1.3)) + middle
    if rng.random() < 0.3:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 1.5))
    if rng.random() < 0.5:
        coarse = rng.standard_normal((*picture.shape[:2], 1), np.float32)
        out = out + coarse * np.float32(rng.uniform(1, 10))
    picture = np.clip(out, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        picture = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    return picture
