"""The container of 3D poses and its file, ``*.poses.h5``."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import CalibrationError, Camera, InputError, Rig
from lift3d.calib.atomic_file import atomic_file

from .chunk_reading import read_array, whole_frames
from .keypoints import Keypoints
from .skeleton import Skeleton, canonical_name

Array = NDArray[np.float64]
SCHEMA = "lift3d.poses"
SCHEMA_VERSION = 1


class Status(IntEnum):
    """Where a joint's position comes from."""

    MISSING = 0
    OBSERVED = 1
    INTERPOLATED = 2
    LIFTED = 3


@dataclass(frozen=True, eq=False)
class Poses:
    """3D skeletons of T frames, P people, J joints, with what is known about their errors.

    Convention:
        world frame in metres, right-handed, Z up; a missing joint is NaN with status MISSING and confidence 0.

    Args:
        xyz: [T, P, J, 3] metres.
        covariance: [T, P, J, 6] m², the entries xx, xy, xz, yy, yz, zz.
        status: [T, P, J] uint8, see :class:`Status`.
        views: [T, P, J] uint8, how many cameras a joint was computed from.
        reprojection_error: [T, P, J] pixels, root mean square over the views used.
        confidence: [T, P, J] in 0..1.
        time: [T] seconds.
        fps: frames a second.
        skeleton: the joint set.
        rig: the cameras, None for poses that came from elsewhere.
        keypoints: the 2D that was used, associated: people stand in the same order in every view.
        settings: how it was computed, for the file's attributes (JSON).
        inputs: fingerprints of the input files, name to SHA-256.
        verdict: {"level": "good" | "doubtful" | "bad", "reasons": [str]}, empty where nothing judged it.
        used: [T, V, P, J] which of the keypoints the positions were computed from.
        figures: the quality figures per camera, joint and limb (JSON), as `lift3d reconstruct --json` prints them.
    """

    xyz: Array
    covariance: Array
    status: NDArray[np.uint8]
    views: NDArray[np.uint8]
    reprojection_error: Array
    confidence: Array
    time: Array
    fps: float
    skeleton: Skeleton
    rig: Rig | None = None
    keypoints: Keypoints | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)
    used: NDArray[np.bool_] | None = None
    figures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if np.ndim(self.xyz) != 4 or np.shape(self.xyz)[-1] != 3:
            raise InputError(f"poses xyz must be [T, P, J, 3], got {list(np.shape(self.xyz))}")
        shape = self.xyz.shape[:-1]
        wanted = {
            "covariance": (*shape, 6),
            **dict.fromkeys(("status", "views", "reprojection_error", "confidence"), shape),
            "time": shape[:1],
        }
        for name, want in wanted.items():
            if np.shape(getattr(self, name)) != want:
                raise InputError(f"poses {name} must be {list(want)}, got {list(np.shape(getattr(self, name)))}")
        if len(self.skeleton) != shape[2]:
            raise InputError(f"poses have {shape[2]} joints but {self.skeleton.name} names {len(self.skeleton)}")

    @classmethod
    def from_xyz(cls, xyz: Array, skeleton: Skeleton, fps: float, rig: Rig | None = None) -> Poses:
        """Poses from positions alone: nothing is known of their errors.

        Args:
            xyz: [T, P, J, 3] metres, world, Z up; NaN where missing.
            skeleton: the joint set.
            fps: frames a second.
            rig: the cameras, where there are any.
        """
        xyz = np.asarray(xyz, np.float64)
        seen: NDArray[np.bool_] = np.all(np.isfinite(xyz), axis=-1)
        return cls(
            xyz=np.where(seen[..., None], xyz, np.nan),
            covariance=np.full((*seen.shape, 6), np.nan),
            status=seen.astype(np.uint8),
            views=np.zeros(seen.shape, np.uint8),
            reprojection_error=np.full(seen.shape, np.nan),
            confidence=seen.astype(np.float64),
            time=np.arange(len(xyz)) / fps,
            fps=fps,
            skeleton=skeleton,
            rig=rig,
        )

    @property
    def sigma(self) -> Array:
        """[T, P, J] metres: root of the mean variance over the three axes."""
        return np.sqrt(self.covariance[..., [0, 3, 5]].mean(-1))

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the file; it appears whole or not at all.

        Raises:
            FileExistsError: the file exists and ``overwrite`` is False.
            OSError: the folder cannot be written.
        """
        path = Path(path)
        with atomic_file(path, overwrite=overwrite) as temporary, h5py.File(temporary, "w") as file:
            _write(self, file)
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Poses:
        """Read a file that :meth:`save` wrote.

        Raises:
            FileNotFoundError: there is none.
            InputError: it is not such a file, or it is damaged.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist; `lift3d reconstruct` makes such a file")
        try:
            with h5py.File(path, "r") as file:
                return _read(file, path)
        except (OSError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} is not a complete lift3d result ({error}); make it again with `lift3d reconstruct`"
            ) from error

    def replace(self, **changes: Any) -> Poses:
        """A copy with some fields changed."""
        return replace(self, **changes)


