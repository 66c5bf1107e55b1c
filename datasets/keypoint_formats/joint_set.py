"""Which joint set unnamed keypoints are in: the number of joints first, then anatomy."""

from __future__ import annotations

import difflib

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from ..skeleton import SKELETONS, Skeleton

Array = NDArray[np.float64]

MIN_CONFIDENCE = 0.3
MIN_JOINTS = 8  # fewer say too little about a body
MAX_PEOPLE = 2000
# Measured on 1600 people that OpenPose saw (BODY_25B), re-ordered into the other sets of 17 and 25 joints: the right
# set's bones are 0.10 to 0.16 of the body's extent in the median, a wrong one's 0.25 to 0.43, 1.6 times or more.
CLEAR_RATIO = 1.3
DOUBTFUL_LENGTH = 0.24


def named_joint_set(name: str) -> Skeleton:
    """The known joint set of this name.

    Raises:
        InputError: there is none; the message gives the nearest.
    """
    key = name.strip().lower().replace("-", "_").replace(" ", "_")
    plain = {known.replace("_", ""): known for known in SKELETONS}
    if key.replace("_", "") in plain:
        return SKELETONS[plain[key.replace("_", "")]]
    near = difflib.get_close_matches(key, SKELETONS, n=1, cutoff=0.0)[0]
    raise InputError(f"no joint set is called {name!r} (did you mean {near!r}?); known are {', '.join(SKELETONS)}")


def doubt_joint_set(given: Skeleton, xy: Array, confidence: Array) -> str | None:
    """A line for the user where another set of as many joints would fit people clearly better than the given one."""
    people, sizes = _whole_people(xy, confidence)
    candidates = [skeleton for skeleton in SKELETONS.values() if len(skeleton) == len(given)]
    lengths = {skeleton.name: _bone_length(people, sizes, skeleton) for skeleton in (given, *candidates)}
    best = min(lengths, key=lambda name: lengths[name])
    ratio = lengths[given.name] / lengths[best] if len(people) else 1.0
    if ratio < CLEAR_RATIO:
        return None
    return (
        f"the joint set was given as {given.name}, but makes the bones of {len(people)} people {ratio:.1f} times as "
        f"long as {best}; is it {best}?"
    )


def find_joint_set(xy: Array, confidence: Array, *, source: str) -> tuple[Skeleton, str | None]:
    """Find the joint set that people were written in, by the lengths of the bones it would give them.

    The right set joins neighbours; a wrong one draws bones across the body.

    Args:
        xy: [N, J, 2] pixels, N people of any cameras and frames.
        confidence: [N, J] in 0..1, 0 where missing.
        source: what to call the keypoints in messages.

    Returns:
        The joint set; a line for the user where there was a choice or a doubt.

    Raises:
        InputError: no known set has J joints, or the evidence does not decide between those that have.
    """
    joints = xy.shape[1]
    candidates = [skeleton for skeleton in SKELETONS.values() if len(skeleton) == joints]
    if not candidates:
        counts = ", ".join(f"{name} {len(skeleton)}" for name, skeleton in SKELETONS.items())
        raise InputError(f"{source}: {joints} joints a person fit no known joint set ({counts})")
    people, sizes = _whole_people(xy, confidence)
    lengths = {skeleton.name: _bone_length(people, sizes, skeleton) for skeleton in candidates}
    best = min(candidates, key=lambda skeleton: lengths[skeleton.name])
    if len(candidates) == 1:
        if lengths[best.name] > DOUBTFUL_LENGTH:
            return best, (
                f"{joints} joints a person were taken for {best.name}, but its bones come out unusually long; if the "
                "file means another order, set `skeleton` in capture.toml"
            )
        return best, None
    others = [skeleton.name for skeleton in candidates if skeleton is not best]
    ratio = min(lengths[name] for name in others) / lengths[best.name] if len(people) else 1.0
    if ratio < CLEAR_RATIO:
        raise InputError(
            f"{source}: {joints} joints a person can be {' or '.join(s.name for s in candidates)}, and {len(people)} "
            "confident people do not decide it; set `skeleton` in capture.toml"
        )
    return best, (
        f"{joints} joints a person: took {best.name}; {' or '.join(others)} would make the bones of {len(people)} "
        f"people {ratio:.1f} times as long (`skeleton` in capture.toml overrides)"
    )


def _whole_people(xy: Array, confidence: Array) -> tuple[Array, Array]:
    """People of whom enough is seen [M, J, 2], doubtful joints NaN, and the diagonals of their boxes [M]."""
    seen = confidence >= MIN_CONFIDENCE
    whole = np.flatnonzero(seen.sum(1) >= MIN_JOINTS)
    whole = whole[:: max(1, len(whole) // MAX_PEOPLE)]
    seen, xy = seen[whole][..., None], xy[whole]
    extent = np.where(seen, xy, -np.inf).max(1) - np.where(seen, xy, np.inf).min(1)
    size = np.hypot(extent[:, 0], extent[:, 1])
    usable = size > 0
    return np.where(seen, xy, np.nan)[usable], size[usable]


def _bone_length(people: Array, sizes: Array, skeleton: Skeleton) -> float:
    """The mean bone length of a person over the person's size, median over the people; inf without any."""
    if not skeleton.bones:
        return np.inf
    trunk = {joint: joint.endswith(("shoulder", "hip")) for joint in skeleton.joints}
    names = [(skeleton.joints[i], skeleton.joints[j]) for i, j in skeleton.bones]
    # The trunk's outline is long in any set, and drawn in some sets only.
    a, b = np.array(skeleton.pairs([(i, j) for i, j in names if not (trunk[i] and trunk[j])])).T
    length = np.linalg.norm(people[:, a] - people[:, b], axis=-1)  # [M, bones]
    counted = np.isfinite(length)
    some = counted.any(1)
    mean = np.where(counted, length, 0.0).sum(1)[some] / counted.sum(1)[some] / sizes[some]
    return float(np.median(mean)) if len(mean) else np.inf
