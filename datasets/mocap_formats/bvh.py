"""BVH motions of any skeleton whose joints have usual names: Mixamo's, CMU's conversions, LAFAN1's, Blender's.

Convention:
    y up, rotations in the order of the channels; the file does not say its unit: centimetres unless told otherwise,
    and thighs that no human has are refused.

Source: Biovision's format as Meredith and Maddock, Motion Capture File Formats Explained, 2001, describe it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from ..mocap import H36M, UNITS, Clip, check_thighs
from .asf_amc import rotations
from .head import head_joints
from .recordings import Z_UP_OF_Y_UP, Recordings, Sources, metres_of

Array = NDArray[np.float64]

# What joints are called, the surest name first: with both an arm and a shoulder, the shoulder is the collar bone.
NAMES = {
    "hip": ("upleg", "upperleg", "thigh", "hip"),
    "knee": ("leg", "lowerleg", "shin", "calf", "knee"),
    "ankle": ("foot", "ankle"),
    "shoulder": ("arm", "upperarm", "uparm", "shoulder", "shldr"),
    "elbow": ("forearm", "lowerarm", "lowarm", "elbow"),
    "wrist": ("hand", "wrist"),
}
NECK, HEAD = ("neck1", "neck"), ("head",)
USUAL_SUBJECT = r"(?P<subject>.+)_(?P<trial>[^_]+)"


@dataclass(eq=False)
class _Joint:
    """A joint of the hierarchy: its parent's position in the list, its place at rest, its channels."""

    name: str
    parent: int
    offset: Array = field(default_factory=lambda: np.zeros(3))
    channels: list[str] = field(default_factory=list)


def recognises(path: Path) -> bool:
    """Whether it is such a file, or a folder with some."""
    return path.suffix.lower() == ".bvh" or (path.is_dir() and next(path.rglob("*.bvh"), None) is not None)


def read(path: Path, sources: Sources) -> Recordings:
    """Every motion of the folder and those in it.

    Raises:
        InputError: a file is damaged, a joint cannot be found in it, or its unit is another.
    """
    metres = metres_of(sources.unit, "cm")
    files = [path] if path.is_file() else sorted(path.rglob("*.bvh"))
    clips = []
    for file in files:
        subject, trial = _who(file, path, sources.subject)
        joints, motion, seconds = read_bvh(file)
        xyz = joints_of_bvh(joints, motion, source=str(file), metres=metres) @ Z_UP_OF_Y_UP.T
        clip = Clip(f"{subject}_{trial}", xyz.astype(np.float32), round(1 / seconds, 3), subject, trial, "", file.name)
        _check_unit(clip, file, metres)
        clips.append(clip)
    return Recordings(clips)


def _check_unit(clip: Clip, file: Path, metres: float) -> None:
    """Say which unit would give human thighs."""
    try:
        check_thighs([clip], str(file))
    except InputError:
        thigh = float(np.median(np.linalg.norm(clip.xyz[:, 1] - clip.xyz[:, 2], axis=-1))) / metres
        fitting = [unit for unit, factor in UNITS.items() if 0.3 <= thigh * factor <= 0.55]
        advice = f"give --unit {fitting[0]}" if fitting else "no unit of mm, cm, m makes it human"
        raise InputError(
            f"{file}: thighs measure {thigh:.3g} units, which were taken for {metres:g} m; {advice}"
        ) from None


def _who(file: Path, base: Path, pattern: str | None) -> tuple[str, str]:
    """Subject and trial: by the pattern, else by the folder, else by the name's last underscore."""
    if pattern is not None:
        match = re.search(pattern, file.stem)
        if match is None or "subject" not in match.groupdict():
            raise InputError(f"{file.name} does not match {pattern!r}; it needs a group (?P<subject>...)")
        return match["subject"], match.groupdict().get("trial") or file.stem
    if file.parent != base and base.is_dir():
        return file.parent.name, file.stem
    match = re.fullmatch(USUAL_SUBJECT, file.stem)
    return (match["subject"], match["trial"]) if match else (file.stem, "0")


def read_bvh(path: Path) -> tuple[list[_Joint], Array, float]:
    """The hierarchy, the motion [T, channels] and the seconds of a frame.

    Raises:
        InputError: it is not such a file.
    """
    hierarchy, _, motion = path.read_text(encoding="utf-8", errors="replace").partition("MOTION")
    try:
        joints = _hierarchy(hierarchy.split())
        seconds = float(re.findall(r"Frame Time:\s*([\d.eE+-]+)", motion)[0])
        numbers = np.array(motion.partition("Frame Time:")[2].split()[1:], np.float64)
        rows = numbers.reshape(-1, sum(len(joint.channels) for joint in joints))
    except (IndexError, ValueError) as error:
        raise InputError(f"{path} is no BVH motion ({error}); export it again") from error
    if not len(rows) or not seconds > 0:
        raise InputError(f"{path} holds no frames; export it again")
    return joints, rows, seconds


def _hierarchy(words: list[str]) -> list[_Joint]:
    """The joints in the order of the motion's columns."""
    joints: list[_Joint] = []
    open_joints = [-1]
    position = 0
    while position < len(words):
        word = words[position]
        if word in ("ROOT", "JOINT", "End"):
            joints.append(_Joint(words[position + 1] if word != "End" else "", open_joints[-1]))
            position += 2
        elif word == "{":
            open_joints.append(len(joints) - 1)
            position += 1
        elif word == "}":
            open_joints.pop()
            position += 1
        elif word == "OFFSET":
            joints[open_joints[-1]].offset = np.array(words[position + 1 : position + 4], np.float64)
            position += 4
        elif word == "CHANNELS":
            count = int(words[position + 1])
            joints[open_joints[-1]].channels = words[position + 2 : position + 2 + count]
            position += 2 + count
        else:
            position += 1
    return joints


