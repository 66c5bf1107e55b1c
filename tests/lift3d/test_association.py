"""Detections of several views sorted into people, frame by frame."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lift3d.calib.triangulation import triangulate_linear
from lift3d.datasets import Keypoints
from lift3d.datasets.body import Body
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig
from lift3d.pairing import agreed_person, check_pairing
from lift3d.people_search import find_people
from lift3d.tracking import assign_by_view
from lift3d.view_matching import (
    SightBlock,
    Views,
    body_extent,
    body_middle,
    intersect_rays,
    match_bodies,
    pair_affinity,
)


def standing(*places, stature=1.75):
    """Bodies [P, 25, 3] standing at (x, y), turned differently."""
    body = Body(stature)
    return np.stack([turned(body.place({}, np.array([[x, y, 0.93]]))[0], (x, y), k) for k, (x, y) in enumerate(places)])


def turned(xyz, place, angle):
    c, s = np.cos(angle), np.sin(angle)
    offset = np.array([*place, 0.0])
    return (xyz - offset) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + offset


def sights_of(xyz, rig, rng, *, sigma=1.0, hide=()):
    """One frame's detections of bodies [P, J, 3] in random order, and whom each shows; (view, person) may be hidden."""
    V, P = len(rig), len(xyz)
    order = np.stack([rng.permutation(P) for _ in range(V)])
    xy = rig.project(xyz)
    xy = xy + rng.normal(0, sigma, xy.shape)
    xy = np.take_along_axis(xy, order[:, :, None, None], 1)
    confidence = np.ones(xy.shape[:-1])
    for v, p in hide:
        confidence[v, order[v] == p] = 0
    sights = SightBlock.of(xy[None], confidence[None], rig, 0.2).frame(0)
    return sights, order[sights.view, sights.candidate]


@pytest.fixture
def rig():
    return ring_rig(4)


def groups(found, who):
    """Whom each person found consists of."""
    return [{int(who[m]) for m in mine if m >= 0} for mine in found.members]


def test_rays_meet_where_linear_triangulation_says(rig, rng):
    xyz = standing((0, 0))
    sights, _ = sights_of(xyz, rig, rng, sigma=0.5)
    X, rays = intersect_rays(sights, Views.of(rig), np.arange(4)[None])
    expected = triangulate_linear(sights.ideal, rig)
    np.testing.assert_allclose(X[0], expected, atol=2e-3)  # rays weigh views by distance in space, the other by angle
    assert (rays == 4).all()
    np.testing.assert_allclose(X[0], xyz[0], atol=0.01)


def test_a_joint_on_one_ray_or_parallel_rays_is_nowhere(rig, rng):
    sights, _ = sights_of(standing((0, 0)), rig, rng)
    alone = np.array([[0, -1, -1, -1]])
    assert np.isnan(intersect_rays(sights, Views.of(rig), alone)[0]).all()
    twice = sights.take(np.array([0, 0]))
    twice.view[:] = 0, 1  # the same ray from another place never comes closer
    assert np.isnan(intersect_rays(twice, Views.of(rig), np.array([[0, 1, -1, -1]]))[0]).all()


def test_everybody_is_found_whole_and_apart(rig, rng):
    places = [(0, 0), (0.8, 0.3), (-0.9, 0.5), (0.2, -1.0), (-0.4, 1.2)]
    sights, who = sights_of(standing(*places), rig, rng, sigma=2.0)
    found = find_people(sights, Views.of(rig))
    assert sorted(map(tuple, groups(found, who))) == [(p,) for p in range(5)]
    assert (found.members >= 0).all()
    assert (np.diff(found.support) <= 0).all()


def test_missing_people_leave_no_gap_and_false_ones_stay_alone(rig, rng):
    xyz = standing((0, 0), (1.0, 0.2), (-1.0, -0.6))
    hide = [(0, 0), (1, 1), (2, 2), (3, 2)]
    false = [(v, 3) for v in (1, 2, 3)]  # a fourth body that one camera alone reports
    sights, who = sights_of(np.concatenate([xyz, standing((0.5, 1.5))]), rig, rng, hide=hide + false)
    found = find_people(sights, Views.of(rig))
    assert sorted(map(tuple, groups(found, who))) == [(0,), (1,), (2,)]


def test_no_detection_belongs_to_two_people(rig, rng):
    xyz = standing((0, 0), (0.25, 0.1), (-0.2, 0.2))  # shoulder to shoulder
    found = find_people(sights_of(xyz, rig, rng, sigma=3.0)[0], Views.of(rig))
    used = found.members[found.members >= 0]
    assert len(used) == len(set(used.tolist()))


def test_detections_of_one_view_are_nobody(rig, rng):
    sights, _ = sights_of(standing((0, 0), (1, 0)), rig, rng)
    alone = sights.take(sights.view == 0)
    assert not pair_affinity(alone, Views.of(rig)).any()
    assert len(find_people(alone, Views.of(rig)).X) == 0
    assert len(find_people(sights.take(np.zeros(0, int)), Views.of(rig)).X) == 0


