"""Which joint set a model of others has, where only the number of its joints is known."""

from __future__ import annotations

from lift3d.calib import InputError
from lift3d.datasets.skeleton import SKELETONS, Skeleton

_TOES = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel"))

WHOLE_BODY = Skeleton("coco_wholebody_23", (*SKELETONS["coco_17"].joints, *_TOES))
"""COCO-WholeBody's first 23 of 133 joints: body and feet. Face and hands are left out."""

_BY_COUNT = {
    16: SKELETONS["mpii_16"],
    17: SKELETONS["coco_17"],
    18: SKELETONS["coco_18"],
    26: SKELETONS["halpe_26"],
    133: WHOLE_BODY,
}


def joint_set(count: int, name: str | None, *, of: str) -> Skeleton:
    """The joint set of a model with so many joints; it may name fewer: the first ones are meant.

    Args:
        count: how many the model gives.
        name: of a known set, or None to go by the count.
        of: the model, for the message.

    Raises:
        InputError: the name is unknown or has another number of joints; no name, and the count tells nothing.
    """
    if name is None:
        if count not in _BY_COUNT:
            raise InputError(f"{of} gives {count} joints, which is no known set; name one of {', '.join(SKELETONS)}")
        return _BY_COUNT[count]
    known = {**SKELETONS, WHOLE_BODY.name: WHOLE_BODY}
    if name not in known:
        raise InputError(f"joint set {name!r} is not known; there are {', '.join(known)}")
    if len(known[name]) != count and not (known[name] is WHOLE_BODY and count == 133):
        raise InputError(f"{of} gives {count} joints, but {name} has {len(known[name])}; name another set")
    return known[name]
