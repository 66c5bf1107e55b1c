"""lift3d's own keypoints file: HDF5 with ``/keypoints/xy`` and ``/keypoints/confidence``.

Convention:
    /keypoints/xy [T, V, P, J, 2] pixels; /keypoints/confidence [T, V, P, J] in 0..1; /keypoints/frames [T], optional;
    attributes ``joints``, ``cameras``, ``fps``, ``skeleton`` stand on the group or on the file; joints in any custom
    that :func:`lift3d.datasets.skeleton.canonical_name` reads. A ``*.poses.h5`` result holds such a group too.
    What `lift3d detect` writes has besides: /keypoints/boxes [T, V, P, 4] left, top, width, height in pixels, attribute
    ``camera_frames`` [V], how many of the T frames each camera has, and attribute ``provenance``, a JSON text.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.calib.atomic_file import atomic_file

from ..keypoints import Keypoints
from ..skeleton import Skeleton, skeleton_of
from .keypoint_set import KeypointSet, Span

SIGNATURE = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class Origin:
    """How keypoints were made.

    Args:
        provenance: detector, settings, fingerprints; what JSON can say.
        camera_frames: V numbers of frames, for cameras that are shorter than the longest.
        boxes: [T, V, P, 4] left, top, width, height, pixels; NaN where there is nobody.
    """

    provenance: Mapping[str, Any] = field(default_factory=dict)
    camera_frames: tuple[int, ...] | None = None
    boxes: NDArray[np.float64] | None = None


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Whether a file starts as HDF5 does."""
    with Path(path).open("rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def holds_keypoints(path: str | os.PathLike[str]) -> bool:
    """Whether an HDF5 file has lift3d's keypoints; a damaged one counts, so that reading it says what is wrong."""
    try:
        with h5py.File(path, "r") as file:
            return "keypoints/xy" in file
    except OSError:
        return True


def stored_cameras(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The camera names of a keypoints file.

    Raises:
        InputError: it is damaged or names none.
    """
    try:
        with h5py.File(path, "r") as file:
            return _names(file, "cameras", path)
    except OSError as error:
        raise InputError(f"{path} is damaged ({error}); copy or make the file again") from error


def read_h5(path: str | os.PathLike[str], *, skeleton: Skeleton | None = None) -> KeypointSet:
    """Read a keypoints file, or the keypoints of a result.

    Args:
        path: the file.
        skeleton: the joint set to take instead of the file's.

    Raises:
        InputError: the file is damaged, or a dataset or attribute lacks or has the wrong shape.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            keypoints = _read(file, path, skeleton)
            counts = _frame_counts(file, path, keypoints)
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is not a complete keypoints file ({error}); copy or make the file again") from error
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    frames = keypoints.frames
    assert frames is not None
    spans = {camera: _span(frames[:count]) for camera, count in zip(keypoints.cameras, counts, strict=True)}
    return KeypointSet(keypoints, digest.hexdigest(), spans)


def read_provenance(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a keypoints file says about how it was made; empty where it says nothing.

    Raises:
        InputError: it is damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            text = _attribute(file, "provenance", "{}")
        return dict(json.loads(text))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); copy or make the file again") from error


def write_h5(
    path: str | os.PathLike[str], keypoints: Keypoints, *, origin: Origin | None = None, overwrite: bool = False
) -> Path:
    """Write a keypoints file.

    Args:
        path: the file.
        keypoints: what it shall hold.
        origin: how they were made, if that is to be kept.
        overwrite: replace a file that exists.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    with atomic_file(path, overwrite=overwrite) as temporary, h5py.File(temporary, "w") as file:
        group = file.create_group("keypoints")
        for name in ("xy", "confidence"):
            value = getattr(keypoints, name).astype(np.float32)
            group.create_dataset(name, data=value, **({"compression": "gzip", "shuffle": True} if value.size else {}))
        group["frames"] = keypoints.frames
        group.attrs.update(
            cameras=list(keypoints.cameras),
            joints=list(keypoints.skeleton.joints),
            skeleton=keypoints.skeleton.name,
        )
        if keypoints.fps is not None:
            group.attrs["fps"] = keypoints.fps
        if origin is not None:
            _write_origin(group, origin)
    return Path(path)


def _write_origin(group: h5py.Group, origin: Origin) -> None:
    """What `lift3d detect` knows besides."""
    group.attrs["provenance"] = json.dumps(origin.provenance)
    if origin.camera_frames is not None:
        group.attrs["camera_frames"] = list(origin.camera_frames)
    if origin.boxes is not None and origin.boxes.size:
        group.create_dataset("boxes", data=origin.boxes.astype(np.float32), compression="gzip", shuffle=True)


def _span(frames: NDArray[np.int64]) -> Span:
    """The range of a camera's frames."""
    return Span(int(frames[0]), int(frames[-1]), len(frames)) if len(frames) else Span(0, -1, 0)


def _frame_counts(file: h5py.File, path: Path, keypoints: Keypoints) -> list[int]:
    """How many of the frames each camera has."""
    total, views = keypoints.shape[:2]
    counts = [int(count) for count in np.atleast_1d(_attribute(file, "camera_frames", [total] * views))]
    if len(counts) != views or not all(0 <= count <= total for count in counts):
        raise InputError(f"{path}: attribute camera_frames must be {views} numbers up to {total}, got {counts}")
    return counts


def _read(file: h5py.File, path: Path, skeleton: Skeleton | None) -> Keypoints:
    """The container that a file holds."""
    if skeleton is None:
        skeleton = skeleton_of(_names(file, "joints", path), str(_attribute(file, "skeleton", "custom")))
    group = file["keypoints"]
    frames = group["frames"][()] if "frames" in group else None
    if frames is not None and (np.diff(frames) <= 0).any():
        raise InputError(f"{path}: /keypoints/frames must rise")
    try:
        return Keypoints(
            xy=group["xy"][()],
            confidence=group["confidence"][()],
            cameras=_names(file, "cameras", path),
            skeleton=skeleton,
            fps=_fps(file, path),
            frames=frames,
        )
    except InputError as error:
        message = str(error)
        raise InputError(message if str(path) in message else f"{path}: {message}") from error


def _fps(file: h5py.File, path: Path) -> float | None:
    """The frame rate, None where the file has none."""
    value = _attribute(file, "fps", None)
    if value is None:
        return None
    try:
        fps = float(value)
    except (TypeError, ValueError):
        fps = np.nan
    if not 0 < fps < np.inf:
        raise InputError(f"{path}: attribute fps must be a number above zero, got {value}")
    return fps


def _attribute(file: h5py.File, name: str, default: Any) -> Any:
    """An attribute of the group, or else of the file."""
    for holder in (file.get("keypoints"), file):
        if holder is not None and name in holder.attrs:
            return holder.attrs[name]
    return default


def _names(file: h5py.File, name: str, path: str | os.PathLike[str]) -> tuple[str, ...]:
    """An attribute that is a list of names."""
    value = _attribute(file, name, None)
    if value is None:
        raise InputError(f"{path}: attribute {name} lacks on /keypoints; wanted the list of its {name}")
    return tuple(item.decode() if isinstance(item, bytes) else str(item) for item in np.atleast_1d(value))
