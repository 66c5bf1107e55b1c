"""Tiny motion capture that tests write themselves."""

import sys

import numpy as np
import pytest

from lift3d.calib.rotation import rotation_matrix
from lift3d.datasets.mocap import Clip, write_mocap


@pytest.fixture(autouse=True)
def _one_thread():
    torch = sys.modules.get("torch")  # modules that need it have skipped themselves where it is absent
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_clips(mocap_body):
    """Four subjects of 60 frames: they turn about the vertical and swing arms and legs."""

    def clip(subject, phase):
        t = np.arange(60) / 30.0
        xyz = np.repeat(mocap_body[None], 60, 0)
        for start, joints, size in ((1, (2, 3), 0.5), (4, (5, 6), -0.5), (11, (12, 13), 0.9), (14, (15, 16), -0.9)):
            R = rotation_matrix(np.stack([0 * t, size * np.sin(4 * t + phase), 0 * t], -1))
            for joint in joints:
                xyz[:, joint] = xyz[:, start] + np.einsum("tij,tj->ti", R, xyz[:, joint] - xyz[:, start])
        turn = rotation_matrix(np.stack([0 * t, 0 * t, t + phase], -1))
        return Clip(f"{subject}_1", (xyz @ turn.transpose(0, 2, 1)).astype(np.float32), 30.0, subject, action="swing")

    return tuple(clip(name, 0.7 * i) for i, name in enumerate(("a", "b", "c", "d")))


@pytest.fixture(scope="session")
def tiny_mocap(tiny_clips, tmp_path_factory):
    """The clips as a file."""
    return write_mocap(tmp_path_factory.mktemp("mocap") / "tiny.h5", tiny_clips)
