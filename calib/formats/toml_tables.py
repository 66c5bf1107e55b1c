"""The camera table that Pose2Sim, aniposelib, FreeMoCap and Caliscope all write, each with its own twist.

Fields: size [w, h], matrix 3x3, distortions in OpenCV's order, rotation (world to camera: vector, in old files a
3x3 matrix), translation, and fisheye (absent: false).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_file import atomic_file
from ..camera import Camera
from ..distortion import Array
from ..errors import CalibrationError
from ..rig import Rig
from ..rotation import rotation_matrix, rotation_vector
from .content import AnyPath, read_content

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Table = Mapping[str, Any]

NOT_CAMERAS = ("metadata", "capture_volume", "charuco", "checkerboard")  # tables that Pose2Sim skips, too
FIELDS = ("size", "matrix", "distortions", "rotation", "translation")
COEFFICIENTS = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4", "tau_x", "tau_y")


def load_toml(path: AnyPath) -> dict[str, Any]:
    """A TOML file as a dictionary.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: it is empty, unreadable, or not TOML.
    """
    return parse_toml(read_content(path), path)


def parse_toml(content: bytes, path: AnyPath) -> dict[str, Any]:
    """The same from bytes; ``path`` is for messages.

    Raises:
        CalibrationError: not TOML.
    """
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CalibrationError(f"{path} is not TOML, or was cut short ({reason}); export it again") from None


def looks_like_camera(table: object) -> bool:
    """Whether a table holds at least two of the fields that make a camera."""
    return isinstance(table, dict) and sum(field in table for field in FIELDS) >= 2


def camera_tables(document: Table) -> dict[str, Table]:
    """The tables that stand for cameras in a file that has one table a camera, in the file's order."""
    return {key: table for key, table in document.items() if isinstance(table, dict) and key not in NOT_CAMERAS}


def natural_order(name: str) -> list[tuple[bool, int, str]]:
    """A key to sort by that puts cam_2 before cam_10."""
    parts = (part for part in re.split(r"(\d+)", name) if part)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def text_field(table: Table, *fields: str, default: str) -> str:
    """The first of the fields that holds text."""
    return next((table[field] for field in fields if isinstance(table.get(field), str) and table[field]), default)


def read_camera(table: Table, name: str, *, path: AnyPath, metres: float) -> Camera:
    """One camera table.

    Args:
        table: the fields that the module names.
        name: what to call the camera.
        path: the file, for messages.
        metres: what a unit of ``translation`` is in metres.

    Raises:
        CalibrationError: a field is missing, misshapen, not finite, or impossible.
    """
    where = f"{path}: camera {name}"
    if "size" not in table and "image_size" in table:  # early FreeMoCap
        table = {**table, "size": table["image_size"]}
    size = _numbers(table, "size", ((2,),), where)
    K = _numbers(table, "matrix", ((3, 3),), where)
    dist = _numbers(table, "distortions", ((-1,), (1, -1), (-1, 1)), where).ravel()
    rotation = _numbers(table, "rotation", ((3,), (3, 1), (1, 3), (3, 3)), where)
    t = _numbers(table, "translation", ((3,), (3, 1), (1, 3)), where).ravel()
    fisheye = table.get("fisheye", False)
    if not isinstance(fisheye, bool):
        raise CalibrationError(f"{where}: fisheye must be true or false, got {fisheye!r}")
    try:
        return Camera(
            name=name,
            K=K,
            dist=dist,
            R=rotation if rotation.shape == (3, 3) else rotation_matrix(rotation.ravel()),
            t=t * metres,
            size=(size[0], size[1]),
            model="fisheye" if fisheye else "pinhole",
        )
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None


def _numbers(table: Table, field: str, shapes: Iterable[tuple[int, ...]], where: str) -> Array:
    """A field as finite numbers of one of the shapes (-1: any length)."""
    shapes = tuple(shapes)
    wanted = " or ".join("x".join("n" if side < 0 else str(side) for side in shape) for shape in shapes)
    value = table.get(field)
    if value is None or value == "null":  # Caliscope once wrote missing values as that word
        raise CalibrationError(f"{where} has no {field}; a calibrated camera has {', '.join(FIELDS)}")
    try:
        numbers = np.asarray(value)
    except ValueError:  # ragged rows
        raise CalibrationError(f"{where}: {field} must be {wanted} numbers, got rows of different length") from None
    if numbers.dtype.kind not in "iuf":
        raise CalibrationError(f"{where}: {field} must be {wanted} numbers, got {str(value)[:40]!r}")
    if not any(_fits(numbers.shape, shape) for shape in shapes):
        found = "x".join(map(str, numbers.shape)) or "a single number"
        raise CalibrationError(f"{where}: {field} must be {wanted} numbers, got {found}")
    if not np.isfinite(numbers.astype(np.float64)).all():
        raise CalibrationError(f"{where}: {field} holds a value that is not finite")
    return numbers.astype(np.float64)


def _fits(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a shape is the wanted one, where -1 is any length."""
    return len(found) == len(wanted) and all(b in (-1, a) for a, b in zip(found, wanted, strict=True))


def make_rig(cameras: Iterable[Camera], path: AnyPath) -> Rig:
    """The cameras of a file.

    Raises:
        CalibrationError: there are none, two have one name, or all stand in one place.
    """
    cameras = tuple(cameras)
    if not cameras:
        raise CalibrationError(f"{path} holds no camera; export the calibration again")
    if len(cameras) > 1 and not any(camera.t.any() for camera in cameras):
        # Pose2Sim writes such a file after its first step, the lenses.
        raise CalibrationError(f"{path}: all cameras stand at the origin; calibrate where they stand, too")
    try:
        return Rig(cameras)
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None


def camera_table(camera: Camera, *, coefficients: int, tool: str, metres: float = 1.0) -> dict[str, Any]:
    """The fields that all formats share, as their readers want them.

    Args:
        camera: what to write.
        coefficients: how many distortion coefficients the format holds.
        tool: its name, for messages.
        metres: what a unit of ``translation`` is in metres.

    Raises:
        CalibrationError: the lens has more coefficients than that.
    """
    named = dict(zip(COEFFICIENTS, camera.dist.tolist(), strict=False))
    beyond = [f"{name} = {named[name]:g}" for name in COEFFICIENTS[coefficients:] if named.get(name)]
    if beyond:  # a fisheye's four fit everywhere
        raise CalibrationError(
            f"camera {camera.name}: {tool} holds {coefficients} distortion coefficients and would lose "
            f"{', '.join(beyond)}; fit a lens with {coefficients}, or write another format"
        )
    dist = [*camera.dist.tolist(), *[0.0] * coefficients]
    return {
        "name": camera.name,
        "size": list(camera.size),
        "matrix": camera.K.tolist(),
        "distortions": dist[: 4 if camera.model == "fisheye" else coefficients],
        "rotation": rotation_vector(camera.R).tolist(),
        "translation": (camera.t / metres).tolist(),
    }


def refuse_fisheye(rig: Rig, tool: str) -> None:
    """For tools whose reader takes every lens for a pinhole."""
    for camera in rig:
        if camera.model == "fisheye":
            raise CalibrationError(
                f"camera {camera.name}: {tool} would read its fisheye lens as a pinhole; write anipose or caliscope"
            )


def write_toml(document: Table, path: AnyPath, *, overwrite: bool) -> Path:
    """Write a TOML file whole or not at all.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    import tomli_w

    path = Path(path)
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(tomli_w.dumps(document), encoding="utf-8", newline="\n")
    return path
