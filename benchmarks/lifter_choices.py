"""What single choices in the lifter's training are worth, by equal and short runs; subjects held out of training judge.

Run: python benchmarks/lifter_choices.py MOCAP.h5 [NAME ...] [--panoptic FOLDER] [--out ROWS.jsonl]

With --out each finished row is added to the file and rows that are in it are not measured again, so that a run that was
stopped goes on. Panoptic is shown beside the held-out subjects and chooses nothing. "all" is all that was ever trained
with, of which one choice at a time is left out; "as now" the recipe that these rows led to, and its neighbours. "Other
bodies" are the held-out subjects' motion with bones of other lengths than anyone's in the data.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from lift3d.checkpoint import Checkpoint
from lift3d.datasets.augment import BodyVariation
from lift3d.datasets.coco_of_h36m import DetectorBody
from lift3d.datasets.mocap import H36M, Clip, of_subjects, read_mocap, subjects_of
from lift3d.datasets.ray_noise import RayNoise
from lift3d.datasets.virtual_views import ViewRanges
from lift3d.lifters.evaluation import evaluate_panoptic
from lift3d.lifters.lifter import Lifter
from lift3d.lifters.samples import Frames, Samples, SampleSettings, make_samples
from lift3d.lifters.training import SIGMA_BODIES, TrainSettings, _new_state, _State, learn
from lift3d.metrics import mpjpe

STEPS = 1500
TEST = ("cmu03", "cmu14", "cmu49", "cmu85", "cmu135")
HELD_OUT = ("cmu05", "cmu02")
HIDDEN = RayNoise((1.0, 1.0), clean=0.0, misses=0.02, outliers=0.005, swaps=0.0, occlusions=1.0, exact=0.0)
SHOWN = {"truth": None, "noise 1": RayNoise.fixed(1.0), "noise 2": RayNoise.fixed(2.0), "a part hidden": HIDDEN}
NOW = TrainSettings(bf16=True)
ALL = SampleSettings(
    bodies=BodyVariation(stature=0.12, bone=0.10, hip=(0.9, 1.5)),
    detector=DetectorBody(hip=(0.85, 1.35), hip_up=(-0.02, 0.06)),
    mirror=True,
)
BASE = replace(NOW, samples=ALL)
NARROW = ViewRanges(distance=(4.0, 6.0), height=(1.2, 1.8), focal=(1.1, 1.2), roll_deg=0.0, aim=0.2)
WITHOUT = {
    "wide views": replace(ALL, views=NARROW),
    "detector noise": replace(ALL, noise=None),
    "other bone lengths": replace(ALL, bodies=BodyVariation(stature=0.0, bone=0.0, hip=(0.9, 1.5), side=0.0)),
    "exchanged arms": replace(ALL, arms=0.0),
    "other hips": replace(ALL, bodies=SIGMA_BODIES, detector=DetectorBody()),
    "exact samples": replace(ALL, noise=RayNoise(clean=0.0, exact=0.0)),
    "mirrored samples": replace(ALL, mirror=False),
    "the detector's own joints": replace(ALL, detector=None),
}
CHOICES = {
    "all": BASE,
    **{f"without {name}": replace(BASE, samples=samples) for name, samples in WITHOUT.items()},
    "all, another seed": replace(BASE, seed=1),
    "dropout 0.1": replace(BASE, sizes={"dropout": 0.1}),
    "tcn": replace(BASE, arch="tcn"),
    "as now": NOW,
    "as now, without exchanged arms": replace(NOW, samples=SampleSettings(arms=0.0)),
    "as now, bodies as recorded": replace(NOW, samples=SampleSettings(bodies=None)),
    "as now, twice the range of bodies": replace(NOW, samples=SampleSettings(bodies=SIGMA_BODIES)),
    "as now, half of them mirrored": replace(NOW, samples=SampleSettings(mirror=True)),
}


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, type=click.Choice(list(CHOICES)))
@click.option("--panoptic", type=click.Path(path_type=Path), help="A folder with CMU Panoptic's poses and calibration.")
@click.option("--out", type=click.Path(path_type=Path), help="Where rows are kept, a line of JSON each.")
def main(data: Path, names: tuple[str, ...], panoptic: Path | None, out: Path | None) -> None:
    """Print a line for each choice: MPJPE of each held-out subject, and Panoptic's PA-MPJPE and MPJPE, mm."""
    torch.set_num_threads(1)
    clips = read_mocap(data)
    done = {json.loads(line)["choice"]: line for line in out.read_text().splitlines()} if out and out.is_file() else {}
    for name in names or CHOICES:
        if name not in done:
            net = trained(clips, CHOICES[name])
            errors = {
                **held_out_error(clips, net),
                **(panoptic_error(net, CHOICES[name], panoptic) if panoptic else {}),
            }
            done[name] = json.dumps({"choice": name, **{what: round(value, 1) for what, value in errors.items()}})
            if out:
                with out.open("a") as file:
                    file.write(done[name] + "\n")
        click.echo(done[name])


