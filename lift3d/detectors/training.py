"""Training a keypoint network: exact resume at any step, the best weights by people held out of training."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from lift3d.calib import InputError
from lift3d.datasets.people_images import PeopleImages, read_people_images
from lift3d.keypoint_metrics import correct_keypoints, keypoint_errors, torso_diagonals
from lift3d.processes import Processes, join_processes
from lift3d.run_folder import EpochRecord, RunFolder, RunKind

from .keypoint_network import KeypointNetwork, calibrate_confidence
from .learning import State, TrainSettings, check_settings, half, learn, learning_rate, new_state
from .samples import Crops, Pictures, make_crops
from .shown import epoch_rows, seen_from_behind

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
EpochReport = Callable[[EpochRecord], None]

KEYPOINTS = RunKind("keypoints", "PCK@0.2", "select_pck", higher=True, select="held-out people")
AHEAD = 3  # batches that are made before they are needed


@dataclass(eq=False)
class _Run:
    """What stays the same while a network is trained."""

    people: PeopleImages
    held_out: PeopleImages
    settings: TrainSettings
    folder: RunFolder
    description: dict[str, Any]
    world: Processes
    behind: NDArray[np.bool_]
    pictures: Pictures = field(default_factory=Pictures)
    saved: float = field(default_factory=time.monotonic)

    @property
    def steps(self) -> int:
        """Batches of an epoch, which shows as many as there are; the last, smaller one is left out."""
        return len(self.people) // self.settings.batch


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
    train, held_out = split_people(people, settings.select, settings.seed)
    if settings.crops.teacher == 0:
        train = train.without_teacher()
    if len(train) < settings.batch:
        raise InputError(f"{data} has {len(train)} people to train on, fewer than a batch of {settings.batch}")
    with join_processes(settings.device) as world:
        world.part(settings.batch)
        settings = replace(settings, device=world.device)
        description = describe(settings, train, _facts(data, people, initial))
        folder = RunFolder.open(run, description, KEYPOINTS)
        net = new_state(settings, len(train.skeleton), initial)
        job = _Run(train, held_out, settings, folder, description, world, seen_from_behind(train))
        _train(net, job, *((progress, on_epoch) if world.first else (None, None)))
    return folder.best


def split_people(people: PeopleImages, count: int, seed: int) -> tuple[PeopleImages, PeopleImages]:
    """Who trains, and who is held out: people whose shoulders and hips humans labelled, pictures never shared.

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
    return people.take(train), people.take(np.sort(chosen))


def _facts(
    data: str | os.PathLike[str], people: PeopleImages, initial: str | os.PathLike[str] | None
) -> dict[str, Any]:
    """What the checkpoint says of its data."""
    digest = hashlib.sha256(Path(data).read_bytes()).hexdigest()
    groups = {name: people.group.count(name) for name in sorted(set(people.group))}
    first = None if initial is None else hashlib.sha256(Path(initial).read_bytes()).hexdigest()
    return {"data_sha256": digest, "people": len(people), "groups": groups, "initial_sha256": first}


def _train(net: State, job: _Run, progress: Progress | None, on_epoch: EpochReport | None) -> None:
    """The epochs that are still to come."""
    start, done = _resume(net, job)
    job.world.wait()  # nobody writes before all have read
    for epoch in range(start, job.settings.epochs):
        record = _run_epoch(net, job, (epoch, done), progress)
        done = 0
        if job.world.first:
            record = _select(net, job, record)
            job.folder.finish_epoch(record, job.description, net.average, {**net.to_save(), "done": 0})
            job.saved = time.monotonic()
        if on_epoch is not None:
            on_epoch(record)
        job.world.wait()
    if job.world.first:
        calibrate_confidence(job.folder.best, job.held_out, device=job.settings.device)
    job.world.wait()


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


def _resume(net: State, job: _Run) -> tuple[int, int]:
    """Take up the state that an earlier call left: the epoch to go on with, and its steps that are done."""
    state = job.folder.saved_state(job.settings.device)
    if state is None:
        return 0, 0
    net.take(state)
    return len(job.folder.records), state["done"]


def _batches(job: _Run, epoch: int, first: int) -> Iterator[Crops]:
    """An epoch's batches from one on, made while others are learnt from; each has a random stream of its own."""
    settings, rank = job.settings, job.world.rank
    order = epoch_rows(job.behind, settings.behind, np.random.default_rng([settings.seed, 2, epoch]))
    crops = half(settings.crops) if epoch < settings.half_epochs else settings.crops

    def make(number: int) -> Crops:
        rows: NDArray[np.intp] = order[number * settings.batch : (number + 1) * settings.batch]
        rng = np.random.default_rng([settings.seed, 3, epoch, number, rank])
        return make_crops(job.people, rows[job.world.part(settings.batch)], rng, crops, job.pictures)

    with ThreadPoolExecutor(1) as maker:
        coming = [maker.submit(make, number) for number in range(first, min(first + AHEAD, job.steps))]
        for number in range(first, job.steps):
            batch = coming.pop(0).result()
            if number + AHEAD < job.steps:
                coming.append(maker.submit(make, number + AHEAD))
            yield batch


def _run_epoch(net: State, job: _Run, place: tuple[int, int], progress: Progress | None) -> EpochRecord:
    """Learn from what is left of an epoch's batches, after ``place``: the epoch, and its steps that are done."""
    (epoch, done), settings = place, job.settings
    began, rate = time.perf_counter(), 0.0
    net.began = job.steps * settings.half_epochs if epoch >= settings.half_epochs else 0
    for number, crops in enumerate(_batches(job, epoch, done), done + 1):
        rate = learning_rate(net.step, job.steps * settings.epochs, settings)
        learn(net, crops, rate, settings, job.people.skeleton, job.world)
        if progress is not None:
            progress(f"epoch {epoch + 1} of {settings.epochs}", number, job.steps)
        if job.world.first and number < job.steps and time.monotonic() - job.saved > settings.save_s:
            job.folder.save_state(job.description, {**net.to_save(), "done": number}, job.folder.records)
            job.saved = time.monotonic()
    seconds = time.perf_counter() - began
    correct, judged = net.shown.tolist()
    net.shown.zero_()
    return EpochRecord(
        epoch=epoch + 1,
        epochs=settings.epochs,
        train=correct / max(judged, 1.0),
        rate=rate,
        samples_per_s=(job.steps - done) * settings.batch / seconds,
        seconds=seconds,
    )


def _select(net: State, job: _Run, record: EpochRecord) -> EpochRecord:
    """Judge the averaged weights on crops of the size they learn from; only those of full crops may be the best."""
    settings = job.settings
    first = record.epoch <= settings.half_epochs
    described = describe(replace(settings, crops=half(settings.crops)), job.people, {}) if first else job.description
    record = record.selected(selection_score(net.average, job.held_out.without_teacher(), described), job.folder)
    return replace(record, best=record.best and not first)


def selection_score(network: nn.Module, people: PeopleImages, description: dict[str, Any]) -> float:
    """PCK@0.2 of people in their labelled boxes, 0..1."""
    device = str(next(network.parameters()).device)
    found = KeypointNetwork(network, description, device=device).on_people(people)
    torso = torso_diagonals(people.xy, people.skeleton)
    return float(np.nanmean(correct_keypoints(keypoint_errors(found.xy, people.xy), torso, 0.2)))
