"""OpenCV's and ROS' YAML of one camera's lens: image_width, image_height, camera_matrix, distortion_coefficients.

ROS adds camera_name and distortion_model (plumb_bob, rational_polynomial, equidistant: OpenCV's fisheye). There is no
place in these files: the camera stands at the origin.

Source: OpenCV's samples/cpp/calibration.cpp; ROS' camera_calibration_parsers.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_file import atomic_file
from ..camera import Camera
from ..distortion import LensModel
from ..errors import CalibrationError
from ..rig import Rig
from .content import AnyPath, Unit, read_content
from .yaml_subset import matrix, parse_yaml

MODELS: dict[str, LensModel] = {
    "plumb_bob": "pinhole",
    "rational_polynomial": "pinhole",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
}

logger = logging.getLogger(__name__)


def recognises(content: bytes) -> bool:
    """Whether a file's content is one."""
    return all(word in content for word in (b"camera_matrix:", b"distortion_coefficients:", b"data:"))


def read(path: AnyPath, *, unit: Unit | None = None) -> Rig:
    """Read the one camera, called by its camera_name or the file's.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: a field is missing or malformed, or the lens model is another.
    """
    document = parse_yaml(read_content(path), path)
    name = str(document.get("camera_name") or Path(path).stem)
    size = [
        document.get("image_width", document.get("image_Width")),
        document.get("image_height", document.get("image_Height")),
    ]
    if any(side is None for side in size):
        raise CalibrationError(f"{path} has no image_width and image_height; add them, they cannot be guessed")
    word = str(document.get("distortion_model", "fisheye" if document.get("fisheye_model") == 1 else "plumb_bob"))
    if word not in MODELS:
        raise CalibrationError(f"{path}: distortion_model must be one of {', '.join(MODELS)}, got {word!r}")
    K = matrix(document.get("camera_matrix"), (3, 3), f"{path}: camera_matrix")
    dist = matrix(document.get("distortion_coefficients"), (-1,), f"{path}: distortion_coefficients")
    try:
        camera = Camera(name, K, dist, np.eye(3), np.zeros(3), (int(size[0] or 0), int(size[1] or 0)), MODELS[word])
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None
    return Rig((camera,))


def write(rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write one camera's lens in ROS' fields, which OpenCV reads, too.

    Raises:
        CalibrationError: the rig has more than one camera.
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    if len(rig) != 1:
        raise CalibrationError(f"an OpenCV or ROS file holds one camera, the rig has {len(rig)}; write one file each")
    camera = rig[0]
    if camera.t.any() or not np.array_equal(camera.R, np.eye(3)):
        logger.warning("camera %s: OpenCV's and ROS' files hold the lens only; its place is not written", camera.name)
    word = (
        "equidistant" if camera.model == "fisheye" else "plumb_bob" if len(camera.dist) <= 5 else "rational_polynomial"
    )
    lines = [
        "%YAML:1.0",
        "---",
        f"image_width: {camera.size[0]}",
        f"image_height: {camera.size[1]}",
        f"camera_name: {camera.name}",
        f"distortion_model: {word}",
        *_matrix("camera_matrix", camera.K),
        *_matrix("distortion_coefficients", camera.dist.reshape(1, -1)),
    ]
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Path(path)


def _matrix(name: str, values: Any) -> list[str]:
    """OpenCV's matrix, in full precision."""
    numbers = ", ".join(repr(float(value)) for value in np.ravel(values))
    rows, columns = values.shape
    return [
        f"{name}: !!opencv-matrix",
        f"   rows: {rows}",
        f"   cols: {columns}",
        "   dt: d",
        f"   data: [ {numbers} ]",
    ]
