from __future__ import annotations

import numpy as np
import pytest

from lift3d.detectors.backends.peaks import read_heatmaps, read_simcc

SIZE = (192, 256)


def gaussian(places: np.ndarray, length: int, sigma: float) -> np.ndarray:
    """Rows [..., length] with a Gaussian at each place [...]."""
    return np.exp(-0.5 * ((np.arange(length) - places[..., None]) / sigma) ** 2)


def test_simcc_of_an_ideal_network_is_read_exactly(rng: np.random.Generator) -> None:
    xy = rng.uniform(5, 180, (4, 17, 2))
    logits = [np.log(gaussian(2 * xy[..., axis], 2 * SIZE[axis], 5.66) + 1e-30) + 1 for axis in (0, 1)]
    found, _ = read_simcc(logits[0], logits[1], 2.0)
    np.testing.assert_allclose(found, xy, atol=1e-6)  # the logarithm of a Gaussian is a parabola


def test_simcc_confidence_is_the_lower_of_the_two_peaks() -> None:
    x, y = np.zeros((1, 2, 8)), np.zeros((1, 2, 10))
    x[0, :, 3], y[0, :, 4] = (0.9, 0.2), (0.4, 0.7)
    xy, confidence = read_simcc(x, y, 2.0)
    np.testing.assert_allclose(confidence, [[0.4, 0.2]])
    np.testing.assert_allclose(xy, [[[1.5, 2.0]] * 2])


def test_simcc_peak_in_the_first_or_last_bin_stays_there() -> None:
    x, y = np.zeros((1, 1, 8)), np.zeros((1, 1, 8))
    x[..., 0] = y[..., -1] = 1
    np.testing.assert_allclose(read_simcc(x, y, 1.0)[0], [[[0, 7]]])


@pytest.mark.parametrize(
    ("cells", "crop_of"),
    [
        ("stride", lambda u: 4 * u),
        ("centre", lambda u: 4 * u + 1.5),
        ("udp", lambda u: u * np.array([191 / 47, 255 / 63])),
    ],
)
def test_heatmaps_are_read_exactly_in_each_custom_of_cells(cells: str, crop_of, rng: np.random.Generator) -> None:
    uv = rng.uniform(6, 40, (3, 17, 2))
    maps = gaussian(uv[..., 1], 64, 2.0)[..., :, None] * gaussian(uv[..., 0], 48, 2.0)[..., None, :]
    xy, confidence = read_heatmaps(maps, SIZE, cells=cells)
    np.testing.assert_allclose(xy, crop_of(uv), atol=0.01)  # smoothing cuts its kernel off
    assert (confidence > 0.88).all()  # the peak lies between cells
