import numpy as np
import pytest
from scipy.stats import chi2

from lift3d.datasets.poses import Status
from lift3d.viz.coloring import Coloring
from lift3d.viz.ellipsoids import LARGEST, RADIUS_SIGMAS, SHARE, THREAD, Ellipsoids, ellipsoid_axes

INDICES = ([0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2])


def with_covariance(poses, matrix):
    covariance = np.broadcast_to(matrix[INDICES], (*poses.status.shape, 6)).copy()
    return poses.replace(covariance=covariance)


def rings(poses, frame=0):
    """Vertices [P * J, R, 3] of the rings."""
    drawn = Ellipsoids(poses, Coloring(poses), np.array([5.0, 5.0, 5.0])).mesh(frame)
    assert drawn.faces.max() == len(drawn.vertices) - 1
    return drawn.vertices.reshape(poses.status.shape[1] * poses.status.shape[2], -1, 3)


@pytest.fixture
def matrix(rng):
    a = 0.02 * rng.normal(size=(3, 3))
    return a @ a.T + 1e-4 * np.eye(3)


def test_the_radius_is_that_of_the_chi_squared_distribution():
    assert chi2.cdf(RADIUS_SIGMAS**2, 3) == pytest.approx(SHARE, abs=1e-5)


def test_the_rings_lie_on_the_ellipsoid(walkers, matrix):
    poses = with_covariance(walkers(2), matrix)
    offset = rings(poses) - poses.xyz[0].reshape(-1, 1, 3)
    distance = np.sqrt(np.einsum("nri,ij,nrj->nr", offset, np.linalg.inv(matrix), offset))
    thickness = THREAD / np.sqrt(np.linalg.eigvalsh(matrix)[0])
    assert np.abs(distance - RADIUS_SIGMAS).max() < 1.01 * thickness
    assert np.median(distance) == pytest.approx(RADIUS_SIGMAS, rel=0.1)


def test_so_many_samples_are_inside(matrix, rng):
    axes = ellipsoid_axes(matrix[INDICES][None])[0]
    samples = rng.multivariate_normal(np.zeros(3), matrix, 20000)
    inside = (((samples @ np.linalg.inv(axes)) ** 2).sum(-1) < 1).mean()
    assert inside == pytest.approx(SHARE, abs=0.01)


def test_what_is_not_known_or_missing_is_a_point(walkers, matrix):
    poses = with_covariance(walkers(), matrix)
    poses.covariance[0, 0, 2] = np.nan
    poses.status[0, 0, 3] = Status.MISSING
    poses.xyz[0, 0, 4] = np.nan
    drawn = rings(poses)
    assert (drawn[2:5] == 5).all()
    assert np.ptp(drawn[5], axis=0).min() > 0.01


def test_a_joint_that_nobody_knows_does_not_cover_the_scene():
    axes = ellipsoid_axes(np.array([[1e6, 0, 0, 1e-6, 0, 1e-6], [-1.0, 0, 0, 1, 0, 1]]))
    assert np.linalg.norm(axes[0], axis=-1).max() == pytest.approx(LARGEST)
    assert np.isfinite(axes).all()
