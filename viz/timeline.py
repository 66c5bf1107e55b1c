"""A strip of time: when joints were measured, filled in or missing, the verdict, and where the playing head is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .palette import BACKGROUND, INK, STATUS_COLORS, VERDICTS

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

VERDICT_SHARE = 0.25  # of the strip's height
ORDER = (Status.MISSING, Status.LIFTED, Status.INTERPOLATED, Status.OBSERVED)  # from the top
HEAD = 3  # pixels


def shares(poses: Poses, columns: int) -> Array:
    """[columns, 4] the share of joints by status in each piece of the time; each row sums to 1.

    Short files repeat frames; a column of a long one holds all its frames, so that a gap of one frame is seen.
    """
    total = len(poses.xyz)
    if not total or not poses.status[0].size:
        return np.tile([1.0, 0.0, 0.0, 0.0], (columns, 1))
    status = poses.status.reshape(total, -1)
    counts = np.stack([(status == kind).mean(1) for kind in range(len(Status))], axis=-1)  # [T, 4]
    if total <= columns:
        return np.asarray(counts[np.arange(columns) * total // columns])
    starts = np.arange(columns) * total // columns
    mean = np.add.reduceat(counts, starts, axis=0) / np.diff([*starts, total])[:, None]
    worst = np.maximum.reduceat(counts, starts, axis=0)
    for kind in (Status.MISSING, Status.LIFTED, Status.INTERPOLATED):
        mean[:, kind] = worst[:, kind]
    mean[:, Status.OBSERVED] = 0.0
    rest = mean.sum(1, keepdims=True)
    mean = np.where(rest > 1, mean / np.maximum(rest, 1e-9), mean)
    mean[:, Status.OBSERVED] = 1.0 - mean.sum(1)
    return np.asarray(mean)


def strip(poses: Poses, size: tuple[int, int]) -> Image:
    """The strip without the head, [H, W, 3] RGB: from the top missing, filled in, measured; below, the verdict.

    Args:
        poses: the result.
        size: (width, height) pixels.
    """
    width, height = size
    base = max(1, round(VERDICT_SHARE * height))
    tall = height - base
    image = np.empty((height, width, 3))
    image[:] = BACKGROUND
    edges = np.cumsum(shares(poses, width)[:, list(ORDER)], axis=1)  # [W, 4] from the top
    edges[(edges > 0) & (edges < 1.0 / tall)] = 1.0 / tall  # whatever there is gets a pixel
    row = (np.arange(tall) + 0.5)[:, None] / tall
    kind = (row[..., None] > edges[None]).sum(-1)  # [tall, W]
    image[:tall] = STATUS_COLORS[np.array(ORDER)[np.minimum(kind, len(ORDER) - 1)]]
    level = str(poses.verdict.get("level", ""))
    if level in VERDICTS:
        image[tall + 1 :] = VERDICTS[level]
    return np.round(255 * image).astype(np.uint8)


def with_head(image: Image, frame: int, frames: int) -> Image:
    """The strip with a line where the playing head is."""
    out = image.copy()
    middle = round((frame + 0.5) / max(frames, 1) * image.shape[1])
    left = int(np.clip(middle - HEAD // 2, 0, image.shape[1] - HEAD))
    out[:, max(left - 1, 0) : left + HEAD + 1] = 255
    out[:, left : left + HEAD] = np.round(255 * INK)
    return out


def frame_at(x: float, width: int, frames: int) -> int:
    """The frame under a place on the strip, x pixels from its left edge."""
    return int(np.clip(x / max(width, 1) * frames, 0, max(frames - 1, 0)))
