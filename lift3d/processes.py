"""Several processes that train one network together, as ``torchrun`` starts them: each learns from a part of the batch.

Convention:
    all of them hold the same weights at every step. Gradients are averaged; batch normalisation looks at the whole
    batch and dropout is that of the whole batch, so that the result is that of one process, up to rounding. Process 0
    alone writes and speaks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lift3d.calib import InputError


@dataclass(frozen=True)
class Processes:
    """Who trains.

    Args:
        rank: which of them this one is.
        count: how many there are.
        device: what this one computes on.
    """

    rank: int = 0
    count: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    def part(self, size: int) -> slice:
        """Which part of a batch is this process's.

        Raises:
            InputError: the batch cannot be divided equally, or the parts are single samples.
        """
        each, rest = divmod(size, self.count)
        if rest or each < 2:
            raise InputError(f"a batch of {size} cannot be shared by {self.count} processes; give --batch a multiple")
        return slice(self.rank * each, (self.rank + 1) * each)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes."""
        if self.count == 1:
            return
        found = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in found])
        dist.all_reduce(flat)
        flat /= self.count
        parts: tuple[Tensor, ...] = torch.split(flat, [gradient.numel() for gradient in found])
        for gradient, part in zip(found, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def of_first(self, value: float) -> float:
        """The value that process 0 has."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)

    def mean(self, value: float) -> float:
        """The mean over the processes."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(shared)
        return float(shared) / self.count

    def wait(self) -> None:
        """Until all have come here."""
        if self.count > 1:
            dist.barrier()


@contextmanager
def join_processes(device: str) -> Iterator[Processes]:
    """Meet the other processes that ``torchrun`` started, if it did.

    Args:
        device: "cpu", or "cuda", of which each process on a machine then takes its own.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(device=device)
        return
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    dist.init_process_group("gloo" if device == "cpu" else "nccl")
    try:
        yield Processes(dist.get_rank(), count, device)
    finally:
        dist.destroy_process_group()


def _processes() -> int:
    """How many train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _SumOfAll(torch.autograd.Function):
    """The sum over the processes; each one's loss depends on every one's value, so gradients are summed as well."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        """Sum."""
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Sum of what every process asks for."""
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def _sum_of_all(value: Tensor) -> Tensor:
    """The sum over the processes, through which gradients flow back to all of them."""
    total: Tensor = _SumOfAll.apply(value)  # type: ignore[no-untyped-call]
    return total


class SharedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over the batches of all processes; of one process PyTorch's own."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [B, C] or [B, C, T]."""
        count = _processes()
        if not self.training or count == 1:
            return super().forward(x)
        axes = [0, *range(2, x.ndim)]
        n = count * x.numel() / x.shape[1]
        mean = _sum_of_all(x.sum(axes)) / n
        shape = [1, -1, *[1] * (x.ndim - 2)]
        centred = x - mean.view(shape)
        variance = _sum_of_all(centred.square().sum(axes)) / n
        self._remember(mean.detach(), variance.detach() * n / (n - 1))
        out = centred * torch.rsqrt(variance + self.eps).view(shape)
        return out * self.weight.view(shape) + self.bias.view(shape)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """What is used when training is over."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class SharedDropout(nn.Dropout):
    """Dropout that hides of each process's part what one process would; of one process PyTorch's own."""

    def forward(self, x: Tensor) -> Tensor:
        """Hide values of [B, ...]."""
        count = _processes()
        if not self.training or count == 1 or self.p == 0:
            return super().forward(x)
        whole = torch.empty((count * len(x), *x.shape[1:]), dtype=torch.bool, device=x.device)
        rank = dist.get_rank()
        kept = whole.bernoulli_(1 - self.p)[rank * len(x) : (rank + 1) * len(x)]
        return x * kept / (1 - self.p)
