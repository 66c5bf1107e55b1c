"""CMU Panoptic Studio's calibration_*.json: centimetres, y down; here the world is turned to z up.

Turned: (x, y, z) of the file is (x, z, -y) here, as VoxelPose and others turn its people.

Source: CMU Panoptic dataset, panoptic-toolbox.
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
from .toml_tables import make_rig, refuse_fisheye
from .yaml_subset import matrix

TOOL = "CMU Panoptic"
FILE_FROM_WORLD = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # y_file = -z, z_file = y


def recognises(content: bytes) -> bool:
    """Whether a file's content is one."""
    return b'"distCoef"' in content and b'"cameras"' in content


def read(path: AnyPath, *, unit: Unit | None = None, size: tuple[int, int] | None = None) -> Rig:
    """Read all cameras in the file's order (hundreds: VGA, HD and Kinect); select what you need by name.

    Args:
        path: the file.
        unit: what the lengths are in, if not centimetres.
        size: (width, height), for files without ``resolution``.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: a field is missing or malformed.
    """
    entries = load_json(path).get("cameras")
    if not isinstance(entries, list):
        raise CalibrationError(f"{path} has no list of cameras; is it a Panoptic calibration?")
    metres = metres_of(unit or "cm")
    return make_rig([_camera(entry, path, size, metres) for entry in entries], path)


def _camera(entry: dict[str, Any], path: AnyPath, size: tuple[int, int] | None, metres: float) -> Camera:
    """One camera."""
    name = str(entry.get("name") or f"{entry.get('panel', 0):02d}_{entry.get('node', 0):02d}")
    where = f"{path}: camera {name}"
    R = matrix(entry.get("R"), (3, 3), f"{where}: R") @ FILE_FROM_WORLD
    t = matrix(entry.get("t"), (3,), f"{where}: t") * metres
    if entry.get("resolution"):
        width, height = matrix(entry["resolution"], (2,), f"{where}: resolution").astype(int).tolist()
        size = (width, height)
    if size is None:
        raise CalibrationError(f"{where} has no resolution; give --size WIDTH HEIGHT")
    K = matrix(entry.get("K"), (3, 3), f"{where}: K")
    try:
        return Camera(name, K, matrix(entry.get("distCoef"), (-1,), f"{where}: distCoef"), R, t, size)
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write in centimetres, y down.

    Raises:
        CalibrationError: a lens is a fisheye or has more than five coefficients.
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    refuse_fisheye(rig, TOOL)
    entries = []
    for camera in rig:
        if camera.dist[5:].any():
            raise CalibrationError(f"camera {camera.name}: {TOOL} holds 5 distortion coefficients; fit a lens with 5")
        entries.append(
            {
                "name": camera.name,
                "type": "hd",
                "resolution": list(camera.size),
                "K": camera.K.tolist(),
                "distCoef": np.concatenate([camera.dist, np.zeros(5)])[:5].tolist(),
                "R": (camera.R @ FILE_FROM_WORLD.T).tolist(),
                "t": (100 * camera.t).reshape(3, 1).tolist(),
            }
        )
    return write_json({"calibDataSource": "lift3d", "cameras": entries}, path, overwrite=overwrite)
