"""The real capture `balance` beside Pose2Sim's own result for the same keypoints and calibration.

    .venv/bin/python benchmarks/balance.py [../shared/captures/balance]

Pose2Sim's result is a peer's, not the truth. Neither is smoothed in time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from lift3d.datasets import Poses
from lift3d.datasets.capture import open_capture
from lift3d.datasets.pose_formats import read_trc
from lift3d.reconstruct import reconstruct


def limb_variation(poses: Poses) -> float:
    """Mean coefficient of variation of the eight limb bones, per cent."""
    ends = np.array(poses.skeleton.limb_bones)
    lengths = np.linalg.norm(poses.xyz[:, 0, ends[:, 0]] - poses.xyz[:, 0, ends[:, 1]], axis=-1)
    return float(100 * np.mean(np.nanstd(lengths, axis=0) / np.nanmean(lengths, axis=0)))


def main() -> None:
    """Print the comparison."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/captures/balance")
    capture = open_capture(folder, calibration=folder / "Calib.qca.txt", keypoints=folder / "keypoints/openpose")
    ours = reconstruct(capture.keypoints, capture.rig, fps=capture.fps).poses
    peer = read_trc(folder / "reference/pose2sim_raw.trc")
    both = [joint for joint in peer.skeleton.joints if joint in ours.skeleton.joints]
    a = ours.xyz[:, 0, [ours.skeleton.index(joint) for joint in both]]
    b = peer.xyz[:, 0, [peer.skeleton.index(joint) for joint in both]]
    distance = 1000 * np.linalg.norm(a - b, axis=-1)
    print(f"joints that both have: {len(both)}, in {len(a)} frames")
    for name, xyz in (("lift3d", a), ("Pose2Sim", b)):
        print(f"{name}: {np.isfinite(xyz).all(-1).sum()} of {xyz[..., 0].size} joints")
    print(f"distance: median {np.nanmedian(distance):.1f} mm, 90 % under {np.nanquantile(distance, 0.9):.1f} mm")
    print(f"limb lengths vary by: lift3d {limb_variation(ours):.2f} %, Pose2Sim {limb_variation(peer):.2f} %")
    worst = sorted(zip(np.nanmedian(distance, axis=0), both, strict=True), reverse=True)[:5]
    print("furthest apart (median mm): " + ", ".join(f"{name} {value:.0f}" for value, name in worst))


if __name__ == "__main__":
    main()
