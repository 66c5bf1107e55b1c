"""The network that finds people: a map of their middles, and in each cell the box around it.

Sources:
    the map of middles: Zhou, Wang and Kraehenbuehl, Objects as Points, 2019;
    boxes by distances to their four sides, learnt with the overlap: Liu et al., Training-Time-Friendly Network, AAAI
    2020; the pyramid: Lin et al., Feature Pyramid Networks, CVPR 2017.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lift3d.calib import InputError
from lift3d.detectors.networks import Residual

STRIDE = 8
"""Pixels of the picture to a cell of the maps."""

MULTIPLE = 32
"""What a picture's width and height must be multiples of."""

PRIOR = -4.0
"""The logit that an untrained network gives: most of a map is background."""

REACH = 32.0
"""Pixels from a cell to the sides of a box where the network gives 0: the exponent's unit."""

MEAN, SPREAD = 114.0, 64.0
"""Of a picture's values, which are taken as 0..255."""


def _layer(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, normalisation, rectifier."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)
    )


class CentreNetwork(nn.Module):
    """Plain and residual 3 x 3 convolutions down to a 32nd, and back up to an 8th.

    Args:
        widths: channels at a 2nd, 4th, 8th, 16th and 32nd of the picture's size.
        depths: residual blocks at each.
        head: channels on the way back.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (16, 32, 64, 96, 128),
        depths: tuple[int, ...] = (0, 1, 1, 2, 2),
        head: int = 64,
    ) -> None:
        super().__init__()
        stages, inputs = [], 3
        for width, depth in zip(widths, depths, strict=True):
            stages.append(nn.Sequential(_layer(inputs, width, 3, 2), *[Residual(width, width) for _ in range(depth)]))
            inputs = width
        self.stages = nn.ModuleList(stages)
        self.sides = nn.ModuleList(_layer(width, head, 1) for width in widths[2:])
        self.merges = nn.ModuleList(_layer(head, head) for _ in widths[2:-1])
        self.out = nn.Conv2d(head, 5, 1)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.out.bias[0] = PRIOR

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Find people.

        Args:
            pictures: [B, 3, H, W] BGR, 0..255.

        Returns:
            logits [B, H/8, W/8] of a person's middle; distances [B, 4, H/8, W/8] in pixels from the cell's middle to
            the left, top, right and bottom of the box.
        """
        x = (pictures - MEAN) / SPREAD
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        x = self.sides[-1](levels[-1])
        for level in reversed(range(len(self.merges))):
            x = functional.interpolate(x, scale_factor=2.0) + self.sides[level](levels[level + 2])
            x = self.merges[level](x)
        out = self.out(x)  # [B, 5, H/8, W/8]
        return out[:, 0], REACH * torch.exp(out[:, 1:].clamp(-6, 4))


ARCHITECTURES = {"centre": CentreNetwork}


def build_person_network(arch: str, sizes: dict[str, Any]) -> CentreNetwork:
    """A network by its name.

    Raises:
        InputError: there is none of that name.
    """
    if arch not in ARCHITECTURES:
        raise InputError(f"{arch} is no architecture of the person detector; wanted {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[arch](**{name: tuple(v) if isinstance(v, list) else v for name, v in sizes.items()})
