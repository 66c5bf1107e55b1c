"""Checkpoints that say what they are: tensors beside a JSON description, loaded without running any code of theirs."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch

from lift3d.calib import InputError
from lift3d.calib.atomic_file import atomic_file

FORMAT = "lift3d.checkpoint"
FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds.

    Args:
        kind: what was saved, for example "lifter".
        description: what is needed to use it, as JSON can say it.
        state: nested dicts and lists of tensors and numbers.
    """

    kind: str
    description: dict[str, Any]
    state: dict[str, Any]


def save_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint, *, overwrite: bool = False) -> Path:
    """Write a checkpoint; it appears whole or not at all.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
    """
    path = Path(path)
    content = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "kind": checkpoint.kind,
        "description": json.dumps(checkpoint.description),
        "state": checkpoint.state,
    }
    with atomic_file(path, overwrite=overwrite) as temporary:
        torch.save(content, temporary)
    return path


def load_checkpoint(path: str | os.PathLike[str], kind: str, *, device: str = "cpu") -> Checkpoint:
    """Read a checkpoint of that kind.

    Raises:
        FileNotFoundError: there is none.
        InputError: it is damaged, another program's, of another kind, or from a newer lift3d.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; `lift3d train` makes checkpoints")
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, OSError, EOFError, BadZipFile, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({_first_line(error)}); it is damaged, train it again") from error
    except Exception as error:  # what unpickling refuses has a class of its own in the pickle module
        raise InputError(f"{path} is not a checkpoint of lift3d ({_first_line(error)}); give another") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is not a checkpoint of lift3d but of another program; give another")
    if content["version"] > FORMAT_VERSION:
        raise InputError(f"{path} is version {content['version']}, this lift3d reads {FORMAT_VERSION}: update lift3d")
    if content["kind"] != kind:
        raise InputError(f"{path} holds a {content['kind']}, wanted a {kind}")
    return Checkpoint(kind, json.loads(content["description"]), content["state"])


def _first_line(error: Exception) -> str:
    """What torch says, without its advice."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
