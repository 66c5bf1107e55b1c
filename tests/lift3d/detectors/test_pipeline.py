import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.skeleton import SKELETONS
from lift3d.detectors.detection import Boxes, Detection
from lift3d.detectors.person.follow import FollowSettings
from lift3d.detectors.pipeline import TopDown, TopDownSettings
from lift3d.detectors.registry import DETECTORS, WEIGHTS, DetectorOptions, open_detector

COCO = SKELETONS["coco_17"]
SHAPE = np.random.default_rng(1).uniform(0.1, 0.9, (17, 2))
SHAPE[:2] = (0.05, 0.05), (0.95, 0.95)


def picture_of(*people, size=(320, 240)):
    """A dark picture with a bright box for each person, whose brightness tells who it is."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for number, (x, y, w, h) in enumerate(people):
        picture[y : y + h, x : x + w] = 100 + 10 * number
    return picture


def whole(picture, level):
    """The box of one brightness."""
    rows, columns = np.nonzero(picture[..., 0] == level)
    return np.array([columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1], float)


class SeesBoxes:
    """A person detector that finds every bright box."""

    def __init__(self):
        self.looks = 0

    def __call__(self, pictures):
        self.looks += len(pictures)
        levels = [[level for level in np.unique(picture) if level] for picture in pictures]
        found = [np.array([whole(p, v) for v in own]).reshape(-1, 4) for p, own in zip(pictures, levels, strict=True)]
        return [Boxes(boxes, np.full(len(boxes), 0.9)) for boxes in found]


class SeesJoints:
    """A keypoint detector that knows where a bright box has its joints, if the box given meets it."""

    skeleton = COCO

    def __init__(self):
        self.batches = []

    def __call__(self, pictures, boxes):
        self.batches.append([len(own) for own in boxes])
        return [self.one(picture, own) for picture, own in zip(pictures, boxes, strict=True)]

    def one(self, picture, boxes):
        xy, sure = np.zeros((len(boxes), 17, 2)), np.zeros((len(boxes), 17))
        for row, (x, y, w, h) in enumerate(boxes.xywh):
            inside = picture[max(0, int(y)) : int(y + h), max(0, int(x)) : int(x + w), 0]
            if inside.any():
                levels, counts = np.unique(inside[inside > 0], return_counts=True)
                left, top, width, height = whole(picture, levels[counts.argmax()])
                xy[row], sure[row] = (left, top) + SHAPE * (width, height), 0.9
        return Detection(xy, sure, boxes)


def walking(frames, *, step=3):
    """Two people who walk apart."""
    return [picture_of((100 - step * t // 2, 40, 40, 120), (180 + step * t // 2, 50, 40, 100)) for t in range(frames)]


@pytest.fixture
def top_down():
    return TopDown(SeesBoxes(), SeesJoints(), settings=TopDownSettings(FollowSettings(every=5), batch=4))


def test_joints_of_everybody_are_found_though_the_person_detector_rarely_looks(top_down):
    frames = walking(21)
    found = list(top_down.detect(frames))
    assert [len(one.boxes) for one in found] == [2] * 21
    for t, one in enumerate(found):
        for row, level in enumerate((100, 110)):
            left, top, width, height = whole(frames[t], level)
            assert np.allclose(one.xy[row], (left, top) + SHAPE * (width, height))
    assert top_down.person.looks == 5  # frames 0, 5, 10, 15, 20
    assert top_down.keypoints.batches == [[2, 2, 2, 2]] * 5 + [[2]]


def test_pictures_apart_are_each_looked_at(top_down):
    frames = [picture_of((20, 20, 50, 150)), picture_of(), picture_of((200, 30, 40, 120), (20, 20, 50, 150))]
    found = list(top_down.detect(frames, in_sequence=False))
    assert [len(one.boxes) for one in found] == [1, 0, 2]
    assert top_down.person.looks == 3


@pytest.mark.parametrize("in_sequence", [True, False])
def test_a_picture_that_could_not_be_read_has_nobody_and_moves_no_other(top_down, in_sequence):
    frames = walking(9)
    expected = [one.xy for one in top_down.detect(frames, in_sequence=in_sequence)]
    frames[0] = frames[5] = None
    found = list(top_down.detect(frames, in_sequence=in_sequence))
    assert [len(one.boxes) for one in found] == [0, 2, 2, 2, 2, 0, 2, 2, 2]
    for t in (1, 4, 6, 8):
        assert np.allclose(found[t].xy, expected[t])


def test_given_boxes_are_taken_as_they_are_and_nobody_else_is_looked_for():
    top_down = TopDown(None, SeesJoints())
    frames = [*walking(3), None]
    boxes = [Boxes(whole(frame, 110)[None], np.ones(1)) for frame in frames[:2]]
    found = list(top_down.detect_in(frames, [*boxes, Boxes.none(), boxes[0]]))
    assert [len(one.boxes) for one in found] == [1, 1, 0, 0]
    left, top, width, height = whole(frames[1], 110)
    assert np.allclose(found[1].xy[0], (left, top) + SHAPE * (width, height))
    with pytest.raises(InputError, match="has no person detector"):
        top_down.detect(frames)


def test_it_tells_how_it_was_set_and_where_the_time_went(top_down):
    list(top_down.detect(walking(6)))
    assert top_down.settings["follow"]["every"] == 5
    assert set(top_down.seconds) == {"pictures", "people", "joints"}


def test_detectors_are_opened_by_name(monkeypatch):
    made = TopDown(SeesBoxes(), SeesJoints(), name="mine")
    seen = []
    monkeypatch.setitem(DETECTORS, "mine", lambda name, options: seen.append((name, options)) or made)
    assert open_detector("mine", DetectorOptions(device="cuda")) is made
    assert seen == [("mine", DetectorOptions(device="cuda"))]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ligth", "did you mean 'light'"),
        ("xyzzy", "there are light, accurate, rtmpose, onnx, mediapipe, torchvision, or the path"),
        ("onnx", "needs the model's file; give --weights"),
    ],
)
def test_a_name_that_means_nothing_is_answered_with_those_that_do(name, message):
    with pytest.raises(InputError, match=message):
        open_detector(name)


@pytest.mark.parametrize("name", ["light", str(WEIGHTS / "keypoints_light.pt")])
def test_our_own_networks_look_at_the_mirror_image_too_unless_told_not_to(name):
    flips = [open_detector(name, DetectorOptions(flip=flip, boxes_given=True)) for flip in (None, True, False)]
    assert [one.keypoints.flip for one in flips] == [True, True, False]
    assert [one.settings["flip"] for one in flips] == [True, True, False]


def test_weights_that_are_not_there_are_named_with_what_makes_them(monkeypatch, tmp_path):
    monkeypatch.setattr("lift3d.detectors.registry.WEIGHTS", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"keypoints_accurate\.pt.*lift3d train keypoints .*--weights$"):
        open_detector("accurate")
    (tmp_path / "keypoints_light.pt").touch()
    with pytest.raises(FileNotFoundError, match="or take --detector light"):
        open_detector("accurate")


def test_a_checkpoint_of_another_kind_is_refused():
    pytest.importorskip("torch")
    with pytest.raises(InputError, match="holds a lifter, wanted a keypoints"):
        open_detector(str(WEIGHTS / "lifter_coco17_mlp.pt"))
