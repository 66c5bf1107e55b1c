"""Noise whose tails are heavier than a Gaussian's, on points whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from lift3d.calib import InputError
from lift3d.consensus import GATE, find_consensus
from lift3d.datasets.synthetic import ring_rig
from lift3d.heavy_tails import estimate_tails, heed_tails
from lift3d.noise import NoiseModel, Tails
from lift3d.point_solver import observe
from lift3d.reconstruct import ReconstructConfig
from lift3d.triangulation import triangulate

CHI2_90 = 6.251
SYMMETRIC = [[0, 1, 2], [1, 3, 4], [2, 4, 5]]


def scene(rng, degrees, *, views=6, points=2000, sigma=3.0):
    """Points before a ring of cameras, with Student's t noise along the image plane."""
    rig = ring_rig(views)
    xyz = rng.uniform((-1, -1, 0), (1, 1, 2), (points, 3))
    xy = rig.project(xyz)
    noise = sigma * rng.normal(size=xy.shape)
    if np.isfinite(degrees):
        noise /= np.sqrt(rng.chisquare(degrees, xy.shape[:2]) / degrees)[..., None]
    return rig, xyz, xy + noise


def least_squares(xy, rig, found):
    """The same without heeding the tails."""
    return triangulate(xy, rig, noise=NoiseModel(found.noise.joint))


def error(found, xyz):
    """Mean distance to the truth, metres."""
    return np.nanmean(np.linalg.norm(found.xyz - xyz, axis=-1))


def coverage(found, xyz):
    """Share of the points whose 90 % ellipsoid holds the truth."""
    e = (found.xyz - xyz)[..., None]
    return ((e * np.linalg.solve(found.covariance[:, SYMMETRIC], e)).sum((1, 2)) < CHI2_90).mean()


def test_gaussian_noise_is_found_to_be_gaussian_and_nothing_changes(rng):
    rig, _, xy = scene(rng, np.inf)
    found = triangulate(xy, rig)
    assert found.noise.tails == Tails()
    np.testing.assert_array_equal(found.xyz, least_squares(xy, rig, found).xyz)


@pytest.mark.parametrize(("degrees", "gain"), [(3.0, 0.93), (4.0, 0.95), (6.0, 0.98)])
def test_heavy_tails_are_found_and_heeding_them_lowers_the_error(rng, degrees, gain):
    rig, xyz, xy = scene(rng, degrees)
    found = triangulate(xy, rig)
    assert degrees / 1.5 < found.noise.tails.degrees < degrees * 2
    assert error(found, xyz) < gain * error(least_squares(xy, rig, found), xyz)


@pytest.mark.parametrize("views", [4, 8])
def test_error_bars_are_right_under_heavy_tails(rng, views):
    rig, xyz, xy = scene(rng, 4.0, views=views)
    found = triangulate(xy, rig)
    assert 0.87 < coverage(found, xyz) < 0.93
    assert coverage(least_squares(xy, rig, found), xyz) < 0.86


def test_a_point_is_where_its_views_are_most_probable(rng):
    rig, _, xy = scene(rng, 3.0, points=10)
    obs = observe(xy, rig).with_noise(np.full(xy.shape[:2], 4.0))
    tails = Tails(4.0, 0.7)
    found = find_consensus(obs, GATE)
    for _ in range(5):
        found = heed_tails(obs, found, tails)
    for k in np.flatnonzero(found.inlier.sum(0) >= 3):
        used = found.inlier[:, k]

        def cost(p, k=k, used=used):
            chi2 = ((rig.project(p) - xy[:, k]) ** 2).sum(-1)[used] / (4.0 * 0.7) ** 2
            return (3.0 * np.log1p(chi2 / 4.0)).sum()

        best = minimize(cost, found.X[:, k], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).x
        assert np.linalg.norm(found.X[:, k] - best) < 5e-4  # of 15 mm noise


def test_one_view_that_is_somewhat_off_pulls_less(rng):
    rig, xyz, xy = scene(rng, np.inf, points=500, sigma=1.0)
    xy[0] += (3.5, 0.0)  # inside the gate
    plain, heeding = (
        triangulate(xy, rig, noise=NoiseModel(np.ones(1), tails=tails)) for tails in (Tails(), Tails(3.0))
    )
    off = [np.linalg.norm((p.xyz - xyz).mean(0)) for p in (plain, heeding)]
    assert off[1] < 0.6 * off[0]


def test_points_of_two_views_and_a_handful_of_points_stay_as_they_are(rng):
    rig, _, xy = scene(rng, 3.0, views=2, points=500)
    found = triangulate(xy, rig)
    assert found.noise.tails.gaussian
    tails = NoiseModel(found.noise.joint, tails=Tails(3.0))
    np.testing.assert_array_equal(triangulate(xy, rig, noise=tails).xyz, least_squares(xy, rig, found).xyz)
    rig, _, xy = scene(rng, 3.0, points=20)
    obs = observe(xy, rig).with_noise(np.full(xy.shape[:2], 4.0))
    assert estimate_tails(obs, find_consensus(obs), GATE).gaussian


@pytest.mark.parametrize("degrees", [np.inf, 4.0])
def test_a_law_that_is_asked_for_moves_the_points_and_its_error_bars_hold(rng, degrees):
    rig, xyz, xy = scene(rng, degrees, views=4)
    found = {law: triangulate(xy, rig, tails=law) for law in ("auto", "gaussian", "3", "cauchy")}
    residual = {law: np.nanmedian(np.linalg.norm(rig.project(f.xyz) - xy, axis=-1)) for law, f in found.items()}
    assert residual["cauchy"] < 0.9 * residual["3"] < 0.9 * residual["gaussian"]
    assert {law: f.noise.tails.degrees for law, f in found.items() if law != "auto"} == {
        "gaussian": np.inf, "3": 3.0, "cauchy": 1.0,
    }  # fmt: skip
    for law, f in found.items():
        assert 0.86 < coverage(f, xyz) < 0.94, law
    assert error(found["auto"], xyz) < 0.97 * error(found["cauchy"], xyz)


def test_asking_for_what_the_data_say_changes_nothing(rng):
    rig, _, xy = scene(rng, np.inf, points=500)
    found, asked = triangulate(xy, rig), triangulate(xy, rig, tails="gaussian")
    assert found.noise.tails.gaussian
    np.testing.assert_array_equal(found.covariance, asked.covariance)


@pytest.mark.parametrize("tails", ["Student", "", "0.5", "inf", float("nan"), -3, None])
def test_tails_that_there_are_not_are_refused(rng, tails):
    rig, _, xy = scene(rng, np.inf, points=20)
    with pytest.raises(InputError, match=r"auto, gaussian, cauchy or a number of degrees of freedom from 1 up, got"):
        triangulate(xy, rig, tails=tails)
    with pytest.raises(InputError, match="tails must be"):
        ReconstructConfig(tails=tails)


def test_the_file_says_how_heavy_the_tails_are():
    assert NoiseModel(np.ones(1)).as_dict()["degrees_of_freedom"] is None
    assert NoiseModel(np.ones(1), tails=Tails(5.0, 0.8)).as_dict()["degrees_of_freedom"] == 5.0
