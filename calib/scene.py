"""Where a camera stands, from points of the scene whose places are known and that were clicked in its picture."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from .atomic_file import atomic_file
from .camera import Camera
from .camera_jacobian import project_with_jacobians
from .distortion import Array
from .errors import CalibrationError, InputError
from .rotation import rotation_matrix, rotation_vector

logger = logging.getLogger(__name__)

MIN_POINTS = 4
ON_LINE = 0.01  # of the longest extent: the second extent of points that lie on a line
FLAT = 0.01  # of the longest extent: the third extent of points that lie on a plane
STEPS = 40
SAME_TURN, SAME_SHIFT = 0.02, 0.02  # radians, part of the distance: solutions closer than these are one
AMBIGUOUS = 2.0  # times the best error: another solution that fits so well cannot be told from it
FAIR_PX = 2.0  # a person clicks to about a pixel; below it, no solution is called worse than another
WRONG_CLICK = 4.0  # times: by how much leaving a click out lowers the error if it was wrong
WRONG_CLICK_PX = 5.0


@dataclass(frozen=True, eq=False)
class SceneSolution:
    """A camera placed by known points.

    Args:
        camera: with its pose.
        names: the points that were used.
        residuals: [N, 2] pixels, projected minus clicked.
        covariance: [6, 6] of the pose (omega, dt), for the clicks' noise as the residuals show it.
        others: root mean square errors in pixels of the other, worse solutions.
        suspects: points whose click contradicts all others, with the error in pixels that it has without them.
    """

    camera: Camera
    names: tuple[str, ...]
    residuals: Array
    covariance: Array
    others: tuple[float, ...]
    suspects: dict[str, float]

    @property
    def rms(self) -> float:
        """Root mean square distance, pixels."""
        return float(np.sqrt((self.residuals**2).sum(1).mean()))


def solve_scene(
    camera: Camera, points: Mapping[str, Array], clicks: Mapping[str, Array], *, choose_best: bool = False
) -> SceneSolution:
    """Place a camera.

    Every solution that OpenCV's solvers propose is refined on the reprojection error, and the solutions are compared.

    Args:
        camera: the lens; its pose does not count.
        points: [3] metres, world, by name.
        clicks: [2] pixels, by name; those of unknown points are refused.
        choose_best: take the best of several solutions that fit all but equally well, instead of refusing.

    Raises:
        InputError: a click on a point that is not known.
        CalibrationError: fewer than four points, all on one line, no solution in front of the camera, or several
            solutions that the points cannot tell apart.
    """
    unknown = sorted(set(clicks) - set(points))
    if unknown:
        raise InputError(f"camera {camera.name}: {', '.join(unknown)} were clicked but have no place among the points")
    names = tuple(name for name in points if name in clicks)
    xyz = np.array([points[name] for name in names], np.float64).reshape(-1, 3)
    xy = np.array([clicks[name] for name in names], np.float64).reshape(-1, 2)
    _check_points(camera, xyz)
    solutions = _solutions(camera, xyz, xy)
    if not solutions:
        raise CalibrationError(f"camera {camera.name}: no place explains the clicks; are they on the right points?")
    best, others = solutions[0], tuple(_rms(solution, xyz, xy) for solution in solutions[1:])
    rms = _rms(best, xyz, xy)
    rivals = [error for error in others if error < AMBIGUOUS * max(rms, FAIR_PX)]
    if rivals and not choose_best:
        raise CalibrationError(
            f"camera {camera.name}: {1 + len(rivals)} places explain the clicks ({rms:.1f}, {rivals[0]:.1f} px off); "
            "click points that are not all on one plane, or more of them"
        )
    projected, _, J, _ = project_with_jacobians(best, xyz)
    residuals = projected - xy
    noise = float((residuals**2).sum() / max(2 * len(xyz) - 6, 1))
    A = J.reshape(-1, 6)
    covariance = noise * np.linalg.pinv(A.T @ A, hermitian=True)
    return SceneSolution(best, names, residuals, covariance, others, _suspects(best, names, xyz, xy))


def _check_points(camera: Camera, xyz: Array) -> None:
    """Four points, not on a line."""
    if len(xyz) < MIN_POINTS:
        raise CalibrationError(f"camera {camera.name}: {len(xyz)} points were clicked, {MIN_POINTS} or more are needed")
    extents = np.linalg.svd(xyz - xyz.mean(0), compute_uv=False)
    if extents[1] < ON_LINE * extents[0]:
        raise CalibrationError(f"camera {camera.name}: the points lie on one line; click points to its side as well")


def _solutions(camera: Camera, xyz: Array, xy: Array) -> list[Camera]:
    """All different solutions, refined, the best first."""
    found: list[tuple[float, Camera]] = []
    for R, t in _proposals(camera, xyz, xy):
        refined = _refine(camera.with_pose(R, t), xyz, xy)
        error = _rms(refined, xyz, xy)
        if np.isfinite(error) and not any(_same(refined, other, xyz) for _, other in found):
            found.append((error, refined))
    return [entry[1] for entry in sorted(found, key=lambda entry: entry[0])]


def _proposals(camera: Camera, xyz: Array, xy: Array) -> list[tuple[Array, Array]]:
    """What OpenCV's solvers say on undistorted clicks, also of every three points."""
    ideal = camera.undistort(xy)
    seen = np.isfinite(ideal).all(1)
    xyz, ideal = xyz[seen], ideal[seen]
    extents = np.linalg.svd(xyz - xyz.mean(0), compute_uv=False)
    jobs = [(np.arange(len(xyz)), cv2.SOLVEPNP_SQPNP)]
    if extents[2] < FLAT * extents[0]:
        jobs.append((np.arange(len(xyz)), cv2.SOLVEPNP_IPPE))
    triples = list(combinations(range(len(xyz)), 4))[:40]
    jobs += [(np.array(triple), cv2.SOLVEPNP_AP3P) for triple in triples]
    out = []
    for index, solver in jobs:
        three = index[:3] if solver == cv2.SOLVEPNP_AP3P else index
        try:
            _, turns, shifts, _ = cv2.solvePnPGeneric(
                np.ascontiguousarray(xyz[three]),
                np.ascontiguousarray(ideal[three]),
                np.eye(3),
                np.zeros(0),
                flags=solver,
            )
        except cv2.error as error:  # three points on a line
            logger.debug("solvePnP: %s", error)
            continue
        for turn, shift in zip(turns, shifts, strict=True):
            pose = np.asarray(turn, np.float64).ravel(), np.asarray(shift, np.float64).ravel()
            if np.isfinite(pose).all():
                out.append((rotation_matrix(pose[0]), pose[1]))
    return out


