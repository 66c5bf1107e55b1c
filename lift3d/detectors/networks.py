"""The heatmap networks, all trained from scratch.

Convention:
    a network takes crops [B, 3, H, W], RGB, normalised, H and W multiples of 32, and gives logits [B, J, H/4, W/4].

Sources:
    simple: Xiao, Wu, Wei, Simple Baselines, ECCV 2018, with the ResNet-18 of He et al., CVPR 2016;
    unet: Ronneberger, Fischer, Brox, MICCAI 2015, on the same encoder;
    hourglass: Newell, Yang, Deng, ECCV 2016;
    light: the inverted residuals of Sandler et al., MobileNetV2, CVPR 2018, where maps are small, plain residual
    blocks where they are large (a depth-wise layer there costs a CPU more than it saves), and the pyramid of Lin et
    al., CVPR 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lift3d.calib import InputError

STRIDE = 4
"""Pixels of the crop to a cell of the maps."""

MULTIPLE = 32
"""What a crop's width and height must be multiples of."""

CHANNELS = 16
"""What widths are multiples of: processors like it, and oneDNN (torch 2.13) writes outside of its memory with 8
channels in channels-last order, which ends in "double free or corruption"."""

PEAK_PRIOR = -4.0
"""The logit that an untrained network gives: most of a map is background."""


class DepthWise(nn.Conv2d):
    """A filter of its own for each channel, in float32 also where a processor computes the rest in bfloat16.

    oneDNN's way back through such a layer in bfloat16 is up to 20 times slower on a CPU than in float32 (torch 2.13):
    half of the time of a step of ``light``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to [B, C, H/s, W/s]."""
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


