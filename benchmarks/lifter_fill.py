"""How far off joints are that one camera alone saw and ``reconstruct --fill lifted`` completed.

Run: python benchmarks/lifter_fill.py ../shared/captures [--lifter NAME]

Of a result of all cameras joints are taken away in the middle of the recording, and their keypoints in all cameras but
one, each camera in turn. A line tells the median distance of the filled joints to the result of all cameras (Panoptic:
to the truth), the share of coordinates inside their 90 % intervals, and how many of the joints taken away were filled.
Who is who is known here: whether tracking would still follow the person is not asked.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from lift3d.calib import Rig
from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.capture import open_capture
from lift3d.datasets.detector_noise import DetectorNoise, simulate_detections
from lift3d.datasets.panoptic import read_panoptic_poses, read_panoptic_rig
from lift3d.datasets.poses import Status
from lift3d.datasets.skeleton import SKELETONS
from lift3d.fill import fill_lifted
from lift3d.lifters.lifter import DEFAULT, NORMAL_90, Lifter
from lift3d.reconstruct import reconstruct

LIMBS = ("left_elbow", "left_wrist", "left_knee", "left_ankle")
FRAMES = 30
PANOPTIC_CAMERAS, PANOPTIC_FRAMES, PANOPTIC_FPS = (0, 8, 16, 24), slice(3000, 3200), 30.0


@click.command()
@click.argument("captures", type=click.Path(path_type=Path))
@click.option("--lifter", default=DEFAULT, show_default=True, help="A checkpoint, or the name of one that ships.")
def main(captures: Path, lifter: str) -> None:
    """Print a line for each capture and what is taken away."""
    torch.set_num_threads(1)
    network = Lifter.load(lifter)
    for name in ("balance", "two_people", "panoptic"):
        poses, truth = panoptic(captures / name) if name == "panoptic" else real(captures / name)
        for what, joints in {"an arm and a leg": LIMBS, "everything": poses.skeleton.joints}.items():
            rows = [measure(poses, truth, (v, joints), network) for v in range(len(poses.rig or ()))]
            click.echo(f"{name}, {what}: {', '.join(rows)}")


def real(folder: Path) -> tuple[Poses, np.ndarray]:
    """A capture's result, which is its own measure."""
    capture = open_capture(folder, calibration=folder / "calib.toml", keypoints=folder / "keypoints/openpose", fps=60)
    poses = reconstruct(capture.keypoints, capture.rig, fps=60).poses
    return poses, poses.xyz


def panoptic(folder: Path) -> tuple[Poses, np.ndarray]:
    """What four cameras make of the truth with a detector's noise, and the truth."""
    xyz, _ = read_panoptic_poses(next(folder.glob("*_GT_*.npz")))
    every = read_panoptic_rig(next(folder.glob("calib*.json")))
    rig = Rig(tuple(every[v] for v in PANOPTIC_CAMERAS))
    truth, skeleton = xyz[PANOPTIC_FRAMES][:, None], SKELETONS["panoptic_19"]
    noise = DetectorNoise(correlation_s=0.15, swaps=0.0)
    seen = simulate_detections(truth, rig, np.random.default_rng(4), skeleton=skeleton, fps=PANOPTIC_FPS, noise=noise)
    return reconstruct(seen.associated().keypoints, rig, fps=PANOPTIC_FPS).poses, truth


def measure(poses: Poses, truth: np.ndarray, kept: tuple[int, tuple[str, ...]], lifter: Lifter) -> str:
    """One camera alone sees the joints for a while."""
    v, names = kept
    joints = [poses.skeleton.index(name) for name in names]
    frames = slice(len(poses.xyz) // 2 - FRAMES // 2, len(poses.xyz) // 2 + FRAMES // 2)
    filled = fill_lifted(take_away(poses, frames, joints, v), lifter)
    asked = np.zeros(poses.status.shape, bool)
    asked[frames, :, joints] = True
    asked &= poses.status == Status.OBSERVED
    good = asked & (filled.status == Status.LIFTED) & np.isfinite(truth).all(-1)
    if not good.any():
        return "nothing filled"
    off = (filled.xyz - truth)[good]
    inside = np.abs(off) <= NORMAL_90 * np.sqrt(filled.covariance[good][:, [0, 3, 5]])
    share = 100 * good.sum() / asked.sum()
    return f"{1000 * np.median(np.linalg.norm(off, axis=-1)):.0f} mm ({inside.mean():.2f}, {share:.0f} %)"


def take_away(poses: Poses, frames: slice, joints: list[int], v: int) -> Poses:
    """Without these joints, nor their keypoints in the other views."""
    assert poses.keypoints is not None
    xyz, status, confidence = poses.xyz.copy(), poses.status.copy(), poses.keypoints.confidence.copy()
    for joint in joints:
        xyz[frames, :, joint], status[frames, :, joint] = np.nan, Status.MISSING
        for other in range(confidence.shape[1]):
            if other != v:
                confidence[frames, other, :, joint] = 0.0
    keypoints: Keypoints = replace(poses.keypoints, confidence=confidence)
    return poses.replace(xyz=xyz, status=status, keypoints=keypoints)


if __name__ == "__main__":
    main()
