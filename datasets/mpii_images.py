"""MPII's people as the lists of the simple-baselines family: image, center, scale, joints and joints_vis in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from .people_images import PeopleImages, check_pictures
from .skeleton import SKELETONS

Array = NDArray[np.float64]

SKELETON = SKELETONS["mpii_16"]
SCALE_PX = 200.0  # MPII's scale is the person's height over this
LOWER_PX = 15.0  # times scale: MPII's centre lies above the middle of the body

WANTED = "wanted a list with image, center, scale, joints [16, 2] and joints_vis [16] each"


def read_mpii_images(path: Path, images: Path) -> PeopleImages:
    """Read such a list; people without a visible joint are left out.

    Coordinates in the file count from 1, as MATLAB does, and become zero-based here. A person's box is the square of
    200 scale pixels about the centre, moved down by 15 scale, as this family of programs crops them. What
    ``joints_vis`` calls 0 has no usable place there and counts as not labelled.

    Args:
        path: the JSON file.
        images: the folder with the pictures.

    Raises:
        InputError: it is no such list, nobody in it has joints, or pictures are missing.
    """
    try:
        entries: Any = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON ({error}); {WANTED}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path} is no list of people as MPII's; {WANTED}")
    numbers = [n for n, entry in enumerate(entries) if any(entry.get("joints_vis", ()))]
    if not numbers:
        raise InputError(f"{path}: none of its {len(entries)} people has joints; {WANTED}")
    rows = [_row(entries[n], n, path) for n in numbers]
    check_pictures([str(entries[n]["image"]) for n in numbers], images, path)
    xy, labelled, boxes = (np.stack(column) for column in zip(*rows, strict=True))
    return PeopleImages(
        paths=tuple(images / str(entries[n]["image"]) for n in numbers),
        boxes=boxes,
        xy=np.where(labelled[..., None] > 0, xy, np.nan),
        labelled=labelled.astype(np.int8),
        teacher=np.zeros(labelled.shape, bool),
        area=boxes[:, 2] * boxes[:, 3],
        skeleton=SKELETON,
        group=("",) * len(numbers),
        ids=np.array(numbers, np.int64),
    )


def _row(entry: Mapping[str, Any], number: int, path: Path) -> tuple[Array, Array, Array]:
    """Joints [16, 2], 2 or 0 for each [16], and the box [4]."""
    where = f"{path}: person {number} ({entry.get('image', 'without image')})"
    try:
        xy, seen = np.array(entry["joints"], np.float64), np.array(entry["joints_vis"], np.float64)
        center, scale = np.array(entry["center"], np.float64), float(entry["scale"])
        entry["image"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where} cannot be read ({type(error).__name__}: {error}); {WANTED}") from error
    if xy.shape != (16, 2) or seen.shape != (16,) or center.shape != (2,):
        shapes: Sequence[Sequence[int]] = [list(each.shape) for each in (xy, seen, center)]
        raise InputError(f"{where} has joints {shapes[0]}, joints_vis {shapes[1]}, center {shapes[2]}; {WANTED}")
    if not (np.isfinite(scale) and scale > 0 and np.isfinite(center).all()):
        raise InputError(f"{where} has center {center.tolist()} and scale {scale:g}: a box without an area")
    side = SCALE_PX * scale
    middle = center - 1 + (0, LOWER_PX * scale)
    return xy - 1, np.asarray(2.0 * (seen > 0), np.float64), np.concatenate([middle - side / 2, [side, side]])
