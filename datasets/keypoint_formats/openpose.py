"""OpenPose JSON: a folder a camera, a file a frame; also what Pose2Sim and others write in this form.

Convention:
    the frame number is the last group of digits of the file name before ``.json`` or ``_keypoints.json``;
    x = y = c = 0 is a joint that is missing; an entry of ``people`` that is ``{}`` or has an empty list is a person not
    seen in this view, and keeps its place.

Source: OpenPose documentation, "Output"; Pose2Sim 0.10's files.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from ..keypoints import Keypoints
from ..pairing import natural_key
from ..skeleton import Skeleton
from .joint_set import doubt_joint_set, find_joint_set
from .keypoint_set import KeypointSet, Progress, Span, span_notes

Array = NDArray[np.float64]
FOLDER_SUFFIX = "_json"
MAX_SPREAD = 50  # frame numbers that span more than this many times the files are time stamps, not frames
STEP = 64  # files between two reports of progress


@dataclass(frozen=True, eq=False)
class _View:
    """One camera's files as read: ``people[i]`` is [P, J, 3], J = 0 where nobody was seen."""

    folder: Path
    files: dict[int, str]
    people: list[Array]
    digest: bytes


def camera_folders(path: str | os.PathLike[str]) -> dict[str, Path]:
    """The subfolders that hold one camera's JSON each, by camera name in natural order.

    A subfolder counts by holding numbered JSON files with people in them, or by its name (``cam01_json``) unless it
    holds folders.
    """
    inside = [folder for folder in Path(path).iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    folders = [folder for folder in inside if holds_frames(folder) or _is_camera_by_name(folder)]
    folders.sort(key=lambda folder: natural_key(folder.name))
    names = [folder.name.removesuffix(FOLDER_SUFFIX) for folder in folders]
    if len(set(names)) < len(names):
        names = [folder.name for folder in folders]
    return dict(zip(names, folders, strict=True))


def holds_frames(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder itself holds OpenPose files, judged by the first, middle and last."""
    names = sorted(_json_names(folder))
    for name in {names[0], names[len(names) // 2], names[-1]} if names else ():
        with Path(folder, name).open("rb") as file:
            if frame_number(name) is not None and b'"people"' in file.read(4096):
                return True
    return False


def frame_number(name: str) -> int | None:
    """The frame that a file name speaks of, None where it has no digits."""
    groups = re.findall(r"\d+", name.removesuffix(".json").removesuffix("_keypoints"))
    return int(groups[-1]) if groups else None


def read_openpose(
    path: str | os.PathLike[str],
    *,
    cameras: Collection[str] | None = None,
    skeleton: Skeleton | None = None,
    progress: Progress | None = None,
) -> KeypointSet:
    """Read a folder of camera folders.

    Args:
        path: holds one folder a camera.
        cameras: which to read, by name; None: all.
        skeleton: the joint set, where it shall not be found out.
        progress: called with (stage, files read, files in all).

    Returns:
        Keypoints over all frame numbers from the lowest to the highest; P is the largest number of people in a file.

    Raises:
        InputError: a file is broken, a folder is empty, the number of joints changes or fits no set.
    """
    folders = {name: folder for name, folder in camera_folders(path).items() if cameras is None or name in cameras}
    files = {name: _frame_files(folder) for name, folder in folders.items()}
    _check_filled(folders, files)
    tick = _ticker(progress, sum(map(len, files.values())))
    views = {name: _read_view(folders[name], files[name], tick) for name in folders}
    joints = _joint_count(list(views.values()), str(path))
    frames = _frame_range(list(views.values()), str(path))
    xyc = _assemble(list(views.values()), frames, joints)
    people = xyc.reshape(-1, joints, 3)
    people = people[(people[..., 2] > 0).any(1)]
    if skeleton is None:
        skeleton, note = find_joint_set(people[..., :2], people[..., 2], source=str(path))
    elif len(skeleton) != joints:
        raise InputError(f"{path}: {joints} joints a person, but {skeleton.name} has {len(skeleton)}")
    else:
        note = doubt_joint_set(skeleton, people[..., :2], people[..., 2])
    spans = {name: Span(min(view.files), max(view.files), len(view.files)) for name, view in views.items()}
    gaps = {name: sorted(set(range(min(v.files), max(v.files))) - set(v.files)) for name, v in views.items()}
    keypoints = Keypoints(xyc[..., :2], np.minimum(xyc[..., 2], 1.0), tuple(views), skeleton, frames=frames)
    whole = hashlib.sha256(b"".join(name.encode() + b"\0" + view.digest for name, view in views.items())).hexdigest()
    return KeypointSet(keypoints, whole, spans, (*filter(None, [note]), *span_notes(spans, gaps)))


def _is_camera_by_name(folder: Path) -> bool:
    """Whether a folder that holds no keypoints is meant to."""
    return folder.name.endswith(FOLDER_SUFFIX) and not any(entry.is_dir() for entry in folder.iterdir())


def _json_names(folder: str | os.PathLike[str]) -> list[str]:
    """JSON files of a folder; hidden ones (macOS leaves ``._*``) are none."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.name.endswith(".json") and not entry.name.startswith(".")]


def _check_filled(folders: dict[str, Path], files: dict[str, dict[int, str]]) -> None:
    """Refuse camera folders without keypoint files."""
    empty = [name for name in files if not files[name]]
    if empty:
        told = ", ".join(str(folders[name]) for name in empty)
        names = ", ".join(f'"{name}"' for name in empty)
        raise InputError(
            f"{told}: no keypoint files (*.json); put them there, or `exclude = [{names}]` in capture.toml"
        )


def _frame_files(folder: Path) -> dict[int, str]:
    """Frame number to file name, rising."""
    found: dict[int, str] = {}
    for name in sorted(_json_names(folder), key=natural_key):
        frame = frame_number(name)
        if frame is None:
            raise InputError(f"{folder / name}: no frame number in the name; wanted digits before .json")
        if frame in found:
            raise InputError(f"{folder}: {found[frame]} and {name} both say frame {frame}; keep one of them")
        found[frame] = name
    return dict(sorted(found.items()))


def _ticker(progress: Progress | None, total: int) -> Callable[[], None]:
    """A function to call after each file."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None and (done % STEP == 0 or done == total):
            progress("reading keypoints", done, total)

    return tick


def _read_view(folder: Path, files: dict[int, str], tick: Callable[[], None]) -> _View:
    """All files of one camera, serially: threads made it slower (21 us a file serial, 28 to 41 with 2 to 8)."""
    digest = hashlib.sha256()
    people = []
    for name in files.values():
        path = os.path.join(folder, name)  # noqa: PTH118 (a third of the time would go into Path objects)
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                data = file.read()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror})") from error
        digest.update(b"%s\0%d\0" % (name.encode(), len(data)))
        digest.update(data)
        people.append(_parse(data, path))
        tick()
    return _View(folder, files, people, digest.digest())


def _parse(data: bytes, path: str) -> Array:
    """The people of one file, [P, J, 3]; all zero where one was not seen, J = 0 where nobody was."""
    try:
        people = json.loads(data)["people"]
        triples = [person.get("pose_keypoints_2d") or [] for person in people]
    except ValueError as error:
        raise InputError(f"{path} is not complete JSON ({error}); copy or make the file again") from error
    except (KeyError, TypeError, AttributeError):
        raise InputError(
            f'{path} is not an OpenPose file: wanted {{"people": [{{"pose_keypoints_2d": […]}}]}}'
        ) from None
    length = max(map(len, triples), default=0)
    full = [row or [0.0] * length for row in triples]
    try:
        values = np.array(full, np.float64).reshape(len(full), length)
    except (TypeError, ValueError):
        lengths = ", ".join(map(str, sorted({len(row) for row in full})))
        raise InputError(
            f"{path}: pose_keypoints_2d must be numbers, alike for all people; got {lengths} values"
        ) from None
    if length % 3:
        raise InputError(f"{path}: pose_keypoints_2d must be x, y, c for each joint; {length} values are not triples")
    return values.reshape(len(full), length // 3, 3)


def _joint_count(views: list[_View], source: str) -> int:
    """How many joints a person has; all files must agree."""
    first: tuple[int, Path] | None = None
    for view in views:
        for name, people in zip(view.files.values(), view.people, strict=True):
            joints = people.shape[1]
            if joints and first is None:
                first = joints, view.folder / name
            if joints and first is not None and joints != first[0]:
                raise InputError(
                    f"{view.folder / name} has {joints} joints a person but {first[1]} has {first[0]}; "
                    "all files of a capture must come from one 2D model"
                )
    if first is None:
        files = sum(len(view.files) for view in views)
        raise InputError(f"{source}: none of its {files} files holds a person; run the 2D tool again")
    return first[0]


def _frame_range(views: list[_View], source: str) -> NDArray[np.int64]:
    """All frame numbers from the lowest to the highest."""
    low, high = min(min(view.files) for view in views), max(max(view.files) for view in views)
    files = max(len(view.files) for view in views)
    if high - low >= MAX_SPREAD * (files + 1):
        raise InputError(
            f"{source}: frame numbers run from {low} to {high} for {files} files a camera; wanted frame numbers as the "
            "last digits of the names"
        )
    return np.arange(low, high + 1, dtype=np.int64)


def _assemble(views: list[_View], frames: NDArray[np.int64], joints: int) -> Array:
    """One array [T, V, P, J, 3], zero where nothing was seen."""
    most = max(len(people) for view in views for people in view.people)
    xyc = np.zeros((len(frames), len(views), most, joints, 3))
    for v, view in enumerate(views):
        for frame, people in zip(view.files, view.people, strict=True):
            if people.shape[1]:
                xyc[frame - frames[0], v, : len(people)] = people
    return xyc
