"""TRC, the marker file of OpenSim, Pose2Sim and OpenCap: tab-separated text, Y up.

Convention:
    (X, Y, Z) of the file = (y, z, x) of lift3d's world, as Pose2Sim writes it; a gap is three empty cells. At the end
    of a line the third of them says nan: OpenSim refuses a line that ends in a tab as one cell short, and simple
    readers strip the tab.

Source: OpenSim's TRCFileAdapter and Pose2Sim's read_trc, for what they demand of a file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.calib.atomic_file import atomic_file

from ..poses import Poses
from ..skeleton import SIDES, Skeleton, canonical_name, skeleton_of

Array = NDArray[np.float64]
Unit = Literal["m", "mm"]

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_FILE_FROM_WORLD = [1, 2, 0]
_WORLD_FROM_FILE = [2, 0, 1]
_DIGITS: dict[Unit, int] = {"m": 6, "mm": 3}
_RATES = ("DataRate", "CameraRate")
_FIELDS = (*_RATES, "NumFrames", "NumMarkers", "Units", "OrigDataRate", "OrigDataStartFrame", "OrigNumFrames")
_MARKERS = {"pelvis": "Hip"}  # what Pose2Sim's HALPE_26 model calls it


def marker_name(joint: str) -> str:
    """A joint's name as OpenSim's and Pose2Sim's marker sets have it: ``right_big_toe`` is ``RBigToe``."""
    if joint in _MARKERS:
        return _MARKERS[joint]
    side = next((side for side in SIDES if joint.startswith(side)), "")
    words = joint[len(side) :].split("_")
    marker = side[:1].upper() + "".join(word[:1].upper() + word[1:] for word in words)
    # A name that would not come back is left as it is.
    return marker if canonical_name(marker) == joint else re.sub(r"\s", "_", joint)


def write_trc(
    poses: Poses, path: str | os.PathLike[str], person: int = 0, *, unit: Unit = "m", overwrite: bool = False
) -> Path:
    """Write one person's joints as markers.

    Interpolated and lifted joints are written like observed ones: the format cannot tell them apart.

    Args:
        poses: T frames.
        path: the file.
        person: whose joints, 0..P-1.
        unit: of the lengths in the file.
        overwrite: replace a file that is there.

    Returns:
        The path.

    Raises:
        InputError: there is no such person, or the unit is not known.
        FileExistsError: the file exists and ``overwrite`` is False.
    """
    path = Path(path)
    if not 0 <= person < poses.xyz.shape[1]:
        raise InputError(f"{path}: there is no person {person + 1}; the poses hold {poses.xyz.shape[1]}")
    if unit not in _DIGITS:
        raise InputError(f"{path}: a TRC file is written in m or mm, not in {unit!r}")
    markers = [marker_name(joint) for joint in poses.skeleton.joints]
    frames = 1 + np.rint(poses.time * poses.fps).astype(np.int64)
    if (np.diff(frames) < 1).any():
        frames = 1 + np.arange(len(frames))
    xyz = poses.xyz[:, person][..., _FILE_FROM_WORLD] / METRES[unit]
    first = frames[0] if len(frames) else 1
    values = [f"{poses.fps:.10g}"] * 2 + [len(xyz), len(markers), unit, f"{poses.fps:.10g}", first, len(xyz)]
    with atomic_file(path, overwrite=overwrite) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(f"PathFileType\t4\t(X/Y/Z)\t{path.name}\n")
        file.write("\t".join(_FIELDS) + "\n" + "\t".join(map(str, values)) + "\n")
        file.write("Frame#\tTime\t" + "\t\t\t".join(markers) + "\t\t\n")
        file.write("\t\t" + "\t".join(f"X{n}\tY{n}\tZ{n}" for n in range(1, len(markers) + 1)) + "\n")
        file.writelines(_rows(frames, poses.time, xyz, _DIGITS[unit]))
    return path


def _rows(frames: NDArray[np.int64], time: Array, xyz: Array, digits: int) -> Iterator[str]:
    """A line a frame."""
    row = "%d\t%.6f" + f"\t%.{digits}f" * (3 * xyz.shape[1])
    for frame, seconds, markers in zip(frames.tolist(), time.tolist(), xyz, strict=True):
        line = row % (frame, seconds, *markers.ravel().tolist())
        yield line.replace("nan\t", "\t") + "\n"


