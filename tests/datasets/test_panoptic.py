"""Panoptic's cameras and poses: metres, Z up, and projections as its own calibration gives them."""

import json

import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.calib.rotation import rotation_matrix
from lift3d.datasets.panoptic import read_panoptic_poses, read_panoptic_rig


@pytest.fixture
def files(tmp_path, rng):
    R = rotation_matrix(np.array([0.1, -0.7, 0.05]))
    entry = {"name": "00_00", "type": "hd", "resolution": [1920, 1080], "R": R.tolist()}
    entry |= {"K": [[1400, 0, 950], [0, 1402, 540], [0, 0, 1]], "distCoef": [-0.2, 0.2, 1e-4, 2e-4, 0.05]}
    entry |= {"t": [[10.0], [120.0], [300.0]]}
    (tmp_path / "calibration.json").write_text(json.dumps({"cameras": [entry, {**entry, "type": "vga"}]}))
    poses = rng.uniform(-50, 50, (4, 19, 3)) + (0, -90, 0)
    np.savez(tmp_path / "poses.npz", poses=poses, frames=np.arange(7, 11))
    return tmp_path, entry, poses


def test_projection_is_that_of_the_file(files):
    folder, entry, poses = files
    rig = read_panoptic_rig(folder / "calibration.json")
    xyz, frames = read_panoptic_poses(folder / "poses.npz")
    rvec, _ = cv2.Rodrigues(np.array(entry["R"]))
    expected, _ = cv2.projectPoints(
        poses[2], rvec, np.ravel(entry["t"]), np.array(entry["K"], float), np.array(entry["distCoef"])
    )
    np.testing.assert_allclose(rig[0].project(xyz[2]), expected[:, 0], atol=1e-6)
    assert frames.tolist() == [7, 8, 9, 10]


def test_up_is_up_and_metres_are_metres(files):
    xyz, _ = read_panoptic_poses(files[0] / "poses.npz")
    np.testing.assert_allclose(xyz[..., 2], -files[2][..., 1] / 100)


def test_what_is_wrong_is_said(files, tmp_path):
    with pytest.raises(InputError, match="no camera of type kinect; there are hd, vga"):
        read_panoptic_rig(files[0] / "calibration.json", "kinect")
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(InputError, match="has no list of cameras"):
        read_panoptic_rig(tmp_path / "x.json")
    np.savez(tmp_path / "x.npz", poses=np.zeros((2, 15, 3)), frames=np.zeros(2))
    with pytest.raises(InputError, match=r"poses are \[2, 15, 3\]"):
        read_panoptic_poses(tmp_path / "x.npz")
