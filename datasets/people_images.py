"""Pictures of people with labelled joints: COCO's keypoint JSON of any joint set, and MPII's lists."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError

from .skeleton import Skeleton, canonical_name, skeleton_of

Array = NDArray[np.float64]

NAMED = 10
"""How many missing files one message names."""


@dataclass(frozen=True, eq=False)
class PeopleImages:
    """N people in pictures, a row each; a picture with several people stands in several rows.

    Args:
        paths: N files.
        boxes: [N, 4] left, top, width, height, pixels.
        xy: [N, J, 2] pixels of the picture, (0, 0) the centre of its first pixel; NaN where not labelled.
        labelled: [N, J] 0 not labelled, 1 labelled but hidden, 2 visible.
        teacher: [N, J] labelled by a network instead of a human.
        area: [N] square pixels, as OKS takes it.
        skeleton: J joints.
        group: N names of where they are from, "" where the file does not say.
        ids: [N] the annotations' numbers.
    """

    paths: tuple[Path, ...]
    boxes: Array
    xy: Array
    labelled: NDArray[np.int8]
    teacher: NDArray[np.bool_]
    area: Array
    skeleton: Skeleton
    group: tuple[str, ...]
    ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> PeopleImages:
        """Some of the people."""
        rows = np.asarray(rows, np.intp)
        arrays = {name: getattr(self, name)[rows] for name in ("boxes", "xy", "labelled", "teacher", "area", "ids")}
        paths, group = (tuple(side[i] for i in rows) for side in (self.paths, self.group))
        return replace(self, paths=paths, group=group, **arrays)

    def without_teacher(self) -> PeopleImages:
        """With the labels of humans alone; people who have none of them are left out."""
        human = np.where(self.teacher, 0, self.labelled).astype(np.int8)
        kept = replace(self, labelled=human, xy=np.where(human[..., None] > 0, self.xy, np.nan))
        return kept.take(np.flatnonzero((human > 0).any(1)))


def read_people_images(path: str | os.PathLike[str], images: str | os.PathLike[str]) -> PeopleImages:
    """Read a COCO keypoint file, or a list as MPII's; crowds and people without a labelled joint are left out.

    The joint set is what the file's category names, so COCO-17 and Human3.6M-17 are read alike. A file that is a list
    instead of an object is read by :func:`lift3d.datasets.mpii_images.read_mpii_images`. ``kp_kind``, where an
    annotation has it, says joint by joint who labelled: h a human, t a network.

    Args:
        path: the JSON file.
        images: the folder that its ``file_name`` are relative to.

    Raises:
        FileNotFoundError: the file or the folder does not exist.
        InputError: it is no COCO keypoint file, nobody in it has joints, a box has no area or lies outside its
            picture, or pictures are missing; all missing ones are counted, the first ones named.
    """
    path, images = Path(path), Path(images)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; wanted a COCO keypoint file (JSON)")
    if not images.is_dir():
        raise FileNotFoundError(f"{images} is not a folder; wanted the folder with the pictures of {path}")
    if _is_list(path):
        from .mpii_images import read_mpii_images

        return read_mpii_images(path, images)
    coco = _load(path)
    skeleton = _skeleton(coco.dataset, path)
    people = [
        entry
        for entry in coco.dataset["annotations"]
        if not entry.get("iscrowd") and any(entry.get("keypoints", ())[2::3])
    ]
    if not people:
        count = len(coco.dataset["annotations"])
        raise InputError(f"{path}: none of its {count} annotations has keypoints; wanted COCO's person_keypoints file")
    check_pictures([coco.imgs[entry["image_id"]]["file_name"] for entry in people], images, path)
    return _gather(people, coco.imgs, skeleton, images, path)


def _is_list(path: Path) -> bool:
    """Whether the JSON file holds a list."""
    with path.open("rb") as file:
        return file.read(100).lstrip().startswith(b"[")


def _load(path: Path) -> Any:
    """The file in pycocotools' hands, which prints as it reads."""
    from pycocotools.coco import COCO

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(str(path))
        missing = {entry["image_id"] for entry in coco.dataset["annotations"]} - coco.imgs.keys()
    except (json.JSONDecodeError, UnicodeDecodeError, AssertionError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a COCO keypoint file ({type(error).__name__}: {error})") from error
    if missing:
        raise InputError(f"{path}: annotations speak of picture {min(missing)}, which `images` does not list")
    return coco


def _skeleton(dataset: Mapping[str, Any], path: Path) -> Skeleton:
    """The joint set of the file's category."""
    named = [category for category in dataset.get("categories", ()) if category.get("keypoints")]
    if not named:
        raise InputError(f"{path}: no category names its keypoints; wanted COCO's person_keypoints file")
    names = [canonical_name(str(name)) for name in named[0]["keypoints"]]
    return skeleton_of(tuple(names), str(named[0].get("name", "custom")))


def check_pictures(names: Sequence[str], images: Path, path: Path) -> None:
    """Refuse names that leave the folder, and say in one line what is missing."""
    wanted = sorted(set(names))
    outside = [name for name in wanted if Path(name).is_absolute() or ".." in Path(name).parts]
    if outside:
        raise InputError(f"{path}: picture {outside[0]} lies outside of {images}; wanted names relative to it")
    missing = [name for name in wanted if not (images / name).is_file()]
    if missing:
        told = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED} more" if len(missing) > NAMED else "")
        raise InputError(f"{images} lacks {len(missing)} of the {len(wanted)} pictures of {path}: {told}")


