"""What the readers share: the bytes of a file, and the units that lengths may stand in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from ..errors import CalibrationError

AnyPath = str | os.PathLike[str]
Unit = Literal["m", "cm", "mm"]
METRES: dict[str, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001}
MAX_BYTES = 32_000_000  # Caliscope's old config.toml holds all board points; videos are far above


def read_content(path: AnyPath) -> bytes:
    """All bytes of a calibration file.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is a folder, empty, unreadable, or too large to be a calibration.
    """
    path = Path(path)
    if path.is_dir():
        raise CalibrationError(f"{path} is a folder; give the calibration file in it")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise CalibrationError(f"{path} has {size / 1e6:.0f} MB, which no calibration has; give another file")
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist; give a calibration file") from None
    except OSError as error:
        raise CalibrationError(f"{path} cannot be read ({error.strerror})") from error
    if not content.strip():
        raise CalibrationError(f"{path} is empty; export the calibration again")
    return content


def metres_of(unit: str) -> float:
    """How many metres a unit is.

    Raises:
        CalibrationError: lift3d does not know the unit.
    """
    if unit not in METRES:
        raise CalibrationError(f"unit must be {', '.join(METRES)}, got {unit!r}")
    return METRES[unit]
