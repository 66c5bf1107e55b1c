"""A trained lifter in use: rays of one person in, joints in the camera frame with their covariance out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.calib import InputError
from lift3d.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lift3d.datasets.augment import MIRRORED
from lift3d.datasets.mocap import H36M
from lift3d.datasets.skeleton import Skeleton

from .encoding import Encoded, encode, feature_count, mirror_features
from .networks import ARCHITECTURES, build_network
from .samples import Samples, input_joints

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
WEIGHTS = Path(__file__).parents[1] / "weights"
SHIPPED = {arch: WEIGHTS / f"lifter_coco17_{arch}.pt" for arch in ("mlp",)}
"""Trained by this project's own command; docs/lifter.md is their model card."""

DEFAULT = "mlp"

COVERED = 0.90  # what the calibrated intervals shall cover
NORMAL_90 = 1.6449
BLOCK = 1024
MOST_SURE = 0.97  # of a detector: networks learn that 1 stands for exact 2D
LEARNT_FPS = 30.0  # of nearly all of the motion capture, where a checkpoint does not tell


@dataclass(frozen=True, eq=False)
class Timing:
    """When the frames of a sequence were.

    Args:
        frames: [T] their numbers, rising; None: 0..T-1.
        fps: frames a second; None: as many as in training.
    """

    frames: NDArray[np.int64] | None = None
    fps: float | None = None


@dataclass(frozen=True, eq=False)
class Lifted:
    """Poses relative to their pelvis.

    Args:
        xyz: [T, 17, 3] metres, camera axes, pelvis at the origin; NaN where nobody was seen.
        covariance: [T, 17, 3, 3] m², camera axes.
    """

    xyz: Array
    covariance: Array


