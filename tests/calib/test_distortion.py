import cv2
import numpy as np
import pytest

from lift3d.calib.distortion import CHUNK, distort, distort_jacobian, undistort

LENSES = {
    "no distortion": ([], "pinhole"),
    "4: a good camera": ([-0.046, 0.14, 6e-4, 7e-4], "pinhole"),
    "5: a webcam": ([-0.33, 0.046, -4e-3, 4e-3, 0.067], "pinhole"),
    "5: pincushion": ([0.2, 0.05, 1e-3, -1e-3, 0.01], "pinhole"),
    "8: rational wide angle": ([0.6, -0.1, 1e-4, -3e-4, -0.01, 0.95, -0.02, -0.03], "pinhole"),
    "12: thin prism": ([-0.2, 0.05, 1e-3, -1e-3, 0.01, 0.02, 0.01, 1e-3, 2e-3, -1e-3, 1e-3, 5e-4], "pinhole"),
    "14: tilted sensor": (
        [-0.2, 0.05, 1e-3, -1e-3, 0.01, 0.02, 0.01, 1e-3, 2e-3, -1e-3, 1e-3, 5e-4, 0.03, -0.02],
        "pinhole",
    ),
    "fisheye": ([0.1, -0.02, 3e-3, -1e-3], "fisheye"),
    "fisheye that folds": ([-0.15, 0.01, 0.0, 0.0], "fisheye"),
}
FOCAL = 1000.0  # px; 1e-9 on z = 1 are 1e-6 px

lenses = pytest.mark.parametrize(("dist", "model"), LENSES.values(), ids=LENSES.keys())


@pytest.fixture
def xy_norm():
    """Ideal points up to 0.75 from the axis: a field of view of 74 degrees, inside the fold of every lens here."""
    rng = np.random.default_rng(7)
    radius, angle = 0.75 * np.sqrt(rng.uniform(size=500)), rng.uniform(0, 2 * np.pi, 500)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def opencv_distort(xy_norm, dist, model):
    points = np.column_stack([xy_norm, np.ones(len(xy_norm))])[:, None]
    K = np.diag([FOCAL, FOCAL, 1.0])
    project = cv2.fisheye.projectPoints if model == "fisheye" else cv2.projectPoints
    given = np.array(dist) if dist else None
    arguments = (points, np.zeros(3), np.zeros(3), K, given)
    return project(*arguments)[0].reshape(-1, 2) / FOCAL


def opencv_undistort(xy_dist, dist):
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-12)
    if hasattr(cv2, "undistortPointsIter"):  # 4.x
        return cv2.undistortPointsIter(xy_dist[:, None], np.eye(3), dist, np.eye(3), np.eye(3), stop)
    return cv2.undistortPoints(xy_dist[:, None], np.eye(3), dist, criteria=stop)


@lenses
def test_distort_is_opencvs(xy_norm, dist, model):
    np.testing.assert_allclose(distort(xy_norm, np.array(dist), model), opencv_distort(xy_norm, dist, model), atol=1e-9)


@lenses
def test_undistort_takes_back_distort(xy_norm, dist, model):
    dist = np.array(dist)
    np.testing.assert_allclose(undistort(distort(xy_norm, dist, model), dist, model), xy_norm, atol=1e-12)


@lenses
def test_undistort_is_opencvs(xy_norm, dist, model):
    xy_dist = distort(xy_norm, np.array(dist), model)
    if model == "fisheye":
        theirs = cv2.fisheye.undistortPoints(xy_dist[:, None], np.eye(3), np.array(dist))
    else:
        theirs = opencv_undistort(xy_dist, np.array(dist) if dist else None)
    np.testing.assert_allclose(undistort(xy_dist, np.array(dist), model), theirs.reshape(-1, 2), atol=1e-8)


@lenses
def test_the_jacobian_is_that_of_finite_differences(xy_norm, dist, model):
    dist, step = np.array(dist), 1e-6
    xy, J = distort_jacobian(xy_norm, dist, model)
    np.testing.assert_array_equal(xy, distort(xy_norm, dist, model))
    for axis in range(2):
        shift = step * np.eye(2)[axis]
        difference = distort(xy_norm + shift, dist, model) - distort(xy_norm - shift, dist, model)
        np.testing.assert_allclose(J[..., axis], difference / (2 * step), atol=1e-8)


@lenses
def test_the_centre_stays_where_it_is(dist, model):
    centre = distort(np.zeros((1, 2)), np.array(dist), model)
    np.testing.assert_allclose(centre, 0, atol=1e-12)
    np.testing.assert_allclose(undistort(centre, np.array(dist), model), 0, atol=1e-12)


@lenses
def test_nan_passes_through_and_spoils_no_neighbour(xy_norm, dist, model):
    dist = np.array(dist)
    holed = distort(xy_norm, dist, model)
    holed[::3] = np.nan
    holed[1, 0] = np.nan
    back = undistort(holed, dist, model)
    lost = np.isnan(holed).any(-1)
    assert np.isnan(back[lost]).any(-1).all()
    np.testing.assert_allclose(back[~lost], xy_norm[~lost], atol=1e-12)
    assert np.isnan(distort(np.full((2, 2), np.nan), dist, model)).all()


