"""Compare two sets of poses of one person, whoever made them: errors by the metrics of the literature."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets.poses import Poses
from lift3d.datasets.skeleton import SKELETONS, Skeleton, skeleton_of

from .metrics import Estimate, auc3d, bootstrap_mean, mean_over_joints, mpjpe, mpjve, n_mpjpe, pa_mpjpe, pck3d

Array = NDArray[np.float64]

LIMBS = tuple(f"{side}_{part}" for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
              for side in ("left", "right"))  # fmt: skip
BLOCK_S = 1.0  # frames within a second are one group of the bootstrap
HIPS = ("left_hip", "right_hip")
BY_COUNT = {17: "h36m_17", 19: "panoptic_19", 25: "body_25b", 26: "halpe_26", 33: "mediapipe_33"}


@dataclass(frozen=True, eq=False)
class PoseErrors:
    """What :func:`compare_poses` found.

    Args:
        frames: how many were compared.
        joints: which, by name.
        figures: estimates in metres by name: MPJPE (P1), PA-MPJPE (P2), N-MPJPE, MPJVE (metres a frame).
        pck: 3DPCK at 150 mm.
        auc: mean 3DPCK of 0 to 150 mm.
        by_joint: [J] mean PA-MPJPE of each joint, metres.
        protocol: one line on how all this was measured.
    """

    frames: int
    joints: tuple[str, ...]
    figures: dict[str, Estimate]
    pck: float
    auc: float
    by_joint: Array
    protocol: str


def read_sequence(path: str | os.PathLike[str], *, person: int = 0) -> tuple[Array, Skeleton, float | None]:
    """One person's poses from a result of lift3d, or from another tool's npz.

    Args:
        path: ``*.poses.h5``, or an npz with ``xyz`` [T, J, 3] in metres, ``joints`` (names; absent: told by J) and
            ``fps``.
        person: whose, for files with several.

    Returns:
        xyz [T, J, 3] metres; the joint set; frames a second, None where nothing told it.

    Raises:
        FileNotFoundError: there is none.
        InputError: the file cannot be understood.
    """
    path = Path(path)
    if path.suffix != ".npz":
        poses = Poses.load(path)
        if person >= poses.xyz.shape[1]:
            raise InputError(f"{path} holds {poses.xyz.shape[1]} people, there is no number {person}; give --person")
        return poses.xyz[:, person], poses.skeleton, poses.fps
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give poses as *.poses.h5 or npz")
    try:
        with np.load(path) as file:
            xyz = np.asarray(file["xyz"], np.float64)
            names = [str(name) for name in file["joints"]] if "joints" in file else None
            fps = float(file["fps"]) if "fps" in file else None
    except (ValueError, KeyError, OSError) as error:
        raise InputError(f"{path} holds no xyz ({error}); save xyz [T, J, 3] in metres and joints [J]") from error
    if xyz.ndim != 3 or xyz.shape[-1] != 3 or (names is None and xyz.shape[1] not in BY_COUNT):
        raise InputError(f"{path}: xyz is {list(xyz.shape)}, wanted [T, J, 3] with the names of joints beside it")
    skeleton = skeleton_of(names) if names else SKELETONS[BY_COUNT[xyz.shape[1]]]
    if len(skeleton) != xyz.shape[1]:
        raise InputError(f"{path}: {len(skeleton)} names of joints for xyz {list(xyz.shape)}")
    return xyz, skeleton, fps


def compare_poses(
    predicted: tuple[Array, Skeleton], true: tuple[Array, Skeleton], *, fps: float = 30.0, every_joint: bool = False
) -> PoseErrors:
    """Compare frame by frame.

    Args:
        predicted: [T, J, 3] metres and its joint set.
        true: the same of what it is measured against.
        fps: frames a second, for the blocks of the bootstrap.
        every_joint: compare all joints that both name; otherwise the pelvis, taken midway between the hips, and the
            twelve limb joints, which all joint sets mean alike.

    Raises:
        InputError: other lengths, no common joint, or lengths of bones that are no metres.
    """
    if len(predicted[0]) != len(true[0]):
        raise InputError(f"predictions have {len(predicted[0])} frames and the truth {len(true[0])}; cut one of them")
    wanted = predicted[1].joints if every_joint else LIMBS
    joints = tuple(joint for joint in wanted if joint in predicted[1].joints and joint in true[1].joints)
    if not set(HIPS) <= set(joints):
        raise InputError(f"{predicted[1].name} and {true[1].name} do not share both hips; the pelvis is the root")
    p, x = (_rooted(xyz, skeleton, joints) for xyz, skeleton in (predicted, true))
    _check_size(p, joints, "predictions")
    _check_size(x, joints, "truth")
    groups = (np.arange(len(p)) / max(1.0, BLOCK_S * fps)).astype(np.intp)
    errors, rng = {"MPJPE": mpjpe(p, x), "PA-MPJPE": pa_mpjpe(p, x), "N-MPJPE": n_mpjpe(p, x)}, np.random.default_rng(0)
    figures = {name: bootstrap_mean(mean_over_joints(each), groups, rng) for name, each in errors.items()}
    if len(p) > 1:
        figures["MPJVE"] = bootstrap_mean(mean_over_joints(mpjve(p, x)), groups[1:], rng)
    seen = np.isfinite(errors["PA-MPJPE"])
    by_joint = np.where(seen, errors["PA-MPJPE"], 0).sum(0) / np.maximum(seen.sum(0), 1)
    protocol = f"{len(p)} frames; {len(joints)} joints and the pelvis; relative to the middle of the hips"
    pck, auc = (float(np.nanmean(share(errors["MPJPE"]))) for share in (pck3d, auc3d))
    return PoseErrors(len(p), ("pelvis", *joints), figures, pck, auc, by_joint, protocol)


def _rooted(xyz: Array, skeleton: Skeleton, joints: tuple[str, ...]) -> Array:
    """[T, 1 + J, 3]: the pelvis and the joints, relative to the middle of the hips."""
    root = xyz[:, [skeleton.index(hip) for hip in HIPS]].mean(1, keepdims=True)
    return np.concatenate([root, xyz[:, [skeleton.index(joint) for joint in joints]]], 1) - root


def _check_size(xyz: Array, joints: tuple[str, ...], name: str) -> None:
    """Refuse thighs that are no human's: the sign of millimetres."""
    if not {"left_hip", "left_knee"} <= set(joints):
        return
    ends = [1 + joints.index(joint) for joint in ("left_hip", "left_knee")]
    lengths = np.linalg.norm(xyz[:, ends[0]] - xyz[:, ends[1]], axis=-1)
    if np.isfinite(lengths).any() and not 0.1 < np.nanmedian(lengths) < 1.0:
        raise InputError(f"the {name} have thighs of {np.nanmedian(lengths):.3g} m; they must be in metres")
