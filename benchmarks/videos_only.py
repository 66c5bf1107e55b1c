"""The capture `balance` from its videos alone, held against the result from its OpenPose keypoints.

    python benchmarks/videos_only.py ../shared/captures [--detector light] [--weights FILE] [--repaired]

A copy with videos, calibration and capture.toml (which says how two of the videos were scaled and barred) goes through
`lift3d reconstruct`; printed are the frames in which the person is there and the median distance to the joints from
OpenPose, which are another network's and not the truth. --repaired takes a calibration that `lift3d calibrate repair`
made from OpenPose's keypoints for both: the shipped one does not quite fit. `two_people_video` follows: who is found.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from lift3d.datasets import Poses

SETTINGS = "".join(f"[cameras.{name}]\nscale = 1.0075\ncrop = [0, -7.2]\n" for name in ("cam_01", "cam_02"))
FACE = ("nose", "eye", "ear")


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
    a, b = (poses.xyz[:, 0][:, [poses.skeleton.index(name) for name in joints]] for poses in (found, other))
    frames = min(len(a), len(b))
    return joints, 1000 * np.linalg.norm(a[:frames] - b[:frames], axis=-1)


def main() -> None:
    """Print what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path)
    parser.add_argument("--detector", default="light")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--repaired", action="store_true")
    args = parser.parse_args()
    detector = ["--detector", args.detector, *(["--weights", args.weights] if args.weights else [])]
    with tempfile.TemporaryDirectory() as temporary:
        folder, balance = Path(temporary), args.captures / "balance"
        openpose = ["--keypoints", balance / "keypoints" / "openpose"]
        calibration: list[object] = []
        if args.repaired:
            lift3d("calibrate", "repair", balance, *openpose, "-o", folder / "repaired.toml")
            calibration = ["--calibration", folder / "repaired.toml"]
        lift3d("reconstruct", balance, *openpose, *calibration, "-o", folder / "openpose.poses.h5")
        videos = copy(balance, folder / "balance", SETTINGS)
        lift3d("reconstruct", videos, *detector, *calibration, "-o", folder / "videos.poses.h5")
        joints, mm = distances(Poses.load(folder / "videos.poses.h5"), Poses.load(folder / "openpose.poses.h5"))
        body = [not any(part in name for part in FACE) for name in joints]
        print(
            f"person in {np.isfinite(mm).any(1).sum()} of {len(mm)} frames; median distance {np.nanmedian(mm):.0f} mm, "
        )
        print(f"without the face {np.nanmedian(mm[:, body]):.0f} mm")
        print(", ".join(f"{name} {value:.0f}" for name, value in zip(joints, np.nanmedian(mm, 0), strict=True)))
        two = copy(args.captures / "two_people_video", folder / "two")
        lift3d("reconstruct", two, *detector, "-o", folder / "two.poses.h5")
        there = np.isfinite(Poses.load(folder / "two.poses.h5").xyz).any((-1, -2)).sum(0)
        print(f"two_people_video: {len(there)} people, in {there.tolist()} frames")


if __name__ == "__main__":
    main()
