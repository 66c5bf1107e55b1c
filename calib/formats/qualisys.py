"""Qualisys Track Manager's exported calibration (``.qca.txt``, XML): read only.

Focal lengths and principal points stand in 1/64 pixels of the whole sensor, the field of view in pixels with both
ends in it. Distortion is as written, in OpenCV's order and sense: checkerboards filmed by four such cameras confirm
k1 and k2 to their own accuracy. radialDistortion3, zero in the files seen, is taken for k3. Positions are millimetres.

Source: a Miqus calibration; Pose2Sim's issues 31, 200, 212 and 232 on what other systems write.
"""

from __future__ import annotations

import logging
from xml.etree import ElementTree

import numpy as np

from ..camera import Camera
from ..distortion import Array
from ..errors import CalibrationError
from ..rig import Rig
from .content import AnyPath, Unit, metres_of, read_content
from .toml_tables import make_rig

SUBPIXELS = 64.0
FILMING_MODELS = ("video", "hybrid", "none")  # the others track markers
PINHOLE = "focalLengthU focalLengthV centerPointU centerPointV"
LENS = "radialDistortion1 radialDistortion2 tangentalDistortion1 tangentalDistortion2"
TURNED = np.diag([1.0, -1.0, -1.0])  # Qualisys' camera axes: y up, z backward

logger = logging.getLogger(__name__)


def recognises(content: bytes) -> bool:
    """Whether a file's content is one."""
    return looks_like_xml(content) and b"<camera" in content and b"focalLengthU" in content


def looks_like_xml(content: bytes) -> bool:
    """Whether it begins with a tag."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def read(path: AnyPath, *, unit: Unit | None = None) -> Rig:
    """Read the cameras that film video, in the file's order, called by their serial.

    Args:
        path: the file.
        unit: what its lengths are in, if not millimetres.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is not such a file, or a camera in it is malformed.
    """
    root = _parse(read_content(path), path)
    metres = metres_of(unit or "mm")
    entries = root.findall("cameras/camera")
    filming = [entry for entry in entries if any(m in entry.get("model", "none").lower() for m in FILMING_MODELS)]
    if entries and not filming:
        models = ", ".join(sorted({entry.get("model", "") for entry in entries}))
        raise CalibrationError(f"{path}: none of its {len(entries)} cameras films video (models: {models})")
    return make_rig((_camera(entry, i, path, metres) for i, entry in enumerate(filming)), path)


class _DoctypeError(ValueError):
    """A document type stands in the file."""


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses document types: entities are declared there, and a few of them expand to gigabytes."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """The parser calls this before it reads the declarations."""
        raise _DoctypeError(name)


def _parse(content: bytes, path: AnyPath) -> ElementTree.Element:
    """The root of the file."""
    parser = ElementTree.XMLParser(target=_NoDoctype())
    try:
        root: ElementTree.Element = ElementTree.fromstring(content, parser)
    except _DoctypeError:
        raise CalibrationError(f"{path} declares a document type, which Qualisys never does; it is not read") from None
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise CalibrationError(f"{path} is not XML, or was cut short ({error}); export it again") from None
    if root.tag != "calibration":
        raise CalibrationError(f"{path} is XML, but not a Qualisys calibration: it begins with <{root.tag}>")
    return root


def _camera(entry: ElementTree.Element, index: int, path: AnyPath, metres: float) -> Camera:
    """One <camera>."""
    name = entry.get("serial", "").strip()
    if not name:
        raise CalibrationError(f"{path}: video camera {index + 1} has no serial")
    where = f"{path}: camera {name}"
    left, right, top, bottom = _attributes(entry, "fov_video", "left right top bottom", where)
    fx, fy, cx, cy = _attributes(entry, "intrinsic", PINHOLE, where) / SUBPIXELS
    dist = _attributes(entry, "intrinsic", LENS, where)
    k3, skew = _attributes(entry, "intrinsic", "radialDistortion3 skew", where, default="0")
    if skew:
        raise CalibrationError(f"{where}: skew is {skew:g}; lift3d's cameras have none")
    R = TURNED @ _attributes(entry, "transform", "r11 r12 r13 r21 r22 r23 r31 r32 r33", where).reshape(3, 3)
    center = _attributes(entry, "transform", "x y z", where) * metres
    binned = _binning(entry, bottom - top + 1, where)
    cx, cy = (cx - left + 0.5) / binned - 0.5, (cy - top + 0.5) / binned - 0.5  # 0 is the middle of a pixel
    try:
        return Camera(
            name=name,
            K=np.array([[fx / binned, 0, cx], [0, fy / binned, cy], [0, 0, 1]]),
            dist=np.array([*dist, k3]),
            R=R,
            t=-R @ center,
            size=((right - left + 1) // binned, (bottom - top + 1) // binned),
        )
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None


def _attributes(entry: ElementTree.Element, tag: str, names: str, where: str, *, default: str | None = None) -> Array:
    """The attributes of a child with these names (words) as finite numbers."""
    child = entry.find(tag)
    if child is None:
        raise CalibrationError(f"{where} has no {tag}; is it calibrated?")
    values = []
    for attribute in names.split():
        text = child.get(attribute, default)
        if text is None:
            raise CalibrationError(f"{where} has no {attribute} in its {tag}")
        try:
            values.append(float(text))
        except ValueError:
            raise CalibrationError(f"{where}: {attribute} must be a number, got {text[:40]!r}") from None
        if not np.isfinite(values[-1]):
            raise CalibrationError(f"{where}: {attribute} is {text}")
    return np.array(values)


def _binning(entry: ElementTree.Element, lines: float, where: str) -> int:
    """How many sensor pixels make one of the video's; says so where files of that kind were never seen."""
    turned = entry.get("viewrotation", "0")
    if turned not in ("0", ""):
        logger.warning("%s is shown turned by %s degrees in QTM; its video may be, too", where, turned)
    resolution = entry.get("video_resolution", "1080p")
    if resolution == "540p" and lines > 540:
        logger.warning("%s films in 540p: two by two pixels of the calibration are taken for one of the video", where)
        return 2
    if resolution not in ("1080p", "N/A", ""):
        logger.warning("%s films in %s, a resolution this reader was not tested with", where, resolution)
    return 1
