"""Motions of the parametric body: walking, turning, squatting, and walking past.

Joint angles over the stride are periodic splines through the values that gait laboratories report. The root follows
from the feet: it moves so that whatever stands on the floor stays where it is.

Source of the angles: the mean adult at natural cadence in Winter, The Biomechanics and Motor Control of Human Gait,
2nd edition, and Perry, Gait Analysis; changed by a few degrees (most in the ankle, since this foot has no toe joint)
so that the heel lands on the floor, the swinging toes clear it and the speed stays even.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from lift3d.calib import InputError

from .body import SOLE, Body, rotation_about
from .skeleton import SIDES

Array = NDArray[np.float64]

# Per cent of the stride from this side's heel strike -> degrees; flexion and dorsiflexion are positive.
_HIP = {0: 20, 10: 18, 20: 12, 30: -1, 40: -11, 50: -15, 60: -10, 70: 13, 80: 29, 90: 27}
_KNEE = {0: 5, 7: 9, 14: 16, 25: 12, 38: 5, 46: 10, 55: 24, 63: 48, 72: 65, 80: 53, 90: 20, 96: 6}
_ANKLE = {0: 3, 6: -3, 12: -2, 22: 5, 35: 11, 45: 15, 52: 16, 58: 9, 64: -3, 72: 8, 82: 7, 92: 1}
_SHOULDER = {0: -20, 50: 18}
_ELBOW = {0: 12, 50: 32}
# Segment angles of the deepest squat, degrees; the foot stays flat: pelvis - hip + knee - ankle = 0.
_SQUAT = {"pelvis": 20, "hip": 92, "knee": 104, "ankle": 32, "trunk": 18, "head": -25, "shoulder": 105, "elbow": 12}

PELVIC_ROTATION, PELVIC_OBLIQUITY, SWAY = np.radians([4.0, 4.0, 1.2])
LIFT = np.radians([8.0, 16.0, 16.0])  # hip, knee, ankle: small steps would drag the toes else
TRUNK_LEAN = np.radians(4.0)
TOE_OUT = np.radians(7.0)
HANGING_ELBOW = np.radians(10.0)
ARM_ABDUCTION = np.radians(7.0)

CYCLE_S = 10.0
FINE_RATE = 240.0  # Hz at which the root is integrated, whatever the frame rate
SOFT_CONTACT = 0.004  # m: how softly the weight goes from one contact point to the next
DOUBLE_STANCE = 0.12  # of the stride
ROOT_SMOOTHING_S = 0.035  # a rigid sole hits the floor harder than a foot does
CONTACTS = ("heel", "big_toe", "small_toe")


@dataclass(frozen=True, eq=False)
class Program:
    """What a person does over time, at times that are evenly spaced.

    Args:
        time: [N] seconds.
        walking: [N] 0 (stands) to 1 (full stride).
        squat: [N] 0 (upright) to 1 (deep).
        yaw: [N] radians, 0 faces world x.
        cadence: steps a second.
    """

    time: Array
    walking: Array
    squat: Array
    yaw: Array
    cadence: float = 1.8

    @property
    def phase(self) -> Array:
        """[N] strides since the right heel first struck; the left leg is half a stride behind."""
        return self.time * self.cadence / 2


def walk_turn_squat(duration: float = 10.0, fps: float = 60.0, *, body: Body | None = None) -> Array:
    """A person who walks, turns about, walks back, squats and turns again, in cycles of ten seconds.

    Convention:
        bone lengths are exactly constant; the walk goes along world x and stays within 2 m of the origin (for at
        least a minute); the floor is z = 0.

    Args:
        duration: seconds.
        fps: frames a second.
        body: whose lengths to use; None is 1.75 m tall.

    Returns:
        xyz [T, 25, 3] metres, world, BODY_25B.

    Raises:
        InputError: the duration or the rate is not above zero.
    """
    time, stride = _fine_time(duration, fps)
    t = time % CYCLE_S
    walking = (
        _ramp(t, 0.2, 1.0) - 0.6 * _ramp(t, 2.6, 3.2) + 0.6 * _ramp(t, 4.1, 4.7) - _ramp(t, 6.35, 7.05)
        + 0.4 * (_ramp(t, 8.3, 8.7) - _ramp(t, 9.6, 10.0))
    )  # fmt: skip
    squat = _ramp(t, 6.9, 7.7) - _ramp(t, 7.75, 8.45)
    yaw = np.pi * (_ramp(t, 2.8, 4.4) + _ramp(t, 8.4, 9.9))
    xyz = perform(Program(time, walking, squat, yaw), body or Body())
    first_cycle = xyz[time <= CYCLE_S].mean(axis=1)
    xyz[..., :2] -= (first_cycle.min(0) + first_cycle.max(0))[:2] / 2
    return xyz[::stride]


def walk_past(
    duration: float = 10.0, fps: float = 60.0, *, body: Body | None = None, yaw: float = 0.0, cadence: float = 1.7
) -> Array:
    """A person who walks straight on and passes the origin at half time.

    Args:
        duration: seconds.
        fps: frames a second.
        body: whose lengths to use; None is 1.75 m tall.
        yaw: radians, the direction of the walk; 0 is along world x.
        cadence: steps a second.

    Returns:
        xyz [T, 25, 3] metres, world, BODY_25B; the floor is z = 0.

    Raises:
        InputError: the duration or the rate is not above zero.
    """
    time, stride = _fine_time(duration, fps)
    whole = np.ones_like(time)
    xyz = perform(Program(time, whole, 0 * whole, yaw * whole, cadence), body or Body())
    xyz[..., :2] -= xyz[len(xyz) // 2, :, :2].mean(axis=0)
    return xyz[::stride]


def perform(program: Program, body: Body) -> Array:
    """Turn a program into joint positions.

    Returns:
        xyz [N, 25, 3] metres, world, BODY_25B; the root starts above the origin.
    """
    rotations = _rotations(program)
    hanging = body.place(rotations, np.zeros((len(program.time), 3)))
    feet = np.stack([hanging[:, [body.skeleton.index(side + part) for part in CONTACTS]] for side in SIDES], axis=1)
    dt = float(program.time[1] - program.time[0]) if len(program.time) > 1 else 1.0
    return body.place(rotations, _root(feet, _weight_on_right(program.phase), dt, SOLE * body.stature))


def _fine_time(duration: float, fps: float) -> tuple[Array, int]:
    """Times of the integration, and how many of them go to a frame."""
    if not (np.isfinite([duration, fps]).all() and duration > 0 and fps > 0):
        raise InputError(f"duration and fps must be above zero, got {duration:g} s and {fps:g} fps")
    stride = max(1, int(np.ceil(FINE_RATE / fps)))
    frames = max(1, round(duration * fps))
    return np.arange((frames - 1) * stride + 1) / (fps * stride), stride


def _ramp(t: Array, start: float, end: float) -> Array:
    """0 before start, 1 after end, with continuous acceleration."""
    u = np.clip((t - start) / (end - start), 0, 1)
    return u**3 * (10 + u * (6 * u - 15))


def _over_stride(curve: Mapping[int, float], phase: Array) -> Array:
    """A periodic spline through per cent -> degrees, at phase [N] in strides; radians."""
    if len(curve) == 2:  # a swing between two values: half a cosine each way
        first, second = curve.values()
        return np.radians((first + second) / 2 + (first - second) / 2 * np.cos(2 * np.pi * phase))
    knots = np.array([*curve, 100]) / 100
    values = np.array([*curve.values(), next(iter(curve.values()))], np.float64)
    spline = CubicSpline(knots, values, bc_type="periodic")
    return np.radians(spline(phase % 1.0))


def _rotations(program: Program) -> dict[str, Array]:
    """Every segment's orientation in its parent's frame."""
    a, q = program.walking, program.squat
    deep = {name: np.radians(angle) * q for name, angle in _SQUAT.items()}
    phase = program.phase
    turn = a * PELVIC_ROTATION * np.cos(2 * np.pi * phase)
    oblique = -a * PELVIC_OBLIQUITY * np.sin(2 * np.pi * (phase + 0.1))
    sway = a * SWAY * np.sin(2 * np.pi * (phase - 0.05))
    pelvis = rotation_about("z", program.yaw + turn) @ rotation_about("x", oblique)
    trunk = rotation_about("x", -oblique) @ rotation_about("z", -2 * turn)
    rotations = {
        "pelvis": pelvis @ rotation_about("y", deep["pelvis"]),
        "trunk": trunk @ rotation_about("y", deep["trunk"] + a * TRUNK_LEAN),
        "head": rotation_about("z", turn) @ rotation_about("y", deep["head"] - a * TRUNK_LEAN),
    }
    for side, sign, own in zip(SIDES, (1, -1), (phase + 0.5, phase), strict=True):
        lift = 4 * a * (1 - a) * (_ramp(own % 1.0, 0.5, 0.66) - _ramp(own % 1.0, 0.7, 0.95))
        hip = a * _over_stride(_HIP, own) + deep["hip"] + lift * LIFT[0]
        knee = a * _over_stride(_KNEE, own) + deep["knee"] + lift * LIFT[1]
        ankle = a * _over_stride(_ANKLE, own) + deep["ankle"] + lift * LIFT[2]
        shoulder = a * _over_stride(_SHOULDER, own) + deep["shoulder"]
        elbow = HANGING_ELBOW + a * _over_stride(_ELBOW, own) + deep["elbow"]
        upright = rotation_about("x", sway - oblique) @ rotation_about("z", sign * TOE_OUT - turn)
        rotations[side + "thigh"] = upright @ rotation_about("y", -hip)
        rotations[side + "shank"] = rotation_about("y", knee)
        rotations[side + "foot"] = rotation_about("y", -ankle) @ rotation_about("x", -sway)
        out = np.full_like(a, sign * ARM_ABDUCTION)
        rotations[side + "upper_arm"] = rotation_about("y", -shoulder) @ rotation_about("x", out)
        rotations[side + "forearm"] = rotation_about("y", -elbow)
    return rotations


def _weight_on_right(phase: Array) -> Array:
    """How much of the weight the right foot carries: all in single stance, half in the middle of double stance."""
    u = phase % 1.0
    return _ramp(u, 0.0, DOUBLE_STANCE) - _ramp(u, 0.5, 0.5 + DOUBLE_STANCE)


def _root(feet: Array, right: Array, dt: float, sole: float) -> Array:
    """The root's path [N, 3] that keeps the feet on the floor and in place.

    ``feet`` [N, 2, C, 3] are the contact points of the left and the right foot relative to the root.
    """
    depth = (sole - feet[..., 2]) / SOFT_CONTACT  # [N, 2, C]
    deepest = depth.max(axis=2, keepdims=True)
    load = np.exp(depth - deepest)
    total = load.sum(axis=2, keepdims=True)
    carried = np.stack([1 - right, right], axis=1)  # [N, 2]
    height = SOFT_CONTACT * (deepest + np.log(total / feet.shape[2]))[..., 0]
    height = (carried * height).sum(axis=1)
    if len(feet) == 1:
        return np.array([[0.0, 0.0, height[0]]])
    velocity = np.gradient(feet[..., :2], dt, axis=0)
    velocity = -np.einsum("ns,nsc,nscd->nd", carried, load / total, velocity)
    width = ROOT_SMOOTHING_S / dt
    velocity = gaussian_filter1d(velocity, width, axis=0, mode="nearest")
    steps = (velocity[1:] + velocity[:-1]) / 2 * dt
    path = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return np.column_stack([path, gaussian_filter1d(height, width, mode="nearest")])
