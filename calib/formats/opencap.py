"""OpenCap's cameraIntrinsicsExtrinsics.pickle: read only, one file a camera in folders Cam0, Cam1 …, millimetres.

A pickle can run programs when it is read. Only NumPy's arrays and plain values are let through here; anything else is
refused before it is made. The file's world is the vertical board; here it is turned to z up: (x, y, z) of the file is
(-x, -z, -y) here, as Pose2Sim turns it.

Source: OpenCap, opencap-core; Pose2Sim, calibration.py.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ..camera import Camera
from ..errors import CalibrationError
from ..rig import Rig
from .content import AnyPath, Unit, metres_of, read_content
from .toml_tables import make_rig, natural_order
from .yaml_subset import matrix

WORLD_FROM_FILE = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _ArraysOnly(pickle.Unpickler):
    """Refuses every name that making an array does not need."""

    def find_class(self, module: str, name: str) -> Any:
        """Only what is allowed."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(
            module.replace("numpy.core", "numpy._core") if np.__version__ >= "2" else module, name
        )


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
        table = _ArraysOnly(io.BytesIO(read_content(path))).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError, ValueError) as error:
        raise CalibrationError(f"{path} is not a pickle of plain arrays ({error}); it was not read") from None
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
