"""One person's motion, Human3.6M's cameras in invented numbers, and files of both in the published layouts."""

import numpy as np
import pytest

KEPT = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
F, C = (1145.3, 1143.7), (512.5, 515.4)
K, P = (-0.207, 0.247, -0.0031), (-0.00098, -0.00142)


def turn(axis, angle):
    c, s = np.cos(angle), np.sin(angle)
    return {
        "x": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


class Studio:
    """Four cameras of each subject S1 to S11, five metres from where the person is."""

    def __init__(self):
        rng = np.random.default_rng(3)
        self.angles = rng.uniform(-0.3, 0.3, (4, 11, 3)) + [[1.9, 0.0, -0.1]]
        self.angles[..., 2] += np.arange(4)[:, None] * np.pi / 2
        self.R = np.array([[turn("x", a) @ turn("y", b) @ turn("z", c) for a, b, c in row] for row in self.angles])
        self.center = (np.array([0, 0, 1.0]) - 5 * self.R[..., 2, :]) * 1000  # mm

    def metadata(self):
        inner = np.tile([*F, *C, *K, *P], (4, 1))
        outer = np.concatenate([self.angles, self.center], -1)
        numbers = " ".join(repr(float(v)) for v in [*outer.ravel(), *inner.ravel()])
        return f"<metadata><mapping/><w0>[{numbers}]</w0></metadata>"

    def to_camera(self, xyz, view, subject):
        """Metres, subject counted from one."""
        return (xyz - self.center[view, subject - 1] / 1000) @ self.R[view, subject - 1].T

    def project(self, xyz, view, subject, *, exchanged=False):
        """By the formula of Human3.6M's own code, term by term."""
        x, y, z = np.moveaxis(self.to_camera(xyz, view, subject), -1, 0)
        p1, p2 = P[::-1] if exchanged else P
        x, y = x / z, y / z
        r2 = x * x + y * y
        radial = 1 + K[0] * r2 + K[1] * r2**2 + K[2] * r2**3
        tangential = p1 * y + p2 * x
        u = x * (radial + tangential) + p2 * r2
        v = y * (radial + tangential) + p1 * r2
        return np.stack([F[0] * u + C[0], F[1] * v + C[1]], -1)


@pytest.fixture(scope="session")
def studio():
    return Studio()


@pytest.fixture
def metadata(tmp_path, studio):
    """Human3.6M's metadata.xml."""
    path = tmp_path / "metadata.xml"
    path.write_text(studio.metadata())
    return path


@pytest.fixture(scope="session")
def motion(mocap_body):
    """[12, 17, 3] metres: the standing person walks and lifts an arm."""
    t = np.arange(12)[:, None]
    xyz = np.repeat(mocap_body[None], 12, 0)
    xyz = xyz + np.stack([0.02 * t, 0 * t, 0 * t], -1)
    xyz[:, 13] += np.concatenate([0 * t, 0.01 * t, 0.005 * t], -1)
    return xyz


@pytest.fixture(scope="session")
def motion32(motion):
    """The same as Human3.6M's 32 joints; those that nobody uses are far away."""
    xyz = np.full((len(motion), 32, 3), 9.0)
    xyz[:, KEPT] = motion
    return xyz
