"""From one camera's 2D keypoints to 3D poses in the world: a lifter's answer, placed where it reprojects best."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError, Rig
from lift3d.calib.atomic_file import check_writable
from lift3d.calib.formats import read_rig
from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.keypoint_formats import load_keypoints
from lift3d.datasets.pairing import similar_key
from lift3d.datasets.poses import Status
from lift3d.datasets.skeleton import Skeleton
from lift3d.datasets.video import VIDEO_SUFFIXES

from .lifters.joint_sets import AnswerJoints
from .lifters.lifter import Lifter
from .lifters.one_body import Shown, fit_one_body
from .lifters.placement import Placed, place
from .lifters.samples import INPUTS
from .lifters.windows import Timing
from .main_person import follow_main_person
from .smoothing import fill_short_gaps

logger = logging.getLogger(__name__)

Array = NDArray[np.float64]

DEFAULT_FPS = 30.0
SLOWEST = 15.0  # frames a second, below which single frames are lifted better than sequences (docs/lifter.md)
ANKLE = 0.08  # metres that the ankle's centre is above the floor
Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # a camera that looks along world y


@dataclass(frozen=True)
class LiftConfig:
    """How keypoints are lifted.

    Args:
        min_confidence: keypoints below it do not count.
        least_joints: a frame with fewer of the lifter's joints stays missing.
        max_gap: seconds; shorter gaps are bridged and marked, longer ones stay.
        ground: put the lowest ankles onto z = 0, moving the camera alike; for a camera whose height is not known.
        flip_test: average with the answer for the mirror image; twice the network's work, a little better.
        exact: confidences of 1 mean 2D without any error, projected from motion capture for example.
        assumed_focal: of an unknown camera, over the larger side of the picture; 1.2 is a phone's or webcam's lens of
            45 degrees.
        joints: of the result: "h36m17", or "detector" for the lifter's own, see
            :class:`lift3d.lifters.joint_sets.AnswerJoints`.
        one_body: fit one body, whose bones keep their length, to all frames together; None: where the lifter looks at
            frames before and after.
    """

    min_confidence: float = 0.1
    least_joints: int = 6
    max_gap: float = 0.2
    ground: bool = False
    flip_test: bool = True
    exact: bool = False
    assumed_focal: float = 1.2
    joints: str = "h36m17"
    one_body: bool | None = None

    def resolved(self, lifter: Lifter) -> LiftConfig:
        """With what was left to the lifter."""
        network = lifter.network
        return self if self.one_body is not None else replace(self, one_body=network.target < network.window - 1)


def assumed_camera(size: tuple[int, int], *, config: LiftConfig | None = None, name: str = "camera") -> Camera:
    """A camera of which only the picture's size is known: at the world's origin, level, looking along y.

    Args:
        size: (width, height) in pixels.
        config: has the focal length to assume.
        name: what to call it.
    """
    width, height = size
    focal = (config or LiftConfig()).assumed_focal * max(size)
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    return Camera(name, K, R=Z_UP, size=size)


def lift_keypoints(keypoints: Keypoints, camera: Camera, lifter: Lifter, *, config: LiftConfig | None = None) -> Poses:
    """Lift the main person of one view.

    Args:
        keypoints: [T, 1, P, J] of one view, whose joint set holds all of the lifter's joints.
        camera: what saw them; poses come out in its world.
        lifter: for a joint set that the keypoints have.
        config: None: the defaults.

    Returns:
        Poses [T, 1, J] in Human3.6M's 17 joints or the detector's, status LIFTED; NaN where too little was seen. The
        covariance holds the lifter's own, the placement's, and along the ray what not knowing the person's size costs.

    Raises:
        InputError: there is not one view, or the lifter was trained for other joints, or without those asked for.
    """
    config = (config or LiftConfig()).resolved(lifter)
    answer = AnswerJoints.of(lifter, config.joints)
    if keypoints.shape[1] != 1:
        raise InputError(f"a lifter sees one view, the keypoints have {', '.join(keypoints.cameras)}; give --view")
    xy, confidence = _main_person(keypoints, lifter.joints, config)
    rays, confidence = usable_rays(xy, confidence, camera, config)
    time = Timing(keypoints.frames, keypoints.fps)
    lifted = lifter.lift_rays(rays, confidence, time=time, both_sides=config.flip_test, exact=config.exact)
    placed = place(lifted, rays, confidence, lifter.joints)
    if config.one_body:
        shown = Shown(rays, confidence, lifter.joints, config.exact)
        placed, _ = fit_one_body(placed, lifted, shown, time=time)
    xyz, covariance = in_world(answer.take(placed), camera)
    good: NDArray[np.bool_] = np.asarray(np.isfinite(xyz).all((-1, -2)))
    fps = keypoints.fps or DEFAULT_FPS
    assert keypoints.frames is not None
    xyz = np.where(good[:, None, None], xyz, np.nan)
    poses = _poses(Poses.from_xyz(xyz[:, None], answer.skeleton, fps, Rig((camera,))), covariance).replace(
        time=keypoints.frames / fps,
        confidence=_joint_confidence(confidence, good, answer)[:, None],
        reprojection_error=_reprojection(xyz, xy, camera, answer)[:, None],
        verdict=_verdict(placed.xyz, placed.covariance, good),
        settings={"command": "lift", "lift": asdict(config), "lifter": _short(lifter.description)},
    )
    poses = fill_short_gaps(poses, config.max_gap)
    return onto_ground(poses) if config.ground else poses


def usable_rays(xy: Array, confidence: Array, camera: Camera, config: LiftConfig) -> tuple[Array, Array]:
    """What a lifter is shown of one person.

    Args:
        xy: [T, J, 2] pixels, NaN where missing.
        confidence: [T, J], 0 where missing.
        camera: what saw them.
        config: how sure and how many joints must be.

    Returns:
        rays [T, J, 2] on z = 1; confidence [T, J], 0 for what does not count, in frames with too few joints for all.
    """
    rays = camera.undistort(xy)
    confidence = np.where(np.isfinite(rays).all(-1) & (confidence >= config.min_confidence), confidence, 0.0)
    enough = (confidence > 0).sum(-1, keepdims=True) >= config.least_joints
    return rays, confidence * enough


def in_world(placed: Placed, camera: Camera) -> tuple[Array, Array]:
    """Places [T, J, 3] metres and covariances [T, J, 3, 3] m² in the world of the camera."""
    return (placed.xyz - camera.t) @ camera.R, camera.R.T @ placed.covariance @ camera.R  # R transposed, for rows


def lift_file(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    camera: Camera | str | os.PathLike[str],
    lifter: Lifter,
    view: str | None = None,
    fps: float | None = None,
    overwrite: bool = False,
    config: LiftConfig | None = None,
) -> Poses:
    """Read keypoints, lift them and write the result.

    Args:
        path: keypoints in any format that lift3d reads.
        out: the result file.
        camera: the camera, or a calibration that holds it.
        lifter: what lifts.
        view: which camera of several.
        fps: frames a second; None: as the keypoints say, or 30 with a warning.
        overwrite: replace a result that exists.
        config: None: the defaults.

    Raises:
        FileNotFoundError, FileExistsError: a file is not there, or is.
        InputError: the view cannot be told, or the lifter does not fit.
    """
    check_writable(out, overwrite=overwrite)
    found = load_keypoints(path)
    name = view_named(found.keypoints.cameras, view, str(path))
    seen = camera if isinstance(camera, Camera) else _camera_of(camera, name, alone=len(found.keypoints.cameras) == 1)
    if fps is not None and not fps > 0:
        raise InputError(f"fps must be above zero, got {fps:g}")
    keypoints = replace(found.keypoints.select_views([name]), fps=fps or found.keypoints.fps)
    poses = lift_keypoints(keypoints, seen, lifter, config=config).replace(inputs={Path(path).name: found.fingerprint})
    if keypoints.fps is None:
        logger.warning("%s does not tell its frame rate; %g a second is assumed, give --fps", path, DEFAULT_FPS)
    elif keypoints.fps < SLOWEST and lifter.network.window > 1:
        logger.warning(
            "at %g frames a second movements look faster to %s than those it learnt from; --lifter mlp --one-body "
            "lifts each frame by itself before the body is fitted",
            keypoints.fps,
            lifter.description["arch"],
        )
    poses.save(out, overwrite=overwrite)
    return poses


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a video by its name."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def keypoints_beside(out: str | os.PathLike[str]) -> Path:
    """Where the keypoints of a lifted video are kept."""
    out = Path(out)
    return out.with_name(out.name.removesuffix(".h5").removesuffix(".poses") + ".keypoints.h5")


def onto_ground(poses: Poses) -> Poses:
    """Move poses and cameras up or down so that the lowest ankles stand on z = 0."""
    height = poses.xyz[:, :, [poses.skeleton.index(f"{side}_ankle") for side in ("left", "right")], 2]
    if not np.isfinite(height).any():
        return poses
    shift = np.array([0.0, 0.0, ANKLE - float(np.nanquantile(height, 0.05))])
    rig = poses.rig
    if rig is not None:
        rig = Rig(tuple(replace(camera, t=camera.t - camera.R @ shift) for camera in rig))
    return poses.replace(xyz=poses.xyz + shift, rig=rig)


def view_named(names: Sequence[str], view: str | None, source: str) -> str:
    """Which view to lift: the one of that name or a similar one, the only one where none is asked for.

    Raises:
        InputError: there are several, or none of that name.
    """
    if view is None and len(names) > 1:
        raise InputError(f"{source} holds {', '.join(names)}; say which to lift: --view {names[0]}")
    if view is None:
        return names[0]
    found = _only_one(names, view)
    if found is None:
        raise InputError(f"{source} holds no view {view}; there are {', '.join(names)}")
    return found


def _only_one(names: Sequence[str], name: str) -> str | None:
    """The one of that name, or the only one of a similar name."""
    for fits in (name.__eq__, lambda each: similar_key(each) == similar_key(name)):
        found = [each for each in names if fits(each)]
        if len(found) == 1:
            return found[0]
    return None


def _camera_of(path: str | os.PathLike[str], name: str, *, alone: bool) -> Camera:
    """The camera of that name, or the only one."""
    rig = read_rig(path)
    found = _only_one(rig.names, name)
    if found is not None:
        return rig[rig.names.index(found)]
    if len(rig) == 1 and alone:
        return rig[0]
    raise InputError(f"{path} has no camera {name}; there are {', '.join(rig.names)}: give --view, or rename one")


def _main_person(keypoints: Keypoints, joints: Skeleton, config: LiftConfig) -> tuple[Array, Array]:
    """The lifter's joints of whom the view is about: xy [T, J, 2] pixels and confidence [T, J]."""
    lacking = [joint for joint in joints.joints if joint not in keypoints.skeleton.joints]
    if lacking:
        raise InputError(
            f"the lifter was trained for {joints.name}, the keypoints are {keypoints.skeleton.name} and lack "
            f"{', '.join(lacking[:3])}; {_remedy(keypoints.skeleton)}"
        )
    chosen = follow_main_person(keypoints).index[:, 0, 0]
    order = [keypoints.skeleton.index(joint) for joint in joints.joints]
    frames = np.arange(len(chosen))
    xy = keypoints.xy[frames, 0, chosen][:, order]
    confidence = keypoints.confidence[frames, 0, chosen][:, order]
    counts = (chosen >= 0)[:, None] & (confidence >= config.min_confidence)
    return np.where(counts[..., None], xy, np.nan), np.where(counts, confidence, 0.0)


