"""Motion capture for training: clips of world joints with subject, action and licence, and its HDF5 file.

Layout of the file (:func:`write_mocap` writes it): ``clips/<name>/joints`` [T, 17, 3] in Human3.6M's order, with the
attributes fps, subject, trial, action, source, licence and skeleton; the file's attribute ``unit`` is mm, cm or m.
Where the recording's cameras are known, ``clips/<name>/cameras`` holds them: names, K [V, 3, 3], dist [V, 14] in
OpenCV's order, R [V, 3, 3], t [V, 3] in metres whatever the unit of the joints, size [V, 2].
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError, Rig
from lift3d.calib.atomic_file import atomic_file

from .skeleton import SKELETONS

Array32 = NDArray[np.float32]

H36M = SKELETONS["h36m_17"]
PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
"""The parent of each of Human3.6M's 17 joints."""

UNITS = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
THIGH_RANGE = (0.25, 0.65)  # metres, from children to the tallest; a wrong unit is off by ten at least
TEXTS = ("subject", "trial", "action", "source", "licence", "skeleton")
DIST_LENGTH = 14  # OpenCV's longest; a shorter one is the same with zeros behind it
UNKNOWN_SUBJECT = "cmux-"  # clips whose subject nobody knows; it may be one of the test subjects


@dataclass(frozen=True, eq=False)
class Clip:
    """One recording of one person.

    Args:
        name: unique in its file.
        xyz: [T, 17, 3] metres, world, Z up, Human3.6M's joints.
        fps: frames a second.
        subject: who; a split never divides a subject.
        trial: which recording of the subject.
        action: what is done.
        source: where it came from.
        licence: what may be done with it.
        skeleton: whose bones these are: "native", or how they were retargeted.
        rig: the cameras that recorded it, where they are known.
    """

    name: str
    xyz: Array32
    fps: float
    subject: str
    trial: str = ""
    action: str = ""
    source: str = ""
    licence: str = ""
    skeleton: str = ""
    rig: Rig | None = None


@dataclass(frozen=True)
class Split:
    """Who is trained on, who chooses the model and who tests it; no subject stands twice.

    Args:
        train: subjects.
        select: the held-out training subject that early stopping looks at.
        test: subjects that nothing but an evaluation looks at.
    """

    train: tuple[str, ...]
    select: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def protocol(self) -> str:
        """One line that stands beside every number."""
        return f"test {', '.join(self.test)}; selected on {', '.join(self.select)}; {len(self.train)} subjects trained"


