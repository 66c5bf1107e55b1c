"""How much the frames around could help at most: the single-frame lifter's error, averaged over time by an oracle.

Run: python benchmarks/lifter_oracle.py MOCAP.h5

Windows of 27 frames of a held-out training subject, one camera each, exact 2D. The oracle knows the motion: it averages
the error vectors alone, under a Gaussian of so many frames, which no network could. What stays is the part of the error
that lasts as long as the window: proportions, and depths that look alike all the while.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from lift3d.datasets.coco_of_h36m import COCO, EXACT, detector_joints
from lift3d.datasets.mocap import H36M, of_subjects, read_mocap
from lift3d.datasets.virtual_views import ViewRanges, sample_views
from lift3d.lifters.encoding import encode
from lift3d.lifters.lifter import Lifter
from lift3d.lifters.samples import Frames

WINDOW, SAMPLES, WIDTHS = 27, 800, (0, 1, 2, 3, 4, 9)


def main() -> None:
    """Print MPJPE in millimetres for each width of the Gaussian, without flip test."""
    torch.set_num_threads(1)
    frames = Frames(of_subjects(read_mocap(sys.argv[1]), ["cmu05"]), window=WINDOW)
    error = errors(frames.windows(np.arange(0, len(frames), max(1, len(frames) // SAMPLES))), Lifter.load("mlp"))
    for width in WIDTHS:
        weight = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / max(width, 1e-6)) ** 2)
        mean = np.einsum("t,btjc->bjc", weight / weight.sum(), error)
        print(f"{width} frames: {1000 * np.linalg.norm(mean, axis=-1)[:, 1:].mean():.1f} mm")


def errors(xyz: np.ndarray, lifter: Lifter) -> np.ndarray:
    """[B, T, 17, 3] metres in the axes of one camera for each window, every frame lifted by itself."""
    rng = np.random.default_rng(5)
    views = sample_views(xyz[:, WINDOW // 2, 0], rng, ViewRanges(whole=True))
    x_cam = views.to_camera(detector_joints(xyz, COCO, rng, body=EXACT))
    encoded = encode(views.see(x_cam)[0], np.ones(x_cam.shape[:-1], np.float32))
    turned, _ = lifter.lift(encoded.features.reshape(-1, 1, encoded.features.shape[-1]))
    lifted = turned[:, : len(H36M)].reshape(*xyz.shape) @ encoded.R
    true = views.to_camera(xyz)
    return lifted - (true - true[:, :, :1])


if __name__ == "__main__":
    main()
