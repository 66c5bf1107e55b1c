"""How good a lifter is, beside the baselines: test subjects under virtual views, and Panoptic under real cameras."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import InputError, Rig
from lift3d.datasets.mocap import H36M, Clip, Split, of_subjects, read_mocap, split_subjects
from lift3d.datasets.panoptic import read_panoptic_poses, read_panoptic_rig
from lift3d.datasets.ray_noise import RayNoise, add_ray_noise
from lift3d.datasets.skeleton import SKELETONS
from lift3d.metrics import Estimate, auc3d, bootstrap_mean, mean_over_joints, mpjpe, n_mpjpe, pa_mpjpe, pck3d

from .answers import MIDDLE, SPAN, Answer, Lift, by_network, by_one_body
from .baselines import LinearLifter, MeanPose, NearestExemplar
from .encoding import encode
from .lifter import NORMAL_90, Lifter
from .samples import Frames, Samples, SampleSettings, make_samples

Array32 = NDArray[np.float32]
Progress = Callable[[str, int, int], None]

BASELINE_SAMPLES = 40_000
TEST_STEP = 4  # every fourth test frame
SEED = 20  # of test views and noise: every lifter is shown the same people
ELEVATIONS_DEG = (-30, 0, 15, 30, 90)
ONE_BODY = "one body"
PANOPTIC_SAMPLES = 6000
PANOPTIC_JOINTS = ("pelvis", *(f"{side}_{part}" for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
                               for side in ("left", "right")))  # fmt: skip


@dataclass(frozen=True)
class Protocol:
    """How a lifter is asked.

    Args:
        flip_test: the mean of the answers for the person and its mirror image.
        by_action: a row of its own for each action.
        one_body: measure also the answers of the frames around, with one body fitted to them.
    """

    flip_test: bool = False
    by_action: bool = False
    one_body: bool = False

    def methods_of(self, lifter: Lifter) -> dict[str, Lift]:
        """What is called, by name."""
        name = lifter.description["arch"]
        methods = {name: by_network(lifter, both_sides=self.flip_test)}
        if self.one_body:
            methods[f"{name}, {ONE_BODY}"] = by_one_body(lifter, both_sides=self.flip_test)
        return methods


@dataclass(frozen=True)
class Row:
    """One method under one condition, metres and shares.

    Args:
        condition: what was seen.
        method: who lifted.
        samples: how many poses.
        mpjpe: Protocol 1, relative to the pelvis, camera frame.
        pa_mpjpe: Protocol 2.
        n_mpjpe: after the best scale.
        pck: 3DPCK at 150 mm.
        auc: mean 3DPCK of 0 to 150 mm.
        coverage: the share of coordinates inside their 90 % intervals; NaN for baselines.
        by_joint: each joint's part of ``mpjpe``, metres.
    """

    condition: str
    method: str
    samples: int
    mpjpe: Estimate
    pa_mpjpe: Estimate
    n_mpjpe: Estimate
    pck: float
    auc: float
    coverage: float
    by_joint: dict[str, float] = field(default_factory=dict)


def evaluate_lifter(
    lifter: Lifter,
    data: str | os.PathLike[str],
    *,
    baselines: bool = True,
    protocol: Protocol | None = None,
    progress: Progress | None = None,
) -> list[Row]:
    """Measure on the test subjects that the lifter's own description names.

    Args:
        lifter: what to measure.
        data: the motion capture file.
        baselines: measure also the mean pose, linear regression and the nearest exemplar, fitted to the training
            subjects seen without noise.
        protocol: None: no flip test, all actions together.
        progress: called as progress(stage, done, total).

    Raises:
        InputError: the file lacks the test subjects.
    """
    clips = read_mocap(data)
    known = lifter.description["split"]
    split = split_subjects(clips, known["test"], known["select"])
    how = protocol or Protocol()
    methods = _methods(lifter, clips, split, baselines, how)
    test = Frames(of_subjects(clips, split.test), window=SPAN)
    rows: list[Row] = []
    conditions = test_conditions(lifter.description["joints_in"])
    for done, (name, settings) in enumerate(conditions.items()):
        if progress is not None:
            progress("evaluating", done, len(conditions))
        samples = make_samples(test, np.arange(0, len(test), TEST_STEP), np.random.default_rng(SEED), settings)
        groups = test.clip[samples.frame]
        answers = {label: lift(samples) for label, lift in methods.items()}
        rows += _rows(name, answers, samples, groups=groups)
        if name == "truth":
            rows += _by_elevation(answers, samples, groups)
            if how.by_action:
                rows += _by_action(answers, samples, test, lifter.description["arch"])
    return rows


def test_conditions(joints: str) -> dict[str, SampleSettings]:
    """What the test subjects are shown with: exact 2D, three noise levels, occlusion, cut-off pictures."""
    exact = SampleSettings.exact(joints)
    occluded = RayNoise(level=(1.0, 1.0), clean=0.0, misses=0.02, outliers=0.005, swaps=0.0, occlusions=1.0, exact=0.0)
    noisy = {f"noise {level:g}": replace(exact, noise=RayNoise.fixed(level)) for level in (0.5, 1.0, 2.0)}
    return {
        "truth": exact,
        **noisy,
        "noise 1, a part hidden": replace(exact, noise=occluded),
        "noise 1, partly outside": replace(SampleSettings(joints), bodies=None, detector=None, mirror=False,
                                           arms=0.0, noise=RayNoise.fixed(1.0)),
    }  # fmt: skip


def _methods(
    lifter: Lifter, clips: tuple[Clip, ...], split: Split, baselines: bool, protocol: Protocol
) -> dict[str, Lift]:
    """By name: from features to poses and, where there is one, sigma."""
    methods: dict[str, Lift] = {}
    if baselines:
        rng = np.random.default_rng(SEED)
        frames = Frames(of_subjects(clips, split.train))
        settings = SampleSettings.exact(lifter.description["joints_in"])
        shown = make_samples(frames, frames.draw(BASELINE_SAMPLES, rng), rng, settings)
        kinds: dict[str, type[MeanPose] | type[NearestExemplar] | type[LinearLifter]] = {
            "mean pose": MeanPose,
            "exemplar": NearestExemplar,
            "linear": LinearLifter,
        }
        for name, kind in kinds.items():
            methods[name] = _without_sigma(kind.fit(shown))
    return {**methods, **protocol.methods_of(lifter)}


def _without_sigma(baseline: MeanPose | LinearLifter | NearestExemplar) -> Lift:
    """A baseline sees the frame in the middle alone, and has no error bars."""
    return lambda samples: (baseline.lift(samples.features[:, MIDDLE])[:, : len(H36M)].astype(np.float64), None)


def _by_elevation(answers: dict[str, Answer], samples: Samples, groups: NDArray[np.intp]) -> list[Row]:
    """The same samples apart by the camera's elevation over the person."""
    rows = []
    degrees = np.rad2deg(samples.elevation)
    for low, high in pairwise(ELEVATIONS_DEG):
        inside = (degrees >= low) & (degrees < high)
        rows += _rows(f"truth, {low} to {high} deg", answers, samples, groups=groups, inside=inside)
    return rows


