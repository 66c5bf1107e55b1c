"""Kalibr's camchain YAML: pinhole cameras with radtan or equidistant lenses, each placed against the one before.

T_cn_cnm1 takes the previous camera's coordinates to this one's, in metres; the world is the first camera. Cameras are
called by the first part of their rostopic, or cam0, cam1 ….

Source: Kalibr's wiki, yaml-formats.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_file import atomic_file
from ..camera import Camera
from ..distortion import LensModel
from ..errors import CalibrationError
from ..rig import Rig
from .content import AnyPath, Unit, metres_of, read_content
from .toml_tables import make_rig, natural_order
from .yaml_subset import matrix, parse_yaml

TOOL = "Kalibr"
LENSES: dict[str, LensModel] = {"radtan": "pinhole", "equidistant": "fisheye", "none": "pinhole"}


def recognises(content: bytes) -> bool:
    """Whether a file's content is one."""
    return b"camera_model:" in content and b"distortion_coeffs:" in content


def read(path: AnyPath, *, unit: Unit | None = None) -> Rig:
    """Read the chain.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: a field is missing or malformed, or a camera is not a pinhole with one of these lenses.
    """
    document, metres = parse_yaml(read_content(path), path), metres_of(unit or "m")
    keys = sorted((key for key, table in document.items() if isinstance(table, dict)), key=natural_order)
    cameras, pose = [], np.eye(4)
    for i, key in enumerate(keys):
        table, where = document[key], f"{path}: camera {key}"
        if i:
            pose = matrix(table.get("T_cn_cnm1"), (4, 4), f"{where}: T_cn_cnm1") @ pose
        cameras.append(_camera(table, key, pose, where, metres))
    return make_rig(cameras, path)


def _camera(table: dict[str, Any], key: str, pose: Any, where: str, metres: float) -> Camera:
    """One camera."""
    word = str(table.get("distortion_model"))
    if table.get("camera_model") != "pinhole" or word not in LENSES:
        raise CalibrationError(
            f"{where} is {table.get('camera_model')} with a {word} lens; lift3d reads pinhole with {', '.join(LENSES)}"
        )
    fx, fy, cx, cy = matrix(table.get("intrinsics"), (4,), f"{where}: intrinsics")
    dist = (
        np.zeros(0) if word == "none" else matrix(table.get("distortion_coeffs"), (4,), f"{where}: distortion_coeffs")
    )
    width, height = matrix(table.get("resolution"), (2,), f"{where}: resolution").astype(int).tolist()
    topic = str(table.get("rostopic") or "").strip("/").split("/")[0]
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    try:
        return Camera(topic or key, K, dist, pose[:3, :3], pose[:3, 3] * metres, (width, height), LENSES[word])
    except CalibrationError as error:
        raise CalibrationError(f"{where}: {error}") from None


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write the chain; the world becomes the first camera.

    Raises:
        CalibrationError: a pinhole has more coefficients than radtan's four.
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    lines: list[str] = []
    before = None
    for i, camera in enumerate(rig):
        if camera.dist[4:].any():
            raise CalibrationError(f"camera {camera.name}: {TOOL} holds 4 distortion coefficients; fit a lens with 4")
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = camera.R, camera.t
        lines += [f"cam{i}:", "  camera_model: pinhole"]
        lines.append(f"  distortion_model: {'equidistant' if camera.model == 'fisheye' else 'radtan'}")
        lines.append(f"  intrinsics: {[*camera.focal.tolist(), *camera.principal_point.tolist()]}")
        lines.append(f"  distortion_coeffs: {np.concatenate([camera.dist, np.zeros(4)])[:4].tolist()}")
        lines += [f"  resolution: {list(camera.size)}", f"  rostopic: /{camera.name}/image_raw"]
        if before is not None:
            lines += ["  T_cn_cnm1:", *(f"  - {row}" for row in (pose @ np.linalg.inv(before)).tolist())]
        before = pose
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Path(path)
