"""Ten people who cross each other's ways, leave and come back, before eight cameras; and what views and people cost.

    .venv/bin/python benchmarks/association.py            # identities and errors
    .venv/bin/python benchmarks/association.py --scaling  # CPU time for 2-16 views and 1-10 people, and 60 candidates

People of 1.55 to 1.95 m walk on circles that overlap; whoever is further than 3.1 m from the middle is out of sight.
The detector is that of `lift3d demo` (noise, outliers, joints hidden by bodies, exchanged sides), with 20 % misses: of
whole people in a view, or of single joints.

IDF1 (Ristani et al., 2016): a frame counts as found if the joints are less than 0.3 m off in the median; the truth is
every frame in which two views or more report the person.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from lift3d.datasets.body import Body
from lift3d.datasets.detector_noise import DetectorNoise, simulate_detections
from lift3d.datasets.gait import Program, perform
from lift3d.datasets.synthetic import ring_rig
from lift3d.people import PeopleConfig, follow_people
from lift3d.triangulation import triangulate

FPS, SECONDS = 25.0, 16.0
SIGHT_M, MATCH_M = 3.1, 0.3
MISSES = 0.2


def walkers(people: int, rng, seconds: float = SECONDS):
    """Truth [T, P, 25, 3] m of people on circles, NaN while they are out of sight."""
    stride = 10
    time_fine = np.arange(round(seconds * FPS) * stride) / (FPS * stride)
    out = []
    for k in range(people):
        turn = rng.choice([-1, 1]) * rng.uniform(0.45, 0.8)  # rad/s: circles of about 1.5 to 3 m
        yaw = rng.uniform(0, 2 * np.pi) + turn * time_fine
        whole = np.ones_like(time_fine)
        program = Program(time_fine, whole, 0 * whole, yaw, cadence=rng.uniform(1.5, 1.9))
        body = Body(1.55 + 0.4 * (k + 0.5) / people)
        xyz = perform(program, body)[::stride]
        xyz[..., :2] += rng.uniform(-1.2, 1.2, 2) - xyz[..., :2].mean((0, 1))
        xyz[np.linalg.norm(xyz[..., :2].mean(1), axis=1) > SIGHT_M] = np.nan
        out.append(xyz)
    return np.stack(out, axis=1)


def detect(truth, rig, rng, misses: str):
    """Simulated detections with 20 % misses of people or joints."""
    noise = DetectorNoise(misses=MISSES if misses == "joints" else 0.05)
    seen = simulate_detections(truth, rig, rng, fps=FPS, noise=noise)
    if misses == "joints":
        return seen
    confidence = seen.keypoints.confidence * (rng.random(seen.person.shape) >= MISSES)[..., None]
    gone = ~(confidence > 0).any(-1)
    person = np.where(gone, -1, seen.person)
    return replace(seen, keypoints=replace(seen.keypoints, confidence=confidence), person=person)


def evaluate(xyz, truth, reported):
    """IDF1, identity switches, and for each truth the matched column (or -1).

    Args:
        xyz: [T, Q, J, 3] what was found.
        truth: [T, P, J, 3].
        reported: [T, P] where two views or more report the person.
    """
    found = np.isfinite(xyz).all(-1).sum(-1) >= 3  # [T, Q]
    T, Q, P = len(xyz), xyz.shape[1], truth.shape[1]
    hit = np.zeros((P, Q))
    nearest = np.full((T, P), -1)
    for t in range(T):
        distance = np.ma.median(
            np.ma.masked_invalid(np.linalg.norm(xyz[t, None] - truth[t, :, None], axis=-1)), axis=-1
        ).filled(np.inf)
        close = (distance < MATCH_M) & reported[t, :, None]
        hit += close
        p, q = linear_sum_assignment(np.where(close, distance, 10.0))
        good = close[p, q]
        nearest[t, p[good]] = q[good]
    p, q = linear_sum_assignment(-hit)
    true_positive = hit[p, q].sum()
    # A pose of somebody whom two views do not report (one does, the other's joints fell) is no error.
    idf1 = 2 * true_positive / (reported.sum() + found.sum())
    switches = sum(int((np.diff(ids[ids >= 0]) != 0).sum()) for ids in nearest.T)
    column = np.full(P, -1)
    column[p] = q
    return float(idf1), switches, column


def mpjpe(xyz, truth, reported):
    """Mean joint error in mm over joints that were found, and the share that was."""
    error = np.linalg.norm(xyz - truth, axis=-1)[reported]
    return 1000 * float(np.nanmean(error)), float(np.isfinite(error).mean())


def main() -> None:
    """Print either table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--views", type=int, default=8)
    args = parser.parse_args()
    if args.scaling:
        scaling()
        return
    for seed in range(args.seeds):
        rng = np.random.default_rng(seed)
        truth, rig = walkers(args.people, rng), ring_rig(args.views)
        absent = np.isnan(truth[:, :, 0, 0])
        exits = int((np.diff(absent.astype(int), axis=0) == 1).sum())
        for misses in ("people", "joints"):
            identities(truth, rig, rng, misses, f"seed {seed}, {exits} exits, misses of {misses}")


