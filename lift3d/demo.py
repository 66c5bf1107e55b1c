"""The demo: reconstruct a synthetic capture by the ordinary path, and measure the true error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError, Rig
from lift3d.datasets import Poses
from lift3d.datasets.demo_capture import (
    RESULTS,
    DemoSettings,
    Film,
    SyntheticCapture,
    synthesize,
    write_demo_capture,
)
from lift3d.datasets.detections import Detections
from lift3d.viz.artist import RenderOptions
from lift3d.viz.render import render_image
from lift3d.viz.report import write_report

from .point_solver import SYMMETRIC_3
from .reconstruct import ReconstructConfig, reconstruct_capture

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

LEAST_SIGMA = 1e-6  # px: a simulated detector may be exact
# The passer-by is as real as the person; in a short demo only the region says whom to reconstruct.
STAGE = (-2.5, -2.0, -0.5, 2.5, 2.0, 2.5)  # m
FILMED = DemoSettings(duration=5.0, fps=30.0)
"""What decides a demo with video where nothing else is asked for: pictures take far longer than keypoints."""

_OTHER = "the truth is one person of {}; the poses are of something else"
CHI2_90 = 6.251  # 90 % of chi-squared with three degrees of freedom


@dataclass(frozen=True, eq=False)
class TrueError:
    """How far poses are from the truth, joint by joint.

    Args:
        distance: [T, J] metres; NaN where the poses miss the joint.
        inside: [T, J] whether the truth lies in the 90 % ellipsoid, NaN where there is none.
        bound: [T, J] metres, the least root-mean-square error that any unbiased method can have (Cramér and Rao); NaN
            where fewer than two cameras saw the joint right.
        clean: [T, J] whether all cameras that reported the joint were right about it.
        joints: J names.
    """

    distance: Array
    inside: Array
    bound: Array
    clean: NDArray[np.bool_]
    joints: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Figures ready for JSON, lengths in millimetres: overall, and one row a joint."""
        rows = [{"name": name, **self._figures(np.s_[:, j])} for j, name in enumerate(self.joints)]
        return {**self._figures(np.s_[:, :]), "joints": rows}

    def _figures(self, part: Any) -> dict[str, float | None]:
        """What holds for one joint or for all."""
        distance, inside, bound = self.distance[part], self.inside[part], self.bound[part]
        # An error is held against its bound over the same joints and frames.
        clean = self.clean[part] & np.isfinite(distance) & np.isfinite(bound)
        return {
            "found_percent": _rounded(100 * float(np.isfinite(distance).mean())),
            "median_mm": _rounded(1000 * _quantile(distance, 0.5)),
            "rms_mm": _rounded(1000 * _rms(distance[np.isfinite(distance)])),
            "worst_mm": _rounded(1000 * _quantile(distance, 1.0)),
            "clean_rms_mm": _rounded(1000 * _rms(distance[clean])),
            "clean_bound_mm": _rounded(1000 * _rms(bound[clean])),
            "inside_90_percent": _rounded(100 * _mean(inside[np.isfinite(inside)])),
        }


