"""Weights to begin a training with, from a local file: ImageNet's for ResNet-18, or an earlier checkpoint's."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch
from torch import Tensor, nn

from lift3d.calib import InputError
from lift3d.checkpoint import load_checkpoint

from .networks import ResNetEncoder


def load_initial(network: nn.Module, path: str | os.PathLike[str], arch: str) -> None:
    """Take the weights of a file: of ImageNet's ResNet-18 for the encoder alone, or of a checkpoint for everything.

    Args:
        network: is changed.
        path: torchvision's state dict of ResNet-18 (``resnet18-*.pth``), or a checkpoint of ``lift3d train keypoints``.
        arch: of the network, for the message.

    Raises:
        FileNotFoundError: there is none.
        InputError: it is neither, or of another architecture.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; wanted ResNet-18's ImageNet weights or a checkpoint")
    encoder = getattr(network, "encoder", None)
    found = _state_dict(path)
    if found is None:
        checkpoint = load_checkpoint(path, "keypoints")
        if checkpoint.description["arch"] != arch:
            raise InputError(f"{path} is a network {checkpoint.description['arch']!r}, wanted {arch!r}; give --arch")
        _load(network, {name: value.float() for name, value in checkpoint.state.items()}, path)
    elif isinstance(encoder, ResNetEncoder):
        _load(encoder, from_torchvision(found), path)
    else:
        raise InputError(f"{path} holds ImageNet weights, which {arch} has no use for; wanted simple or unet")


def _state_dict(path: Path) -> dict[str, Tensor] | None:
    """A plain state dict with torchvision's names; None where the file is something else."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what unpickling refuses has a class of its own in the pickle module
        raise InputError(f"{path} cannot be read as weights ({str(error).splitlines()[0][:100]})") from error
    return content if isinstance(content, dict) and "layer1.0.conv1.weight" in content else None


def from_torchvision(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Torchvision's names of ResNet-18 as :class:`lift3d.detectors.networks.ResNetEncoder` has them; ``fc`` goes."""
    renamed = {}
    for name, value in state.items():
        if name.startswith("fc."):
            continue
        name = re.sub(r"^conv1\.", "stem.0.0.", name)
        name = re.sub(r"^bn1\.", "stem.0.1.", name)
        block = re.match(r"layer(\d)\.(\d)\.(conv|bn|downsample\.)(\d)\.(.+)", name)
        if block:
            layer, number, kind, which, rest = block.groups()
            head = f"stages.{int(layer) - 1}.{number}."
            if kind == "downsample.":
                name = f"{head}shortcut.{which}.{rest}"
            else:
                name = f"{head}body.{int(which) - 1}.{0 if kind == 'conv' else 1}.{rest}"
        renamed[name] = value
    return renamed


def _load(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """All weights, or one line that says which do not fit."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:160]
        raise InputError(f"{path} does not fit the network ({detail}); give weights of the same sizes") from error