def _remedy(skeleton: Skeleton) -> str:
    """The training that would fit the detector's joints."""
    fitting = [name for name, joints in INPUTS.items() if set(joints.joints) <= set(skeleton.joints)]
    if fitting:
        return f"train one that fits: lift3d train lifter --joints {fitting[0]}"
    return f"no joint set that a lifter can be trained for ({', '.join(INPUTS)}) lies in it, take another detector"


def _poses(poses: Poses, covariance: Array) -> Poses:
    """One person's, marked as lifted, with covariances [T, J, 3, 3] m²."""
    entries = covariance[:, None][..., [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
    seen = np.asarray(np.isfinite(poses.xyz).all(-1))
    return poses.replace(
        covariance=np.where(seen[..., None], entries, np.nan),
        status=np.where(seen, np.uint8(Status.LIFTED), np.uint8(Status.MISSING)),
        views=seen.astype(np.uint8),
    )


def _joint_confidence(confidence: Array, good: NDArray[np.bool_], answer: AnswerJoints) -> Array:
    """[T, J]: a joint's own where the detector has it, else the mean of those it found."""
    found = np.maximum((confidence > 0).sum(-1), 1)
    out = np.repeat((confidence.sum(-1) / found)[:, None], len(answer.skeleton), 1)
    for ours, theirs in answer.shown:
        own = confidence[:, theirs]
        out[:, ours] = np.where(own > 0, own, 0.5 * out[:, ours])
    return np.where(good[:, None], out, 0.0)


def _reprojection(xyz: Array, xy: Array, camera: Camera, answer: AnswerJoints) -> Array:
    """[T, J] pixels; NaN for joints that the detector lacks."""
    found = np.full((*xyz.shape[:2], 2), np.nan)
    for ours, theirs in answer.shown:
        found[:, ours] = xy[:, theirs]
    return np.asarray(np.linalg.norm(camera.project(xyz) - found, axis=-1))


def _verdict(x_cam: Array, covariance: Array, good: NDArray[np.bool_]) -> dict[str, Any]:
    """One camera is never beyond doubt: how far off the distance may be, and what is missing."""
    if not good.any():
        return {"level": "bad", "reasons": ["nobody was seen well enough in any frame to be lifted"]}
    pelvis = x_cam[good, 0]
    sight = pelvis / np.linalg.norm(pelvis, axis=-1, keepdims=True)
    along = np.sqrt(np.einsum("ti,tij,tj->t", sight, covariance[good, 0], sight))
    reasons = [
        f"one camera: the distance of {np.median(pelvis[:, 2]):.1f} m is sure to {np.median(along):.2f} m (sigma), "
        "since the person's size is not known"
    ]
    if not good.all():
        reasons.append(f"{(~good).sum()} of {len(good)} frames were not seen well enough to be lifted")
    return {"level": "doubtful", "reasons": reasons}


def _short(description: dict[str, Any]) -> dict[str, Any]:
    """What identifies a lifter."""
    return {
        key: description.get(key) for key in ("arch", "joints_in", "joints_out", "protocol", "data_sha256", "epoch")
    }
