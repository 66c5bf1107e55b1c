"""Cameras placed by known points, and clicks that cannot place them."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.calib import CalibrationError, Camera, InputError
from lift3d.calib.click_window import Clicks
from lift3d.calib.rotation import rotation_vector
from lift3d.calib.scene import read_clicks, read_points, solve_scene, write_clicks

K = np.array([[1600.0, 0, 560], [0, 1600, 940], [0, 0, 1]])
POINTS = {
    f"p{i}": np.array(xyz)
    for i, xyz in enumerate(
        [(-2, 0.3, 0), (-2, 0, 0), (-2, 0, 0.05), (-2, -0.3, 0), (0, 0.3, 0), (0, 0, 0), (0, 0, 0.05), (0, -0.3, 0)]
    )
}
CORNERS = {**POINTS, "high": np.array([-1.0, 1.0, 1.2]), "tall": np.array([-0.5, -0.8, 1.5])}


@pytest.fixture
def camera():
    center = np.array([2.6, 1.5, 1.8])
    z = np.array([-1.0, 0, 0.2]) - center
    z /= np.linalg.norm(z)
    x = np.cross(z, [0, 0, 1.0])
    x /= np.linalg.norm(x)
    R = np.stack([x, np.cross(z, x), z])
    return Camera("cam1", K, np.array([-0.05, 0.1, 0, 0, 0]), R, -R @ center, (1088, 1920))


def clicked(camera, points, rng, noise=0.0):
    return {name: camera.project(xyz) + rng.normal(0, noise, 2) for name, xyz in points.items()}


def turn(a, b):
    return np.degrees(np.linalg.norm(rotation_vector(a.R @ b.R.T)))


def test_exact_clicks_give_the_exact_place(camera, rng):
    found = solve_scene(camera.with_pose(np.eye(3), np.zeros(3)), CORNERS, clicked(camera, CORNERS, rng))
    np.testing.assert_allclose(found.camera.center, camera.center, atol=1e-6)
    assert turn(found.camera, camera) < 1e-5
    assert found.rms < 1e-6


def test_clicks_of_a_pixels_accuracy_give_the_place_within_its_error_bars(camera, rng):
    found = solve_scene(camera, CORNERS, clicked(camera, CORNERS, rng, 1.0))
    sigma = np.sqrt(np.diag(found.covariance))
    assert (np.abs(found.camera.t - camera.t) < 4 * sigma[3:]).all()
    assert np.linalg.norm(found.camera.center - camera.center) < 0.05


def test_a_wrong_click_is_named(camera, rng):
    clicks = clicked(camera, CORNERS, rng, 0.3)
    clicks["tall"] = clicks["tall"] + [60, -40]
    found = solve_scene(camera, CORNERS, clicks, choose_best=True)
    assert list(found.suspects) == ["tall"]
    assert found.suspects["tall"] == pytest.approx(72, abs=10)


def test_clicks_without_mistakes_name_nobody(camera, rng):
    assert not solve_scene(camera, CORNERS, clicked(camera, CORNERS, rng, 0.5)).suspects


def test_a_small_far_plane_has_two_places_and_is_refused(camera, rng):
    small = {
        f"q{i}": np.array([-1 + 0.1 * dx, 0.1 * dy, 0.3]) for i, (dx, dy) in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)])
    }
    clicks = clicked(camera, small, rng, 0.5)
    with pytest.raises(CalibrationError, match="2 places explain the clicks"):
        solve_scene(camera, small, clicks)
    assert len(solve_scene(camera, small, clicks, choose_best=True).others) >= 1


def test_too_few_points_and_points_on_a_line_are_refused(camera, rng):
    few = dict(list(CORNERS.items())[:3])
    with pytest.raises(CalibrationError, match="cam1: 3 points were clicked, 4 or more are needed"):
        solve_scene(camera, few, clicked(camera, few, rng))
    line = {f"l{i}": np.array([0.2 * i, 0.1 * i, 0.0]) for i in range(6)}
    with pytest.raises(CalibrationError, match="lie on one line"):
        solve_scene(camera, line, clicked(camera, line, rng))


def test_a_click_on_an_unknown_point_is_refused(camera):
    with pytest.raises(InputError, match="door were clicked but have no place"):
        solve_scene(camera, CORNERS, {"door": np.zeros(2)})


def test_clicks_come_back_from_their_file(tmp_path):
    clicks = {"cam1": {"a": np.array([1.25, 2.5])}, "cam2": {"a": np.array([3.0, 4.0])}}
    read = read_clicks(write_clicks(clicks, tmp_path / "clicks.csv"))
    assert {camera: list(own) for camera, own in read.items()} == {"cam1": ["a"], "cam2": ["a"]}
    np.testing.assert_allclose(read["cam1"]["a"], [1.25, 2.5])


def test_files_that_are_no_points_are_refused(tmp_path):
    file = tmp_path / "points.csv"
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_points(file)
    file.write_text("point,x,y\na,1,2\n")
    with pytest.raises(InputError, match="must have the columns point, x, y, z"):
        read_points(file)
    file.write_text("point,x,y,z\na,1,2,three\n")
    with pytest.raises(InputError, match="a must have numbers in x, y, z"):
        read_points(file)
    file.write_text("point,x,y,z\na,1,2,3\na,1,2,3\n")
    with pytest.raises(InputError, match="stands twice"):
        read_points(file)


def test_clicks_can_be_skipped_and_undone():
    clicks = Clicks(["a", "b", "c"])
    clicks.click(1, 2)
    clicks.skip()
    clicks.back()
    clicks.click(3, 4)
    assert clicks.current == "c"
    clicks.skip()
    assert clicks.current is None
    assert list(clicks.found()) == ["a", "b"]