def run_demo(
    folder: str | Path,
    settings: DemoSettings | None = None,
    *,
    overwrite: bool = False,
    video: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a synthetic capture, reconstruct it as any other, and compare with the truth.

    The keypoints are those of a simulated detector; for the way from pixels see :mod:`lift3d.demo_video`.

    Args:
        folder: a new folder; the result stands in it as ``result.poses.h5``, a picture of it as
            ``result.png``, a page about it as ``report.html``.
        settings: what decides the capture.
        overwrite: replace an earlier demo.
        video: draw a video of every camera too.
        progress: called with (stage, done, total).

    Returns:
        {"folder", "region": the box that was looked at (m), "truth": :meth:`TrueError.summary`, "reconstruction": the
        ordinary summary}.

    Raises:
        FileExistsError: the folder holds something.
        InputError: a setting is impossible.
    """
    settings = settings or DemoSettings()
    if progress:
        progress("writing the capture", 0, 0)
    film = filming(settings.seed, progress) if video else None
    folder = write_demo_capture(folder, settings, overwrite=overwrite, film=film)
    config = ReconstructConfig(people=1, roi=STAGE)
    found = reconstruct_capture(folder, folder / RESULTS[0], config=config, progress=progress)
    show_result(found.poses, folder, title="lift3d demo")
    error = true_error(found.poses, synthesize(settings))
    return {"folder": str(folder), "region": list(STAGE), "truth": error.summary(), "reconstruction": found.summary}


def show_result(poses: Poses, folder: Path, *, title: str) -> None:
    """Write the picture and the page that a demo ends with, into its folder; the picture without Open3D."""
    options = RenderOptions(title=title, renderer="painter", overwrite=True)
    render_image(poses, folder / RESULTS[1], options=options)
    write_report(poses, folder / RESULTS[3], title=title, overwrite=True)


def filming(seed: int, progress: Progress | None = None) -> Film:
    """What draws a synthetic capture's videos into a folder, for :func:`write_demo_capture`."""

    def film(folder: Path, capture: SyntheticCapture) -> None:
        from lift3d.viz.footage import Footage, FootageOptions, write_footage

        reach = float(np.abs(capture.people[..., :2]).max())
        crew = Footage(capture.rig, capture.truth.skeleton, reach=reach, options=FootageOptions(seed))
        write_footage(folder, capture.people, crew, fps=capture.truth.fps, progress=progress)

    return film


def true_error(poses: Poses, capture: SyntheticCapture) -> TrueError:
    """Compare a reconstruction of a synthetic capture with its truth.

    Args:
        poses: one person, frames and joints of the capture.
        capture: what was reconstructed.

    Raises:
        InputError: the poses are of other joints, or of frames that the capture does not have.
    """
    truth = capture.truth
    if poses.skeleton.joints != truth.skeleton.joints:
        raise InputError(_OTHER.format(truth.skeleton.name))
    error, inside = deviation(poses, truth)
    seen = capture.detections.associated()
    bound = least_covariance(truth.xyz[:, 0], capture.rig, seen.unswapped())
    return TrueError(
        distance=np.linalg.norm(error, axis=-1),
        inside=inside,
        bound=np.sqrt(np.trace(bound, axis1=-2, axis2=-1)),
        clean=np.asarray(~(seen.outlier | seen.swapped)[:, :, 0].any(1)),
        joints=truth.skeleton.joints,
    )


def deviation(poses: Poses, truth: Poses) -> tuple[Array, Array]:
    """How far the poses of one person are from where the joints were, in all frames of the truth.

    Args:
        poses: one person.
        truth: one person.

    Returns:
        error [T, J, 3] metres, NaN where the poses miss a joint or the truth does not know it; [T, J] whether the
        truth lies in the joint's 90 % ellipsoid, NaN where there is none.

    Raises:
        InputError: the poses are of other joints altogether, or of frames that the truth does not have.
    """
    places = np.array([truth.skeleton.index(joint) for joint in poses.skeleton.joints])
    if poses.xyz.shape[1] != 1 or (places < 0).all():
        raise InputError(_OTHER.format(truth.skeleton.name))
    frames = np.rint(poses.time * truth.fps).astype(int)
    if len(frames) and not (frames.min() >= 0 and frames.max() < len(truth.xyz)):
        raise InputError(
            f"the truth has {len(truth.xyz)} frames; the poses reach from {frames.min()} to {frames.max()}"
        )
    shape = (len(truth.xyz), len(places))
    error, covariance = np.full((*shape, 3), np.nan), np.full((*shape, 6), np.nan)
    error[frames] = poses.xyz[:, 0] - truth.xyz[frames][:, 0, places]
    covariance[frames] = poses.covariance[:, 0]
    error[:, places < 0] = np.nan
    return error, inside_ellipsoid(error, covariance)


def inside_ellipsoid(error: Array, covariance: Array) -> Array:
    """Whether errors [..., 3] lie in the 90 % ellipsoids of covariances [..., 6] m²: [...], NaN where there is none."""
    mahalanobis = np.einsum("...i,...ik,...k->...", error, _inverse(_matrices(covariance)), error)
    return np.where(np.isfinite(mahalanobis), mahalanobis <= CHI2_90, np.nan)


def least_covariance(xyz: Array, rig: Rig, detections: Detections, *, person: int = 0) -> Array:
    """The Cramér-Rao bound of points seen with known noise: the inverse of the Fisher information.

    Args:
        xyz: [T, J, 3] metres, the truth.
        rig: V cameras.
        detections: associated and unswapped; outliers do not inform.
        person: whose detections to take.

    Returns:
        [T, J, 3, 3] m²; NaN where fewer than two cameras have an inlier.
    """
    good = np.isfinite(detections.sigma[:, :, person]) & ~detections.outlier[:, :, person]  # [T, V, J]
    information = np.zeros((*xyz.shape, 3))
    for v, camera in enumerate(rig):
        sigma = np.maximum(detections.sigma[:, v, person], LEAST_SIGMA)
        J = camera.project_jacobian(xyz)[1] / sigma[..., None, None]  # [T, J, 2, 3]
        information += np.where(good[:, v, :, None, None], np.swapaxes(J, -1, -2) @ J, 0.0)
    information[good.sum(1) < 2] = np.nan
    return _inverse(information)


def _inverse(matrices: Array) -> Array:
    """Inverses [..., 3, 3]; NaN where a matrix is not finite or not positive."""
    ok = np.asarray(np.isfinite(matrices).all((-2, -1)))
    ok &= np.linalg.det(np.where(ok[..., None, None], matrices, np.eye(3))) > 0
    inverse = np.linalg.inv(np.where(ok[..., None, None], matrices, np.eye(3)))
    return np.where(ok[..., None, None], inverse, np.nan)


def _matrices(covariance: Array) -> Array:
    """[..., 6] xx, xy, xz, yy, yz, zz to [..., 3, 3]."""
    return covariance[..., SYMMETRIC_3]


def _rms(values: Array) -> float:
    """Root mean square, NaN for none."""
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


def _mean(values: Array) -> float:
    """NaN for none."""
    return float(values.mean()) if values.size else float("nan")


def _quantile(values: Array, share: float) -> float:
    """Of the finite values, NaN for none."""
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, share)) if finite.size else float("nan")


def _rounded(value: float) -> float | None:
    """One digit; None for NaN, which JSON lacks."""
    return round(float(value), 1) if np.isfinite(value) else None
