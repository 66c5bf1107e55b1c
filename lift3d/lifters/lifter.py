"""A trained lifter in use: rays of one person in, joints in the camera frame with their covariance out."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
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
from .samples import Samples, beside_h36m, input_joints
from .windows import FrameByFrame, Timing, blocks, mean_around, weights_around, windows_of

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
WEIGHTS = Path(__file__).parents[1] / "weights"
SHIPPED = {arch: WEIGHTS / f"lifter_coco17_{arch}.pt" for arch in ("mlp", "tcn", "tcn-causal")}
"""Trained by this project's own command; docs/lifter.md is their model card."""

DEFAULT = "tcn"

FRAME = "frame."  # before the names of the weights of a temporal lifter's own mlp
COVERED = 0.90  # what the calibrated intervals shall cover
NORMAL_90 = 1.6449
MOST_SURE = 0.97  # of a detector: networks learn that 1 stands for exact 2D


@dataclass(frozen=True, eq=False)
class Lifted:
    """Poses relative to their pelvis.

    Args:
        xyz: [T, 17 + E, 3] metres, camera axes, pelvis at the origin; NaN where nobody was seen. Human3.6M's joints and
            the detector's of :attr:`Lifter.beside`.
        covariance: [T, 17 + E, 3, 3] m², camera axes.
    """

    xyz: Array
    covariance: Array


class Lifter:
    """A network with its description.

    Convention:
        :attr:`joints` are the detector's that it is shown; it answers for Human3.6M's 17 and then for those of
        ``joints`` at the positions :attr:`beside`, E of them, which are none for weights that were trained without.

    Args:
        checkpoint: of kind "lifter".
        device: where it shall run.

    Raises:
        InputError: the weights do not fit the description.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: str = "cpu") -> None:
        self.description: dict[str, Any] = checkpoint.description
        self.joints: Skeleton = input_joints(self.description["joints_in"])
        self.beside = answered_beside(checkpoint)
        self.device = device
        answers = len(H36M) + len(self.beside)
        network = build_network(
            self.description["arch"], feature_count(len(self.joints)), answers, **self.description["sizes"]
        )
        try:
            network.load_state_dict({name: _full(value) for name, value in checkpoint.state.items()})
        except RuntimeError as error:
            raise InputError("the checkpoint's weights do not fit its own description; train it again") from error
        self.network = network.to(device).eval()
        self.sigma_factor = np.array(self.description.get("sigma_factor", (1.0, 1.0)), np.float32)
        self._mirrored = _mirrored_order(self.joints, self.beside)

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
        return cls(with_frame(load_checkpoint(path, "lifter", device=device)), device=device)

    @torch.no_grad()
    def lift(self, features: Array32) -> tuple[Array32, Array32]:
        """Answer for windows.

        Args:
            features: [B, window, F], see :mod:`lift3d.lifters.encoding`.

        Returns:
            xyz [B, 17 + E, 3] metres in the turned frame; sigma [B, 17 + E, 2] metres across and along the line of
            sight.
        """
        out = []
        for block in blocks(np.arange(len(features))):
            answer = self.network(torch.from_numpy(features[block]).to(self.device))
            out.append([part.cpu().numpy() for part in answer])
        return self._scaled(*(np.concatenate(parts) for parts in zip(*out, strict=True)))

    def lift_both_sides(self, features: Array32) -> tuple[Array32, Array32]:
        """The mean of the answers for what was seen and for its mirror image ("flip test"), twice the work.

        Args and returns as of :meth:`lift`.
        """
        mirrored = self.lift(mirror_features(features, self.joints))
        return _mean_of_sides(self.lift(features), mirrored, self._mirrored)

    def lift_windows(
        self, features: Array32, windows: NDArray[np.intp], *, both_sides: bool
    ) -> tuple[Array32, Array32]:
        """Answer for windows of one sequence; what can be said of a frame by itself is asked once.

        Args:
            features: [T, F] of its frames.
            windows: [B, window] which frames each window holds.
            both_sides: as :meth:`lift_both_sides`.

        Returns:
            As of :meth:`lift`.
        """
        straight = self._lift_windows(features, windows)
        if not both_sides:
            return straight
        mirrored = self._lift_windows(mirror_features(features, self.joints), windows)
        return _mean_of_sides(straight, mirrored, self._mirrored)

    @torch.no_grad()
    def _lift_windows(self, features: Array32, windows: NDArray[np.intp]) -> tuple[Array32, Array32]:
        """As seen."""
        out = []
        shown = torch.from_numpy(features).to(self.device)
        before = FrameByFrame.of(self.network, shown, windows)
        for block in blocks(np.arange(len(windows))):
            known = () if before is None else (before.of_windows(block),)
            out.append([part.cpu().numpy() for part in self.network(shown[windows[block]], *known)])
        return self._scaled(*(np.concatenate(parts) for parts in zip(*out, strict=True)))

    def _scaled(self, xyz: Array32, log_sigma: Array32) -> tuple[Array32, Array32]:
        """Relative to the pelvis, metres."""
        return xyz - xyz[:, :1], np.exp(log_sigma) * self.sigma_factor

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
        time = time or Timing()
        stride = time.stride(self.network)
        if stride > 1:
            around = weights_around(stride, causal=self.network.causal)
            xy, confidence = mean_around(xy, confidence, time.numbers(len(xy)), weights=around)
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
        time = time or Timing()
        index = windows_of(seen, time.numbers(len(xy)), self.network, stride=time.stride(self.network))
        xyz, sigma = self.lift_windows(encoded.features, index, both_sides=both_sides)
        return in_camera_axes(xyz, sigma, encoded.R, seen)


def with_frame(checkpoint: Checkpoint) -> Checkpoint:
    """With the weights of the ``mlp`` that a temporal lifter asks, where it was shipped without them.

    Raises:
        InputError: the ``mlp`` beside it is another one.
    """
    wanted = checkpoint.description.get("frame_sha256")
    if wanted is None:
        return checkpoint
    if hashlib.sha256(SHIPPED["mlp"].read_bytes()).hexdigest() != wanted:
        raise InputError(f"this lifter needs another {SHIPPED['mlp'].name} than the one that is there; install again")
    frame = {f"{FRAME}{name}": value for name, value in load_checkpoint(SHIPPED["mlp"], "lifter").state.items()}
    return replace(checkpoint, state={**checkpoint.state, **frame})


def answered_beside(checkpoint: Checkpoint) -> tuple[int, ...]:
    """Positions in a lifter's joints of those that its weights answer for after Human3.6M's 17.

    Raises:
        InputError: the weights answer for another number of joints than any lifter for these.
    """
    joints = input_joints(checkpoint.description["joints_in"])
    beside = beside_h36m(joints)
    bias = checkpoint.state.get("heads.xyz.bias", torch.empty(0))
    answers = len(bias) // 3
    if answers not in (len(H36M), len(H36M) + len(beside)):
        raise InputError(
            f"the checkpoint answers for {answers} joints, a lifter for {joints.name} for "
            f"{len(H36M) + len(beside)}; train it again"
        )
    return beside if answers > len(H36M) else ()


def _mirrored_order(joints: Skeleton, beside: tuple[int, ...]) -> NDArray[np.intp]:
    """Each answer's counterpart."""
    other = {j: j for j in beside} | dict(joints.symmetric) | {right: left for left, right in joints.symmetric}
    return np.concatenate([MIRRORED, np.array([len(H36M) + beside.index(other[j]) for j in beside], np.intp)])


