"""People kept apart through time: identities, absences, ghosts, and who counts."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.association import associate
from lift3d.calib import InputError
from lift3d.datasets import Keypoints
from lift3d.datasets.body import Body
from lift3d.datasets.capture import open_capture
from lift3d.datasets.gait import Program, perform
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig
from lift3d.identities import Track, join_pieces
from lift3d.people import PeopleConfig, follow_people
from lift3d.people_summary import left_out_rows, movement
from lift3d.reconstruct import ReconstructConfig, confident, reconstruct
from lift3d.track_state import BodyStates

FPS = 20.0


def walk(frames, start, toward, *, stature=1.75):
    """A person [T, 25, 3] who walks from one (x, y) to another at even speed."""
    start, toward = np.array(start, float), np.array(toward, float)
    step = (toward - start) / max(frames - 1, 1)
    time = np.arange(frames) / FPS
    whole = np.ones(frames)
    xyz = perform(Program(time, whole, 0 * whole, np.arctan2(*step[::-1]) * whole), Body(stature))
    xyz[..., :2] -= xyz.mean(1, keepdims=True)[..., :2]
    return xyz + np.concatenate([start + step * np.arange(frames)[:, None], np.zeros((frames, 1))], 1)[:, None]


def detect(truth, rig, rng, *, sigma=2.0, misses=0.0, hide=None):
    """Keypoints of truth [T, P, 25, 3] in random order, and whom each candidate shows [T, V, P], -1 nobody.

    ``hide`` [T, V, P] are people whom a view does not report.
    """
    xy = np.moveaxis(rig.project(truth), 0, 1)
    xy = xy + rng.normal(0, sigma, xy.shape)
    seen = np.isfinite(xy[..., 0]) & (rng.random(xy.shape[:3]) >= misses)[..., None]
    if hide is not None:
        seen &= ~hide[..., None]
    order = np.argsort(rng.random(seen.shape[:3]), axis=2)
    xy, seen = (np.take_along_axis(a, order.reshape(*order.shape, *[1] * (a.ndim - 3)), 2) for a in (xy, seen))
    keypoints = Keypoints(xy, seen.astype(float), rig.names, SKELETONS["body_25b"], FPS)
    return keypoints, np.where(seen.any(-1), order, -1)


def shown(found, who):
    """[T, V, P] whom each person's detections show, -1 for none."""
    index = found.association.index
    return np.where(index >= 0, np.take_along_axis(who, np.maximum(index, 0), 2), -1)


def identities(found, who):
    """Whom each column shows: the set of truths."""
    people = shown(found, who)
    return [set(np.unique(people[:, :, p][people[:, :, p] >= 0])) for p in range(people.shape[2])]


@pytest.fixture(scope="module")
def rig():
    return ring_rig(4)


@pytest.fixture(scope="module")
def crossing():
    return np.stack(
        [
            walk(60, (-1.5, 0.1), (1.5, -0.1)),
            walk(60, (1.5, 0.2), (-1.5, 0.0), stature=1.65),
            walk(60, (0.0, -1.6), (0.1, 1.6), stature=1.85),
        ],
        axis=1,
    )


def test_people_who_cross_keep_their_identities(rig, rng, crossing):
    keypoints, who = detect(crossing, rig, rng, misses=0.2)
    found = follow_people(keypoints, rig)
    assert sorted(map(tuple, identities(found, who))) == [(0,), (1,), (2,)]
    reported = sum((who == p).any(2).sum() for p in range(3))
    assert (found.association.index >= 0).sum() > 0.98 * reported
    assert not found.left_out


def test_every_detection_is_used_once(rig, rng, crossing):
    keypoints, _ = detect(crossing, rig, rng, misses=0.1)
    index = follow_people(keypoints, rig).association.index
    for a in range(index.shape[2]):
        for b in range(a):
            assert not ((index[..., a] == index[..., b]) & (index[..., a] >= 0)).any()


def test_a_short_absence_does_not_change_who_it_is(rig, rng, crossing):
    hide = np.zeros((60, 4, 3), bool)
    hide[25:38, :, 1] = True  # 0.65 s, while the others cross
    keypoints, who = detect(crossing, rig, rng, hide=hide)
    found = follow_people(keypoints, rig)
    assert sorted(map(tuple, identities(found, who))) == [(0,), (1,), (2,)]


