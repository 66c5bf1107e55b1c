import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lift3d.calib import CalibrationError, Camera

K = np.array([[1680.0, 0.0, 533.0], [0.0, 1675.0, 948.0], [0.0, 0.0, 1.0]])
PINHOLE = [0.1, -0.05, 1e-3, -2e-3, 0.01, 0.08, 0.01, 2e-3, 1e-3, -1e-3, 5e-4, 1e-3, 0.02, -0.01]
LENSES = [(PINHOLE[:n], "pinhole") for n in (0, 4, 5, 8, 12, 14)] + [([0.1, -0.02, 3e-3, -1e-3], "fisheye")]

lenses = pytest.mark.parametrize(("dist", "model"), LENSES, ids=[f"{model} {len(dist)}" for dist, model in LENSES])


def camera_with(**changes):
    R = Rotation.from_rotvec([1.2, -0.7, 0.4]).as_matrix()
    given = {"name": "left", "K": K, "R": R, "t": np.array([0.2, -0.3, 4.0]), "size": (1088, 1920)}
    return Camera(**{**given, **changes})


@pytest.fixture
def xyz():
    """World points up to 1.2 m around a place 4 m in front of the camera."""
    return np.random.default_rng(5).uniform(-0.7, 0.7, (200, 3))


@lenses
def test_project_is_opencvs(xyz, dist, model):
    camera = camera_with(dist=dist, model=model)
    rvec = Rotation.from_matrix(camera.R).as_rotvec()
    project = cv2.fisheye.projectPoints if model == "fisheye" else cv2.projectPoints
    theirs, _ = project(xyz[:, None], rvec, camera.t.copy(), K, np.array(dist) if dist else None)
    np.testing.assert_allclose(camera.project(xyz), theirs.reshape(-1, 2), atol=1e-6)


@lenses
def test_unproject_points_at_what_was_projected(xyz, dist, model):
    camera = camera_with(dist=dist, model=model)
    towards = xyz - camera.center
    towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
    np.testing.assert_allclose(camera.unproject(camera.project(xyz)), towards, atol=1e-10)


@lenses
def test_undistort_gives_the_pinhole_coordinates(xyz, dist, model):
    camera = camera_with(dist=dist, model=model)
    x_cam = xyz @ camera.R.T + camera.t
    np.testing.assert_allclose(camera.undistort(camera.project(xyz)), x_cam[:, :2] / x_cam[:, 2:], atol=1e-11)


@lenses
def test_the_jacobian_is_that_of_finite_differences(xyz, dist, model):
    camera, step = camera_with(dist=dist, model=model), 1e-6
    xy, J = camera.project_jacobian(xyz)
    np.testing.assert_allclose(xy, camera.project(xyz), atol=1e-9)
    assert J.shape == (200, 2, 3)
    for axis in range(3):
        shift = step * np.eye(3)[axis]
        difference = (camera.project(xyz + shift) - camera.project(xyz - shift)) / (2 * step)
        np.testing.assert_allclose(J[..., axis], difference, atol=2e-6 * 1680)


