import cv2
import numpy as np
import pytest

from lift3d.detectors.detection import Boxes
from lift3d.detectors.person.background import Background, BackgroundSettings, WithBackground, helped

SIZE = (320, 240)
SETTINGS = BackgroundSettings()


@pytest.fixture
def room(rng):
    coarse = rng.integers(60, 180, (12, 16, 3)).astype(np.uint8)
    return cv2.resize(coarse, SIZE, interpolation=cv2.INTER_LINEAR)


def walker(room, rng, left):
    """The room with a dark figure of 40 x 120 px, and noise."""
    picture = room.astype(float)
    picture[80:200, left : left + 40] = (20, 10, 200)
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


class Fixed:
    """A person detector that always says the same."""

    def __init__(self, boxes, score):
        self.boxes = Boxes(np.array(boxes, float).reshape(-1, 4), np.array(score, float))

    def __call__(self, pictures):
        return [self.boxes] * len(pictures)


def test_what_moves_is_told_and_the_rest_is_not(room, rng):
    background = Background()
    for left in range(0, 270, 30):
        background.see(walker(room, rng, left))
    changed = background.changed(walker(room, rng, 150))
    assert changed.shape == (120, 160)
    assert changed[42:98, 77:93].mean() > 0.9
    changed[38:102, 73:97] = False
    assert changed.mean() < 0.01


def test_nothing_is_said_of_too_few_pictures_or_when_the_light_changes(room, rng):
    background = Background()
    assert background.changed(room) is None
    for _ in range(6):
        background.see(room)
    assert not background.changed(room).any()
    assert background.changed(255 - room) is None
    background.see(room[:100])
    assert background.changed(room) is None


def test_a_weak_box_where_something_moves_is_raised_and_a_still_one_is_not():
    changed = np.zeros((120, 160), bool)
    changed[40:100, 75:95] = True
    weak = Boxes(np.array([[150.0, 80, 40, 120], [10, 80, 40, 120]]), np.array([0.15, 0.12]))
    boxes = helped(weak, changed, 2.0, SETTINGS)
    assert boxes.score.tolist() == [SETTINGS.raised, 0.12]


def test_a_region_like_a_person_is_proposed_where_no_box_is():
    changed = np.zeros((120, 160), bool)
    changed[40:100, 75:95] = True
    changed[10:15, 20:120] = True  # much wider than high
    boxes = helped(Boxes.none(), changed, 2.0, SETTINGS)
    assert boxes.xywh == pytest.approx(np.array([[149.5, 79.5, 40, 120]]))
    strong = Boxes(np.array([[140.0, 80, 60, 120]]), np.array([0.9]))
    assert helped(strong, changed, 2.0, SETTINGS).score.tolist() == [0.9]


def test_a_detector_with_it_finds_the_walker_whom_it_was_unsure_of(room, rng):
    detector = WithBackground(Fixed([[150.0, 80, 40, 120]], [0.15]))
    frames = [walker(room, rng, left) for left in (0, 30, 60, 90, 210, 240, 270, 150)]
    found = [detector([frame])[0] for frame in frames]
    assert len(found[0]) == 0
    assert found[-1].score.tolist() == [SETTINGS.raised]
