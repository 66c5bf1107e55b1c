"""TUM Campus: people through three poor cameras, by the protocol of its authors (PCP3D), with a simulated detector.

    .venv/bin/python benchmarks/campus.py ../shared/captures/campus

The 2D are the data set's own hand-made annotations, which no detector gives; so a detector's errors are added: noise
of Student's t with 4 degrees of freedom and a standard deviation of 3 px in each axis (people are 74 to 140 px tall),
15 % misses (either of whole people in a view or of single joints), one false person in two of the three views in every
frame (a real pose of that view from another time, elsewhere in the picture, for a second each), people in random order.

PCP3D: frames 350-470 and 650-750; a limb is right if the mean of its end errors is at most half its length; the closest
prediction of each person; the average over the three persons.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from pathlib import Path

import numpy as np

from lift3d.calib import Camera, Rig
from lift3d.datasets import Keypoints
from lift3d.datasets.skeleton import SKELETONS
from lift3d.reconstruct import ReconstructConfig, reconstruct

SIZE = (360, 288)
FPS = 25.0
FRAMES = [*range(350, 471), *range(650, 751)]
LIMBS = [(0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (9, 10), (10, 11), (12, 13)]
NOISE_PX, MISSES, FALSE_VIEWS, FALSE_FRAMES = 3.0, 0.15, 2, 25
SAME_M = 0.5
"""A prediction whose joints are further off on average is somebody else."""


def load(folder: Path):
    """The rig, exact keypoints [T, V, 3 people, 14, 2] px and truth [T, 3, 14, 3] m; NaN where absent."""
    calibration = json.loads((folder / "calibration.json").read_text())["cameras"]
    cameras = []
    for name in sorted(calibration):
        K = np.array(calibration[name]["K"]) * [[SIZE[0]], [SIZE[1]], [1]]
        world_from_camera = np.array(calibration[name]["Tw"])
        R, U = world_from_camera[:3, :3].T, np.linalg.svd(world_from_camera[:3, :3].T)
        R = U[0] @ U[2]
        cameras.append(Camera(name, K=K, R=R, t=-R @ world_from_camera[:3, 3] / 100, size=SIZE))
    with gzip.open(folder / "annotation_3d.json.gz") as file:
        truth_frames = json.load(file)
    with gzip.open(folder / "annotation_2d.json.gz") as file:
        pictures = json.load(file)["frames"]
    numbers = sorted({pose["id"] for frame in truth_frames for pose in frame["poses"]})
    T = len(truth_frames)
    truth = np.full((T, len(numbers), 14, 3), np.nan)
    for t, frame in enumerate(truth_frames):
        for pose in frame["poses"]:
            truth[t, numbers.index(pose["id"])] = np.array(pose["points_3d"]) / 100
    xy = np.full((T, len(cameras), len(numbers), 14, 2), np.nan)
    for picture in pictures.values():
        t = round(picture["timestamp"] * FPS)
        v = [camera.name for camera in cameras].index(picture["camera"])
        for pose in picture["poses"]:
            xy[t, v, numbers.index(pose["id"])] = pose["points_2d"]
    return Rig(tuple(cameras)), xy, truth


def detect(xy, rng, misses: str):
    """Errors of a detector: keypoints [T, V, 4, 14, 2] px, people in random order, and their confidence."""
    T, V, P, J, _ = xy.shape
    noisy = xy + rng.standard_t(4, xy.shape) * NOISE_PX / np.sqrt(2)
    missed = rng.random((T, V, P, J if misses == "joints" else 1)) < MISSES
    noisy[np.broadcast_to(missed, noisy.shape[:-1])] = np.nan
    inside = ((noisy > -0.5) & (noisy < np.array(SIZE) - 0.5)).all(-1)
    noisy[~inside] = np.nan
    everybody = np.full((T, V, P + 1, J, 2), np.nan)
    everybody[:, :, :P] = noisy
    for start in range(0, T, FALSE_FRAMES):
        for v in rng.permutation(V)[:FALSE_VIEWS]:
            real = np.argwhere(np.isfinite(xy[:, v]).all((-1, -2)))
            t, p = real[rng.integers(len(real))]
            shape = xy[t, v, p] - xy[t, v, p].mean(0)
            place = rng.uniform((30, 50), (SIZE[0] - 30, SIZE[1] - 50))
            frames = slice(start, min(start + FALSE_FRAMES, T))
            count = frames.stop - frames.start
            walk = np.cumsum(rng.normal(0, 1.0, (count, 1, 2)), axis=0)
            everybody[frames, v, P] = place + shape + walk + rng.standard_t(4, (count, J, 2)) * NOISE_PX / np.sqrt(2)
    order = np.argsort(rng.random(everybody.shape[:3]), axis=2)
    everybody = np.take_along_axis(everybody, order[..., None, None], axis=2)
    confidence = np.where(np.isfinite(everybody[..., 0]), 0.9, 0.0)
    return everybody, confidence


def evaluate(found, truth):
    """PCP3D of each person (per cent) over the evaluated frames, and the identity switches."""
    right, total = np.zeros(truth.shape[1]), np.zeros(truth.shape[1])
    switches, missed = 0, 0
    for person in range(truth.shape[1]):
        last = None
        for t in FRAMES:
            real = truth[t, person]
            if not np.isfinite(real).all():
                continue
            total[person] += len(LIMBS) + 1
            error = np.linalg.norm(found[t] - real, axis=-1)  # [P, J]
            known = np.isfinite(error).sum(1)
            mean = np.where(known >= 3, np.nansum(error, 1) / np.maximum(known, 1), np.inf)
            if not len(mean) or not np.isfinite(mean).any():
                missed += 1
                continue
            best = int(mean.argmin())
            right[person] += right_limbs(found[t, best], real)
            if mean[best] > SAME_M:
                missed += 1
                continue
            switches += last is not None and last != best
            last = best
    return 100 * right / np.maximum(total, 1), switches, missed


def right_limbs(found, real):
    """How many of the ten limbs are right."""
    error = np.linalg.norm(found - real, axis=-1)
    count = 0
    for a, b in LIMBS:
        count += (error[a] + error[b]) / 2 <= np.linalg.norm(real[a] - real[b]) / 2
    hip, real_hip = found[[2, 3]].mean(0), real[[2, 3]].mean(0)
    trunk = (np.linalg.norm(hip - real_hip) + error[12]) / 2
    return count + (trunk <= np.linalg.norm(real_hip - real[12]) / 2)


def main() -> None:
    """Print PCP3D, switches and speed for both kinds of misses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    rig, exact, truth = load(args.folder)
    for misses in ("people", "joints"):
        for seed in range(args.seeds):
            xy, confidence = detect(exact, np.random.default_rng(seed), misses)
            keypoints = Keypoints(xy, confidence, rig.names, SKELETONS["shelf_14"], FPS)
            start, cpu = time.perf_counter(), time.process_time()
            result = reconstruct(keypoints, rig, config=ReconstructConfig())
            wall, cpu = time.perf_counter() - start, time.process_time() - cpu
            report(result, truth, f"misses of {misses}, seed {seed}", wall, cpu)


def report(result, truth, name, wall, cpu):
    """One line for the poses as they are, one after refinement."""
    from lift3d.refinement import refine

    T = len(truth)
    pcp, switches, missed = evaluate(result.poses.xyz, truth)
    print(f"{name}: {result.poses.xyz.shape[1]} people, {T / wall:.0f} frames/s, {1000 * cpu / T:.2f} ms CPU a frame")
    line = "PCP3D {} average {:.1f}, identity switches {}, people missed in {} frames"
    print("  raw:    ", line.format(pcp.round(1), pcp.mean(), switches, missed))
    start = time.process_time()
    pcp, switches, missed = evaluate(refine(result.poses).xyz, truth)
    cpu = time.process_time() - start
    print("  refined:", line.format(pcp.round(1), pcp.mean(), switches, missed), f"(+{1000 * cpu / T:.2f} ms CPU)")


if __name__ == "__main__":
    main()
