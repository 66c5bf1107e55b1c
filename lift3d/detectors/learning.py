"""One step of a keypoint network's training: losses, gradients, averaged weights."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lift3d.averaging import draw_towards
from lift3d.calib import InputError
from lift3d.datasets.skeleton import Skeleton
from lift3d.heatmaps import argmax, coordinate_loss, gaussian_targets, heatmap_loss, to_crop, to_heat
from lift3d.keypoint_metrics import correct_keypoints, keypoint_errors, torso_diagonals
from lift3d.processes import Processes

from .keypoint_network import as_input
from .networks import MULTIPLE, STRIDE, build_network
from .samples import Crops, CropSettings

HEIGHT = 256
"""Pixels of the crop for which sigma is told."""

LEAST_SIGMA = 1.0
"""Cells: a narrower peak would hardly reach the next cell."""


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
        sigma: of the targets, cells, where crops are 256 pixels high; in proportion to the height, at least one.
        coordinates: weight of the loss on soft-argmax coordinates; 0 leaves it out.
        beta: of that soft-argmax, see :func:`lift3d.heatmaps.soft_argmax`: at 2 it is nearly unbiased, at 1 not.
        behind: share of people seen from behind among those shown; 0: as they come, see
            :func:`lift3d.detectors.shown.epoch_rows`.
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
    behind: float = 0.0
    select: int = 500
    bf16: bool = False
    save_s: float = 300.0
    seed: int = 0
    device: str = "cpu"


@dataclass(eq=False)
class State:
    """All that a step changes.

    Args:
        network: that learns.
        average: whose weights follow; these are kept.
        optimiser: of the network.
        step: how many were done.
        shown: [2] of this epoch's joints, how many were right by PCK@0.2 and how many could be judged.
        began: the step from which on the average counts; what was learnt before, from crops of half the size, is
            soon forgotten.
    """

    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.AdamW
    step: int = 0
    shown: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    began: int = 0

    def to_save(self) -> dict[str, Any]:
        """What :meth:`take` needs."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "shown": self.shown,
        }

    def take(self, saved: dict[str, Any]) -> None:
        """Be as :meth:`to_save` said."""
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.shown = saved["step"], saved["shown"].cpu()


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
    if not 0 <= settings.behind < 1:
        raise InputError(f"the share of people seen from behind must be 0 to below 1, got {settings.behind:g}")
    if settings.device != "cpu" and not torch.cuda.is_available():
        raise InputError(f"device {settings.device} was asked for, but torch sees no GPU here; use --device cpu")


def new_state(settings: TrainSettings, joints: int, initial: str | os.PathLike[str] | None) -> State:
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
    network.to(settings.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    average.to(settings.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    plain = [value for value in network.parameters() if value.ndim < 2]
    heavy = [value for value in network.parameters() if value.ndim >= 2]
    groups = [{"params": heavy, "weight_decay": settings.decay}, {"params": plain, "weight_decay": 0.0}]
    return State(network, average, torch.optim.AdamW(groups, lr=settings.rate))


def half(crops: CropSettings) -> CropSettings:
    """The same crops at half the size."""
    return replace(crops, size=(crops.size[0] // 2, crops.size[1] // 2))


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Up in a straight line, down as a cosine."""
    warm = min(1.0, (step + 1) / max(1, min(settings.warm_up, steps // 5)))
    return settings.rate * warm * 0.5 * (1 + math.cos(math.pi * step / steps))


def learn(net: State, crops: Crops, rate: float, settings: TrainSettings, skeleton: Skeleton, world: Processes) -> None:
    """One step, from this process's part of a batch."""
    for group in net.optimiser.param_groups:
        group["lr"] = rate
    device = settings.device
    picture = as_input(torch.from_numpy(crops.pictures).to(device))
    xy = torch.from_numpy(crops.xy).to(device)
    weight = torch.from_numpy(crops.weight).to(device)
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=settings.bf16):
        answers = net.network(picture)
    answers = [answer.float() for answer in (answers if isinstance(answers, list) else [answers])]
    loss = sum((loss_of(answer, xy, weight, settings) for answer in answers), torch.zeros((), device=device))
    net.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    world.average_gradients(net.network.parameters())
    nn.utils.clip_grad_norm_(net.network.parameters(), 5.0)
    net.optimiser.step()
    net.step += 1
    draw_towards(net.average, net.network, min(settings.ema, (1 + net.step - net.began) / (10 + net.step - net.began)))
    found = to_crop(argmax(answers[-1].detach())[0], STRIDE)
    net.shown += _judge(found.cpu().double().numpy(), crops.xy.astype(np.float64), skeleton)


def loss_of(logits: Tensor, xy: Tensor, weight: Tensor, settings: TrainSettings) -> Tensor:
    """Both terms, on maps of one network's answer."""
    size = (logits.shape[-1], logits.shape[-2])
    cells = to_heat(xy, STRIDE)
    sigma = max(settings.sigma * size[1] * STRIDE / HEIGHT, LEAST_SIGMA)
    loss = heatmap_loss(logits, gaussian_targets(cells, size, sigma), weight)
    if settings.coordinates:
        there = weight * torch.isfinite(cells).all(-1)
        loss = loss + settings.coordinates * coordinate_loss(logits, cells, there, beta=settings.beta)
    return loss


def _judge(found: NDArray[np.float64], truth: NDArray[np.float64], skeleton: Skeleton) -> Tensor:
    """Correct and judged joints [2] of a batch."""
    torso = torso_diagonals(truth, skeleton)
    right = correct_keypoints(keypoint_errors(found, truth), torso, 0.2)
    return torch.tensor([np.nansum(right), np.isfinite(right).sum()], dtype=torch.float64)