def is_result(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a lift3d result, as far as its heading says; nothing is raised."""
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("schema") == SCHEMA)
    except OSError:
        return False


def _write(poses: Poses, file: h5py.File) -> None:
    """All groups of schema version 1."""
    file.attrs.update(
        schema=SCHEMA,
        schema_version=SCHEMA_VERSION,
        fps=poses.fps,
        skeleton=poses.skeleton.name,
        joints=list(poses.skeleton.joints),
        settings=json.dumps(poses.settings),
        inputs=json.dumps(poses.inputs),
        verdict=json.dumps(poses.verdict),
        figures=json.dumps(poses.figures),
    )
    file["time"] = np.asarray(poses.time, np.float64)
    group = file.create_group("poses")
    for name in ("xyz", "covariance", "reprojection_error", "confidence"):
        _dataset(group, name, np.asarray(getattr(poses, name), np.float32))
    for name in ("status", "views"):
        _dataset(group, name, np.asarray(getattr(poses, name), np.uint8))
    if poses.rig is not None:
        _write_rig(poses.rig, file.create_group("rig", track_order=True))
    if poses.keypoints is not None:
        used = poses.keypoints
        group = file.create_group("keypoints")
        _dataset(group, "xy", used.xy.astype(np.float32))
        _dataset(group, "confidence", used.confidence.astype(np.float32))
        group["frames"] = used.frames
        if poses.used is not None:
            _dataset(group, "used", poses.used)
        group.attrs.update(cameras=list(used.cameras), joints=list(used.skeleton.joints), skeleton=used.skeleton.name)
        if used.fps is not None:
            group.attrs["fps"] = used.fps


def _dataset(group: h5py.Group, name: str, value: NDArray[Any]) -> None:
    """Compressed, since runs of NaN and of equal status cost nothing then."""
    group.create_dataset(
        name,
        data=value,
        compression="gzip" if value.size else None,
        compression_opts=1 if value.size else None,
        shuffle=bool(value.size),
        chunks=whole_frames(value.shape, value.itemsize),
    )


def _write_rig(rig: Rig, group: h5py.Group) -> None:
    """One group a camera, in the rig's order."""
    for camera in rig:
        if "/" in camera.name or camera.name in (".", ""):
            raise CalibrationError(f"camera name {camera.name!r} cannot stand in a result file; rename the camera")
        entry = group.create_group(camera.name)
        for name in ("K", "dist", "R", "t", "size"):
            entry[name] = np.asarray(getattr(camera, name))
        entry.attrs["model"] = camera.model


def _read(file: h5py.File, path: Path) -> Poses:
    """The inverse of :func:`_write`."""
    if file.attrs.get("schema") != SCHEMA:
        raise InputError(f"{path} is an HDF5 file, but not a lift3d result; `lift3d reconstruct` makes one")
    version = int(file.attrs["schema_version"])
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version}; this lift3d reads up to {SCHEMA_VERSION}: update lift3d"
        )
    skeleton = Skeleton(str(file.attrs["skeleton"]), tuple(map(str, file.attrs["joints"])))
    poses = file["poses"]
    keypoints = None
    if "keypoints" in file:
        used = file["keypoints"]
        fps = used.attrs.get("fps")
        keypoints = Keypoints(
            xy=read_array(used["xy"], np.float64),
            confidence=read_array(used["confidence"], np.float64),
            cameras=tuple(map(str, used.attrs["cameras"])),
            skeleton=Skeleton(str(used.attrs["skeleton"]), tuple(map(canonical_name, used.attrs["joints"]))),
            fps=None if fps is None else float(fps),
            frames=used["frames"][()],
        )
    return Poses(
        xyz=read_array(poses["xyz"], np.float64),
        covariance=read_array(poses["covariance"], np.float64),
        status=read_array(poses["status"]),
        views=read_array(poses["views"]),
        reprojection_error=read_array(poses["reprojection_error"], np.float64),
        confidence=read_array(poses["confidence"], np.float64),
        time=file["time"][()],
        fps=float(file.attrs["fps"]),
        skeleton=skeleton,
        rig=_read_rig(file["rig"]) if "rig" in file else None,
        keypoints=keypoints,
        settings=json.loads(file.attrs["settings"]),
        inputs=json.loads(file.attrs["inputs"]),
        verdict=json.loads(file.attrs["verdict"]),
        used=read_array(file["keypoints/used"]) if "keypoints/used" in file else None,
        figures=json.loads(file.attrs.get("figures", "{}")),
    )


def _read_rig(group: h5py.Group) -> Rig:
    """Cameras in the order they were written."""
    return Rig(
        tuple(
            Camera(
                name=name,
                **{key: entry[key][()] for key in ("K", "dist", "R", "t")},
                size=tuple(entry["size"][()]),
                model=str(entry.attrs["model"]),  # type: ignore[arg-type]
            )
            for name, entry in group.items()
        )
    )
