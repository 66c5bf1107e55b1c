"""multical's calibration.json: lenses by name, and places by name or against another camera, in metres.

camera_poses holds "name" (x_cam = R x + T) or "a_to_b": by the tool's own export, a's coordinates from b's.

Source: multical, multical/io/export_calib.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..camera import Camera
from ..distortion import Array, LensModel
from ..errors import CalibrationError
from ..rig import Rig
from .content import AnyPath, Unit, metres_of
from .json_document import load_json, write_json
from .toml_tables import make_rig
from .yaml_subset import matrix

TOOL = "multical"
MODELS: dict[str, LensModel] = {
    "standard": "pinhole",
    "rational": "pinhole",
    "thin_prism": "pinhole",
    "tilted": "pinhole",
    "fisheye": "fisheye",
}


def recognises(content: bytes) -> bool:
    """Whether a file's content is one."""
    return b'"camera_poses"' in content and b'"image_size"' in content


def read(path: AnyPath, *, unit: Unit | None = None) -> Rig:
    """Read the cameras in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: a field is missing or malformed, or a camera cannot be placed.
    """
    document, metres = load_json(path), metres_of(unit or "m")
    lenses, entries = document.get("cameras"), document.get("camera_poses")
    if not isinstance(lenses, dict) or not isinstance(entries, dict):
        raise CalibrationError(f"{path} has no cameras or no camera_poses; export it after the extrinsics, too")
    poses = _poses(entries, path)
    missing = [name for name in lenses if name not in poses]
    if missing:
        raise CalibrationError(
            f"{path}: {', '.join(missing)} has no pose that leads to the others'; calibrate it again"
        )
    return make_rig([_camera(entry, name, poses[name], path, metres) for name, entry in lenses.items()], path)


def _poses(entries: dict[str, Any], path: AnyPath) -> dict[str, Array]:
    """Every camera's [4, 4] from the world, following relative poses."""
    poses: dict[str, Array] = {}
    relative: list[tuple[str, str, Array]] = []
    for key, entry in entries.items():
        where = f"{path}: camera_poses {key}"
        if not isinstance(entry, dict):
            raise CalibrationError(f"{where} must hold R and T")
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = matrix(entry.get("R"), (3, 3), where), matrix(entry.get("T"), (3,), where)
        if "_to_" in key:
            a, b = key.split("_to_", 1)
            relative += [(a, b, pose), (b, a, np.asarray(np.linalg.inv(pose)))]
        else:
            poses[key] = pose
    for _ in relative:
        for a, b, pose in relative:
            if b in poses and a not in poses:
                poses[a] = pose @ poses[b]
    return poses


def _camera(entry: dict[str, Any], name: str, pose: Array, path: AnyPath, metres: float) -> Camera:
    """One camera."""
    where = f"{path}: camera {name}"
    word = str(entry.get("model", "standard"))
    if word not in MODELS:
        raise CalibrationError(f"{where}: model must be one of {', '.join(MODELS)}, got {word!r}")
    width, height = matrix(entry.get("image_size"), (2,), f"{where}: image_size").astype(int).tolist()
    K, dist = matrix(entry.get("K"), (3, 3), f"{where}: K"), matrix(entry.get("dist"), (-1,), f"{where}: dist")
    try:
        return Camera(name, K, dist, pose[:3, :3], pose[:3, 3] * metres, (width, height), MODELS[word])
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write lenses and places by name.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    lenses, poses = {}, {}
    for camera in rig:
        words = {0: "standard", 4: "standard", 5: "standard", 8: "rational", 12: "thin_prism", 14: "tilted"}
        model = "fisheye" if camera.model == "fisheye" else words[len(camera.dist)]
        dist = camera.dist if len(camera.dist) else np.zeros(5)
        lens = {"image_size": list(camera.size), "K": camera.K.tolist(), "dist": [dist.tolist()]}
        lenses[camera.name] = {"model": model, **lens}
        poses[camera.name] = {"R": camera.R.tolist(), "T": camera.t.tolist()}
    return write_json({"cameras": lenses, "camera_poses": poses}, path, overwrite=overwrite)
