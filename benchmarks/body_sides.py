"""Left and right of whole bodies exchanged in several views nearly always: how often they are put right.

    python benchmarks/body_sides.py [--seeds 4] [--capture ../shared/captures/balance]

Every choice of views exchanges left and right in 95 % of the frames of synthetic captures of two seconds, and with
--capture every two views of the real one, for OpenPose's and BlazePose's keypoints. "Right" is the share of (frame,
view) whose sides come out as they went in, "error" the median distance to the truth, or to the result from the
untouched keypoints. "Without anatomy" is the control: what the views come to where nothing tells a body from its mirror
image.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from lift3d.datasets import Keypoints
from lift3d.datasets.capture import open_capture
from lift3d.datasets.demo_capture import DemoSettings, synthesize
from lift3d.datasets.detections import mirror_joints
from lift3d.reconstruct import reconstruct
from lift3d.swaps import Sides
from lift3d.triangulation import triangulate

SHARE = 0.95
CHOICES = [views for k in (1, 2, 3, 4) for views in combinations(range(4), k)]


def exchange(keypoints: Keypoints, views: tuple[int, ...], seed: int) -> tuple[Keypoints, np.ndarray]:
    """Keypoints with left and right exchanged in most frames of some views, and where [T, V]."""
    where = np.zeros(keypoints.shape[:2], bool)
    where[:, list(views)] = np.random.default_rng(seed).random((len(where), len(views))) < SHARE
    mirror = mirror_joints(keypoints.skeleton)
    xy = np.where(where[:, :, None, None, None], keypoints.xy[:, :, :, mirror], keypoints.xy)
    confidence = np.where(where[:, :, None, None], keypoints.confidence[..., mirror], keypoints.confidence)
    return replace(keypoints, xy=xy, confidence=confidence), where


def synthetic(seeds: int) -> None:
    """Print one row for each number of exchanged views."""
    rows: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    cpu = 0.0
    for seed in range(seeds):
        made = synthesize(DemoSettings(seed=seed, duration=2.0))
        seen = made.detections.associated().unswapped().keypoints
        seen = replace(seen, xy=seen.xy[:, :, :1], confidence=seen.confidence[:, :, :1])
        sides = Sides.of(seen.skeleton)
        for views in CHOICES:
            keypoints, where = exchange(seen, views, seed)
            for name, how in (("with anatomy", sides), ("without", replace(sides, facing=None))):
                start = time.process_time()
                found = triangulate(keypoints.xy, made.rig, keypoints.confidence, symmetric=how)
                cpu += time.process_time() - start
                body = found.swapped[:, :, 0].mean(-1) > 0.4
                error = 1000 * np.linalg.norm(found.xyz - made.truth.xyz[:, :1], axis=-1)
                row = (float((body == where).mean()), float(np.nanmedian(error)), float(found.unsure.mean()))
                rows.setdefault((name, len(views)), []).append(row)
    for (name, count), values in sorted(rows.items()):
        right, error, unsure = np.mean(values, axis=0)
        print(f"{name:14s} {count} of 4 views: right {right:.4f}, error {error:6.1f} mm, called unsure {unsure:.3f}")
    print(f"{cpu:.0f} s of CPU")


def real(folder: Path) -> None:
    """Print one row a choice of views, of the whole way from detections to poses."""
    for kind in ("openpose", "blazepose"):
        opened = open_capture(
            folder, calibration=folder / "Calib.qca.txt", keypoints=folder / "keypoints" / kind, fps=60
        )
        plain = reconstruct(opened.keypoints, opened.rig)
        for views in [choice for choice in CHOICES if len(choice) == 2]:
            keypoints, _ = exchange(opened.keypoints, views, 0)
            result = reconstruct(keypoints, opened.rig)
            error = 1000 * np.linalg.norm(result.poses.xyz[:, :1] - plain.poses.xyz[:, :1], axis=-1)
            names = ", ".join(opened.rig.names[v] for v in views)
            print(
                f"{kind:9s} {names:30s}: error {np.nanmedian(error):.2f} mm, within 30 mm {(error < 30).mean():.4f}, "
                f"unsure {bool(result.summary['left_right_unsure'])}"
            )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--capture", type=Path)
    args = parser.parse_args()
    synthetic(args.seeds)
    if args.capture:
        real(args.capture)


if __name__ == "__main__":
    main()
