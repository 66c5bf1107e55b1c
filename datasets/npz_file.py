"""NumPy's npz files, also those that hold pickled objects, which are read without running anything of theirs."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from lift3d.calib import InputError
from lift3d.calib.plain_pickle import load_plain


def read_npz(path: str | os.PathLike[str]) -> dict[str, Any]:
    """All arrays of a file by name; a single object comes as itself instead of as an array without axes.

    Args:
        path: an npz file, whose objects may be arrays, numbers, texts and containers of these.

    Raises:
        FileNotFoundError: there is none.
        InputError: it is damaged, or one of its objects asks for more.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give an npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name.removesuffix(".npy"): _read(archive, name, path) for name in names}
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(f"{path} is not an npz file ({error}); download it again") from error


def _read(archive: zipfile.ZipFile, name: str, path: Path) -> Any:
    """One array."""
    with archive.open(name) as stream:
        objects = _holds_objects(stream, f"{path}: {name}")
        if objects:
            value = load_plain(stream, f"{path}: {name}")
            return value.item() if isinstance(value, np.ndarray) and value.shape == () else value
    with archive.open(name) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _holds_objects(stream: IO[bytes], source: str) -> bool:
    """Whether the array is one of Python objects; reads the header."""
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        _, _, dtype = read(stream)
    except ValueError as error:
        raise InputError(f"{source} is not an array of NumPy ({error}); download the file again") from error
    return bool(dtype.hasobject)
