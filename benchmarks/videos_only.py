"""The capture `balance` from its videos alone, held against the result from its OpenPose keypoints.

    python benchmarks/videos_only.py ../shared/captures [--detector light] [--weights FILE] [--repaired] [--keep DIR]

A copy with videos, calibration and capture.toml (which says how two of the videos were scaled and barred) goes through
`lift3d reconstruct`; printed are the frames in which the person is there and the median distance to the joints from
OpenPose, which are another network's and not the truth. --repaired takes a calibration that `lift3d calibrate repair`
made from OpenPose's keypoints for both: the shipped one does not quite fit. Then where the distance comes from: for
each joint how much of it is one offset over all frames; for each camera how far the keypoints are from OpenPose's, how
many by more than a fifth of the torso, and how many of these lie at the same joint of the other side.
`two_people_video` follows: who is found. --keep leaves captures and results in a new folder.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from lift3d.datasets import Poses

SETTINGS = "".join(f"[cameras.{name}]\nscale = 1.0075\ncrop = [0, -7.2]\n" for name in ("cam_01", "cam_02"))
FACE = ("nose", "eye", "ear")
OTHER = {"left": "right", "right": "left"}


def is_face(joint: str) -> bool:
    """Whether a joint is of the face."""
    return any(part in joint for part in FACE)


def lift3d(*args: object) -> None:
    """Run a command of lift3d; the last lines of what it says."""
    done = subprocess.run([sys.executable, "-m", "lift3d", *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])
    told = done.stdout.splitlines()
    print("\n".join(told[next((i for i, line in enumerate(told) if line.startswith("verdict")), -1) :]))


def copy(capture: Path, to: Path, settings: str = "") -> Path:
    """A capture that holds only videos and calibration."""
    to.mkdir()
    shutil.copytree(capture / "videos", to / "videos")
    shutil.copy(capture / "calib.toml", to)
    if settings:
        (to / "capture.toml").write_text(settings)
    return to


def distances(found: Poses, other: Poses) -> tuple[list[str], np.ndarray]:
    """[T, J] millimetres between the first people of two results, for the joints that both have."""
    joints = [name for name in found.skeleton.joints if name in other.skeleton.joints]
    return joints, np.linalg.norm(steps(found, other, joints), axis=-1)


def steps(found: Poses, other: Poses, joints: list[str]) -> np.ndarray:
    """[T, J, 3] millimetres from one result's joints to the other's."""
    a, b = (poses.xyz[:, 0][:, [poses.skeleton.index(name) for name in joints]] for poses in (found, other))
    frames = min(len(a), len(b))
    return 1000 * (a[:frames] - b[:frames])


def offsets(found: Poses, other: Poses) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Joints, and millimetres [J] of the median step from one result to the other, and of what is left around it."""
    joints = [name for name in found.skeleton.joints if name in other.skeleton.joints]
    step = steps(found, other, joints)
    middle = np.nanmedian(step, axis=0)
    return joints, np.linalg.norm(middle, axis=-1), np.nanmedian(np.linalg.norm(step - middle, axis=-1), axis=0)


def keypoint_rows(found: Poses, other: Poses) -> list[str]:
    """For each camera what its keypoints of the body, as they were used, say beside the other's; faces left out."""
    joints = [name for name in found.skeleton.joints if name in other.skeleton.joints and not is_face(name)]
    mirror = [joints.index(OTHER[name.split("_")[0]] + name[name.index("_") :]) for name in joints]
    seen = []
    for poses in (found, other):
        places = [poses.skeleton.index(name) for name in joints]
        there = poses.keypoints.confidence[:, :, 0][..., places] > 0
        seen.append(np.where(there[..., None], poses.keypoints.xy[:, :, 0][:, :, places], np.nan))
    frames = min(len(part) for part in seen)
    ours, theirs = (part[:frames] for part in seen)
    ends = [theirs[:, :, joints.index(name)] for name in ("left_shoulder", "right_hip")]
    torso = np.nanmedian(np.linalg.norm(ends[0] - ends[1], axis=-1), axis=0)[:, None]
    rows = []
    for v, name in enumerate(found.rig.names):
        apart = np.linalg.norm(ours[:, v] - theirs[:, v], axis=-1)
        opposite = np.linalg.norm(ours[:, v] - theirs[:, v][:, mirror], axis=-1)
        gross = apart > 0.2 * torso[v]
        share = (gross & (opposite < 0.2 * torso[v])).sum() / max(gross.sum(), 1)
        rows.append(
            f"{name}: median {np.nanmedian(apart):.0f} px; {100 * gross.mean():.0f} % over a fifth of the torso, "
            f"{100 * share:.0f} % of these at the other side's joint"
        )
    return rows


def main() -> None:
    """Print what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path)
    parser.add_argument("--detector", default="light")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--repaired", action="store_true")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    detector = ["--detector", args.detector, *(["--weights", args.weights] if args.weights else [])]
    with contextlib.ExitStack() as stack:
        folder = args.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=args.keep is None)
        balance = args.captures / "balance"
        openpose = ["--keypoints", balance / "keypoints" / "openpose"]
        calibration: list[object] = []
        if args.repaired:
            lift3d("calibrate", "repair", balance, *openpose, "-o", folder / "repaired.toml")
            calibration = ["--calibration", folder / "repaired.toml"]
        lift3d("reconstruct", balance, *openpose, *calibration, "-o", folder / "openpose.poses.h5")
        videos = copy(balance, folder / "balance", SETTINGS)
        lift3d("reconstruct", videos, *detector, *calibration, "-o", folder / "videos.poses.h5")
        results = [Poses.load(folder / f"{name}.poses.h5") for name in ("videos", "openpose")]
        joints, mm = distances(*results)
        body = [not is_face(name) for name in joints]
        print(
            f"person in {np.isfinite(mm).any(1).sum()} of {len(mm)} frames; median distance {np.nanmedian(mm):.0f} mm, "
        )
        print(f"without the face {np.nanmedian(mm[:, body]):.0f} mm")
        print(", ".join(f"{name} {value:.0f}" for name, value in zip(joints, np.nanmedian(mm, 0), strict=True)))
        told = zip(*offsets(*results), strict=True)
        print("offset + scatter: " + ", ".join(f"{name} {step:.0f} + {rest:.0f}" for name, step, rest in told))
        print("\n".join(keypoint_rows(*results)))
        two = copy(args.captures / "two_people_video", folder / "two")
        lift3d("reconstruct", two, *detector, "-o", folder / "two.poses.h5")
        there = np.isfinite(Poses.load(folder / "two.poses.h5").xyz).any((-1, -2)).sum(0)
        print(f"two_people_video: {len(there)} people, in {there.tolist()} frames")


if __name__ == "__main__":
    main()
