"""The corners of a chessboard to a hundredth of a pixel or so, by fitting what a blurred corner looks like.

Around a corner the picture is two straight edges that cross, blurred, under light that changes slowly:
a + b x + c y + d erf(p / s) erf(q / s), with p and q the distances from the edges. All pixels of the window vote, where
a saddle point uses its middle alone, so that noise, sharpening and large soft squares matter much less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from .distortion import Array

MOVED = 0.08  # of a square: a corner that moves farther was another
STEPS = 15
SETTLED = 1e-3  # pixels
SAMPLES = 25  # pixels from the middle to the window's rim at most; larger windows are sampled more coarsely
START_BLUR = 1.5
LEAST_BLUR = 0.4
LEAST_PIXELS = 25  # nine numbers are fitted
LEAST_SHARE = 0.6  # of a window must lie in the picture
MAX_MISFIT = 0.5  # of the contrast, root mean square


def fit_corners(grey: NDArray[np.uint8], xy: Array, grid: tuple[int, int], *, half: int) -> Array:
    """Move corners to where a model of a blurred corner fits the picture best.

    Args:
        grey: [H, W].
        xy: [N, 2] pixels, the corners row by row, right to a tenth of a square; NaN: not seen.
        grid: corners (across, down).
        half: radius of the window, pixels; less than half a square.

    Returns:
        [N, 2] pixels; NaN where nothing fits.

    Source: the idea is that of Deriche and Blaszka, Recovering and characterizing image features using an efficient
    model based approach, CVPR 1993.
    """
    edges = _edge_directions(xy, grid)
    known = np.flatnonzero(np.isfinite(xy).all(1) & np.isfinite(edges).all((1, 2)))
    fitted = np.full(xy.shape, np.nan)
    if not len(known):
        return fitted
    window = _Window(grey, np.round(xy[known]).astype(int), half)
    angles = np.arctan2(edges[known, :, 1], edges[known, :, 0])
    start = np.concatenate([xy[known] - np.round(xy[known]), angles, np.full((len(known), 1), START_BLUR)], axis=1)
    parameters, contrast, misfit = window.fit(start)
    moved = np.linalg.norm(parameters[:, :2] - start[:, :2], axis=1)
    side = np.linalg.norm(edges[known], axis=-1).min(1)
    good = window.usable & (moved < MOVED * side) & (misfit < MAX_MISFIT * np.abs(contrast)) & (np.abs(contrast) > 1)
    fitted[known[good]] = (parameters[:, :2] + np.round(xy[known]))[good]
    return fitted


def _edge_directions(xy: Array, grid: tuple[int, int]) -> Array:
    """[N, 2, 2]: the step to the next corner of the row and of the column, by the neighbours or else by all."""
    across, down = grid
    corners = xy.reshape(down, across, 2)
    steps = np.full((down, across, 2, 2), np.nan)
    for k, axis in enumerate((1, 0)):
        step = np.moveaxis(np.diff(corners, axis=axis), axis, 0)
        gap = np.full_like(step[:1], np.nan)
        both = np.stack([np.concatenate([step, gap]), np.concatenate([gap, step])])
        count = np.isfinite(both).sum(0)
        all_ = np.nansum(step, axis=(0, 1)) / max(np.isfinite(step[..., 0]).sum(), 1)
        mean = np.where(count, np.nansum(both, axis=0) / np.maximum(count, 1), all_)
        steps[..., k, :] = np.moveaxis(mean, 0, axis)
    return steps.reshape(-1, 2, 2)


class _Window:
    """The pixels around N corners, and the fit of (x, y, two edges' angles, blur) to them."""

    def __init__(self, grey: NDArray[np.uint8], middles: NDArray[np.int64], half: int) -> None:
        reach = np.arange(-half, half + 1, 1 + half // (SAMPLES + 1))
        y, x = (part.ravel() for part in np.meshgrid(reach, reach, indexing="ij"))
        round_ = x**2 + y**2 <= half**2
        self.x, self.y = x[round_].astype(np.float64), y[round_].astype(np.float64)
        columns, rows = middles[:, :1] + x[round_], middles[:, 1:] + y[round_]
        height, width = grey.shape
        self.inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        self.usable = (self.inside.mean(1) >= LEAST_SHARE) & (self.inside.sum(1) >= LEAST_PIXELS)
        self.grey = grey[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)].astype(np.float64)
        self.light = np.stack([np.ones_like(self.x), self.x / half, self.y / half], axis=-1)
        self.half = half

    def fit(self, parameters: Array) -> tuple[Array, Array, Array]:
        """Levenberg and Marquardt's descent for all corners at once: parameters [N, 5], contrast [N], misfit [N]."""
        damping = np.full(len(parameters), 1e-3)
        error, J, contrast = self._linearise(parameters)
        cost = (error**2).sum(1)
        for _ in range(STEPS):
            H = J.transpose(0, 2, 1) @ J
            diagonal = np.einsum("naa->na", H)
            damped = H + np.eye(H.shape[-1]) * (damping[:, None] * diagonal + 1e-9)[:, None, :]
            step = np.linalg.solve(damped, np.einsum("nma,nm->na", J, error)[..., None])[:, :5, 0]
            moved = parameters + step
            moved[:, 4] = np.clip(moved[:, 4], LEAST_BLUR, self.half / 2)
            new_error, new_J, new_contrast = self._linearise(moved)
            better = (new_error**2).sum(1) < cost
            damping = np.where(better, damping / 5, damping * 8)
            parameters = np.where(better[:, None], moved, parameters)
            error, J = np.where(better[:, None], new_error, error), np.where(better[:, None, None], new_J, J)
            contrast, cost = np.where(better, new_contrast, contrast), (error**2).sum(1)
            if np.abs(step[better, :2]).max(initial=0.0) < SETTLED:
                break
        return parameters, contrast, np.sqrt(cost / np.maximum(self.inside.sum(1), 1))

    def _linearise(self, parameters: Array) -> tuple[Array, Array, Array]:
        """Grey values minus the model [N, M], derivatives of the model by all nine numbers [N, M, 9], contrast [N].

        Light and contrast are linear and solved for at once; their derivatives stay, as they move with the corner.
        """
        blur = parameters[:, 4:]
        x, y = self.x - parameters[:, :1], self.y - parameters[:, 1:2]
        sin, cos = np.sin(parameters[:, 2:4]), np.cos(parameters[:, 2:4])
        off = [x * sin[:, k : k + 1] - y * cos[:, k : k + 1] for k in (0, 1)]
        along = [x * cos[:, k : k + 1] + y * sin[:, k : k + 1] for k in (0, 1)]
        edge = [erf(distance / blur) for distance in off]
        slope = [2 / np.sqrt(np.pi) / blur * np.exp(-((distance / blur) ** 2)) for distance in off]
        light = np.broadcast_to(self.light, (*self.grey.shape, 3))
        linear = np.concatenate([light, (edge[0] * edge[1])[..., None]], axis=-1) * self.inside[..., None]
        grey = self.grey * self.inside
        gram = linear.transpose(0, 2, 1) @ linear + 1e-9 * np.eye(4)
        found = np.linalg.solve(gram, np.einsum("nma,nm->na", linear, grey)[..., None])[..., 0]
        contrast = found[:, 3:]
        by_edge = [contrast * slope[0] * edge[1], contrast * slope[1] * edge[0]]
        columns = [
            -by_edge[0] * sin[:, :1] - by_edge[1] * sin[:, 1:],
            by_edge[0] * cos[:, :1] + by_edge[1] * cos[:, 1:],
            by_edge[0] * along[0],
            by_edge[1] * along[1],
            -(by_edge[0] * off[0] + by_edge[1] * off[1]) / blur,
        ]
        J = np.concatenate([np.stack(columns, axis=-1) * self.inside[..., None], linear], axis=-1)
        return grey - np.einsum("nma,na->nm", linear, found), J, found[:, 3]
