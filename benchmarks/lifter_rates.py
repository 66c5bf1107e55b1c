"""Lifters on whole recordings of the held-out training subject: frame rates, gaps, and how much the answer jitters.

Run: python benchmarks/lifter_rates.py MOCAP.h5 [LIFTER ...]      (a checkpoint, or the name of one that ships)

Each clip of cmu05 is resampled to the frame rate (cubic), seen by one virtual camera with a detector's noise of
level 1 whose errors persist as long in seconds at every rate, and lifted with flip test as `lift3d lift` does. A line
tells MPJPE and the mean error of velocities; "next" takes a window's frames one after the other whatever the rate is,
"one body" is fitted to the whole recording.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import torch
from scipy.interpolate import CubicSpline

from lift3d.datasets.coco_of_h36m import EXACT, detector_joints
from lift3d.datasets.mocap import H36M, Clip, of_subjects, read_mocap
from lift3d.datasets.ray_noise import RayNoise, add_ray_noise
from lift3d.datasets.virtual_views import ViewRanges, sample_views
from lift3d.lifters.lifter import Lifter
from lift3d.lifters.one_body import Shown, fit_one_body
from lift3d.lifters.placement import place
from lift3d.lifters.windows import Timing

SUBJECTS = ("cmu05",)  # of whom the lifters that ship learnt nothing
RATES = (10, 15, 25, 30, 60, 120)
NOISE = RayNoise.fixed(1.0)
GAP_S, GAP_EVERY_S = 0.5, 2.0


@dataclass(frozen=True, eq=False)
class Seen:
    """A clip before its camera: joints [T, 17, 3] in the camera's axes, rays [T, 17, 2] and confidences [T, 17]."""

    fps: float
    xyz: np.ndarray
    xy: np.ndarray
    confidence: np.ndarray


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("lifters", nargs=-1)
def main(data: Path, lifters: tuple[str, ...]) -> None:
    """Print a line for each frame rate and lifter."""
    torch.set_num_threads(1)
    clips = of_subjects(read_mocap(data), SUBJECTS)
    loaded = {name: Lifter.load(name) for name in lifters} or {"mlp": Lifter.load()}
    for fps in RATES:
        views = [before_camera(clip, float(fps), np.random.default_rng(n)) for n, clip in enumerate(clips)]
        for name, lifter in loaded.items():
            said = [f"as lift does {report(lifter, views, fps)}"]
            if Timing(fps=fps).stride(lifter.network) > 1:
                said += [f"next {report(lifter, views, None)}"]
            if fps == 30:
                said += [f"near gaps {report(lifter, [with_gaps(view) for view in views], fps)}"]
            if not lifter.network.causal:
                said += [f"one body {report(lifter, views, fps, fitted=True)}"]
            click.echo(f"{fps} fps, {name}: {'; '.join(said)}")


def before_camera(clip: Clip, fps: float, rng: np.random.Generator) -> Seen:
    """One clip at another frame rate, seen by one camera."""
    then = np.arange(len(clip.xyz)) / clip.fps
    xyz = CubicSpline(then, clip.xyz)(np.arange(0, then[-1], 1 / fps)).astype(np.float32)
    views = sample_views(xyz[len(xyz) // 2][None, 0], rng, ViewRanges(whole=True))
    shown = views.to_camera(detector_joints(xyz[None], Lifter.load().joints, rng, body=EXACT))
    xy = shown[..., :2] / shown[..., 2:]
    noise = replace(NOISE, correlation=NOISE.correlation ** (30 / fps))
    xy, confidence = add_ray_noise(xy, shown[..., 2].mean(-1), Lifter.load().joints, rng=rng, noise=noise)
    confidence = np.where((shown[..., 2] > 0.3), confidence, 0)
    x_cam = views.to_camera(xyz[None])[0]
    return Seen(fps, x_cam - x_cam[:, :1], xy[0].astype(np.float64), confidence[0].astype(np.float64))


def with_gaps(view: Seen) -> Seen:
    """Nobody is seen for half a second, every two seconds; the truth is kept within a quarter of a second of it."""
    time = np.arange(len(view.xy)) / view.fps % GAP_EVERY_S
    lost, near = time < GAP_S, (time < GAP_S + 0.25) | (time > GAP_EVERY_S - 0.25)
    return replace(
        view,
        confidence=np.where(lost[:, None], 0, view.confidence),
        xyz=np.where((near & ~lost)[:, None, None], view.xyz, np.nan),
    )


def report(lifter: Lifter, views: list[Seen], fps: float | None, *, fitted: bool = False) -> str:
    """MPJPE in millimetres and the error of velocities in millimetres a second, means over all frames."""
    errors = []
    for view in views:
        seen, rate = (view.xy, view.confidence), Timing(fps=fps)
        lifted = lifter.lift_rays(*seen, time=rate)
        if fitted:
            placed = place(lifted, *seen, lifter.joints)
            _, lifted = fit_one_body(placed, lifted, Shown(*seen, lifter.joints), time=rate)
        errors.append(lifted.xyz[:, : len(H36M)] - view.xyz)
    return mean_errors(errors, views)


def mean_errors(errors: list[np.ndarray], views: list[Seen]) -> str:
    """Of the errors [T, 17, 3] of each view: size in millimetres, and of velocities in millimetres a second."""
    position, velocity = [], []
    for error, view in zip(errors, views, strict=True):
        position.append(np.linalg.norm(error, axis=-1)[:, 1:].ravel())
        velocity.append(np.linalg.norm(np.diff(error, axis=0), axis=-1)[:, 1:].ravel() * view.fps)
    return " / ".join(f"{1000 * np.nanmean(np.concatenate(part)):.1f}" for part in (position, velocity))


if __name__ == "__main__":
    main()
