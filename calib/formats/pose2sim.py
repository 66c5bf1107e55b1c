"""Pose2Sim's calibration TOML: one table a camera, metres, four distortion coefficients.

Pose2Sim pairs the cameras with its pose folders by their order in this file, not by name.

Source: Pose2Sim, common.py and calibration.py.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import CalibrationError
from ..rig import Rig
from .content import AnyPath, Unit, metres_of
from .toml_tables import (
    NOT_CAMERAS,
    Table,
    camera_table,
    camera_tables,
    load_toml,
    looks_like_camera,
    make_rig,
    read_camera,
    refuse_fisheye,
    text_field,
    write_toml,
)

TOOL = "Pose2Sim"
COEFFICIENTS = 4


def recognises(document: Table) -> bool:
    """Whether a TOML document is one: Pose2Sim writes ``fisheye = false``, which aniposelib never does."""
    cameras = [table for table in camera_tables(document).values() if looks_like_camera(table)]
    return any(table.get("fisheye") is False for table in cameras)


def read(path: AnyPath, *, unit: Unit | None = None) -> Rig:
    """Read the cameras in the file's order.

    Args:
        path: the file.
        unit: what its lengths are in, if not metres.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is not such a file, or a camera in it is malformed.
    """
    metres = metres_of(unit or "m")
    tables = camera_tables(load_toml(path))
    return make_rig(
        (
            read_camera(table, text_field(table, "name", default=key), path=path, metres=metres)
            for key, table in tables.items()
        ),
        path,
    )


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write a file that Pose2Sim reads.

    Raises:
        CalibrationError: a lens has more than four coefficients or is a fisheye, or a camera's name is reserved.
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    refuse_fisheye(rig, TOOL)
    document: dict[str, object] = {}
    for camera in rig:
        if camera.name in NOT_CAMERAS:
            raise CalibrationError(f"camera {camera.name}: {TOOL} skips tables of that name; rename the camera")
        table = camera_table(camera, coefficients=COEFFICIENTS, tool=TOOL)
        document[camera.name] = {**table, "size": [float(side) for side in camera.size], "fisheye": False}
    document["metadata"] = {"adjusted": False, "unit": "m"}
    return write_toml(document, path, overwrite=overwrite)