def identities(truth, rig, rng, misses, name) -> None:
    """Identities and errors of one capture."""
    seen = detect(truth, rig, rng, misses)
    reported = (seen.associated().person >= 0).sum(1) >= 2
    start = time.process_time()
    everybody = follow_people(seen.keypoints, rig)
    cpu = 1000 * (time.process_time() - start) / len(truth)
    mine = everybody.association.gather(seen.keypoints)
    found = triangulate(mine.xy, rig, mine.confidence, symmetric=mine.skeleton.symmetric)
    idf1, switches, column = evaluate(found.xyz, truth, reported)
    ideal = seen.associated().keypoints
    best = triangulate(ideal.xy, rig, ideal.confidence, symmetric=mine.skeleton.symmetric)
    ours, there = mpjpe(np.where((column >= 0)[:, None, None], found.xyz[:, column], np.nan), truth, reported)
    theirs, possible = mpjpe(best.xyz, truth, reported)
    print(f"{name}: {found.xyz.shape[1]} people found, {cpu:.1f} ms CPU a frame")
    print(f"  IDF1 {idf1:.4f}, switches {switches}, left out {len(everybody.left_out)}")
    print(
        f"  MPJPE {ours:.1f} mm ({100 * there:.1f} % of the joints); with the true association {theirs:.1f} mm "
        f"({100 * possible:.1f} %): ratio {ours / theirs:.3f}"
    )


def scaling() -> None:
    """CPU time of following alone, a frame."""
    print("views people  ms CPU a frame (all frames, then the search of a first frame)")
    for views, people in ((2, 1), (4, 1), (8, 1), (16, 1), (4, 4), (8, 4), (16, 4), (4, 10), (8, 10), (16, 10)):
        rng = np.random.default_rng(0)
        truth, rig = walkers(people, rng, 2.0), ring_rig(views)
        keypoints = detect(truth, rig, rng, "people").keypoints
        timed(keypoints, rig, f"{views:5d} {people:6d}")
    rng = np.random.default_rng(0)
    truth, rig = walkers(60, rng, 0.6), ring_rig(4)
    timed(detect(truth, rig, rng, "people").keypoints, rig, "4 views, 60 people")


def timed(keypoints, rig, name) -> None:
    """Time all frames, and the first one alone."""
    times = []
    for part in (keypoints, keypoints.select_frames(np.arange(1))):
        start = time.process_time()
        follow_people(part, rig, config=PeopleConfig())
        times.append(1000 * (time.process_time() - start) / len(part.xy))
    print(f"{name}  {times[0]:8.2f} {times[1]:8.2f}")


if __name__ == "__main__":
    main()