def test_who_leaves_and_comes_back_is_the_same_person(rig, rng):
    there, back = walk(40, (-1.0, 0), (2.2, 0)), walk(40, (2.2, 0.3), (-1.0, 0.5))
    away = np.full((50, 25, 3), np.nan)  # 2.5 s
    truth = np.stack([np.concatenate([there, away, back]), walk(130, (-1.5, -1.0), (1.5, -1.2), stature=1.6)], axis=1)
    keypoints, who = detect(truth, rig, rng)
    assert sorted(map(tuple, identities(follow_people(keypoints, rig), who))) == [(0,), (1,)]


def test_somebody_else_who_comes_in_is_another_person(rig, rng):
    one, other = walk(40, (-1.0, 0), (2.2, 0), stature=1.9), walk(40, (2.2, 0.3), (-1.0, 0.5), stature=1.55)
    truth = np.full((130, 2, 25, 3), np.nan)
    truth[:40, 0], truth[90:, 1] = one, other
    keypoints, who = detect(truth, rig, rng)
    assert sorted(map(tuple, identities(follow_people(keypoints, rig), who))) == [(0,), (1,)]


def test_who_enters_half_way_is_there_from_then_on(rig, rng):
    truth = np.stack([walk(60, (-1, 0), (1, 0)), walk(60, (0, 1.2), (0.5, -1.2))], axis=1)
    truth[:30, 1] = np.nan
    keypoints, who = detect(truth, rig, rng)
    people = shown(follow_people(keypoints, rig), who)
    assert (people[:, :, 0] == 0).all()
    assert (people[:30, :, 1] == -1).all()
    assert (people[30:, :, 1] == 1).all()


def test_frames_of_one_view_between_keep_the_person_going(rig, rng):
    truth = walk(60, (-1, 0), (1, 0))[:, None]
    hide = np.zeros((60, 4, 1), bool)
    hide[20:40, 1:] = True
    keypoints, _ = detect(truth, rig, rng, hide=hide)
    found = follow_people(keypoints, rig)
    assert found.association.index.shape[2] == 1
    assert (found.association.index[20:40, 0, 0] >= 0).all()


def test_empty_views_and_views_that_err_do_no_harm(rig, rng):
    truth = np.stack([walk(60, (-1, 0), (1, 0)), walk(60, (0, 1.2), (0.5, -1.2))], axis=1)
    hide = np.zeros((60, 4, 2), bool)
    hide[:, 2] = True
    keypoints, who = detect(truth, rig, rng, hide=hide)
    assert sorted(map(tuple, identities(follow_people(keypoints, rig), who))) == [(0,), (1,)]


def test_a_person_reported_twice_is_one(rig, rng):
    keypoints, _ = detect(walk(40, (-1, 0), (1, 0))[:, None], rig, rng)
    twice = Keypoints(
        np.concatenate([keypoints.xy] * 2, axis=2), np.concatenate([keypoints.confidence] * 2, axis=2),
        rig.names, keypoints.skeleton, FPS,
    )  # fmt: skip
    assert follow_people(twice, rig).association.index.shape[2] == 1


def test_sixty_candidates_in_a_frame_hide_nobody(rig, rng):
    truth = np.stack([walk(12, (-1, 0), (-0.6, 0)), walk(12, (0, 1.2), (0.1, 0.8))], axis=1)
    keypoints, who = detect(truth, rig, rng)
    noise = rng.uniform((0, 0), (1280, 720), (12, 4, 58, 1, 2)) + rng.normal(0, 60, (12, 4, 58, 25, 2))
    crowd = Keypoints(
        np.concatenate([keypoints.xy, noise], axis=2),
        np.concatenate([keypoints.confidence, np.ones(noise.shape[:-1])], axis=2),
        rig.names, keypoints.skeleton, FPS,
    )  # fmt: skip
    who = np.concatenate([who, np.full((12, 4, 58), 9)], axis=2)
    assert sorted(map(tuple, identities(follow_people(crowd, rig), who)))[:2] == [(0,), (1,)]


def test_who_is_seen_by_one_camera_only_is_reported_with_its_stillness(rig, rng):
    person = walk(60, (-1, 0), (1, 0))
    poster = np.repeat(walk(1, (1.0, -1.0), (1.1, -1.0)), 60, 0)
    truth = np.stack([person, poster], axis=1)
    hide = np.zeros((60, 4, 2), bool)
    hide[:, 1:, 1] = True
    found = follow_people(detect(truth, rig, rng, hide=hide)[0], rig)
    assert found.association.index.shape[2] == 1
    (ghost,) = found.left_out
    assert (ghost.reason, ghost.cameras, ghost.static) == ("one camera only", ("cam01",), True)
    assert ghost.frames > 55


