"""Each camera of a real capture alone, lifted, against the result of all of its cameras.

Run: python benchmarks/lifter_real.py ../shared/captures/balance [LIFTER ...]     (a checkpoint, or one that ships)

Each lifter's answers as they are, and with one body fitted to them. Twelve limb joints and the pelvis, relative to the
middle of the hips; "jitter" is the error of velocities, millimetres a frame; "place" how far off the middle of the hips
is, median; frames a second of CPU time, from keypoints to poses.
"With the face", of lifters that know it: PA-MPJPE of all the detector's joints and the face's part of it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from lift3d.datasets import Poses
from lift3d.datasets.capture import open_capture
from lift3d.datasets.coco_of_h36m import FACE
from lift3d.lift import LiftConfig, lift_keypoints
from lift3d.lifters.lifter import DEFAULT, Lifter
from lift3d.pose_errors import HIPS, compare_poses
from lift3d.reconstruct import reconstruct

BODIES = {"": False, ", one body": True}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("lifters", nargs=-1)
def main(folder: Path, lifters: tuple[str, ...]) -> None:
    """Print a line for each lifter and camera."""
    torch.set_num_threads(1)
    capture = open_capture(folder, calibration=folder / "calib.toml", keypoints=folder / "keypoints/openpose")
    whole = reconstruct(capture.keypoints, capture.rig, fps=capture.fps).poses
    for name in lifters or (DEFAULT,):
        lifter = Lifter.load(name)
        for body, fitted in BODIES.items():
            config = LiftConfig(one_body=fitted)
            for v, camera in enumerate(capture.rig):
                view = replace(capture.keypoints.select_views([capture.keypoints.cameras[v]]), fps=capture.fps)
                began = time.process_time()
                poses = lift_keypoints(view, camera, lifter, config=config)
                speed = len(poses.xyz) / (time.process_time() - began)
                face = ""
                if lifter.beside:
                    own = lift_keypoints(view, camera, lifter, config=replace(config, joints="detector"))
                    face = with_face(own, whole)
                click.echo(f"{name}{body} {camera.name}: {figures(poses, whole)}, {speed:.0f} frames/s{face}")


def figures(poses: Poses, whole: Poses) -> str:
    """Errors against the result of all cameras."""
    found = compare_poses((poses.xyz[:, 0], poses.skeleton), (whole.xyz[:, 0], whole.skeleton), fps=whole.fps)
    errors = ", ".join(f"{what} {1000 * value.value:.1f}" for what, value in found.figures.items())
    off = np.nanmedian(np.linalg.norm(middle_of_hips(poses) - middle_of_hips(whole), axis=-1))
    return f"{errors} (jitter), place {off:.2f} m"


def with_face(poses: Poses, whole: Poses) -> str:
    """In the detector's own joints."""
    found = compare_poses(
        (poses.xyz[:, 0], poses.skeleton), (whole.xyz[:, 0], whole.skeleton), fps=whole.fps, every_joint=True
    )
    face = 1000 * np.mean([found.by_joint[found.joints.index(joint)] for joint in FACE])
    return f"; with the face: PA-MPJPE {1000 * found.figures['PA-MPJPE'].value:.1f}, face {face:.1f}"


def middle_of_hips(poses: Poses) -> np.ndarray:
    """[T, 3] metres."""
    return poses.xyz[:, 0, [poses.skeleton.index(hip) for hip in HIPS]].mean(1)


if __name__ == "__main__":
    main()
