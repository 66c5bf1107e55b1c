"""The lens of one camera from pictures of a board, with error bars and an error on frames that were held out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .board_pose import board_homography, board_poses, focal_from_planes
from .board_views import BoardViews
from .bundle_adjustment import Adjustment, AdjustmentConfig, BoardObservations, BoardPoses, adjust_boards
from .camera import Camera
from .distortion import Array
from .errors import CalibrationError
from .frame_choice import choose_frames
from .lens_parameters import FOCAL_LIMIT, LensShape, lens_basis, parameter_names, reset, undetermined

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]

MIN_FRAMES = 4
MIN_CORNERS = 6
START_FRAMES = 12  # enough to choose between starting values
START_LOSS = 4.0  # pixels; wide, since nothing is known yet about what is wrong
START_FOCALS = (0.35, 0.6, 1.0, 1.7)  # of the picture's larger side, beside what the boards' perspective says
OUTLIER = 5.0  # standard deviations, after which a corner is left out
BAD_FRAME = 3.0  # times the median frame's error
BAD_FRAME_PX = 0.5  # below it no frame is called wrong
BAD_PART = 0.25  # of a frame's corners being outliers makes the frame wrong
PRINT_ERROR = 0.01  # of a square: by which printers, paper and glue put corners elsewhere, in the plane and out of it
BENT_GAIN = 0.95  # of the held-out error: what a board other than printed must reach to be believed


@dataclass(frozen=True)
class IntrinsicsConfig:
    """How to fit.

    Args:
        shape: the lens.
        max_frames: frames used at most; more add time and hardly any information.
        folds: parts of the frames that are held out in turn; each frame by itself where there are few.
        reject: leave out boards and corners that contradict the rest.
        fix: parameters that shall stay at their default (cx, cy: the middle; fy: as fx; coefficients: 0).
        bend: find out where the print's corners really are, if frames that are held out say that this is better.
    """

    shape: LensShape = field(default_factory=LensShape)
    max_frames: int = 40
    folds: int = 8
    reject: bool = True
    fix: frozenset[str] = frozenset()
    bend: bool = True


@dataclass(frozen=True, eq=False)
class Intrinsics:
    """A calibrated lens.

    Args:
        camera: the lens, standing at the origin.
        sigma: [4 + D] standard deviations of fx, fy, cx, cy, dist: the larger of what the corners' noise and what the
            change from frame to frame (jackknife over the folds) says; 0 for what was fixed.
        covariance: [4 + D, 4 + D] by the corners' noise.
        fixed: parameters that were not fitted, and why.
        views: the frames that were used, corners that proved wrong being NaN.
        left_out: frames with a board that was found wrong, and why.
        outliers: how many single corners were found wrong in the frames used.
        corners: [N, 3] metres, where the board's corners are; as printed, unless the frames say otherwise.
        residuals: [F, N, 2] pixels, projected minus seen.
        held_out_residuals: the same, for each frame with a lens fitted without it.
    """

    camera: Camera
    sigma: Array
    covariance: Array
    fixed: dict[str, str]
    views: BoardViews
    left_out: dict[str, str]
    outliers: int
    corners: Array
    residuals: Array
    held_out_residuals: Array

    @property
    def bend(self) -> float:
        """Metres by which the farthest corner of the board is not where it should have been printed."""
        return float(np.linalg.norm(self.corners - self.views.board.corners, axis=1).max())

    @property
    def rms(self) -> float:
        """Root mean square distance between seen and projected corners, pixels."""
        return _rms(self.residuals)

    @property
    def held_out_rms(self) -> float:
        """The same in frames that the lens was not fitted to; only the board's pose was."""
        return _rms(self.held_out_residuals)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that ``sigma`` speaks of."""
        return parameter_names(self.camera.model, len(self.camera.dist))

    @property
    def values(self) -> Array:
        """[4 + D]: fx, fy, cx, cy, dist."""
        return lens_values(self.camera)


@dataclass(frozen=True, eq=False)
class _Freedom:
    """What may move beside the board's poses.

    Args:
        lens: the lens's parameters, by name.
        stiffness: of the board, pixels a metre; None: it stays as it is.
        corners: [N, 3] the board as it is; None: as printed.
    """

    lens: frozenset[str]
    stiffness: float | None = None
    corners: Array | None = None


@dataclass(frozen=True, eq=False)
class _Fit:
    """One adjustment."""

    camera: Camera
    result: Adjustment


@dataclass(frozen=True, eq=False)
class _Outcome:
    """A fit whose parameters are all determined: what it was free in, what was fixed, the errors in frames held out."""

    fit: _Fit
    free: _Freedom
    fixed: dict[str, str]
    held_out: Array
    jackknife: Array


def calibrate_intrinsics(
    views: BoardViews, *, config: IntrinsicsConfig | None = None, progress: Progress | None = None
) -> Intrinsics:
    """Fit a lens to what one camera saw of a board.

    Frames are chosen for sharpness and variety; boards and corners that contradict the others are left out; parameters
    that the frames cannot tell are fixed, and said to be.

    Args:
        views: the board in the camera's pictures.
        config: how.
        progress: called as progress(stage, done, total).

    Raises:
        CalibrationError: the board was found in too few frames, or the frames do not tell the focal length.

    Source: Zhang, A flexible new technique for camera calibration, PAMI 2000.
    """
    config = config or IntrinsicsConfig()
    views = _usable(views)
    views = views.select(choose_frames(views, config.max_frames))
    camera = _first_guess(views, config)
    free = _Freedom(config.shape.free - config.fix)
    fit = _fit(reset(camera, config.fix), views, free, loss_scale=START_LOSS)
    fit, views, left_out, outliers = _clean(fit, views, free) if config.reject else (fit, views, {}, 0)
    outcome = _settle(fit, views, free, config.folds, progress)
    _check_focal(outcome.fit, views)
    bent = _bend(outcome, views, config, progress) if config.bend else None
    if bent is not None:
        outcome = bent
        if config.reject:
            fit, views, wrong, more = _clean(bent.fit, views, bent.free)
            left_out, outliers = {**left_out, **wrong}, outliers + more
            outcome = _settle(fit, views, bent.free, config.folds, progress) if wrong or more else bent
            outcome = replace(outcome, fixed={**bent.fixed, **outcome.fixed})
    fit, fixed = outcome.fit, {**dict.fromkeys(sorted(config.fix), "as asked"), **outcome.fixed}
    covariance = fit.result.lens_covariance[0]
    sigma = np.maximum(np.sqrt(np.maximum(np.diag(covariance), 0)), outcome.jackknife)
    for name, reason in {**left_out, **{f"parameter {name}": reason for name, reason in fixed.items()}}.items():
        logger.info("camera %s: %s: %s", views.camera, name, reason)
    residuals, corners = fit.result.residuals[0], fit.result.corners
    return Intrinsics(
        fit.camera, sigma, covariance, fixed, views, left_out, outliers, corners, residuals, outcome.held_out
    )


def _settle(fit: _Fit, views: BoardViews, free: _Freedom, folds: int, progress: Progress | None) -> _Outcome:
    """Hold frames out in turn, fixing what frames do not tell, until all that is left is determined."""
    fixed: dict[str, str] = {}
    jackknife = np.zeros(4 + len(fit.camera.dist))
    while True:
        fit, free, found = _fix_undetermined(fit, views, free, jackknife)
        fixed.update(found)
        held_out, jackknife = _hold_out(fit, views, free, folds, progress)
        if not undetermined(fit.camera, np.diag(jackknife**2), free.lens):
            return _Outcome(fit, free, fixed, held_out, jackknife)


def _bend(outcome: _Outcome, views: BoardViews, config: IntrinsicsConfig, progress: Progress | None) -> _Outcome | None:
    """The same with a board that may be other than printed; None: that does not foretell held-out frames better.

    Source: Strobl and Hirzinger, More accurate pinhole camera calibration with imperfect planar target, ICCV 2011.
    """
    stiffness = outcome.fit.result.noise / (PRINT_ERROR * views.board.square)
    bent = _settle(outcome.fit, views, replace(outcome.free, stiffness=stiffness), config.folds, progress)
    if _rms(bent.held_out) > BENT_GAIN * _rms(outcome.held_out):
        return None
    return replace(bent, fixed={**outcome.fixed, **bent.fixed})


def lens_values(camera: Camera) -> Array:
    """[4 + D]: fx, fy, cx, cy, dist."""
    return np.concatenate([camera.focal, camera.principal_point, camera.dist])


def _usable(views: BoardViews) -> BoardViews:
    """The frames with enough corners."""
    enough = np.isfinite(views.xy[..., 0]).sum(1) >= MIN_CORNERS
    if enough.sum() < MIN_FRAMES:
        raise CalibrationError(
            f"camera {views.camera}: the board was found in {int(enough.sum())} of {views.looked} pictures, at least "
            f"{MIN_FRAMES} are needed and 15 are good; take more, tilted by 20 to 45 degrees and up to the edges"
        )
    return views.select(enough)


def _first_guess(views: BoardViews, config: IntrinsicsConfig) -> Camera:
    """A lens with one focal length and one coefficient that fits a dozen frames, from several starting values."""
    few = views.select(choose_frames(views, START_FRAMES))
    side = max(views.size)
    planes = [H for xy in few.xy if (H := board_homography(views.board.corners, xy)) is not None]
    focal = focal_from_planes(planes, views.size)
    starts = [part * side for part in START_FOCALS]
    if focal is not None and 0.1 * side < focal < 20 * side:
        starts.insert(0, focal)
    free = _Freedom(frozenset({"fx", "k1"} & config.shape.free))
    fits = []
    for start in starts:
        try:
            fits.append(_fit(_plain(views, start, config.shape), few, free, loss_scale=START_LOSS, max_steps=25))
        except CalibrationError:
            continue
    if not fits:
        raise CalibrationError(f"camera {views.camera}: the boards' poses make no sense; check the board's size")
    return min(fits, key=lambda fit: fit.result.cost).camera


def _plain(views: BoardViews, focal: float, shape: LensShape) -> Camera:
    """A lens without distortion that looks through the picture's middle."""
    width, height = views.size
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    return Camera(views.camera, K, np.zeros(shape.length), size=views.size, model=shape.model)


