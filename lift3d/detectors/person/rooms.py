"""Rooms without people: walls, floor and ceiling around a camera, and boxes of all kinds that stand and hang about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lift3d.detectors.detection import Picture

from .cutouts import Cutouts
from .scenery import surroundings, texture

Values = NDArray[np.float32]

TILE = 64
"""Pixels of the side of a surface's pattern."""


@dataclass(eq=False)
class _View:
    """What a camera in a room sees so far; x right, y down, z into the room, metres.

    Args:
        rays: [N, 3] of its pixels, not of unit length.
        depth: [N] along them to what is seen.
        colours: [N, 3] BGR, 0..255.
    """

    rays: Values
    depth: Values
    colours: Values


ROOMS = 500
"""How many rooms there are: one takes 50 ms to make, so each is made once and shown in part, mirrored and resized."""

ROOM_SIZE = 320
"""Pixels of a side of a room's picture."""


def some_room(cutouts: Cutouts, size: tuple[int, int], rng: Generator) -> Picture:
    """A part of one of the rooms.

    Args:
        cutouts: keeps the rooms, and its people's surroundings are some of the patterns.
        size: (width, height) of the picture.
        rng: what it is drawn by.
    """
    import cv2

    number = int(rng.integers(ROOMS))
    if number not in cutouts.rooms:
        cutouts.rooms[number] = make_room(cutouts, (ROOM_SIZE, ROOM_SIZE), np.random.default_rng([ROOMS, number]))
    room = cutouts.rooms[number]
    part = (np.array(size) * rng.uniform(0.5, 1) * ROOM_SIZE / max(size)).astype(int)
    left, top = rng.integers(ROOM_SIZE - part + 1)
    room = room[top : top + part[1], left : left + part[0], rng.permutation(3)]
    room = room[:, ::-1] if rng.random() < 0.5 else room
    return np.asarray(cv2.resize(np.ascontiguousarray(room), size, interpolation=cv2.INTER_LINEAR), np.uint8)


def make_room(cutouts: Cutouts, size: tuple[int, int], rng: Generator) -> Picture:
    """A picture of a room without people, from somewhere inside.

    Args:
        cutouts: whose surroundings are some of the patterns.
        size: (width, height) of the picture.
        rng: what it is drawn by.
    """
    rays = _rays(size, rng)
    view = _View(rays, np.full(len(rays), np.inf, np.float32), np.zeros_like(rays))
    up, down = rng.uniform(0.6, 2.0), rng.uniform(0.9, 2.2)
    low = np.array([-rng.uniform(1.5, 5), -up, -1.0])
    high = np.array([rng.uniform(1.5, 5), down, rng.uniform(3, 8)])
    walls, floor = _patterns(cutouts, rng), _patterns(cutouts, rng)
    _paint(view, (low, high), 0.0, (walls[0], floor[1], walls[2]))
    for _ in range(rng.integers(6, 30)):
        _paint(view, _thing(low, high, rng), rng.uniform(0, np.pi), _patterns(cutouts, rng))
    fade = np.exp(-rng.uniform(0, 0.08) * view.depth)[:, None]
    picture = np.clip(view.colours * fade, 0, 255).astype(np.uint8)
    return np.asarray(picture.reshape(size[1], size[0], 3))


def _rays(size: tuple[int, int], rng: Generator) -> Values:
    """[N, 3] of a camera that looks a little down or up and is not quite level."""
    focal = rng.uniform(0.6, 1.3) * max(size)
    x, y = np.meshgrid(np.arange(size[0]) - size[0] / 2, np.arange(size[1]) - size[1] / 2)
    rays = np.stack([x, y, np.full(x.shape, focal)], -1).reshape(-1, 3) / focal
    pitch, roll, yaw = np.radians(rng.normal([8, 0, 0], [12, 8, 25]))
    cp, sp, cr, sr, cy, sy = (f(a) for a in (pitch, roll, yaw) for f in (np.cos, np.sin))
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    out = (rays @ (about_y @ about_x @ about_z).T).astype(np.float32)
    return np.where(np.abs(out) < 1e-4, np.float32(1e-4), out)


def _thing(low: NDArray[np.float64], high: NDArray[np.float64], rng: Generator) -> tuple[NDArray[np.float64], ...]:
    """Two corners of something in the room: what stands, lies, hangs from the ceiling, or is on the far wall."""
    kind = rng.integers(6)
    extent = np.exp(rng.uniform(np.log(0.1), np.log(1.5), 3))  # furniture
    if kind == 1:
        extent[[0, 2]] = rng.uniform(0.03, 0.15, 2)  # poles
    elif kind == 2:
        extent = rng.uniform([0.8, 0.05, 0.8], [4, 0.4, 4])  # mats, platforms
    elif kind == 3:
        extent[2] = 0.04  # boards
    middle = rng.uniform(low, high)
    middle[2] = rng.uniform(1.2, high[2])
    middle[1] = high[1] - extent[1] / 2
    if kind == 4:
        middle[1] = low[1] + extent[1] / 2
    elif kind == 5:
        middle[1:] = rng.uniform(low[1], high[1]), high[2]
    return middle - extent / 2, middle + extent / 2


def _patterns(cutouts: Cutouts, rng: Generator) -> tuple[NDArray[np.uint8], ...]:
    """A pattern for each direction that a face may have; most things in rooms are plain."""
    if rng.random() < 0.7:
        grey, tint = rng.uniform(20, 250), rng.normal(0, 8 if rng.random() < 0.7 else 60, 3)
        faces = [grey + tint + rng.normal(0, 25) + rng.normal(0, 3, (TILE, TILE, 1)) for _ in range(3)]
        return tuple(np.clip(face, 0, 255).astype(np.uint8) for face in faces)
    pattern = texture((TILE, TILE), rng) if rng.random() < 0.7 else surroundings(cutouts, (TILE, TILE), rng)
    return tuple(np.clip(pattern * light, 0, 255).astype(np.uint8) for light in rng.uniform(0.5, 1.1, 3))


def _paint(
    view: _View,
    corners: tuple[NDArray[np.float64], ...],
    turn: float,
    patterns: tuple[NDArray[np.uint8], ...],
) -> None:
    """Add a box that is turned about the vertical through its middle; from its inside, it is a room.

    The parts of a ray inside of the three pairs of planes are intersected, as Kay and Kajiya, SIGGRAPH 1986, do.
    """
    middle, half = (corners[0] + corners[1]) / 2, ((corners[1] - corners[0]) / 2).astype(np.float32)
    c, s = np.cos(turn), np.sin(turn)
    turned = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    rays = view.rays @ turned.T.astype(np.float32) if turn else view.rays
    start = (-turned @ middle).astype(np.float32)
    one, other = (-half - start) / rays, (half - start) / rays
    enter, leave = np.minimum(one, other), np.maximum(one, other)
    near, far = enter.max(1), leave.min(1)
    inside = bool((np.abs(start) < half).all())
    seen = far if inside else near
    rows = np.flatnonzero((near < far) & (seen > 0.3) & (seen < view.depth))
    axis = leave[rows].argmin(1) if inside else enter[rows].argmax(1)
    at = start + rays[rows] * seen[rows, None]
    scale = TILE / 1.5
    for face, pattern in enumerate(patterns):
        here = axis == face
        across, down = (np.delete(at[here], face, axis=1) * scale).astype(np.int64).T % TILE
        view.colours[rows[here]] = pattern[down, across]
    view.depth[rows] = seen[rows]
