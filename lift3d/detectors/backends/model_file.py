"""Where the models of others are expected, and what is said where they are not."""

from __future__ import annotations

import os
from pathlib import Path


def model_file(path: str | os.PathLike[str], what: str, advice: str) -> Path:
    """The path of a model that is there.

    Args:
        path: where it is expected.
        what: the model, for example "a pose model".
        advice: how the user gets it.

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; wanted {what}: {advice}")
    return path
