"""What single choices in the lifter's training are worth, by equal and short runs; subjects held out of training judge.

Run: python benchmarks/lifter_choices.py MOCAP.h5 [NAME ...]
"""

import math
import sys
from dataclasses import replace

import numpy as np
import torch

from lift3d.datasets.mocap import Clip, of_subjects, read_mocap, subjects_of
from lift3d.datasets.ray_noise import RayNoise
from lift3d.lifters.samples import Frames, Samples, SampleSettings, make_samples
from lift3d.lifters.training import TrainSettings, _new_state, learn

STEPS = 1500
TEST = ("cmu03", "cmu14", "cmu49", "cmu85", "cmu135")
HELD_OUT = ("cmu05", "cmu02")
SHOWN = {"truth": None, "noise 1": RayNoise.fixed(1.0), "noise 2": RayNoise.fixed(2.0)}
BASE = TrainSettings(bf16=True)
CHOICES = {
    "as shipped": BASE,
    "own arms only": replace(BASE, samples=SampleSettings(arms=0.0)),
    "exact 2D not told by confidence": replace(BASE, samples=SampleSettings(noise=RayNoise(clean=0.15, exact=0.0))),
    "dropout 0.1": replace(BASE, sizes={"dropout": 0.1}),
    "tcn": replace(BASE, arch="tcn"),
}


def main() -> None:
    """Print a line for each choice: held-out MPJPE in millimetres."""
    torch.set_num_threads(1)
    clips = read_mocap(sys.argv[1])
    for name in sys.argv[2:] or CHOICES:
        print(
            name,
            *(f"{who} {shown} {value:.1f}" for (who, shown), value in held_out_error(clips, CHOICES[name]).items()),
        )


def held_out_error(clips: tuple[Clip, ...], settings: TrainSettings) -> dict[tuple[str, str], float]:
    """Train on all others, then measure."""
    net = _new_state(settings)
    network, average = net.network.train(), net.average
    frames = {
        who: Frames(of_subjects(clips, subjects), window=network.window, causal=network.causal)
        for who, subjects in {
            "train": [name for name in subjects_of(clips) if name not in (*TEST, *HELD_OUT)],
            **{name: [name] for name in HELD_OUT},
        }.items()
    }
    for step in range(STEPS):
        rng = np.random.default_rng([0, step])
        torch.manual_seed(step)
        samples = make_samples(frames["train"], frames["train"].draw(settings.batch, rng), rng, settings.samples)
        learn(net, samples, settings.rate * 0.5 * (1 + math.cos(math.pi * step / STEPS)), settings)
    return {
        (who, shown): mpjpe_mm(average, held_out_samples(frames[who], noise))
        for who in HELD_OUT
        for shown, noise in SHOWN.items()
    }


def held_out_samples(frames: Frames, noise: RayNoise | None) -> Samples:
    """The same people under the same views for every choice."""
    chosen = np.arange(0, len(frames), max(1, len(frames) // 2500))
    return make_samples(frames, chosen, np.random.default_rng(5), SampleSettings.exact("coco17", noise))


@torch.no_grad()
def mpjpe_mm(network: torch.nn.Module, samples: Samples) -> float:
    """Relative to the pelvis, which is not counted."""
    xyz = network(torch.from_numpy(samples.features))[0].numpy()
    return 1000 * float(np.linalg.norm(xyz - xyz[:, :1] - samples.target, axis=-1)[:, 1:].mean())


if __name__ == "__main__":
    main()