def trained(clips: tuple[Clip, ...], settings: TrainSettings) -> _State:
    """Trained on all but those who judge and those who test."""
    net = _new_state(settings)
    net.network.train()
    subjects = [name for name in subjects_of(clips) if name not in (*TEST, *HELD_OUT)]
    frames = Frames(of_subjects(clips, subjects), window=net.network.window, causal=net.network.causal)
    for step in range(STEPS):
        rng = np.random.default_rng([settings.seed, step])
        torch.manual_seed(step)
        samples = make_samples(frames, frames.draw(settings.batch, rng), rng, settings.samples)
        learn(net, samples, settings.rate * 0.5 * (1 + math.cos(math.pi * step / STEPS)), settings)
    return net


def held_out_error(clips: tuple[Clip, ...], net: _State) -> dict[str, float]:
    """Millimetres by subject and what was shown."""
    errors = {}
    for who in HELD_OUT:
        frames = Frames(of_subjects(clips, [who]), window=net.network.window, causal=net.network.causal)
        for shown, noise in SHOWN.items():
            errors[f"{who} {shown}"] = mpjpe_mm(net.average, held_out_samples(frames, noise))
        for shown in ("truth", "noise 1"):
            others = held_out_samples(frames, SHOWN[shown], SIGMA_BODIES)
            errors[f"{who}, other bodies, {shown}"] = mpjpe_mm(net.average, others)
    return errors


def held_out_samples(frames: Frames, noise: RayNoise | None, bodies: BodyVariation | None = None) -> Samples:
    """The same people under the same views for every choice."""
    chosen = np.arange(0, len(frames), max(1, len(frames) // 2500))
    shown = replace(SampleSettings.exact("coco17", noise), bodies=bodies)
    return make_samples(frames, chosen, np.random.default_rng(5), shown)


@torch.no_grad()
def mpjpe_mm(network: torch.nn.Module, samples: Samples) -> float:
    """Human3.6M's joints relative to the pelvis, which is not counted."""
    own = slice(len(H36M))
    xyz = network(torch.from_numpy(samples.features))[0].numpy()[:, own]
    return 1000 * float(mpjpe(xyz - xyz[:, :1], samples.target[:, own])[:, 1:].mean())


def panoptic_error(net: _State, settings: TrainSettings, folder: Path) -> dict[str, float]:
    """Over the pelvis and the limb joints, millimetres, by what was shown; no flip test, as above."""
    description = {"arch": settings.arch, "sizes": settings.sizes, "joints_in": "coco17"}
    lifter = Lifter(Checkpoint("lifter", description, net.average.state_dict()))
    rows = {
        shown: evaluate_panoptic(lifter, folder, noise=noise) for shown, noise in (("truth", None), ("noise 1", 1.0))
    }
    aligned = {f"Panoptic {shown}": 1000 * found[0].pa_mpjpe.value for shown, found in rows.items()}
    return {**aligned, **{f"Panoptic MPJPE {shown}": 1000 * found[0].mpjpe.value for shown, found in rows.items()}}


if __name__ == "__main__":
    main()