@lenses
@pytest.mark.parametrize("shape", [(2,), (0, 2), (1, 2), (3, 4, 5, 2)])
def test_leading_axes_are_kept(dist, model, shape):
    dist, xy = np.array(dist), np.full(shape, 0.1)
    xy_dist, J = distort_jacobian(xy, dist, model)
    assert xy_dist.shape == undistort(xy, dist, model).shape == shape
    assert J.shape == (*shape, 2)


@lenses
def test_the_input_is_not_written_to(xy_norm, dist, model):
    before = xy_norm.copy()
    undistort(xy_norm, np.array(dist), model)[:] = 0
    distort(xy_norm, np.array(dist), model)[:] = 0
    np.testing.assert_array_equal(xy_norm, before)


def test_no_ray_lands_beyond_the_fold_of_a_barrel_lens():
    dist = np.array([-0.3, 0.0, 0.0, 0.0])
    fold = np.sqrt(1 / 0.9)  # where the slope of r - 0.3 r^3 is zero
    farthest = fold - 0.3 * fold**3
    reached = np.array([[0.0, 0.0], [0.999 * farthest, 0.0], [0.0, -0.99 * farthest]])
    np.testing.assert_array_less(np.linalg.norm(undistort(reached, dist), axis=-1), fold)
    assert np.isnan(undistort(np.array([[1.001 * farthest, 0.0], [3.0, 3.0], [1e6, 0.0]]), dist)).all()


def test_an_image_of_a_point_beyond_the_fold_gives_the_ray_inside_it():
    dist = np.array([-0.3, 0.0, 0.0, 0.0])
    back = undistort(distort(np.array([[1.4, 0.0]]), dist), dist)
    np.testing.assert_allclose(distort(back, dist), distort(np.array([[1.4, 0.0]]), dist), atol=1e-12)
    assert 0 < back[0, 0] < np.sqrt(1 / 0.9)


def test_a_root_past_the_fold_is_not_taken_for_the_ray():
    # r + 0.9 r^3 - 1.2 r^5 + 0.35 r^7 rises, falls and rises again: far targets have a root on the third branch only.
    dist = np.array([0.9, -1.2, 0.0, 0.0, 0.35])
    far = np.array([[1.9, 0.0]])
    third_branch = distort(far, dist)
    assert np.isnan(undistort(third_branch, dist)).all()


@pytest.mark.parametrize(
    ("dist", "pole"),
    [
        ([0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0], 1.0),  # r / (1 - r^2)
        ([0.27, 0.03, 0.0, 0.0, -0.15, -0.46, -0.14, 0.04], 1.3103),
    ],
)
def test_a_pole_of_the_rational_model_bounds_the_lens(dist, pole):
    radius, angle = np.geomspace(0.01, 20, 200), np.linspace(0, 20, 200)
    images = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    back = undistort(images, np.array(dist))  # any image point has a ray inside the pole
    assert (np.linalg.norm(back, axis=-1) < pole).all()
    np.testing.assert_allclose(distort(back, np.array(dist)), images, rtol=1e-9)


def test_a_root_past_the_fold_of_a_fisheye_is_not_taken_for_the_ray():
    # The angle turns at 0.90, where it is 0.545, and again at 1.33: 0.56 is reached at 1.56 only.
    dist = np.array([-0.6, 0.14, 0.0, 0.0])
    assert np.isnan(undistort(np.array([[0.56, 0.0], [0.0, -0.57]]), dist, "fisheye")).all()
    assert np.isfinite(undistort(np.array([[0.54, 0.0]]), dist, "fisheye")).all()


def test_no_ray_lands_beyond_the_fold_of_a_fisheye():
    dist = np.array([-0.15, 0.01, 0.0, 0.0])
    theta = np.linspace(0, np.pi / 2, 10001)
    farthest = (theta * (1 + theta**2 * (-0.15 + theta**2 * 0.01))).max()
    inside, outside = np.array([[0.999 * farthest, 0.0]]), np.array([[1.001 * farthest, 0.0], [9.0, 0.0]])
    np.testing.assert_allclose(distort(undistort(inside, dist, "fisheye"), dist, "fisheye"), inside, atol=1e-12)
    assert np.isnan(undistort(outside, dist, "fisheye")).all()


def test_every_ray_inside_the_one_to_one_region_of_random_lenses_comes_back():
    rng = np.random.default_rng(11)
    for _ in range(300):
        dist = rng.normal(0, [0.3, 0.3, 1e-3, 1e-3, 0.2])
        rise = np.roots([7 * dist[4], 0, 5 * dist[1], 0, 3 * dist[0], 0, 1])
        folds = rise[(np.abs(rise.imag) < 1e-9) & (rise.real > 0)].real
        radius = np.sqrt(rng.uniform(size=100)) * min(0.97 * folds.min(initial=np.inf), 1.5)
        angle = rng.uniform(0, 2 * np.pi, 100)
        xy = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
        np.testing.assert_allclose(undistort(distort(xy, dist), dist), xy, atol=1e-9)


def test_many_points_give_what_each_gives_alone():
    rng = np.random.default_rng(3)
    dist = np.array([-0.3, 0.1, 1e-3, -1e-3, 0.02])
    xy_dist = rng.uniform(-0.5, 0.5, (2 * CHUNK + 5, 2))
    back = undistort(xy_dist, dist)
    for i in (0, CHUNK - 1, CHUNK, 2 * CHUNK, 2 * CHUNK + 4):
        np.testing.assert_allclose(back[i], undistort(xy_dist[i], dist), atol=1e-13)
