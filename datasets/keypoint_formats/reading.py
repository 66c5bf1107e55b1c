"""One door to all keypoint formats."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from lift3d.calib import InputError

from ..keypoints import Keypoints
from ..skeleton import Skeleton
from .joint_set import named_joint_set
from .keypoint_set import KeypointSet, Progress
from .lift3d_h5 import holds_keypoints, is_hdf5, read_h5, stored_cameras
from .openpose import camera_folders, holds_frames, read_openpose

logger = logging.getLogger(__name__)

Sizes = Mapping[str, tuple[int, int]]
NORMALISED = 2.0  # no picture of people is so small that all joints lie within this many pixels of its corner


def detect_keypoints(path: str | os.PathLike[str]) -> str | None:
    """Tell the format of keypoints without reading them.

    Returns:
        "openpose" for a folder of camera folders, "lift3d" for an HDF5 file, None for anything else.
    """
    path = Path(path)
    if path.is_dir():
        return "openpose" if camera_folders(path) else None
    return "lift3d" if path.is_file() and is_hdf5(path) and holds_keypoints(path) else None


def read_keypoints(
    path: str | os.PathLike[str],
    *,
    skeleton: str | Skeleton | None = None,
    sizes: Sizes | None = None,
    progress: Progress | None = None,
) -> Keypoints:
    """Read the 2D keypoints of all cameras; remarks go to the log.

    Args:
        path: a folder with a folder of OpenPose JSON for each camera, or lift3d's HDF5 file, or a ``*.poses.h5``.
        skeleton: the joint set, where it shall not be found out or read from the file.
        sizes: camera name to (width, height) in pixels, needed for coordinates that run from 0 to 1.
        progress: called with (stage, done, total).

    Returns:
        Keypoints, aligned by frame number: frames that a camera lacks are NaN there.

    Raises:
        FileNotFoundError: there is no such path.
        InputError: it holds no keypoints, or they are broken; the message names the file.
    """
    found = load_keypoints(path, skeleton=skeleton, sizes=sizes, progress=progress)
    for note in found.notes:
        logger.info("%s: %s", path, note)
    return found.keypoints


def load_keypoints(
    path: str | os.PathLike[str],
    *,
    cameras: Collection[str] | None = None,
    skeleton: str | Skeleton | None = None,
    sizes: Sizes | None = None,
    progress: Progress | None = None,
) -> KeypointSet:
    """Do as :func:`read_keypoints` for some or all cameras, and give remarks and fingerprint along."""
    kind = _known_format(path)
    joint_set = named_joint_set(skeleton) if isinstance(skeleton, str) else skeleton
    if kind == "openpose":
        found = read_openpose(path, cameras=cameras, skeleton=joint_set, progress=progress)
    else:
        found = read_h5(path, skeleton=joint_set)
        if cameras is not None:
            kept = [name for name in found.keypoints.cameras if name in cameras]
            spans = {name: found.spans[name] for name in kept}
            found = replace(found, keypoints=found.keypoints.select_views(kept), spans=spans)
    return _in_pixels(found, sizes if kind == "openpose" else None, str(path))


def keypoint_cameras(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The camera names of keypoints, without reading them.

    Raises:
        FileNotFoundError, InputError: as :func:`read_keypoints`.
    """
    return tuple(camera_folders(path)) if _known_format(path) == "openpose" else stored_cameras(path)


def _known_format(path: str | os.PathLike[str]) -> str:
    """The format, or an error that says what was found instead."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist; wanted a folder of camera folders with JSON, or a keypoints .h5"
        )
    kind = detect_keypoints(path)
    if kind is not None:
        return kind
    if path.is_file():
        raise InputError(
            f"{path} is no keypoints file that is known; wanted HDF5 with /keypoints/xy and /keypoints/confidence"
        )
    if holds_frames(path):
        raise InputError(f"{path} holds one camera's files; give the folder that holds all cameras' folders")
    raise InputError(
        f"{path} holds no keypoints; wanted one folder of OpenPose JSON for each camera, such as cam01_json/"
    )


def _in_pixels(found: KeypointSet, sizes: Sizes | None, source: str) -> KeypointSet:
    """Scale views whose coordinates run from 0 to 1; OpenPose divides by width - 1 and height - 1."""
    keypoints = found.keypoints
    xy = keypoints.xy.copy()
    scaled = []
    for v, camera in enumerate(keypoints.cameras):
        seen = xy[:, v][np.isfinite(xy[:, v]).all(-1)]
        if not len(seen) or np.abs(seen).max() > NORMALISED:
            continue
        if (seen < -0.01).any() or sizes is None or camera not in sizes:
            raise InputError(
                f"{source}: {camera}'s coordinates run from {seen.min():.2g} to {seen.max():.2g}, wanted pixels; "
                "write them again in pixels (OpenPose: --keypoint_scale 0)"
            )
        xy[:, v] *= np.array(sizes[camera]) - 1.0
        scaled.append(f"{camera} {sizes[camera][0]}x{sizes[camera][1]}")
    if not scaled:
        return found
    note = f"coordinates ran from 0 to 1 and were scaled to the pictures' sizes: {', '.join(scaled)}"
    return replace(found, keypoints=replace(keypoints, xy=xy), notes=(*found.notes, note))
