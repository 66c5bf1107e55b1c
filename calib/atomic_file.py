"""Files that are either there in full or not there at all; every floor writes through this."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path in the same folder; it takes the name ``path`` when the block ends well.

    A block that raises leaves nothing behind, and a file that stood there stays as it was.

    Args:
        path: where the file shall stand in the end.
        overwrite: replace a file that is there.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    path = Path(path)
    check_writable(path, overwrite=overwrite)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    except OSError as error:
        raise OSError(f"{path.parent} cannot be written ({error.strerror}); give another -o") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that only their owner reads
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_writable(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Say before long work what :func:`atomic_file` would say after it.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: there is no such folder, or it cannot be written.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; give --overwrite to replace it, or another -o")
    if not path.parent.is_dir():
        raise OSError(f"{path.parent} is not a folder that exists; make it, or give another -o")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise OSError(f"{path} cannot be written; give another -o")


def _umask() -> int:
    """The process's file mode mask; reading it means setting it for a moment."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
