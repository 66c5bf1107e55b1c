"""Fixed points of the scene in a repair by people: they hold the world, and clicks that are slips are named."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares

from lift3d.calib import CalibrationError, InputError, Rig
from lift3d.calib.body_observations import BodyState, BodyViews, residuals
from lift3d.calib.repair import repair
from lift3d.calib.rotation import rotation_matrix, rotation_vector
from lift3d.calib.static_points import StaticPoints, StaticTerms
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import demo_people, ring_rig

NAMES = ("mat", "post", "lamp", "door", "box", "peg", "dot", "bolt")
PLACES = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0.1], [-1, 1, 0], [0, 0, 1], [0.5, -0.6, 0.4], [-0.4, 0.8, 0.2],
                   [0.2, 0.3, 0]])  # fmt: skip
KNOWN = 6  # the last two have no known place
OFF = 2


def shifted(camera, rng, degrees, metres):
    omega, step = rng.standard_normal((2, 3))
    R = rotation_matrix(omega / np.linalg.norm(omega) * np.radians(degrees)) @ camera.R
    return camera.with_pose(R, -R @ (camera.center + step / np.linalg.norm(step) * metres))


def clicked(rig, rng, noise=1.5):
    xy = rig.project(PLACES)
    xy = xy + rng.normal(0, noise, xy.shape)
    xyz = PLACES.copy()
    xyz[KNOWN:] = np.nan
    return StaticPoints(NAMES, xy, xyz)


@pytest.fixture(scope="module")
def rig():
    return ring_rig(4)


@pytest.fixture(scope="module")
def views(rig):
    rng = np.random.default_rng(5)
    xy = rig.project(demo_people(5.0, 3.0)[:, 0, :17]).transpose(1, 0, 2, 3)
    return BodyViews(xy + rng.standard_t(4, xy.shape), None, SKELETONS["body_25b"].limb_bones)


@pytest.fixture(scope="module")
def all_off(rig):
    """Every camera is off by 0.4 degree and 3 cm."""
    rng = np.random.default_rng(7)
    return Rig(tuple(shifted(camera, rng, 0.4, 0.03) for camera in rig))


def with_knocked(rig, rng):
    return Rig(tuple(shifted(camera, rng, 1.0, 0.03) if v == OFF else camera for v, camera in enumerate(rig)))


def apart(a, b):
    return np.degrees(np.linalg.norm(rotation_vector(a.R @ b.R.T))), np.linalg.norm(a.center - b.center)


def test_the_equations_are_those_of_a_cost_with_the_points_at_their_best(rig):
    rng = np.random.default_rng(0)
    terms = StaticTerms(clicked(rig, rng), rig)
    terms.trust = 3.0
    state = BodyState.of_rig(rig, np.zeros((0, 0, 3)), np.zeros(0))
    state = state.moved(rng.normal(0, 0.003, (4, 9)) * (np.arange(9) < 7), np.zeros((0, 0, 3)), np.zeros(0))
    _, g, cost = terms.terms(state)

    def robust(x):
        X = np.concatenate([PLACES[:KNOWN], x.reshape(-1, 3)])
        r2 = (residuals(terms.ideal, replace(state, X=X[None])).e ** 2).sum(-1) / terms.sigma**2
        return np.sqrt(3 * terms.trust * np.log1p(r2 / 3)).ravel()

    assert cost == pytest.approx(least_squares(robust, PLACES[KNOWN:].ravel(), xtol=1e-14).cost, rel=1e-8)
    for parameter in range(7):
        step = np.zeros((4, 9))
        step[1, parameter] = 1e-6
        ends = [terms.terms(state.moved(s * step, np.zeros((0, 0, 3)), np.zeros(0)))[2] for s in (1, -1)]
        assert g[9 + parameter] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-2)


def test_in_a_rig_whose_cameras_are_all_off_known_points_name_who_was_knocked_and_hold_the_world(rig, views, all_off):
    static = clicked(rig, np.random.default_rng(1))
    untouched = repair(views, all_off, static=static)
    knocked = with_knocked(all_off, np.random.default_rng(8))
    found = repair(views, knocked, static=static)
    assert found.anchored
    assert rig.names[OFF] in found.moved
    for new, true, move, before in zip(found.rig, rig, found.moves, untouched.rig, strict=True):
        degrees, metres = apart(new, before)
        assert degrees < 0.03
        assert metres < 0.0015
        assert np.linalg.norm(new.center - true.center) < 4 * move.center_sd_cm / 100


def test_a_sound_rig_moves_nobody_and_one_that_was_knocked_is_named_alone(rig, views):
    rng = np.random.default_rng(2)
    static = clicked(rig, rng)
    sound = repair(views, rig, static=static)
    assert sound.moved == ()
    assert sound.standing.sure
    assert repair(views, with_knocked(rig, rng), static=static).moved == (rig.names[OFF],)


def test_a_slip_of_the_hand_is_named_and_does_little_harm(rig, views):
    static = clicked(rig, np.random.default_rng(3))
    static.xy[1, 4] += [50, -30]
    found = repair(views, rig, static=static)
    (bad,) = found.adjustment.clicks.bad
    assert (bad.camera, bad.point) == (rig.names[1], "box")
    assert bad.off_px == pytest.approx(np.hypot(50, 30), abs=6)
    assert found.moved == ()
    off = np.linalg.norm(found.rig.centers - rig.centers, axis=1)
    assert (off < [3 * move.center_sd_cm / 100 for move in found.moves]).all()


def test_points_that_cannot_hold_the_world_are_refused(rig, views):
    static = clicked(rig, np.random.default_rng(4))
    few = static.xyz.copy()
    few[2:] = np.nan
    with pytest.raises(CalibrationError, match="2 points of known place are clicked; 3 or more"):
        repair(views, rig, static=StaticPoints(NAMES, static.xy, few))
    line = np.linspace(0, 1, len(NAMES))[:, None] * [1.0, 2.0, 0.5]
    with pytest.raises(CalibrationError, match="8 points of known place are clicked and lie on one line"):
        repair(views, rig, static=StaticPoints(NAMES, rig.project(line), line))
    with pytest.raises(InputError, match="metres in the calibration's own world"):
        repair(views, rig, static=StaticPoints(NAMES, static.xy, 1000 * static.xyz))
    with pytest.raises(InputError, match=r"must be \[V, 8, 2\] pixels"):
        StaticPoints(NAMES, static.xy[:, :5], static.xyz)


def test_points_of_unknown_place_make_the_shape_surer_and_leave_the_world_to_the_old_places(rig, views):
    static = clicked(rig, np.random.default_rng(6), noise=1.0)
    static.xyz[:] = np.nan
    noise = 8 * np.random.default_rng(9).standard_t(4, views.xy.shape)
    poor = BodyViews(views.xy + noise, None, views.bones)
    alone, helped = repair(poor, rig), repair(poor, rig, static=static)
    assert not helped.anchored
    assert helped.adjustment.clicks.others == len(NAMES)
    assert sum(move.center_sd_cm for move in helped.moves) < 0.8 * sum(move.center_sd_cm for move in alone.moves)
