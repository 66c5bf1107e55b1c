"""Training a lifter: samples made on the fly, exact resume, the best weights by a held-out training subject."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lift3d.averaging import draw_towards
from lift3d.calib import InputError
from lift3d.checkpoint import Checkpoint, load_checkpoint
from lift3d.datasets.augment import BodyVariation
from lift3d.datasets.mocap import H36M, Split, of_subjects, read_mocap, split_subjects
from lift3d.datasets.ray_noise import RayNoise
from lift3d.processes import Processes, join_processes
from lift3d.run_folder import EpochRecord, RunFolder

from .encoding import feature_count
from .lifter import answered_beside, calibrate_checkpoint
from .networks import Mlp, Tcn, build_network
from .samples import Frames, Samples, SampleSettings, beside_h36m, input_joints, make_samples

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
EpochReport = Callable[[EpochRecord], None]

SIGMA_WEIGHT = 0.02  # of the error bars' loss; it reaches their own layer alone, so its size hardly matters
FACE_WEIGHT = 0.2
"""Of the joints beside Human3.6M's 17, whose place on the anthropometric head is a guess."""

SELECT_SAMPLES = 4096
SELECT_STREAM = 1_000_003  # epochs are numbered from 0: this one never comes
SELECT_NOISE = RayNoise(level=(0.0, 2.0), clean=0.0, exact=0.33)
SIGMA_NOISE = RayNoise(level=(1.0, 2.0), clean=0.0, exact=0.0)
"""Error bars get their size under strong noise: nothing in one frame tells how strong it is, and those that hold on
average would be too small there."""
SIGMA_BODIES = BodyVariation(stature=0.12, bone=0.10)
"""And by people of other sizes than those of the motion capture, as nearly everybody is."""


@dataclass(frozen=True)
class TrainSettings:
    """How a lifter is trained.

    Args:
        arch: a name of :data:`lift3d.lifters.networks.ARCHITECTURES`.
        sizes: of the network, for example width; {} for its own.
        samples: what is shown.
        epochs: an epoch shows as many samples as there are training frames.
        batch: samples a step.
        rate: Adam's first learning rate; it falls to zero as a cosine.
        ema: the decay of the averaged weights, which are what is kept.
        patience: stop after so many epochs without a better selection error.
        bf16: mixed precision; the weights stay float32.
        seed: of everything that is random.
        device: "cpu", "cuda", "cuda:1", …
        initial: for ``tcn`` and ``tcn-causal``, the checkpoint of an ``mlp`` that answers for each frame first, see
            :class:`lift3d.lifters.networks.Tcn`; "" for none.
    """

    arch: str = "mlp"
    sizes: dict[str, Any] = field(default_factory=dict)
    samples: SampleSettings = field(default_factory=SampleSettings)
    epochs: int = 120
    batch: int = 512
    rate: float = 1e-3
    ema: float = 0.995
    patience: int = 30
    bf16: bool = False
    seed: int = 0
    device: str = "cpu"
    initial: str = ""


@dataclass(eq=False)
class _State:
    """All that a step changes."""

    network: Mlp | Tcn
    average: Mlp | Tcn
    optimiser: torch.optim.Adam
    device: str = "cpu"
    step: int = 0
    processes: Processes = field(default_factory=Processes)


def train_lifter(
    data: str | os.PathLike[str],
    run: str | os.PathLike[str],
    *,
    settings: TrainSettings,
    split: tuple[tuple[str, ...], tuple[str, ...]],
    progress: Progress | None = None,
    on_epoch: EpochReport | None = None,
) -> Path:
    """Train until the epochs are over or nothing improves; a run that was stopped goes on where it was.

    Under ``torchrun`` several processes share each batch; the first one writes, and the result is that of one process.

    Args:
        data: motion capture, see :mod:`lift3d.datasets.mocap`.
        run: the folder of the run, made where it is absent: ``last.pt``, ``lifter.pt`` (the best), ``log.csv``,
            ``curve.svg``.
        settings: how.
        split: subjects who test, and subjects who select; all others are trained on.
        progress: called as progress(stage, done, total), by the first process.
        on_epoch: called after each epoch, by the first process.

    Returns:
        The checkpoint of the best weights.

    Raises:
        InputError: bad data or split, or the folder holds a run with other settings.
    """
    _check(settings)
    with join_processes(settings.device) as processes:
        processes.part(settings.batch)
        clips = read_mocap(data)
        parts = split_subjects(clips, *split)
        first = _first_lifter(settings)
        net = _new_state(settings, processes, first)
        train, select = (
            Frames(of_subjects(clips, who), window=net.network.window, causal=net.network.causal)
            for who in (parts.train, parts.select)
        )
        description = _describe(settings, first, parts, _fingerprint(data))
        folder = RunFolder.open(run, description)
        start = _resume(net, folder)
        processes.wait()  # nobody writes before all have read
        held_out = _selection_samples(select, settings)
        speak = (progress, on_epoch) if processes.first else (None, None)
        with torch.random.fork_rng(devices=[]):
            for epoch in range(start, settings.epochs):
                if folder.stale >= settings.patience:
                    logger.info("no better selection error for %d epochs: stopped", folder.stale)
                    break
                record = _run_epoch(net, train, epoch, settings=settings, progress=speak[0])
                error = processes.of_first(mean_error(net.average, held_out, net.device))
                _finish_epoch(net, folder, record.selected(error, folder), description)
                if speak[1] is not None:
                    speak[1](folder.records[-1])
        if processes.first:
            calibrate_checkpoint(folder.best, sigma_samples(select, settings), device=net.device)
        processes.wait()
    return folder.best