def _fit(camera: Camera, views: BoardViews, free: _Freedom, *, loss_scale: float | None, max_steps: int = 60) -> _Fit:
    """Adjust the lens and the boards; where a frame has no pose in front of this lens, CalibrationError."""
    poses = place_boards(camera, views)
    observations = BoardObservations(views.board.corners if free.corners is None else free.corners, views.xy[None])
    lens = (lens_basis(camera, free.lens),)
    config = AdjustmentConfig(lens=lens, stiffness=free.stiffness, loss_scale=loss_scale, max_steps=max_steps)
    result = adjust_boards([camera], observations, poses, config=config)
    return _Fit(result.cameras[0], result)


def place_boards(camera: Camera, views: BoardViews) -> BoardPoses:
    """The better pose of the board in every frame, in the camera's frame.

    Raises:
        CalibrationError: a frame allows no pose.
    """
    straight = replace(camera, dist=np.zeros_like(camera.dist))  # a lens that folds sees no corner beyond the fold
    found = []
    for xy, source in zip(views.xy, views.sources, strict=True):
        poses = board_poses(camera, views.board.corners, xy) or board_poses(straight, views.board.corners, xy)
        if not poses:
            raise CalibrationError(f"camera {camera.name}: the board in {source} has no possible pose")
        found.append(poses[0])
    return BoardPoses(np.array([pose[0] for pose in found]), np.array([pose[1] for pose in found]))