def _conv(inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, groups: int = 1, act: bool = True) -> Any:
    """Convolution and normalisation, and as a rule a rectifier."""
    kind = DepthWise if groups == inputs > 1 else nn.Conv2d
    layers = [
        kind(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if act else nn.Sequential(*layers)


class Residual(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(inputs, outputs, stride=stride), _conv(outputs, outputs, act=False))
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else _conv(inputs, outputs, 1, stride=stride, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to [B, C', H/s, W/s]."""
        return functional.relu(self.body(x) + self.shortcut(x))


class Inverted(nn.Module):
    """Widen, filter each channel by itself, narrow."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, *, widen: int = 3, kernel: int = 5) -> None:
        super().__init__()
        hidden = inputs * widen
        self.body = nn.Sequential(
            _conv(inputs, hidden, 1),
            _conv(hidden, hidden, kernel, stride=stride, groups=hidden),
            _conv(hidden, outputs, 1, act=False),
        )
        self.same = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to [B, C', H/s, W/s]."""
        return x + self.body(x) if self.same else self.body(x)


def _stages(widths: list[int], counts: list[int], kinds: list[type[nn.Module]]) -> nn.ModuleList:
    """Groups of blocks, each halving the map once."""
    stages = []
    for inputs, outputs, count, kind in zip(widths, widths[1:], counts, kinds, strict=False):
        blocks = [kind(inputs if i == 0 else outputs, outputs, 2 if i == 0 else 1) for i in range(count)]
        stages.append(nn.Sequential(*blocks))
    return nn.ModuleList(stages)


class ResNetEncoder(nn.Module):
    """ResNet-18: maps at strides 4, 8, 16 and 32.

    Its names differ from torchvision's; :func:`lift3d.detectors.initialise.load_imagenet` translates them.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.widths = [width, 2 * width, 4 * width, 8 * width]
        self.stem = nn.Sequential(_conv(3, width, 7, stride=2), nn.MaxPool2d(3, 2, 1))
        first = nn.Sequential(Residual(width, width), Residual(width, width))
        self.stages = nn.ModuleList([first, *_stages(self.widths, [2, 2, 2], [Residual] * 3)])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps from the finest to the coarsest."""
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def _head(inputs: int, joints: int) -> nn.Conv2d:
    """The last layer, which begins by seeing background everywhere."""
    head = nn.Conv2d(inputs, joints, 1)
    nn.init.normal_(head.weight, std=0.001)
    assert head.bias is not None
    nn.init.constant_(head.bias, PEAK_PRIOR)
    return head


class Simple(nn.Module):
    """Encoder and three deconvolutions."""

    def __init__(self, joints: int, *, width: int = 64, decoder: int = 256) -> None:
        super().__init__()
        self.encoder = ResNetEncoder(width)
        layers: list[nn.Module] = []
        for i in range(3):
            inputs = self.encoder.widths[-1] if i == 0 else decoder
            layers += [nn.ConvTranspose2d(inputs, decoder, 4, 2, 1, bias=False), nn.BatchNorm2d(decoder)]
            layers.append(nn.ReLU(inplace=True))
        self.decoder = nn.Sequential(*layers)
        self.head = _head(decoder, joints)

    def forward(self, x: Tensor) -> Tensor:
        """Crops to logits."""
        return self.head(self.decoder(self.encoder(x)[-1]))


class UNet(nn.Module):
    """Encoder and a decoder that takes the encoder's map of each size beside its own."""

    def __init__(self, joints: int, *, width: int = 64) -> None:
        super().__init__()
        self.encoder = ResNetEncoder(width)
        widths = self.encoder.widths
        self.up = nn.ModuleList(
            nn.Sequential(_conv(coarse + fine, fine), _conv(fine, fine))
            for coarse, fine in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = _head(width, joints)

    def forward(self, x: Tensor) -> Tensor:
        """Crops to logits."""
        *finer, x = self.encoder(x)
        for up, skip in zip(self.up, finer[::-1], strict=True):
            x = up(torch.cat([functional.interpolate(x, scale_factor=2.0), skip], 1))
        return self.head(x)


class _Hour(nn.Module):
    """One hourglass: down `depth` times and up again, with a branch at each size."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Residual(width, width) for _ in range(depth))
        self.down = nn.ModuleList(Residual(width, width) for _ in range(depth))
        self.bottom = Residual(width, width)
        self.up = nn.ModuleList(Residual(width, width) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to the same."""
        kept = []
        for branch, down in zip(self.branches, self.down, strict=True):
            kept.append(branch(x))
            x = down(functional.max_pool2d(x, 2))
        x = self.bottom(x)
        for up, skip in zip(self.up, kept[::-1], strict=True):
            x = functional.interpolate(up(x), scale_factor=2.0) + skip
        return x


class Hourglass(nn.Module):
    """Hourglasses on top of one another; all are taught while training, the last one answers."""

    def __init__(self, joints: int, *, width: int = 128, stacks: int = 2) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _conv(3, width // 2, 7, stride=2), Residual(width // 2, width), nn.MaxPool2d(2), Residual(width, width)
        )
        self.hours = nn.ModuleList(_Hour(width, 3) for _ in range(stacks))
        self.after = nn.ModuleList(_conv(width, width, 1) for _ in range(stacks))
        self.heads = nn.ModuleList(_head(width, joints) for _ in range(stacks))
        self.back = nn.ModuleList(nn.Conv2d(joints, width, 1) for _ in range(stacks - 1))
        self.merge = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(stacks - 1))

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Crops to logits; while training, those of every stack."""
        x, answers = self.stem(x), []
        for i, (hour, after, head) in enumerate(zip(self.hours, self.after, self.heads, strict=True)):
            feature = after(hour(x))
            answers.append(head(feature))
            if i < len(self.back):
                x = x + self.merge[i](feature) + self.back[i](answers[-1])
        return answers if self.training else answers[-1]


class Light(nn.Module):
    """For video on a CPU: under 3 million weights."""

    def __init__(self, joints: int, *, widths: tuple[int, ...] = (32, 48, 96, 160, 256), decoder: int = 96) -> None:
        super().__init__()
        self.stem = _conv(3, widths[0], stride=2)
        kinds: list[type[nn.Module]] = [Residual, Residual, Residual, Inverted]
        self.stages = _stages(list(widths), [1, 2, 3, 3], kinds)
        self.lateral = nn.ModuleList(_conv(width, decoder, 1, act=False) for width in widths[1:])
        self.smooth = nn.ModuleList(
            nn.Sequential(_conv(decoder, decoder, 5, groups=decoder), _conv(decoder, decoder, 1)) for _ in range(3)
        )
        self.head = _head(decoder, joints)

    def forward(self, x: Tensor) -> Tensor:
        """Crops to logits."""
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        x = self.lateral[-1](maps[-1])
        for smooth, lateral, fine in zip(self.smooth, self.lateral[-2::-1], maps[-2::-1], strict=True):
            x = smooth(functional.interpolate(x, scale_factor=2.0) + lateral(fine))
        return self.head(x)


ARCHITECTURES: dict[str, type[nn.Module]] = {"simple": Simple, "unet": UNet, "hourglass": Hourglass, "light": Light}


def build_network(arch: str, joints: int, **sizes: Any) -> nn.Module:
    """An untrained network.

    Args:
        arch: a name of :data:`ARCHITECTURES`.
        joints: J, how many maps it gives.
        sizes: the network's own, for example width.

    Raises:
        InputError: there is no such architecture, or it does not take such a size.
    """
    if arch not in ARCHITECTURES:
        raise InputError(f"architecture must be one of {', '.join(ARCHITECTURES)}, got {arch!r}")
    channels = [value for name, value in sizes.items() if name != "stacks" for value in np.ravel(value)]
    if any(value % CHANNELS or value < CHANNELS for value in channels):
        raise InputError(f"widths of {arch} must be multiples of {CHANNELS}, got {sizes}")
    try:
        return ARCHITECTURES[arch](joints, **sizes)
    except TypeError as error:
        raise InputError(f"architecture {arch} does not take {', '.join(sizes)}: {error}") from error
