"""The figures of keypoints that were found: PCK, PCKh, OKS, joint by joint, and what confidence is worth."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.datasets.people_images import PeopleImages
from lift3d.keypoint_metrics import (
    PCK_ALPHA,
    PCKH_ALPHA,
    Reliability,
    by_joint,
    correct_keypoints,
    head_segments,
    keypoint_errors,
    oks,
    oks_average_precision,
    reliability,
    torso_diagonals,
    upright,
)
from lift3d.metrics import Estimate, bootstrap_mean

from .confidence import RADIUS
from .detection import Array

FINE_ALPHA = 0.1  # torso diagonals
LEAST_GROUP = 20  # people: a source with fewer is no row of its own

PROTOCOL = (
    "joints labelled by {labels}; torso = mean of the diagonals from shoulder to opposite hip that "
    "are labelled, people without one are not judged by PCK; PCK = share of all labelled keypoints, 95 % interval "
    "from drawing people again; OKS over `area` of the file; AP: one detection a person, score = mean confidence; "
    "upright: face (else shoulders) above the hips"
)


@dataclass(frozen=True)
class GroupFigures:
    """Some people; shares in 0..1, lengths in torso diagonals.

    Args:
        name: who they are.
        people: how many.
        judged: of them, who have a torso to measure by.
        keypoints: labelled keypoints of those.
        pck: PCK@0.2.
        fine: PCK@0.1.
        joint_mean: the mean of the joints' PCK@0.2.
        pckh: PCKh@0.5, NaN where the joint set has no head segment.
        median: error.
        missed: share of the labelled keypoints for which nothing was found.
        oks: mean; NaN where it is not defined.
        ap: AP, AP50, AP75 and AR; empty where they are not defined.
    """

    name: str
    people: int
    judged: int
    keypoints: int
    pck: Estimate
    fine: Estimate
    joint_mean: float
    pckh: float
    median: float
    missed: float
    oks: float
    ap: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class JointFigures:
    """One joint over all people; NaN where nobody has it. ``mean`` is the error of what was found, capped at 1."""

    joint: str
    keypoints: int
    pck: float
    fine: float
    pckh: float
    median: float
    mean: float


@dataclass(frozen=True, eq=False)
class KeypointEvaluation:
    """What :func:`evaluate_predictions` measures.

    Args:
        protocol: how, in words.
        groups: everybody first; those found where some were not; upright ones, the rest, and each source.
        joints: J rows.
        reliability: of confidence as the probability to be within ``radius``.
        radius: torso diagonals.
        predicted: [N, J, 2] pixels.
        confidence: [N, J]
        errors: [N, J] torso diagonals; NaN where not labelled, infinite where not found.
        similarity: [N] OKS.
    """

    protocol: str
    groups: tuple[GroupFigures, ...]
    joints: tuple[JointFigures, ...]
    reliability: Reliability
    radius: float
    predicted: Array
    confidence: Array
    errors: Array
    similarity: Array

    def as_dict(self) -> dict[str, Any]:
        """The figures, without what they were measured on."""
        curve = {**asdict(self.reliability), "radius": self.radius, "ece": self.reliability.expected_error}
        groups, joints = [asdict(row) for row in self.groups], [asdict(row) for row in self.joints]
        return {"protocol": self.protocol, "groups": groups, "joints": joints, "reliability": curve}


def evaluate_predictions(
    predicted: Array,
    confidence: Array,
    people: PeopleImages,
    *,
    radius: float = RADIUS,
    left_out: list[int] | None = None,
) -> KeypointEvaluation:
    """Measure keypoints that were found by whatever means.

    Args:
        predicted: [N, J, 2] pixels, NaN where nothing was found.
        confidence: [N, J] 0 where nothing was found.
        people: N people, J joints.
        radius: torso diagonals within which confidence promises a keypoint to be.
        left_out: joints that nobody was asked to find.
    """
    true = people.xy.copy()
    true[:, left_out or []] = np.nan
    torso = torso_diagonals(people.xy, people.skeleton)
    pixels = keypoint_errors(predicted, true)
    scores = _Scores(
        pixels,
        torso,
        correct_keypoints(pixels, head_segments(people.xy, people.skeleton), PCKH_ALPHA),
        oks(predicted, true, people.area, people.skeleton),
    )
    rows = [
        _group(name, np.flatnonzero(mask), scores, (predicted, confidence, true), people)
        for name, mask in _subsets(people, predicted).items()
        if np.isfinite(scores.errors[mask]).any()
    ]
    if not rows:
        raise InputError("nobody has a labelled shoulder and the opposite hip; PCK needs them to measure by")
    found = ~np.isinf(pixels)
    promised = np.where(found, scores.correct(radius), np.nan)  # what was not found promised nothing
    learnt = bool((people.teacher & (people.labelled > 0)).any())
    return KeypointEvaluation(
        protocol=PROTOCOL.format(labels="humans and networks" if learnt else "humans"),
        groups=tuple(rows),
        joints=tuple(_joint(j, joint, scores) for j, joint in enumerate(people.skeleton.joints)),
        reliability=reliability(confidence, promised),
        radius=radius,
        predicted=predicted,
        confidence=confidence,
        errors=scores.errors,
        similarity=scores.similarity,
    )


@dataclass(frozen=True, eq=False)
class _Scores:
    """Errors [N, J] in pixels, sizes [N], PCKh [N, J] and OKS [N] of everybody."""

    pixels: Array
    torso: Array
    pckh: Array
    similarity: Array

    @property
    def errors(self) -> Array:
        """[N, J] torso diagonals."""
        return self.pixels / self.torso[:, None]

    def correct(self, alpha: float) -> Array:
        """[N, J] 1 or 0, NaN where that cannot be said."""
        return correct_keypoints(self.pixels, self.torso, alpha)

    def take(self, rows: NDArray[np.intp]) -> _Scores:
        """Some people's."""
        return _Scores(self.pixels[rows], self.torso[rows], self.pckh[rows], self.similarity[rows])


