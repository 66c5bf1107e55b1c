"""Scenery without people: textures, pictures whose people were taken out, and things that stand about."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lift3d.detectors.detection import Picture

from .cutouts import Cutouts, Mask

Colours = NDArray[np.float32]

_CUTS, _CHANCES = (0, 1, 2, 4, 8, 14), (0.15, 0.15, 0.2, 0.2, 0.2, 0.1)  # into how many parts scenery falls


def make_scenery(cutouts: Cutouts, size: tuple[int, int], rng: Generator) -> Picture:
    """A picture without people.

    Args:
        cutouts: whose surroundings are used.
        size: (width, height).
        rng: what it is drawn by.
    """
    out = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, width, height in parts(size, _CUTS[int(rng.choice(len(_CUTS), p=_CHANCES))], rng):
        out[top : top + height, left : left + width] = _surface(cutouts, (width, height), rng)
    for _ in range(rng.integers(0, 9)):
        _add_thing(out, cutouts, rng)
    return out


def parts(size: tuple[int, int], cuts: int, rng: Generator) -> list[tuple[int, int, int, int]]:
    """A picture cut in two as often as said: left, top, width and height of each part."""
    out = [(0, 0, *size)]
    for _ in range(cuts):
        left, top, width, height = out.pop(int(np.argmax([part[2] * part[3] * rng.uniform(0.3, 1) for part in out])))
        share = rng.uniform(0.25, 0.75)
        if rng.random() < height / (width + height):
            cut = max(1, int(share * height))
            out += [(left, top, width, cut), (left, top + cut, width, height - cut)]
        else:
            cut = max(1, int(share * width))
            out += [(left, top, cut, height), (left + cut, top, width - cut, height)]
    return [part for part in out if part[2] > 0 and part[3] > 0]


def _surface(cutouts: Cutouts, size: tuple[int, int], rng: Generator) -> Picture:
    """What fills an area: a texture, some picture's surroundings, or a jigsaw."""
    draw = rng.random()
    if draw < 0.25:
        return texture(size, rng)
    return jigsaw(cutouts, size, rng) if draw < 0.45 else surroundings(cutouts, size, rng)


def jigsaw(cutouts: Cutouts, size: tuple[int, int], rng: Generator) -> Picture:
    """Some picture cut into tiles that changed places: as rich in detail as a person, and nobody."""
    import cv2

    across, down = rng.integers(3, 7, 2)
    tile = (max(2, round(size[0] / across)), max(2, round(size[1] / down)))
    picture = cutouts.pictures[cutouts.draw(rng)]
    whole = cv2.resize(picture, (int(across) * tile[0], int(down) * tile[1]), interpolation=cv2.INTER_LINEAR)
    tiles = whole.reshape(down, tile[1], across, tile[0], 3).swapaxes(1, 2).reshape(-1, tile[1], tile[0], 3)
    tiles = tiles[rng.permutation(len(tiles))]
    tiles[::2] = tiles[::2, :, ::-1]
    tiles[::3] = tiles[::3, ::-1]
    whole = tiles.reshape(down, across, tile[1], tile[0], 3).swapaxes(1, 2).reshape(whole.shape)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def surroundings(cutouts: Cutouts, size: tuple[int, int], rng: Generator) -> Picture:
    """A piece of some picture whose person was taken out, where little of it had to be."""
    import cv2

    row = int(rng.integers(len(cutouts)))
    picture, body = cutouts.scenery(row)
    enough = max(size[0] / picture.shape[1], size[1] / picture.shape[0])
    scale = enough * rng.uniform(1.0, 2.5)
    sides = zip(picture.shape[1::-1], size, strict=True)
    width, height = (max(1, min(side, round(part / scale))) for side, part in sides)
    here = min(
        (_place(picture, (width, height), rng) for _ in range(4)), key=lambda at: float(body[at][::4, ::4].mean())
    )
    piece = picture[here]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    if rng.random() < 0.1:
        piece = piece[::-1]
    return np.asarray(cv2.resize(np.ascontiguousarray(piece), size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _place(picture: Picture, size: tuple[int, int], rng: Generator) -> tuple[slice, slice]:
    """Some part of a picture, of that size."""
    left, top = rng.integers(picture.shape[1] - size[0] + 1), rng.integers(picture.shape[0] - size[1] + 1)
    return np.s_[top : top + size[1], left : left + size[0]]


def texture(size: tuple[int, int], rng: Generator) -> Picture:
    """Clouds of several sizes around a colour, at times with a pattern of stripes or tiles."""
    import cv2

    base = rng.uniform(0, 255, 3) * rng.uniform(0, 1) + rng.uniform(0, 255) * rng.uniform(0.3, 1)
    out = np.empty((size[1], size[0], 3), np.float32)
    out[:] = np.clip(base, 0, 255)
    for cells in (2, 5, 12, 40):
        if rng.random() < 0.6:
            grey = rng.random() < 0.5
            clouds = rng.normal(0, rng.uniform(3, 25), (cells, cells, 1 if grey else 3)).astype(np.float32)
            out += np.atleast_3d(cv2.resize(clouds, size, interpolation=cv2.INTER_LINEAR))
    if rng.random() < 0.4:
        out += _pattern(size, rng)[..., None] * rng.normal(0, 30, 3).astype(np.float32)
    return np.clip(out, 0, 255).astype(np.uint8)


def _pattern(size: tuple[int, int], rng: Generator) -> Colours:
    """[H, W] of 0 and 1: stripes, or tiles with joints, at some angle."""
    turn, period, share = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(4), np.log(60))), rng.uniform(0.05, 0.6)
    x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    along = (x * np.cos(turn) + y * np.sin(turn)) % period < share * period
    if rng.random() < 0.5:
        return along.astype(np.float32)
    across = (y * np.cos(turn) - x * np.sin(turn)) % (period * rng.uniform(0.5, 2)) < share * period
    return (along | across).astype(np.float32)


