"""Training the person detector on scenes made on the fly: exact resume, the best weights by people held out."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lift3d.averaging import draw_towards
from lift3d.calib import InputError
from lift3d.datasets.people_images import PeopleImages, read_people_images
from lift3d.detectors.detection import Array, Boxes
from lift3d.run_folder import EpochRecord, RunFolder, RunKind

from .cutouts import Cutouts, read_cutouts
from .detector import KIND
from .evaluation import BoxScore, score_boxes
from .network import MULTIPLE, PRIOR, PersonMaps, build_person_network, take_encoder
from .scenes import Scene, SceneSettings, make_scene
from .targets import JOINTS, boxes_from_maps, heat_loss, joint_targets, make_targets, person_loss

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
EpochReport = Callable[[EpochRecord], None]

PEOPLE = RunKind(KIND, "AP50", "select_ap50", higher=True, select="held-out people")
SELECT_STREAM = 1_000_003  # epochs are numbered from 0: this one never comes
BLOCK = 25  # people in a row of the file are at times from one photo: they stay together

LAST = 30  # batches of an epoch that give its training score

SIZES = ((320, 192), (192, 320), (256, 256), (256, 160), (160, 256), (192, 192), (256, 160), (160, 256))
"""(width, height) of the pictures; each batch has one of them."""


@dataclass(frozen=True)
class TrainSettings:
    """How the person detector is trained.

    Args:
        arch: a name of :data:`lift3d.detectors.person.network.ARCHITECTURES`.
        sizes: of the network, for example head; {} for its own.
        encoder: checkpoint of a joints' network whose encoder the network starts from; "" for none.
        scenes: what is shown.
        pictures: (width, height) of the scenes, multiples of 32.
        epochs: of ``scenes_per_epoch``.
        half_epochs: of these the first ones, in which pictures have half their size: four times as fast.
        scenes_per_epoch: pictures, each made anew.
        batch: pictures a step.
        rate: AdamW's highest learning rate; it rises during the first steps and falls to zero as a cosine.
        decay: AdamW's weight decay.
        ema: the decay of the averaged weights, which are what is kept.
        joints: weight of the loss on maps of joints, which are asked for while training only; 0 leaves it out.
        bf16: mixed precision; the weights stay float32.
        select: part of the people who are held out; their scenes choose the best weights.
        select_scenes: how many scenes of them.
        seed: of everything that is random.
        device: "cpu", "cuda", "cuda:1", …
    """

    arch: str = "centre"
    sizes: dict[str, Any] = field(default_factory=dict)
    encoder: str = ""
    scenes: SceneSettings = field(default_factory=SceneSettings)
    pictures: tuple[tuple[int, int], ...] = SIZES
    epochs: int = 32
    half_epochs: int = 8
    scenes_per_epoch: int = 2400
    batch: int = 8
    rate: float = 2e-3
    decay: float = 1e-2
    ema: float = 0.998
    joints: float = 0.5
    bf16: bool = False
    select: float = 0.05
    select_scenes: int = 200
    seed: int = 0
    device: str = "cpu"

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return max(1, round(self.scenes_per_epoch / self.batch))


@dataclass(eq=False)
class _State:
    """All that a step changes."""

    network: PersonMaps
    average: PersonMaps
    joints: torch.nn.Conv2d
    optimiser: torch.optim.AdamW
    step: int = 0


@dataclass(frozen=True, eq=False)
class Batch:
    """Scenes of one size.

    Args:
        pictures: [B, H, W, 3] BGR.
        boxes: B times [P, 4] of people.
        ignored: B times [Q, 4] of whom too little is seen.
        joints: B times [P, 17, 2] of the people.
    """

    pictures: NDArray[np.uint8]
    boxes: list[Array]
    ignored: list[Array]
    joints: list[Array]


def train_people(
    data: str | os.PathLike[str],
    images: str | os.PathLike[str],
    run: str | os.PathLike[str],
    *,
    settings: TrainSettings,
    progress: Progress | None = None,
    on_epoch: EpochReport | None = None,
) -> Path:
    """Train until the epochs are over; a run that was stopped goes on where its last whole epoch ended.

    Args:
        data: COCO keypoint file.
        images: the folder of its pictures.
        run: the folder of the run, made where it is absent: ``last.pt``, ``person.pt`` (the best), ``log.csv``,
            ``curve.svg``.
        settings: how.
        progress: called as progress(stage, done, total).
        on_epoch: called after each epoch.

    Returns:
        The checkpoint of the best weights.

    Raises:
        FileNotFoundError: the file or the folder does not exist.
        InputError: bad data or settings, or the folder holds a run with other settings.
    """
    _check(settings)
    people = read_people_images(data, images)
    chosen = held_out(len(people), settings.select)
    description = _describe(settings, people, int(chosen.sum()), Path(data))
    folder = RunFolder.open(run, description, PEOPLE)
    train, select = (read_cutouts(people.take(np.flatnonzero(rows)), progress=progress) for rows in (~chosen, chosen))
    net = _new_state(settings)
    start = _resume(net, folder, settings.device)
    scenes = _selection_scenes(select, settings)
    with torch.random.fork_rng(devices=[]), _one_thread_in_cv2():
        for epoch in range(start, settings.epochs):
            record = _run_epoch(net, train, epoch, settings=settings, progress=progress)
            score = score_scenes(net.average, scenes, settings.device)
            _finish_epoch(net, folder, record.selected(score.average_precision, folder), description)
            if on_epoch is not None:
                on_epoch(folder.records[-1])
    return folder.best


@contextlib.contextmanager
def _one_thread_in_cv2() -> Iterator[None]:
    """Without OpenCV's own threads: pictures are so small that those would only wait for each other."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def held_out(count: int, part: float) -> NDArray[np.bool_]:
    """[count] which people choose the weights: blocks of neighbours in the file, evenly spread."""
    blocks = np.arange(count) // BLOCK
    every = max(2, round(1 / part))
    chosen = blocks % every == every // 2
    if not chosen.any():  # few people: the last ones
        chosen[-max(1, round(part * count)) :] = True
    return chosen


