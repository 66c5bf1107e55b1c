"""The container of simulated detections: keypoints, and all that is true of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .keypoints import Keypoints
from .skeleton import Skeleton

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Detections:
    """Simulated keypoints, and what a real detector does not tell.

    Args:
        keypoints: candidates in a new random order in every frame and view, those that are seen first.
        sigma: [T, V, P, J] pixels, the inlier law's sigma of each coordinate; NaN where nothing is reported.
        outlier: [T, V, P, J] True where the error is gross.
        swapped: [T, V, P, J] True where the place is that of the joint of the other side.
        person: [T, V, P] whom a candidate shows, as position in the people that were given; -1 nobody.
    """

    keypoints: Keypoints
    sigma: Array
    outlier: Mask
    swapped: Mask
    person: NDArray[np.int64] = field(repr=False)

    def associated(self) -> Detections:
        """The same with everybody at the position of the truth, in every frame and view."""
        people = np.arange(self.person.shape[2])
        match = self.person[:, :, None, :] == people[:, None]  # [T, V, person, candidate]
        source = np.where(match.any(-1), match.argmax(-1), -1)
        return self.reordered(source, np.where(source < 0, -1, people))

    def unswapped(self) -> Detections:
        """The same with exchanged sides exchanged back, as an all-knowing observer would."""
        mirror = mirror_joints(self.keypoints.skeleton)
        pair = self.swapped | self.swapped[..., mirror]  # of two exchanged joints one may be missing
        return replace(self.mirrored(pair), swapped=np.zeros_like(pair))

    def mirrored(self, where: Mask) -> Detections:
        """Joints take the values of the other side where [T, V, P, J] says so."""
        k, mirror = self.keypoints, mirror_joints(self.keypoints.skeleton)
        xy = np.where(where[..., None], k.xy[..., mirror, :], k.xy)
        return replace(
            self,
            keypoints=replace(k, xy=xy, confidence=np.where(where, k.confidence[..., mirror], k.confidence)),
            sigma=np.where(where, self.sigma[..., mirror], self.sigma),
            outlier=np.where(where, self.outlier[..., mirror], self.outlier),
        )

    def reordered(self, source: NDArray[np.int64], person: NDArray[np.int64]) -> Detections:
        """Candidates taken from positions ``source`` [T, V, P]; -1 leaves a place empty."""
        empty = (source < 0)[..., None]
        index = np.maximum(source, 0)[..., None]
        k = self.keypoints
        confidence = np.where(empty, 0.0, np.take_along_axis(k.confidence, index, 2))
        xy = np.take_along_axis(k.xy, index[..., None], 2)
        return Detections(
            keypoints=replace(k, xy=xy, confidence=confidence),
            sigma=np.where(empty, np.nan, np.take_along_axis(self.sigma, index, 2)),
            outlier=np.take_along_axis(self.outlier, index, 2) & ~empty,
            swapped=np.take_along_axis(self.swapped, index, 2) & ~empty,
            person=person,
        )


def mirror_joints(skeleton: Skeleton) -> NDArray[np.int64]:
    """The position [J] of each joint's other side, its own for a joint that comes once."""
    mirror = np.arange(len(skeleton))
    for left, right in skeleton.symmetric:
        mirror[[left, right]] = right, left
    return mirror
