"""The demo from pixels: film the synthetic people, find their joints in the videos, reconstruct, and measure the error.

Nothing of the truth reaches the detector: it sees the pictures alone, and the rest is what ``lift3d detect`` and
``lift3d reconstruct`` do with any capture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.capture_videos import capture_videos
from lift3d.datasets.demo_capture import RESULTS, DemoSettings, synthesize, write_demo_capture

from .demo import FILMED, STAGE, Array, TrueError, deviation, filming, inside_ellipsoid, show_result
from .detect import detect_videos
from .detectors.detection import Detector
from .reconstruct import ReconstructConfig, reconstruct_capture

Progress = Callable[[str, int, int], None]


def run_pixels_demo(
    folder: str | Path,
    detector: Detector,
    settings: DemoSettings | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a synthetic capture with videos and no keypoints, find those, reconstruct, and compare with the truth.

    Args:
        folder: a new folder; the result stands in it as ``result.poses.h5``, a page about it as ``report.html``, the
            keypoints that were found as ``keypoints/<detector>.h5``.
        detector: finds people and joints in the videos.
        settings: what decides the capture; its model of a detector is not used.
        overwrite: replace an earlier demo.
        progress: called with (stage, done, total).

    Returns:
        {"folder", "region": the box that was looked at (m), "truth": figures of :func:`error_from_pixels`,
        "detection": the ordinary summary, "reconstruction": the ordinary summary}.

    Raises:
        FileExistsError: the folder holds something.
        InputError: a setting is impossible, the detector finds none of the truth's joints, or two cameras found nobody.
        CalibrationError: what was found does not fit the cameras.
    """
    settings = settings or FILMED
    capture = synthesize(settings)
    if not set(detector.skeleton.joints) & set(capture.truth.skeleton.joints):
        raise InputError(f"detector {detector.name} finds no joint of which the demo knows the truth")
    film = filming(settings.seed, progress)
    folder = write_demo_capture(folder, settings, overwrite=overwrite, keypoints=False, film=film)
    (folder / "keypoints").mkdir()
    keypoints = folder / "keypoints" / f"{Path(detector.name).name}.h5"
    found = detect_videos(capture_videos(folder, capture.rig.names), keypoints, detector, progress=progress)
    config = ReconstructConfig(people=1, roi=STAGE)
    result = reconstruct_capture(
        folder, folder / RESULTS[0], keypoints=keypoints.resolve(), config=config, progress=progress
    )
    show_result(result.poses, folder, title="lift3d demo, from pixels")
    return {
        "folder": str(folder),
        "region": list(STAGE),
        "truth": error_from_pixels(result.poses, capture.truth),
        "detection": found.summary(),
        "reconstruction": result.summary,
    }


def error_from_pixels(poses: Poses, truth: Poses) -> dict[str, Any]:
    """How far poses and the keypoints that they were made of are from the truth.

    Args:
        poses: of one person, with rig and keypoints; joints of which there is no truth do not count.
        truth: of that person.

    Returns:
        Figures ready for JSON, overall and under "joints" one row a joint: those of :meth:`TrueError.summary` in
        millimetres (what presupposes a simulated detector is None), and of the keypoints used "median_px" and
        "seen_percent" (of the pictures in which the joint is inside the frame). Overall also "offset_percent", the
        share of the squared error that is one offset a joint, towards the body the same in all frames: where the
        detector puts the joint is not where the body has it; and "inside_90_around_offset_percent", how many of the
        90 % ellipsoids hold what is left of the error, which is all that they are about.

    Raises:
        InputError: the poses are of something else.
    """
    known = [j for j, joint in enumerate(poses.skeleton.joints) if joint in truth.skeleton.joints]
    error, inside = (part[:, known] for part in deviation(poses, truth))
    summary = TrueError(
        distance=np.linalg.norm(error, axis=-1),
        inside=inside,
        bound=np.full(inside.shape, np.nan),
        clean=np.zeros(inside.shape, bool),
        joints=tuple(poses.skeleton.joints[j] for j in known),
    ).summary()
    distance = _pixel_distance(poses, truth)[..., known]
    for j, row in enumerate(summary["joints"]):
        row.update(_pixel_figures(distance[..., j]))
    return {**summary, **_pixel_figures(distance), **_offset_figures(error, poses, truth, known)}


def _offset_figures(error: Array, poses: Poses, truth: Poses, known: list[int]) -> dict[str, float | None]:
    """How much of errors [T, J, 3] is constant, and what the ellipsoids say of the rest."""
    turn = _axes_of_body(truth)
    along = np.ma.masked_invalid(np.einsum("tik,tjk->tji", turn, error))
    offset = np.einsum("tki,tjk->tji", turn, np.broadcast_to(along.mean(0).filled(np.nan), error.shape))
    frames = np.rint(poses.time * truth.fps).astype(int)
    rest = (error - offset)[frames]
    held = inside_ellipsoid(rest, poses.covariance[:, 0][:, known])
    there = np.isfinite(error).all(-1)
    total, constant = ((value[there] ** 2).sum() for value in (error, offset))
    return {
        "offset_percent": round(100 * float(constant / total), 1) if total > 0 else None,
        "inside_90_around_offset_percent": round(100 * float(np.nanmean(held)), 1) if there.any() else None,
    }


def _axes_of_body(truth: Poses) -> Array:
    """[T, 3, 3] rotations about the vertical, from the world to a body that looks along its own y."""
    across = np.mean(
        [_place(truth, "right_" + part) - _place(truth, "left_" + part) for part in ("hip", "shoulder")], 0
    )
    angle = np.arctan2(across[:, 1], across[:, 0])
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([np.stack(row, -1) for row in ((c, s, zero), (-s, c, zero), (zero, zero, one))], 1)


def _place(truth: Poses, joint: str) -> Array:
    """[T, 3] where a joint is."""
    return np.asarray(truth.xyz[:, 0, truth.skeleton.index(joint)])


def _pixel_distance(poses: Poses, truth: Poses) -> Array:
    """[T, V, J] pixels from keypoint to projected truth: infinite where it was not found, NaN outside the picture."""
    if poses.rig is None or poses.keypoints is None:
        raise InputError("the poses hold no cameras or no keypoints; `lift3d reconstruct` stores both")
    places = [truth.skeleton.index(joint) for joint in poses.skeleton.joints]
    frames = np.rint(poses.time * truth.fps).astype(int)
    views = []
    for v, camera in enumerate(poses.rig):
        wanted = camera.project(truth.xyz[frames][:, 0, places])
        distance = np.linalg.norm(poses.keypoints.xy[:, v, 0] - wanted, axis=-1)
        distance = np.where(np.isfinite(distance), distance, np.inf)
        visible = ((wanted >= -0.5) & (wanted < np.array(camera.size) - 0.5)).all(-1)
        views.append(np.where(visible, distance, np.nan))
    return np.stack(views, axis=1)


def _pixel_figures(distance: Array) -> dict[str, float | None]:
    """What holds for one joint or for all."""
    known = distance[~np.isnan(distance)]
    found = known[np.isfinite(known)]
    return {
        "median_px": round(float(np.median(found)), 2) if len(found) else None,
        "seen_percent": round(100 * len(found) / len(known), 1) if len(known) else None,
    }
