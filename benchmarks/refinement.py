"""What refinement in time gains, whether its error bars are right, and what it costs.

    .venv/bin/python benchmarks/refinement.py synthetic      # a walking, turning, squatting person; 3 seeds
    .venv/bin/python benchmarks/refinement.py mocap          # real movement: clips of ../shared/mocap
    .venv/bin/python benchmarks/refinement.py balance        # the real capture ../shared/captures/balance
    .venv/bin/python benchmarks/refinement.py held-out       # the same, predicting a camera that was left out
    .venv/bin/python benchmarks/refinement.py limits         # bounds on limbs, on recorded movement
    .venv/bin/python benchmarks/refinement.py cost           # 1 and 10 minutes at 60 fps, 4 views

Errors are MPJPE in mm; "fast" is the 5 % of the frames in which the joints move fastest; coverage is the share of the
joints whose 90 % ellipsoid contains the truth. Everything is compared with the same keypoints triangulated frame by
frame. Four cameras on a ring of 5 m (1280x720, 71 degrees): 5 px are 30 mm.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
from scipy.ndimage import gaussian_filter1d

from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.capture import open_capture
from lift3d.datasets.detector_noise import DetectorNoise, simulate_detections
from lift3d.datasets.gait import walk_turn_squat
from lift3d.datasets.skeleton import SKELETONS, Skeleton
from lift3d.datasets.synthetic import ring_rig
from lift3d.joint_limits import excess, joint_limits
from lift3d.reconstruct import reconstruct
from lift3d.refinement import RefinementConfig, refine
from lift3d.smoothing import SmoothingConfig, motion_figures, smooth_poses
from lift3d.triangulation import exchange_sides, triangulate

FPS = 60.0
NOISES = {
    "5 px": 5.0,
    "0.5 px": 0.5,
    "0.05 px": 0.05,
    "realistic": DetectorNoise(),
    "realistic, errors last 0.1 s": DetectorNoise(correlation_s=0.1),
    "realistic, errors last 1 s": DetectorNoise(correlation_s=1.0),
}
SYMMETRIC = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


def per_frame(keypoints: Keypoints, rig) -> Poses:
    """Triangulate associated keypoints frame by frame, sides exchanged back."""
    found = triangulate(keypoints.xy, rig, keypoints.confidence, symmetric=keypoints.skeleton.symmetric)
    x, y, confidence = (
        exchange_sides(value, found.swapped, keypoints.skeleton.symmetric)
        for value in (keypoints.xy[..., 0], keypoints.xy[..., 1], keypoints.confidence)
    )
    xy = np.stack([x, y], axis=-1)
    present = np.isfinite(found.xyz).all(-1)
    return Poses(
        xyz=found.xyz,
        covariance=found.covariance,
        status=present.astype(np.uint8),
        views=found.views,
        reprojection_error=found.reprojection_error,
        confidence=present.astype(float),
        time=np.arange(len(present)) / keypoints.fps,
        fps=keypoints.fps,
        skeleton=keypoints.skeleton,
        rig=rig,
        keypoints=Keypoints(xy, confidence, keypoints.cameras, keypoints.skeleton, keypoints.fps),
        used=found.used,
    )


def detect(truth, skeleton: Skeleton, fps: float, noise, seed: int) -> Poses:
    """Per-frame poses of a simulated detector; a number is white noise of so many pixels."""
    rig, rng = ring_rig(4), np.random.default_rng(seed)
    if isinstance(noise, DetectorNoise):
        seen = simulate_detections(truth, rig, rng, skeleton=skeleton, fps=fps, noise=noise).associated()
        return per_frame(seen.keypoints, rig)
    xy = np.moveaxis(rig.project(truth), 0, 1)
    xy = xy + noise * rng.normal(size=xy.shape)
    return per_frame(Keypoints(xy, np.ones(xy.shape[:-1]), rig.names, skeleton, fps), rig)


def judge(poses: Poses, truth) -> np.ndarray:
    """MPJPE, MPJPE of the fastest frames (mm), coverage (%)."""
    error = poses.xyz - truth
    size = 1000 * np.linalg.norm(error, axis=-1)
    speed = np.linalg.norm(np.gradient(truth, axis=0), axis=-1).mean((1, 2))
    there = np.isfinite(size)
    e = error[there][..., None]
    inside = (e * np.linalg.solve(poses.covariance[there][:, SYMMETRIC], e)).sum((1, 2)) <= 6.2514
    return np.array([np.nanmean(size), np.nanmean(size[speed >= np.quantile(speed, 0.95)]), 100 * inside.mean()])


def compare(title: str, cases: list[tuple[np.ndarray, Poses]]) -> None:
    """One line: per frame, refined without bones, refined."""
    rows = [
        [judge(p, truth), judge(refine(p, config=RefinementConfig(bones=False)), truth), judge(refine(p), truth)]
        for truth, p in cases
    ]
    before, plain, full = np.mean(rows, axis=0)
    print(
        f"{title:30s} {before[0]:7.2f} {plain[0]:7.2f} {full[0]:7.2f}  x{full[0] / before[0]:.2f}   "
        f"{before[1]:7.2f} {full[1]:7.2f}  x{full[1] / before[1]:.2f}   {before[2]:5.1f} {full[2]:5.1f}",
        flush=True,
    )


HEADING = (
    f"{'':30s} {'frame':>7s} {'motion':>7s} {'+bones':>7s} {'':7s} {'fast':>6s} {'refined':>7s} {'':7s} coverage %"
)


def synthetic() -> None:
    """The parametric gait."""
    print(HEADING)
    truth = walk_turn_squat(10.0, FPS)[:, None]
    for name, noise in NOISES.items():
        compare(name, [(truth, detect(truth, SKELETONS["body_25b"], FPS, noise, seed)) for seed in range(3)])


def mocap(shared: Path, count: int = 20) -> None:
    """Recorded movement of people, 24-30 Hz: dance, karate, basketball, climbing, walking."""
    print(HEADING)
    clips = []
    with h5py.File(shared / "mocap/mocap_h36m17.h5") as file:
        names = [name for name, clip in file["clips"].items() if len(clip["joints"]) >= 90]
        for name in np.array(names)[np.linspace(0, len(names) - 1, count).astype(int)]:
            clip = file["clips"][name]
            x = clip["joints"][2:302].astype(float) / 1000  # the first frames of some clips jump
            x[..., :2] -= x[..., :2].mean((0, 1))
            clips.append((x[:, None], float(clip.attrs["fps"])))
    for name in ("5 px", "0.5 px", "realistic"):
        cases = [(x, detect(x, SKELETONS["h36m_17"], fps, NOISES[name], 0)) for x, fps in clips]
        compare(name, cases)


def _balance(shared: Path) -> Poses:
    """The real capture, frame by frame."""
    folder = shared / "captures/balance"
    capture = open_capture(folder, calibration=folder / "Calib.qca.txt", keypoints=folder / "keypoints/openpose")
    return reconstruct(capture.keypoints, capture.rig, fps=capture.fps).poses


METHODS = {
    "per frame": SmoothingConfig(),
    "map": SmoothingConfig("map"),
    "butterworth, 6 Hz": SmoothingConfig("butterworth"),
    "butterworth, 3 Hz": SmoothingConfig("butterworth", cutoff=3.0),
    "savgol, 6 Hz": SmoothingConfig("savgol"),
    "kalman, 6 Hz": SmoothingConfig("kalman"),
    "median": SmoothingConfig("median"),
    "one-euro": SmoothingConfig("one-euro"),
}


def balance(shared: Path) -> None:
    """Steadiness, and closeness to the keypoints."""
    poses = _balance(shared)
    print(f"{'':20s} limb CV %  acceleration m/s²  residual px  median reprojection_error px  sigma mm")
    for name, config in METHODS.items():
        smoothed = smooth_poses(poses, config)
        f = motion_figures(smoothed)
        print(
            f"{name:20s} {f['bone_cv_percent']:9.2f} {f['acceleration']:18.2f} {f['residual_px']:12.2f} "
            f"{np.nanmedian(smoothed.reprojection_error):29.2f} {f['sigma_mm']:9.1f}"
        )
    refined = refine(poses)
    for views in (2, 3, 4):
        those = poses.views == views
        before, after = (np.nanmedian(p.reprojection_error[those]) for p in (poses, refined))
        print(f"seen by {views}: {100 * those.mean():4.1f} % of the joints, {before:.2f} -> {after:.2f} px by map")
    free = refine(poses, config=RefinementConfig(bones=False, strength=100.0)).reprojection_error
    print(f"motion 100 times freer, no bones: {np.nanmedian(free):.2f} px")


def held_out(shared: Path) -> None:
    """Predict each camera from the other three; what lasts longer than 0.2 s is calibration and taken off."""
    poses = _balance(shared)
    k, rig = poses.keypoints, poses.rig
    errors: dict[str, list[float]] = {name: [] for name in METHODS}
    for v in range(len(rig)):
        others = [u for u in range(len(rig)) if u != v]
        part = per_frame(k.select_views([k.cameras[u] for u in others]), rig.select([rig.names[u] for u in others]))
        for name, config in METHODS.items():
            e = k.xy[:, v] - rig[v].project(smooth_poses(part, config).xyz)
            counts = np.isfinite(e).all(-1)
            weight = np.maximum(gaussian_filter1d(counts.astype(float), 12, axis=0), 1e-3)[..., None]
            slow = gaussian_filter1d(np.where(counts[..., None], e, 0.0), 12, axis=0) / weight
            errors[name].append(float(np.median(np.linalg.norm(e - slow, axis=-1)[counts])))
    print(f"{'':20s} median px in the camera left out: mean, and " + ", ".join(rig.names))
    for name, values in errors.items():
        print(f"{name:20s} {np.mean(values):6.2f}   " + "  ".join(f"{value:.2f}" for value in values))


def limits(shared: Path, every: int = 3) -> None:
    """How often recorded movement breaks the bounds on limbs, and what they change where it does most."""
    skeleton = SKELETONS["h36m_17"]
    bounds = joint_limits(skeleton)
    frames, broken, worst = 0, np.zeros(len(bounds.limits)), []
    with h5py.File(shared / "mocap/mocap_h36m17.h5") as file:
        for name in list(file["clips"])[::every]:
            clip = file["clips"][name]
            x = clip["joints"][2:].astype(float) / 1000
            over = np.nan_to_num(excess(x, bounds)) > 0
            frames, broken = frames + len(x), broken + over.sum(0)
            worst.append((over.any(1).mean(), name, x[:150, None], float(clip.attrs["fps"])))
    print(f"{frames} frames of {len(worst)} clips; per cent that break a bound:")
    for limit, count in zip(bounds.limits, broken, strict=True):
        print(f"  {limit.name:25s} {100 * count / frames:.3f}")
    for share, name, x, fps in sorted(worst, key=lambda row: -row[0])[:5]:
        poses = detect(x, skeleton, fps, 5.0, 0)
        free, kept = (judge(refine(poses, config=RefinementConfig(limits=use)), x)[0] for use in (False, True))
        print(f"  {name} ({100 * share:.1f} % of its frames): MPJPE {free:.3f} mm without, {kept:.3f} mm with limits")


def cost() -> None:
    """Time, and the memory that is allocated on top of the input (numpy's too; measured in a second run)."""
    base = walk_turn_squat(10.0, FPS)
    for minutes in (1, 10):
        truth = np.tile(base, (6 * minutes, 1, 1))[:, None]
        poses = detect(truth, SKELETONS["body_25b"], FPS, DetectorNoise(), 0)
        started, cpu = time.perf_counter(), time.process_time()
        after = refine(poses)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        result = sum(getattr(after, name).nbytes for name in ("xyz", "covariance", "status", "reprojection_error"))
        del after
        tracemalloc.start()
        refine(poses)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(
            f"{minutes} min: {seconds:.1f} s ({cpu:.1f} s CPU); at most {peak / 1e6:.0f} MB on top of the input, "
            f"of which the result {result / 1e6:.0f} MB",
            flush=True,
        )


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["synthetic", "mocap", "balance", "held-out", "limits", "cost"])
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the real captures")
    arguments = parser.parse_args()
    if arguments.what == "synthetic":
        synthetic()
    elif arguments.what == "cost":
        cost()
    else:
        {"mocap": mocap, "balance": balance, "held-out": held_out, "limits": limits}[arguments.what](arguments.shared)


if __name__ == "__main__":
    main()
