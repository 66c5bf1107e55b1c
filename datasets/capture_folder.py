"""What stands in a capture folder: calibrations, sets of keypoints, videos; and which of them a capture takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lift3d.calib import InputError, formats

from .capture_settings import FILE_NAME, CaptureSettings
from .keypoint_formats import detect_keypoints
from .pairing import natural_key
from .video import VIDEO_SUFFIXES

FilePath = str | os.PathLike[str]

LAYOUT = (
    "a calibration (such as calib.toml), and pose/<camera>_json/ or keypoints/<camera>_json/ with OpenPose JSON, or "
    "keypoints/*.h5"
)
# Pose2Sim's own stages, the synchronised keypoints before the raw ones; then the general custom.
KEYPOINT_FOLDERS = ("pose-sync", "pose", "pose-associated", "keypoints")
_OTHER_SUFFIXES = frozenset(
    (*VIDEO_SUFFIXES, ".jpg", ".jpeg", ".png", ".bmp", ".tif", ".h5", ".hdf5", ".npz", ".npy", ".trc", ".c3d", ".md")
)


@dataclass(frozen=True)
class Sources:
    """The calibration and keypoints that a capture takes.

    Args:
        calibration: a file.
        keypoints: a folder of camera folders, or a file.
        others: calibrations and sets of keypoints seen and left aside.
        notes: lines that say so.
    """

    calibration: Path
    keypoints: Path
    others: tuple[Path, ...]
    notes: tuple[str, ...]


def find_sources(
    folder: Path, settings: CaptureSettings, *, calibration: FilePath | None, keypoints: FilePath | None
) -> Sources:
    """Choose calibration and keypoints: by argument, by ``capture.toml``, else the first that is found.

    Raises:
        FileNotFoundError: one that is named does not exist.
        InputError: there is none, or several where one was named.
    """
    (calibrations, doubtful), sets = find_calibrations(folder), find_keypoint_sets(folder)
    named = _named(folder, keypoints, settings.keypoints)
    taken = choose_calibration(folder, settings, calibration)
    if not (taken or sets or named or find_videos(folder)):
        raise InputError(f"{folder} holds no capture; wanted {LAYOUT}")
    if taken is None:
        raise InputError(
            f"{folder} holds no calibration that is known; put one there (such as calib.toml), or give --calibration"
        )
    taken_set = _only_set(named) if named else next(iter(sets), None)
    if taken_set is None:
        raise InputError(_no_keypoints(folder))
    notes, others = [], []
    for word, path, seen in (("calibration", taken, calibrations), ("keypoints", taken_set, sets)):
        left = [other for other in seen if not (path.exists() and other.samefile(path))]
        also = f"; also seen: {', '.join(relative_name(folder, other) for other in left)}" if left else ""
        notes.append(f"{word}: {relative_name(folder, path)}{also}")
        others += left
    if broken := [relative_name(folder, path) for path in doubtful if not path.samefile(taken)]:
        notes.append(f"not understood, though named like a calibration: {', '.join(broken)}")
    return Sources(taken, taken_set, tuple(others), tuple(notes))


def choose_calibration(folder: Path, settings: CaptureSettings, calibration: FilePath | None) -> Path | None:
    """The calibration by argument, by ``capture.toml``, else the first that is found; None where there is none.

    Raises:
        FileNotFoundError: the one that is named does not exist.
    """
    known, doubtful = find_calibrations(folder)
    named = _named(folder, calibration, settings.calibration)
    taken = named or next(iter((*known, *doubtful)), None)  # reading a doubtful one says what is wrong
    if taken is not None and not taken.is_file():
        raise FileNotFoundError(f"calibration {taken} does not exist")
    return taken


def find_calibrations(folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Files that a calibration format recognises, the preferred first; and those that only their name speaks for.

    The folder's own files come before those in ``calibration/`` or ``calib*/``, TOML before the rest, then by name.
    """
    places = [folder, *(sub for sub in _subfolders(folder) if sub.name.lower().startswith("calib"))]
    known, unknown = [], []
    for place in places:
        files = [
            path for path in _files(place) if path.name != FILE_NAME and path.suffix.lower() not in _OTHER_SUFFIXES
        ]
        for path in sorted(files, key=lambda path: (path.suffix.lower() != ".toml", natural_key(path.stem), path.name)):
            if formats.detect_format(path) is not None:
                known.append(path)
            elif path.name.lower().startswith("calib"):
                unknown.append(path)
    return tuple(known), tuple(unknown)


