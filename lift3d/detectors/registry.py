"""Detectors by name: our own, whose weights come with lift3d, and those of others, imported when they are asked for."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lift3d.calib import InputError

from .detection import Detector, PersonDetector
from .pipeline import TopDown, TopDownSettings

WEIGHTS = Path(__file__).parent.parent / "weights"
OWN = {"light": "keypoints_light.pt", "accurate": "keypoints_accurate.pt"}
ARCHITECTURES = {"light": "light", "accurate": "unet"}
GPU_BATCH = 16


@dataclass(frozen=True)
class DetectorOptions:
    """What can be said about any detector; what does not concern one is passed over by it.

    Args:
        weights: the model, where it is not the one that comes with lift3d or with the backend.
        person_weights: of the person detector; None: the one that comes with lift3d.
        device: cpu, cuda or cuda:1.
        flip: look at the mirror image too, which our own networks do unless they are told not to (False).
        people: how many to look for; None: all.
        fps: of the videos, None for pictures.
        boxes_given: boxes will come from elsewhere, so no person detector is loaded.
        download: let a backend fetch a model that is not there; nothing is ever fetched otherwise.
    """

    weights: str | os.PathLike[str] | None = None
    person_weights: str | os.PathLike[str] | None = None
    device: str = "cpu"
    flip: bool | None = None
    people: int | None = None
    fps: float | None = None
    boxes_given: bool = False
    download: bool = False


def open_detector(name: str = "light", options: DetectorOptions | None = None) -> Detector:
    """A detector by its name, or by the path of a model: a checkpoint of ``lift3d train keypoints``, ONNX, or .task.

    Args:
        name: one of :data:`DETECTORS`, or a path.
        options: None: the defaults.

    Raises:
        FileNotFoundError: a model is not there.
        InputError: no detector has that name, or the model does not fit.
        ModuleNotFoundError: the backend's package is not installed.
    """
    options = options or DetectorOptions()
    if name in DETECTORS:
        return DETECTORS[name](name, options)
    path = Path(name).expanduser()
    if path.is_file() and options.weights is None:
        kind = {".onnx": "onnx", ".task": "mediapipe"}.get(path.suffix.lower(), "light")
        return DETECTORS[kind](kind if kind != "light" else path.stem, replace(options, weights=path))
    near = difflib.get_close_matches(name, DETECTORS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(DETECTORS)}, or the path of a model"
    raise InputError(f"there is no detector {name!r}; {hint}")


def _own(name: str, options: DetectorOptions) -> Detector:
    """A network of ours."""
    path = Path(options.weights) if options.weights is not None else _shipped(name)
    from .keypoint_network import KeypointNetwork

    flip = options.flip is not False
    keypoints = KeypointNetwork.load(path, device=options.device, flip=flip)
    told = {
        "weights": path.name,
        "weights_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "arch": keypoints.description.get("arch"),
        "flip": flip,
        "person": "given boxes" if options.boxes_given else str(options.person_weights or "light"),
    }
    return TopDown(_person(options), keypoints, name=name, told=told, settings=_settings(options))


def _shipped(name: str) -> Path:
    """The weights that come with lift3d."""
    path = WEIGHTS / OWN[name]
    if not path.is_file():
        others = [other for other, file in OWN.items() if (WEIGHTS / file).is_file()]
        instead = f"; or take --detector {others[0]}" if others else ""
        raise FileNotFoundError(
            f"the weights of {name} are not in this installation ({path}); train them with `lift3d train keypoints "
            f"--arch {ARCHITECTURES[name]} --data COCO.json --images DIR -o RUN` and give the checkpoint by "
            f"--weights{instead}"
        )
    return path


def _person(options: DetectorOptions) -> PersonDetector | None:
    """Our person detector, None where boxes will be given."""
    if options.boxes_given:
        return None
    from .person.detector import PersonNetwork

    return PersonNetwork.load(options.person_weights, device=options.device)


def _person_of_others(options: DetectorOptions) -> PersonDetector | Literal["own"] | None:
    """What finds boxes for a backend, which loads our own itself."""
    return "own" if options.person_weights is None and not options.boxes_given else _person(options)


def _settings(options: DetectorOptions) -> TopDownSettings:
    """Larger batches where there is a GPU to fill."""
    return TopDownSettings() if options.device == "cpu" else TopDownSettings(batch=GPU_BATCH)


def _onnx(name: str, options: DetectorOptions) -> Detector:
    """A pose network of others in an ONNX file."""
    if options.weights is None:
        raise InputError("detector onnx needs the model's file; give --weights FILE.onnx")
    from .backends.onnx_file import open_onnx

    return open_onnx(options.weights, person=_person_of_others(options), device=options.device)


def _rtmpose(name: str, options: DetectorOptions) -> Detector:
    """RTMPose by rtmlib; with boxes of rtmlib's own person detector where no file is given, or if that is ONNX."""
    from .backends.rtmlib_pose import open_rtmpose

    finder = options.person_weights
    whole = options.weights is None and finder is None and not options.boxes_given
    person = finder if str(finder or "").lower().endswith(".onnx") else "own" if whole else _person(options)
    return open_rtmpose(options.weights, person=person, device=options.device, download=options.download)


def _mediapipe(name: str, options: DetectorOptions) -> Detector:
    """MediaPipe Pose."""
    from .backends.mediapipe_pose import open_mediapipe

    return open_mediapipe(options.weights, people=options.people or 1, fps=options.fps or 30.0)


def _torchvision(name: str, options: DetectorOptions) -> Detector:
    """Keypoint R-CNN."""
    from .backends.torchvision_rcnn import open_torchvision

    return open_torchvision(options.weights, people=options.people, device=options.device, download=options.download)


DETECTORS: dict[str, Callable[[str, DetectorOptions], Any]] = {
    "light": _own,
    "accurate": _own,
    "rtmpose": _rtmpose,
    "onnx": _onnx,
    "mediapipe": _mediapipe,
    "torchvision": _torchvision,
}
"""Name to what opens it. A program that adds an entry has its detector at the command line's ``--detector``."""
