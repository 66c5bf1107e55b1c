"""What parts of the keypoint network's recipe are worth, each on the same budget: the same people, shown as often.

    python benchmarks/keypoint_ablation.py --data TRAIN.json --images DIR --test VAL.json --test-images DIR -o RUNS

Every variant is `lift3d train keypoints` with one thing changed; PCK@0.2 of the test people with 95 % intervals from
drawing people again. A variant that is in RUNS already is not trained again.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from lift3d.datasets.people_images import PeopleImages, read_people_images
from lift3d.detectors.keypoint_network import KeypointNetwork
from lift3d.detectors.learning import TrainSettings
from lift3d.detectors.samples import CropSettings
from lift3d.detectors.training import train_keypoints
from lift3d.keypoint_metrics import correct_keypoints, keypoint_errors, torso_diagonals


def variants(settings: TrainSettings) -> dict[str, TrainSettings]:
    """Name to settings."""
    return {
        "light": settings,
        "light, no coordinate loss": replace(settings, coordinates=0.0),
        "light, coordinate loss at beta 1": replace(settings, beta=1.0),
        "light, no teacher's labels": replace(settings, crops=replace(settings.crops, teacher=0.0)),
        "simple, width 32": replace(settings, arch="simple", sizes={"width": 32, "decoder": 128}),
        "unet, width 32": replace(settings, arch="unet", sizes={"width": 32}),
        "hourglass, width 64": replace(settings, arch="hourglass", sizes={"width": 64}),
    }


def correct(network: KeypointNetwork, people: PeopleImages) -> np.ndarray:
    """[N, J] by PCK@0.2."""
    found = network.on_people(people)
    return correct_keypoints(keypoint_errors(found.xy, people.xy), torso_diagonals(people.xy, people.skeleton), 0.2)


def interval(right: np.ndarray) -> tuple[float, float, float]:
    """PCK in percent and its 95 % interval."""
    rng = np.random.default_rng(0)
    total, count = np.nansum(right, 1), np.isfinite(right).sum(1)
    draws = rng.integers(0, len(right), (2000, len(right)))
    low, high = np.percentile(total[draws].sum(1) / count[draws].sum(1), [2.5, 97.5])
    return 100 * total.sum() / count.sum(), 100 * low, 100 * high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--data", "--images", "--test", "--test-images", "-o"):
        parser.add_argument(name, type=Path, required=True, dest=name.strip("-").replace("-", "_"))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--size", default="64x96")
    parser.add_argument("--bf16", action="store_true")
    given = parser.parse_args()
    width, height = (int(part) for part in given.size.split("x"))
    crops = CropSettings(size=(width, height))
    base = TrainSettings(crops=crops, epochs=given.epochs, bf16=given.bf16, warm_up=200, ema=0.99)
    test = read_people_images(given.test, given.test_images)
    print(f"{'variant':34s} {'weights':>8s} {'PCK@0.2':>8s} {'95 %':>13s} {'minutes':>8s}")
    for name, settings in variants(base).items():
        run = given.o / name.replace(",", "").replace(" ", "-")
        began, path = time.perf_counter(), run / "keypoints.pt"
        if not path.is_file() or "confidence" not in KeypointNetwork.load(path).description:
            train_keypoints(given.data, given.images, run, settings=settings)
        minutes = (time.perf_counter() - began) / 60
        for how in ("window", "dark", "global", "argmax") if name == "light" else ("dark",):
            network = KeypointNetwork.load(path, decoding=how)
            weights = sum(value.numel() for value in network.network.parameters()) / 1e6
            pck, low, high = interval(correct(network, test))
            label = f"{name}, read by {how}" if name == "light" else name
            print(f"{label:34s} {weights:6.1f} M {pck:8.1f} {low:6.1f}-{high:5.1f} {minutes:8.1f}", flush=True)


if __name__ == "__main__":
    main()
