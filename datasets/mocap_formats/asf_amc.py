"""Acclaim's ASF skeletons and AMC motions, as the CMU Graphics Lab's database has them: y up, 120 frames a second.

A bone's end is its parent's end plus its direction, turned by all rotations above it. The file's lengths are in inches
over its own unit.

Source: Acclaim file format; CMU Graphics Lab motion capture database, FAQ (inches, 0.45, 120 Hz).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from ..coco_of_h36m import FORWARD_OF_NECK
from ..mocap import Clip
from .recordings import Z_UP_OF_Y_UP, Recordings, Sources

Array = NDArray[np.float64]

FPS = 120.0
INCH = 0.0254
SOURCE = "mocap.cs.cmu.edu"
LICENCE = "free for all uses; not to be resold"

# Whose end is which of Human3.6M's joints; 0 and 9 are made of others.
ENDS = {
    1: "rhipjoint", 2: "rfemur", 3: "rtibia", 4: "lhipjoint", 5: "lfemur", 6: "ltibia", 7: "lowerback",
    8: "lowerneck", 10: "head", 11: "lclavicle", 12: "lhumerus", 13: "lradius", 14: "rclavicle", 15: "rhumerus",
    16: "rradius",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Bone:
    """A bone at rest.

    Args:
        parent: its name, "root" or another's.
        offset: [3] from its beginning to its end in the world at rest, metres.
        axis: [3, 3] its own axes.
        freedoms: which of tx, ty, tz, rx, ry, rz the motion gives, in that order.
    """

    parent: str
    offset: Array
    axis: Array
    freedoms: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Skeleton:
    """An ASF file."""

    bones: dict[str, _Bone]
    root: tuple[str, ...]
    metres: float
    degrees: bool


def recognises(path: Path) -> bool:
    """Whether the folder has motions of that kind."""
    return path.is_dir() and next(path.rglob("*.amc"), None) is not None


def read(path: Path, sources: Sources) -> Recordings:
    """Every motion of the folder and those in it; a subject is the folder, or what the skeleton's file is called.

    Raises:
        FileNotFoundError: a motion has no skeleton beside it.
        InputError: a file is damaged or lacks a bone.
    """
    clips, skeletons = [], {}
    for file in sorted(path.rglob("*.amc")):
        asf = _skeleton_file(file)
        if asf not in skeletons:
            skeletons[asf] = read_asf(asf)
        subject = f"cmu{asf.stem}" if asf.stem.isdigit() else asf.stem
        xyz = joints_of_amc(file, skeletons[asf]) @ Z_UP_OF_Y_UP.T
        trial = file.stem.rpartition("_")[2]
        clips.append(Clip(f"{subject}_{trial}", xyz.astype(np.float32), FPS, subject, trial, "", SOURCE, LICENCE,
                          "native"))  # fmt: skip
    return Recordings(clips, ["AMC files do not say their frame rate; CMU's 120 a second are taken"])


def _skeleton_file(motion: Path) -> Path:
    """The ASF that a motion belongs to: the only one beside it, or the one its name begins with."""
    beside = sorted(motion.parent.glob("*.asf"))
    named = [file for file in beside if motion.stem.startswith(f"{file.stem}_")]
    if len(named) == 1 or len(beside) == 1:
        return (named or beside)[0]
    raise FileNotFoundError(f"{motion} has no skeleton; its .asf file belongs into {motion.parent}")


def read_asf(path: Path) -> _Skeleton:
    """Read a skeleton.

    Raises:
        InputError: it is not such a file.
    """
    sections = {
        part.split(None, 1)[0]: part.split(None, 1)[1] if len(part.split(None, 1)) > 1 else ""
        for part in re.split(r"^:", path.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE)[1:]
    }
    try:
        units = dict(line.split()[:2] for line in sections["units"].splitlines() if len(line.split()) == 2)
        metres, degrees = INCH / float(units["length"]), units.get("angle", "deg").startswith("deg")
        root = next(line.split()[1:] for line in sections["root"].splitlines() if line.split()[:1] == ["order"])
        parents = {
            child: row[0] for row in map(str.split, sections["hierarchy"].splitlines()) if len(row) > 1
            for child in row[1:]
        }  # fmt: skip
        blocks = re.findall(r"^\s*begin(.*?)^\s*end", sections["bonedata"], flags=re.MULTILINE | re.DOTALL)
        bones = dict(_bone(block, parents, metres, degrees) for block in blocks)
    except (KeyError, ValueError, IndexError, StopIteration) as error:
        raise InputError(f"{path} is no ASF skeleton ({error}); download it again") from error
    lacking = sorted(set(ENDS.values()) - set(bones))
    if lacking:
        raise InputError(f"{path} has no bone {', '.join(lacking[:3])}; CMU's skeletons have it")
    return _Skeleton(bones, tuple(name.lower() for name in root), metres, degrees)


def _bone(block: str, parents: dict[str, str], metres: float, degrees: bool) -> tuple[str, _Bone]:
    """One entry of ``:bonedata``."""
    rows = {row[0]: row[1:] for row in map(str.split, block.splitlines()) if row}
    name = rows["name"][0]
    offset = np.array(rows["direction"], np.float64) * float(rows["length"][0]) * metres
    angles = np.array(rows["axis"][:3], np.float64)
    axis = rotations(np.deg2rad(angles) if degrees else angles, rows["axis"][3].lower())
    return name, _Bone(parents[name], offset, axis, tuple(rows.get("dof", ())))


def rotations(angles: Array, order: str) -> Array:
    """Rotations [..., 3, 3] by angles [..., 3] in radians about the axes of ``order``, the first one applied first."""
    R = np.broadcast_to(np.eye(3), (*angles.shape[:-1], 3, 3))
    for k, letter in enumerate(order):
        axis = "xyz".index(letter)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = np.zeros((*angles.shape[:-1], 3, 3))
        turn[..., axis, axis] = 1
        turn[..., i, i] = turn[..., j, j] = np.cos(angles[..., k])
        turn[..., j, i], turn[..., i, j] = np.sin(angles[..., k]), -np.sin(angles[..., k])
        R = turn @ R
    return np.asarray(R)


def joints_of_amc(path: Path, skeleton: _Skeleton) -> Array:
    """Human3.6M's joints of a motion, [T, 17, 3] metres, y up.

    Raises:
        InputError: it is not such a file, or moves bones otherwise than its skeleton says.
    """
    motion = _read_amc(path)
    try:
        root = dict(zip(skeleton.root, motion["root"].T, strict=True))
        place = np.stack([root[key] for key in ("tx", "ty", "tz")], -1) * skeleton.metres
        turn = _turned(root, skeleton, [key for key in skeleton.root if key[0] == "r"])
        ends, frames = {"root": place}, {"root": turn}
        for name, bone in skeleton.bones.items():
            local = dict(zip(bone.freedoms, motion[name].T, strict=True)) if name in motion else {}
            keys = [key for key in bone.freedoms if key[0] == "r"]
            own = bone.axis @ _turned(local, skeleton, keys) @ bone.axis.T if keys else np.eye(3)
            frames[name] = frames[bone.parent] @ own
            ends[name] = ends[bone.parent] + frames[name] @ bone.offset
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} does not fit its skeleton ({error}); is the .asf another subject's?") from error
    out = np.stack([ends.get(ENDS.get(j, ""), place) for j in range(17)], 1)
    out[:, 0] = (out[:, 1] + out[:, 4]) / 2
    out[:, 9] = ends["upperneck"] + FORWARD_OF_NECK * frames["head"][..., 2]  # faces look along z at rest
    return out


def _turned(values: dict[str, Array], skeleton: _Skeleton, keys: list[str]) -> Array:
    """Rotations of the named freedoms, the first one applied first; the identity where nothing turns."""
    if not keys or keys[0] not in values:
        return np.eye(3)
    angles = np.stack([values[key] for key in keys], -1)
    return rotations(np.deg2rad(angles) if skeleton.degrees else angles, "".join(key[1] for key in keys))


def _read_amc(path: Path) -> dict[str, Array]:
    """By bone: [T, its freedoms]."""
    rows: dict[str, list[list[float]]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if len(words) < 2 or words[0][0] in "#:":
            continue
        try:
            rows.setdefault(words[0], []).append([float(word) for word in words[1:]])
        except ValueError as error:
            raise InputError(f"{path} is no AMC motion ({error}); download it again") from error
    if "root" not in rows or len({len(values) for values in rows.values()}) != 1:
        raise InputError(f"{path} is no whole AMC motion; download it again")
    return {name: np.array(values) for name, values in rows.items()}
