"""JSON calibration files as dictionaries, with one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..atomic_file import atomic_file
from ..errors import CalibrationError
from .content import AnyPath, read_content


def load_json(path: AnyPath) -> dict[str, Any]:
    """The file's object.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is not JSON, or not an object.
    """
    try:
        document = json.loads(read_content(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CalibrationError(f"{path} is not JSON, or was cut short ({error}); export it again") from None
    if not isinstance(document, dict):
        raise CalibrationError(f"{path} must be a JSON object, got {type(document).__name__}")
    return document


def write_json(document: dict[str, Any], path: AnyPath, *, overwrite: bool) -> Path:
    """Write whole or not at all.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return Path(path)