def test_two_cameras_that_a_third_contradicts_make_no_person(rig, rng):
    truth = np.stack([walk(60, (-1, 0), (1, 0)), walk(60, (0.3, 0.8), (-0.3, 0.9))], axis=1)
    hide = np.zeros((60, 4, 2), bool)
    hide[:, 2:, 1] = True  # cam03 and cam04 look there and see nobody
    keypoints, who = detect(truth, rig, rng, hide=hide)
    found = follow_people(keypoints, rig)
    assert identities(found, who) == [{0}]
    assert left_out_rows(found.left_out)["count"] == {"contradicted": 1}
    assert len(follow_people(keypoints, rig, config=PeopleConfig(people=2)).association.index[0, 0]) == 2


def test_who_is_seen_for_a_moment_passes_by(rig, rng):
    truth = np.stack([walk(60, (-1, 0), (1, 0)), walk(60, (0.3, 0.8), (-0.3, 0.9))], axis=1)
    truth[5:, 1] = np.nan
    found = follow_people(detect(truth, rig, rng)[0], rig)
    assert found.association.index.shape[2] == 1
    assert [item.reason for item in found.left_out] == ["passer-by"]
    assert found.left_out[0].last == 4


def test_the_number_of_people_keeps_those_who_are_seen_best(rig, rng, crossing):
    truth = crossing.copy()
    truth[30:, 2] = np.nan
    keypoints, who = detect(truth, rig, rng)
    found = follow_people(keypoints, rig, config=PeopleConfig(people=2))
    assert sorted(map(tuple, identities(found, who))) == [(0,), (1,)]
    assert [item.reason for item in found.left_out] == ["more than asked for"]


def test_the_region_leaves_out_who_is_not_in_it(rig, rng):
    truth = np.stack([walk(60, (-1.5, 0), (1.5, 0)), walk(60, (-1.5, 1.5), (1.5, 1.5))], axis=1)
    keypoints, who = detect(truth, rig, rng)
    found = follow_people(keypoints, rig, config=PeopleConfig(roi=(-0.5, -1, 0, 2, 1, 2.5)))
    assert identities(found, who) == [{0}]
    assert [item.reason for item in found.left_out] == ["outside the region"]
    there = np.flatnonzero((found.association.index >= 0).any((1, 2)))
    np.testing.assert_allclose(truth[there[[0, -1]], 0, :, 0].mean(1), (-0.5, 1.5), atol=0.15)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"people": 0}, "at least 1"),
        ({"roi": (0, 0, 0, 1, 1, 0)}, "x0 < x1"),
        ({"roi": (0, 0, 0, 1, 1, np.nan)}, "in metres"),
    ],
)
def test_impossible_wishes_are_refused(config, message):
    with pytest.raises(InputError, match=message):
        PeopleConfig(**config)


def test_nobody_in_any_frame_is_said(rig):
    nothing = Keypoints(
        np.full((5, 4, 2, 25, 2), np.nan), np.zeros((5, 4, 2, 25)), rig.names, SKELETONS["body_25b"], FPS
    )
    assert follow_people(nothing, rig).association.index.shape == (5, 4, 0)
    with pytest.raises(InputError, match="no camera sees anybody"):
        reconstruct(nothing, rig)


def test_nobody_left_says_why(rig, rng):
    keypoints, _ = detect(walk(30, (-1, 0), (1, 0))[:, None], rig, rng)
    with pytest.raises(InputError, match=r"outside the region: 1.*--roi"):
        reconstruct(keypoints, rig, config=ReconstructConfig(roi=(5, 5, 0, 6, 6, 2)))


def test_several_people_are_reconstructed_in_millimetres(rig, rng, crossing):
    keypoints, who = detect(crossing, rig, rng)
    result = reconstruct(keypoints, rig)
    found = follow_people(keypoints, rig)
    order = [next(iter(truth)) for truth in identities(found, who)]
    error = np.linalg.norm(result.poses.xyz - crossing[:, order], axis=-1)
    assert np.nanmedian(error) < 0.012
    assert [row["frames"] for row in result.summary["persons"]] == [60, 60, 60]
    assert not any(row["static"] for row in result.summary["persons"])


def test_who_comes_and_goes_is_not_called_incomplete(rig, rng, crossing):
    truth = crossing.copy()
    truth[:40, 2] = np.nan
    result = reconstruct(detect(truth, rig, rng)[0], rig)
    assert result.summary["joints_present_percent"] > 99
    assert result.summary["persons"][2]["first"] == 40


