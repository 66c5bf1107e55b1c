"""A trained lifter in use: rays of one person in, joints in the camera frame with their covariance out."""

from __future__ import annotations

import os
from collections.abc import Callable
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

from .encoding import encode, feature_count, mirror_features
from .networks import Mlp, build_network
from .samples import Samples, input_joints

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
Answer = Callable[[Array32], tuple[Array32, Array32]]

SHIPPED = Path(__file__).parents[1] / "weights" / "lifter_coco17_mlp.pt"
"""Trained by this project's own command; docs/lifter.md is its model card."""

COVERED = 0.90  # what the calibrated intervals shall cover
NORMAL_90 = 1.6449
BLOCK = 4096
MOST_SURE = 0.97  # of a detector: networks learn that 1 stands for exact 2D


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
        """The lifter of a file; None: the one that comes with lift3d."""
        return cls(load_checkpoint(path or SHIPPED, "lifter", device=device), device=device)

    @torch.no_grad()
    def lift(self, features: Array32) -> tuple[Array32, Array32]:
        """Answer for windows.

        Args:
            features: [B, window, F], see :mod:`lift3d.lifters.encoding`.

        Returns:
            xyz [B, 17, 3] metres in the turned frame; sigma [B, 17, 2] metres across and along the line of sight.
        """
        out = []
        for start in range(0, len(features), BLOCK):
            block = torch.from_numpy(features[start : start + BLOCK]).to(self.device)
            out.append([answer.cpu().numpy() for answer in self.network(block)])
        xyz, log_sigma = (np.concatenate(parts) for parts in zip(*out, strict=True))
        xyz -= xyz[:, :1]
        return xyz, np.exp(log_sigma) * self.sigma_factor

    def lift_both_sides(self, features: Array32) -> tuple[Array32, Array32]:
        """The mean of the answers for what was seen and for its mirror image ("flip test"), twice the work.

        Args and returns as of :meth:`lift`.
        """
        return self._both_sides(self.lift, features)

    def _both_sides(self, lift: Answer, features: Array32) -> tuple[Array32, Array32]:
        """The mean of both answers."""
        xyz, sigma = lift(features)
        mirrored, mirrored_sigma = lift(mirror_features(features, self.joints))
        mirrored = mirrored[:, MIRRORED] * np.array([-1, 1, 1], np.float32)
        both = (xyz + mirrored) / 2, (sigma + mirrored_sigma[:, MIRRORED]) / 2
        return both[0].astype(np.float32), both[1].astype(np.float32)

    @torch.no_grad()
    def _lift_sequence(self, features: Array32) -> tuple[Array32, Array32]:
        """As :meth:`lift` for [T, F]: one answer a frame; the ends are repeated."""
        if isinstance(self.network, Mlp):
            return self.lift(features[:, None])
        before = self.network.target
        padded = np.pad(features, ((before, self.network.window - 1 - before), (0, 0)), mode="edge")
        answers = self.network.sequence(torch.from_numpy(padded[None]).to(self.device))
        xyz, log_sigma = (answer[0].cpu().numpy() for answer in answers)
        return xyz - xyz[:, :1], np.exp(log_sigma) * self.sigma_factor

    def lift_rays(self, xy: Array, confidence: Array, *, both_sides: bool = True, exact: bool = False) -> Lifted:
        """Lift a sequence of one person; where it is shorter than the window its ends are repeated.

        Args:
            xy: [T, J, 2] on z = 1, the J joints of :attr:`joints`; NaN where missing.
            confidence: [T, J], 0 where missing.
            both_sides: average with the answer for the mirror image, as :meth:`lift_both_sides`.
            exact: confidences of 1 are meant: the 2D has no error. No detector's is like that.
        """
        encoded = encode(xy, confidence if exact else np.minimum(confidence, MOST_SURE))
        if both_sides:
            xyz, sigma = self._both_sides(self._lift_sequence, encoded.features)
        else:
            xyz, sigma = self._lift_sequence(encoded.features)
        variance = sigma[..., [0, 0, 1]].astype(np.float64) ** 2
        variance[:, 0] = 0.0  # the pelvis is the origin
        R = encoded.R.astype(np.float64)[:, None]  # [T, 1, 3, 3] camera to turned
        seen = np.asarray((confidence > 0).any(-1))[:, None, None]
        covariance = np.swapaxes(R, -1, -2) @ (variance[..., None] * R)
        return Lifted(np.where(seen, (xyz[..., None, :] @ R)[..., 0, :], np.nan), covariance)


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
