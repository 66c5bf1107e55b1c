"""What one body brings to lifted sequences, and what each part of it: the held-out training subject judges.

Run: python benchmarks/lifter_one_body.py MOCAP.h5 [LIFTER ...]

Every eighth frame of cmu05 with the 26 around, each sequence under a virtual camera of its own, with flip test: MPJPE
in millimetres, exact 2D / noise 1 / noise 2, and the share of coordinates in their 90 % intervals. The constants of
lift3d.lifters.one_body were chosen here.
"""

from __future__ import annotations

import sys
from unittest import mock

import numpy as np
import torch

from lift3d.datasets.mocap import of_subjects, read_mocap
from lift3d.lifters import one_body
from lift3d.lifters.answers import SPAN, Lift, by_network, by_one_body
from lift3d.lifters.evaluation import SEED, measure, test_conditions
from lift3d.lifters.lifter import Lifter
from lift3d.lifters.samples import Frames, Samples, make_samples

STEP = 8
WITHOUT = {
    "one body": {},
    "without bones": {"BONE_SIGMA": 1e3},
    "without rays": {"RAY_SIGMA": 1e3, "EXACT_RAY_SIGMA": 1e3},
    "without motion": {"ACCELERATION": 1e6},
    "rays alone": {"BONE_SIGMA": 1e3, "ACCELERATION": 1e6},
}


def main() -> None:
    """Print a line for each lifter and part."""
    torch.set_num_threads(1)
    clips = of_subjects(read_mocap(sys.argv[1]), ["cmu05"])
    shown = list(sequences(Frames(clips, window=SPAN)))
    for name in sys.argv[2:] or ("mlp", "tcn"):
        lifter = Lifter.load(name)
        print(f"{name}: {row(by_network(lifter, both_sides=True), shown)}", flush=True)
        for what, constants in WITHOUT.items():
            with mock.patch.dict(vars(one_body), constants):
                print(f"{name}, {what}: {row(by_one_body(lifter, both_sides=True), shown)}", flush=True)


def sequences(frames: Frames) -> list[Samples]:
    """The same people under the same views, with three kinds of 2D."""
    conditions, chosen = test_conditions("coco17"), np.arange(0, len(frames), STEP)
    return [
        make_samples(frames, chosen, np.random.default_rng(SEED), conditions[name])
        for name in ("truth", "noise 1", "noise 2")
    ]


def row(lift: Lift, shown: list[Samples]) -> str:
    """Errors, and coverage."""
    rows = [
        measure("", "", lift(samples), samples.target[:, :17], groups=np.arange(len(samples.frame)))
        for samples in shown
    ]
    errors = " / ".join(f"{1000 * each.mpjpe.value:.1f}" for each in rows)
    return f"{errors} mm; {' / '.join(f'{100 * each.coverage:.1f}' for each in rows)} %"


if __name__ == "__main__":
    main()
