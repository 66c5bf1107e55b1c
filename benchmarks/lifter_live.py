"""Live lifting of a held-out training subject, frame by frame: how far off, how much it jitters, and what it costs.

Run: python benchmarks/lifter_live.py MOCAP.h5 [LIFTER ...]      (a checkpoint, or the name of one that ships)

Whole recordings of cmu05 at 30 frames a second, a detector's noise of level 1 (see lifter_rates.py). A line tells MPJPE
in mm, the mean error of velocities in mm a second, and milliseconds of CPU time a frame.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from lifter_rates import Seen, before_camera, mean_errors

from lift3d.calib import Camera
from lift3d.datasets.mocap import of_subjects, read_mocap
from lift3d.lift import LiftConfig
from lift3d.lifters.lifter import Lifter
from lift3d.live import LiveLifter

CAMERA = Camera("live", np.eye(3), size=(2, 2))  # whose pixels are rays


def main() -> None:
    """Print a line for each lifter, without and with one body."""
    torch.set_num_threads(1)
    clips = of_subjects(read_mocap(sys.argv[1]), ["cmu05"])
    views = [before_camera(clip, 30.0, np.random.default_rng(n)) for n, clip in enumerate(clips)]
    for name in sys.argv[2:] or ("mlp", "tcn-causal"):
        lifter = Lifter.load(name)
        for what, fitted in (("", False), (", one body", True)):
            print(f"{name}{what}: {report(lifter, views, LiftConfig(one_body=fitted))}", flush=True)


def report(lifter: Lifter, views: list[Seen], config: LiftConfig) -> str:
    """Means over all frames."""
    errors = []
    began, frames = time.process_time(), sum(len(view.xy) for view in views)
    for view in views:
        live = LiveLifter(CAMERA, lifter, fps=30.0, config=config)
        xyz = np.stack([live.lift(*frame).xyz for frame in zip(view.xy, view.confidence, strict=True)])
        errors.append(xyz - xyz[:, :1] - view.xyz)
    spent = 1000 * (time.process_time() - began) / frames
    return f"{mean_errors(errors, views)}; {spent:.1f} ms"


if __name__ == "__main__":
    main()
