"""OpenCap's cameraIntrinsicsExtrinsics.pickle: read only, one file a camera in folders Cam0, Cam1 …, millimetres.

Only NumPy's arrays and plain values are let through (:mod:`lift3d.calib.plain_pickle`). The file's world is the
vertical board; here it is turned to z up: (x, y, z) of the file is (-x, -z, -y) here, as Pose2Sim turns it.

Source: OpenCap, opencap-core; Pose2Sim, calibration.py.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..camera import Camera
from ..errors import CalibrationError, InputError
from ..plain_pickle import load_plain
from ..rig import Rig
from .content import AnyPath, Unit, metres_of, read_content
from .toml_tables import make_rig, natural_order
from .yaml_subset import matrix

WORLD_FROM_FILE = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])


def recognises(content: bytes) -> bool:
    """Whether a file's content is one."""
    return content[:1] == b"\x80" and b"intrinsicMat" in content and b"imageSize" in content


def read(path: AnyPath, *, unit: Unit | None = None) -> Rig:
    """Read the file and those of the same name in the folders beside its own, each camera called by its folder.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is not such a file, holds more than arrays, or a camera is malformed.
    """
    path = Path(path)
    read_content(path)
    files = sorted(path.resolve().parent.parent.glob(f"*/{path.name}"), key=lambda file: natural_order(str(file)))
    metres = metres_of(unit or "mm")
    return make_rig([_camera(file, metres) for file in files or [path]], path)


def _camera(path: Path, metres: float) -> Camera:
    """One file."""
    try:
        table = load_plain(io.BytesIO(read_content(path)), str(path))
    except InputError as error:
        raise CalibrationError(str(error)) from None
    if not isinstance(table, dict):
        raise CalibrationError(f"{path} must hold a dictionary, got {type(table).__name__}")
    R = matrix(table.get("rotation"), (3, 3), f"{path}: rotation") @ WORLD_FROM_FILE.T
    t = matrix(table.get("translation"), (3,), f"{path}: translation") * metres
    height, width = matrix(table.get("imageSize"), (2,), f"{path}: imageSize").astype(int).tolist()
    K = matrix(table.get("intrinsicMat"), (3, 3), f"{path}: intrinsicMat")
    dist = matrix(table.get("distortion"), (-1,), f"{path}: distortion")
    try:
        return Camera(path.resolve().parent.name, K, dist, R, t, (width, height))
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None