def read_mocap(path: str | os.PathLike[str]) -> tuple[Clip, ...]:
    """Read all clips of a file, in the order of their names.

    Args:
        path: a file in the layout of this module.

    Raises:
        FileNotFoundError: there is none.
        InputError: it is no such file, its joints are others, its unit is missing, or bones say that it is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; docs/lifter.md says what such a file holds")
    try:
        with h5py.File(path, "r") as file:
            factor = _unit(file, path)
            clips = tuple(_read_clip(name, group, factor, path) for name, group in file["clips"].items())
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is no motion capture file ({error}); docs/lifter.md says what one holds") from error
    if not clips:
        raise InputError(f"{path} holds no clips; make it again")
    check_thighs(clips, str(path))
    return clips


def write_mocap(path: str | os.PathLike[str], clips: Iterable[Clip], *, overwrite: bool = False) -> Path:
    """Write clips; the file appears whole or not at all.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
    """
    path = Path(path)
    with atomic_file(path, overwrite=overwrite) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(unit="m", world="right handed, Z up", joints=list(H36M.joints), parents=list(PARENTS))
        for clip in clips:
            group = file.create_group(f"clips/{clip.name}")
            group.create_dataset("joints", data=clip.xyz.astype(np.float32), compression="gzip", shuffle=True)
            group.attrs.update(fps=clip.fps, **{key: getattr(clip, key) for key in TEXTS})
            if clip.rig is not None:
                _write_rig(group.create_group("cameras"), clip.rig)
    return path


def _write_rig(group: h5py.Group, rig: Rig) -> None:
    """The cameras of a clip, as arrays; the polynomial lens models are one with zeros at the end."""
    for camera in rig:
        if camera.model != "pinhole":
            raise InputError(f"camera {camera.name} has a fisheye lens, which this file cannot hold; leave the rig out")
    dist = [np.pad(camera.dist, (0, DIST_LENGTH - len(camera.dist))) for camera in rig]
    group.attrs["names"] = list(rig.names)
    for key in ("K", "R", "t", "size"):
        group.create_dataset(key, data=np.array([getattr(camera, key) for camera in rig]))
    group.create_dataset("dist", data=np.array(dist))


def _read_rig(group: h5py.Group) -> Rig:
    """The cameras of a clip."""
    arrays = {key: group[key][()] for key in ("K", "dist", "R", "t", "size")}
    rows = zip(group.attrs["names"], *arrays.values(), strict=True)
    return Rig(tuple(Camera(str(name), K, dist, R, t, tuple(size)) for name, K, dist, R, t, size in rows))


def _unit(file: h5py.File, path: Path) -> float:
    """Metres a unit of the file."""
    unit = file.attrs.get("unit")
    if unit not in UNITS:
        raise InputError(f"{path}: attribute unit is {unit!r}, wanted one of {', '.join(UNITS)}; add it to the file")
    return UNITS[str(unit)]


def _read_clip(name: str, group: Any, factor: float, path: Path) -> Clip:
    """One clip in metres."""
    stored = group["joints"][()]
    if stored.ndim != 3 or stored.shape[1:] != (len(H36M), 3):
        raise InputError(f"{path}: clip {name} has joints {list(stored.shape)}, wanted [T, 17, 3] in H36M's order")
    xyz = (stored * np.float32(factor)).astype(np.float32)
    if not len(xyz) or not np.isfinite(xyz).all():
        raise InputError(f"{path}: clip {name} is empty or holds values that are not finite; leave it out")
    texts = {key: str(group.attrs.get(key, "")) for key in TEXTS}
    rig = _read_rig(group["cameras"]) if "cameras" in group else None
    return Clip(name, xyz, float(group.attrs["fps"]), **{**texts, "subject": texts["subject"] or name}, rig=rig)


def check_thighs(clips: Sequence[Clip], source: str) -> None:
    """Refuse clips whose thighs no human has: the sign of a wrong unit or of other joints.

    Raises:
        InputError: with the length that was found.
    """
    for clip in clips:
        bones = clip.xyz[:, [1, 4]] - clip.xyz[:, [2, 5]]
        length = float(np.median(np.linalg.norm(bones, axis=-1)))
        if not THIGH_RANGE[0] <= length <= THIGH_RANGE[1]:
            raise InputError(
                f"{source}: clip {clip.name} has thighs of {length:.3g} m, a human's are 0.3 to 0.5 m; "
                "check the unit (attribute unit) and the order of joints"
            )


def subjects_of(clips: Iterable[Clip]) -> tuple[str, ...]:
    """Who is in the clips, sorted."""
    return tuple(sorted({clip.subject for clip in clips}))


def split_subjects(clips: Sequence[Clip], test: Sequence[str], select: Sequence[str]) -> Split:
    """Divide the subjects.

    Raises:
        InputError: a named subject is not there, stands on both sides, is of unknown identity, or nobody is left.
    """
    known = subjects_of(clips)
    for name in (*test, *select):
        if name not in known:
            raise InputError(f"there is no subject {name}; there are {', '.join(known)}")
        if name.startswith(UNKNOWN_SUBJECT):
            raise InputError(f"nobody knows who {name} is, it may be a training subject; it can only be trained on")
    both = sorted(set(test) & set(select))
    if both:
        raise InputError(f"subject {', '.join(both)} cannot both select and test the model")
    train = tuple(name for name in known if name not in {*test, *select})
    if not train or not test or not select:
        raise InputError(
            f"the split is empty: {len(train)} subjects to train on, {len(select)} to select, {len(test)} to test"
        )
    return Split(train, tuple(select), tuple(test))


def of_subjects(clips: Iterable[Clip], subjects: Sequence[str]) -> tuple[Clip, ...]:
    """The clips of these subjects."""
    return tuple(clip for clip in clips if clip.subject in subjects)
