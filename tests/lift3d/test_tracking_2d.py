"""People followed in one camera's picture."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Keypoints
from lift3d.datasets.skeleton import SKELETONS
from lift3d.tracking_2d import lone_sightings, track_in_picture

FPS = 20.0
SHAPE = np.random.default_rng(3).uniform((-30, -100), (30, 100), (17, 2))


def pictures(centers, rng, *, sizes=1.0, sigma=2.0, hide=None, views=1):
    """Keypoints of people at centers [T, P, 2] px in random order, and whom each candidate shows [T, P]."""
    T, P = centers.shape[:2]
    xy = centers[:, :, None] + SHAPE * np.broadcast_to(sizes, (T, P))[..., None, None]
    xy = xy + rng.normal(0, sigma, xy.shape)
    seen = np.ones((T, P), bool) if hide is None else ~hide
    order = np.argsort(rng.random((T, P)), axis=1)
    xy, seen = np.take_along_axis(xy, order[..., None, None], 1), np.take_along_axis(seen, order, 1)
    confidence = np.repeat(seen[:, None, :, None], 17, -1).astype(float)
    cameras = tuple(f"cam{v + 1:02d}" for v in range(views))
    keypoints = Keypoints(
        np.repeat(xy[:, None], views, 1), np.repeat(confidence, views, 1), cameras, SKELETONS["coco_17"], FPS
    )
    return keypoints, np.where(seen, order, -1)


def line(frames, start, end):
    return np.linspace(start, end, frames)


@pytest.fixture
def crossing():
    """Two people whose boxes cross, one above the other by a quarter of the height."""
    return np.stack([line(60, (100, 300), (700, 300)), line(60, (700, 340), (100, 350))], axis=1)


def shown(index, who):
    """Whom each column shows."""
    people = np.where(index[:, 0] >= 0, np.take_along_axis(who, np.maximum(index[:, 0], 0), 1), -1)
    return [set(np.unique(people[people[:, p] >= 0, p])) for p in range(people.shape[1])]


def test_people_who_cross_in_the_picture_stay_themselves(crossing, rng):
    keypoints, who = pictures(crossing, rng)
    found = track_in_picture(keypoints)
    assert sorted(map(tuple, shown(found.index, who))) == [(0,), (1,)]
    assert (found.index >= 0).all()
    assert found.gather(keypoints).xy.shape == (60, 1, 2, 17, 2)


def test_a_short_absence_in_the_picture_is_bridged(crossing, rng):
    hide = np.zeros((60, 2), bool)
    hide[10:20, 0] = True
    keypoints, who = pictures(crossing, rng, hide=hide)
    assert sorted(map(tuple, shown(track_in_picture(keypoints).index, who))) == [(0,), (1,)]


def test_who_is_larger_does_not_take_the_others_place(rng):
    centers = np.stack([line(40, (300, 300), (340, 300)), line(40, (330, 300), (370, 310))], axis=1)
    keypoints, who = pictures(centers, rng, sizes=np.array([1.0, 1.8]))
    assert sorted(map(tuple, shown(track_in_picture(keypoints).index, who))) == [(0,), (1,)]


def test_a_moment_is_not_a_person_unless_asked_for(crossing, rng):
    hide = np.zeros((60, 2), bool)
    hide[4:, 1] = True
    keypoints, _ = pictures(crossing, rng, hide=hide)
    assert track_in_picture(keypoints).index.shape[2] == 1
    assert track_in_picture(keypoints, people=2).index.shape[2] == 2


def test_more_than_one_camera_is_refused(crossing, rng):
    with pytest.raises(InputError, match="takes one camera, got 2"):
        track_in_picture(pictures(crossing, rng, views=2)[0])


def test_no_frames_and_no_people_give_no_tracks():
    empty = Keypoints(np.full((4, 1, 1, 17, 2), np.nan), np.zeros((4, 1, 1, 17)), ("a",), SKELETONS["coco_17"])
    assert track_in_picture(empty).index.shape == (4, 1, 0)
    none = Keypoints(np.zeros((0, 1, 1, 17, 2)), np.zeros((0, 1, 1, 17)), ("a",), SKELETONS["coco_17"])
    assert track_in_picture(none).index.shape == (0, 1, 0)


def test_a_poster_is_static_and_a_walker_is_not(rng):
    centers = np.stack([line(60, (300, 300), (300, 300)), line(60, (600, 300), (900, 300))], axis=1)
    keypoints, who = pictures(centers, rng)
    free = np.ones((60, 1, 2), bool)
    tracks = lone_sightings(keypoints, free)
    by_person = {int(who[track.frames[0], track.candidate[0]]): track.static for _, track in tracks}
    assert by_person == {0: True, 1: False}
    assert lone_sightings(keypoints, ~free) == []
