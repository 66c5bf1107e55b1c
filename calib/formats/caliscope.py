"""Caliscope's camera_array.toml ([cameras.N]) and its older config.toml ([cam_N] among other tables), in metres.

Caliscope's ``rotation_count`` turns pictures on its screen only; the numbers here are those of the file as filmed.

Source: Caliscope, camera_array.py and persistence.py.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from ..errors import CalibrationError
from ..rig import Rig
from .content import AnyPath, Unit, metres_of
from .toml_tables import (
    Table,
    camera_table,
    load_toml,
    looks_like_camera,
    make_rig,
    read_camera,
    text_field,
    write_toml,
)

TOOL = "Caliscope"
COEFFICIENTS = 5  # a fisheye has 4
OLD_FIELDS = ("cam_id", "port", "rotation_count")

logger = logging.getLogger(__name__)


def recognises(document: Table) -> bool:
    """Whether a TOML document is one, new or old."""
    return any(looks_like_camera(table) for table in _new_tables(document).values()) or any(
        looks_like_camera(table) and any(field in table for field in OLD_FIELDS)
        for table in _old_tables(document).values()
    )


def _new_tables(document: Table) -> dict[str, Table]:
    """[cameras.N], called cam_N as Caliscope calls its videos."""
    cameras = document.get("cameras")
    return {f"cam_{key}": table for key, table in cameras.items()} if isinstance(cameras, dict) else {}


def _old_tables(document: Table) -> dict[str, Table]:
    """[cam_N]; the other tables of config.toml are no cameras."""
    return {key: table for key, table in document.items() if re.fullmatch(r"cam_\d+", key)}


def read(path: AnyPath, *, unit: Unit | None = None) -> Rig:
    """Read the cameras in the file's order, called ``cam_N`` like their videos; ignored ones are left out.

    Args:
        path: the file.
        unit: what its lengths are in, if not metres.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is not such a file, or a camera that is not ignored is malformed or has no pose.
    """
    document, metres = load_toml(path), metres_of(unit or "m")
    cameras = []
    for key, table in (_new_tables(document) or _old_tables(document)).items():
        if not isinstance(table, dict):
            raise CalibrationError(f"{path}: camera {key} must be a table, got {str(table)[:40]!r}")
        name = text_field(table, "name", default=key)
        if table.get("ignore") is True:
            logger.warning("%s: camera %s is marked as ignored and left out", path, name)
            continue
        for field in ("rotation", "translation"):
            if table.get(field, "null") == "null":
                raise CalibrationError(
                    f"{path}: camera {name} has no {field}; calibrate it in {TOOL}, or set ignore = true for it"
                )
        cameras.append(read_camera(table, name, path=path, metres=metres))
    return make_rig(cameras, path)


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write a camera_array.toml that Caliscope reads.

    Caliscope knows cameras by number: the last number in each name where all differ, else 0, 1, 2 …. The name
    stands in the table, too; Caliscope passes over it, :func:`read` does not.

    Raises:
        CalibrationError: a lens has more than five coefficients.
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    cameras: dict[str, dict[str, Any]] = {}
    for number, camera in zip(_camera_numbers(rig.names), rig, strict=True):
        table = camera_table(camera, coefficients=COEFFICIENTS, tool=TOOL)
        fisheye = camera.model == "fisheye"
        cameras[str(number)] = {"cam_id": number, **table, "rotation_count": 0, "ignore": False, "fisheye": fisheye}
    return write_toml({"cameras": cameras}, path, overwrite=overwrite)


def _camera_numbers(names: tuple[str, ...]) -> list[int]:
    """A number for each name, all different."""
    found = [re.findall(r"\d+", name) for name in names]
    numbers = [int(digits[-1]) for digits in found if digits]
    return numbers if len(set(numbers)) == len(names) else list(range(len(names)))