def _check(settings: TrainSettings) -> None:
    """Refuse what cannot be trained."""
    if settings.epochs < 1 or settings.batch < 2 or settings.scenes_per_epoch < 1 or not settings.rate > 0:
        raise InputError(
            "epochs and scenes per epoch must be 1 or more, batch 2 or more, rate above zero; got "
            f"{settings.epochs}, {settings.scenes_per_epoch}, {settings.batch}, {settings.rate:g}"
        )
    if any(side % MULTIPLE for size in settings.pictures for side in size):
        raise InputError(f"the pictures' sides must be multiples of {MULTIPLE}; got {settings.pictures}")
    if settings.device != "cpu" and not torch.cuda.is_available():
        raise InputError(f"device {settings.device} was asked for, but torch sees no GPU here; use --device cpu")


def _describe(settings: TrainSettings, people: PeopleImages, select: int, data: Path) -> dict[str, Any]:
    """What the checkpoint says of itself."""
    sources = {name or "unnamed": people.group.count(name) for name in sorted(set(people.group))}
    return {
        "arch": settings.arch,
        "sizes": settings.sizes,
        "input": "BGR 0..255, longer side 320, sides multiples of 32",
        "training": {**asdict(settings), "encoder": Path(settings.encoder).name},
        "encoder_sha256": _sha256(Path(settings.encoder)) if settings.encoder else None,
        "people": {"all": len(people), "held_out": select, "sources": sources},
        "protocol": "AP at IoU 0.5 on scenes of people held out of training",
        "data_sha256": _sha256(data),
    }


