"""How much of the bare network's speed the training of a lifter reaches: CPU time of a step with and without data.

Run: python benchmarks/lifter_throughput.py MOCAP.h5 [mlp | tcn] [bf16]
"""

import sys
import time
from dataclasses import replace

import numpy as np
import torch

from lift3d.datasets.mocap import of_subjects, read_mocap, subjects_of
from lift3d.lifters.samples import Frames, make_samples
from lift3d.lifters.training import TrainSettings, _new_state, learn

STEPS = 6


def main() -> None:
    """Print both rates and their ratio."""
    torch.set_num_threads(1)
    settings = TrainSettings(arch=(*sys.argv[2:3], "mlp")[0], bf16="bf16" in sys.argv)
    clips = read_mocap(sys.argv[1])
    rng = np.random.default_rng(0)
    net = _new_state(settings)
    frames = Frames(of_subjects(clips, subjects_of(clips)), window=net.network.window)
    samples = make_samples(frames, frames.draw(settings.batch, rng), rng, settings.samples)
    noise = replace(
        samples,
        features=rng.standard_normal(samples.features.shape, np.float32),
        target=rng.standard_normal(samples.target.shape, np.float32),
    )
    bare = network_seconds(noise.features, noise.target, settings)
    learn(net, samples, 1e-3, settings)
    start = time.process_time()
    for _ in range(STEPS):
        samples = make_samples(frames, frames.draw(settings.batch, rng), rng, settings.samples)
        learn(net, samples, 1e-3, settings)
    whole = (time.process_time() - start) / STEPS
    print(f"bare {settings.batch / bare:.0f} samples/s of CPU time, training {settings.batch / whole:.0f}")
    print(f"training reaches {100 * bare / whole:.0f} % of the bare forward, backward and step")


def network_seconds(features: np.ndarray, target: np.ndarray, settings: TrainSettings) -> float:
    """Seconds of forward, backward and step on random tensors, nothing else."""
    net = _new_state(settings)
    x, y = torch.from_numpy(features), torch.from_numpy(target)
    for step in range(STEPS + 1):
        if step == 1:
            start = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
            xyz, log_sigma = (part.float() for part in net.network(x))
        loss = torch.linalg.vector_norm(xyz - y, dim=-1).mean() + 0.0 * log_sigma.mean()
        net.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        net.optimiser.step()
    return (time.process_time() - start) / STEPS


if __name__ == "__main__":
    main()
