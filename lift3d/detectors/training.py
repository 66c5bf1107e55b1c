"""Training a keypoint network: exact resume at any step, the best weights by people held out of training."""

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
from numpy.typing import NDArray
from torch import Tensor, nn

from lift3d.calib import InputError
from lift3d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lift3d.datasets.people_images import PeopleImages, read_people_images
from lift3d.distributed import World, open_world
from lift3d.heatmaps import argmax, coordinate_loss, gaussian_targets, heatmap_loss, to_crop, to_heat
from lift3d.keypoint_metrics import correct_keypoints, keypoint_errors, torso_diagonals
from lift3d.run_folder import EpochRecord, RunFolder, RunKind

from .keypoint_network import KeypointNetwork, as_input, calibrate_confidence
from .networks import MULTIPLE, STRIDE, build_network
from .samples import Crops, CropSettings, Pictures, make_crops

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
EpochReport = Callable[[EpochRecord], None]

KEYPOINTS = RunKind("keypoints", "PCK@0.2", higher=True, select="held-out people")
STATE = "keypoints-run"


@dataclass(frozen=True)
class TrainSettings:
    """How a keypoint network is trained.

    Args:
        arch: a name of :data:`lift3d.detectors.networks.ARCHITECTURES`.
        sizes: of the network, for example width; {} for its own.
        crops: what is shown.
        epochs: times that everybody is shown.
        half_epochs: of these the first ones, in which crops and maps have half their size: four times as fast.
        batch: people a step, over all processes.
        rate: AdamW's highest learning rate; it rises during the warm-up and falls to zero as a cosine.
        warm_up: steps.
        decay: AdamW's weight decay.
        ema: the decay of the averaged weights, which are what is kept.
        sigma: of the targets, cells of a full map; in proportion where crops have half their size.
        coordinates: weight of the loss on soft-argmax coordinates; 0 leaves it out.
        beta: of that soft-argmax, see :func:`lift3d.heatmaps.soft_argmax`: at 2 it is nearly unbiased, at 1 not.
        select: people held out of training, who choose the best weights.
        bf16: mixed precision; the weights stay float32.
        save_s: seconds after which the state is saved within an epoch.
        seed: of everything that is random.
        device: "cpu", "cuda", "cuda:1", …
    """

    arch: str = "light"
    sizes: dict[str, Any] = field(default_factory=dict)
    crops: CropSettings = field(default_factory=CropSettings)
    epochs: int = 140
    half_epochs: int = 0
    batch: int = 64
    rate: float = 2e-3
    warm_up: int = 300
    decay: float = 0.02
    ema: float = 0.999
    sigma: float = 2.0
    coordinates: float = 0.1
    beta: float = 2.0
    select: int = 500
    bf16: bool = False
    save_s: float = 300.0
    seed: int = 0
    device: str = "cpu"


@dataclass(eq=False)
class _State:
    """All that a step changes."""

    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.AdamW
    step: int = 0
    shown: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))  # this epoch: correct, judged


def train_keypoints(
    data: str | os.PathLike[str],
    images: str | os.PathLike[str],
    run: str | os.PathLike[str],
    *,
    settings: TrainSettings,
    initial: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    on_epoch: EpochReport | None = None,
) -> Path:
    """Train until the epochs are over; a run that was stopped goes on where it was.

    Args:
        data: labelled people, see :func:`lift3d.datasets.people_images.read_people_images`.
        images: the folder with the pictures.
        run: the folder of the run, made where it is absent: ``last.pt``, ``keypoints.pt`` (the best), ``log.csv``,
            ``curve.svg``.
        settings: how.
        initial: ResNet-18's ImageNet weights, for the encoder of ``simple`` and ``unet``; a checkpoint of the same
            architecture for any.
        progress: called as progress(stage, done, total).
        on_epoch: called after each epoch.

    Returns:
        The checkpoint of the best weights.

    Raises:
        InputError: bad data or settings, or the folder holds a run with other settings.
    """
    check_settings(settings)
    people = read_people_images(data, images)
    train, select = split_people(people, settings.select, settings.seed)
    if settings.crops.teacher == 0:
        train = train.without_teacher()
    with open_world(settings.device) as world:
        return _train(
            train, select, run, settings=replace(settings, device=world.device), world=world,
            facts=_facts(data, people, initial), initial=initial, progress=progress, on_epoch=on_epoch,
        )  # fmt: skip


