"""Opening an ONNX file with onnxruntime, and what its inputs and outputs look like."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.calib import InputError

from .model_file import model_file
from .peaks import Array

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def open_session(path: str | os.PathLike[str], *, device: str = "cpu") -> Any:
    """An onnxruntime session.

    Args:
        path: the ONNX file.
        device: cpu, cuda or cuda:1.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: onnxruntime cannot read it, or lacks the device.
    """
    import onnxruntime

    advice = "export one, or take RTMPose's of https://github.com/open-mmlab/mmpose (projects/rtmpose)"
    path = model_file(path, "a top-down pose model in ONNX", advice)
    kind, _, number = device.partition(":")
    wanted: list[Any] = ["CPUExecutionProvider"]
    if kind == "cuda":
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise InputError("this onnxruntime cannot use CUDA; install onnxruntime-gpu in its place, or use the CPU")
        wanted.insert(0, ("CUDAExecutionProvider", {"device_id": int(number or 0)}))
    elif kind != "cpu":
        raise InputError(f"device {device!r} is not known to the ONNX backend; it runs on cpu or cuda")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: its warnings speak of the export, which the user cannot change
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:  # onnxruntime's own errors have no common class
        raise InputError(f"{path} cannot be loaded by onnxruntime ({_first_line(error)}); export it again") from error


@dataclass(frozen=True)
class PictureInput:
    """How a network wants its pictures.

    Args:
        size: (width, height).
        batch: how many at once; None: any number.
        channels_first: [B, 3, H, W] rather than [B, H, W, 3].
        dtype: of the numbers.
    """

    size: tuple[int, int]
    batch: int | None
    channels_first: bool
    dtype: Any


def picture_input(session: Any, path: Path, size: tuple[int, int] | None) -> PictureInput:
    """Read the input's layout from the model.

    Args:
        session: of :func:`open_session`.
        path: the file, for messages.
        size: (width, height) where the model leaves it open, else None.

    Raises:
        InputError: it does not take pictures, or leaves its size open and none is given.
    """
    inputs = session.get_inputs()
    shape = list(inputs[0].shape)
    if len(inputs) != 1 or len(shape) != 4 or 3 not in (shape[1], shape[3]) or inputs[0].type not in TYPES:
        found = ", ".join(f"{each.type} {list(each.shape)}" for each in inputs)
        raise InputError(f"{path} takes {found}; wanted one float input, [B, 3, H, W] or [B, H, W, 3]")
    first = shape[1] == 3
    height, width = shape[2:] if first else shape[1:3]
    if isinstance(height, int) and isinstance(width, int):
        if size not in (None, (width, height)):
            raise InputError(f"{path} takes pictures of {width}x{height}, not {size[0]}x{size[1]}")
        size = (width, height)
    if size is None:
        raise InputError(f"{path} leaves its picture size open; give it as (width, height), for example (192, 256)")
    return PictureInput(size, shape[0] if isinstance(shape[0], int) else None, first, TYPES[inputs[0].type])


def run_session(session: Any, wants: PictureInput, crops: Array, *, most: int = 16) -> list[Array]:
    """All outputs for [N, H, W, 3] normalised crops, in batches that the network takes.

    Raises:
        InputError: the network fails, as one does whose picture size is not the one it was made for.
    """
    batch = wants.batch or most
    parts = []
    pictures = crops.transpose(0, 3, 1, 2) if wants.channels_first else crops
    for start in range(0, len(pictures), batch):
        block = np.ascontiguousarray(pictures[start : start + batch], wants.dtype)
        real = len(block)
        if wants.batch and real < wants.batch:
            block = np.concatenate([block, np.repeat(block[-1:], wants.batch - real, axis=0)])
        try:
            outputs = session.run(None, {session.get_inputs()[0].name: block})
        except Exception as error:  # onnxruntime's own errors have no common class
            raise InputError(f"the ONNX network failed on {block.shape[1:]} pictures ({_first_line(error)})") from error
        parts.append([np.asarray(output, np.float64)[:real] for output in outputs])
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def _first_line(error: Exception) -> str:
    """What a message begins with."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
