"""Weights averaged over a training, which are better and steadier than the last ones."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def draw_towards(average: nn.Module, network: nn.Module, decay: float) -> None:
    """One step of an exponential moving average; what is counted, not weighed, is copied.

    Args:
        average: is changed.
        network: of the same architecture.
        decay: what is kept of the average, 0..1.
    """
    kept, new = list(average.state_dict().values()), list(network.state_dict().values())
    floats = [i for i, value in enumerate(kept) if value.dtype.is_floating_point]
    torch._foreach_lerp_([kept[i] for i in floats], [new[i] for i in floats], 1 - decay)
    for old, value in zip(kept, new, strict=True):
        if not old.dtype.is_floating_point:
            old.copy_(value)