def check_settings(settings: TrainSettings) -> None:
    """Refuse what cannot be trained.

    Raises:
        InputError: a setting is impossible.
    """
    width, height = settings.crops.size
    if width % MULTIPLE or height % MULTIPLE or min(width, height) < 2 * MULTIPLE:
        raise InputError(
            f"the crop's size must be multiples of {MULTIPLE}, {2 * MULTIPLE} or more; got {width}x{height}"
        )
    if settings.half_epochs and (width % (2 * MULTIPLE) or height % (2 * MULTIPLE)):
        raise InputError(f"half crops of {width}x{height} are not multiples of {MULTIPLE}; leave out --half-epochs")
    if settings.epochs < 1 or settings.batch < 2 or not settings.rate > 0 or settings.select < 2:
        raise InputError(
            f"epochs must be 1 or more, batch and select 2 or more, rate above zero; got {settings.epochs}, "
            f"{settings.batch}, {settings.select}, {settings.rate:g}"
        )
    if not 0 <= settings.half_epochs <= settings.epochs:
        raise InputError(f"half epochs must be 0 to {settings.epochs}, got {settings.half_epochs}")
    if settings.device != "cpu" and not torch.cuda.is_available():
        raise InputError(f"device {settings.device} was asked for, but torch sees no GPU here; use --device cpu")


def split_people(people: PeopleImages, count: int, seed: int) -> tuple[PeopleImages, PeopleImages]:
    """Who trains, and who selects: people whose shoulders and hips humans labelled, pictures never shared.

    Raises:
        InputError: too few people can be judged.
    """
    human = people.without_teacher()
    torso = torso_diagonals(human.xy, human.skeleton)
    can = np.flatnonzero(np.isin(people.ids, human.ids[torso > 0]))
    if count > 0.5 * len(can):
        raise InputError(
            f"{count} people are to be held out, but only {len(can)} can be judged; give a smaller --select"
        )
    chosen = np.random.default_rng([seed, 1]).permutation(can)[:count]
    pictures = {people.paths[row] for row in chosen}
    train = [row for row in range(len(people)) if people.paths[row] not in pictures]
    return people.take(train), people.take(np.sort(chosen)).without_teacher()


def _facts(
    data: str | os.PathLike[str], people: PeopleImages, initial: str | os.PathLike[str] | None
) -> dict[str, Any]:
    """What the checkpoint says of its data."""
    digest = hashlib.sha256(Path(data).read_bytes()).hexdigest()
    groups = {name: people.group.count(name) for name in sorted(set(people.group))}
    first = None if initial is None else hashlib.sha256(Path(initial).read_bytes()).hexdigest()
    return {"data_sha256": digest, "people": len(people), "groups": groups, "initial_sha256": first}


def _train(
    train: PeopleImages,
    select: PeopleImages,
    run: str | os.PathLike[str],
    *,
    settings: TrainSettings,
    world: World,
    facts: dict[str, Any],
    initial: str | os.PathLike[str] | None,
    progress: Progress | None,
    on_epoch: EpochReport | None,
) -> Path:
    """The epochs."""
    net = _new_state(settings, len(train.skeleton), initial)
    description = describe(settings, train, facts)
    folder = RunFolder.open(run, description, KEYPOINTS)
    start, done = _resume(net, folder, settings.device)
    wrapped = world.wrap(net.network)
    pictures = Pictures()
    for epoch in range(start, settings.epochs):
        teller = _Teller(folder, description, world, settings.save_s)
        record = _run_epoch(
            net, wrapped, train, settings=settings, world=world, place=(epoch, done), pictures=pictures,
            teller=teller, progress=progress,
        )  # fmt: skip
        done = 0
        record = _select(net, select, record, folder, settings=settings)
        if world.writes:
            _finish_epoch(net, folder, record, description)
        if on_epoch is not None and world.writes:
            on_epoch(record)
        world.wait()
    if world.writes:
        calibrate_confidence(folder.best, select, device=settings.device)
    world.wait()
    return folder.best