def _gather(
    people: Sequence[Mapping[str, Any]],
    pictures: Mapping[int, Mapping[str, Any]],
    skeleton: Skeleton,
    images: Path,
    path: Path,
) -> PeopleImages:
    """Rows of the annotations."""
    count = len(skeleton)
    for entry in people:
        _check(entry, pictures[entry["image_id"]], count, path)
    points = np.array([entry["keypoints"] for entry in people], np.float64).reshape(len(people), count, 3)
    labelled = points[..., 2].astype(np.int8)
    kinds = [str(entry.get("kp_kind", "h" * count)) for entry in people]
    boxes = np.array([entry["bbox"] for entry in people], np.float64)
    return PeopleImages(
        paths=tuple(images / pictures[entry["image_id"]]["file_name"] for entry in people),
        boxes=boxes,
        xy=np.where(labelled[..., None] > 0, points[..., :2], np.nan),
        labelled=labelled,
        teacher=np.array([[letter == "t" for letter in kind] for kind in kinds]),
        area=np.array([entry.get("area", box[2] * box[3]) for entry, box in zip(people, boxes, strict=True)], float),
        skeleton=skeleton,
        group=tuple(str(entry.get("source", "")) for entry in people),
        ids=np.array([entry["id"] for entry in people], np.int64),
    )


def _check(entry: Mapping[str, Any], picture: Mapping[str, Any], joints: int, path: Path) -> None:
    """Refuse an annotation that cannot be."""
    where = f"{path}: annotation {entry.get('id')} of {picture['file_name']}"
    if len(entry["keypoints"]) != 3 * joints or len(entry.get("kp_kind", "h" * joints)) != joints:
        raise InputError(f"{where} has {len(entry['keypoints'])} keypoint numbers; wanted {3 * joints}")
    box = entry.get("bbox", ())
    if len(box) != 4 or not np.isfinite(box).all() or not (box[2] > 0 and box[3] > 0):
        raise InputError(f"{where} has the box {list(box)}; wanted left, top, width, height, with an area")
    width, height = picture.get("width", np.inf), picture.get("height", np.inf)
    if box[0] >= width or box[1] >= height or box[0] + box[2] <= 0 or box[1] + box[3] <= 0:
        raise InputError(f"{where} has the box {list(box)}, outside of its picture of {width}x{height}")
