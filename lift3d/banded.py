"""Symmetric systems whose unknowns follow each other in time: solved, and inverted near the diagonal, in linear time.

Convention:
    n frames of m unknowns. Within a frame everything may be coupled; across frames an unknown is coupled with its own
    values of up to :data:`ORDER` frames before and after, so that the matrix has m · ORDER bands below the diagonal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

Array = NDArray[np.float64]

ORDER = 3
"""Frames that a third difference reaches back."""


class BandedCholesky:
    """The Cholesky factor of a positive definite matrix, banded in time.

    Args:
        blocks: [n, m, m] the coupling within each frame, symmetric.
        bands: [ORDER + 1, n, m] coupling of an unknown at frame t with itself at t + s: entry [s, t].

    Raises:
        numpy.linalg.LinAlgError: the matrix is not positive definite.
    """

    def __init__(self, blocks: Array, bands: Array) -> None:
        n, m, _ = blocks.shape
        lower = np.zeros((ORDER * m + 1, n, m))
        for i in range(m):
            lower[: m - i, :, i] = blocks[:, i:, i].T
        for s in range(ORDER + 1):
            lower[s * m, : n - s] += bands[s, : n - s]
        self._shape = n, m
        self._lower = cholesky_banded(lower.reshape(ORDER * m + 1, n * m), lower=True, check_finite=False)

    def solve(self, right: Array) -> Array:
        """The unknowns [n, m] for a right side [n, m]."""
        flat = cho_solve_banded((self._lower, True), right.ravel(), check_finite=False)
        return np.asarray(flat.reshape(self._shape))

    def covariance(self) -> Array:
        """The diagonal blocks [n, m, m] of the inverse matrix.

        Source: Takahashi, Fagan and Chen (1973): the entries of the inverse inside the band follow from the factor by
        a recursion from the end, without the rest of the inverse.
        """
        n, m = self._shape
        panels = self._panels()
        inverse = np.linalg.inv(panels[:, :m])
        own = np.swapaxes(inverse, 1, 2) @ inverse
        below = panels[:, m:] @ inverse  # [n, ORDER m, m]
        out = np.empty((n, m, m))
        near = np.zeros((ORDER * m, ORDER * m))  # the inverse for the next ORDER frames; beyond the end it counts for 0
        for t in range(n - 1, -1, -1):
            cross = near @ below[t]
            grown = below[t].T @ cross
            out[t] = own[t] + 0.5 * (grown + grown.T)  # an antisymmetric rounding error would grow from step to step
            near[m:, m:] = near[:-m, :-m].copy()
            near[:m, :m] = out[t]
            near[m:, :m] = -cross[:-m]
            near[:m, m:] = -cross[:-m].T
        return out

    def _panels(self) -> Array:
        """Columns of the factor, a frame's m at a time: [n, (ORDER + 1) m, m], its own block first."""
        n, m = self._shape
        row, column = np.meshgrid(np.arange((ORDER + 1) * m), np.arange(m), indexing="ij")
        offset = row - column
        inside = (offset >= 0) & (offset <= ORDER * m)
        lower = self._lower.reshape(-1, n, m)
        picked = lower[np.where(inside, offset, 0), :, column]  # [(ORDER + 1) m, m, n]
        return np.moveaxis(np.where(inside[..., None], picked, 0.0), -1, 0)
