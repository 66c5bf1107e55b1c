"""RTMDet or YOLOX for people and RTMPose for their joints, through rtmlib, from local ONNX files.

Convention:
    rtmlib cuts its crops with OpenCV's affine map and comes back by its inverse, so its keypoints count from the
    centre of the first pixel, as lift3d's do. Its boxes come from a resized picture and are measured from the picture's
    edges: half a pixel is taken off them.

Source: Jiang et al., RTMPose, 2023; https://github.com/Tau-J/rtmlib (0.0.16).
"""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.calib import InputError

from ..detection import Boxes, Detection, Detector, Picture
from .boxes_first import Person, boxes_first, fingerprint
from .found_people import found_people
from .joint_counts import joint_set
from .model_file import model_file
from .onnx_session import open_session, picture_input

ADVICE = "rtmlib downloads them, and MMPose's projects/rtmpose lists them"
MODES = ("lightweight", "balanced", "performance")
SOLUTIONS = {None: "Body", "coco_17": "Body", "halpe_26": "BodyWithFeet", "coco_wholebody_23": "Wholebody"}
"""Which of rtmlib's own choices of models gives a joint set."""


class RtmlibPeople:
    """rtmlib's YOLOX or RTMDet as a person detector; it tells no scores, so they are 1.

    Args:
        path: the ONNX file; RTMDet if its name says so, else YOLOX.
        device: cpu, cuda or cuda:1.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it does not take pictures.
    """

    def __init__(self, path: Path, *, device: str = "cpu") -> None:
        import rtmlib

        kind = rtmlib.RTMDet if "rtmdet" in path.name.lower() else rtmlib.YOLOX
        width, height = picture_input(open_session(path, device=device), path, None).size
        with _quiet():
            self.model = kind(str(path), model_input_size=(height, width), backend="onnxruntime", device=device)

    def __call__(self, pictures: list[Picture]) -> list[Boxes]:
        """The boxes in each picture."""
        return [self._one(picture) for picture in pictures]

    def _one(self, picture: Picture) -> Boxes:
        """The boxes in one picture."""
        corners = np.asarray(self.model(picture), np.float64).reshape(-1, 4)
        wide = corners[:, 2:] - corners[:, :2]
        return Boxes(np.concatenate([corners[:, :2] - 0.5, wide], axis=1), np.ones(len(corners)))


class RtmlibKeypoints:
    """rtmlib's RTMPose as a keypoint detector.

    Args:
        path: the ONNX file.
        joints: name of the joint set; None: by the number of joints.
        device: cpu, cuda or cuda:1.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is no RTMPose, or has another joint set.
    """

    def __init__(self, path: Path, *, joints: str | None = None, device: str = "cpu") -> None:
        import rtmlib

        session = open_session(path, device=device)
        if len(session.get_outputs()) != 2:
            raise InputError(f"{path} gives {len(session.get_outputs())} outputs, RTMPose two; try detector onnx")
        width, height = picture_input(session, path, None).size
        with _quiet():
            self.model = rtmlib.RTMPose(
                str(path), model_input_size=(width, height), backend="onnxruntime", device=device
            )
        count = self._raw(np.zeros((height, width, 3), np.uint8), np.array([[0.0, 0.0, width, height]]))[0].shape[1]
        self.skeleton = joint_set(count, joints, of=str(path))

    def __call__(self, pictures: list[Picture], boxes: list[Boxes]) -> list[Detection]:
        """The joints of each box, in the order of the boxes."""
        return [self._one(picture, found) for picture, found in zip(pictures, boxes, strict=True)]

    def _one(self, picture: Picture, boxes: Boxes) -> Detection:
        """The joints in one picture. Without boxes rtmlib would take the whole picture for a person."""
        joints = len(self.skeleton)
        if not len(boxes):
            return Detection.none(joints)
        low = boxes.xywh[:, :2]
        xy, scores = self._raw(picture, np.concatenate([low, low + boxes.xywh[:, 2:]], axis=1))
        return found_people(xy[:, :joints], scores[:, :joints], boxes=boxes)

    def _raw(self, picture: Picture, corners: Any) -> tuple[Any, Any]:
        """Keypoints [P, J, 2] and scores [P, J]; score 0 where rtmlib says it found none."""
        xy, scores = self.model(picture, bboxes=list(corners))
        return np.asarray(xy, np.float64), np.asarray(scores, np.float64)


