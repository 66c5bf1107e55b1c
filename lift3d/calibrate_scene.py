"""Placing the cameras of a folder by known points of the scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import CalibrationError, Camera, InputError, Rig
from lift3d.calib.scene import SceneSolution, read_clicks, solve_scene, write_clicks
from lift3d.calib.static_points import StaticPoints
from lift3d.calib.triangulation import triangulate_linear
from lift3d.datasets.pairing import natural_key, pair_names

Array = NDArray[np.float64]


def place_cameras(
    lenses: Mapping[str, Camera],
    points: Mapping[str, Array],
    clicks: Mapping[str, Mapping[str, Array]],
    *,
    choose_best: bool = False,
) -> list[SceneSolution]:
    """Place every camera that has clicks.

    Args:
        lenses: intrinsics by camera name; names that differ in spelling only are paired.
        points: [3] metres, world, by name.
        clicks: [2] pixels by camera and point.
        choose_best: see :func:`solve_scene`.

    Raises:
        CalibrationError: a camera without a lens, or clicks that do not place a camera.
    """
    pairs = pair_names(list(clicks), list(lenses))
    missing = [name for name in clicks if name not in pairs]
    if missing:
        raise CalibrationError(f"{', '.join(missing)} was clicked but has no lens; lenses are {', '.join(lenses)}")
    named = [replace(lenses[pairs[name].name], name=name) for name in clicks]
    return [solve_scene(lens, points, clicks[lens.name], choose_best=choose_best) for lens in named]


def click_cameras(folder: Path, names: Sequence[str], file: Path) -> None:
    """Open a window for each picture or video in a folder, named after its camera, that has no clicks yet.

    The file is written after every camera, so that nothing is lost where the user gives up.

    Raises:
        FileNotFoundError: there is no such folder.
        CalibrationError: it holds neither clicks nor a picture or video, or one that cannot be read.
        InputError: no window can be opened, or the user gave up.
    """
    from lift3d.calib.click_window import click_points

    clicks = read_clicks(file) if file.is_file() else {}
    pictures = scene_pictures(folder)
    if not pictures and not clicks:
        raise CalibrationError(f"{folder} holds no picture and no video to click in")
    done = pair_names(list(pictures), list(clicks))
    for name, picture in pictures.items():
        if name not in done:
            clicks[name] = click_points(first_frame(picture), names, title=f"lift3d: {name}")
            if clicks[name]:
                write_clicks(clicks, file, overwrite=True)


def scene_pictures(folder: Path) -> dict[str, Path]:
    """The picture or video of each camera.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    from lift3d.calib.board_views import PHOTOS, VIDEOS

    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder")
    files = sorted(folder.iterdir(), key=lambda entry: natural_key(entry.name))
    return {file.stem: file for file in files if file.suffix.lower() in (*PHOTOS, *VIDEOS)}


def first_frame(file: Path) -> NDArray[np.uint8]:
    """[H, W, 3] BGR of a picture as it is stored, or of a video's first frame.

    Raises:
        CalibrationError: it cannot be read.
    """
    import cv2

    from lift3d.calib.board_views import PHOTOS

    if file.suffix.lower() in PHOTOS:
        image = cv2.imread(str(file), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    else:
        image = cv2.VideoCapture(str(file)).read()[1]
    if image is None:
        raise CalibrationError(f"{file} cannot be read as a picture or video; leave it out or export it again")
    return np.asarray(image, np.uint8)


def scene_points(clicks: Mapping[str, Mapping[str, Array]], rig: Rig) -> dict[str, tuple[Array, float]]:
    """Where clicked points lie by a calibration: [3] metres and the root mean square error in pixels, by name.

    Points that fewer than two cameras show are left out.

    Raises:
        InputError: a camera was clicked in that the calibration does not have.
    """
    names, xy = _pixels(clicks, rig)
    if not names:
        return {}
    xyz = triangulate_linear(rig.undistort(xy), rig)
    squared = ((rig.project(xyz) - xy) ** 2).sum(-1)
    return {
        name: (xyz[n], float(np.sqrt(np.nanmean(squared[:, n]))))
        for n, name in enumerate(names)
        if np.isfinite(xyz[n]).all()
    }


def static_points(
    clicks: Mapping[str, Mapping[str, Array]], points: Mapping[str, Array] | None, rig: Rig
) -> StaticPoints:
    """Clicks on fixed points as a repair takes them.

    Args:
        clicks: pixels [2] by camera and point.
        points: [3] metres in the calibration's world, of some or all of them; None: of none.
        rig: the cameras.

    Raises:
        CalibrationError: too few of ``points`` were clicked to hold the world, or they lie on one line.
        InputError: a camera was clicked in that the calibration does not have, or ``points`` are of another world.
    """
    names, xy = _pixels(clicks, rig)
    unknown = np.full(3, np.nan)
    xyz = np.array([(points or {}).get(name, unknown) for name in names], np.float64).reshape(-1, 3)
    found = StaticPoints(tuple(names), xy, xyz)
    if points is not None:
        found.check_world(rig)
    return found


def _pixels(clicks: Mapping[str, Mapping[str, Array]], rig: Rig) -> tuple[list[str], Array]:
    """The names of all clicked points, and pixels [V, N, 2]; NaN: not clicked."""
    cameras = pair_names(list(clicks), rig.names)
    missing = [name for name in clicks if name not in cameras]
    if missing:
        raise InputError(f"{', '.join(missing)} was clicked but is no camera of {', '.join(rig.names)}")
    names = list(dict.fromkeys(point for own in clicks.values() for point in own))
    xy = np.full((len(rig), len(names), 2), np.nan)
    for clicked, pair in cameras.items():
        for point, place in clicks[clicked].items():
            xy[rig.names.index(pair.name), names.index(point)] = place
    return names, xy


def scene_rows(solutions: Sequence[SceneSolution]) -> list[dict[str, Any]]:
    """One row a camera, for tables and JSON."""
    rows = []
    for solution in solutions:
        error = np.linalg.norm(solution.residuals, axis=1)
        sigma = np.sqrt(np.maximum(np.diag(solution.covariance), 0))
        rows.append(
            {
                "camera": solution.camera.name,
                "points": len(solution.names),
                "rms_px": round(solution.rms, 2),
                "worst_point": solution.names[int(error.argmax())],
                "worst_px": round(float(error.max()), 2),
                "sigma_deg": round(float(np.degrees(np.linalg.norm(sigma[:3]))), 3),
                "sigma_mm": round(float(1000 * np.linalg.norm(sigma[3:])), 1),
                "suspects": {name: round(value, 1) for name, value in solution.suspects.items()},
                "center_m": solution.camera.center.round(4).tolist(),
            }
        )
    return rows
