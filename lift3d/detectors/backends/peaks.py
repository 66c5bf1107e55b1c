"""Reading joints from the outputs of others' top-down networks, NumPy only.

Convention:
    pixel (0, 0) is the centre of the crop's top-left pixel. SimCC's bin k lies at k / split ratio, as RTMPose is
    trained. For heatmaps there are three customs of what cell k means, and a model does not say which is its own:
    "stride" k * s (HRNet, Simple Baselines, MMPose's default), "centre" (k + 0.5) * s - 0.5 (lift3d),
    "udp" k * (size - 1) / (cells - 1) (ViTPose, Huang et al., CVPR 2020).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CELLS = ("stride", "centre", "udp")


def read_simcc(x: Array, y: Array, split: float) -> tuple[Array, Array]:
    """Joints from two rows of bins: the highest bin and, by a parabola, the place between bins.

    A network trained to give a Gaussian through softmax gives a parabola before it, so this is exact for an ideal one.

    Args:
        x: [N, J, bins across].
        y: [N, J, bins down].
        split: bins a pixel.

    Returns:
        xy [N, J, 2] pixels of the crop; the lower of the two peaks [N, J].

    Source: Li et al., SimCC, ECCV 2022.
    """
    places, peaks = zip(*(_peak(row) for row in (x, y)), strict=True)
    return np.stack(places, -1) / split, np.minimum(*peaks)


def read_heatmaps(maps: Array, size: tuple[int, int], *, cells: str = "stride") -> tuple[Array, Array]:
    """Joints from heatmaps: the highest cell and, by a parabola in the smoothed map's logarithm, the place between.

    Args:
        maps: [N, J, H, W], a peak of 1 where a joint is sure.
        size: (width, height) of the crop.
        cells: one of :data:`CELLS`.

    Returns:
        xy [N, J, 2] pixels of the crop; the peak [N, J].
    """
    import cv2

    count, joints, height, width = maps.shape
    xy = np.empty((count, joints, 2))
    best = maps.reshape(count, joints, -1).argmax(-1)
    for place in np.ndindex(count, joints):
        smooth = cv2.GaussianBlur(np.maximum(maps[place], 0), (0, 0), 1.0)
        row, column = divmod(int(best[place]), width)
        logarithm = np.log(np.maximum(smooth, 1e-10))
        xy[place] = column + _offset(logarithm[row], column), row + _offset(logarithm[:, column], row)
    return _of_crop(xy, (width, height), size, cells), maps.max((-1, -2))


def _of_crop(xy: Array, of: tuple[int, int], size: tuple[int, int], cells: str) -> Array:
    """Cells to pixels of the crop."""
    stride = np.array(size) / np.array(of)
    if cells == "stride":
        return xy * stride
    if cells == "udp":
        return xy * ((np.array(size) - 1) / (np.array(of) - 1))
    return (xy + 0.5) * stride - 0.5


def _peak(rows: Array) -> tuple[Array, Array]:
    """Place and height of the highest of the last axis; the place to a fraction of a bin."""
    flat = rows.reshape(-1, rows.shape[-1])
    best = flat.argmax(-1)
    places = np.array([at + _offset(row, at) for row, at in zip(flat, best, strict=True)])
    return places.reshape(rows.shape[:-1]), rows.max(-1)


def _offset(row: Array, at: int) -> float:
    """Where the parabola through the highest of a row and its neighbours has its top, from -0.5 to 0.5."""
    if not 0 < at < len(row) - 1:
        return 0.0
    before, top, after = (float(value) for value in row[at - 1 : at + 2])
    bend = before - 2 * top + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
