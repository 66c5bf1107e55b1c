"""Floor, up and metres for a rig that was calibrated by a person: from their feet, their standing, and their height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .distortion import Array
from .errors import CalibrationError
from .rig import Rig

STATURE_SHARE = {"thigh": 0.245, "shank": 0.246, "upper_arm": 0.186, "forearm": 0.146}
"""Limb bones as shares of the stature. Source: Drillis and Contini (1966), in Winter, Biomechanics, figure 4.1."""

SHARE_SPREAD = 0.035
"""How much the sum of a person's limbs differs from those shares, and detectors from the joints: 1 sigma."""

STRAIGHT = 0.97
"""A person stands when ankles and shoulders are this share of their greatest distance apart."""

FLOOR_SPREAD = 0.25
"""The feet tell the floor's slope when they come down over an area this wide, as a share of the stature."""

SOLE_SHARE = {"ankle": 0.039, "heel": 0.02, "toe": 0.015}
"""Height of the detected points above the floor, as shares of the stature (ankle: Winter; the others: a shoe)."""


@dataclass(frozen=True)
class BodyParts:
    """Positions of the joints that tell up, floor and size.

    Args:
        shoulders: of both sides; or the neck twice.
        ankles: of both sides.
        feet: the points that touch the floor, lowest kind there is, with the name of the kind ("heel", …).
        limbs: (joint, joint, kind) with kind a key of :data:`STATURE_SHARE`.
    """

    shoulders: tuple[int, ...]
    ankles: tuple[int, ...]
    feet: tuple[tuple[int, str], ...]
    limbs: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, eq=False)
class PeopleWorld:
    """A rig in a world of metres with z up and the floor at 0.

    Args:
        rig: the cameras.
        scale: metres a unit of the rig before.
        scale_spread: its relative standard deviation.
        floor_from: "feet over an area", or "the standing person".
        tilt_deg: the angle between the feet's plane and the standing person's upright, where both are known.
    """

    rig: Rig
    scale: float
    scale_spread: float
    floor_from: str
    tilt_deg: float | None


def world_from_person(
    rig: Rig,
    X: Array,
    parts: BodyParts,
    *,
    stature: float | None = None,
    distance: tuple[str, str, float] | None = None,
) -> PeopleWorld:
    """Give a rig its up, its floor and its scale.

    Convention:
        the origin lies on the floor below the middle of where the person went; x points to the right of the first
        camera, z up.

    Args:
        rig: in any frame and scale.
        X: [T, J, 3] the person in that frame.
        parts: which joints are which.
        stature: metres.
        distance: two cameras and the metres between their centres; wins over the stature.

    Raises:
        CalibrationError: neither is given, or cannot be used (a camera's name, a body never seen whole).
    """
    scale, spread = _scale(rig, X, parts, stature, distance)
    up, upright = _upright(X, parts)
    normal, spanned = _floor_normal(X, parts, up)
    tilt = float(np.degrees(np.arccos(np.clip(normal @ upright, -1, 1)))) if spanned else None
    z = normal
    x = rig[0].R[0] - (rig[0].R[0] @ z) * z
    if np.linalg.norm(x) < 1e-6:
        x = rig[0].R[1] - (rig[0].R[1] @ z) * z
    x = x / np.linalg.norm(x)
    axes = np.stack([x, np.cross(z, x), z])  # new = axes @ old
    turned = X @ axes.T * scale
    height = _floor_height(turned, parts)
    finite = np.isfinite(turned).all(-1)
    middle = np.median(turned[finite], axis=0)
    origin = np.array([middle[0], middle[1], height])
    cameras = []
    for camera in rig:
        R = camera.R @ axes.T
        cameras.append(camera.with_pose(R, -R @ (axes @ camera.center * scale - origin)))
    source = "feet over an area" if spanned else "the standing person"
    return PeopleWorld(Rig(tuple(cameras)), scale, spread, source, tilt)


