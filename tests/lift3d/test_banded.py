"""The banded solver against dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.banded import ORDER, BandedCholesky


def _random(rng, n, m):
    """Blocks, bands and the dense matrix that they stand for."""
    blocks = rng.normal(size=(n, m, m))
    blocks = blocks @ blocks.swapaxes(1, 2) + 8 * np.eye(m)
    bands = 0.3 * rng.normal(size=(ORDER + 1, n, m))
    dense = np.zeros((n, m, n, m))
    for t in range(n):
        dense[t, :, t] += blocks[t] + np.diag(bands[0, t])
        for s in range(1, ORDER + 1):
            if t + s < n:
                dense[t + s, :, t] += np.diag(bands[s, t])
                dense[t, :, t + s] += np.diag(bands[s, t])
    return blocks, bands, dense.reshape(n * m, n * m)


@pytest.mark.parametrize(("n", "m"), [(1, 3), (2, 3), (4, 1), (9, 4)])
def test_solution_and_covariance_are_those_of_the_dense_matrix(rng, n, m):
    blocks, bands, dense = _random(rng, n, m)
    factor = BandedCholesky(blocks, bands)
    right = rng.normal(size=(n, m))
    np.testing.assert_allclose(factor.solve(right).ravel(), np.linalg.solve(dense, right.ravel()), atol=1e-12)
    inverse = np.linalg.inv(dense).reshape(n, m, n, m)
    for t, block in enumerate(factor.covariance()):
        np.testing.assert_allclose(block, inverse[t, :, t], atol=1e-12)


def test_covariance_stays_exact_over_hundreds_of_frames_of_a_stiff_system(rng):
    n, m = 300, 3
    row = np.array([-1.0, 3.0, -3.0, 1.0])
    difference = np.zeros((n - ORDER, n))
    for t in range(n - ORDER):
        difference[t, t : t + ORDER + 1] = row
    stiff = 1e6 * difference.T @ difference
    bands = np.zeros((ORDER + 1, n, m))
    for s in range(ORDER + 1):
        bands[s, : n - s] = np.diag(stiff, -s)[:, None]
    coupling = rng.normal(size=(n, m, m))
    blocks = np.eye(m) + 0.1 * coupling @ coupling.swapaxes(1, 2)
    dense = np.kron(stiff, np.eye(m))
    for t in range(n):
        dense[t * m : t * m + m, t * m : t * m + m] += blocks[t]
    inverse = np.linalg.inv(dense).reshape(n, m, n, m)
    covariance = BandedCholesky(blocks, bands).covariance()
    np.testing.assert_allclose(covariance, inverse[np.arange(n), :, np.arange(n)], rtol=1e-6, atol=1e-9)


def test_matrix_that_is_not_positive_definite_is_refused():
    with pytest.raises(np.linalg.LinAlgError):
        BandedCholesky(-np.ones((5, 1, 1)), np.zeros((ORDER + 1, 5, 1)))
