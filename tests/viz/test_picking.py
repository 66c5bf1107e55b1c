import numpy as np
import pytest

from lift3d.datasets import Keypoints
from lift3d.datasets.poses import Status
from lift3d.viz.picking import Picked, angle_deg, joint_lines, marks_mesh, measure_lines, pick_joint, position
from lift3d.viz.scene import build_comparison, build_scene

SIZE = (640, 400)


@pytest.fixture
def scene(walkers):
    return build_scene(walkers(2))


def test_the_joint_under_the_mouse_is_found(scene):
    view = scene.viewpoint("three-quarter", size=SIZE)
    xy, _ = view.project(scene.poses.xyz[3])
    for person in (0, 1):
        wrist = scene.poses.skeleton.index("left_wrist")
        assert pick_joint(scene, 3, view, tuple(xy[person, wrist] + 2)) == Picked(0, person, wrist)
    assert pick_joint(scene, 3, view, (5.0, 5.0)) is None


def test_of_joints_behind_each_other_the_nearest_is_taken(walkers):
    poses = walkers(2)
    view = build_scene(poses).viewpoint("side", size=SIZE)
    poses.xyz[0, 1, 13] = poses.xyz[0, 0, 13] + 0.5 * (view.center - poses.xyz[0, 0, 13])
    xy, _ = view.project(poses.xyz[0, 0, 13])
    assert pick_joint(build_scene(poses), 0, view, tuple(xy)) == Picked(0, 1, 13)


def test_missing_joints_cannot_be_picked(walkers):
    poses = walkers()
    scene = build_scene(poses)
    view = scene.viewpoint("front", size=SIZE)
    xy, _ = view.project(poses.xyz[0, 0, 10])
    poses.status[0, 0, 10] = Status.MISSING
    found = pick_joint(scene, 0, view, tuple(xy))
    assert found is None or found.joint != 10
    assert np.isnan(position(scene, 0, Picked(0, 0, 10))).all()
    assert joint_lines(scene, 0, Picked(0, 0, 10))[-1] == "missing in this frame"


def test_of_several_results_the_right_one_is_named(walkers):
    other = walkers().replace(xyz=walkers().xyz + [0.0, 0.7, 0.0])
    scene = build_comparison({"a": walkers(), "b": other})
    view = scene.viewpoint("front", size=SIZE)
    xy, _ = view.project(other.xyz[0, 0, 10])
    assert pick_joint(scene, 0, view, tuple(xy)) == Picked(1, 0, 10)
    assert joint_lines(scene, 0, Picked(1, 0, 10))[0].endswith(", b")


def test_what_is_known_of_a_joint_is_told(walkers):
    poses = walkers(2, 2)
    xy = np.moveaxis(poses.rig.project(poses.xyz), 0, 1) + [3.0, 4.0]  # [T, V, P, J, 2]
    xy[:, 3] = np.nan
    used = np.ones(xy.shape[:-1], bool)
    used[:, 1] = False
    names = poses.rig.names
    covariance = np.zeros((*poses.status.shape, 6))
    covariance[..., [0, 3, 5]] = np.square([0.004, 0.005, 0.006])
    poses = poses.replace(
        keypoints=Keypoints(xy, np.ones(xy.shape[:-1]), names, poses.skeleton, 60.0, np.arange(2)),
        used=used,
        covariance=covariance,
        reprojection_error=np.full(poses.status.shape, 5.0),
        views=np.full(poses.status.shape, 2, np.uint8),
    )
    x, y, z = poses.xyz[1, 1, 13]
    assert joint_lines(build_scene(poses), 1, Picked(0, 1, 13)) == [
        "left wrist, person 2",
        f"x {x:+.3f}  y {y:+.3f}  z {z:+.3f} m",
        "sigma x 4.0  y 5.0  z 6.0 mm",
        "observed, confidence 1.00",
        "5.0 px from 2 views",
        f"{names[0]} 5.0 px",
        f"({names[1]} 5.0 px, not used)",
        f"{names[2]} 5.0 px",
        f"{names[3]} -",
    ]


def test_distances_and_angles_are_measured():
    a, b, c = np.array([1.0, 0, 0]), np.zeros(3), np.array([0, 0, 2.0])
    assert measure_lines([b, c]) == ["distance 2.000 m", "+90.0 deg from the horizontal"]
    assert measure_lines([a, b, c]) == ["distance 1.000 m", "distance 2.000 m", "angle 90.0 deg at the second"]
    assert measure_lines([a]) == []
    assert measure_lines([a, np.full(3, np.nan)]) == []
    assert angle_deg(a, b, a) == 0
    assert angle_deg(a, b, -a) == pytest.approx(180)
    assert np.isnan(angle_deg(a, a, b))


def test_picked_joints_are_ringed_and_joined():
    one = marks_mesh([np.zeros(3)], 1.0)
    two = marks_mesh([np.zeros(3), np.array([0, 0, 1.0])], 1.0)
    assert len(two.faces) > 2 * len(one.faces)  # the line
    assert np.abs(one.vertices).max() < 0.06
    assert len(marks_mesh([np.full(3, np.nan)], 1.0).faces) == 0