def _sha256(path: Path) -> str:
    """Of a file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; wanted a checkpoint of `lift3d train keypoints --arch light`")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _new_state(settings: TrainSettings) -> _State:
    """Networks with the seed's weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network, average = (build_person_network(settings.arch, settings.sizes) for _ in range(2))
        joints = torch.nn.Conv2d(network.out.in_channels, JOINTS, 1)
        torch.nn.init.normal_(joints.weight, std=0.01)
        torch.nn.init.constant_(joints.bias, PRIOR)  # type: ignore[arg-type]
    if settings.encoder:
        take_encoder(network, settings.encoder)
    average.load_state_dict(network.state_dict())
    network.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average.to(settings.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    joints.to(settings.device)
    learnt = [*network.parameters(), *joints.parameters()]
    optimiser = torch.optim.AdamW(learnt, lr=settings.rate, weight_decay=settings.decay)
    return _State(network, average, joints, optimiser)


def _resume(net: _State, folder: RunFolder, device: str) -> int:
    """Take up the state that an earlier call left; the epoch to go on with."""
    state = folder.saved_state(device)
    if state is None:
        return 0
    net.network.load_state_dict(state["network"])
    net.average.load_state_dict(state["average"])
    net.joints.load_state_dict(state["joints"])
    net.optimiser.load_state_dict(state["optimiser"])
    net.step = state["step"]
    return len(folder.records)


def _batches(cutouts: Cutouts, epoch: int, settings: TrainSettings) -> Iterator[Batch]:
    """An epoch's batches, the next one made while one is learnt from; each has a random stream of its own."""

    def make(number: int) -> Batch:
        rng = np.random.default_rng([settings.seed, epoch, number])
        size, kind = settings.pictures[int(rng.integers(len(settings.pictures)))], settings.scenes
        if epoch < settings.half_epochs:
            size, kind = halved(size, kind)
        scenes = [make_scene(cutouts, size, rng, kind) for _ in range(settings.batch)]
        boxes, ignored = [scene.boxes for scene in scenes], [scene.ignored for scene in scenes]
        joints = [scene.joints for scene in scenes]
        return Batch(np.stack([scene.picture for scene in scenes]), boxes, ignored, joints)

    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(make, 0)
        for number in range(1, settings.steps + 1):
            batch = coming.result()
            coming = maker.submit(make, number) if number < settings.steps else coming
            yield batch


def halved(size: tuple[int, int], kind: SceneSettings) -> tuple[tuple[int, int], SceneSettings]:
    """Half as large pictures, with nobody smaller in pixels than before."""
    half = tuple(MULTIPLE * math.ceil(side / 2 / MULTIPLE) for side in size)
    return (half[0], half[1]), replace(kind, heights=(min(2 * kind.heights[0], kind.heights[1]), kind.heights[1]))


def _run_epoch(
    net: _State, cutouts: Cutouts, epoch: int, *, settings: TrainSettings, progress: Progress | None
) -> EpochRecord:
    """Learn from one epoch's batches; the last of them, as they were shown, give its score."""
    net.network.train()
    began, total = time.perf_counter(), 0.0
    found: list[Boxes] = []
    shown: list[Batch] = []
    for number, batch in enumerate(_batches(cutouts, epoch, settings)):
        rate = _rate(net.step, settings)
        loss, output = _learn(net, batch, rate, settings)
        total += loss
        if number >= settings.steps - LAST:
            found += boxes_from_maps(output, least=0.05)
            shown.append(batch)
        if progress is not None:
            progress(f"epoch {epoch + 1} of {settings.epochs}", number + 1, settings.steps)
    seconds = time.perf_counter() - began
    logger.info("epoch %d: mean loss %.3f", epoch + 1, total / settings.steps)
    wanted, ignored = ([boxes for batch in shown for boxes in getattr(batch, side)] for side in ("boxes", "ignored"))
    return EpochRecord(
        epoch=epoch + 1,
        epochs=settings.epochs,
        train=score_boxes(found, wanted, ignored).average_precision,
        rate=rate,
        samples_per_s=settings.steps * settings.batch / seconds,
        seconds=seconds,
    )


def _rate(step: int, settings: TrainSettings) -> float:
    """The learning rate of a step: up over the first 100, then down as a cosine."""
    warm = min(1.0, (step + 1) / 100)
    return settings.rate * warm * 0.5 * (1 + math.cos(math.pi * step / (settings.steps * settings.epochs)))


def _learn(net: _State, batch: Batch, rate: float, settings: TrainSettings) -> tuple[float, tuple[Tensor, Tensor]]:
    """One step; the batch's loss and what the network said."""
    size = (batch.pictures.shape[2], batch.pictures.shape[1])
    targets = (torch.from_numpy(part) for part in make_targets(batch.boxes, batch.ignored, size))
    heat, sides, weight = (part.to(settings.device) for part in targets)
    for group in net.optimiser.param_groups:
        group["lr"] = rate
    with torch.autocast(torch.device(settings.device).type, dtype=torch.bfloat16, enabled=settings.bf16):
        features = net.network.features(as_input(batch.pictures, settings.device))
    features = features.float()
    output = net.network.answer(features)
    middles, boxes = person_loss(output, heat, sides, weight)
    loss = middles + boxes
    if settings.joints:
        bells = torch.from_numpy(joint_targets(batch.joints, batch.boxes, batch.ignored, size)).to(settings.device)
        loss = loss + settings.joints * heat_loss(net.joints(features), bells)
    net.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(net.network.parameters(), 10.0)
    net.optimiser.step()
    net.step += 1
    draw_towards(net.average, net.network, min(settings.ema, (1 + net.step) / (10 + net.step)))
    return float(loss.detach()), (output[0].detach(), output[1].detach())


def as_input(pictures: NDArray[np.uint8], device: str) -> Tensor:
    """[B, H, W, 3] as the network takes it, [B, 3, H, W] with channels last in memory."""
    return torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float()


def _selection_scenes(cutouts: Cutouts, settings: TrainSettings) -> list[Scene]:
    """Scenes of the people held out; the same in every epoch and run."""
    rng = np.random.default_rng([0, SELECT_STREAM])
    sizes = [settings.pictures[n % len(settings.pictures)] for n in range(settings.select_scenes)]
    return [make_scene(cutouts, size, rng, settings.scenes) for size in sorted(sizes)]


@torch.inference_mode()
def score_scenes(network: PersonMaps, scenes: Sequence[Scene], device: str = "cpu") -> BoxScore:
    """How well a network, in evaluation mode, finds the people of scenes; neighbours of one size go together."""
    found: list[Boxes] = []
    start = 0
    while start < len(scenes):
        end = start + 1
        while end < min(start + 16, len(scenes)) and scenes[end].picture.shape == scenes[start].picture.shape:
            end += 1
        pictures = np.stack([scene.picture for scene in scenes[start:end]])
        found += boxes_from_maps(network(as_input(pictures, device)), least=0.05)
        start = end
    return score_boxes(found, [scene.boxes for scene in scenes], [scene.ignored for scene in scenes])


def _finish_epoch(net: _State, folder: RunFolder, record: EpochRecord, description: dict[str, Any]) -> None:
    """Write the epoch down."""
    state = {
        "network": net.network.state_dict(),
        "average": net.average.state_dict(),
        "joints": net.joints.state_dict(),
        "optimiser": net.optimiser.state_dict(),
        "step": net.step,
    }
    folder.finish_epoch(record, description, net.average, state)
