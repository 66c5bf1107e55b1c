"""A person's body as round solids around the joints, so that the joints lie where labellers would put them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets.body import SHANK, THIGH
from lift3d.datasets.skeleton import SIDES, Skeleton

from .solids import Solids, ball, limb

Array = NDArray[np.float64]

ADULT = 1.75  # metres: the measures below are those of a person of this height
NEEDED = ("nose", "neck", "head") + tuple(
    side + part
    for part in (
        *("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
        *("heel", "big_toe", "small_toe"),
    )
    for side in SIDES
)


@dataclass(frozen=True)
class Build:
    """How a person is built and what they wear, as far as it has a shape.

    Args:
        girth: 1 is average.
        long_hair: hair down the neck.
        long_sleeves: sleeves to the wrist, not half the upper arm.
    """

    girth: float = 1.0
    long_hair: bool = False
    long_sleeves: bool = False


@dataclass(frozen=True, eq=False)
class PersonSolids:
    """One person at one moment.

    Args:
        solids: skin, hair, clothes and shoes; names are of :data:`lift3d.viz.person_paint.PARTS`.
        head: [3, 3] rows forward, left, up.
        neck: [3] metres: where the head's frame stands.
        pelvis: [3] metres, the middle of the hips.
        up: [3] the trunk's direction.
        size: stature over that of an adult.
    """

    solids: Solids
    head: Array
    neck: Array
    pelvis: Array
    up: Array
    size: float


def person_solids(xyz: Array, skeleton: Skeleton, build: Build | None = None) -> PersonSolids:
    """Put a body around the joints.

    Args:
        xyz: [J, 3] metres, world, all finite.
        skeleton: must have the joints of BODY_25B.
        build: None: average.

    Raises:
        InputError: a joint lacks.
    """
    missing = [name for name in NEEDED if name not in skeleton.joints]
    if missing:
        raise InputError(f"a body needs the joints of body_25b; {skeleton.name} lacks {', '.join(missing)}")
    joints = {name: xyz[skeleton.index(name)] for name in NEEDED}
    return _Body(joints, build or Build()).assembled()


def stature(joints: dict[str, Array]) -> float:
    """Metres, from the lengths of the legs."""
    legs = [
        np.linalg.norm(joints[side + "hip"] - joints[side + "knee"])
        + np.linalg.norm(joints[side + "knee"] - joints[side + "ankle"])
        for side in SIDES
    ]
    return float(np.mean(legs)) / (THIGH + SHANK)


class _Body:
    """Builds the solids of one person, part by part; lengths are metres at :data:`ADULT`."""

    def __init__(self, joints: dict[str, Array], build: Build) -> None:
        self._joints = joints
        self._build = build
        self._size = stature(joints) / ADULT
        self._wide = self._size * build.girth
        self._pelvis = (joints["left_hip"] + joints["right_hip"]) / 2
        self._neck = joints["neck"]
        self._trunk = _frame(self._neck - self._pelvis, joints["left_shoulder"] - joints["right_shoulder"])
        self._hips = _frame(self._neck - self._pelvis, joints["left_hip"] - joints["right_hip"])
        self._head = _frame(joints["head"] - self._neck, joints["left_ear"] - joints["right_ear"])

    def assembled(self) -> PersonSolids:
        """Everything."""
        parts = [*self._torso(), *self._face(), *self._hair()]
        for side in SIDES:
            parts += [*self._arm(side), *self._leg(side), *self._foot(side)]
        return PersonSolids(Solids.join(parts), self._head, self._neck, self._pelvis, self._trunk[2], self._size)

    def _limb(
        self,
        name: str,
        ends: tuple[Array, Array],
        radii: tuple[float, float],
        *,
        thin: Array | None = None,
        flat: float = 1.0,
    ) -> Solids:
        """A limb with radii for an adult of average girth."""
        thin = self._trunk[0] if thin is None else thin  # the cloth's pattern turns with the body
        return limb(name, ends, (radii[0] * self._wide, radii[1] * self._wide), thin=thin, flat=flat)

    def _at(self, frame: Array, origin: Array, offset: tuple[float, float, float]) -> Array:
        """A place in a frame."""
        return np.asarray(origin + self._size * (np.array(offset) @ frame))

    def _torso(self) -> list[Solids]:
        """Hips in trousers, belly and chest in a shirt, shoulders, neck."""
        hips, trunk, H = self._hips, self._trunk, self._pelvis
        ahead, behind = trunk[0], hips[0]
        waist = self._at(trunk, H, (0.0, 0, 0.17))
        chest = self._at(trunk, H, (0.005, 0, 0.31))
        top = self._at(trunk, H, (-0.01, 0, 0.41))
        parts = [
            self._limb("hips", (self._at(hips, H, (-0.008, 0, 0.05)), waist), (0.160, 0.142), thin=behind, flat=0.72),
            self._limb("shirt", (self._at(hips, H, (-0.006, 0, 0.08)), waist), (0.188, 0.152), thin=behind, flat=0.70),
            self._limb("shirt", (waist, chest), (0.152, 0.182), thin=ahead, flat=0.66),
            self._limb("shirt", (chest, top), (0.182, 0.168), thin=ahead, flat=0.64),
            self._limb(
                "neck",
                (self._at(trunk, self._neck, (-0.012, 0, -0.05)), self._at(self._head, self._neck, (0.0, 0, 0.07))),
                (0.062, 0.053),
            ),
        ]
        for side, sign in zip(SIDES, (1, -1), strict=True):
            shoulder = self._joints[side + "shoulder"]
            base = self._at(trunk, self._neck, (-0.018, sign * 0.030, -0.025))
            within = self._at(trunk, H, (0.0, sign * 0.10, 0.42))
            parts.append(self._limb("shirt", (base, shoulder + 0.006 * self._size * trunk[2]), (0.058, 0.052)))
            parts.append(self._limb("shirt", (within, shoulder - 0.01 * self._size * trunk[2]), (0.098, 0.066)))
            blade = self._at(trunk, H, (-0.030, sign * 0.085, 0.36))
            breast = self._at(trunk, H, (0.030, sign * 0.078, 0.35))
            parts.append(ball("shirt", blade, self._wide * np.array([0.088, 0.100, 0.13]), axes=trunk))
            parts.append(ball("shirt", breast, self._wide * np.array([0.084, 0.100, 0.105]), axes=trunk))
            seat = self._at(hips, H, (-0.030, sign * 0.070, -0.025))
            parts.append(ball("hips", seat, self._wide * np.array([0.100, 0.095, 0.125]), axes=hips))
        return parts

    def _arm(self, side: str) -> list[Solids]:
        """Sleeve, arm, forearm, hand."""
        shoulder, elbow, wrist = (self._joints[side + part] for part in ("shoulder", "elbow", "wrist"))
        along = (wrist - elbow) / max(float(np.linalg.norm(wrist - elbow)), 1e-9)
        palm = self._trunk[1] - (self._trunk[1] @ along) * along
        ahead = np.cross(along, self._trunk[1])
        knuckles = wrist + 0.085 * self._size * along
        tips = knuckles + 0.075 * self._size * along - 0.010 * self._size * ahead
        sleeve = self._build.long_sleeves
        hem = wrist if sleeve else shoulder + 0.62 * (elbow - shoulder)
        parts = [
            self._limb("skin", (shoulder, elbow), (0.052, 0.042)),
            self._limb("skin", (elbow, elbow + 0.3 * (wrist - elbow)), (0.041, 0.043)),
            self._limb("skin", (elbow + 0.3 * (wrist - elbow), wrist), (0.043, 0.029)),
            self._limb("skin", (wrist, knuckles), (0.030, 0.036), thin=palm, flat=0.5),
            self._limb("skin", (knuckles, tips), (0.035, 0.020), thin=palm, flat=0.45),
            self._limb("skin", (wrist + 0.02 * along, wrist + 0.085 * along - 0.035 * ahead), (0.014, 0.010)),
            self._limb("sleeve", (shoulder, elbow if sleeve else hem), (0.064, 0.052 if sleeve else 0.058)),
        ]
        if sleeve:
            parts.append(self._limb("sleeve", (elbow, elbow + 0.93 * (wrist - elbow)), (0.052, 0.038)))
        return parts

    def _leg(self, side: str) -> list[Solids]:
        """Trousers."""
        hip, knee, ankle = (self._joints[side + part] for part in ("hip", "knee", "ankle"))
        shank = _frame(knee - ankle, self._hips[1])
        calf = knee + 0.30 * (ankle - knee) - 0.018 * self._size * shank[0]
        hem = ankle + 0.07 * (knee - ankle)
        middle = hip + 0.35 * (knee - hip)
        return [
            self._limb("trousers", (hip, middle), (0.092, 0.088)),
            self._limb("trousers", (middle, knee), (0.088, 0.064)),
            self._limb("trousers", (knee, calf), (0.064, 0.066)),
            self._limb("trousers", (calf, hem), (0.066, 0.054)),
            self._limb("skin", (hem, ankle), (0.040, 0.036)),
        ]

    def _foot(self, side: str) -> list[Solids]:
        """A shoe that stands on the floor where heel and toes do."""
        heel, ankle = self._joints[side + "heel"], self._joints[side + "ankle"]
        toes = (self._joints[side + "big_toe"] + self._joints[side + "small_toe"]) / 2
        across = self._joints["left_" + "small_toe"] - self._joints["left_" + "big_toe"]
        if side != "left_":
            across = self._joints[side + "big_toe"] - self._joints[side + "small_toe"]
        ahead = toes - heel
        upward = np.cross(ahead, across)
        upward = upward / max(float(np.linalg.norm(upward)), 1e-9) * self._size
        ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-9) * self._size
        back, front = heel + 0.024 * upward + 0.030 * ahead, toes + 0.019 * upward - 0.005 * ahead
        big, small = (self._joints[side + toe] + 0.011 * upward - 0.012 * ahead for toe in ("big_toe", "small_toe"))
        instep = back + 0.55 * (front - back) + 0.012 * upward
        return [
            self._limb("shoe", (back, instep), (0.038, 0.042)),
            self._limb("shoe", (instep, big), (0.042, 0.029)),
            self._limb("shoe", (instep, small), (0.040, 0.028)),
            self._limb("shoe", (ankle + 0.015 * upward, instep), (0.042, 0.040)),
            self._limb("sole", (back - 0.020 * upward, front - 0.021 * upward), (0.041, 0.037), thin=upward, flat=0.3),
        ]

    def _face(self) -> list[Solids]:
        """Skull, jaw, nose and ears."""
        head, at = self._head, self._neck
        size = self._size
        parts = [
            ball("face", self._at(head, at, (-0.002, 0, 0.150)), size * np.array([0.098, 0.077, 0.098]), axes=head),
            limb(
                "face",
                (self._at(head, at, (0.020, 0, 0.130)), self._at(head, at, (0.049, 0, 0.058))),
                (0.070 * size, 0.043 * size),
            ),
            limb(
                "face",
                (self._at(head, at, (0.090, 0, 0.126)), self._at(head, at, (0.106, 0, 0.096))),
                (0.009 * size, 0.013 * size),
            ),
        ]
        for side in SIDES:
            ear = self._joints[side + "ear"] - 0.004 * size * head[0]
            parts.append(ball("ear", ear, size * np.array([0.018, 0.011, 0.031]), axes=head))
        return parts

    def _hair(self) -> list[Solids]:
        """A cap, and what hangs down."""
        head, at, size = self._head, self._neck, self._size
        parts = [
            ball("hair", self._at(head, at, (-0.012, 0, 0.158)), size * np.array([0.100, 0.085, 0.102]), axes=head)
        ]
        if self._build.long_hair:
            crown, tip = self._at(head, at, (-0.045, 0, 0.14)), self._at(head, at, (-0.075, 0, -0.04))
            parts.append(limb("locks", (crown, tip), (0.080 * size, 0.060 * size), thin=head[0], flat=0.7))
        return parts


def _frame(up: Array, left: Array) -> Array:
    """Rows forward, left, up of a right-handed frame: up is kept, left as far as it is across."""
    up = up / max(float(np.linalg.norm(up)), 1e-9)
    left = left - (left @ up) * up
    size = float(np.linalg.norm(left))
    left = left / size if size > 1e-9 else _any_across(up)
    return np.stack([np.cross(left, up), left, up])


def _any_across(up: Array) -> Array:
    """A unit vector across another, where nothing says which."""
    other = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    return np.asarray(other / np.linalg.norm(other))
