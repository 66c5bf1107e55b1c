"""People's boxes that are known beforehand, from a file: a table (CSV, as trackers write it) or COCO's JSON.

Convention:
    x and y are the box's left and top in pixels. Frames count from 0, as everywhere in lift3d; from 1 in a file without
    a heading that has MOTChallenge's ten columns, and where the numbers run from 1 to the number of frames.

Sources: Milan et al., MOT16, 2016, section 4 (frame, id, x, y, w, h, confidence); COCO's data and result formats.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.calib import InputError

from .detection import Boxes

MOT_COLUMNS = 10
_NAMES = {
    "frame": ("frame", "frame_id", "frame_number", "image_id"),
    "id": ("id", "track_id", "person", "track"),
    "x": ("x", "left", "bb_left"),
    "y": ("y", "top", "bb_top"),
    "w": ("w", "width", "bb_width"),
    "h": ("h", "height", "bb_height"),
    "score": ("score", "conf", "confidence"),
}


@dataclass(frozen=True, eq=False)
class BoxTable:
    """The boxes of one camera.

    Args:
        frames: number of the picture to its boxes, in the order of the people's numbers.
        fingerprint: SHA-256 of the file.
        notes: lines for the user.
    """

    frames: Mapping[int, Boxes]
    fingerprint: str
    notes: tuple[str, ...] = ()

    def at(self, number: int) -> Boxes:
        """The boxes of a picture."""
        return self.frames.get(number, Boxes.none())


@dataclass(frozen=True)
class _Row:
    """One box."""

    frame: int
    person: float
    box: tuple[float, float, float, float]
    score: float

    @property
    def has_area(self) -> bool:
        """Whether anything can be in the box."""
        return self.box[2] > 0 and self.box[3] > 0


def read_boxes(path: str | os.PathLike[str], *, count: int = 0, names: tuple[str, ...] = ()) -> BoxTable:
    """Read boxes.

    Args:
        path: ``.csv`` or ``.txt`` with frame, id, x, y, w, h and, if there is, score; or ``.json`` of COCO's kind: a
            list of results, or a data set with images and annotations.
        count: how many pictures there are; 0: not known.
        names: the pictures' file names, where they have any: COCO's images are found by them.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: a line cannot be read, no box has an area, or none is of these pictures.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; wanted boxes, .csv or .json")
    data = path.read_bytes()
    notes: list[str] = []
    rows = _from_json(path, data, names) if path.suffix.lower() == ".json" else _from_csv(path, data, count, notes)
    good = [row for row in rows if row.has_area]
    if not good:
        found = f"{len(rows)} boxes, none of which has an area" if rows else "no box"
        raise InputError(f"{path} holds {found}; wanted frame, id, x, y, w, h with w and h above zero")
    if len(good) < len(rows):
        first = next(row.frame for row in rows if not row.has_area)
        notes.append(f"{path.name}: boxes without an area, left out: {len(rows) - len(good)}, first in frame {first}")
    inside = [row for row in good if row.frame >= 0 and (not count or row.frame < count)]
    if not inside:
        numbers = [row.frame for row in good]
        raise InputError(f"{path}: its frames {min(numbers)} to {max(numbers)} are none of the {count} there are")
    if len(inside) < len(good):
        notes.append(f"{path.name}: boxes of frames that are not there, left out: {len(good) - len(inside)}")
    return BoxTable(_by_frame(inside), hashlib.sha256(data).hexdigest(), tuple(notes))


def _by_frame(rows: list[_Row]) -> dict[int, Boxes]:
    """Frame by frame, in the order of the people's numbers."""
    groups: dict[int, list[_Row]] = {}
    for row in sorted(rows, key=lambda row: (row.frame, row.person)):
        groups.setdefault(row.frame, []).append(row)
    return {
        frame: Boxes(np.array([row.box for row in group]), np.array([row.score for row in group]))
        for frame, group in groups.items()
    }


