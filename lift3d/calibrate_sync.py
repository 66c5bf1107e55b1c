"""Put the cameras of a capture in step by the people in it, and write what was found for capture.toml."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError, Rig
from lift3d.calib.atomic_file import atomic_file
from lift3d.calib.sync import Synchronisation, SyncSettings, synchronise
from lift3d.calib.tracks import Track
from lift3d.datasets import Keypoints
from lift3d.datasets.capture_settings import FILE_NAME, read_settings
from lift3d.datasets.pairing import similar_key

from .calibrate_people import MIN_CONFIDENCE, rigid_bones
from .main_person import follow_main_person

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

REACH_S = 2.0
VELOCITY_S = 0.09
"""Seconds to either side over which the image velocity is taken: shorter is noise, longer misses turns."""

USUAL_FPS = 30.0


def synchronise_people(
    keypoints: Keypoints,
    rig: Rig,
    *,
    reach_s: float = REACH_S,
    drift: bool = True,
    progress: Progress | None = None,
) -> Synchronisation:
    """Find the clocks of a capture's cameras from the main person in each view.

    Args:
        keypoints: detections; offsets and rates that capture.toml has are already in them, and what is found comes
            on top.
        rig: the cameras; roughly right is enough.
        reach_s: seconds to either side that are searched.
        drift: whether clocks may run at different speeds.
        progress: called with (stage, done, total).

    Raises:
        InputError: fewer than two cameras, or they share too few frames.
    """
    fps = keypoints.fps or USUAL_FPS
    person = replace(follow_main_person(keypoints).gather(keypoints), times=keypoints.times)
    bones, symmetric = rigid_bones(keypoints.skeleton)
    settings = SyncSettings(reach=max(4, round(reach_s * fps)), drift=drift, bones=bones, symmetric=symmetric)
    return synchronise(tracks_of(person, fps), rig, settings, progress=progress)


def tracks_of(person: Keypoints, fps: float) -> list[Track]:
    """The path of the first person in each view, by each camera's own frames."""
    assert person.frames is not None
    tracks = []
    for v, name in enumerate(person.cameras):
        times = person.frames.astype(np.float64) if person.times is None else person.times[:, v]
        taken, slots = np.unique(times, return_index=True)
        slots, taken = slots[np.isfinite(taken)], taken[np.isfinite(taken)]
        if len(taken) < 8:
            raise InputError(f"{name} has {len(taken)} frames; synchronising needs 8 at least")
        rate = float(np.min(np.diff(taken)))
        place = np.round((taken - taken[0]) / rate).astype(int)
        xy = np.full((place[-1] + 1, person.xy.shape[3], 2), np.nan)
        confidence = np.zeros(xy.shape[:2])
        xy[place], confidence[place] = person.xy[slots, v, 0], person.confidence[slots, v, 0]
        confidence[confidence < MIN_CONFIDENCE] = 0.0
        half = max(2, round(VELOCITY_S * fps / rate))
        tracks.append(Track.of(xy, confidence, first=taken[0] / rate, rate=rate, half=half))
    return tracks


def clap_offsets(claps: Mapping[str, float], rig: Rig) -> dict[str, float]:
    """Offsets from the frame in which each camera shows one clap, against the first camera.

    Raises:
        InputError: a camera is not known, or one lacks.
    """
    unknown = [name for name in claps if name not in rig.names]
    lacking = [name for name in rig.names if name not in claps]
    if unknown or lacking:
        what = f"there is no camera {unknown[0]}" if unknown else f"no clap of {', '.join(lacking)}"
        raise InputError(f"{what}; give the frame of the clap for each of {', '.join(rig.names)}")
    first = claps[rig.names[0]]
    return {name: first - claps[name] for name in rig.names}


def write_offsets(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    found: Mapping[str, tuple[float, float]],
    *,
    overwrite: bool = False,
) -> Path:
    """Write a capture.toml that holds what the capture's own says, and the offsets that were found on top.

    Args:
        folder: the capture.
        out: the file; may be the capture's own capture.toml.
        found: camera to (offset in frames, drift in parts in a million), on top of what capture.toml has.
        overwrite: replace a file that is there.

    Raises:
        FileExistsError: ``out`` exists.
        InputError: the capture's own file is broken.
    """
    import tomli_w

    folder, out = Path(folder), Path(out)
    read_settings(folder)  # says what is wrong with it, if something is
    own = folder / FILE_NAME
    document: dict[str, Any] = tomllib.loads(own.read_text(encoding="utf-8")) if own.is_file() else {}
    cameras = document.setdefault("cameras", {})
    for name, (offset, drift_ppm) in found.items():
        key = next((key for key in cameras if key == name), None)
        key = key or next((key for key in cameras if similar_key(key) == similar_key(name)), name)
        entry = cameras.setdefault(key, {})
        before = float(entry.get("offset", 0.0))
        entry["offset"] = round(before * (1 + 1e-6 * drift_ppm) + offset, 4)
        total = round(float(entry.get("drift_ppm", 0.0)) + drift_ppm, 2)
        if total or "drift_ppm" in entry:
            entry["drift_ppm"] = total
    with atomic_file(out, overwrite=overwrite) as temporary:
        temporary.write_text(tomli_w.dumps(document), encoding="utf-8")
    return out
