"""A small rig in plain numbers, its picture by OpenCV, and files of it as text."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lift3d.calib import Camera, Rig

POINT = np.array([0.3, -0.2, 1.1])  # metres
MATRIX = [[1680.5, 0.0, 533.25], [0.0, 1675.25, 948.5], [0.0, 0.0, 1.0]]
POSES = {  # rotation vector, translation in metres
    "left": ([1.69, 1.05, -0.42], [0.32, 0.96, 2.89]),
    "right": ([1.35, 1.6, -1.2], [-0.11, 0.78, 3.07]),
}
FOUR, FIVE = [-0.046, 0.14, 6e-4, 7e-4], [-0.046, 0.14, 6e-4, 7e-4, 0.02]
FISHEYE = [0.1, -0.02, 3e-3, -1e-3]


@pytest.fixture
def point():
    """A world point that both cameras see, metres."""
    return POINT


@pytest.fixture
def seen_by_opencv():
    """A function: distortion coefficients to the pixels [2, 2] where OpenCV puts the point in the two cameras."""

    def project(dist, *, fisheye=False):
        function = cv2.fisheye.projectPoints if fisheye else cv2.projectPoints
        points, K, dist = POINT.reshape(1, 1, 3), np.array(MATRIX), np.array(dist)
        return np.array([function(points, np.array(r), np.array(t), K, dist)[0].ravel() for r, t in POSES.values()])

    return project


@pytest.fixture
def make_rig():
    """A function: names and a lens to a rig of cameras on a circle, looking at its centre."""

    def make(names=("left", "right"), dist=FIVE, model="pinhole"):
        cameras = []
        for i, name in enumerate(names):
            center = np.array([3 * np.cos(0.7 * i), 3 * np.sin(0.7 * i), 1.5 + 0.1 * i])
            z = -center / np.linalg.norm(center)
            x = np.cross(z, [0, 0, 1]) / np.linalg.norm(np.cross(z, [0, 0, 1]))
            R = np.stack([x, np.cross(z, x), z])
            K = np.array([[1000.0 + i, 0, 640.5], [0, 1001 + i, 360.25], [0, 0, 1]])
            cameras.append(Camera(name, K, np.array(dist), R, -R @ center, (1280, 720), model))
        return Rig(tuple(cameras))

    return make


@pytest.fixture
def toml_of():
    """A function: the text of the rig above as camera tables, with whatever a tool does in its own way."""

    def text(dist, *, key="{name}", extra="", metres=1.0, tail="", order=("left", "right")):
        tables = []
        for i, name in enumerate(order):
            rotation, translation = POSES[name]
            tables.append(
                f"[{key.format(name=name, i=i)}]\n"
                f'name = "{name}"\n'
                "size = [1088, 1920]\n"
                f"matrix = {MATRIX}\n"
                f"distortions = {list(dist)}\n"
                f"rotation = {rotation}\n"
                f"translation = {[value / metres for value in translation]}\n" + extra.format(name=name, i=i)
            )
        return "\n".join(tables) + tail

    return text
