"""Errors of 2D keypoints by the names and protocols of the literature: PCK, PCKh, OKS and its AP, reliability.

Convention:
    predicted and true keypoints are [N, J, 2] pixels of the same picture. A joint that is NaN in the truth is not
    labelled and counts nowhere; one that is labelled and NaN in the prediction is missed: its error is infinite.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets.skeleton import SKELETONS, Skeleton

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

PCK_ALPHA = 0.2  # torso diagonals
PCKH_ALPHA = 0.5  # head segments
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
HEAD = ("head", *FACE)

_COCO_SIGMAS = (0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087,
                0.087, 0.089, 0.089)  # fmt: skip
OKS_SIGMAS = dict(zip(SKELETONS["coco_17"].joints, _COCO_SIGMAS, strict=True))
"""How far annotators of COCO are apart, relative to the square root of the person's area (cocodataset.org)."""


def keypoint_errors(predicted: Array, true: Array) -> Array:
    """Distances [N, J] in pixels: NaN where the joint is not labelled, infinite where it was not found."""
    _check(predicted, true)
    distance = np.linalg.norm(np.asarray(predicted, np.float64) - true, axis=-1)
    labelled = np.isfinite(true).all(-1)
    return np.where(labelled, np.where(np.isfinite(distance), distance, np.inf), np.nan)


def torso_diagonals(true: Array, skeleton: Skeleton) -> Array:
    """The size [N] in pixels by which PCK is normalised: from a shoulder to the opposite hip.

    The mean of the two diagonals; where an end of one is not labelled, the other alone; NaN where both lack one, or
    the joint set has no shoulders or hips: such people cannot be judged by PCK.
    """
    ends = skeleton.pairs((("left_shoulder", "right_hip"), ("right_shoulder", "left_hip")))
    if not ends:
        return np.full(len(true), np.nan)
    lengths = np.stack([np.linalg.norm(true[:, a] - true[:, b], axis=-1) for a, b in ends], -1)
    return _mean(np.where(lengths > 0, lengths, np.nan))


def head_segments(true: Array, skeleton: Skeleton) -> Array:
    """The size [N] in pixels by which PCKh is normalised: from the top of the head to the neck.

    MPII's own figure takes 0.6 times the diagonal of a head rectangle, which keypoint files do not hold. NaN for joint
    sets without the two, COCO's among them: nothing on a face stands for the segment.
    """
    top, neck = skeleton.index("head"), skeleton.index("neck")
    if top < 0 or neck < 0:
        return np.full(len(true), np.nan)
    length = np.linalg.norm(true[:, top] - true[:, neck], axis=-1)
    return np.where(length > 0, length, np.nan)


def correct_keypoints(errors: Array, size: Array, alpha: float) -> Array:
    """Whether each keypoint is within ``alpha`` times the person's size: 1, 0, NaN where that cannot be said.

    Args:
        errors: [N, J] of :func:`keypoint_errors`.
        size: [N] of :func:`torso_diagonals` or :func:`head_segments`.
        alpha: 0.2 for PCK@0.2.

    Returns:
        [N, J]; the mean of what is finite is PCK, down the columns it is each joint's.

    Source: Yang and Ramanan, Articulated human detection with flexible mixtures of parts, PAMI 2013 (PCK); Andriluka
    et al., 2D human pose estimation, CVPR 2014 (PCKh).
    """
    judged = np.isfinite(size)[:, None] & ~np.isnan(errors)
    return np.where(judged, (errors <= alpha * size[:, None]).astype(float), np.nan)


def by_joint(values: Array) -> Array:
    """Mean [J] over people of [N, J], what is not finite left out; NaN for a joint that nobody has."""
    return _mean(np.where(np.isfinite(values), values, np.nan).T)


def upright(true: Array, skeleton: Skeleton) -> tuple[Mask, Mask]:
    """Who has the head above the hips, and who has it below, [N] each; some are neither.

    The head is the mean of what is labelled of face and top of the head; without any, that of the shoulders. It is
    compared with the mean of the labelled hips. A person without hips, or without head and shoulders, is neither.
    """
    level = {
        part: _mean(np.stack([true[:, skeleton.index(joint), 1] for joint in names if joint in skeleton.joints], -1))
        if any(joint in skeleton.joints for joint in names)
        else np.full(len(true), np.nan)
        for part, names in (
            ("head", HEAD),
            ("shoulder", ("left_shoulder", "right_shoulder")),
            ("hip", ("left_hip", "right_hip")),
        )
    }
    head = np.where(np.isfinite(level["head"]), level["head"], level["shoulder"])
    return head < level["hip"], head >= level["hip"]


def oks(predicted: Array, true: Array, area: Array, skeleton: Skeleton) -> Array:
    """Object keypoint similarity [N]; NaN for people without labels and for joint sets other than COCO's.

    Args:
        predicted: [N, J, 2]
        true: [N, J, 2]
        area: [N] square pixels.
        skeleton: J joints.

    Source: Lin et al., COCO; cocodataset.org/#keypoints-eval.
    """
    errors = keypoint_errors(predicted, true)
    if not set(skeleton.joints) <= OKS_SIGMAS.keys():
        return np.full(len(errors), np.nan)
    k = 2 * np.array([OKS_SIGMAS[joint] for joint in skeleton.joints])
    return _mean(np.exp(-(errors**2) / (2 * np.asarray(area)[:, None] * k**2)))