def test_affinity_is_symmetric_and_high_for_the_same_person_only(rig, rng):
    sights, who = sights_of(standing((0, 0), (1.2, 0.6)), rig, rng)
    affinity = pair_affinity(sights, Views.of(rig))
    np.testing.assert_array_equal(affinity, affinity.T)
    across = sights.view[:, None] != sights.view[None]
    same = who[:, None] == who[None]
    assert affinity[across & same].min() > 0.8
    assert affinity[across & ~same].max() < 0.6
    assert not affinity[~across].any()


def test_an_opinion_on_appearance_decides_between_people_whom_geometry_confuses(rng):
    # Two cameras, two people at the same height in one epipolar plane: every pairing is consistent.
    rig = ring_rig(2)
    xyz = standing((0.5, 0.5), (-0.5, -0.5))
    xyz[1] = xyz[0] + np.array([-1.0, -1.0, 0.0])
    sights, who = sights_of(xyz, rig, rng, sigma=0.1)
    likes = np.where(who[:, None] == who[None], 0.0, -1.0)
    found = find_people(sights, Views.of(rig), likes)
    assert all(len(group) == 1 for group in groups(found, who))
    dislikes = np.where(who[:, None] == who[None], -1.0, 0.0)
    assert all(len(group) != 1 for group in groups(find_people(sights, Views.of(rig), dislikes), who))


def test_votes_are_one_in_place_and_none_far_off(rig, rng):
    xyz = standing((0, 0), (2.5, 0))
    sights, who = sights_of(xyz, rig, rng, sigma=0.0)
    votes, exchanged = match_bodies(xyz, sights, Views.of(rig))
    np.testing.assert_allclose(votes[who, np.arange(len(who))], 1.0, atol=1e-6)
    assert votes[1 - who, np.arange(len(who))].max() < 0.2
    assert not exchanged.any()


def test_a_mirrored_detection_still_belongs_to_its_person(rig, rng):
    from lift3d.datasets.detections import mirror_joints
    from lift3d.datasets.skeleton import SKELETONS

    mirror = mirror_joints(SKELETONS["body_25b"])
    xyz = standing((0, 0))
    sights, _ = sights_of(xyz, rig, rng)
    front = int(np.argmax([np.ptp(rig.cameras[v].project(xyz[0])[[5, 6], 0]) for v in range(4)]))
    changed = sights.mirrored(sights.view == front, mirror)
    plain, _ = match_bodies(xyz, changed, Views.of(rig))
    votes, exchanged = match_bodies(xyz, changed, Views.of(rig), mirror=mirror)
    assert plain[0, front] < 0.6
    assert votes[0, front] > 0.85
    assert exchanged[0].tolist() == (sights.view == front).tolist()


def test_assignment_is_the_best_of_all_permutations(rng):
    value = rng.random((4, 6)) * (rng.random((4, 6)) > 0.3)
    view = np.array([0, 0, 0, 1, 1, 1])
    members = assign_by_view(value, view, 2)
    for v in range(2):
        own = np.flatnonzero(view == v)
        mine = sum(value[k, members[k, v]] for k in range(4) if members[k, v] >= 0)
        best = max(
            sum(value[k, own[n]] for n, k in enumerate(order)) for order in itertools.permutations(range(4), len(own))
        )
        assert mine == pytest.approx(best)
        assert all(value[k, members[k, v]] > 0 for k in range(4) if members[k, v] >= 0)


def test_a_body_has_its_size_whatever_one_joint_does():
    xyz = standing((1.0, 2.0))
    wild = xyz.copy()
    wild[0, 3] = 50.0
    assert body_extent(xyz)[0] == pytest.approx(1.5, abs=0.4)
    assert body_extent(wild)[0] == pytest.approx(body_extent(xyz)[0], rel=0.1)
    np.testing.assert_allclose(body_middle(xyz)[0, :2], (1.0, 2.0), atol=0.15)
    assert np.isnan(body_middle(np.full((1, 25, 3), np.nan))).all()


def test_exchanged_cameras_are_found_in_a_crowd(rig, rng):
    places = [(x, y) for x in (-1.6, -0.6, 0.5, 1.5) for y in (-1.1, 0.4)]
    frames = []
    for _ in range(10):
        xyz = standing(*[(x + dx, y + dy) for (x, y), (dx, dy) in zip(places, rng.normal(0, 0.2, (8, 2)), strict=True)])
        order = np.stack([rng.permutation(8) for _ in rig])
        frames.append(np.take_along_axis(rig.project(xyz), order[:, :, None, None], 1))
    xy = np.stack(frames)
    keypoints = Keypoints(xy, np.isfinite(xy[..., 0]).astype(float), rig.names, SKELETONS["body_25b"], 10.0)
    assert check_pairing(keypoints, rig, agreed_person(keypoints, rig)).message == ""
    order = [0, 2, 1, 3]
    wrong = Keypoints(xy[:, order], keypoints.confidence[:, order], rig.names, keypoints.skeleton, 10.0)
    report = check_pairing(wrong, rig, agreed_person(wrong, rig))
    assert "cam02 and cam03 exchanged their keypoints" in report.message