class Lifter:
    """A network with its description.

    Args:
        checkpoint: of kind "lifter".
        device: where it shall run.

    Raises:
        InputError: the weights do not fit the description.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: str = "cpu") -> None:
        self.description: dict[str, Any] = checkpoint.description
        self.joints: Skeleton = input_joints(self.description["joints_in"])
        self.device = device
        network = build_network(
            self.description["arch"], feature_count(len(self.joints)), len(H36M), **self.description["sizes"]
        )
        try:
            network.load_state_dict({name: _full(value) for name, value in checkpoint.state.items()})
        except RuntimeError as error:
            raise InputError("the checkpoint's weights do not fit its own description; train it again") from error
        self.network = network.to(device).eval()
        self.sigma_factor = np.array(self.description.get("sigma_factor", (1.0, 1.0)), np.float32)

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, *, device: str = "cpu") -> Lifter:
        """The lifter of a file, or one that comes with lift3d by its name in :data:`SHIPPED`; None: the usual one.

        Raises:
            FileNotFoundError: there is no such file.
            InputError: it is of that name, but none comes with lift3d; or the file holds no lifter.
        """
        path = path or DEFAULT
        if str(path) in ARCHITECTURES and not Path(path).is_file():
            if str(path) not in SHIPPED:
                raise InputError(
                    f"no {path} comes with lift3d, only {', '.join(SHIPPED)}; train one: "
                    f"lift3d train lifter --arch {path}"
                )
            path = SHIPPED[str(path)]
        return cls(load_checkpoint(path, "lifter", device=device), device=device)

    @torch.no_grad()
    def lift(self, features: Array32) -> tuple[Array32, Array32]:
        """Answer for windows.

        Args:
            features: [B, window, F], see :mod:`lift3d.lifters.encoding`.

        Returns:
            xyz [B, 17, 3] metres in the turned frame; sigma [B, 17, 2] metres across and along the line of sight.
        """
        out = []
        for start in range(0, max(len(features), 1), BLOCK):
            block = torch.from_numpy(features[start : start + BLOCK]).to(self.device)
            out.append([answer.cpu().numpy() for answer in self.network(block)])
        xyz, log_sigma = (np.concatenate(parts) for parts in zip(*out, strict=True))
        xyz -= xyz[:, :1]
        return xyz, np.exp(log_sigma) * self.sigma_factor

    def lift_both_sides(self, features: Array32) -> tuple[Array32, Array32]:
        """The mean of the answers for what was seen and for its mirror image ("flip test"), twice the work.

        Args and returns as of :meth:`lift`.
        """
        xyz, sigma = self.lift(features)
        mirrored, mirrored_sigma = self.lift(mirror_features(features, self.joints))
        mirrored = mirrored[:, MIRRORED] * np.array([-1, 1, 1], np.float32)
        both = (xyz + mirrored) / 2, (sigma + mirrored_sigma[:, MIRRORED]) / 2
        return both[0].astype(np.float32), both[1].astype(np.float32)

    def stride(self, fps: float | None) -> int:
        """How many frames of a recording apart a window's frames are taken, so that they pass as in training."""
        if fps is None or self.network.window == 1:
            return 1
        return max(1, round(fps / LEARNT_FPS))

    def see(
        self, xy: Array, confidence: Array, *, time: Timing | None = None, exact: bool = False
    ) -> tuple[Encoded, NDArray[np.bool_]]:
        """What the network is shown of each frame by itself, and in which frames there is anybody at all.

        Convention:
            of a recording that is faster than the training's, a frame is the mean of those around it that windows step
            over, of the past alone where the network is causal.

        Args:
            xy: [T, J, 2] on z = 1, the J joints of :attr:`joints`; NaN where missing.
            confidence: [T, J], 0 where missing.
            time: when the frames were; None: one after the other, as fast as in training.
            exact: confidences of 1 are meant: the 2D has no error. No detector's is like that.
        """
        stride, number = self.stride(time.fps if time else None), _numbers(len(xy), time)
        if stride > 1:
            xy, confidence = _mean_around(xy, confidence, number, _weights(stride, self.network.causal))
        encoded = encode(xy, confidence if exact else np.minimum(confidence, MOST_SURE))
        J = len(self.joints)
        return encoded, np.asarray((encoded.features[:, 2 * J : 3 * J] > 0).any(-1))

    def lift_rays(
        self, xy: Array, confidence: Array, *, time: Timing | None = None, both_sides: bool = True, exact: bool = False
    ) -> Lifted:
        """Lift a sequence of one person.

        Convention:
            where a window reaches a frame in which nobody was seen, or an end, it holds the nearest frame with
            somebody instead, of the past alone where the network is causal.

        Args:
            xy: [T, J, 2] on z = 1, the J joints of :attr:`joints`; NaN where missing.
            confidence: [T, J], 0 where missing.
            time: when the frames were; None: one after the other, as fast as in training.
            both_sides: average with the answer for the mirror image, as :meth:`lift_both_sides`.
            exact: confidences of 1 are meant, as in :meth:`see`.
        """
        encoded, seen = self.see(xy, confidence, time=time, exact=exact)
        index = self._windows(seen, _numbers(len(xy), time), self.stride(time.fps if time else None))
        lift = self.lift_both_sides if both_sides else self.lift
        starts = range(0, max(len(index), 1), BLOCK)
        parts = [lift(encoded.features[index[start : start + BLOCK]]) for start in starts]
        xyz, sigma = (np.concatenate(part) for part in zip(*parts, strict=True))
        return in_camera_axes(xyz, sigma, encoded.R, seen)

    def _windows(self, seen: NDArray[np.bool_], number: NDArray[np.int64], stride: int) -> NDArray[np.intp]:
        """[T, window] which frames each window holds."""
        known = np.flatnonzero(seen)
        wanted = number[:, None] + stride * (np.arange(self.network.window) - self.network.target)
        if not len(known):
            return np.zeros(wanted.shape, np.intp)
        before = (np.searchsorted(number[known], wanted, side="right") - 1).clip(0)
        if self.network.causal:
            return np.asarray(known[before])
        after = np.minimum(np.searchsorted(number[known], wanted), len(known) - 1)
        nearer = np.abs(number[known[after]] - wanted) < np.abs(number[known[before]] - wanted)
        return np.asarray(known[np.where(nearer, after, before)])