def test_a_mannequin_is_static_and_a_walker_is_not(rng):
    still = np.repeat(walk(1, (0, 0), (1, 0)), 100, 0)
    place, posture = movement(still + rng.normal(0, 0.01, still.shape))
    assert place < 0.02
    assert posture < 0.04
    assert movement(walk(100, (-1, 0), (1, 0)))[0] > 0.5
    assert movement(np.full((5, 25, 3), np.nan)) == (np.inf, np.inf)


def test_a_body_in_even_motion_is_predicted_exactly():
    start, speed = walk(1, (0, 0), (1, 0)), np.array([1.0, -0.5, 0.2])
    states = BodyStates.start(np.array([0]), start, 0.03)
    for k in range(1, 200):
        states.predict(0.05)
        states.update(start + speed * 0.05 * k, np.full((1, 25), 1e-4))
        states.absent[:] = 0.0
    states.predict(0.1)
    np.testing.assert_allclose(states.X, start + speed * (0.05 * 199 + 0.1), atol=1e-3)
    assert (states.variance[..., 0] > 0).all()


def test_a_joint_that_is_not_seen_goes_along_and_is_then_forgotten():
    start = walk(1, (0, 0), (1, 0))
    states = BodyStates.start(np.array([0]), start, 0.03)
    for k in range(1, 13):
        seen = start + np.array([0.1 * k, 0, 0])
        if k > 6:
            seen[0, 3] = np.nan
        states.predict(0.05)
        states.update(seen, np.full((1, 25), 1e-4))
    assert states.X[0, 3, 0] - start[0, 3, 0] == pytest.approx(1.2, abs=0.1)
    for k in range(13, 30):
        seen = start + np.array([0.1 * k, 0, 0])
        seen[0, 3] = np.nan
        states.predict(0.05)
        states.update(seen, np.full((1, 25), 1e-4))
    assert np.isnan(states.X[0, 3]).all()


def piece(first, last, place, length=0.4):
    frames = np.arange(first, last)
    n = len(frames)
    bones = np.full((n, 4), length) + np.random.default_rng(first).normal(0, 0.01, (n, 4))
    return Track(frames, np.zeros((n, 3), int), np.ones((n, 3)), np.tile(np.array(place, float), (n, 1)), bones)


def test_pieces_are_joined_unless_two_continuations_are_as_likely():
    time = np.arange(200) / 20
    a, b, c = piece(0, 40, (0, 0, 1)), piece(60, 100, (0.3, 0, 1)), piece(60, 100, (-0.3, 0, 1))
    assert len(join_pieces([a, b], time)) == 1
    assert len(join_pieces([a, b, c], time)) == 3
    assert len(join_pieces([a, piece(60, 100, (0.3, 0, 1), length=0.5)], time)) == 2  # other bones
    assert len(join_pieces([a, piece(60, 100, (5.0, 0, 1))], time)) == 2  # too far away
    assert len(join_pieces([a, piece(20, 100, (0.3, 0, 1))], time)) == 2  # at the same time


def test_many_pieces_are_joined_in_no_time():
    time = np.arange(40_000) / 20
    pieces = [piece(k, k + 30, (k / 1000, 0, 1)) for k in range(0, 39_000, 40)]
    assert len(join_pieces(pieces, time)) == 1


def test_one_person_among_passers_by_is_found_as_ever(shared):
    folder = shared / "captures" / "balance"
    capture = open_capture(
        folder, calibration=folder / "Calib.qca.txt", keypoints=folder / "keypoints" / "openpose", fps=60
    )
    keypoints = confident(capture.keypoints, 0.1)
    found = follow_people(keypoints, capture.rig)
    assert found.association.index.shape[2] == 1
    one = associate(keypoints, capture.rig).index
    assert (found.association.index == one).mean() > 0.99
    assert [item.reason for item in found.left_out] == ["two cameras only"]


def test_both_participants_are_found_and_the_still_one_is_named(shared):
    capture = open_capture(shared / "captures" / "two_people", fps=60)
    result = reconstruct(capture.keypoints, capture.rig, fps=60)
    assert [row["static"] for row in result.summary["persons"]] == [False, True]
    assert [row["frames"] for row in result.summary["persons"]] == [100, 100]
    thigh = np.nanmedian(np.linalg.norm(result.poses.xyz[:, :, 11] - result.poses.xyz[:, :, 13], axis=-1), axis=0)
    np.testing.assert_allclose(thigh, (0.40, 0.30), atol=0.02)