def _check(settings: TrainSettings) -> None:
    """Refuse what cannot be trained."""
    input_joints(settings.samples.joints)
    if settings.initial and settings.arch == "mlp":
        raise InputError("only tcn and tcn-causal start from another lifter; leave out --initial")
    if settings.epochs < 1 or settings.batch < 2 or not settings.rate > 0:
        raise InputError(
            f"epochs must be 1 or more, batch 2 or more, rate above zero; got {settings.epochs}, {settings.batch}, "
            f"{settings.rate:g}"
        )
    if settings.device != "cpu" and not torch.cuda.is_available():
        raise InputError(f"device {settings.device} was asked for, but torch sees no GPU here; use --device cpu")


def _new_state(settings: TrainSettings, processes: Processes | None = None, first: Checkpoint | None = None) -> _State:
    """Networks with the seed's weights, and those of whom they ask about each frame."""
    processes = processes or Processes(device=settings.device)
    joints = input_joints(settings.samples.joints)
    features, answers = feature_count(len(joints)), len(H36M) + len(beside_h36m(joints))
    sizes = _sizes(settings, first)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network, average = (build_network(settings.arch, features, answers, **sizes) for _ in range(2))
    if first is not None and isinstance(network, Tcn) and network.frame is not None:
        network.frame.load_state_dict(first.state)
    average.load_state_dict(network.state_dict())
    network.to(processes.device)
    average.to(processes.device).eval()
    optimiser = torch.optim.Adam([value for value in network.parameters() if value.requires_grad], lr=settings.rate)
    return _State(network, average, optimiser, processes.device, processes=processes)


def _first_lifter(settings: TrainSettings) -> Checkpoint | None:
    """Whom the network asks about each frame."""
    if not settings.initial:
        return None
    first = load_checkpoint(settings.initial, "lifter")
    found = (first.description["arch"], first.description["joints_in"])
    if found != ("mlp", settings.samples.joints):
        raise InputError(
            f"{settings.initial} is a {found[0]} for {found[1]} joints, wanted an mlp for {settings.samples.joints}: "
            f"lift3d train lifter --arch mlp --joints {settings.samples.joints}"
        )
    if answered_beside(first) != beside_h36m(input_joints(settings.samples.joints)):
        raise InputError(
            f"{settings.initial} does not answer for the face, as lifters do now; train it again: "
            f"lift3d train lifter --arch mlp --joints {settings.samples.joints}"
        )
    return first


def _sizes(settings: TrainSettings, first: Checkpoint | None) -> dict[str, Any]:
    """Of the network, with those of whom it asks."""
    return settings.sizes if first is None else {**settings.sizes, "frame": first.description["sizes"]}


def _describe(settings: TrainSettings, first: Checkpoint | None, split: Split, data: str) -> dict[str, Any]:
    """What the checkpoint says of itself."""
    return {
        "arch": settings.arch,
        "sizes": _sizes(settings, first),
        "joints_in": settings.samples.joints,
        "joints_out": "h36m17",
        "training": {**asdict(settings), "initial": Path(settings.initial).name},
        "initial_sha256": _fingerprint(settings.initial) if settings.initial else None,
        "split": asdict(split),
        "protocol": split.protocol,
        "data_sha256": data,
    }