def _new_state(settings: TrainSettings, joints: int, initial: str | os.PathLike[str] | None) -> _State:
    """Networks with the seed's weights, or with given ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = build_network(settings.arch, joints, **settings.sizes)
    if initial is not None:
        from .initialise import load_initial

        load_initial(network, initial, settings.arch)
    with torch.random.fork_rng(devices=[]):
        average = build_network(settings.arch, joints, **settings.sizes)
    average.load_state_dict(network.state_dict())
    network.to(settings.device, memory_format=torch.channels_last).train()
    average.to(settings.device, memory_format=torch.channels_last).eval()
    plain = [value for value in network.parameters() if value.ndim < 2]
    heavy = [value for value in network.parameters() if value.ndim >= 2]
    groups = [{"params": heavy, "weight_decay": settings.decay}, {"params": plain, "weight_decay": 0.0}]
    return _State(network, average, torch.optim.AdamW(groups, lr=settings.rate))


def describe(settings: TrainSettings, people: PeopleImages, facts: dict[str, Any]) -> dict[str, Any]:
    """What the checkpoint says of itself, enough to use it."""
    return {
        "arch": settings.arch,
        "sizes": settings.sizes,
        "skeleton": people.skeleton.name,
        "joints": list(people.skeleton.joints),
        "size": list(settings.crops.size),
        "padding": settings.crops.padding,
        "training": asdict(settings),
        "protocol": f"selected by PCK@0.2 of {settings.select} people held out of the training file",
        **facts,
    }


def _resume(net: _State, folder: RunFolder, device: str) -> tuple[int, int]:
    """Take up the state that an earlier call left: the epoch to go on with, and its steps that are done."""
    if not folder.last.is_file():
        return 0, 0
    state = load_checkpoint(folder.last, STATE, device=device).state
    net.network.load_state_dict(state["network"])
    net.average.load_state_dict(state["average"])
    net.optimiser.load_state_dict(state["optimiser"])
    net.step, net.shown = state["step"], state["shown"].cpu()
    return len(folder.records), state["done"]


def steps_per_epoch(people: PeopleImages, settings: TrainSettings) -> int:
    """Batches that show everybody once; the last, smaller one is left out."""
    return max(1, len(people) // settings.batch)


def _batches(
    people: PeopleImages, place: tuple[int, int], settings: TrainSettings, world: World, pictures: Pictures
) -> Iterator[Crops]:
    """An epoch's batches from one on, made while others are learnt from; each has a random stream of its own."""
    epoch, first = place
    order = np.random.default_rng([settings.seed, 2, epoch]).permutation(len(people))
    crops = half(settings.crops) if epoch < settings.half_epochs else settings.crops

    def make(number: int) -> Crops:
        rows: NDArray[np.intp] = order[number * settings.batch : (number + 1) * settings.batch]
        rng = np.random.default_rng([settings.seed, 3, epoch, number, world.rank])
        return make_crops(people, rows[world.rank :: world.size], rng, crops, pictures)

    steps = steps_per_epoch(people, settings)
    with ThreadPoolExecutor(1) as maker:
        coming = [maker.submit(make, number) for number in range(first, min(first + 3, steps))]
        for number in range(first, steps):
            batch = coming.pop(0).result()
            if number + 3 < steps:
                coming.append(maker.submit(make, number + 3))
            yield batch