def joints_of_bvh(joints: list[_Joint], motion: Array, *, source: str, metres: float) -> Array:
    """Human3.6M's joints of a motion.

    Args:
        joints: the hierarchy.
        motion: [T, channels].
        source: what messages call it.
        metres: a unit of the file.

    Returns:
        [T, 17, 3] metres, y up.

    Raises:
        InputError: a joint cannot be found by its name.
    """
    places, turns = _poses(joints, motion)
    index = _find(joints, source)
    out = np.full((len(motion), len(H36M), 3), np.nan)
    for j, joint in enumerate(H36M.joints):
        if joint in index:
            out[:, j] = places[index[joint]]
    rest = _rest(joints)
    out[:, 0] = (out[:, 1] + out[:, 4]) / 2
    neck, head = index["neck"], index["head"]
    out[:, 8] = places[neck]
    out[:, 7] = _spine(joints, places, rest, neck, out)
    axes = turns[head] @ _axes(rest[index["left_hip"]] - rest[index["right_hip"]]).T
    out *= metres
    out[:, 9], out[:, 10] = head_joints(np.swapaxes(axes, -1, -2), places[head] * metres)
    return out


def _poses(joints: list[_Joint], motion: Array) -> tuple[list[Array], list[Array]]:
    """Of each joint: places [T, 3] and rotations [T, 3, 3] in the world."""
    places: list[Array] = []
    turns: list[Array] = []
    column = 0
    for joint in joints:
        values = motion[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        moved = {
            name[0].lower(): values[:, k] for k, name in enumerate(joint.channels) if name.lower().endswith("position")
        }
        offset = np.stack([moved.get(axis, np.full(len(motion), joint.offset[i])) for i, axis in enumerate("xyz")], -1)
        order = [k for k, name in enumerate(joint.channels) if name.lower().endswith("rotation")]
        letters = "".join(joint.channels[k][0].lower() for k in order)
        own = rotations(np.deg2rad(values[:, order[::-1]]), letters[::-1])  # the last channel turns first
        if joint.parent < 0:
            places.append(offset)
            turns.append(own)
        else:
            places.append(places[joint.parent] + (turns[joint.parent] @ offset[..., None])[..., 0])
            turns.append(turns[joint.parent] @ own)
    return places, turns


def _rest(joints: list[_Joint]) -> Array:
    """Places [J, 3] at rest."""
    places = np.zeros((len(joints), 3))
    for j, joint in enumerate(joints):
        places[j] = joint.offset + (places[joint.parent] if joint.parent >= 0 else 0)
    return places


def _axes(left: Array) -> Array:
    """[3, 3] of a body at rest whose left is that way, columns forward, left and up: the frame that turns with it."""
    left = left * (1.0, 0.0, 1.0)
    left = left / max(float(np.linalg.norm(left)), 1e-9)
    up = np.array([0.0, 1.0, 0.0])
    return np.stack([np.cross(left, up), left, up], -1).T


def _spine(joints: list[_Joint], places: list[Array], rest: Array, neck: int, out: Array) -> Array:
    """The joint of the trunk that is nearest to halfway from the pelvis to the neck, or halfway itself."""
    chain, j = [], joints[neck].parent
    while j >= 0:
        chain.append(j)
        j = joints[j].parent
    pelvis = rest[chain[-1]] if chain else rest[neck]
    total = max(float(np.linalg.norm(rest[neck] - pelvis)), 1e-9)
    share = {j: float(np.linalg.norm(rest[j] - pelvis)) / total for j in chain}
    best = min(share, key=lambda j: abs(share[j] - 0.5), default=-1)
    if best >= 0 and abs(share[best] - 0.5) < 0.25:
        return places[best]
    return np.asarray((out[:, 0] + out[:, 8]) / 2)


def _find(joints: list[_Joint], source: str) -> dict[str, int]:
    """Positions of what is needed, by Human3.6M's names."""
    plain = {_plain(joint.name): j for j, joint in reversed(list(enumerate(joints))) if joint.name}
    index = {}
    for side in ("left", "right"):
        for part, names in NAMES.items():
            wanted = [f"{side}{name}" for name in names]
            index[f"{side}_{part}"] = _first(plain, wanted, f"{side} {part}", source)
    index["neck"] = _first(plain, NECK, "neck", source)
    index["head"] = _first(plain, HEAD, "head", source)
    return index


def _first(plain: dict[str, int], wanted: list[str] | tuple[str, ...], what: str, source: str) -> int:
    """The first of the names that is there."""
    for name in wanted:
        if name in plain:
            return plain[name]
    raise InputError(f"{source} has no joint called like a {what} ({', '.join(wanted)}); rename its joints")


def _plain(name: str) -> str:
    """``mixamorig:LeftUpLeg``, ``thigh_l`` and ``L_Thigh`` as ``leftupleg`` and ``leftthigh``."""
    text = name.rpartition(":")[2]
    text = re.sub(r"^(.*)[_.\- ]([lr])$", r"\2_\1", text, flags=re.IGNORECASE)
    text = re.sub(r"^([lrLR])(?=[_.\- ]|[A-Z])", lambda m: {"l": "left", "r": "right"}[m[1].lower()], text)
    return re.sub(r"[^a-z0-9]", "", text.lower())
