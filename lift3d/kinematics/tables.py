"""The CSV files of an analysis: units in the headings, degrees and metres, empty cells where nothing is known."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.calib.atomic_file import atomic_file

from .analysis import Analysis
from .angles import ANGLES

Array = NDArray[np.float64]
Column = tuple[str, Iterable[object]]


def _angles(found: Analysis) -> list[Column]:
    """A column an angle, one its standard deviation, and last which of them rest on filled-in joints."""
    columns = [_time(found)]
    for name in ANGLES:
        columns.append((f"{name} [deg]", _cells(np.degrees(found.angles[name]), 3)))
        columns.append((f"{name} sigma [deg]", _cells(np.degrees(found.sigma[name]), 3)))
    filled = [" ".join(name for name in ANGLES if found.filled[name][t]) for t in range(len(found.time))]
    return [*columns, ("filled in", filled)]


def _segments(found: Analysis) -> list[Column]:
    """A row a segment."""
    rows = found.segments
    return [
        ("segment", [row.name for row in rows]),
        ("frames", [str(row.frames) for row in rows]),
        ("median length [m]", _cells([row.median for row in rows], 4)),
        ("spread over frames [m]", _cells([row.spread for row in rows], 4)),
        ("sigma of one frame [m]", _cells([row.sigma for row in rows], 4)),
    ]


def _events(found: Analysis) -> list[Column]:
    """A row a foot strike or foot off."""
    rows = found.events
    return [
        ("time [s]", [f"{row.time:.4f}" for row in rows]),
        ("frame", [str(row.frame) for row in rows]),
        ("side", [row.side for row in rows]),
        ("event", [row.kind for row in rows]),
        ("point", [row.point for row in rows]),
        *((f"{axis} [m]", _cells([row.at[i] for row in rows], 4)) for i, axis in enumerate("xyz")),
    ]


def _com(found: Analysis) -> list[Column]:
    """Position with its standard deviation, velocity, and whether the feet stand (empty where not known)."""
    sigma = np.sqrt(found.com_covariance[:, [0, 3, 5]])
    columns = [_time(found)]
    for i, axis in enumerate("xyz"):
        columns.append((f"{axis} [m]", _cells(found.com[:, i], 5)))
        columns.append((f"{axis} sigma [m]", _cells(sigma[:, i], 5)))
    columns += [(f"v{axis} [m/s]", _cells(found.com_velocity[:, i], 4)) for i, axis in enumerate("xyz")]
    for side, states in found.contacts.items():
        columns.append(
            (f"{side} foot on floor", ["" if state < 0 else str(state) for state in states["foot"].tolist()])
        )
    return columns


def _speeds(found: Analysis) -> list[Column]:
    """A column a joint."""
    return [_time(found), *((f"{name} [m/s]", _cells(value, 4)) for name, value in found.speeds.items())]


def _symmetry(found: Analysis) -> list[Column]:
    """A row a quantity."""
    rows = found.symmetries
    return [
        ("quantity", [row.quantity for row in rows]),
        ("unit", [row.unit for row in rows]),
        ("left", _cells([row.left for row in rows], 4)),
        ("right", _cells([row.right for row in rows], 4)),
        ("index [%]", _cells([row.index for row in rows], 2)),
    ]


TABLES: dict[str, Callable[[Analysis], list[Column]]] = {
    "angles": _angles,
    "segments": _segments,
    "events": _events,
    "com": _com,
    "speeds": _speeds,
    "symmetry": _symmetry,
}
"""Name of the file to what makes its columns."""


def write_table(found: Analysis, name: str, path: Path, *, overwrite: bool = False) -> Path:
    """Write one of :data:`TABLES`.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is False.
    """
    columns = TABLES[name](found)
    with atomic_file(path, overwrite=overwrite) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([heading for heading, _ in columns])
        writer.writerows(zip(*(cells for _, cells in columns), strict=True))
    return path


def _time(found: Analysis) -> Column:
    """The first column of what has a row a frame."""
    return "time [s]", [f"{second:.4f}" for second in found.time]


def _cells(values: Array | Sequence[float], digits: int) -> list[str]:
    """Numbers as text; nothing for NaN."""
    return [f"{value:.{digits}f}" if np.isfinite(value) else "" for value in values]
