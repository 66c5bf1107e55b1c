"""Joint sets: names, bones, left-right pairs. Conversions are data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from lift3d.calib import InputError

SIDES = ("left_", "right_")

LIMB_BONES = tuple(
    (side + a, side + b)
    for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
    for side in SIDES
)
"""Thighs, shanks, upper arms and forearms: the eight bones whose length a rigid body keeps."""

# Bones that any set may have; a set's skeleton is the subset whose two ends it names.
_BONES = (
    *LIMB_BONES,
    ("left_hip", "right_hip"),
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    *((side + "ankle", side + part) for part in ("heel", "foot_index", "big_toe", "small_toe") for side in SIDES),
    *((side + "wrist", side + part) for part in ("thumb", "index", "pinky") for side in SIDES),
    *((side + "eye", side + "ear") for side in SIDES),
    *(("nose", side + "eye") for side in SIDES),
)
# With a trunk joint in the set, the box of shoulders and hips gives way to a spine.
_SPINE = (
    ("pelvis", "spine"),
    ("spine", "thorax"),
    ("thorax", "neck"),
    ("pelvis", "neck"),
    ("neck", "head"),
    ("neck", "nose"),
    *(("pelvis", side + "hip") for side in SIDES),
    *(("thorax", side + "shoulder") for side in SIDES),
    *(("neck", side + "shoulder") for side in SIDES),
)

_ALIASES = {
    "hip": "pelvis",
    "midhip": "pelvis",
    "mid_hip": "pelvis",
    "c_hip": "pelvis",
    "root": "pelvis",
    "body_center": "pelvis",
    "upper_neck": "neck",
    "neck_base": "neck",
    "head_top": "head",
    "foot": "ankle",
}
_ABBREVIATED = {"sho": "shoulder", "elb": "elbow", "wri": "wrist", "ank": "ankle"}


def canonical_name(name: str) -> str:
    """Write a joint's name as lift3d does: ``RKnee``, ``r_knee``, ``RightKnee`` and ``knee_right`` are ``right_knee``.

    A name that follows none of these customs comes back in lower case with underscores.
    """
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    snake = re.sub(r"[\s\-.]+", "_", snake).lower().strip("_")
    snake = re.sub(r"^(.+)_(left|right|l|r)$", r"\2_\1", snake)
    sided = re.match(r"^(left|right|l|r)_(.+)$", snake)
    side, part = (("left_", "right_")[sided[1][0] == "r"], sided[2]) if sided else ("", snake)
    part = _ABBREVIATED.get(part, part)
    if side and part == "foot":
        part = "ankle"
    if not side:
        part = _ALIASES.get(part, part)
    return side + part


@dataclass(frozen=True)
class Skeleton:
    """A named, ordered set of joints.

    Args:
        name: for example "body_25b".
        joints: J names, canonical (see :func:`canonical_name`), unique.
    """

    name: str
    joints: tuple[str, ...]

    def __post_init__(self) -> None:
        twice = sorted({joint for joint in self.joints if self.joints.count(joint) > 1})
        if twice:
            raise InputError(f"joint set {self.name}: joint {', '.join(twice)} stands in it twice")

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """The position of a joint, -1 where the set lacks it."""
        return self.joints.index(joint) if joint in self.joints else -1

    def pairs(self, names: Sequence[tuple[str, str]]) -> tuple[tuple[int, int], ...]:
        """Those of the named pairs whose two joints the set has, as positions."""
        return tuple((self.index(a), self.index(b)) for a, b in names if a in self.joints and b in self.joints)

    @cached_property
    def symmetric(self) -> tuple[tuple[int, int], ...]:
        """(left, right) positions of the joints that come in two."""
        return tuple(
            (i, self.index("right_" + joint[5:]))
            for i, joint in enumerate(self.joints)
            if joint.startswith("left_") and "right_" + joint[5:] in self.joints
        )

    @cached_property
    def limb_bones(self) -> tuple[tuple[int, int], ...]:
        """Positions of the ends of :data:`LIMB_BONES`, those that the set has."""
        return self.pairs(LIMB_BONES)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """Positions of the ends of every bone to draw."""
        spine = list(_SPINE)
        if "thorax" in self.joints:
            spine = [pair for pair in spine if not (pair[0] == "neck" and pair[1].endswith("shoulder"))]
            spine = [pair for pair in spine if pair != ("pelvis", "neck")]
        if "head" in self.joints and "thorax" not in self.joints:
            spine = [pair for pair in spine if pair != ("neck", "nose")]
        trunk = self.pairs(spine)
        box = {("left_shoulder", "left_hip"), ("right_shoulder", "right_hip")}
        if "neck" in self.joints or "thorax" in self.joints:
            box.add(("left_shoulder", "right_shoulder"))
            if "pelvis" not in self.joints:
                box -= {("left_shoulder", "left_hip"), ("right_shoulder", "right_hip")}
        else:
            box = set()
        if "pelvis" in self.joints:
            box.add(("left_hip", "right_hip"))
        return self.pairs([pair for pair in _BONES if pair not in box]) + trunk


def _sided(*parts: str, order: tuple[str, str] = SIDES) -> tuple[str, ...]:
    """left_a, right_a, left_b, right_b, …"""
    return tuple(side + part for part in parts for side in order)


_COCO_17 = ("nose", *_sided("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"))
_RIGHT_ARM, _LEFT_ARM = (tuple(side + part for part in ("shoulder", "elbow", "wrist")) for side in SIDES[::-1])
_RIGHT_LEG, _LEFT_LEG = (tuple(side + part for part in ("hip", "knee", "ankle")) for side in SIDES[::-1])
_LEFT_TOES, _RIGHT_TOES = (tuple(side + part for part in ("big_toe", "small_toe", "heel")) for side in SIDES)
_FACE_RL = _sided("eye", "ear", order=SIDES[::-1])

SKELETONS: dict[str, Skeleton] = {
    skeleton.name: skeleton
    for skeleton in (
        Skeleton("coco_17", _COCO_17),
        Skeleton(
            "h36m_17",
            ("pelvis", *_RIGHT_LEG, *_LEFT_LEG, "spine", "thorax", "neck", "head", *_LEFT_ARM, *_RIGHT_ARM),
        ),
        Skeleton(
            "body_25",
            (
                *("nose", "neck", *_RIGHT_ARM, *_LEFT_ARM, "pelvis", *_RIGHT_LEG, *_LEFT_LEG, *_FACE_RL),
                *(*_LEFT_TOES, *_RIGHT_TOES),
            ),
        ),
        Skeleton("body_25b", (*_COCO_17, "neck", "head", *_LEFT_TOES, *_RIGHT_TOES)),
        Skeleton("coco_18", ("nose", "neck", *_RIGHT_ARM, *_LEFT_ARM, *_RIGHT_LEG, *_LEFT_LEG, *_FACE_RL)),
        Skeleton("halpe_26", (*_COCO_17, "head", "neck", "pelvis", *_sided("big_toe", "small_toe", "heel"))),
        Skeleton(
            "mpii_16",
            (
                *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
                *("pelvis", "thorax", "neck", "head"),
                *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
            ),
        ),
        Skeleton(
            "mediapipe_33",
            (
                *("nose", "left_eye_inner", "left_eye", "left_eye_outer"),
                *("right_eye_inner", "right_eye", "right_eye_outer"),
                *_sided("ear", "mouth", "shoulder", "elbow", "wrist", "pinky", "index", "thumb"),
                *_sided("hip", "knee", "ankle", "heel", "foot_index"),
            ),
        ),
        Skeleton(
            "panoptic_19",
            (
                *("neck", "nose", "pelvis", *_LEFT_ARM, *_LEFT_LEG, *_RIGHT_ARM, *_RIGHT_LEG),
                *("left_eye", "left_ear", "right_eye", "right_ear"),
            ),
        ),
        Skeleton(
            "shelf_14",
            (
                *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
                *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
                *("neck", "head"),
            ),
        ),
    )
}


def skeleton_of(joints: Sequence[str], name: str = "custom") -> Skeleton:
    """The known joint set with these names in this order, or a new one called ``name``.

    Args:
        joints: J names in any of the customs that :func:`canonical_name` reads.
        name: what to call a set that is not known.

    Raises:
        InputError: two names mean the same joint.
    """
    canonical = tuple(canonical_name(joint) for joint in joints)
    for skeleton in SKELETONS.values():
        if skeleton.joints == canonical:
            return skeleton
    return Skeleton(name, canonical)
