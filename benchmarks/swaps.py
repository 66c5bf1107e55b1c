"""Exchanged left and right: how many are found and how many invented, pair by pair.

    .venv/bin/python benchmarks/swaps.py [--seeds 4] [--fps 60]

The captures are those of `lift3d demo`, associated by the truth. "Alone" judges every pair of joints and every frame by
itself (lift3d.pair_swaps); "body" pools the evidence over legs, upper body and time (lift3d.swaps).
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import lift3d.triangulation
from lift3d.datasets.demo_capture import DemoSettings, synthesize
from lift3d.datasets.detections import mirror_joints
from lift3d.pair_swaps import find_pair_swaps
from lift3d.swaps import Sides, find_swaps


def alone(left, right, sides, people):
    """The decision pair by pair, in the shape of find_swaps."""
    found = find_pair_swaps(left, right)
    return found.reshape(len(found), -1, people, len(sides.pairs))


def measure(method, seeds, fps):
    """Counts [G, 3] of each pair: right, true, found; CPU seconds."""
    lift3d.triangulation.find_swaps = method
    counts, cpu = 0, 0.0
    for seed in range(seeds):
        made = synthesize(DemoSettings(seed=seed, fps=fps))
        seen = made.detections.associated()
        skeleton = seen.keypoints.skeleton
        left = [pair[0] for pair in skeleton.symmetric]
        xy, confidence = seen.keypoints.xy[:, :, :1], seen.keypoints.confidence[:, :, :1]
        start = time.process_time()
        found = lift3d.triangulation.triangulate(xy, made.rig, confidence, symmetric=Sides.of(skeleton))
        cpu += time.process_time() - start
        truth = (seen.swapped | seen.swapped[..., mirror_joints(skeleton)])[:, :, 0][..., left]
        mine = found.swapped[:, :, 0][..., left]
        rows = [(truth & mine).sum((0, 1)), truth.sum((0, 1)), mine.sum((0, 1))]
        counts = counts + np.stack(rows, axis=-1)
    return [skeleton.joints[k][5:] for k in left], counts, cpu


def main() -> None:
    """Print recall and precision of each pair, both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--fps", type=float, default=60.0)
    args = parser.parse_args()
    results = [measure(method, args.seeds, args.fps) for method in (alone, find_swaps)]
    print("pair         true   alone: recall precision   body: recall precision")
    for k, name in enumerate(results[0][0]):
        cells = [f"{name:12s} {results[0][1][k, 1]:4d}"]
        for _, counts, _ in results:
            right, true, found = counts[k]
            cells.append(f"{right / max(true, 1):13.3f} {right / max(found, 1):9.3f}")
        print("  ".join(cells))
    for name, (_, counts, cpu) in zip(("alone", "body"), results, strict=True):
        right, true, found = counts.sum(0)
        print(f"{name}: recall {right / true:.4f}, precision {right / found:.4f}, CPU {cpu:.1f} s")


if __name__ == "__main__":
    main()