def _add_thing(out: Picture, cutouts: Cutouts, rng: Generator) -> None:
    """Paint a box, a pole, a ball or a line somewhere."""
    size = (out.shape[1], out.shape[0])
    width, height = np.maximum(np.exp(rng.uniform(np.log(0.03), np.log(0.7), 2)) * size, 2).astype(int)
    mask = _shape((int(width), int(height)), rng)
    thing = _surface(cutouts, (int(width), int(height)), rng) if rng.random() < 0.7 else None
    if thing is None:
        thing = np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
    corner = rng.uniform(-0.3, 1, 2) * size
    paste(out, thing, mask, (int(corner[0]), int(corner[1])))


def _shape(size: tuple[int, int], rng: Generator) -> Mask:
    """[H, W] 0..255 of something that is no person."""
    import cv2

    mask = np.zeros((size[1], size[0]), np.uint8)
    kind = rng.integers(4)
    if kind == 0:
        mask[:] = 255
    elif kind == 1:
        cv2.ellipse(mask, (size[0] // 2, size[1] // 2), (size[0] // 2, size[1] // 2), 0, 0, 360, 255, -1)
    elif kind == 2:
        corners = (rng.uniform(0, 1, (int(rng.integers(3, 8)), 2)) * size).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255)
    else:
        ends = (rng.uniform(0, 1, (2, 2)) * size).astype(int)
        thick = int(rng.integers(1, max(2, min(size) // 3) + 1))
        cv2.line(mask, tuple(map(int, ends[0])), tuple(map(int, ends[1])), 255, thick)
    return np.asarray(cv2.GaussianBlur(mask, (3, 3), 0), np.uint8) if rng.random() < 0.7 else mask


def paste(out: Picture, patch: Picture, mask: Mask, corner: tuple[int, int]) -> Mask:
    """Put a patch into a picture.

    Args:
        out: [H, W, 3], changed.
        patch: [h, w, 3]
        mask: [h, w] 0..255
        corner: (x, y) of the patch's first pixel; it may lie outside.

    Returns:
        [H, W] 0..255, how much of each pixel the patch covers.
    """
    x, y = corner
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + patch.shape[1], out.shape[1]), min(y + patch.shape[0], out.shape[0])
    cover = np.zeros(out.shape[:2], np.uint8)
    if right <= left or bottom <= top:
        return cover
    here = np.s_[top:bottom, left:right]
    there = np.s_[top - y : bottom - y, left - x : right - x]
    share = mask[there].astype(np.float32)[..., None] / 255
    out[here] = (patch[there] * share + out[here] * (1 - share)).astype(np.uint8)
    cover[here] = mask[there]
    return cover