def _fingerprint(path: str | os.PathLike[str]) -> str:
    """SHA-256 of the training data."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _resume(net: _State, folder: RunFolder) -> int:
    """Take up the state that an earlier call left; the epoch to go on with."""
    state = folder.saved_state(net.device)
    if state is None:
        return 0
    net.network.load_state_dict(state["network"])
    net.average.load_state_dict(state["average"])
    net.optimiser.load_state_dict(state["optimiser"])
    net.step = state["step"]
    return len(folder.records)


def _batches(frames: Frames, epoch: int, settings: TrainSettings, part: slice) -> Iterator[Samples]:
    """One process's part of an epoch's batches, the next one made while one is learnt from.

    Each batch has a random stream of its own, from which every process makes the whole of it.
    """

    def make(number: int) -> Samples:
        rng = np.random.default_rng([settings.seed, epoch, number])
        whole = make_samples(frames, frames.draw(settings.batch, rng), rng, settings.samples)
        return whole.part(part)

    steps = steps_per_epoch(frames, settings)
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(make, 0)
        for number in range(1, steps + 1):
            samples = coming.result()
            coming = maker.submit(make, number) if number < steps else coming
            yield samples


def steps_per_epoch(frames: Frames, settings: TrainSettings) -> int:
    """How many batches show as many samples as there are frames."""
    return max(1, round(len(frames) / settings.batch))


def _run_epoch(
    net: _State, frames: Frames, epoch: int, *, settings: TrainSettings, progress: Progress | None
) -> EpochRecord:
    """Learn from one epoch's batches."""
    net.network.train()
    steps, began, total = steps_per_epoch(frames, settings), time.perf_counter(), 0.0
    for number, samples in enumerate(_batches(frames, epoch, settings, net.processes.part(settings.batch))):
        torch.manual_seed(settings.seed + 7919 * (net.step + 1))  # dropout's: the same after a resume
        rate = settings.rate * 0.5 * (1 + math.cos(math.pi * net.step / (steps * settings.epochs)))
        total += learn(net, samples, rate, settings)
        if progress is not None:
            progress(f"epoch {epoch + 1} of {settings.epochs}", number + 1, steps)
    seconds = time.perf_counter() - began
    return EpochRecord(
        epoch=epoch + 1,
        epochs=settings.epochs,
        train=net.processes.mean(1000 * total / steps),
        rate=rate,
        samples_per_s=steps * settings.batch / seconds,
        seconds=seconds,
    )


def learn(net: _State, samples: Samples, rate: float, settings: TrainSettings) -> float:
    """One step; the batch's mean error of Human3.6M's joints in metres."""
    features = torch.from_numpy(samples.features).to(net.device)
    target = torch.from_numpy(samples.target).to(net.device)
    for group in net.optimiser.param_groups:
        group["lr"] = rate
    with torch.autocast(torch.device(net.device).type, torch.bfloat16, enabled=settings.bf16):
        answer = net.network(features)
    xyz, log_sigma = (part.float() for part in answer)
    distance = torch.linalg.vector_norm(xyz - target, dim=-1)
    own, beside = distance[:, : len(H36M)].mean(), distance[:, len(H36M) :]
    loss = own + SIGMA_WEIGHT * sigma_loss((xyz - target).detach(), log_sigma)
    if beside.numel():
        loss = loss + FACE_WEIGHT * beside.mean()
    net.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    net.processes.average_gradients(net.network.parameters())
    net.optimiser.step()
    net.step += 1
    draw_towards(net.average, net.network, min(settings.ema, (1 + net.step) / (10 + net.step)))
    return float(own.detach())


def sigma_loss(error: Tensor, log_sigma: Tensor) -> Tensor:
    """Negative logarithm of the Gaussian likelihood of errors [B, J, 3] under log_sigma [B, J, 2].

    The pelvis, joint 0, is the origin and has no error.
    """
    spread = log_sigma[:, 1:, [0, 0, 1]]
    return (0.5 * (error[:, 1:] * torch.exp(-spread)).square().clamp(max=50.0) + spread).mean()


def sigma_samples(frames: Frames, settings: TrainSettings) -> Samples:
    """What error bars get their size from: the held-out subject's motion, other bodies, strong noise."""
    every = SampleSettings.exact(settings.samples.joints, SIGMA_NOISE)
    return _held_out(frames, replace(every, bodies=SIGMA_BODIES))


def _selection_samples(frames: Frames, settings: TrainSettings) -> Samples:
    """The held-out subject as recorded."""
    return _held_out(frames, SampleSettings.exact(settings.samples.joints, SELECT_NOISE))


def _held_out(frames: Frames, every: SampleSettings) -> Samples:
    """The same people under the same views in every epoch and run."""
    rng = np.random.default_rng([0, SELECT_STREAM])
    count = min(SELECT_SAMPLES, len(frames))
    chosen = np.linspace(0, len(frames) - 1, count).astype(np.intp)
    return make_samples(frames, chosen, rng, every)


@torch.no_grad()
def mean_error(network: Mlp | Tcn, samples: Samples, device: str) -> float:
    """Mean error of Human3.6M's joints in millimetres."""
    errors = []
    for start in range(0, len(samples.features), 1024):
        features = torch.from_numpy(samples.features[start : start + 1024]).to(device)
        xyz, _ = network(features)
        target = torch.from_numpy(samples.target[start : start + 1024]).to(device)
        errors.append(torch.linalg.vector_norm(xyz - target, dim=-1)[:, : len(H36M)].mean(-1))
    return 1000 * float(torch.cat(errors).mean())


def _finish_epoch(net: _State, folder: RunFolder, record: EpochRecord, description: dict[str, Any]) -> None:
    """Write the epoch down, which the first process does for all."""
    if not net.processes.first:
        folder.records.append(record)
        return
    state = {
        "network": net.network.state_dict(),
        "average": net.average.state_dict(),
        "optimiser": net.optimiser.state_dict(),
        "step": net.step,
    }
    folder.finish_epoch(record, description, net.average, state)
