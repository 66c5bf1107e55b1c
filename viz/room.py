"""The room of the demo's video: a hall with a wooden floor, seen by each camera through its lens, and shadows in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .person_paint import tileable_noise
from .ray_table import RayTable
from .room_textures import PIXELS_PER_METRE, floor_texture, wall_texture
from .solids import Single, Window

Image = NDArray[np.uint8]

HEIGHT = 5.0  # metres
LEAST_HALF = 8.0  # metres from the middle to a wall
CLEARANCE = 1.0  # metres between the walls and whoever is farthest out
BLURS = (0.0, 1.2, 2.8, 6.0)  # pixels of the texture
BLUR_FROM = (1.0, 2.0, 5.0, 12.0)  # pixels of the texture under one of the picture: when each of these is seen
SUPERSAMPLE = 2
CEILING = (206, 210, 208)  # BGR
BLOCK = 64  # rows of the picture at a time


@dataclass(frozen=True, eq=False)
class Backdrop:
    """The empty room as one camera sees it.

    Args:
        picture: [H, W, 3] BGR.
        floor: [H, W, 2] metres: where on the floor each pixel looks; NaN beside it.
    """

    picture: Image
    floor: Single


class Room:
    """A hall around the world's origin, its floor at z = 0.

    Args:
        reach: metres; nobody goes farther out in x or y.
        rng: decides the textures.
    """

    def __init__(self, reach: float, rng: np.random.Generator) -> None:
        self.half = max(LEAST_HALF, float(np.ceil(reach + CLEARANCE)))
        noise = tileable_noise(rng, 512)
        surfaces = [floor_texture(self.half, noise, rng)]
        surfaces += [wall_texture(2 * self.half, HEIGHT, noise, rng) for _ in range(4)]
        self._surfaces = [[_blurred(texture, sigma) for sigma in BLURS] for texture in surfaces]

    def seen_by(self, table: RayTable) -> Backdrop:
        """Draw the empty room."""
        width, height = table.camera.size
        picture = np.empty((height, width, 3), np.uint8)
        floor = np.empty((height, width, 2), np.float32)
        for top in range(0, height, BLOCK):
            bottom = min(top + BLOCK, height)
            window = (0, top, width, bottom)
            fine = self._draw(self._meet(table, window, SUPERSAMPLE))
            picture[top:bottom] = cv2.resize(fine, (width, bottom - top), interpolation=cv2.INTER_AREA)
            met = self._meet(table, window, 1)
            floor[top:bottom] = np.where((met.surface == 0)[..., None], met.place, np.nan)
        return Backdrop(picture, floor)

    def _draw(self, met: _Met) -> Image:
        """The colours of whatever the rays met."""
        image = np.empty((*met.surface.shape, 3), np.uint8)
        image[:] = CEILING
        for surface, levels in enumerate(self._surfaces):
            here = met.surface == surface
            rows, columns = np.flatnonzero(here.any(1)), np.flatnonzero(here.any(0))
            if not len(rows):
                continue
            part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            from_left, from_top = self.half, self.half if surface == 0 else 0.0
            uv = (met.place[part] + np.array([from_left, from_top], np.float32)) * np.float32(
                PIXELS_PER_METRE
            ) - np.float32(0.5)
            level = np.interp(met.step[part] * PIXELS_PER_METRE, BLUR_FROM, np.arange(len(BLURS))).astype(np.float32)
            image[part][here[part]] = _sample(levels, np.nan_to_num(uv, nan=-9.0), level)[here[part]]
        return image

    def _meet(self, table: RayTable, window: Window, factor: int) -> _Met:
        """Follow the rays of a window to the nearest surface."""
        x, y = table.rays(window, factor)
        R, center = table.camera.R.astype(np.float32), table.camera.center.tolist()
        ray = [R[0, k] * x + R[1, k] * y + R[2, k] for k in range(3)]
        met = _Met.nothing(x.shape)
        nearest = np.full(x.shape, np.inf, np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            size = np.sqrt(ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2])
            for surface, (axis, at) in enumerate(self._planes()):
                depth = (at - center[axis]) / ray[axis]
                here = (depth > 0) & (depth < nearest)
                u, v = (center[k] + depth * ray[k] for k in range(3) if k != axis)
                if surface:
                    here &= v < HEIGHT
                    v = HEIGHT - v
                nearest[here] = depth[here]
                met.surface[here] = surface
                met.place[here] = np.stack([u[here], v[here]], axis=-1)
                steepness = np.abs(ray[axis]) / size
                met.step[here] = (depth * size / steepness)[here] / np.float32(factor * table.camera.K[0, 0])
        return met

    def _planes(self) -> tuple[tuple[int, float], ...]:
        """The axis that each surface lies across, and where: the floor first."""
        return ((2, 0.0), (0, self.half), (0, -self.half), (1, self.half), (1, -self.half))


@dataclass(frozen=True, eq=False)
class _Met:
    """What rays [H, W] met: a surface (-1 none), where on it [H, W, 2] metres, and how large a ray's step is there."""

    surface: NDArray[np.int8]
    place: Single
    step: Single

    @classmethod
    def nothing(cls, shape: tuple[int, ...]) -> _Met:
        """To be filled in."""
        place = np.full((*shape, 2), np.nan, np.float32)
        return cls(np.full(shape, -1, np.int8), place, np.zeros(shape, np.float32))


def _blurred(texture: Image, sigma: float) -> Image:
    """What remains of a texture where a pixel is larger than its own."""
    return texture if sigma == 0 else np.asarray(cv2.GaussianBlur(texture, (0, 0), sigma), np.uint8)


def _sample(levels: list[Image], uv: Single, level: Single) -> Image:
    """Colours at places in the texture, between its levels of blur."""
    out = np.zeros((*level.shape, 3), np.float32)
    for k, texture in enumerate(levels):
        weight = np.clip(1 - np.abs(level - k), 0, 1)
        if weight.any():
            sampled = cv2.remap(
                texture, uv[..., 0].copy(), uv[..., 1].copy(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            out += weight[..., None] * sampled
    return np.asarray(np.round(out), np.uint8)
