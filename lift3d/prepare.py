"""From published recordings to the one file that lifters are trained on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from lift3d.calib import InputError
from lift3d.calib.atomic_file import check_writable
from lift3d.datasets.mocap import write_mocap
from lift3d.datasets.mocap_formats import Recordings, Sources, read_recordings


def prepare(
    paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    sources: Sources | None = None,
    layout: str | None = None,
    overwrite: bool = False,
) -> Recordings:
    """Read recordings and write them as one motion capture file.

    Args:
        paths: files and folders, each in a layout of its own.
        out: the file to write, see :mod:`lift3d.datasets.mocap`.
        sources: what the layouts themselves do not say.
        layout: of all paths; None: by what is found.
        overwrite: replace a file that exists.

    Returns:
        What was written, and what to know of it.

    Raises:
        FileNotFoundError, FileExistsError: a file is not there, or is.
        InputError: something cannot be read, or two clips have one name.
    """
    check_writable(out, overwrite=overwrite)
    found = [read_recordings(path, sources, layout=layout) for path in paths]
    clips = sorted((clip for each in found for clip in each.clips), key=lambda clip: clip.name)
    twice = [name for name, count in Counter(clip.name for clip in clips).items() if count > 1]
    if twice:
        raise InputError(f"two recordings are called {twice[0]}; give the folders one by one, or rename one")
    write_mocap(out, clips, overwrite=overwrite)
    return Recordings(clips, list(dict.fromkeys(note for each in found for note in each.notes)))
