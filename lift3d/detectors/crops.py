"""Crops of people: from a box to the picture that a network sees, and exactly back.

Convention:
    pixel (0, 0) is the centre of the top-left pixel, in pictures, crops and heatmaps alike. A picture that is
    enlarged by s moves x to (x + 0.5) * s - 0.5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .detection import Array, Picture

PADDING = 1.25
"""How much larger than the box the crop is, as in Xiao et al., Simple Baselines (ECCV 2018)."""


GREY = 114
"""What is drawn where the picture ends."""


def crop_transform(box: Array, size: tuple[int, int], *, padding: float = PADDING, turn: float = 0.0) -> Array:
    """The map from picture to crop: scaling, turning and moving that puts the box in the crop's middle.

    Args:
        box: [4] left, top, width, height, pixels.
        size: (width, height) of the crop; the box is widened to its shape.
        padding: the crop's size over the box's.
        turn: radians by which the picture is turned, clockwise as seen.

    Returns:
        [2, 3]: crop = A[:, :2] @ picture + A[:, 2].
    """
    left, top, width, height = np.asarray(box, np.float64)
    scale = min(size[0] / max(width, 1e-6), size[1] / max(height, 1e-6)) / padding
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[c, -s], [s, c]])
    middle = np.array([left + width / 2, top + height / 2])
    return np.column_stack([linear, (np.array(size) - 1) / 2 - linear @ middle])


def invert(transform: Array) -> Array:
    """The way back from the crop to the picture, [2, 3]."""
    linear = np.linalg.inv(transform[:, :2])
    return np.column_stack([linear, -linear @ transform[:, 2]])


def apply(transform: Array, xy: Array) -> Array:
    """Points [..., 2] under an affine map [2, 3]."""
    return xy @ transform[:, :2].T + transform[:, 2]


def cut(
    picture: Picture,
    transform: Array,
    size: tuple[int, int],
    *,
    border: int | None = None,
    fill: tuple[int, ...] = (GREY, GREY, GREY),
    behind: Picture | None = None,
) -> Picture:
    """The crop [H, W, 3] that a map makes of a picture.

    What is much larger than its crop is first halved, and halved again: sampling alone would leave out pixels.

    Args:
        picture: [H, W, 3] BGR.
        transform: [2, 3] from the picture to the crop.
        size: (width, height) of the crop.
        border: OpenCV's way of going on where the picture ends; None: ``fill``.
        fill: a colour, BGR.
        behind: a crop [H, W, 3] that shows where the picture ends; it is drawn on. Wins over ``border``.
    """
    import cv2

    picture, transform = _halved(picture, transform, size)
    mode = cv2.BORDER_CONSTANT if border is None else border
    if behind is not None:
        mode = cv2.BORDER_TRANSPARENT
    out = cv2.warpAffine(
        picture, transform, size, dst=behind, flags=cv2.INTER_LINEAR, borderMode=mode, borderValue=fill
    )
    return np.asarray(out, np.uint8)


def _halved(picture: Picture, transform: Array, size: tuple[int, int]) -> tuple[Picture, Array]:
    """The part of a picture that a crop shows, made smaller by area to at most twice its scale, and the map from it."""
    import cv2

    shrink = np.sqrt(abs(np.linalg.det(transform[:, :2])))
    times = int(np.floor(-np.log2(shrink))) if shrink > 0 else 0
    if times < 1:
        return picture, transform
    corners = apply(invert(transform), np.array([[0, 0], [size[0], 0], [0, size[1]], list(size)], np.float64))
    end, block = np.array(picture.shape[1::-1]), 2**times
    low = np.clip(np.floor(corners.min(0)).astype(int) - block, 0, end - 1)
    high = np.clip(np.ceil(corners.max(0)).astype(int) + block, low + 1, end)
    high = np.minimum(low - (low - high) // block * block, end)
    part = picture[low[1] : high[1], low[0] : high[0]]
    right, bottom = (-(high - low) % block).tolist()
    if right or bottom:
        part = cv2.copyMakeBorder(part, 0, bottom, 0, right, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    for _ in range(times):
        part = cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    back = np.array([[block, 0, block / 2 - 0.5 + low[0]], [0, block, block / 2 - 0.5 + low[1]]])
    return part, np.column_stack([transform[:, :2] * block, apply(transform, back[:, 2])])


def boxes_around(xy: Array, seen: NDArray[np.bool_]) -> Array:
    """The least boxes around the joints that were seen.

    Args:
        xy: [..., J, 2] pixels.
        seen: [..., J]

    Returns:
        [..., 4] left, top, width, height; NaN where nothing was seen.
    """
    low = np.min(np.where(seen[..., None], xy, np.inf), axis=-2)
    high = np.max(np.where(seen[..., None], xy, -np.inf), axis=-2)
    box = np.concatenate([low, high - np.where(np.isinf(low), 0.0, low)], axis=-1)
    return np.where(np.asarray(seen.any(-1))[..., None], box, np.nan)