def _subsets(people: PeopleImages, predicted: Array) -> dict[str, NDArray[np.bool_]]:
    """Who is in which row."""
    above, below = upright(people.xy, people.skeleton)
    found = np.asarray(np.isfinite(predicted).any((1, 2)))
    subsets: dict[str, NDArray[np.bool_]] = {"all": np.ones(len(people), bool)}
    if not found.all():
        subsets["those found"] = found
    subsets |= {"upright": above, "head below hips": below}
    group = np.array(people.group)
    names = sorted(set(people.group))
    if len(names) > 1:
        subsets |= {f"from {name}": group == name for name in names if (group == name).sum() >= LEAST_GROUP}
    return subsets


def _group(
    name: str,
    rows: NDArray[np.intp],
    scores: _Scores,
    found: tuple[Array, Array, Array],
    people: PeopleImages,
) -> GroupFigures:
    """A row of the table."""
    own = scores.take(rows)
    correct, fine = own.correct(PCK_ALPHA), own.correct(FINE_ALPHA)
    person = np.repeat(np.arange(len(rows)), correct.shape[1])
    rng = np.random.default_rng(0)
    pck, fine_pck = (bootstrap_mean(each.ravel(), person, rng) for each in (correct, fine))
    xy, confidence, true = (each[rows] for each in found)
    labelled = ~np.isnan(own.pixels)
    return GroupFigures(
        name=name,
        people=len(rows),
        judged=int(np.isfinite(correct).any(1).sum()),
        keypoints=int(np.isfinite(correct).sum()),
        pck=pck,
        fine=fine_pck,
        joint_mean=_mean(by_joint(correct)),
        pckh=_mean(own.pckh),
        median=_median(own.errors),
        missed=float(np.isinf(own.pixels).sum() / max(labelled.sum(), 1)),
        oks=_mean(own.similarity),
        ap=oks_average_precision(xy, confidence, true, people.area[rows], skeleton=people.skeleton),
    )


def _joint(j: int, joint: str, scores: _Scores) -> JointFigures:
    """A row of the table of joints."""
    errors, correct = scores.errors[:, j], scores.correct(PCK_ALPHA)[:, j]
    capped = np.where(np.isfinite(errors), np.minimum(errors, 1.0), np.nan)
    return JointFigures(
        joint=joint,
        keypoints=int(np.isfinite(correct).sum()),
        pck=_mean(correct),
        fine=_mean(scores.correct(FINE_ALPHA)[:, j]),
        pckh=_mean(scores.pckh[:, j]),
        median=_median(errors),
        mean=_mean(capped),
    )


def _mean(values: Array) -> float:
    """Of what is finite; NaN without."""
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else float("nan")


def _median(errors: Array) -> float:
    """Of what is labelled; infinite where more than half was not found."""
    kept = errors[~np.isnan(errors)]
    return float(np.median(kept)) if len(kept) else float("nan")
