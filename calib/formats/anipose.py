"""aniposelib's calibration TOML: [cam_0], [cam_1] …, lengths in whatever unit its user gave the board in.

The file does not say that unit. Files written here do, as ``unit`` in [metadata], which aniposelib keeps unread.
aniposelib sorts the tables as text (cam_10 before cam_2); here they are read in natural order.

Source: aniposelib, cameras.py.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ..rig import Rig
from .content import METRES, AnyPath, Unit, metres_of
from .toml_tables import (
    Table,
    camera_table,
    camera_tables,
    load_toml,
    looks_like_camera,
    make_rig,
    natural_order,
    read_camera,
    text_field,
    write_toml,
)

TOOL = "aniposelib"
COEFFICIENTS = 5  # k1, k2, p1, p2, k3; a fisheye has 4

logger = logging.getLogger(__name__)


def recognises(document: Table) -> bool:
    """Whether a TOML document may be one: camera tables with nothing in them that only another tool writes."""
    return any(looks_like_camera(table) for table in camera_tables(document).values())


def read(path: AnyPath, *, unit: Unit | None = None) -> Rig:
    """Read the cameras in the natural order of their tables.

    Args:
        path: the file.
        unit: what its lengths are in. None: what its metadata says; if they say nothing, metres, with a warning.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is not such a file, or a camera in it is malformed.
    """
    document = load_toml(path)
    stated = unit or stated_unit(document)
    if stated is None:
        logger.warning("%s does not say its unit of length; read as metres (`unit` in capture.toml overrides)", path)
    metres = metres_of(stated or "m")
    tables = camera_tables(document)
    return make_rig(
        (
            read_camera(tables[key], text_field(tables[key], "name", default=key), path=path, metres=metres)
            for key in sorted(tables, key=natural_order)
        ),
        path,
    )


def stated_unit(document: Table) -> str | None:
    """The unit that the metadata name, if they do."""
    metadata = document.get("metadata")
    unit = metadata.get("unit") if isinstance(metadata, dict) else None
    return unit if isinstance(unit, str) and unit in METRES else None


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write a file that aniposelib reads, in metres.

    Raises:
        CalibrationError: a lens has more than five coefficients.
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    digits = len(str(len(rig) - 1))  # cam_02 before cam_10 as text, too
    document: dict[str, dict[str, Any]] = {}
    for i, camera in enumerate(rig):
        table = camera_table(camera, coefficients=COEFFICIENTS, tool=TOOL)
        document[f"cam_{i:0{digits}}"] = {**table, **({"fisheye": True} if camera.model == "fisheye" else {})}
    document["metadata"] = {"adjusted": False, "unit": "m"}
    return write_toml(document, path, overwrite=overwrite)
