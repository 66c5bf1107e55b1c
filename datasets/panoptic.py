"""CMU Panoptic: its calibration and its 3D poses, in metres with Z up.

Convention:
    Panoptic's world is in centimetres with Y pointing down; here (x, y, z) becomes (x, z, -y) / 100.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import CalibrationError, Camera, InputError, Rig

Array = NDArray[np.float64]

Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
CENTIMETRE = 0.01


def read_panoptic_rig(path: str | os.PathLike[str], kind: str = "hd") -> Rig:
    """The cameras of one kind.

    Args:
        path: ``calibration_<sequence>.json``.
        kind: "hd", "vga" or "kinect-color".

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not such a file, or has no camera of that kind.
    """
    content = _json(Path(path))
    cameras = [_camera(entry) for entry in content["cameras"] if entry.get("type") == kind]
    if not cameras:
        kinds = sorted({str(entry.get("type")) for entry in content["cameras"]})
        raise InputError(f"{path} has no camera of type {kind}; there are {', '.join(kinds)}")
    return Rig(tuple(cameras))


def read_panoptic_poses(path: str | os.PathLike[str]) -> tuple[Array, NDArray[np.int64]]:
    """One person's poses.

    Args:
        path: an npz file with ``poses`` [T, 19, 3] in centimetres and ``frames`` [T].

    Returns:
        xyz [T, 19, 3] metres, world, Z up, the joints of ``panoptic_19``; frame numbers [T].

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not such a file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give Panoptic's poses as npz")
    try:
        with np.load(path) as file:
            poses, frames = file["poses"], file["frames"]
    except (ValueError, KeyError, OSError) as error:
        raise InputError(f"{path} holds no poses and frames ({error}); give Panoptic's poses as npz") from error
    if poses.ndim != 3 or poses.shape[1:] != (19, 3):
        raise InputError(f"{path}: poses are {list(poses.shape)}, wanted [T, 19, 3]")
    return poses @ Z_UP.T * CENTIMETRE, frames.astype(np.int64)


def _json(path: Path) -> dict[str, Any]:
    """The calibration's content."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give Panoptic's calibration_<sequence>.json")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); give Panoptic's calibration_<sequence>.json") from error
    if not isinstance(content, dict) or not isinstance(content.get("cameras"), list):
        raise InputError(f"{path} has no list of cameras; give Panoptic's calibration_<sequence>.json")
    return content


def _camera(entry: dict[str, Any]) -> Camera:
    """One camera."""
    try:
        return Camera(
            name=str(entry["name"]),
            K=entry["K"],
            dist=entry["distCoef"],
            R=np.asarray(entry["R"], np.float64) @ Z_UP.T,
            t=np.ravel(entry["t"]) * CENTIMETRE,
            size=tuple(entry["resolution"]),
        )
    except KeyError as error:
        raise CalibrationError(f"a camera of the calibration lacks {error}; is the file whole?") from error