def _clean(fit: _Fit, views: BoardViews, free: _Freedom) -> tuple[_Fit, BoardViews, dict[str, str], int]:
    """Leave out boards and corners that contradict the rest, and fit again, until nothing changes."""
    left_out: dict[str, str] = {}
    outliers = 0
    for _ in range(6):
        distance = np.linalg.norm(fit.result.residuals[0], axis=-1)  # [F, N]
        noise = 1.4826 * float(np.nanmedian(distance)) / 1.1774  # of a coordinate: Rayleigh's median is 1.1774 sigma
        wrong = distance > max(OUTLIER * noise, 0.1)
        frame_error = np.sqrt(np.nanmedian(distance**2, axis=1))
        bad = (frame_error > max(BAD_FRAME * float(np.median(frame_error)), BAD_FRAME_PX)) | (
            wrong.sum(1) > BAD_PART * np.isfinite(distance).sum(1)
        )
        bad &= frame_error > frame_error.max() / 3  # the worst first: they bend the others
        if bad.sum() > len(views) / 2:  # most frames disagree: it is the model, not the frames
            bad[:] = False
        for i in np.flatnonzero(bad):
            left_out[views.sources[i]] = f"the board was found wrongly: {frame_error[i]:.1f} px off"
        outliers += int(wrong[~bad].sum())
        if not bad.any() and not wrong.any() and fit.result.converged:
            break
        views = views.select(~bad)
        views = replace(views, xy=np.where(wrong[~bad][..., None], np.nan, views.xy))
        views = _usable(views)
        fit = _fit(fit.camera, views, free, loss_scale=max(3 * noise, 0.1))
    return fit, views, left_out, outliers