@dataclass(frozen=True)
class _Header:
    """What the lines above the data say."""

    fps: float
    frames: int
    unit: str
    markers: tuple[str, ...]


def read_trc(path: str | os.PathLike[str]) -> Poses:
    """Read a TRC file, of whichever of the programs that write one.

    Joints get lift3d's names where theirs are known. ``settings["trc"]`` keeps the markers' own names, the unit and
    the first frame's number. NumFrames may be smaller than the number of rows (Caliscope writes one less).

    Returns:
        Poses of one person, world Z up, metres; nothing is known of their errors.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not a TRC file, cut short, or malformed; the message names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; `lift3d export FILE --to trc` makes such a file")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text, so not a TRC file ({error.reason} at byte {error.start})") from None
    header = _read_header(lines, path)
    table = _read_rows(lines, 3 * len(header.markers), path)
    if len(table) < header.frames:
        raise InputError(f"{path} is cut short: its header says {header.frames} frames, but {len(table)} are there")
    xyz = table[:, 2:].reshape(len(table), 1, len(header.markers), 3)[..., _WORLD_FROM_FILE] * METRES[header.unit]
    poses = Poses.from_xyz(xyz, _skeleton(header.markers), header.fps)
    origin = {
        "markers": list(header.markers),
        "unit": header.unit,
        "first_frame": int(table[0, 0]) if len(table) else None,
    }
    return poses.replace(time=table[:, 1], settings={"trc": origin})


def _skeleton(markers: Sequence[str]) -> Skeleton:
    """A known joint set, or one of the markers' own names where lift3d's would not be unique."""
    joints = [canonical_name(marker) for marker in markers]
    return skeleton_of(joints, "trc") if len(set(joints)) == len(joints) else Skeleton("trc", tuple(markers))


def _read_header(lines: list[str], path: Path) -> _Header:
    """Lines 1 to 4."""
    if not lines or not lines[0].startswith("PathFileType"):
        raise InputError(f"{path} is not a TRC file: its first line does not begin with PathFileType")
    if len(lines) < 5:
        raise InputError(f"{path} is cut short: a TRC file has five lines of header, this one {len(lines)} in all")
    values = dict(zip(lines[1].split(), lines[2].split(), strict=False))
    try:
        fps, frames, count = float(values["DataRate"]), int(values["NumFrames"]), int(values["NumMarkers"])
        unit = values["Units"]
    except (KeyError, ValueError):
        raise InputError(
            f"{path}: lines 2 and 3 must name and give DataRate, NumFrames, NumMarkers and Units, got {lines[2]!r}"
        ) from None
    if not (np.isfinite(fps) and fps > 0):
        raise InputError(f"{path}: DataRate must be above zero, got {values['DataRate']}")
    if unit.lower() not in METRES:
        raise InputError(f"{path}: Units must be m, cm or mm, got {unit}")
    markers = tuple(cell.strip() for cell in lines[3].split("\t")[2:] if cell.strip())
    if len(markers) != count:
        raise InputError(f"{path}: NumMarkers says {count}, but line 4 names {len(markers)} markers")
    if len(set(markers)) != count:
        twice = sorted({marker for marker in markers if markers.count(marker) > 1})
        raise InputError(f"{path}: line 4 names {', '.join(twice)} more than once")
    return _Header(fps, frames, unit.lower(), markers)


def _read_rows(lines: list[str], width: int, path: Path) -> Array:
    """Frame, time and coordinates [T, 2 + 3 J] of all rows; empty cells are NaN."""
    rows = []
    for number, line in enumerate(lines[5:], start=6):
        if not line.strip():
            continue
        cells = line.split("\t")
        if any(cell.strip() for cell in cells[2 + width :]):
            raise InputError(f"{path}: line {number} has {len(cells)} cells, but the markers need {2 + width}")
        if len(cells) < 2 + width:
            raise InputError(f"{path}: line {number} is cut short: {len(cells)} cells of {2 + width}")
        try:
            row = [float(cell) if cell.strip() else np.nan for cell in cells[: 2 + width]]
        except ValueError as error:
            raise InputError(f"{path}: line {number} holds something else than numbers ({error})") from None
        if not np.isfinite(row[:2]).all():
            raise InputError(f"{path}: line {number} has no frame number or no time")
        rows.append(row)
    return np.array(rows, np.float64).reshape(-1, 2 + width)