def half(crops: CropSettings) -> CropSettings:
    """The same crops at half the size."""
    return replace(crops, size=(crops.size[0] // 2, crops.size[1] // 2))


@dataclass(eq=False)
class _Teller:
    """Saves the state within an epoch, now and then."""

    folder: RunFolder
    description: dict[str, Any]
    world: World
    every_s: float
    latest: float = field(default_factory=time.monotonic)

    def saw(self, net: _State, done: int) -> None:
        """After a step."""
        if self.world.writes and time.monotonic() - self.latest > self.every_s:
            _save_state(net, self.folder, self.description, done)
            self.latest = time.monotonic()


def _run_epoch(
    net: _State,
    wrapped: nn.Module,
    people: PeopleImages,
    *,
    settings: TrainSettings,
    world: World,
    place: tuple[int, int],
    pictures: Pictures,
    teller: _Teller,
    progress: Progress | None,
) -> EpochRecord:
    """Learn from what is left of an epoch's batches."""
    epoch, done = place
    steps, began, rate = steps_per_epoch(people, settings), time.perf_counter(), 0.0
    for number, crops in enumerate(_batches(people, place, settings, world, pictures), done):
        rate = learning_rate(net.step, steps * settings.epochs, settings)
        net.shown += learn(net, wrapped, crops, rate, settings, people)
        if progress is not None:
            progress(f"epoch {epoch + 1} of {settings.epochs}", number + 1, steps)
        if number + 1 < steps:
            teller.saw(net, number + 1)
    seconds = time.perf_counter() - began
    correct, judged = net.shown.tolist()
    net.shown.zero_()
    return EpochRecord(
        epoch=epoch + 1,
        epochs=settings.epochs,
        train=correct / max(judged, 1.0),
        rate=rate,
        samples_per_s=(steps - done) * settings.batch / seconds,
        seconds=seconds,
    )


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Up in a straight line, down as a cosine."""
    warm = min(1.0, (step + 1) / max(1, min(settings.warm_up, steps // 5)))
    return settings.rate * warm * 0.5 * (1 + math.cos(math.pi * step / steps))


def learn(
    net: _State, wrapped: nn.Module, crops: Crops, rate: float, settings: TrainSettings, people: PeopleImages
) -> Tensor:
    """One step.

    Returns:
        How many joints the network had right by PCK@0.2, and how many could be judged, [2].
    """
    for group in net.optimiser.param_groups:
        group["lr"] = rate
    device = settings.device
    picture = as_input(torch.from_numpy(crops.pictures).to(device))
    xy = torch.from_numpy(crops.xy).to(device)
    weight = torch.from_numpy(crops.weight).to(device)
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=settings.bf16):
        answers = wrapped(picture)
    answers = [answer.float() for answer in (answers if isinstance(answers, list) else [answers])]
    loss = sum((_loss(answer, xy, weight, settings) for answer in answers), torch.zeros((), device=device))
    net.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.network.parameters(), 5.0)
    net.optimiser.step()
    net.step += 1
    _average(net, min(settings.ema, (1 + net.step) / (10 + net.step)))
    return _judge(to_crop(argmax(answers[-1].detach())[0], STRIDE).cpu().double().numpy(), crops, people)


def _loss(logits: Tensor, xy: Tensor, weight: Tensor, settings: TrainSettings) -> Tensor:
    """Both terms, on maps of one network's answer."""
    size = (logits.shape[-1], logits.shape[-2])
    cells = to_heat(xy, STRIDE)
    sigma = settings.sigma * size[1] * STRIDE / settings.crops.size[1]
    loss = heatmap_loss(logits, gaussian_targets(cells, size, sigma), weight)
    if settings.coordinates:
        there = weight * torch.isfinite(cells).all(-1)
        loss = loss + settings.coordinates * coordinate_loss(logits, cells, there, beta=settings.beta)
    return loss


def _judge(found: NDArray[np.float64], crops: Crops, people: PeopleImages) -> Tensor:
    """Correct and judged joints [2] of a batch."""
    truth = crops.xy.astype(np.float64)
    torso = torso_diagonals(truth, people.skeleton)
    right = correct_keypoints(keypoint_errors(found, truth), torso, 0.2)
    return torch.tensor([np.nansum(right), np.isfinite(right).sum()], dtype=torch.float64)


@torch.no_grad()
def _average(net: _State, decay: float) -> None:
    """Draw the averaged weights towards the current ones."""
    new = list(net.network.state_dict().values())
    kept = list(net.average.state_dict().values())
    floats = [i for i, value in enumerate(kept) if value.dtype.is_floating_point]
    torch._foreach_lerp_([kept[i] for i in floats], [new[i] for i in floats], 1 - decay)
    for i, value in enumerate(kept):
        if not value.dtype.is_floating_point:
            value.copy_(new[i])


def _select(
    net: _State, people: PeopleImages, record: EpochRecord, folder: RunFolder, *, settings: TrainSettings
) -> EpochRecord:
    """Judge the averaged weights on crops of the size they learn from; only those of full crops may be the best."""
    first = record.epoch <= settings.half_epochs
    described = describe(replace(settings, crops=half(settings.crops)) if first else settings, people, {})
    record = record.selected(selection_score(net.average, people, described), folder)
    return replace(record, best=record.best and not first)


def selection_score(network: nn.Module, people: PeopleImages, description: dict[str, Any]) -> float:
    """PCK@0.2 of people in their labelled boxes, 0..1."""
    device = str(next(network.parameters()).device)
    found = KeypointNetwork(network, description, device=device).on_people(people)
    torso = torso_diagonals(people.xy, people.skeleton)
    return float(np.nanmean(correct_keypoints(keypoint_errors(found.xy, people.xy), torso, 0.2)))


def _finish_epoch(net: _State, folder: RunFolder, record: EpochRecord, description: dict[str, Any]) -> None:
    """Write the epoch down: first the best weights, then the state to go on from, which makes the epoch count."""
    if record.best:
        best = {**description, "epoch": record.epoch, "select_pck": record.select}
        state = {name: value.detach().cpu() for name, value in net.average.state_dict().items()}
        save_checkpoint(folder.best, Checkpoint(KEYPOINTS.name, best, state), overwrite=True)
    _save_state(net, folder, description, 0, record)
    folder.add(record)


def _save_state(
    net: _State, folder: RunFolder, description: dict[str, Any], done: int, record: EpochRecord | None = None
) -> None:
    """What a resumed run needs; ``done`` steps of the epoch after the records."""
    state = {
        "network": net.network.state_dict(),
        "average": net.average.state_dict(),
        "optimiser": net.optimiser.state_dict(),
        "step": net.step,
        "shown": net.shown,
        "done": done,
    }
    records = [asdict(entry) for entry in (*folder.records, *([record] if record else []))]
    save_checkpoint(folder.last, Checkpoint(STATE, {**description, "records": records}, state), overwrite=True)