def _fix_undetermined(
    fit: _Fit, views: BoardViews, free: _Freedom, jackknife: Array
) -> tuple[_Fit, _Freedom, dict[str, str]]:
    """Take the worst parameter out as long as one is known no better than by a guess; end with plain least squares."""
    fixed: dict[str, str] = {}
    fit = _fit(fit.camera, views, free, loss_scale=None)
    spread = np.diag(jackknife**2)
    while found := (
        undetermined(fit.camera, fit.result.lens_covariance[0], free.lens)
        or undetermined(fit.camera, spread, free.lens)
    ):
        spread = np.zeros_like(spread)  # it spoke of a lens with the parameter that is now gone
        fixed.update(found)
        free = replace(free, lens=free.lens - set(found))
        fit = _fit(reset(fit.camera, set(found)), views, free, loss_scale=None)
    return fit, free, fixed


def _check_focal(fit: _Fit, views: BoardViews) -> None:
    """Refuse a focal length that is as good as any other."""
    share = float(np.sqrt(max(fit.result.lens_covariance[0][0, 0], 0)) / fit.camera.focal[0])
    tilt = np.degrees(np.arccos(np.clip(np.abs(fit.result.poses.R[:, 2, 2]), 0, 1)))
    if share > FOCAL_LIMIT:
        raise CalibrationError(
            f"camera {views.camera}: {len(views)} frames tell the focal length to {100 * share:.0f} % only: the board "
            f"is tilted by {np.median(tilt):.0f} degrees in the median frame and its poses are all but parallel; film "
            "it tilted by 20 to 45 degrees in several directions"
        )


def _hold_out(
    fit: _Fit, views: BoardViews, free: _Freedom, folds: int, progress: Progress | None
) -> tuple[Array, Array]:
    """[F, N, 2] errors in frames held out in turn, and the jackknife's standard deviations [4 + D]."""
    parts = _folds(len(views), folds)
    residuals = np.full(views.xy.shape, np.nan)
    lenses = []
    for number, part in enumerate(parts):
        rest = np.ones(len(views), bool)
        rest[part] = False
        without = _fit(fit.camera, views.select(rest), free, loss_scale=None)
        lenses.append(lens_values(without.camera))
        known = _Freedom(frozenset(), corners=without.result.corners)
        residuals[part] = _fit(without.camera, views.select(part), known, loss_scale=None).result.residuals[0]
        if progress:
            progress(f"holding frames of {views.camera} out", number + 1, len(parts))
    spread = np.array(lenses) - np.mean(lenses, axis=0)
    return residuals, np.sqrt((len(parts) - 1) / len(parts) * (spread**2).sum(0))


def _folds(frames: int, folds: int) -> Sequence[NDArray[np.int64]]:
    """Positions that are held out together; interleaved, as neighbouring frames of a video are alike."""
    count = frames if frames <= 12 else min(folds, frames)
    return [np.arange(start, frames, count) for start in range(count)]


def _rms(residuals: Array) -> float:
    """Root mean square length of [..., 2]."""
    return float(np.sqrt(np.nanmean((residuals**2).sum(-1))))
