"""Which camera of the calibration is which folder, file or view: by name, by similar name, else by order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

How = Literal["name", "similar name", "order", "capture.toml"]

_GENERIC = frozenset(("cam", "camera", "view", "video", "json", "keypoints", "pose"))
_TOKEN = re.compile(r"[^\W\d_]+|\d+")


class Pair(NamedTuple):
    """The name that a camera's data go by, and how that was decided."""

    name: str
    how: How


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key by which ``cam2`` stands before ``cam10``."""
    return tuple(
        (0, int(part), part) if part.isdecimal() else (1, 0, part.lower()) for part in re.split(r"(\d+)", name)
    )


def similar_key(name: str) -> tuple[str, ...]:
    """What is left of a name without case, separators, zero padding and words like "camera".

    ``cam_01``, ``Cam1``, ``camera-1`` and ``1`` have one key.
    """
    tokens = [str(int(token)) if token.isdecimal() else token for token in _TOKEN.findall(name.lower())]
    return tuple(token for token in tokens if token not in _GENERIC) or tuple(tokens)


def pair_names(cameras: Sequence[str], found: Sequence[str], given: Mapping[str, str] | None = None) -> dict[str, Pair]:
    """Pair cameras with the names that their data go by.

    Equal names first; then similar ones (:func:`similar_key`, then without what all names of a side share); and by
    natural order only where no name fits at all and there are as many of each.

    Args:
        cameras: names in the calibration.
        found: names of folders, files or views.
        given: pairs that are settled, camera to found name.

    Returns:
        Camera to its pair, in the order of ``cameras``; a camera without one is left out.
    """
    pairs = {camera: Pair(name, "capture.toml") for camera, name in (given or {}).items()}
    taken = {pair.name for pair in pairs.values()}
    for name in cameras:
        if name in found and name not in pairs and name not in taken:
            pairs[name] = Pair(name, "name")
            taken.add(name)
    for keys in (_similar_keys, _distinct_keys):
        of_camera, of_found = keys(cameras), keys(found)
        rest = {of_camera[camera]: camera for camera in cameras if camera not in pairs}
        spare = {of_found[name]: name for name in found if name not in taken}
        for key in rest.keys() & spare.keys():
            if list(of_camera.values()).count(key) == 1 and list(of_found.values()).count(key) == 1:
                pairs[rest[key]] = Pair(spare[key], "similar name")
                taken.add(spare[key])
    if not pairs and len(cameras) == len(found):
        in_order = zip(sorted(cameras, key=natural_key), sorted(found, key=natural_key), strict=True)
        pairs = {camera: Pair(name, "order") for camera, name in in_order}
    return {camera: pairs[camera] for camera in cameras if camera in pairs}


def _similar_keys(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Name to its similar key."""
    return {name: similar_key(name) for name in names}


def _distinct_keys(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Name to its similar key without the leading and trailing words that all names have."""
    keys = _similar_keys(names)
    shortest = min(map(len, keys.values()), default=0)
    columns = list(zip(*(key[:shortest] for key in keys.values()), strict=True))
    endings = list(zip(*(key[::-1][:shortest] for key in keys.values()), strict=True))
    head, tail = _alike(columns), _alike(endings)
    if len(names) < 2 or head + tail >= shortest:
        return keys
    return {name: key[head : len(key) - tail] for name, key in keys.items()}


def _alike(columns: Sequence[Sequence[str]]) -> int:
    """How many leading columns hold one word throughout."""
    for n, column in enumerate(columns):
        if len(set(column)) > 1:
            return n
    return len(columns)