def _numbers(count: int, time: Timing | None) -> NDArray[np.int64]:
    """The frames' numbers [T]."""
    return np.arange(count) if time is None or time.frames is None else time.frames


def _weights(stride: int, causal: bool) -> dict[int, float]:
    """Of the frames around one, by how much later they are."""
    if causal:
        return {-later: 1.0 for later in range(stride)}
    return {later: 1 - abs(later) / stride for later in range(1 - stride, stride)}


def _mean_around(
    xy: Array, confidence: Array, number: NDArray[np.int64], weights: dict[int, float]
) -> tuple[Array, Array]:
    """Joints and confidences as the mean over frames in which a joint was seen; what was not seen stays so."""
    seen = (confidence > 0) & np.isfinite(xy).all(-1)
    values = np.concatenate([np.nan_to_num(xy), confidence[..., None]], -1) * seen[..., None]
    total, weight = np.zeros_like(values), np.zeros_like(confidence)
    for later, share in weights.items():
        at = np.searchsorted(number, number + later).clip(max=len(number) - 1)
        there = share * (number[at] == number + later)
        total += there[:, None, None] * values[at]
        weight += there[:, None] * seen[at]
    mean = total / np.maximum(weight, 1e-9)[..., None]
    return np.where(seen[..., None], mean[..., :2], np.nan), np.where(seen, mean[..., 2], 0.0)


def in_camera_axes(xyz: Array32, sigma: Array32, R: Array32, seen: NDArray[np.bool_]) -> Lifted:
    """A network's answers, turned back.

    Args:
        xyz: [T, 17, 3] metres in the turned frame.
        sigma: [T, 17, 2] metres across and along the line of sight.
        R: [T, 3, 3] camera to the turned frame.
        seen: [T] where there is anybody; the others become NaN.
    """
    variance = sigma[..., [0, 0, 1]].astype(np.float64) ** 2
    variance[:, 0] = 0.0  # the pelvis is the origin
    turn = R.astype(np.float64)[:, None]  # [T, 1, 3, 3]
    covariance = np.swapaxes(turn, -1, -2) @ (variance[..., None] * turn)
    return Lifted(np.where(seen[:, None, None], (xyz[..., None, :] @ turn)[..., 0, :], np.nan), covariance)


def _full(value: torch.Tensor) -> torch.Tensor:
    """Shipped weights are stored at half precision."""
    return value.float() if value.dtype == torch.float16 else value


def measure_sigma(lifter: Lifter, samples: Samples) -> tuple[float, float]:
    """The factors on sigma with which intervals would cover 90 % of these samples, lifted from both sides.

    Across and along the line of sight.
    """
    xyz, sigma = lifter.lift_both_sides(samples.features)
    ratio = np.abs(xyz - samples.target)[:, 1:] / sigma[:, 1:][..., [0, 0, 1]]
    across, along = (float(np.quantile(part, COVERED)) / NORMAL_90 for part in (ratio[..., :2], ratio[..., 2]))
    return across, along


def calibrate_checkpoint(path: str | os.PathLike[str], samples: Samples, *, device: str = "cpu") -> None:
    """Write into a checkpoint by how much its sigma is too small or too large on held-out samples."""
    checkpoint = load_checkpoint(path, "lifter")
    raw = {name: value for name, value in checkpoint.description.items() if name != "sigma_factor"}
    factor = measure_sigma(Lifter(Checkpoint("lifter", raw, checkpoint.state), device=device), samples)
    calibrated = Checkpoint("lifter", {**raw, "sigma_factor": list(factor)}, checkpoint.state)
    save_checkpoint(path, calibrated, overwrite=True)
