"""Any top-down pose network in an ONNX file, through onnxruntime: SimCC (RTMPose and kin) or heatmaps."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.calib import InputError

from ..crops import PADDING, apply, crop_transform, cut, invert
from ..detection import Boxes, Detection, Detector, Picture
from .boxes_first import Person, boxes_first, fingerprint
from .found_people import found_people
from .joint_counts import joint_set
from .onnx_session import open_session, picture_input, run_session
from .peaks import CELLS, Array, read_heatmaps, read_simcc

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class OnnxSettings:
    """What a model file does not say of itself. The defaults are RTMPose's.

    Args:
        joints: name of the joint set; None: by the number of joints.
        mean: of red, green, blue, 0..255.
        std: the same.
        bgr: the network takes blue, green, red; mean and std then too.
        size: (width, height) of the crop, where the model leaves it open.
        padding: the crop's size over the box's.
        split: bins a pixel, of a SimCC network; None: as its output is larger than its input.
        cells: what a heatmap's cell means, see :mod:`lift3d.detectors.backends.peaks`.
        logits: heatmaps are to go through a sigmoid.

    Raises:
        InputError: a value is not of its kind.
    """

    joints: str | None = None
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    bgr: bool = False
    size: tuple[int, int] | None = None
    padding: float = PADDING
    split: float | None = None
    cells: str = "stride"
    logits: bool = False

    def __post_init__(self) -> None:
        if self.cells not in CELLS:
            raise InputError(f"cells must be one of {', '.join(CELLS)}, got {self.cells!r}")
        for name, count in (("mean", 3), ("std", 3), ("size", 2)):
            value = getattr(self, name)
            numbers = isinstance(value, tuple) and all(isinstance(each, int | float) for each in value)
            if value is not None and not (numbers and len(value) == count):
                raise InputError(f"{name} must be {count} numbers, got {value!r}")
        for name in ("padding", "split"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and value > 0):
                raise InputError(f"{name} must be a number above 0, got {value!r}")


class OnnxKeypoints:
    """A keypoint detector in an ONNX file.

    Args:
        path: the file.
        settings: what it does not say of itself.
        device: cpu, cuda or cuda:1.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not a top-down pose network, or the settings do not fit it.
    """

    def __init__(
        self, path: str | os.PathLike[str], settings: OnnxSettings | None = None, *, device: str = "cpu"
    ) -> None:
        self.settings = settings or OnnxSettings()
        self.session = open_session(path, device=device)
        self.wants = picture_input(self.session, Path(path), self.settings.size)
        width, height = self.wants.size
        outputs = run_session(self.session, self.wants, np.zeros((1, height, width, 3)))
        self.simcc = _is_simcc(outputs, Path(path))
        self.split = _split(outputs, self.wants.size, self.settings.split, Path(path)) if self.simcc else 1.0
        self.skeleton = joint_set(outputs[0].shape[1], self.settings.joints, of=str(path))

    def __call__(self, pictures: list[Picture], boxes: list[Boxes]) -> list[Detection]:
        """The joints of each box, in the order of the boxes."""
        size, padding = self.wants.size, self.settings.padding
        pairs = zip(pictures, boxes, strict=True)
        cuts = [(picture, crop_transform(box, size, padding=padding)) for picture, found in pairs for box in found.xywh]
        if not cuts:
            return [Detection.none(len(self.skeleton)) for _ in pictures]
        xy, confidence = self._read(np.stack([cut(picture, transform, size) for picture, transform in cuts]))
        xy = np.stack([apply(invert(transform), seen) for (_, transform), seen in zip(cuts, xy, strict=True)])
        ends = np.cumsum([len(found) for found in boxes])[:-1]
        parts = zip(np.split(xy, ends), np.split(confidence, ends), boxes, strict=True)
        return [found_people(*joints, boxes=found) for *joints, found in parts]

    def _read(self, crops: Picture) -> tuple[Array, Array]:
        """Joints [N, J, 2] in the crops [N, H, W, 3] and their confidence [N, J]."""
        coloured = crops if self.settings.bgr else crops[..., ::-1]
        outputs = run_session(
            self.session, self.wants, (coloured - np.array(self.settings.mean)) / np.array(self.settings.std)
        )
        if self.simcc:
            xy, confidence = read_simcc(outputs[0], outputs[1], self.split)
        else:
            maps = 1 / (1 + np.exp(-outputs[0])) if self.settings.logits else outputs[0]
            xy, confidence = read_heatmaps(maps, self.wants.size, cells=self.settings.cells)
        joints = len(self.skeleton)
        return xy[:, :joints], confidence[:, :joints]


def _is_simcc(outputs: list[Array], path: Path) -> bool:
    """Two rows of bins, rather than heatmaps."""
    dimensions = [output.ndim for output in outputs]
    if dimensions == [3, 3] and outputs[0].shape[1] == outputs[1].shape[1]:
        return True
    if dimensions == [4]:
        return False
    found = ", ".join(str(list(output.shape)) for output in outputs)
    raise InputError(f"{path} gives {found}; wanted two [B, J, bins] (SimCC) or one [B, J, H, W] (heatmaps)")


def _split(outputs: list[Array], size: tuple[int, int], given: float | None, path: Path) -> float:
    """Bins a pixel, the same across and down."""
    across, down = (output.shape[2] / pixels for output, pixels in zip(outputs, size, strict=True))
    if not np.isclose(across, down) or (given is not None and not np.isclose(across, given)):
        wanted = "as many a pixel across as down" if given is None else f"{given} a pixel"
        raise InputError(
            f"{path} gives {outputs[0].shape[2]} and {outputs[1].shape[2]} bins for crops of {size[0]}x{size[1]}; "
            f"wanted {wanted}"
        )
    return float(across)


def settings_beside(path: str | os.PathLike[str]) -> OnnxSettings:
    """What the TOML file beside a model says, ``pose.toml`` beside ``pose.onnx``; the defaults where there is none.

    Raises:
        InputError: it is no TOML, or a key or a value is wrong.
    """
    path = Path(path).with_suffix(".toml")
    if not path.is_file():
        return OnnxSettings()
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML ({error}); mend it") from error
    known = [each.name for each in fields(OnnxSettings)]
    if wrong := [key for key in told if key not in known]:
        raise InputError(f"{path} says {wrong[0]!r}; known are {', '.join(known)}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    return OnnxSettings(**values)


def open_onnx(
    weights: str | os.PathLike[str],
    *,
    person: Person = "own",
    settings: OnnxSettings | None = None,
    device: str = "cpu",
) -> Detector:
    """A detector from an ONNX pose network and a person detector.

    Args:
        weights: the ONNX file.
        person: what finds the boxes.
        settings: what the file does not say of itself; None: as :func:`settings_beside` finds.
        device: cpu, cuda or cuda:1.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is not a top-down pose network, or the settings do not fit it.
    """
    settings = settings or settings_beside(weights)
    keypoints = OnnxKeypoints(weights, settings, device=device)
    told = {**fingerprint(Path(weights)), **asdict(settings)}
    return boxes_first(keypoints, person, name="onnx", told=told, device=device)
