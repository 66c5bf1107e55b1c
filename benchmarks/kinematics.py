"""Joint angles against synthetic truth.

    .venv/bin/python benchmarks/kinematics.py [--sigma 3] [--cameras 4] [--seconds 5]

A person walks, turns and squats among a ring of cameras; keypoints are the true projections plus plain Gaussian noise
(or, with --sigma 0, what the detector model makes of them), reconstructed, refined in time, and their angles held
against those of the true joints.
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np

from lift3d.datasets import Keypoints, Poses
from lift3d.datasets.demo_capture import DemoSettings, SyntheticCapture, synthesize
from lift3d.datasets.gait import DOUBLE_STANCE, walk_past, walk_turn_squat
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig
from lift3d.kinematics import ANGLES, Analysis, analyze, foot_contacts, gait_events, joint_angles
from lift3d.kinematics.angles import head_angles
from lift3d.kinematics.head import head_from_picture
from lift3d.reconstruct import ReconstructConfig, reconstruct
from lift3d.refinement import refine

GROUPS = (
    *("hip_flexion", "hip_adduction", "hip_rotation", "knee_flexion", "ankle_dorsiflexion"),
    *("shoulder_flexion", "shoulder_abduction", "shoulder_plane", "shoulder_elevation", "shoulder_rotation"),
    *("elbow_flexion", "trunk_side_bend", "trunk_rotation", "trunk_lean", "trunk_side_lean"),
    *("pelvis_obliquity", "neck_flexion", "neck_rotation", "head_pitch", "head_roll", "head_heading"),
)
STANCE = 0.5 + DOUBLE_STANCE  # of the stride: the model has taken all weight off a foot by then


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


def report_events() -> None:
    """Foot strikes and foot offs against the walking model's phase."""
    skeleton = SKELETONS["body_25b"]
    for fps, cadence, noise in itertools.product((30.0, 60.0, 120.0), (1.5, 1.8, 2.1), (0.0, 0.005, 0.015)):
        rng = np.random.default_rng(0)
        xyz = walk_past(10.0, fps, cadence=cadence)
        xyz += noise * rng.standard_normal(xyz.shape)
        time = np.arange(len(xyz)) / fps
        events = gait_events(foot_contacts(xyz, skeleton, time), xyz, skeleton, time)
        cells = []
        for side, kind in itertools.product(("left", "right"), ("foot_strike", "foot_off")):
            phase = (0.5 if side == "left" else 0.0) + (0.0 if kind == "foot_strike" else STANCE)
            true = (np.arange(-1, 20) + phase) * 2 / cadence
            true = true[(true > 0.3) & (true < 9.7)]
            found = np.array([e.time for e in events if (e.side, e.kind) == (side, kind) and 0.3 < e.time < 9.7])
            error = found[:, None] - true
            error = 1000 * error[np.arange(len(found)), np.abs(error).argmin(1)]
            cells.append(f"{len(found)} of {len(true)}, {np.median(error):+.0f} ms, most {np.abs(error).max():.0f}")
        print(f"{fps:3g} fps, {cadence} steps/s, {1000 * noise:2g} mm: {'; '.join(cells)}")


def report_face() -> None:
    """The head's orientation by one camera's picture."""
    skeleton = SKELETONS["body_25b"]
    camera, xyz, rng = ring_rig(4)[0], walk_turn_squat(5.0, 60.0), np.random.default_rng(0)
    true, xy = joint_angles(xyz, skeleton), camera.project(xyz)
    mean_face = np.arctan2(0.011, 0.052)  # by which the line from ears to eyes points up in the parametric body
    width = np.linalg.norm(xy[:, skeleton.index("left_ear")] - xy[:, skeleton.index("right_ear")], axis=-1)
    print(f"from ear to ear {np.median(width):.0f} px")
    for sigma in (0.3, 1.0, 3.0):
        found = head_angles(head_from_picture(xy + sigma * rng.standard_normal(xy.shape), skeleton, camera))
        cells = []
        for name in found:
            error = found[name] - true[name] + (mean_face if name == "head_pitch" else 0.0)
            error = np.degrees(np.abs(np.remainder(error + np.pi, 2 * np.pi) - np.pi))
            cells.append(f"{name} {np.nanmedian(error):.1f} (90 %: {np.nanquantile(error, 0.9):.1f})")
        print(f"{sigma:g} px: {', '.join(cells)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sigma", type=float, default=3.0, help="pixels; 0: the detector model instead")
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--events", action="store_true", help="gait events instead")
    parser.add_argument("--face", action="store_true", help="the head by one picture instead")
    arguments = parser.parse_args()
    if arguments.events:
        report_events()
    elif arguments.face:
        report_face()
    else:
        report_angles(arguments)


def report_angles(arguments: argparse.Namespace) -> None:
    """Angles of a reconstruction, frame by frame and refined."""
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
