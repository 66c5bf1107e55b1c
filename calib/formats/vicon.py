"""Vicon's .xcp (XML): read only, its video cameras, millimetres.

ORIENTATION is a quaternion (x, y, z, w) from world to camera, POSITION the centre. The principal point is that of the
whole sensor; pictures that are smaller than SENSOR_SIZE are taken to be cut from its middle. The file does not say how
large pictures are. VICON_RADIAL2 (or VICON_RADIAL) holds two radial coefficients, whose unit of radius nobody has
checked here: they are read as OpenCV's k1 and k2, as Pose2Sim does, with a warning.

Source: Pose2Sim, calibration.py (its reader of these files).
"""

from __future__ import annotations

import logging
from xml.etree import ElementTree

import numpy as np

from ..camera import Camera
from ..distortion import Array
from ..errors import CalibrationError
from ..rig import Rig
from .colmap import quaternion_matrix
from .content import AnyPath, Unit, metres_of, read_content
from .toml_tables import make_rig

FILMING = "DV"

logger = logging.getLogger(__name__)


def recognises(content: bytes) -> bool:
    """Whether a file's content is one."""
    return b"FOCAL_LENGTH" in content and b"KeyFrame" in content


def read(path: AnyPath, *, unit: Unit | None = None, size: tuple[int, int] | None = None) -> Rig:
    """Read the cameras that film video, called by their DEVICEID.

    Args:
        path: the file.
        unit: what the lengths are in, if not millimetres.
        size: (width, height) of the pictures; the file does not say.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is not such a file, a camera is malformed, or no size was given.
    """
    content = read_content(path)
    if b"<!ENTITY" in content:
        raise CalibrationError(f"{path} defines XML entities, which no calibration does")
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise CalibrationError(f"{path} is not XML, or was cut short ({error}); export it again") from None
    entries = [entry for entry in root.iter("Camera") if entry.get("SYSTEM", FILMING) == FILMING]
    if not entries:
        raise CalibrationError(f"{path} has no camera that films video (SYSTEM={FILMING!r})")
    if size is None:
        raise CalibrationError(f"{path}: the file does not say how large the pictures are; give --size WIDTH HEIGHT")
    metres = metres_of(unit or "mm")
    return make_rig([_camera(entry, path, size, metres) for entry in entries], path)


def _camera(entry: ElementTree.Element, path: AnyPath, size: tuple[int, int], metres: float) -> Camera:
    """One camera, by its first key frame."""
    name = entry.get("DEVICEID", "?")
    where = f"{path}: camera {name}"
    frame = entry.find("KeyFrames/KeyFrame")
    if frame is None:
        raise CalibrationError(f"{where} has no KeyFrame; calibrate it in Vicon")
    fx = _numbers(frame.get("FOCAL_LENGTH"), 1, f"{where}: FOCAL_LENGTH")[0]
    aspect = _numbers(entry.get("PIXEL_ASPECT_RATIO", "1"), 1, f"{where}: PIXEL_ASPECT_RATIO")[0]
    sensor = _numbers(entry.get("SENSOR_SIZE"), 2, f"{where}: SENSOR_SIZE")
    cx, cy = _numbers(frame.get("PRINCIPAL_POINT"), 2, f"{where}: PRINCIPAL_POINT") - (sensor - np.array(size)) / 2
    R = quaternion_matrix(_numbers(frame.get("ORIENTATION"), 4, f"{where}: ORIENTATION"))
    center = _numbers(frame.get("POSITION"), 3, f"{where}: POSITION") * metres
    K = np.array([[fx, 0, cx], [0, fx / aspect, cy], [0, 0, 1]])
    try:
        return Camera(name, K, _radial(frame, where), R, -R @ center, size)
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None


def _radial(frame: ElementTree.Element, where: str) -> Array:
    """k1, k2 and two zeros."""
    words = (frame.get("VICON_RADIAL2") or "").split()[3:5] or (frame.get("VICON_RADIAL") or "").split()[:2]
    if not words:
        return np.zeros(4)
    k = _numbers(" ".join(words), 2, f"{where}: VICON_RADIAL2")
    if k.any():
        logger.warning("%s: radial distortion is read as OpenCV's k1, k2, which nobody has checked", where)
    return np.array([k[0], k[1], 0.0, 0.0])


def _numbers(text: str | None, count: int, where: str) -> Array:
    """So many finite numbers."""
    try:
        numbers = np.array([float(word) for word in (text or "").split()])
    except ValueError:
        numbers = np.zeros(0)
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise CalibrationError(f"{where} must be {count} numbers, got {str(text)[:40]!r}")
    return numbers
