import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.synthetic import demo_people, ring_rig


@pytest.mark.parametrize("n_cameras", [1, 2, 3, 4, 8, 16])
def test_every_camera_of_a_ring_sees_the_target_upright(n_cameras):
    rig = ring_rig(n_cameras)
    assert len(rig) == n_cameras
    low, high = rig.project(np.array([0.0, 0.0, 0.0])), rig.project(np.array([0.0, 0.0, 1.7]))
    for camera, feet, head in zip(rig, low, high, strict=True):
        assert abs(feet[0] - head[0]) < 25
        assert head[1] < camera.size[1] / 2 < feet[1]
        ahead = camera.project(camera.center + camera.R[2])
        np.testing.assert_allclose(ahead, camera.principal_point, atol=1e-9)
        assert 2.0 <= camera.center[2] <= 3.0
        assert np.hypot(*camera.center[:2]) == pytest.approx(5.0)


def test_cameras_of_a_ring_all_differ():
    rig = ring_rig(16)
    for values in ([c.K[0, 0] for c in rig], [c.dist[0] for c in rig], [c.center[2] for c in rig]):
        assert np.diff(np.sort(values)).min() > 1e-4
    assert all(-0.24 < c.dist[0] < -0.16 and c.dist[4] == 0 and c.dist[2:4].all() for c in rig)


def test_two_cameras_are_not_opposite_each_other():
    a, b = ring_rig(2).centers
    assert abs(a[:2] @ b[:2]) < 1e-9


def test_the_lens_has_an_inverse_all_over_the_picture():
    for camera in ring_rig(4, size=(1920, 1080)):
        xy = np.stack(np.meshgrid(np.linspace(0, 1919, 9), np.linspace(0, 1079, 9)), axis=-1)
        assert np.isfinite(camera.undistort(xy)).all()
        assert np.abs(camera.undistort(xy)).max() < 1.2


def test_the_demo_person_is_in_all_pictures_and_the_passer_by_comes_and_goes():
    rig, people = ring_rig(4), demo_people(10.0, 10.0)
    xy = rig.project(people)  # [V, T, P, J, 2]
    inside = ((xy > 0) & (xy < np.array(rig[0].size))).all(-1).mean((1, 3))
    assert inside[:, 0].min() > 0.95
    assert 0.1 < inside[:, 1].min() < inside[:, 1].max() < 0.9
    gap = np.linalg.norm(people[:, 0, :, None, :2] - people[:, 1, None, :, :2], axis=-1)
    assert gap.min() > 1.5
    assert people[:, 1, :, 1].min() > 2.0


def test_a_ring_needs_a_camera():
    with pytest.raises(InputError, match="a ring needs cameras and a radius above zero, got 0 cameras on 5 m"):
        ring_rig(0)
