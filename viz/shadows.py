"""Soft shadows of people on the floor."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .mesh import LIGHT
from .ray_table import RayTable
from .room import Backdrop
from .solids import Single, Solids

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

CELL = 0.025  # metres
EDGE = 0.35  # metres around the shadow
LAMP, CONTACT = 0.42, 0.38  # how much light is taken away, at most
LOW = 0.30  # metres: what is lower darkens the floor under it


@dataclass(frozen=True, eq=False)
class Shadow:
    """What is left of the light on a piece of the floor.

    Args:
        corner: [2] metres: where its first cell is.
        light: [N, M] of a picture's brightness, 1 outside the shadow; rows along y.
    """

    corner: Array
    light: Single


def shadow_of(solids: Solids) -> Shadow:
    """The shadow of a person who stands on the floor z = 0."""
    ends = solids.ends[..., :2] - solids.ends[..., 2:] * (LIGHT[:2] / LIGHT[2])
    below = solids.ends[..., :2]
    both = np.concatenate([ends, below]).reshape(-1, 2)
    corner = both.min(0) - EDGE
    size = np.ceil((both.max(0) + EDGE - corner) / CELL).astype(int)
    lamp, contact = np.zeros(size[::-1], np.uint8), np.zeros(size[::-1], np.uint8)
    for i in range(len(solids)):
        _draw(lamp, (ends[i] - corner) / CELL, solids.bound[i] / CELL)
        if solids.ends[i, :, 2].min() < LOW:
            _draw(contact, (below[i] - corner) / CELL, solids.bound[i] / CELL)
    light = 1 - np.float32(LAMP / 255) * cv2.GaussianBlur(lamp, (0, 0), 2.2).astype(np.float32)
    light *= 1 - np.float32(CONTACT / 255) * cv2.GaussianBlur(contact, (0, 0), 2.5).astype(np.float32)
    return Shadow(corner, light)


def _draw(mask: Image, ends: Array, radii: Array) -> None:
    """A capsule, as the hull of two circles."""
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    points = (ends[:, None] + radii[:, None, None] * circle).reshape(-1, 2)
    hull = cv2.convexHull(np.round(points * 16).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 255, cv2.LINE_AA, 4)


def darken(picture: Image, backdrop: Backdrop, shadow: Shadow, table: RayTable) -> None:
    """Lay a shadow on the floor of a picture, in place."""
    rows, columns = shadow.light.shape
    u, v = np.meshgrid(np.linspace(0, columns - 1, 9), np.linspace(0, rows - 1, 9))
    grid = np.stack([u * CELL + shadow.corner[0], v * CELL + shadow.corner[1], np.zeros_like(u)], axis=-1)
    seen = table.camera.project(grid).reshape(-1, 2)
    limit = np.array(table.camera.size)
    if not np.isfinite(seen).all():  # part of it is behind the camera
        low, high = np.zeros(2, int), limit
    else:
        low = np.clip(np.floor(seen.min(0)).astype(int) - 8, 0, limit)
        high = np.clip(np.ceil(seen.max(0)).astype(int) + 8, 0, limit)
    if (high <= low).any():
        return
    part = np.s_[low[1] : high[1], low[0] : high[0]]
    place = (backdrop.floor[part] - shadow.corner.astype(np.float32)) / np.float32(CELL)
    place = np.nan_to_num(place, nan=-9.0)
    light = cv2.remap(
        shadow.light,
        np.ascontiguousarray(place[..., 0]),
        np.ascontiguousarray(place[..., 1]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=1.0,
    )
    picture[part] = (picture[part] * light[..., None] + np.float32(0.5)).astype(np.uint8)