def _by_action(answers: dict[str, Answer], samples: Samples, test: Frames, arch: str) -> list[Row]:
    """The lifter alone, the same samples apart by what is done."""
    groups = test.clip[samples.frame]
    actions = np.array([clip.action or "unnamed" for clip in test.clips])[groups]
    alone = {label: answer for label, answer in answers.items() if label.startswith(arch)}
    rows = []
    for action in np.unique(actions):
        rows += _rows(f"truth, {action}", alone, samples, groups=groups, inside=actions == action)
    return rows


def _rows(
    condition: str,
    answers: dict[str, Answer],
    samples: Samples,
    *,
    groups: NDArray[np.intp],
    inside: NDArray[np.bool_] | None = None,
) -> list[Row]:
    """Measure each method by Human3.6M's joints, on some of the samples."""
    which = np.ones(len(samples.frame), bool) if inside is None else inside
    true = samples.target[which][:, : len(H36M)]
    return [
        measure(condition, label, (xyz[which], None if sigma is None else sigma[which]), true, groups=groups[which])
        for label, (xyz, sigma) in answers.items()
    ]


def measure(
    condition: str,
    method: str,
    answer: Answer,
    true: NDArray[np.floating],
    *,
    groups: NDArray[np.intp],
    joints: Sequence[str] = H36M.joints,
) -> Row:
    """All figures of poses relative to the pelvis, which is joint 0 and is not counted."""
    xyz, sigma = answer
    rng, truth = np.random.default_rng(0), np.asarray(true, np.float64)
    errors = mpjpe(xyz, truth)[:, 1:]
    figures = (errors, pa_mpjpe(xyz, truth)[:, 1:], n_mpjpe(xyz, truth)[:, 1:])
    p1, p2, scaled = (bootstrap_mean(mean_over_joints(each), groups, rng) for each in figures)
    coverage = np.nan
    if sigma is not None:
        inside = np.abs(xyz - truth)[:, 1:] <= NORMAL_90 * sigma[:, 1:][..., [0, 0, 1]]
        coverage = float(inside[np.isfinite(truth[:, 1:])].mean())
    pck, auc = (float(np.nanmean(share(errors))) for share in (pck3d, auc3d))
    by_joint = dict(zip(joints[1:], np.nanmean(errors, 0).tolist(), strict=True))
    return Row(condition, method, len(truth), p1, p2, scaled, pck, auc, coverage, by_joint)


