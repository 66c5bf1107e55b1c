"""VoxelPose's calibration_shelf.json and calibration_campus.json: millimetres, and T is the camera's centre.

{"0": {"R": 3x3, "T": 3, "fx", "fy", "cx", "cy", "k": 3, "p": 2}}, x_cam = R (x - T). The size is not in the file.

Source: VoxelPose, lib/dataset/shelf.py and lib/utils/cameras.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..camera import Camera
from ..errors import CalibrationError
from ..rig import Rig
from .content import AnyPath, Unit, metres_of
from .json_document import load_json, write_json
from .toml_tables import make_rig, natural_order, refuse_fisheye
from .yaml_subset import matrix

TOOL = "VoxelPose"


def recognises(content: bytes) -> bool:
    """Whether a file's content is one."""
    return content.lstrip()[:1] == b"{" and all(word in content for word in (b'"fx"', b'"cx"', b'"T"', b'"k"', b'"p"'))


def read(path: AnyPath, *, unit: Unit | None = None, size: tuple[int, int] | None = None) -> Rig:
    """Read the cameras, called by their keys.

    Args:
        path: the file.
        unit: what the lengths are in, if not millimetres.
        size: (width, height) of the pictures; the file does not say.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: a field is missing or malformed, or no size was given.
    """
    if size is None:
        raise CalibrationError(f"{path}: the file does not say how large the pictures are; give --size WIDTH HEIGHT")
    document, metres = load_json(path), metres_of(unit or "mm")
    keys = sorted((key for key, entry in document.items() if isinstance(entry, dict)), key=natural_order)
    return make_rig([_camera(document[key], key, path, size, metres) for key in keys], path)


def _camera(entry: dict[str, Any], key: str, path: AnyPath, size: tuple[int, int], metres: float) -> Camera:
    """One camera."""
    where = f"{path}: camera {key}"
    fx, fy, cx, cy = matrix([entry.get(name) for name in ("fx", "fy", "cx", "cy")], (4,), f"{where}: fx, fy, cx, cy")
    k, p = matrix(entry.get("k"), (3,), f"{where}: k"), matrix(entry.get("p"), (2,), f"{where}: p")
    R = matrix(entry.get("R"), (3, 3), f"{where}: R")
    center = matrix(entry.get("T"), (3,), f"{where}: T") * metres
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    try:
        return Camera(key, K, np.array([k[0], k[1], p[0], p[1], k[2]]), R, -R @ center, size)
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write in millimetres; the pictures' size is lost.

    Raises:
        CalibrationError: a lens is a fisheye or has more than five coefficients.
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    refuse_fisheye(rig, TOOL)
    document = {}
    for camera in rig:
        if camera.dist[5:].any():
            raise CalibrationError(f"camera {camera.name}: {TOOL} holds 5 distortion coefficients; fit a lens with 5")
        k1, k2, p1, p2, k3 = np.concatenate([camera.dist, np.zeros(5)])[:5].tolist()
        (fx, fy), (cx, cy) = camera.focal.tolist(), camera.principal_point.tolist()
        center = (1000 * camera.center).reshape(3, 1).tolist()
        lens = {"fx": fx, "fy": fy, "cx": cx, "cy": cy, "k": [k1, k2, k3], "p": [p1, p2]}
        document[camera.name] = {"R": camera.R.tolist(), "T": center, **lens}
    return write_json(document, path, overwrite=overwrite)
