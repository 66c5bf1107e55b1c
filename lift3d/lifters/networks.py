"""The networks: a multilayer perceptron for single frames, and a dilated temporal convolution.

Convention:
    a network takes features [B, T, F] of its window and answers for one frame: xyz [B, J, 3] metres relative to the
    pelvis in the turned camera frame, and log_sigma [B, J, 2], the logarithm of the standard error in metres across
    the line of sight (x and y alike) and along it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lift3d.calib import InputError
from lift3d.processes import SharedBatchNorm, SharedDropout

OUTPUT_SCALE = 0.3  # metres: the usual distance of a joint from the pelvis
SIGMA_SCALE = 0.05  # metres: the usual error
LOG_SIGMA_RANGE = (-4.0, 4.0)


class Heads(nn.Module):
    """The answer from the last hidden layer; what sigma learns does not disturb the rest.

    The hidden layer is made to forget the detector's errors, so sigma looks at what was seen as well.
    """

    def __init__(self, width: int, joints: int, features: int) -> None:
        super().__init__()
        self.joints = joints
        self.xyz = nn.Linear(width, 3 * joints)
        self.sigma = nn.Linear(width + features, 2 * joints)

    def forward(self, hidden: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Xyz [..., J, 3] metres and log_sigma [..., J, 2] from hidden [..., width] and features [..., F]."""
        xyz = OUTPUT_SCALE * self.xyz(hidden).unflatten(-1, (self.joints, 3))
        raw = self.sigma(torch.cat([hidden.detach(), seen], -1)).unflatten(-1, (self.joints, 2))
        return xyz, raw.clamp(*LOG_SIGMA_RANGE) + math.log(SIGMA_SCALE)


def _layer(inputs: int, width: int, dropout: float) -> list[nn.Module]:
    """Linear, normalised, rectified."""
    return [nn.Linear(inputs, width, bias=False), SharedBatchNorm(width), nn.ReLU(), SharedDropout(dropout)]


class Mlp(nn.Module):
    """Two residual blocks of two linear layers.

    Source: Martinez et al., A simple yet effective baseline for 3d human pose estimation, 2017, section 3.2.
    """

    window = 1
    causal = False
    target = 0

    def __init__(self, features: int, joints: int, *, width: int = 1024, blocks: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = nn.Sequential(*_layer(features, width, dropout))
        self.blocks = nn.ModuleList(
            nn.Sequential(*_layer(width, width, dropout), *_layer(width, width, dropout)) for _ in range(blocks)
        )
        self.heads = Heads(width, joints, features)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The answer for [B, 1, F]."""
        hidden = self.first(features[:, -1])
        for block in self.blocks:
            hidden = hidden + block(hidden)
        answer: tuple[Tensor, Tensor] = self.heads(hidden, features[:, -1])
        return answer


class Tcn(nn.Module):
    """Convolutions of three frames, each level three times as far apart; 27 frames with two blocks.

    With ``frame``, a lifter of single frames has answered first, and this network says what the frames around add to
    that: its first level sees that answer for every third frame, and the result is a correction. That lifter stays as
    it was trained.

    Source: Pavllo et al., 3D human pose estimation in video with temporal convolutions, 2019, section 3.
    """

    def __init__(
        self, features: int, joints: int, *, width: int = 512, blocks: int = 2, dropout: float = 0.1,
        causal: bool = False, frame: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.frame = None if frame is None else Mlp(features, joints, **frame).requires_grad_(False).eval()
        self.window, self.causal = 3 ** (blocks + 1), causal
        self.middle = 2 if causal else 1  # which of three frames a level answers for
        self.target = self.window - 1 if causal else self.window // 2
        self.wide = nn.ModuleList(nn.Conv1d(width if i else features, width, 3, bias=False) for i in range(blocks + 1))
        self.narrow = nn.ModuleList(nn.Conv1d(width, width, 1, bias=False) for _ in range(blocks))
        self.norms = nn.ModuleList(SharedBatchNorm(width) for _ in range(2 * blocks + 1))
        self.dropout = SharedDropout(dropout)
        self.heads = Heads(width, joints, features)
        if self.frame is not None:
            self.lifted = nn.Linear(5 * joints, width, bias=False)
            nn.init.zeros_(self.heads.xyz.weight)
            nn.init.zeros_(self.heads.xyz.bias)

    def train(self, mode: bool = True) -> Tcn:
        """As of any module, but for the lifter of single frames."""
        super().train(mode)
        if self.frame is not None:
            self.frame.eval()
        return self

    def asked_frames(self, windows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Of each window [B, window] the frames [B, window / 3] that the lifter of single frames answers for."""
        return windows[:, self.middle :: 3]

    def forward(self, features: Tensor, before: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The answer for one frame of each window [B, window, F].

        Steps of three leave out what nobody reads; convolutions are written as one product each, which trains several
        times as fast. ``before`` is what :func:`frame_by_frame` says of the asked frames, where it is known already.
        """
        x = features
        if before is None and self.frame is not None:
            before = frame_by_frame(self.frame, features[:, self.middle :: 3])
        for level, conv in enumerate(self.wide):
            taps = [x[:, i::3] for i in range(3)]
            y = nn.functional.linear(torch.cat(taps, -1), conv.weight.transpose(1, 2).flatten(1))  # type: ignore[operator]
            if before is not None and not level:
                y = y + self.lifted(before[1])
            y = self._activate(y, 2 * level)
            if level:
                y = nn.functional.linear(y, self.narrow[level - 1].weight[..., 0])  # type: ignore[index]
                y = taps[self.middle] + self._activate(y, 2 * level - 1)
            x = y
        xyz, log_sigma = self.heads(x[:, 0], features[:, self.target])
        return (xyz if before is None else xyz + before[0][:, self.target // 3]), log_sigma

    def _activate(self, x: Tensor, norm: int) -> Tensor:
        """Normalised, rectified, some of it hidden: [B, T, width]."""
        flat = self.dropout(self.norms[norm](x.flatten(0, 1)).relu())
        return flat.view_as(x)


@torch.no_grad()
def frame_by_frame(lifter: Mlp, features: Tensor) -> tuple[Tensor, Tensor]:
    """Xyz [..., J, 3] for features [..., F], and [..., 5 J] all that was answered, of usual size."""
    xyz, log_sigma = (
        part.unflatten(0, features.shape[:-1]) for part in lifter(features.reshape(-1, 1, features.shape[-1]))
    )
    parts = (xyz / OUTPUT_SCALE, log_sigma - math.log(SIGMA_SCALE))
    return xyz, torch.cat([part.flatten(-2) for part in parts], -1)


ARCHITECTURES = ("mlp", "tcn", "tcn-causal")


def build_network(arch: str, features: int, joints: int, **sizes: Any) -> Mlp | Tcn:
    """The network of that name.

    Raises:
        InputError: there is none.
    """
    if arch == "mlp":
        return Mlp(features, joints, **sizes)
    if arch in ARCHITECTURES:
        return Tcn(features, joints, causal=arch == "tcn-causal", **sizes)
    raise InputError(f"there is no lifter architecture {arch!r}; there are {', '.join(ARCHITECTURES)}")
