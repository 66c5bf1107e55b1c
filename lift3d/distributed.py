"""Several processes that train one network, as `torchrun` starts them; without it, the one process there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class World:
    """Where this process stands.

    Args:
        rank: of this process; 0 writes the files.
        size: how many there are.
        device: what this process computes on.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network whose gradients are the mean over the processes."""
        if self.size == 1:
            return network
        ids = [torch.device(self.device).index or 0] if self.device.startswith("cuda") else None
        return nn.parallel.DistributedDataParallel(network, device_ids=ids)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def open_world(device: str) -> Iterator[World]:
    """Join the other processes, if torchrun started several.

    Args:
        device: "cpu" or "cuda"; with several processes each takes the GPU of its local rank.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(device=device)
        return
    if device.startswith("cuda"):
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield World(distributed.get_rank(), size, device)
    finally:
        distributed.destroy_process_group()
