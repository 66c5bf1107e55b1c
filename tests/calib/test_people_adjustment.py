"""Cameras from a moving person: extrinsics, repair, and who is off."""

from dataclasses import replace

import numpy as np
import pytest

from lift3d.calib import CalibrationError, InputError, Rig
from lift3d.calib.agreement import measure_agreement
from lift3d.calib.body_adjustment import Prior, adjust
from lift3d.calib.body_observations import BodyState, BodyViews, residuals, undo_lenses
from lift3d.calib.people_extrinsics import calibrate_from_person
from lift3d.calib.people_world import BodyParts, world_from_person
from lift3d.calib.repair import repair
from lift3d.calib.rotation import rotation_matrix, rotation_vector
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig

BODY = SKELETONS["body_25b"]
LIMBS = BODY.limb_bones
SIDES = ((0, 1), (2, 3), (4, 5), (6, 7))


def moved(camera, rng, degrees=1.0, metres=0.03):
    omega, step = rng.standard_normal((2, 3))
    R = rotation_matrix(omega / np.linalg.norm(omega) * np.radians(degrees)) @ camera.R
    return camera.with_pose(R, -R @ (camera.center + step / np.linalg.norm(step) * metres))


def with_moved(rig, v, rng, **how):
    return Rig(tuple(moved(camera, rng, **how) if k == v else camera for k, camera in enumerate(rig)))


def angle(a, b):
    return np.degrees(np.linalg.norm(rotation_vector(a.R @ b.R.T)))


def relative_error(rig, truth):
    """Largest error of a relative rotation in degrees; centres' RMS in metres after the best similarity."""
    V = len(rig)
    turns = [
        np.degrees(np.linalg.norm(rotation_vector(rig[j].R @ rig[i].R.T @ truth[i].R @ truth[j].R.T)))
        for i in range(V)
        for j in range(i)
    ]
    U, _, Vt = np.linalg.svd(sum(t.R.T @ c.R for t, c in zip(truth, rig, strict=True)))
    a = (rig.centers - rig.centers.mean(0)) @ (U @ Vt).T
    b = truth.centers - truth.centers.mean(0)
    scale = (a * b).sum() / (a * a).sum()
    return max(turns), np.sqrt(((scale * a - b) ** 2).sum(1).mean())


@pytest.fixture(scope="module")
def rig():
    return ring_rig(4)


@pytest.fixture(scope="module")
def person():
    return demo_people(8.0, 8.0)[:, 0]


@pytest.fixture(scope="module")
def views(rig, person):
    rng = np.random.default_rng(5)
    xy = rig.project(person).transpose(1, 0, 2, 3)
    xy += rng.standard_t(4, xy.shape)
    xy[rng.random(xy.shape[:-1]) < 0.1] = np.nan
    return BodyViews(xy, None, LIMBS, SIDES)


def test_the_derivatives_are_those_of_finite_differences(rig, person):
    rng = np.random.default_rng(0)
    xy = rig.project(person[:3]).transpose(1, 0, 2, 3) + rng.normal(0, 3, (3, 4, 25, 2))
    views = undo_lenses(BodyViews(xy, velocity=rng.normal(0, 5, xy.shape)), rig)
    state = BodyState.of_rig(rig, person[:3], np.zeros(0))
    found = residuals(views, state, derive=True)
    for parameter in range(9):
        step = np.zeros((4, 9))
        step[:, parameter] = 1e-6
        ends = [residuals(views, state.moved(s * step, np.zeros((3, 25, 3)), np.zeros(0))).e for s in (1, -1)]
        expected = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(found.J_camera[..., parameter], expected, rtol=1e-4, atol=1e-3)
    step = np.zeros((3, 25, 3))
    step[..., 1] = 1e-6
    ends = [residuals(views, state.moved(np.zeros((4, 9)), s * step, np.zeros(0))).e for s in (1, -1)]
    np.testing.assert_allclose(found.J_point[..., 1], (ends[0] - ends[1]) / 2e-6, rtol=1e-4, atol=1e-3)


def test_the_sparse_solution_is_that_of_scipys_dense_least_squares(rig, person):
    from scipy.optimize import least_squares

    rng = np.random.default_rng(1)
    part, points = Rig(rig.cameras[:3]), person[::30, :5]
    xy = part.project(points).transpose(1, 0, 2, 3) + rng.normal(0, 1, (len(points), 3, 5, 2))
    views = BodyViews(xy)
    prior = Prior.poses(3, rotation=np.radians(1.0), center=0.05)
    found = adjust(views, part, prior, rounds=12)
    ideal, start = undo_lenses(views, part), BodyState.of_rig(part, found.X, np.zeros(0))
    sd = np.r_[np.full(3, np.radians(1.0)), np.full(3, 0.05)]

    def cost(x):
        cameras = np.zeros((3, 9))
        cameras[:, :6] = x[:18].reshape(3, 6)
        e = residuals(ideal, start.moved(cameras, x[18:].reshape(points.shape), np.zeros(0))).e
        r2 = (e**2).sum(-1) / found.sigma**2
        robust = np.sqrt(3 * np.log1p(r2 / 3))  # Student's t with three degrees of freedom
        return np.concatenate([robust.ravel(), (cameras[:, :6] / sd).ravel()])

    dense = least_squares(cost, np.concatenate([found.moved[:, :6].ravel(), np.zeros(points.size)]), xtol=1e-14)
    cameras = dense.x[:18].reshape(3, 6)
    np.testing.assert_allclose(cameras, found.moved[:, :6], atol=2e-4)
    assert found.cost == pytest.approx(dense.cost, rel=1e-4)


