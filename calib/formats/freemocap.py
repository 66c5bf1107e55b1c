"""FreeMoCap's calibration TOML: aniposelib's tables in millimetres, with id, index, world_position, world_orientation.

Old files lack these and may say image_size; their metadata then tell of the ChArUco board.

Source: FreeMoCap, calibration_toml.py (2026) and anipose_camera_calibrator.py (before).
"""

from __future__ import annotations

from pathlib import Path

from ..errors import CalibrationError
from ..rig import Rig
from .content import AnyPath, Unit, metres_of
from .toml_tables import (
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

TOOL = "FreeMoCap"
COEFFICIENTS = 4  # its files have five, its reader forgets k3
OWN_FIELDS = ("id", "index", "world_position", "world_orientation")
OWN_METADATA = ("board", "charuco_square_size", "charuco_board_object", "path_to_recorded_videos")


def recognises(document: Table) -> bool:
    """Whether a TOML document is one, by its own camera fields or metadata; the size of the numbers proves nothing."""
    cameras = [table for table in camera_tables(document).values() if looks_like_camera(table)]
    metadata = document.get("metadata")
    told = isinstance(metadata, dict) and any(field in metadata for field in OWN_METADATA)
    return bool(cameras) and (told or any(field in table for table in cameras for field in OWN_FIELDS))


def read(path: AnyPath, *, unit: Unit | None = None) -> Rig:
    """Read the cameras in the file's order.

    Args:
        path: the file.
        unit: what its lengths are in, if not millimetres.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is not such a file, or a camera in it is malformed.
    """
    metres = metres_of(unit or "mm")
    tables = camera_tables(load_toml(path))
    return make_rig(
        (
            read_camera(table, text_field(table, "id", "name", default=key), path=path, metres=metres)
            for key, table in tables.items()
        ),
        path,
    )


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write a file that FreeMoCap reads, in millimetres.

    Raises:
        CalibrationError: a lens has more than four coefficients or is a fisheye, or a camera is called "metadata".
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    refuse_fisheye(rig, TOOL)
    metres = metres_of("mm")
    document: dict[str, object] = {}
    for index, camera in enumerate(rig):
        if camera.name == "metadata":
            raise CalibrationError(f"camera {camera.name}: {TOOL} keeps that name for itself; rename the camera")
        table = camera_table(camera, coefficients=COEFFICIENTS, tool=TOOL, metres=metres)
        document[camera.name] = {
            **table,
            "id": camera.name,
            "index": index,
            "distortions": [*table["distortions"], 0.0],
            "world_orientation": camera.R.T.tolist(),
            "world_position": (camera.center / metres).tolist(),
        }
    return write_toml(document, path, overwrite=overwrite)