def evaluate_panoptic(
    lifter: Lifter,
    folder: str | os.PathLike[str],
    *,
    noise: float | None = None,
    linear_from: str | os.PathLike[str] | None = None,
    protocol: Protocol | None = None,
) -> list[Row]:
    """PA-MPJPE over pelvis and the twelve limb joints on Panoptic's HD cameras, whose data trained nothing.

    Args:
        lifter: for joints that Panoptic has: coco17, body25.
        folder: with ``Panoptic_GT_*.npz`` and ``calibration_*.json``.
        noise: level of the detector's noise on the projected 2D; None: exact.
        linear_from: motion capture to fit linear regression to, for comparison.
        protocol: None: no flip test.

    Raises:
        InputError: the lifter is for joints that Panoptic lacks.
        FileNotFoundError: the folder lacks a file.
    """
    if not set(lifter.joints.joints) <= set(SKELETONS["panoptic_19"].joints):
        raise InputError(
            f"Panoptic lacks joints of {lifter.description['joints_in']}; evaluate one for coco17 or body25 on it: "
            "lift3d train lifter --joints coco17"
        )
    how = protocol or Protocol()
    folder = Path(folder)
    files = [next(iter(sorted(folder.glob(pattern))), folder / pattern) for pattern in ("*_GT_*.npz", "calib*.json")]
    poses, _ = read_panoptic_poses(files[0])
    samples, camera = _panoptic_samples(lifter, poses, read_panoptic_rig(files[1]), noise)
    condition = "Panoptic HD, " + ("truth" if noise is None else f"noise {noise:g}")
    methods: dict[str, Lift] = {}
    if linear_from is not None:
        clips = read_mocap(linear_from)
        split = split_subjects(clips, lifter.description["split"]["test"], lifter.description["split"]["select"])
        methods = {"linear": _methods(lifter, clips, split, True, how)["linear"]}
    methods |= how.methods_of(lifter)
    order = [H36M.index(joint) for joint in PANOPTIC_JOINTS]
    rows = []
    for name, lift in methods.items():
        xyz, sigma = lift(samples)
        answer = (xyz[:, order], None if sigma is None else sigma[:, order])
        rows.append(measure(condition, name, answer, samples.target, groups=camera, joints=PANOPTIC_JOINTS))
    return rows


def _panoptic_samples(
    lifter: Lifter, poses: NDArray[np.float64], rig: Rig, noise: float | None
) -> tuple[Samples, NDArray[np.intp]]:
    """What is shown, with targets [N, 13, 3], and the camera of each [N]."""
    rng, panoptic = np.random.default_rng(SEED), SKELETONS["panoptic_19"]
    frames = np.linspace(0, len(poses) - 1, PANOPTIC_SAMPLES).astype(np.intp)
    camera = rng.integers(len(rig), size=len(frames))
    shown = [panoptic.index(joint) for joint in lifter.joints.joints]
    scored = [panoptic.index(joint) for joint in PANOPTIC_JOINTS]
    R = np.stack([each.R for each in rig])[camera]
    t = np.stack([each.t for each in rig])[camera]
    around = np.clip(frames[:, None] + np.arange(SPAN) - MIDDLE, 0, len(poses) - 1)
    x_cam = poses[around] @ R.transpose(0, 2, 1)[:, None] + t[:, None, None]  # [N, SPAN, 19, 3]
    xy = (x_cam[..., :2] / x_cam[..., 2:]).astype(np.float32)[..., shown, :]
    confidence = np.ones(xy.shape[:-1], np.float32)
    if noise is not None:
        depth = x_cam[..., 2].mean(-1).astype(np.float32)
        xy, confidence = add_ray_noise(xy, depth, lifter.joints, rng=rng, noise=RayNoise.fixed(noise))
    encoded = encode(xy, confidence)
    now = x_cam[:, MIDDLE]
    true = (now[:, scored] - now[:, scored[:1]]) @ encoded.R[:, MIDDLE].transpose(0, 2, 1)
    kept = (x_cam[..., 2] > 0.3).all((-1, -2)) & np.isfinite(true).all((-1, -2))
    elevation = np.full(len(frames), np.nan, np.float32)
    samples = Samples(encoded.features, true, elevation, frames, xy, confidence, encoded.R)
    return samples.part(kept), camera[kept]