def test_cameras_come_out_of_nothing_but_lenses_and_a_walk(rig, views):
    lenses = Rig(tuple(camera.with_pose(np.eye(3), np.zeros(3)) for camera in rig))
    found = calibrate_from_person(views, lenses)
    degrees, metres = relative_error(found.adjustment.rig, rig)
    assert degrees < 0.5
    assert metres < 0.02
    assert len(found.tree) == 3


def test_floor_up_and_scale_come_from_feet_and_stature(rig, person):
    turn = rotation_matrix(np.array([0.4, -0.8, 0.3]))
    parts = BodyParts(
        (BODY.index("left_shoulder"), BODY.index("right_shoulder")),
        (BODY.index("left_ankle"), BODY.index("right_ankle")),
        ((BODY.index("left_heel"), "heel"), (BODY.index("right_heel"), "heel")),
        tuple(
            (i, j, kind)
            for (i, j), kind in zip(LIMBS, np.repeat(["thigh", "shank", "upper_arm", "forearm"], 2), strict=True)
        ),
    )
    cameras = [c.with_pose(c.R @ turn.T, 0.5 * (c.t - 0.0)) for c in rig]
    found = world_from_person(Rig(tuple(cameras)), 0.5 * person @ turn.T, parts, stature=1.75)
    np.testing.assert_allclose(found.rig.centers[:, 2], rig.centers[:, 2], rtol=0.04, atol=0.05)
    assert found.scale == pytest.approx(2.0, rel=0.03)
    measured = np.linalg.norm(rig[0].center - rig[1].center)
    found = world_from_person(Rig(tuple(cameras)), 0.5 * person @ turn.T, parts, distance=("cam01", "cam02", measured))
    assert found.scale == pytest.approx(2.0, rel=1e-9)
    with pytest.raises(CalibrationError, match="the person's height or the distance"):
        world_from_person(rig, person, parts)


def test_the_one_camera_that_moved_is_named_and_put_back(rig, views):
    rng = np.random.default_rng(3)
    for v in (0, 2):
        found = repair(views, with_moved(rig, v, rng))
        assert found.moved == (rig.names[v],)
        assert angle(found.rig[v], rig[v]) < 0.3
        assert np.linalg.norm(found.rig[v].center - rig[v].center) < 0.02
        move = found.moves[v]
        assert move.rotation_deg == pytest.approx(1.0, abs=0.3)
        assert move.rotation_sigmas > 3
        assert found.after_px < found.before_px


def test_a_sound_rig_stays_and_nobody_is_named(rig, views):
    found = repair(views, rig)
    assert found.moved == ()
    assert found.standing.sure
    # Of 24 small numbers, the largest of a normal sample lies below four sigmas.
    assert max(max(move.rotation_sigmas, move.center_sigmas) for move in found.moves) < 5
    scale = np.linalg.norm(found.rig[0].center - found.rig[2].center) / np.linalg.norm(rig[0].center - rig[2].center)
    assert scale == pytest.approx(1.0, abs=0.003)


def test_cameras_said_to_have_moved_leave_the_world_to_the_others(rig, views):
    rng = np.random.default_rng(4)
    bad = with_moved(rig, 1, rng, degrees=3.0, metres=0.2)
    found = repair(views, bad, moved=["cam02"])
    assert angle(found.rig[1], rig[1]) < 0.3
    with pytest.raises(CalibrationError, match="nobody is no camera"):
        repair(views, rig, moved=["nobody"])
    with pytest.raises(CalibrationError, match="fewer than two"):
        repair(views, rig, moved=["cam01", "cam02", "cam03"])


def test_a_wrong_focal_length_is_found_where_asked_for(rig, views):
    K = rig[2].K.copy()
    K[[0, 1], [0, 1]] *= 1.02
    bad = Rig(tuple(replace(camera, K=K) if k == 2 else camera for k, camera in enumerate(rig)))
    found = repair(views, bad, focal_sd=0.01)
    assert found.moves[2].focal_percent == pytest.approx(-2.0, abs=0.8)
    assert found.rig[2].K[0, 0] == pytest.approx(K[0, 0] / 1.02, rel=0.008)


def test_the_views_without_the_wrong_camera_agree(rig, views):
    assert measure_agreement(views, rig).off is None
    found = measure_agreement(views, with_moved(rig, 3, np.random.default_rng(6), degrees=2.0))
    assert found.off == "cam04"
    assert np.nanargmin(found.without) == 3
    assert found.pair[0, 1] < found.pair[0, 3]


def test_views_that_share_too_little_are_named(rig, views):
    xy = views.xy.copy()
    xy[:, 3] = np.nan
    with pytest.raises(CalibrationError, match="cam04: too few joints"):
        calibrate_from_person(BodyViews(xy, None, LIMBS, SIDES), rig)
    with pytest.raises(InputError, match="4 views but the rig has 3"):
        repair(views, Rig(rig.cameras[:3]))
    with pytest.raises(InputError, match=r"\[T, V, J, 2\]"):
        BodyViews(np.zeros((3, 2)))
