"""The demo: a synthetic capture in the ordinary layout, its exact truth beside it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tomli_w
from numpy.typing import NDArray

from lift3d.calib import Rig
from lift3d.calib.formats import write_rig

from .detections import Detections
from .detector_noise import DetectorNoise, simulate_detections
from .keypoints import Keypoints
from .poses import Poses
from .skeleton import SKELETONS
from .synthetic import demo_people, ring_rig

TRUTH = "truth.poses.h5"
VIDEOS = "videos"
RESULTS = ("result.poses.h5", "result.png", "summary.txt", "report.html")  # what `lift3d demo` and scripts/demo add
MARK = "A synthetic capture, made by `lift3d demo`."
SKELETON = SKELETONS["body_25b"]
_README = f"""{MARK}

Nothing here was filmed by a camera. A parametric person of 1.75 m walks, turns, squats and turns again in the middle
of {{cameras}} cameras; somebody else walks past behind. {{made}}

calib.toml          the cameras, exact, as Pose2Sim writes them (metres, world Z up)
capture.toml        what a reader cannot guess: the frame rate{{also}}
{{folders}}{TRUTH}      where the joints really were: `lift3d view {TRUTH}`

{{frames}} frames at {{fps:g}} frames a second, seed {{seed}}. Reconstruct it with `lift3d reconstruct` on this folder.
"""
_SIMULATED = """A model of a pose detector made the keypoints of both: noise that
grows as the confidence falls, missing joints, gross errors, left and right exchanged in short bursts, people in no
particular order. The same seed makes the same capture."""
_FROM_PIXELS = """There are no simulated
keypoints: a detector finds them in the videos, which are drawn. The same seed makes the same videos."""


@dataclass(frozen=True)
class DemoSettings:
    """What decides a synthetic capture.

    Args:
        seed: of all randomness.
        duration: seconds.
        fps: frames a second.
        n_cameras: how many stand on the ring.
        noise: how the detector errs.
        size: (width, height) of the pictures, pixels.
    """

    seed: int = 0
    duration: float = 10.0
    fps: float = 60.0
    n_cameras: int = 4
    noise: DetectorNoise = field(default_factory=DetectorNoise)
    size: tuple[int, int] = (1280, 720)


@dataclass(frozen=True, eq=False)
class SyntheticCapture:
    """A capture whose truth is known.

    Args:
        truth: the one person to reconstruct.
        rig: the cameras.
        detections: what a detector reports of that person (0) and of the passer-by (1).
        people: [T, 2, J, 3] metres, both of them.
    """

    truth: Poses
    rig: Rig
    detections: Detections
    people: NDArray[np.float64]


Film = Callable[[Path, SyntheticCapture], object]


def synthesize(settings: DemoSettings | None = None) -> SyntheticCapture:
    """Make the demo's capture in memory.

    Raises:
        InputError: a setting is impossible.
    """
    settings = settings or DemoSettings()
    rig = ring_rig(settings.n_cameras, size=settings.size)
    people = demo_people(settings.duration, settings.fps)
    detections = simulate_detections(
        people, rig, np.random.default_rng(settings.seed), skeleton=SKELETON, fps=settings.fps, noise=settings.noise
    )
    truth = Poses.from_xyz(people[:, :1], SKELETON, settings.fps, rig)
    truth = truth.replace(settings={"made_by": "lift3d demo", "seed": settings.seed})
    return SyntheticCapture(truth, rig, detections, people)


def write_demo_capture(
    folder: str | Path,
    settings: DemoSettings | None = None,
    *,
    overwrite: bool = False,
    keypoints: bool = True,
    film: Film | None = None,
) -> Path:
    """Write the demo's capture; the folder appears whole or not at all.

    Args:
        folder: a new or an empty folder.
        settings: what decides the capture; None is the default.
        overwrite: replace an earlier demo that stands there, its results too.
        keypoints: write what the simulated detector reports.
        film: called with the folder for the videos and the capture, to put a video of every camera there.

    Returns:
        The folder.

    Raises:
        FileExistsError: the folder holds something; a folder that is not a demo is never replaced.
        FileNotFoundError: its parent does not exist.
        InputError: a setting is impossible.
    """
    folder, settings = Path(folder), settings or DemoSettings()
    _check_target(folder, overwrite)
    capture = synthesize(settings)
    staged = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        new = staged / "new"
        new.mkdir()
        _fill(new, capture, settings, keypoints=keypoints, film=film)
        if folder.exists():
            folder.rename(staged / "old")
        try:
            new.rename(folder)
        except BaseException:
            if (staged / "old").exists():
                (staged / "old").rename(folder)
            raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return folder


def _check_target(folder: Path, overwrite: bool) -> None:
    """Only nothing, an empty folder, or an earlier demo may be replaced."""
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"{folder.parent} is not a folder; make it first, or give another folder")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; give the name of a new folder")
    found = {entry.name for entry in folder.iterdir()}
    if not found:
        return
    readme = folder / "README.txt"
    if not readme.is_file() or not readme.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        raise FileExistsError(f"{folder} is not empty and not an earlier demo; give the name of a new folder")
    if not overwrite:
        raise FileExistsError(f"{folder} holds a demo already; give --overwrite to make it anew, or another folder")
    foreign = sorted(found - {"README.txt", "calib.toml", "capture.toml", "keypoints", VIDEOS, TRUTH, *RESULTS})
    if foreign:
        raise FileExistsError(
            f"{folder} holds {', '.join(foreign)}, not made by `lift3d demo`; move it away to make the demo anew"
        )


def _fill(
    folder: Path, capture: SyntheticCapture, settings: DemoSettings, *, keypoints: bool, film: Film | None
) -> None:
    """Write every file of the layout."""
    write_rig(capture.rig, folder / "calib.toml", "pose2sim")
    facts = {"fps": settings.fps, **({"skeleton": SKELETON.name} if keypoints else {})}
    (folder / "capture.toml").write_text(tomli_w.dumps(facts), encoding="utf-8")
    folders = ""
    if keypoints:
        _write_openpose(capture.detections.keypoints, folder / "keypoints" / "openpose")
        folders += (
            f"keypoints/openpose  OpenPose JSON, one folder a camera, one file a frame; {SKELETON.name.upper()}\n"
        )
    if film is not None:
        (folder / VIDEOS).mkdir()
        film(folder / VIDEOS, capture)
        folders += "videos              what each camera would have filmed, drawn by lift3d\n"
    capture.truth.save(folder / TRUTH)
    text = _README.format(
        cameras=len(capture.rig),
        made=_SIMULATED if keypoints else _FROM_PIXELS,
        also=" and the joint set" if keypoints else "",
        folders=folders,
        frames=len(capture.truth.xyz),
        fps=settings.fps,
        seed=settings.seed,
    )
    (folder / "README.txt").write_text(text, encoding="utf-8")


def _write_openpose(keypoints: Keypoints, folder: Path) -> None:
    """One JSON file a frame and view, with those people of whom something was seen."""
    rows = np.concatenate([keypoints.xy.round(3), keypoints.confidence.round(4)[..., None]], axis=-1)
    rows = np.where(keypoints.confidence[..., None] > 0, rows, 0.0)
    for v, camera in enumerate(keypoints.cameras):
        views = folder / f"{camera}_json"
        views.mkdir(parents=True)
        for t in range(len(rows)):
            text = json.dumps({"version": 1.3, "people": _openpose_people(rows[t, v])})
            (views / f"{camera}_{t:012d}_keypoints.json").write_text(text, encoding="utf-8")


def _openpose_people(rows: NDArray[np.float64]) -> list[dict[str, list[float]]]:
    """OpenPose's entries for candidates [P, J, 3]; nobody's entry is left out."""
    return [{"person_id": [-1], "pose_keypoints_2d": person.ravel().tolist()} for person in rows if person[:, 2].any()]
