"""Joint angles against synthetic truth.

    .venv/bin/python benchmarks/kinematics.py [--sigma 3] [--cameras 4] [--seconds 5]

A person walks, turns and squats among a ring of cameras; keypoints are the true projections plus plain Gaussian noise
(or, with --sigma 0, what the detector model makes of them), reconstructed, refined in time, and their angles held
against those of the true joints.
"""

from __future__ import annotations

import argparse

import numpy as np

from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.demo_capture import DemoSettings, SyntheticCapture, synthesize
from lift3d.datasets.detector_noise import DetectorNoise
from lift3d.kinematics import ANGLES, Analysis, analyze
from lift3d.reconstruct import ReconstructConfig, reconstruct
from lift3d.refinement import refine

GROUPS = (
    *("hip_flexion", "hip_adduction", "hip_rotation", "knee_flexion", "ankle_dorsiflexion"),
    *("shoulder_flexion", "shoulder_abduction", "shoulder_plane", "shoulder_elevation", "shoulder_rotation"),
    *("elbow_flexion", "trunk_side_bend", "trunk_rotation", "trunk_lean", "trunk_side_lean"),
    *("pelvis_obliquity", "neck_flexion", "neck_rotation", "head_pitch", "head_roll", "head_heading"),
)


def noisy_keypoints(capture: SyntheticCapture, sigma: float, rng: np.random.Generator) -> Keypoints:
    """The true projections plus Gaussian noise of ``sigma`` pixels in x and in y."""
    xy = np.stack([camera.project(capture.truth.xyz) for camera in capture.rig], axis=1)
    names = tuple(camera.name for camera in capture.rig)
    seen = np.where(np.isfinite(xy).all(-1), 0.9, 0.0)
    noisy = xy + sigma * rng.standard_normal(xy.shape)
    return Keypoints(noisy, seen, names, capture.truth.skeleton, capture.truth.fps, np.arange(len(xy)))


def difference(found: Analysis, true: Analysis, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Degrees off, and in standard deviations."""
    error = np.remainder(found.angles[name] - true.angles[name] + np.pi, 2 * np.pi) - np.pi
    return np.degrees(error), error / found.sigma[name]


def report(title: str, poses: Poses, truth: Poses) -> None:
    frames = np.rint(poses.time * truth.fps).astype(int)
    part = Poses.from_xyz(truth.xyz[frames], truth.skeleton, truth.fps)
    found, true = analyze(poses), analyze(part)
    print(f"\n{title}\n{'':22}median  90 %   within 2 sigma")
    everything = []
    for group in GROUPS:
        names = [name for name in ANGLES if name in (group, f"left_{group}", f"right_{group}")]
        pairs = [difference(found, true, name) for name in names]
        error, ratio = (np.concatenate(part)[np.isfinite(np.concatenate(part))] for part in zip(*pairs, strict=True))
        everything.append(error)
        q = np.quantile(np.abs(error), [0.5, 0.9])
        print(f"{group:22}{q[0]:5.2f} {q[1]:6.2f}   {100 * np.mean(np.abs(ratio) < 2):5.1f} %")
    print(f"{'all':22}{np.median(np.abs(np.concatenate(everything))):5.2f}")
    com = np.linalg.norm(found.com - true.com, axis=-1)
    print(f"centre of mass: median {1000 * np.nanmedian(com):.1f} mm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sigma", type=float, default=3.0, help="pixels; 0: the detector model instead")
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    capture = synthesize(DemoSettings(duration=arguments.seconds, n_cameras=arguments.cameras))
    keypoints = capture.detections.keypoints
    if arguments.sigma:
        keypoints = noisy_keypoints(capture, arguments.sigma, np.random.default_rng(0))
    config = ReconstructConfig(people=1)
    poses = reconstruct(keypoints, capture.rig, fps=capture.truth.fps, config=config).poses
    what = f"{arguments.sigma:g} px" if arguments.sigma else "the detector model"
    report(f"{what}, {arguments.cameras} cameras, frame by frame", poses, capture.truth)
    report(f"{what}, {arguments.cameras} cameras, refined in time", refine(poses), capture.truth)


if __name__ == "__main__":
    main()
