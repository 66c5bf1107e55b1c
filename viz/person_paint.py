"""Colour and light on the bodies of the demo's video."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .mesh import LIGHT
from .palette import rgb
from .person_solids import Build, PersonSolids
from .solids import Single, Surface

Array = NDArray[np.float64]

GAMMA = 2.2  # light is added up linearly, colours are given and shown as on a screen
KEY = np.array([1.55, 1.50, 1.40], np.float32)  # the light from LIGHT
SKY = np.array([0.62, 0.66, 0.72], np.float32)
BOUNCE = np.array([0.34, 0.30, 0.26], np.float32)  # from the floor
EXPOSURE = np.float32(0.62)
NOISE_SIZE = 256

# Face, in metres of an adult's head frame (forward, left, up from the neck).
EYE = (0.0315, 0.133)
BELT = (0.095, 0.125)  # metres above the hip joints
BROW_Z, MOUTH_Z = 0.155, 0.063
HAIRLINE = ((-0.06, 0.045), (-0.010, 0.075), (0.012, 0.125), (0.045, 0.180), (0.075, 0.198))  # forward -> up


@dataclass(frozen=True)
class Looks:
    """What a person looks like; colours are RGB in 0..1 as on a screen.

    Args:
        skin: of face and hands.
        hair: its colour.
        shirt: its colour.
        stripe: a second colour of the shirt.
        stripe_height: metres from one stripe to the next; 0 for none.
        trousers: their colour.
        shoes: their colour.
        sole: its colour.
        build: the shape.
    """

    skin: Array = field(default_factory=lambda: rgb("#C98F6E"))
    hair: Array = field(default_factory=lambda: rgb("#33241B"))
    shirt: Array = field(default_factory=lambda: rgb("#B5413A"))
    stripe: Array = field(default_factory=lambda: rgb("#E3DCD2"))
    stripe_height: float = 0.0
    trousers: Array = field(default_factory=lambda: rgb("#2E3A55"))
    shoes: Array = field(default_factory=lambda: rgb("#3A3A3E"))
    sole: Array = field(default_factory=lambda: rgb("#D8D8D4"))
    build: Build = field(default_factory=Build)


WARDROBE = (
    Looks(),
    Looks(
        skin=rgb("#E0AC8A"),
        hair=rgb("#6E4A2A"),
        shirt=rgb("#3F6F63"),
        stripe_height=0.07,
        trousers=rgb("#77705F"),
        shoes=rgb("#8A3F32"),
        build=Build(girth=0.93, long_hair=True, long_sleeves=True),
    ),
    Looks(
        skin=rgb("#8A5A3C"),
        hair=rgb("#1C1714"),
        shirt=rgb("#D0C24A"),
        trousers=rgb("#38383C"),
        shoes=rgb("#E6E6E6"),
        build=Build(girth=1.08),
    ),
)


def tileable_noise(rng: np.random.Generator, size: int = NOISE_SIZE) -> Single:
    """Smooth noise [size, size] around 0 with deviation 1 that repeats without a seam, coarse and fine together."""
    frequency = np.fft.fftfreq(size)[:, None] ** 2 + np.fft.rfftfreq(size) ** 2
    total = np.zeros((size, size))
    for sigma in (24.0, 8.0, 2.5):
        white = np.fft.rfft2(rng.standard_normal((size, size)))
        smooth = np.fft.irfft2(white * np.exp(-2 * (np.pi * sigma) ** 2 * frequency), s=(size, size))
        total += (smooth - smooth.mean()) / smooth.std()
    return np.asarray(total / total.std(), np.float32)


class Painter:
    """Gives one person's surface its colours.

    Args:
        looks: their colours.
        noise: from :func:`tileable_noise`, the folds and weave.
    """

    def __init__(self, looks: Looks, noise: Single) -> None:
        self._noise = noise
        self._looks = looks
        colors = {name: linear(getattr(looks, name)) for name in ("skin", "hair", "shirt", "trousers", "shoes", "sole")}
        self._color = colors
        self._stripe = linear(looks.stripe)
        self._paint: dict[str, Callable[[Surface, PersonSolids], Single]] = {
            "skin": lambda s, _: self._textured(s, colors["skin"], 0.05),
            "neck": lambda s, _: self._textured(s, colors["skin"] * np.float32(0.72), 0.05),
            "ear": lambda s, _: self._textured(s, colors["skin"] * np.float32(0.85), 0.03),
            "face": self._face,
            "hair": self._hair,
            "locks": lambda s, _: self._strands(s),
            "shirt": self._trunk,
            "sleeve": self._shirt,
            "hips": self._trunk,
            "trousers": lambda s, _: self._cloth(s, colors["trousers"]),
            "shoe": lambda s, _: self._textured(s, colors["shoes"], 0.10),
            "sole": lambda s, _: self._textured(s, colors["sole"], 0.05),
        }

    def paint(self, name: str, at: Surface, person: PersonSolids) -> Single:
        """The colour [M, 3], linear, of a part's surface, without the light."""
        return self._paint[name](at, person)

    def _textured(self, at: Surface, color: Single, strength: float) -> Single:
        """A colour with some unevenness."""
        return color * (1 + np.float32(strength) * self._sample(at, (70.0, 90.0)))[:, None]

    def _cloth(self, at: Surface, color: Single) -> Single:
        """Folds across and weave."""
        folds = self._sample(at, (22.0, 55.0)) * np.float32(0.13)
        weave = self._sample(at, (300.0, 400.0)) * np.float32(0.05)
        return color * np.clip(1 + folds + weave, 0.4, 1.6)[:, None]

    def _shirt(self, at: Surface, person: PersonSolids) -> Single:
        """Cloth, in stripes where they are wanted."""
        return self._cloth(at, self._striped(_height(at, person)))

    def _trunk(self, at: Surface, person: PersonSolids) -> Single:
        """The shirt, tucked into trousers with a belt."""
        height = _height(at, person)[:, None]
        below = np.where(height < BELT[0], self._color["trousers"], np.array([0.02, 0.015, 0.01], np.float32))
        return self._cloth(at, np.where(height < BELT[1], below, self._striped(height[:, 0])))

    def _striped(self, height: Single) -> Single:
        """The shirt's colour at heights [M]."""
        if not self._looks.stripe_height:
            return np.broadcast_to(self._color["shirt"], (len(height), 3))
        band = (height / np.float32(self._looks.stripe_height)) % 1 < 0.35
        return np.where(band[:, None], self._stripe, self._color["shirt"])

    def _strands(self, at: Surface) -> Single:
        """Hair: streaks along it."""
        return self._color["hair"] * np.clip(1 + 0.35 * self._sample(at, (260.0, 20.0)), 0.3, 2.0)[:, None]

    def _hair(self, at: Surface, person: PersonSolids) -> Single:
        """Hair above the hairline, skin below it."""
        x, _, z = in_head(at.world, person)
        forward, up = zip(*HAIRLINE, strict=True)
        line = np.interp(x, forward, up).astype(np.float32) + np.float32(0.004) * self._sample(at, (200.0, 200.0))
        return np.where((z > line)[:, None], self._strands(at), self._face(at, person))

    def _face(self, at: Surface, person: PersonSolids) -> Single:
        """Skin with eyes, brows, mouth and the shadows that make a face of them."""
        x, y, z = in_head(at.world, person)
        color = self._textured(at, self._color["skin"], 0.04)
        aside = np.abs(y) - np.float32(EYE[0])
        eye_z = z - np.float32(EYE[1])
        front = x > 0.035
        cheeks = np.exp(-((aside / 0.020) ** 2) - ((z - 0.095) / 0.018) ** 2)
        sockets = np.exp(-((aside / 0.020) ** 2) - (eye_z / 0.012) ** 2)
        color = color * (1 - 0.38 * sockets)[:, None]
        color[:, 1:] *= (1 - 0.16 * cheeks)[:, None]
        lips = np.exp(-((y / 0.022) ** 4) - ((z - np.float32(MOUTH_Z)) / 0.007) ** 4)
        white = (aside / 0.0145) ** 2 + (eye_z / 0.0075) ** 2 < 1
        iris = (aside / 0.0068) ** 2 + (eye_z / 0.0075) ** 2 < 1
        brow = (np.abs(aside - 0.001) < 0.020) & (np.abs(z - BROW_Z + 6 * aside * aside) < 0.0048)
        nostril = (np.abs(np.abs(y) - 0.0075) < 0.004) & (np.abs(z - 0.084) < 0.003)
        for where, tint in (
            (lips > 0.5, self._color["skin"] * np.array([0.62, 0.35, 0.33], np.float32)),
            (white, np.array([0.75, 0.75, 0.73], np.float32)),
            (iris, np.array([0.03, 0.02, 0.015], np.float32)),
            (nostril, self._color["skin"] * np.float32(0.3)),
            (brow, self._color["hair"]),
        ):
            color[front & where] = tint
        return np.asarray(color, np.float32)

    def _sample(self, at: Surface, scale: tuple[float, float]) -> Single:
        """Noise on the surface: how many of its pixels go around, and along a metre."""
        u = (at.around * np.float32(scale[0] / (2 * np.pi))).astype(np.int32)
        v = (at.along * np.float32(scale[1])).astype(np.int32)
        return self._noise[v % NOISE_SIZE, u % NOISE_SIZE]