def _from_csv(path: Path, data: bytes, count: int, notes: list[str]) -> list[_Row]:
    """The rows of a table, with or without a heading."""
    try:
        lines = [line for line in csv.reader(data.decode("utf-8-sig").splitlines()) if any(map(str.strip, line))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a table ({error}); wanted lines of frame,id,x,y,w,h") from error
    if not lines:
        return []
    titled = not _is_number(lines[0][0])
    columns = _columns(path, lines[0]) if titled else {key: place for place, key in enumerate(_NAMES)}
    first = 2 if titled else 1
    rows = [_csv_row(path, number, line, columns) for number, line in enumerate(lines[first - 1 :], first)]
    numbers = [row.frame for row in rows]
    mot = not titled and len(lines[0]) >= MOT_COLUMNS
    if rows and min(numbers) >= 1 and (mot or (count and max(numbers) == count)):
        notes.append(f"{path.name}: frames count from 1")
        rows = [_Row(row.frame - 1, row.person, row.box, row.score) for row in rows]
    return rows


def _columns(path: Path, heading: list[str]) -> dict[str, int]:
    """Which column holds what, by the heading."""
    titles = [title.strip().lower() for title in heading]
    columns = {}
    for key, names in _NAMES.items():
        found = next((titles.index(name) for name in names if name in titles), None)
        if found is not None:
            columns[key] = found
        elif key not in ("id", "score"):
            raise InputError(f"{path}: the heading {','.join(heading)!r} has no {key}; wanted frame,id,x,y,w,h[,score]")
    return columns


def _csv_row(path: Path, number: int, line: list[str], columns: dict[str, int]) -> _Row:
    """One line of a table."""
    try:
        values = {key: float(line[at]) for key, at in columns.items() if at < len(line) or key not in ("id", "score")}
    except (ValueError, IndexError):
        values = {}
    if not values or not all(map(math.isfinite, values.values())):
        raise InputError(f"{path}: line {number} is {','.join(line)!r}, wanted numbers frame,id,x,y,w,h[,score]")
    box = values["x"], values["y"], values["w"], values["h"]
    score = values.get("score", 1.0)
    # Trackers write -1 or a class where they have no score.
    return _Row(int(values["frame"]), values.get("id", number), box, score if 0 < score <= 1 else 1.0)


def _from_json(path: Path, data: bytes, names: tuple[str, ...]) -> list[_Row]:
    """COCO's results, or COCO's data."""
    try:
        content = json.loads(data)
        entries = content["annotations"] if isinstance(content, dict) else content
        number_of = _picture_numbers(content, names)
        people = _person_categories(content)
        return [
            _json_row(place, entry, number_of)
            for place, entry in enumerate(entries)
            if entry.get("category_id", 1) in people
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        told = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path} is not COCO's JSON ({told}); wanted a list of {{image_id, bbox: [x, y, w, h], score}}, or images "
            "and annotations"
        ) from error


def _json_row(place: int, entry: dict[str, Any], number_of: Mapping[Any, int] | None) -> _Row:
    """One annotation or result."""
    x, y, w, h = (float(value) for value in entry["bbox"])
    if not all(map(math.isfinite, (x, y, w, h))):
        raise ValueError(f"bbox {entry['bbox']}")
    identity = entry["image_id"]
    frame = int(identity) if number_of is None else number_of.get(identity, -1)
    return _Row(frame, float(entry.get("track_id", place)), (x, y, w, h), float(entry.get("score", 1.0)))


def _picture_numbers(content: Any, names: tuple[str, ...]) -> dict[Any, int] | None:
    """A picture's identity to its number: by file name, by the frame that is told, else by the list's order.

    None: the identities are the numbers.
    """
    if not isinstance(content, dict):
        return None
    images = content["images"]
    if names:
        number = {name: place for place, name in enumerate(names)}
        return {image["id"]: number.get(Path(image["file_name"]).name, -1) for image in images}
    key = next((key for key in ("frame", "frame_index", "frame_id") if images and all(key in i for i in images)), None)
    return {image["id"]: int(image[key]) if key else place for place, image in enumerate(images)}


def _person_categories(content: Any) -> set[int]:
    """The categories that are people; 1 where nothing tells."""
    categories = content.get("categories", []) if isinstance(content, dict) else []
    return {entry["id"] for entry in categories if entry.get("name") == "person"} or {1}


def _is_number(text: str) -> bool:
    """Whether a cell reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