def _mean_of_sides(
    straight: tuple[Array32, Array32], mirrored: tuple[Array32, Array32], order: NDArray[np.intp]
) -> tuple[Array32, Array32]:
    """The mean of the answers for a person and for its mirror image, whose joints stand in that order."""
    xyz = (straight[0] + mirrored[0][:, order] * np.array([-1, 1, 1], np.float32)) / 2
    sigma = (straight[1] + mirrored[1][:, order]) / 2
    return xyz.astype(np.float32), sigma.astype(np.float32)


def in_camera_axes(xyz: Array32, sigma: Array32, R: Array32, seen: NDArray[np.bool_]) -> Lifted:
    """A network's answers, turned back.

    Args:
        xyz: [T, J, 3] metres in the turned frame.
        sigma: [T, J, 2] metres across and along the line of sight.
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

    Across and along the line of sight, by Human3.6M's joints: those of the face are never measured, only guessed.
    """
    xyz, sigma = lifter.lift_both_sides(samples.features)
    own = slice(1, len(H36M))
    ratio = np.abs(xyz[:, own] - samples.target[:, own]) / sigma[:, own][..., [0, 0, 1]]
    across, along = (float(np.quantile(part, COVERED)) / NORMAL_90 for part in (ratio[..., :2], ratio[..., 2]))
    return across, along


def calibrate_checkpoint(path: str | os.PathLike[str], samples: Samples, *, device: str = "cpu") -> None:
    """Write into a checkpoint by how much its sigma is too small or too large on held-out samples."""
    checkpoint = load_checkpoint(path, "lifter")
    raw = {name: value for name, value in checkpoint.description.items() if name != "sigma_factor"}
    factor = measure_sigma(Lifter(Checkpoint("lifter", raw, checkpoint.state), device=device), samples)
    calibrated = Checkpoint("lifter", {**raw, "sigma_factor": list(factor)}, checkpoint.state)
    save_checkpoint(path, calibrated, overwrite=True)
