import numpy as np
import pytest

from lift3d.calib import CalibrationError, Camera, Rig


def camera(name, x=0.0):
    K = np.array([[800.0, 0, 320], [0, 800, 240], [0, 0, 1]])
    return Camera(name, K, dist=np.array([-0.1, 0.02, 1e-3, 0, 0]), t=np.array([x, 0.0, 3.0]), size=(640, 480))


@pytest.fixture
def rig():
    return Rig((camera("a"), camera("c", 0.5), camera("b", -0.5)))


def test_a_rig_keeps_its_order_and_finds_cameras_by_name_and_place(rig):
    assert rig.names == ("a", "c", "b")
    assert len(rig) == 3
    assert [one.name for one in rig] == ["a", "c", "b"]
    assert rig["b"] is rig[2] is rig[-1]


def test_a_name_that_is_not_there_is_answered_with_those_that_are(rig):
    with pytest.raises(KeyError, match="no camera d; there are a, c, b"):
        rig["d"]


def test_select_reorders(rig):
    assert rig.select(["b", "a"]).names == ("b", "a")
    with pytest.raises(KeyError, match="no camera d"):
        rig.select(["a", "d"])


def test_two_cameras_of_one_name_are_refused():
    with pytest.raises(CalibrationError, match="two cameras of the calibration are called b"):
        Rig((camera("a"), camera("b"), camera("b")))


def test_a_list_of_cameras_becomes_a_tuple():
    cameras = [camera("a")]
    rig = Rig(cameras)
    cameras.append(camera("b"))
    assert rig.names == ("a",)


def test_projection_and_its_inverse_go_camera_by_camera(rig):
    xyz = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 5, 3))
    xy = rig.project(xyz)
    assert xy.shape == (3, 4, 5, 2)
    xy_norm = rig.undistort(xy)
    for i, one in enumerate(rig):
        np.testing.assert_array_equal(xy[i], one.project(xyz))
        np.testing.assert_array_equal(xy_norm[i], one.undistort(xy[i]))


def test_undistort_refuses_views_that_are_not_the_rigs(rig):
    with pytest.raises(ValueError, match=r"shorter|longer"):
        rig.undistort(np.zeros((2, 5, 2)))


def test_centers_are_in_the_rigs_order(rig):
    np.testing.assert_allclose(rig.centers, [[0, 0, -3], [-0.5, 0, -3], [0.5, 0, -3]])
    assert Rig(()).centers.shape == (0, 3)