def oks_average_precision(
    predicted: Array, confidence: Array, true: Array, area: Array, *, skeleton: Skeleton
) -> dict[str, float]:
    """AP, AP50, AP75 and AR over OKS, by pycocotools.

    Each person is a picture of its own with one detection, whose score is the mean confidence: what is measured is
    the keypoints and the order of the scores, not the finding of people.

    Args:
        predicted: [N, J, 2]
        confidence: [N, J] 0 where a joint was not found.
        true: [N, J, 2]
        area: [N] square pixels.
        skeleton: J joints.

    Returns:
        The four in 0..1; empty for joint sets other than COCO's.
    """
    _check(predicted, true)
    if not set(skeleton.joints) <= OKS_SIGMAS.keys():
        return {}
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": n + 1} for n in range(len(true))],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [_annotation(n, xy, float(size)) for n, (xy, size) in enumerate(zip(true, area, strict=True))],
    }
    found = np.nan_to_num(np.concatenate([predicted, confidence[..., None]], -1), nan=-1e6).reshape(len(true), -1)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports to stdout
        coco.createIndex()
        results = [
            {"image_id": n + 1, "category_id": 1, "keypoints": row.tolist(), "score": float(confidence[n].mean())}
            for n, row in enumerate(found)
        ]
        evaluation = COCOeval(coco, coco.loadRes(results), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array([OKS_SIGMAS[joint] for joint in skeleton.joints])
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(evaluation.stats[i]) for name, i in (("AP", 0), ("AP50", 1), ("AP75", 2), ("AR", 5))}


def _annotation(n: int, xy: Array, area: float) -> dict[str, object]:
    """A person as COCO's file has it; who has no label is left out by COCOeval."""
    labelled = np.asarray(np.isfinite(xy).all(-1))
    points = np.concatenate([np.where(labelled[:, None], xy, 0.0), 2.0 * labelled[:, None]], -1)
    low = points[labelled, :2].min(0) if labelled.any() else np.zeros(2)
    high = points[labelled, :2].max(0) if labelled.any() else np.ones(2)
    return {
        "id": n + 1,
        "image_id": n + 1,
        "category_id": 1,
        "iscrowd": 0,
        "area": area,
        "bbox": [*low.tolist(), *(high - low).tolist()],
        "keypoints": points.ravel().tolist(),
        "num_keypoints": int(labelled.sum()),
    }


@dataclass(frozen=True)
class Reliability:
    """What confidence promises beside what happened, in K bins.

    Args:
        confidence: [K] its mean in the bin; NaN in an empty one.
        share: [K] of keypoints that were correct.
        count: [K] keypoints.
    """

    confidence: tuple[float, ...]
    share: tuple[float, ...]
    count: tuple[int, ...]

    @property
    def expected_error(self) -> float:
        """Mean distance of promise and fact, weighted by count: the expected calibration error (Guo et al., 2017)."""
        count = np.array(self.count, float)
        gap = np.abs(np.array(self.confidence) - np.array(self.share))
        return float(np.nansum(gap * count) / max(count.sum(), 1))


def reliability(confidence: Array, correct: Array, bins: int | Sequence[float] = 10) -> Reliability:
    """Compare confidence with the share of correct keypoints.

    Args:
        confidence: [...] in 0..1.
        correct: [...] 1 or 0; NaN is left out.
        bins: how many, of equal width, or their K + 1 edges.
    """
    used = np.isfinite(correct) & np.isfinite(confidence)
    edges = np.linspace(0, 1, bins + 1) if isinstance(bins, int) else np.asarray(bins, float)
    which = np.clip(np.searchsorted(edges, confidence[used], "right") - 1, 0, len(edges) - 2)
    count = np.bincount(which, minlength=len(edges) - 1)
    means = [
        np.where(count > 0, np.bincount(which, values, len(count)) / np.maximum(count, 1), np.nan).tolist()
        for values in (confidence[used], correct[used])
    ]
    return Reliability(tuple(means[0]), tuple(means[1]), tuple(count.tolist()))


def _mean(values: Array) -> Array:
    """Over the last axis, NaN left out; NaN where nothing is left."""
    count = (~np.isnan(values)).sum(-1)
    return np.where(count > 0, np.nansum(values, -1) / np.maximum(count, 1), np.nan)


def _check(predicted: Array, true: Array) -> None:
    """Both [N, J, 2]."""
    if np.ndim(predicted) != 3 or np.shape(predicted) != np.shape(true) or np.shape(true)[-1] != 2:
        raise InputError(
            f"predicted and true keypoints must both be [N, J, 2], got {list(np.shape(predicted))} and "
            f"{list(np.shape(true))}"
        )