def open_rtmpose(
    weights: str | os.PathLike[str] | None = None,
    *,
    person: Person | str | os.PathLike[str] = "own",
    joints: str | None = None,
    mode: str = "balanced",
    device: str = "cpu",
    download: bool = False,
) -> Detector:
    """RTMPose with a person detector.

    Args:
        weights: RTMPose's ONNX file; None: the one that rtmlib keeps for the mode, with its person detector.
        person: what finds the boxes, where ``weights`` is given: a detector, "own", None, or an ONNX file of YOLOX or
            RTMDet.
        joints: name of the joint set: coco_17, halpe_26 or coco_wholebody_23; None: by the number of joints.
        mode: lightweight, balanced or performance, where no file is given.
        device: cpu, cuda or cuda:1.
        download: let rtmlib download the models of the mode that it does not have.

    Raises:
        FileNotFoundError: a model is not there.
        InputError: a model is not what it should be, or the mode is not known.
    """
    if weights is None:
        pose = stored_model("pose", joints, mode, download=download)
        person = stored_model("det", joints, mode, download=download) if person == "own" else person
    else:
        pose = model_file(weights, "RTMPose's ONNX file", ADVICE)
    keypoints = RtmlibKeypoints(pose, joints=joints, device=device)
    told = {**fingerprint(pose), "person": person if person in ("own", None) else "given"}
    finder: Person = "own"
    if not isinstance(person, str | os.PathLike):
        finder = person
    elif person != "own":
        path = model_file(person, "YOLOX's or RTMDet's ONNX file", ADVICE)
        told["person"] = path.name
        finder = RtmlibPeople(path, device=device)
    return boxes_first(keypoints, finder, name="rtmpose", told=told, device=device)


def stored_model(part: str, joints: str | None, mode: str, *, download: bool) -> Path:
    """Where rtmlib keeps a model of a mode.

    Args:
        part: "det", the person detector, or "pose".
        joints: name of the joint set, or None for COCO's 17.
        mode: lightweight, balanced or performance.
        download: let rtmlib fetch it where it is not there.

    Raises:
        FileNotFoundError: it is not there, and no download was asked for.
        InputError: the mode or the joint set is not known.
    """
    import rtmlib

    if mode not in MODES:
        raise InputError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    if joints not in SOLUTIONS:
        raise InputError(f"rtmlib has no model for {joints!r}; it has coco_17, halpe_26, coco_wholebody_23")
    address = getattr(rtmlib, SOLUTIONS[joints]).MODE[mode][part]
    path = _folder() / (address.rpartition("/")[2].split(".")[0] + ".onnx")
    if download and not path.is_file():
        from rtmlib.tools.file import download_checkpoint

        try:
            return Path(download_checkpoint(address))
        except OSError as error:
            raise InputError(
                f"{address} cannot be downloaded ({error}); fetch it elsewhere, unpack it to {path}"
            ) from error
    advice = f"ask for the download (--download), or unpack {address} to there, or give other --weights"
    what = {"det": "the person detector", "pose": "the pose model"}[part]
    return model_file(path, f"{what} of rtmlib's mode {mode}", advice)


def _folder() -> Path:
    """The folder that rtmlib downloads to."""
    cache = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "rtmlib"
    return Path(cache).expanduser() / "hub" / "checkpoints"


def _quiet() -> contextlib.AbstractContextManager[Any]:
    """Keep back what rtmlib prints when it loads a model."""
    return contextlib.redirect_stdout(io.StringIO())
