"""Human3.6M's cameras: their own lens model, and the files they come in."""

import pickle

import cv2
import h5py
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.human36m import (
    CAMERAS,
    H36MLens,
    action_of,
    exchanged_tangential,
    h36m_camera,
    read_h36m_cameras,
    rotation_of_angles,
    seventeen,
)

LENS = H36MLens(f=(1145.3, 1143.7), c=(512.5, 515.4), k=(-0.207, 0.247, -0.0031), p=(-0.00098, -0.00142))
EXTRINSIC = np.array([1.9, 0.1, -2.2])


@pytest.fixture
def points(rng):
    return np.concatenate([rng.uniform(-1.5, 1.5, (200, 2)), rng.uniform(3, 6, (200, 1))], -1)


def test_opencv_projects_as_human36m_does(points):
    K, dist = LENS.opencv()
    seen, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, dist)
    np.testing.assert_allclose(seen[:, 0], LENS.project(points), atol=1e-9)


def test_a_camera_projects_by_human36ms_formula(points):
    R, center = rotation_of_angles(EXTRINSIC), np.array([1.8, 4.9, 1.6])
    camera = h36m_camera(CAMERAS[0], LENS, R, center)
    np.testing.assert_allclose(camera.center, center)
    np.testing.assert_allclose(camera.project(points @ R + center), LENS.project(points), atol=1e-6)
    rays = camera.undistort(LENS.project(points))
    np.testing.assert_allclose(rays, points[:, :2] / points[:, 2:], atol=1e-7)


def test_exchanged_tangential_terms_are_videopose3ds_model(points):
    camera = exchanged_tangential(h36m_camera(CAMERAS[0], LENS, np.eye(3), np.zeros(3)))
    x, y = (points[:, :2] / points[:, 2:]).T
    r2 = x**2 + y**2
    (k1, k2, k3), (p1, p2) = LENS.k, LENS.p
    both = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * x + p2 * y  # radial + sum(p * XX)
    expected = np.stack([x * both + p1 * r2, y * both + p2 * r2], -1) * LENS.f + LENS.c
    np.testing.assert_allclose(camera.project(points), expected, atol=1e-9)
    assert 0.05 < np.abs(expected - LENS.project(points)).max() < 1  # a difference that one would not see


def test_all_three_files_give_the_same_cameras(tmp_path):
    R = np.stack([rotation_of_angles(EXTRINSIC + [0, 0, v]) for v in range(4)])
    center = np.array([[1.8, 4.9, 1.6]]) + np.arange(4)[:, None]
    outer = np.zeros((4, 11, 6))
    outer[:, 6, :3] = EXTRINSIC + np.stack([np.array([0, 0, v]) for v in range(4)])
    outer[:, 6, 3:] = 1000 * center
    numbers = [*outer.ravel(), *np.tile([*LENS.f, *LENS.c, *LENS.k, *LENS.p], 4)]
    (tmp_path / "metadata.xml").write_text(
        f"<metadata><w0>[{' '.join(map(repr, map(float, numbers)))}]</w0></metadata>"
    )
    with h5py.File(tmp_path / "cameras.h5", "w") as file:
        for v in range(4):
            group = file.create_group(f"subject7/camera{v + 1}")
            group["R"], group["T"] = R[v].T, 1000 * center[v][:, None]  # MATLAB's arrays lie transposed in HDF5
            for key in "fckp":
                group[key] = np.array(getattr(LENS, key))[:, None]
    table = {
        ("S7", name): {"R": R[v].T, "T": center[v][:, None], "w": 1000, "h": 1002, "name": name, "id": name,
                       **{key: np.array(getattr(LENS, key))[:, None] for key in "fckp"}}
        for v, name in enumerate(CAMERAS)
    }  # fmt: skip
    (tmp_path / "cameras.pkl").write_bytes(pickle.dumps(table))
    rigs = [read_h36m_cameras(tmp_path / name)["S7"] for name in ("metadata.xml", "cameras.h5", "cameras.pkl")]
    for v, name in enumerate(CAMERAS):
        for rig in rigs:
            assert rig.names[v] == name
            np.testing.assert_allclose(rig[v].R, R[v], atol=1e-12)
            np.testing.assert_allclose(rig[v].center, center[v], atol=1e-9)
            np.testing.assert_allclose(rig[v].dist, rigs[0][v].dist)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metadata.xml", b"<metadata><w0>[1 2 3]</w0></metadata>", "w0 holds 3 numbers, .* has 300"),
        ("metadata.xml", b"hello", "does not hold Human3.6M's cameras"),
        ("cameras.h5", b"hello", "does not hold Human3.6M's cameras"),
        ("cameras.pkl", b"hello", "is not a pickle of plain arrays"),
        ("cameras.txt", b"hello", "none of the names metadata.xml, cameras.h5, cameras.pkl"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_h36m_cameras(tmp_path / name)


def test_absent_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"metadata\.xml"):
        read_h36m_cameras(tmp_path / "absent.xml")


def test_actions_have_one_spelling():
    assert action_of("WalkingDog 1") == ("WalkDog", "1")
    assert action_of("TakingPhoto") == ("Photo", "0")
    assert action_of("Directions_2") == ("Directions", "2")


def test_other_numbers_of_joints_are_refused():
    with pytest.raises(InputError, match=r"have 16 joints; Human3\.6M's have 32 or 17"):
        seventeen(np.zeros((1, 16, 3)))