def _scale(
    rig: Rig, X: Array, parts: BodyParts, stature: float | None, distance: tuple[str, str, float] | None
) -> tuple[float, float]:
    """Metres a unit, and how sure."""
    if distance is not None:
        a, b, metres = distance
        for name in (a, b):
            if name not in rig.names:
                raise CalibrationError(f"there is no camera {name}; there are {', '.join(rig.names)}")
        apart = float(np.linalg.norm(rig[a].center - rig[b].center))
        if a == b or metres <= 0 or apart <= 0:
            raise CalibrationError("the known distance must be above zero, between two different cameras")
        return metres / apart, 0.0
    if stature is None:
        raise CalibrationError("the scale is not known: give the person's height or the distance of two cameras")
    if not 0.5 <= stature <= 2.5:
        raise CalibrationError(f"the person's height must be in metres, 0.5 to 2.5, got {stature:g}")
    total, share = 0.0, 0.0
    for i, j, kind in parts.limbs:
        length = np.linalg.norm(X[:, i] - X[:, j], axis=-1)
        if np.isfinite(length).sum() >= 5:
            total += float(np.nanmedian(length))
            share += STATURE_SHARE[kind]
    if share < 0.4:
        raise CalibrationError("arms and legs are hardly seen, so that the person's height tells no scale")
    return stature * share / total, SHARE_SPREAD


def _upright(X: Array, parts: BodyParts) -> tuple[Array, Array]:
    """The direction from ankles to shoulders of the standing person, [3], twice (robust, and its plain median)."""
    top, bottom = _mean(X, parts.shoulders), _mean(X, parts.ankles)
    axis = top - bottom
    length = np.linalg.norm(axis, axis=-1)
    known = np.isfinite(length)
    if known.sum() < 5:
        raise CalibrationError("shoulders and ankles are never seen together, so that nothing tells what is up")
    tall = known & (length >= STRAIGHT * np.percentile(length[known], 95))
    unit = axis[tall] / length[tall, None]
    weight = np.ones(len(unit))
    for _ in range(10):
        up = (unit * weight[:, None]).sum(0)
        up /= np.linalg.norm(up)
        weight = 1 / (1 + (np.linalg.norm(unit - up, axis=1) / 0.05) ** 2)
    return up, up


def _floor_normal(X: Array, parts: BodyParts, up: Array) -> tuple[Array, bool]:
    """The floor's normal by the feet's lowest points; ``up`` where they cover no area."""
    points = []
    size = float(np.nanmedian(np.linalg.norm(_mean(X, parts.shoulders) - _mean(X, parts.ankles), axis=-1)))
    for joint, _ in parts.feet:
        foot = X[:, joint]
        speed = np.linalg.norm(np.gradient(foot, axis=0), axis=-1) if len(foot) > 2 else np.full(len(foot), np.nan)
        finite = np.isfinite(speed)
        if finite.sum() >= 5:
            points.append(foot[finite & (speed <= np.percentile(speed[finite], 40))])
    if not points:
        return up, False
    feet = np.concatenate(points)
    normal = up
    for _ in range(5):
        height = feet @ normal
        floor = np.percentile(height, 20)
        low = feet[np.abs(height - floor) < 0.04 * size]
        if len(low) < 20:
            return up, False
        _, spread, axes = np.linalg.svd(low - low.mean(0), full_matrices=False)
        if spread[1] / np.sqrt(len(low)) < FLOOR_SPREAD * size / 2:
            return up, False
        normal = axes[2] * np.sign(axes[2] @ up)
    return (normal, True) if normal @ up > np.cos(np.radians(10)) else (up, False)


def _floor_height(X: Array, parts: BodyParts) -> float:
    """Where the floor is, z in metres: below the lowest feet."""
    heights = []
    size = float(np.nanmedian(np.linalg.norm(_mean(X, parts.shoulders) - _mean(X, parts.ankles), axis=-1))) / 0.78
    for joint, kind in parts.feet:
        z = X[:, joint, 2]
        if np.isfinite(z).sum() >= 5:
            heights.append(np.nanpercentile(z, 15) - SOLE_SHARE[kind] * size)
    return float(np.median(heights)) if heights else 0.0


def _mean(X: Array, joints: tuple[int, ...]) -> Array:
    """The middle of some joints [T, 3]; NaN where one lacks."""
    return np.asarray(X[:, list(joints)].mean(1))
