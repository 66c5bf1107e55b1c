"""``capture.toml``: what a capture folder cannot tell by itself. The keys are documented in docs/capture.md."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast, get_args

from lift3d.calib import InputError
from lift3d.calib.formats import Unit

from .keypoint_formats.joint_set import named_joint_set
from .skeleton import Skeleton, skeleton_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_NAME = "capture.toml"
MAX_DRIFT_PPM = 10_000.0


@dataclass(frozen=True)
class CameraSettings:
    """One camera's table: xy_calibration = xy_keypoints * scale + crop; frame_capture = frame_file * rate + offset.

    Args:
        keypoints: the folder or view of its keypoints; None: by name.
        video: its video file; None: by name.
        offset: frames of the capture to add to its frame numbers; a fraction is interpolated.
        crop: (x, y) pixels.
        scale: (x, y) factors.
        drift_ppm: parts in a million by which its frames last longer than the capture's.
        fps: its own frames a second; None: the capture's.
    """

    keypoints: str | None = None
    video: str | None = None
    offset: float = 0.0
    crop: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    drift_ppm: float = 0.0
    fps: float | None = None

    @property
    def moves_pixels(self) -> bool:
        """Whether keypoints are not in the calibration's pixels as they are."""
        return self.crop != (0.0, 0.0) or self.scale != (1.0, 1.0)


@dataclass(frozen=True)
class CaptureSettings:
    """The whole file; what it does not say is None or empty.

    Args:
        fps: frames a second.
        calibration: path, relative to the capture's folder.
        keypoints: path, relative to the capture's folder.
        skeleton: the joint set of the keypoints.
        unit: the unit of the calibration's lengths, as :func:`lift3d.calib.formats.read_rig` takes it.
        exclude: cameras to leave out.
        cameras: camera of the calibration to its settings.
    """

    fps: float | None = None
    calibration: str | None = None
    keypoints: str | None = None
    skeleton: Skeleton | None = None
    unit: Unit | None = None
    exclude: tuple[str, ...] = ()
    cameras: dict[str, CameraSettings] = field(default_factory=dict)


def read_settings(folder: Path) -> CaptureSettings:
    """The settings of a capture folder; the defaults where it has no ``capture.toml``.

    Raises:
        InputError: the file is not TOML, or a key is unknown or its value impossible.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return CaptureSettings()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML ({error})") from error
    values = _table(data, _READERS, CaptureSettings, f"{path}: ")
    return CaptureSettings(**values)


def nearest(name: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """The known name most like this one, for a message."""
    folded = {key.lower(): key for key in known}
    return folded[difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.0)[0]] if folded else ""


def _table(data: Any, readers: dict[str, Callable[[Any, str], Any]], kind: type[Any], where: str) -> dict[str, Any]:
    """Check one table's keys and read their values."""
    if not isinstance(data, dict):
        raise InputError(f"{where.rstrip(': ')} must be a table, got {data!r}")
    assert readers.keys() == {entry.name for entry in fields(kind)}
    for key in data:
        if key not in readers:
            raise InputError(f"{where}unknown key {key!r}; did you mean {nearest(key, readers)!r}?")
    return {key: readers[key](value, f"{where}{key}") for key, value in data.items()}


def _number(value: Any, where: str) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{where} must be a number, got {value!r}")
    return float(value)


def _positive(value: Any, where: str) -> float:
    """A number above zero."""
    number = _number(value, where)
    if number <= 0:
        raise InputError(f"{where} must be above zero, got {value!r}")
    return number


def _text(value: Any, where: str) -> str:
    """A text that says something."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where} must be a text in quotes, got {value!r}")
    return value


def _unit(value: Any, where: str) -> Unit:
    """A unit of length."""
    if value not in get_args(Unit):
        raise InputError(f"{where} must be one of {', '.join(get_args(Unit))}, got {value!r}")
    return cast(Unit, value)


def _texts(value: Any, where: str) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise InputError(f'{where} must be a list such as ["cam1"], got {value!r}')
    return tuple(_text(item, where) for item in value)


def _pair(value: Any, where: str) -> tuple[float, float]:
    """Two numbers."""
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"{where} must be two numbers [x, y], got {value!r}")
    return _number(value[0], where), _number(value[1], where)


def _scale(value: Any, where: str) -> tuple[float, float]:
    """One factor, or one for each axis, above zero."""
    x, y = _pair(value, where) if isinstance(value, list) else (_number(value, where),) * 2
    return _positive(x, where), _positive(y, where)


def _drift(value: Any, where: str) -> float:
    """Parts in a million that a clock can be off by."""
    drift = _number(value, where)
    if abs(drift) > MAX_DRIFT_PPM:
        raise InputError(f"{where} must be parts in a million, at most {MAX_DRIFT_PPM:g}, got {value!r}")
    return drift


def _skeleton(value: Any, where: str) -> Skeleton:
    """A known joint set by name, or the joints in order."""
    try:
        return skeleton_of(_texts(value, where)) if isinstance(value, list) else named_joint_set(_text(value, where))
    except InputError as error:
        message = str(error)
        raise InputError(message if message.startswith(where) else f"{where}: {message}") from error


def _cameras(value: Any, where: str) -> dict[str, CameraSettings]:
    """A table for each camera."""
    if not isinstance(value, dict):
        raise InputError(f"{where} must hold a table for each camera, such as [cameras.cam1]")
    return {
        name: CameraSettings(**_table(entry, _CAMERA_READERS, CameraSettings, f"{where}.{name}: "))
        for name, entry in value.items()
    }


_CAMERA_READERS: dict[str, Callable[[Any, str], Any]] = {
    "keypoints": _text,
    "video": _text,
    "offset": _number,
    "drift_ppm": _drift,
    "fps": _positive,
    "crop": _pair,
    "scale": _scale,
}
_READERS: dict[str, Callable[[Any, str], Any]] = {
    "fps": _positive,
    "calibration": _text,
    "keypoints": _text,
    "skeleton": _skeleton,
    "unit": _unit,
    "exclude": _texts,
    "cameras": _cameras,
}
