"""Which calibration formats there are, and which of them a file is in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import CalibrationError
from ..rig import Rig
from . import (
    anipose,
    caliscope,
    colmap,
    easymocap,
    freemocap,
    kalibr,
    multical,
    opencap,
    opencv_yaml,
    panoptic,
    pose2sim,
    qualisys,
    vicon,
    voxelpose,
)
from .content import AnyPath, Unit, read_content
from .toml_tables import Table, parse_toml

logger = logging.getLogger(__name__)


class Writer(Protocol):
    """What every writer looks like."""

    def __call__(self, rig: Rig, path: AnyPath, *, overwrite: bool = False) -> Path:
        """Write a rig whole or not at all."""


@dataclass(frozen=True)
class Format:
    """A calibration format.

    Args:
        name: what callers and the command line call it.
        tool: the program that it belongs to.
        unit: the unit of its lengths; None: a file does not say.
        read: the reader; takes a path and ``unit``, which overrides the format's unit of length.
        write: the writer; None: read only.
        recognises: whether a TOML document is in this format; None: it is not TOML.
        matches: whether a file's bytes are in this format; None: they are TOML.
        takes_size: whether the reader takes the pictures' ``size``, which its files may not hold.
    """

    name: str
    tool: str
    unit: Unit | None
    read: Callable[..., Rig]
    write: Writer | None = None
    recognises: Callable[[Table], bool] | None = None
    matches: Callable[[bytes], bool] | None = None
    takes_size: bool = False


# From the most to the least telling: aniposelib's tables are what all the others' are made of.
FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format("qualisys", "Qualisys", "mm", qualisys.read, matches=qualisys.recognises),
        Format("caliscope", caliscope.TOOL, "m", caliscope.read, caliscope.write, caliscope.recognises),
        Format("freemocap", freemocap.TOOL, "mm", freemocap.read, freemocap.write, freemocap.recognises),
        Format("pose2sim", pose2sim.TOOL, "m", pose2sim.read, pose2sim.write, pose2sim.recognises),
        Format("anipose", anipose.TOOL, None, anipose.read, anipose.write, anipose.recognises),
        Format("opencap", "OpenCap", "mm", opencap.read, matches=opencap.recognises),
        Format("vicon", "Vicon", "mm", vicon.read, matches=vicon.recognises, takes_size=True),
        Format("opencv", "OpenCV or ROS", "m", opencv_yaml.read, opencv_yaml.write, matches=opencv_yaml.recognises),
        Format("easymocap", easymocap.TOOL, "m", easymocap.read, easymocap.write, None, easymocap.recognises, True),
        Format("kalibr", kalibr.TOOL, "m", kalibr.read, kalibr.write, matches=kalibr.recognises),
        Format("panoptic", panoptic.TOOL, "cm", panoptic.read, panoptic.write, None, panoptic.recognises, True),
        Format("voxelpose", voxelpose.TOOL, "mm", voxelpose.read, voxelpose.write, None, voxelpose.recognises, True),
        Format("multical", multical.TOOL, "m", multical.read, multical.write, matches=multical.recognises),
        Format("colmap", "COLMAP", None, colmap.read, colmap.write, matches=colmap.recognises),
    )
}


def detect_format(path: AnyPath) -> str | None:
    """The name of the format that a file is in, by its content; None for any other file, whatever is wrong with it.

    A file that is cut short may go unrecognised: :func:`read_rig` says what is wrong with it.
    """
    try:
        return _format_of(read_content(path), path)
    except (OSError, ValueError):
        return None


def _format_of(content: bytes, path: AnyPath) -> str | None:
    """The name of the format that this content is in.

    Raises:
        CalibrationError: it is text that speaks of cameras, but not TOML.
    """
    for name, entry in FORMATS.items():
        if entry.matches is not None and entry.matches(content):
            return name
    if b"\0" in content or not (b"matrix" in content or b"rotation" in content):
        return None
    document = parse_toml(content, path)
    return next((name for name, entry in FORMATS.items() if entry.recognises and entry.recognises(document)), None)


def read_rig(
    path: AnyPath, format: str | None = None, *, unit: Unit | None = None, size: tuple[int, int] | None = None
) -> Rig:
    """Read a calibration file.

    Args:
        path: the file.
        format: one of :data:`FORMATS`; None: found out from the content.
        unit: "m", "cm" or "mm" for a file whose lengths are not in its format's own unit. aniposelib's files do not
            say theirs; without this they are read as metres, with a warning.
        size: (width, height) of the pictures, for formats whose files do not hold it; the others pass over it.

    Returns:
        The cameras, in metres.

    Raises:
        FileNotFoundError: there is no such file.
        CalibrationError: the file is in no known format, is damaged, or a camera in it is malformed.
    """
    if format is not None and format not in FORMATS:
        raise CalibrationError(f"there is no calibration format {format!r}; there are {', '.join(FORMATS)}")
    if format is None:
        content = read_content(path)
        format = _format_of(content, path)
        if format is None and qualisys.looks_like_xml(content):
            format = "qualisys"  # whose reader says what is wrong with it
    if format is None:
        raise CalibrationError(f"{path} holds no camera table of a format that lift3d reads ({', '.join(FORMATS)})")
    chosen = FORMATS[format]
    lengths = unit or chosen.unit or "the unit its metadata say, else m"
    logger.info("%s: read as a calibration by %s, lengths in %s", path, chosen.tool, lengths)
    if chosen.takes_size:
        return chosen.read(path, unit=unit, size=size)
    return chosen.read(path, unit=unit)


def write_rig(rig: Rig, path: AnyPath, format: str, *, overwrite: bool = False) -> Path:
    """Write a calibration file for another tool.

    Args:
        rig: the cameras.
        path: where to.
        format: one of :data:`FORMATS` that can be written.
        overwrite: replace a file that is there.

    Returns:
        The path written.

    Raises:
        CalibrationError: the format is unknown or read only, the rig has no camera, or the format cannot carry it.
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    write = FORMATS[format].write if format in FORMATS else None
    if write is None:
        writable = ", ".join(name for name, entry in FORMATS.items() if entry.write)
        raise CalibrationError(f"calibrations cannot be written in the format {format!r}; there are {writable}")
    if not len(rig):
        raise CalibrationError("a rig without cameras cannot be written")
    return write(rig, path, overwrite=overwrite)
