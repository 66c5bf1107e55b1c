"""Reading an HDF5 dataset by several threads: HDF5 itself unpacks one chunk after the other."""

from __future__ import annotations

import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

THREADS = 4
WORTH = 4_000_000  # bytes; less is read faster at once


def read_array(dataset: h5py.Dataset, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """All values of a dataset.

    Args:
        dataset: of numbers, however it is stored.
        dtype: of the array; None: the dataset's own.

    Raises:
        OSError: it is damaged.
    """
    if dataset.nbytes < WORTH or not _is_plain(dataset):
        return np.asarray(dataset[()], dtype)
    out = np.empty(dataset.shape, dataset.dtype if dtype is None else dtype)

    def unpack(number: int) -> None:
        info = dataset.id.get_chunk_info(number)
        values = _values(dataset, info.chunk_offset)
        place = tuple(slice(at, at + side) for at, side in zip(info.chunk_offset, dataset.chunks, strict=True))
        part = out[place]
        part[:] = values[tuple(slice(side) for side in part.shape)]  # chunks at the ends are filled up

    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        for _ in pool.map(unpack, range(dataset.id.get_num_chunks())):
            pass  # errors are raised here
    return out


def whole_frames(shape: tuple[int, ...], itemsize: int, *, most_bytes: int = 1 << 18) -> tuple[int, ...] | None:
    """The shape of chunks of some frames each, which unpack without gathering; None where there is nothing to store."""
    frame = itemsize * int(np.prod(shape[1:]))
    return (int(np.clip(most_bytes // frame, 1, shape[0])), *shape[1:]) if shape[0] and frame else None


def _is_plain(dataset: h5py.Dataset) -> bool:
    """Whether it stands in the file as :mod:`lift3d.datasets.poses` writes it, whole."""
    if dataset.chunks is None or dataset.compression != "gzip" or not dataset.shuffle:
        return False
    filters = dataset.id.get_create_plist().get_nfilters()
    chunks = int(np.prod([-(-side // chunk) for side, chunk in zip(dataset.shape, dataset.chunks, strict=True)]))
    return bool(filters == 2 and dataset.id.get_num_chunks() == chunks)


def _values(dataset: h5py.Dataset, offset: tuple[int, ...]) -> NDArray[Any]:
    """A chunk, in its shape."""
    left_out, data = dataset.id.read_direct_chunk(offset)
    if left_out:
        raise OSError(f"a chunk of {dataset.name} is stored in an unknown way")
    try:
        data = zlib.decompress(data)
        raw = np.frombuffer(data, np.uint8).reshape(dataset.dtype.itemsize, -1)
        return np.ascontiguousarray(raw.T).view(dataset.dtype).reshape(dataset.chunks)
    except (zlib.error, ValueError) as error:
        raise OSError(f"{dataset.name} is damaged: {error}") from error