def find_keypoint_sets(folder: Path) -> tuple[Path, ...]:
    """Folders of camera folders, and keypoint files, the preferred first.

    ``pose-sync/``, ``pose/``, ``pose-associated/``, ``keypoints/``, then the folders and HDF5 files in ``keypoints/``,
    then the capture folder's own camera folders and HDF5 files. Results (``*.poses.h5``) do not count.
    """
    places = [folder / name for name in KEYPOINT_FOLDERS]
    found = [place for place in places if place.is_dir() and detect_keypoints(place) is not None]
    found += _sets_inside(folder / "keypoints")
    own = [folder, *(path for path in _files(folder) if _may_be_stored_set(path))]
    return tuple(found + [place for place in own if detect_keypoints(place) is not None])


def find_videos(folder: Path) -> dict[str, Path]:
    """Videos in ``videos/``, or else in the folder itself, by their name without the ending."""
    for place in (folder / "videos", folder):
        videos = [path for path in _files(place) if path.suffix.lower() in VIDEO_SUFFIXES]
        if videos:
            return {path.stem: path for path in reversed(videos)}
    return {}


def relative_name(folder: Path, path: Path) -> str:
    """A path as messages call it: relative to the capture where it lies inside."""
    path = path.absolute()
    if path == folder.absolute():
        return "./"
    inside = path.is_relative_to(folder.absolute())
    return path.relative_to(folder.absolute()).as_posix() if inside else str(path)


def _no_keypoints(folder: Path) -> str:
    """What to do where nobody has found keypoints yet."""
    json = f"{folder / 'keypoints'}/<camera>_json/"
    videos = find_videos(folder)
    if not videos:
        return (
            f"{folder} holds no keypoints and no videos; put videos into {folder / 'videos'}/, or another tool's "
            f"keypoints into {json}"
        )
    return (
        f"{folder} holds no keypoints yet, only videos ({len(videos)}); run `lift3d detect {folder}` first, or put "
        f"another tool's keypoints into {json}"
    )


def _named(folder: Path, argument: FilePath | None, setting: str | None) -> Path | None:
    """The path that the user named, if any."""
    if argument is not None:
        return Path(argument)
    return folder / setting if setting is not None else None


def _only_set(path: Path) -> Path:
    """The path itself, or the one set inside a folder that only holds sets."""
    if not path.is_dir() or detect_keypoints(path) is not None:
        return path
    inside = _sets_inside(path)
    if len(inside) > 1:
        raise InputError(f"{path} holds several sets of keypoints; give one of {', '.join(map(str, inside))}")
    return inside[0] if inside else path


def _sets_inside(folder: Path) -> list[Path]:
    """Sets in a folder's folders, then keypoint files anywhere below."""
    if not folder.is_dir():
        return []
    stored = sorted(filter(_may_be_stored_set, folder.rglob("*.h5")), key=lambda path: natural_key(str(path)))
    return [place for place in (*_subfolders(folder), *stored) if detect_keypoints(place) is not None]


def _may_be_stored_set(path: Path) -> bool:
    """Whether a file's name allows that it holds keypoints to reconstruct from."""
    return path.suffix == ".h5" and not path.name.endswith(".poses.h5") and not path.name.startswith(".")


def _subfolders(folder: Path) -> list[Path]:
    """Folders inside, by name; hidden ones are none."""
    return [path for path in _entries(folder) if path.is_dir()]


def _files(folder: Path) -> list[Path]:
    """Files inside, by name; hidden ones are none."""
    return [path for path in _entries(folder) if path.is_file()]


def _entries(folder: Path) -> list[Path]:
    """What is inside a folder by name, nothing where there is no such folder."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted(found, key=lambda path: natural_key(path.name))
