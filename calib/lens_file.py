"""Lenses without a place: the file that calibrating intrinsics writes, and the lenses out of any calibration file.

The file is TOML, one table a camera with the fields that Pose2Sim, aniposelib and Caliscope use (name, size, matrix,
distortions, fisheye) and, beside them, ``sigma`` (the standard deviations), ``fixed`` and the errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .camera import Camera
from .errors import CalibrationError
from .formats import read_rig
from .formats.content import AnyPath, read_content
from .formats.toml_tables import camera_table, camera_tables, looks_like_camera, parse_toml, read_camera, write_toml
from .intrinsics import Intrinsics

TOOL = "a lens file"
ALL_COEFFICIENTS = 14


def write_lenses(lenses: Sequence[Intrinsics], path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write what calibrating intrinsics found.

    Args:
        lenses: one a camera.
        path: where to.
        overwrite: replace a file that is there.

    Raises:
        CalibrationError: two cameras share a name.
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    document: dict[str, Any] = {}
    for lens in lenses:
        name = lens.camera.name
        if name in document:
            raise CalibrationError(f"two cameras are called {name}; names must differ")
        table = camera_table(lens.camera, coefficients=ALL_COEFFICIENTS, tool=TOOL)
        table["distortions"] = lens.camera.dist.tolist()
        document[name] = {
            **table,
            "fisheye": lens.camera.model == "fisheye",
            "corners": lens.views.corners,
            "sigma": dict(zip(lens.names, lens.sigma.round(6).tolist(), strict=True)),
            "fixed": lens.fixed,
            "rms": round(lens.rms, 4),
            "held_out_rms": round(lens.held_out_rms, 4),
            "frames": len(lens.views),
        }
    return write_toml(document, path, overwrite=overwrite)


def read_lenses(path: AnyPath) -> dict[str, Camera]:
    """The lenses of a file of :func:`write_lenses` or of any calibration, by name; every camera at the origin.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it holds no lens, or a damaged one.
    """
    content = read_content(path)
    if b"[" in content and b"matrix" in content and not content.lstrip().startswith((b"<", b"{", b"%")):
        document = parse_toml(content, path)
        nested = document.get("cameras")
        tables = (
            {f"cam_{key}": table for key, table in nested.items()}
            if isinstance(nested, dict)
            else camera_tables(document)
        )
        found = {key: table for key, table in tables.items() if looks_like_camera(table)}
        if found:
            origin = {"rotation": [0.0, 0.0, 0.0], "translation": [0.0, 0.0, 0.0]}
            cameras = [
                read_camera({**table, **origin}, str(table.get("name") or key), path=path, metres=1.0)
                for key, table in found.items()
            ]
            return {camera.name: camera for camera in cameras}
    return {camera.name: replace(camera, R=np.eye(3), t=np.zeros(3)) for camera in read_rig(path)}