def in_head(world: Single, person: PersonSolids) -> tuple[Single, Single, Single]:
    """Places [M] forward, left and up from the neck, in metres of an adult."""
    frame = (person.head / person.size).astype(np.float32)
    x, y, z = frame @ (world - person.neck.astype(np.float32)).T
    return x, y, z


def _height(at: Surface, person: PersonSolids) -> Single:
    """Metres of an adult along the trunk, from the middle of the hips."""
    return np.asarray((at.world - person.pelvis.astype(np.float32)) @ (person.up / person.size).astype(np.float32))


def light_on(normal: Single) -> Single:
    """Light [M, 3] that a surface with this normal receives: a lamp, the sky and the floor."""
    facing = np.clip(normal @ LIGHT.astype(np.float32), 0, 1)[:, None]
    upward = (np.float32(0.5) + np.float32(0.5) * normal[:, 2])[:, None]
    return (KEY * facing + SKY * upward + BOUNCE * (1 - upward)) * EXPOSURE


def linear(color: Array) -> Single:
    """Screen colours to linear light."""
    return np.asarray(np.asarray(color) ** GAMMA, np.float32)


def to_screen(light: Single) -> Single:
    """Linear light to screen colours, 0..1."""
    return np.asarray(np.clip(light, 0, 1) ** np.float32(1 / GAMMA), np.float32)
