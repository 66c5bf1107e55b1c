"""A walking figure for the tests of pictures."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.datasets import Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig


@pytest.fixture(scope="session")
def walkers(mocap_body):
    """A function: how many people and frames to Poses of them walking along x, side by side, with four cameras."""

    def make(people=1, frames=12, *, fps=60.0):
        skeleton = SKELETONS["h36m_17"]
        time = np.arange(frames) / fps
        xyz = np.repeat(mocap_body[None, None], frames, axis=0).repeat(people, axis=1)  # [T, P, J, 3]
        swing = 0.25 * np.sin(2 * np.pi * time)
        for side, sign in (("left", 1.0), ("right", -1.0)):
            for joint, reach in (("knee", 0.5), ("ankle", 1.0), ("elbow", -0.4), ("wrist", -0.8)):
                xyz[:, :, skeleton.index(f"{side}_{joint}"), 0] += sign * reach * swing[:, None]
        xyz[..., 0] += time[:, None, None]
        xyz[..., 1] += 1.2 * np.arange(people)[:, None]
        return Poses.from_xyz(xyz, skeleton, fps, ring_rig(4))

    return make