@lenses
def test_a_point_behind_the_camera_is_nan(dist, model):
    camera = camera_with(dist=dist, model=model)
    behind = camera.center + np.array([[0.0, 0.0, -1.0], [0.3, 0.1, -5.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]) @ camera.R
    assert np.isnan(camera.project(behind)).all()
    xy, J = camera.project_jacobian(behind)
    assert np.isnan(xy).all()
    assert np.isnan(J).all()


@lenses
def test_nan_passes_through(xyz, dist, model):
    camera = camera_with(dist=dist, model=model)
    holed = xyz.copy()
    holed[3] = np.nan
    holed[5, 1] = np.nan
    xy = camera.project(holed)
    assert np.isnan(xy[[3, 5]]).all()
    rest = np.delete(np.arange(len(xyz)), [3, 5])
    np.testing.assert_array_equal(xy[rest], camera.project(xyz)[rest])
    assert np.isnan(camera.unproject(xy)[[3, 5]]).all()


def test_the_centre_of_the_image_of_a_pinhole_is_the_optical_axis():
    camera = camera_with(dist=[])
    np.testing.assert_allclose(camera.unproject(camera.principal_point), camera.R[2], atol=1e-15)
    np.testing.assert_allclose(camera.project(camera.center + 3 * camera.R[2]), camera.principal_point, atol=1e-9)


def test_p_is_the_projection_of_a_camera_without_distortion(xyz):
    camera = camera_with(dist=[])
    homogeneous = np.column_stack([xyz, np.ones(len(xyz))]) @ camera.P.T
    np.testing.assert_allclose(camera.project(xyz), homogeneous[:, :2] / homogeneous[:, 2:], atol=1e-9)
    np.testing.assert_allclose(camera.P @ [*camera.center, 1], 0, atol=1e-9)


def test_leading_axes_are_kept():
    camera = camera_with(dist=PINHOLE[:5])
    xyz = np.zeros((4, 2, 3, 3))
    assert camera.project(xyz).shape == camera.undistort(camera.project(xyz)).shape == (4, 2, 3, 2)
    assert camera.unproject(camera.project(xyz)).shape == (4, 2, 3, 3)
    assert camera.project_jacobian(xyz)[1].shape == (4, 2, 3, 2, 3)
    assert camera.project(np.zeros((0, 3))).shape == (0, 2)
    assert camera.project(np.zeros(3)).shape == (2,)


def test_with_pose_moves_the_camera_alone():
    camera = camera_with(dist=PINHOLE[:8])
    moved = camera.with_pose(np.eye(3), np.array([0.0, 0.0, 2.0]))
    np.testing.assert_allclose(moved.center, [0, 0, -2])
    assert (moved.name, moved.size, moved.model) == (camera.name, camera.size, camera.model)
    np.testing.assert_array_equal(moved.dist, camera.dist)
    np.testing.assert_array_equal(moved.K, camera.K)


def test_a_camera_cannot_be_changed_through_the_arrays_it_was_made_of():
    mine = K.copy()
    camera = camera_with(K=mine)
    mine[0, 0] = 1
    assert camera.K[0, 0] == 1680
    with pytest.raises(ValueError, match="read-only"):
        camera.K[0, 0] = 1


def test_whole_floats_are_a_size():
    size = camera_with(size=[1088.0, 1920.0]).size
    assert size == (1088, 1920)
    assert all(type(side) is int for side in size)


NOT_A_ROTATION = "R is not a rotation"
BAD_CAMERAS = {
    "K with a NaN": ({"K": K * [[1, 1, np.nan], [1, 1, 1], [1, 1, 1]]}, "K holds a value that is not finite"),
    "infinite t": ({"t": [0, 0, np.inf]}, "t holds a value that is not finite"),
    "NaN distortion": ({"dist": [0.1, np.nan, 0, 0]}, "dist holds a value that is not finite"),
    "K of 3x2": ({"K": K[:, :2]}, r"K must be numbers of shape \(3, 3\)"),
    "K of words": ({"K": [["a"] * 3] * 3}, r"K must be numbers of shape \(3, 3\)"),
    "ragged R": ({"R": [[1, 0], [0, 1, 0], [0, 0, 1]]}, r"R must be numbers of shape \(3, 3\)"),
    "t of two": ({"t": [0, 0]}, r"t must be numbers of shape \(3,\)"),
    "no size": ({"size": (0, 0)}, "size must be"),
    "negative size": ({"size": (1088, -1920)}, r"size must be .* got \(.*-1920"),
    "half a pixel": ({"size": (1088.5, 1920)}, "size must be"),
    "three sizes": ({"size": (1088, 1920, 3)}, "size must be"),
    "NaN size": ({"size": (1088, np.nan)}, "size must be"),
    "negative focal length": ({"K": K * [[-1, 1, 1], [1, 1, 1], [1, 1, 1]]}, "focal lengths must be above zero, got"),
    "no focal length": ({"K": K * [[1, 1, 1], [1, 0, 1], [1, 1, 1]]}, "focal lengths must be above zero"),
    "skew": ({"K": K + np.array([[0, 2, 0], [0, 0, 0], [0, 0, 0]])}, "without skew"),
    "scaled K": ({"K": 2 * K}, "without skew"),
    "three coefficients": ({"dist": [0.1, 0.2, 0.3]}, "a pinhole lens has 0 or 4 or 5 .* got 3"),
    "five for a fisheye": ({"dist": np.zeros(5), "model": "fisheye"}, "a fisheye lens has 4 .* got 5"),
    "mirrored R": ({"R": np.diag([1, 1, -1])}, NOT_A_ROTATION),
    "scaled R": ({"R": 1.01 * np.eye(3)}, NOT_A_ROTATION),
    "zero R": ({"R": np.zeros((3, 3))}, NOT_A_ROTATION),
}


@pytest.mark.parametrize(("changes", "message"), BAD_CAMERAS.values(), ids=BAD_CAMERAS.keys())
def test_an_impossible_camera_is_refused_by_name_in_one_line(changes, message):
    with pytest.raises(CalibrationError, match=f"camera left: .*{message}") as caught:
        camera_with(**changes)
    assert "\n" not in str(caught.value)


def test_a_rotation_printed_with_four_digits_is_accepted():
    R = np.round(Rotation.from_rotvec([1.2, -0.7, 0.4]).as_matrix(), 4)
    np.testing.assert_array_equal(camera_with(R=R).R, R)


def test_an_unknown_lens_model_is_refused():
    with pytest.raises(CalibrationError, match=r"camera left: .*omnidirectional"):
        camera_with(dist=[0.1, 0, 0, 0], model="omnidirectional")