def _refine(camera: Camera, xyz: Array, xy: Array) -> Camera:
    """Levenberg-Marquardt on the pose."""
    damping, error = 1e-3, _rms(camera, xyz, xy)
    for _ in range(STEPS):
        projected, _, J, _ = project_with_jacobians(camera, xyz)
        good = np.isfinite(projected).all(1)
        if good.sum() < 3:
            return camera
        A, b = J[good].reshape(-1, 6), (xy - projected)[good].ravel()
        H = A.T @ A
        step = np.linalg.lstsq(H + damping * np.diag(np.diag(H)), A.T @ b, rcond=None)[0]
        moved = camera.with_pose(rotation_matrix(step[:3]) @ camera.R, camera.t + step[3:])
        now = _rms(moved, xyz, xy)
        if now < error or not np.isfinite(error):
            done = error - now < 1e-10 * error
            camera, error, damping = moved, now, damping / 10
            if done:
                break
        else:
            damping *= 10
            if damping > 1e8:
                break
    return camera


def _rms(camera: Camera, xyz: Array, xy: Array) -> float:
    """Root mean square distance, pixels; NaN if a point lies behind the camera."""
    return float(np.sqrt(((camera.project(xyz) - xy) ** 2).sum(1).mean()))


def _same(a: Camera, b: Camera, xyz: Array) -> bool:
    """Whether two solutions are one."""
    distance = float(np.linalg.norm(a.center - xyz.mean(0)))
    turn = np.linalg.norm(rotation_vector(a.R @ b.R.T))
    return bool(turn < SAME_TURN and np.linalg.norm(a.center - b.center) < SAME_SHIFT * distance)


def _suspects(camera: Camera, names: tuple[str, ...], xyz: Array, xy: Array) -> dict[str, float]:
    """The click without which the others agree far better, if there is one."""
    if len(names) < MIN_POINTS + 2:
        return {}
    rms = _rms(camera, xyz, xy)
    without, errors = [], []
    for i in range(len(names)):
        rest = np.arange(len(names)) != i
        moved = _refine(camera, xyz[rest], xy[rest])
        without.append(_rms(moved, xyz[rest], xy[rest]))
        errors.append(float(np.linalg.norm(moved.project(xyz[i]) - xy[i])))
    worst = int(np.nanargmin(without))
    if rms > WRONG_CLICK * max(without[worst], 0.5) and errors[worst] > WRONG_CLICK_PX:
        return {names[worst]: errors[worst]}
    return {}


def read_points(path: Path) -> dict[str, Array]:
    """Known points of a scene: a CSV file with the columns point, x, y, z (metres, world).

    Raises:
        FileNotFoundError: there is no such file.
        InputError: a column is missing, a number is malformed, or a name stands twice.
    """
    points: dict[str, Array] = {}
    for row in _rows(path, ("point", "x", "y", "z")):
        if row["point"] in points:
            raise InputError(f"{path}: the point {row['point']} stands twice; names must differ")
        points[row["point"]] = _numbers(path, row, ("x", "y", "z"))
    return points


def read_clicks(path: Path) -> dict[str, dict[str, Array]]:
    """Clicks by camera and point: a CSV file with the columns camera, point, x, y (pixels).

    Raises:
        FileNotFoundError: there is no such file.
        InputError: a column is missing, a number is malformed, or a point was clicked twice in a camera.
    """
    clicks: dict[str, dict[str, Array]] = {}
    for row in _rows(path, ("camera", "point", "x", "y")):
        own = clicks.setdefault(row["camera"], {})
        if row["point"] in own:
            raise InputError(f"{path}: the point {row['point']} was clicked twice in {row['camera']}; keep one")
        own[row["point"]] = _numbers(path, row, ("x", "y"))
    return clicks


def write_clicks(clicks: Mapping[str, Mapping[str, Array]], path: Path, *, overwrite: bool = False) -> Path:
    """Write what :func:`read_clicks` reads.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
        OSError: the folder cannot be written.
    """
    with atomic_file(path, overwrite=overwrite) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("camera", "point", "x", "y"))
        for camera, own in clicks.items():
            for point, (x, y) in own.items():
                writer.writerow((camera, point, f"{x:.2f}", f"{y:.2f}"))
    return Path(path)


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file that has these columns."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    found = tuple(rows[0]) if rows else ()
    if not set(columns) <= set(found):
        raise InputError(f"{path} must have the columns {', '.join(columns)} and a row or more, got {', '.join(found)}")
    return rows


def _numbers(path: Path, row: Mapping[str, str], columns: tuple[str, ...]) -> Array:
    """Finite numbers."""
    try:
        values = np.array([float(row[column]) for column in columns])
    except (TypeError, ValueError):
        values = np.array([np.nan])
    if not np.isfinite(values).all():
        raise InputError(f"{path}: {row['point']} must have numbers in {', '.join(columns)}")
    return values
