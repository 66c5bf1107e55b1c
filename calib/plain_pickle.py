"""Reading pickles of plain arrays: the only place of lift3d that unpickles anything.

A pickle can run programs when it is read. Here it can name what builds a NumPy array, a NumPy number or bytes, and
nothing else; the first other name ends the reading before anything is made of it. What comes out is arrays, numbers,
texts and the containers of these.

Source: the Python documentation, pickle, "Restricting globals"; NumPy's and Python 2's ways of writing arrays.
"""

from __future__ import annotations

import codecs
import pickle
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from .errors import InputError

_CORE = np._core if np.__version__ >= "2" else np.core  # type: ignore[attr-defined, unused-ignore]


class _ArraysOnly(pickle.Unpickler):
    """Refuses every name that making an array does not need."""

    def find_class(self, module: str, name: str) -> Any:
        """Only what is allowed."""
        module = module.replace("numpy._core", "numpy.core")
        builder = _BUILDERS.get((module, name))
        if builder is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return builder()


def _make_bytes() -> Callable[[str, str], bytes]:
    """What Python 2's protocols write bytes with; other codecs are not needed. A new function every time: a pickle can
    set attributes of what it was given.
    """

    def encode(text: str, encoding: str) -> bytes:
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it asks for the codec {encoding}")
        return codecs.latin_1_encode(text)[0]

    return encode


def _make_frombuffer() -> Callable[..., Any]:
    """What protocol 5 builds contiguous arrays with."""

    def frombuffer(buffer: bytes, dtype: Any, shape: tuple[int, ...], order: Any) -> Any:
        return np.frombuffer(buffer, dtype).reshape(shape, order=order)

    return frombuffer


_BUILDERS: dict[tuple[str, str], Callable[[], Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): lambda: _CORE.multiarray._reconstruct,
    ("numpy.core.multiarray", "scalar"): lambda: _CORE.multiarray.scalar,
    ("numpy.core.numeric", "_frombuffer"): _make_frombuffer,
    ("numpy", "ndarray"): lambda: np.ndarray,
    ("numpy", "dtype"): lambda: np.dtype,
    ("_codecs", "encode"): _make_bytes,
}


def load_plain(stream: IO[bytes], source: str) -> Any:
    """Read one pickle of arrays, numbers, texts and their containers.

    Args:
        stream: where the pickle begins.
        source: what the message calls it, as a rule the file's path.

    Raises:
        InputError: it is damaged, or asks for anything else; nothing of it was run.
    """
    try:
        return _ArraysOnly(stream, encoding="latin1").load()
    except Exception as error:  # damaged pickles fail in every way there is; none of theirs is ours
        reason = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise InputError(f"{source} is not a pickle of plain arrays ({reason}); it was not read") from None
