"""The network that finds people: a map of their middles, and in each cell the box around it.

Sources:
    the map of middles: Zhou, Wang and Kraehenbuehl, Objects as Points, 2019;
    boxes by distances to their four sides, learnt with the overlap: Liu et al., Training-Time-Friendly Network, AAAI
    2020; the pyramid: Lin et al., Feature Pyramid Networks, CVPR 2017.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lift3d.calib import InputError
from lift3d.checkpoint import load_checkpoint
from lift3d.detectors.keypoint_network import as_input
from lift3d.detectors.networks import Light, Residual

STRIDE = 8
"""Pixels of the picture to a cell of the maps."""

MULTIPLE = 32
"""What a picture's width and height must be multiples of."""

PRIOR = -4.0
"""The logit that an untrained network gives: most of a map is background."""

REACH = 32.0
"""Pixels from a cell to the sides of a box where the network gives 0: the exponent's unit."""

MEAN, SPREAD = 114.0, 64.0
"""Of a picture's values 0..255."""


def _layer(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, normalisation, rectifier."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)
    )


class PersonMaps(nn.Module):
    """A pyramid on some encoder, and the maps of people in it.

    Args:
        stages: of the encoder, each of which halves the picture; the first two together make a 4th of it.
        widths: channels at an 8th, 16th and 32nd of the picture's size.
        head: channels on the way back.
    """

    def __init__(self, stages: Sequence[nn.Module], widths: tuple[int, ...], head: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.sides = nn.ModuleList(_layer(width, head, 1) for width in widths)
        self.merges = nn.ModuleList(_layer(head, head) for _ in widths[:-1])
        self.out = nn.Conv2d(head, 5, 1)
        nn.init.normal_(self.out.weight, std=0.01)
        assert self.out.bias is not None
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
        return self.answer(self.features(pictures))

    def features(self, pictures: Tensor) -> Tensor:
        """[B, head, H/8, W/8] from which the maps are read."""
        x = self.standard(pictures)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        x = self.sides[-1](levels[-1])
        for level in reversed(range(len(self.merges))):
            x = functional.interpolate(x, scale_factor=2.0) + self.sides[level](levels[level + 2])
            x = self.merges[level](x)
        return x

    def answer(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The maps, see :meth:`forward`."""
        out = self.out(features).float()  # [B, 5, H/8, W/8]
        return out[:, 0], REACH * torch.exp(out[:, 1:].clamp(-6, 4))

    def standard(self, pictures: Tensor) -> Tensor:
        """Pictures as the encoder takes them."""
        return (pictures - MEAN) / SPREAD


class CentreNetwork(PersonMaps):
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
        stages, inputs = [], 3
        for width, depth in zip(widths, depths, strict=True):
            stages.append(nn.Sequential(_layer(inputs, width, 3, 2), *[Residual(width, width) for _ in range(depth)]))
            inputs = width
        super().__init__(stages, widths[2:], head)


class LightPersonNetwork(PersonMaps):
    """The encoder of the light joints' network, which can start from its weights (:func:`take_encoder`).

    Args:
        widths: of the encoder, see :class:`lift3d.detectors.networks.Light`.
        head: channels on the way back.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 48, 96, 160, 256), head: int = 64) -> None:
        light = Light(1, widths=widths)
        super().__init__([light.stem, *light.stages], widths[2:], head)

    def standard(self, pictures: Tensor) -> Tensor:
        """Red first and by ImageNet's mean and spread, as the joints' networks take them."""
        return as_input(pictures.flip(1).permute(0, 2, 3, 1))


def take_encoder(network: PersonMaps, path: str | os.PathLike[str]) -> None:
    """Start from the encoder of a trained joints' network.

    Args:
        network: changed.
        path: checkpoint of ``lift3d train keypoints --arch light``.

    Raises:
        FileNotFoundError: there is none.
        InputError: it is no checkpoint of joints, or its encoder is another one.
    """
    state = load_checkpoint(path, "keypoints").state
    encoder = {}
    for name, value in state.items():
        part, _, rest = name.partition(".")
        if part == "stem":
            encoder[f"0.{rest}"] = value
        elif part == "stages":
            number, _, rest = rest.partition(".")
            encoder[f"{int(number) + 1}.{rest}"] = value
    try:
        network.stages.load_state_dict(encoder)
    except RuntimeError as error:
        raise InputError(
            f"the encoder of {path} is not that of this person detector; wanted a checkpoint of "
            "`lift3d train keypoints --arch light`, and arch light here"
        ) from error


ARCHITECTURES: dict[str, Callable[..., PersonMaps]] = {"centre": CentreNetwork, "light": LightPersonNetwork}


def build_person_network(arch: str, sizes: dict[str, Any]) -> PersonMaps:
    """A network by its name.

    Raises:
        InputError: there is none of that name.
    """
    if arch not in ARCHITECTURES:
        raise InputError(f"{arch} is no architecture of the person detector; wanted {' or '.join(ARCHITECTURES)}")
    return ARCHITECTURES[arch](**{name: tuple(v) if isinstance(v, list) else v for name, v in sizes.items()})
