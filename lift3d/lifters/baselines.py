"""What any lifter must beat: the mean pose, linear regression, and the most similar recorded person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .samples import Samples

Array32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MeanPose:
    """Answers the training samples' mean, whatever is seen."""

    xyz: Array32  # [17, 3]

    @classmethod
    def fit(cls, samples: Samples) -> MeanPose:
        """The mean of the targets."""
        return cls(samples.target.mean(0))

    def lift(self, features: Array32) -> Array32:
        """[B, 17, 3] metres for features [B, T, F]."""
        return np.broadcast_to(self.xyz, (len(features), *self.xyz.shape))


@dataclass(frozen=True, eq=False)
class LinearLifter:
    """Ridge regression from the features of a sample to its joints."""

    weights: NDArray[np.float64]  # [F + 1, 51]

    @classmethod
    def fit(cls, samples: Samples, *, ridge: float = 1e-3) -> LinearLifter:
        """Least squares; ``ridge`` is a share of the mean diagonal."""
        A = _with_one(samples.features)
        normal = A.T @ A
        normal += ridge * np.trace(normal) / len(normal) * np.eye(len(normal))
        return cls(np.linalg.solve(normal, A.T @ samples.target.reshape(len(A), -1)))

    def lift(self, features: Array32) -> Array32:
        """[B, 17, 3] metres for features [B, T, F]."""
        return (_with_one(features) @ self.weights).reshape(len(features), -1, 3).astype(np.float32)


@dataclass(frozen=True, eq=False)
class NearestExemplar:
    """Answers the recorded person whose 2D is the most similar, joint by joint."""

    features: Array32  # [N, F]
    xyz: Array32  # [N, 17, 3]

    @classmethod
    def fit(cls, samples: Samples) -> NearestExemplar:
        """Keep the samples as they are, each under the view it was seen from."""
        return cls(_weighed(samples.features.reshape(len(samples.features), -1)), samples.target)

    def lift(self, features: Array32) -> Array32:
        """[B, 17, 3] metres for features [B, T, F]."""
        asked = _weighed(features.reshape(len(features), -1))
        size = (self.features**2).sum(-1)
        nearest = [np.argmin(size - 2 * block @ self.features.T, -1) for block in _blocks(asked)]
        return self.xyz[np.concatenate(nearest)]


def _with_one(features: Array32) -> NDArray[np.float64]:
    """[B, F + 1] with a column of ones."""
    flat = features.reshape(len(features), -1).astype(np.float64)
    return np.concatenate([flat, np.ones((len(flat), 1))], -1)


def _weighed(features: Array32) -> Array32:
    """The 2D alone: confidences and scale say nothing of the pose."""
    joints = (features.shape[-1] - 1) // 3
    return features[:, : 2 * joints]


def _blocks(rows: Array32, size: int = 512) -> list[Array32]:
    """In pieces that fit into memory."""
    return [rows[i : i + size] for i in range(0, len(rows), size)]
