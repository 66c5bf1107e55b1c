import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.viz.scene import build_scene
from lift3d.viz.window_recorder import Recorder, finished, free_name


@pytest.fixture
def told():
    return []


@pytest.fixture
def recorder(tmp_path, told):
    return Recorder("walk.poses.h5", tmp_path, told.append)


def picture(size=(161, 90), level=100):
    return np.full((size[1], size[0], 3), level, np.uint8)


def test_pictures_never_replace_each_other(recorder, tmp_path, told):
    recorder.picture(picture(level=100))
    recorder.picture(picture(level=200))
    assert told == ["wrote walk-1.png", "wrote walk-2.png"]
    assert [cv2.imread(str(tmp_path / f"walk-{n}.png")).mean() for n in (1, 2)] == [100, 200]


def test_a_video_has_what_was_added_and_appears_at_its_end(recorder, tmp_path, told):
    recorder.start((161, 90), 60.0)
    assert recorder.recording
    for level in (50, 100, 150):
        recorder.add(picture(level=level))
    assert not (tmp_path / "walk-1.mp4").exists()
    recorder.add(picture((200, 120)))  # the window was made larger meanwhile
    recorder.stop()
    assert not recorder.recording
    assert told == ["recording walk-1.mp4", "wrote walk-1.mp4: 4 frames at 30 fps"]
    video = cv2.VideoCapture(str(tmp_path / "walk-1.mp4"))
    assert (video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FRAME_WIDTH)) == (4, 160)
    video.release()


def test_a_video_of_nothing_leaves_nothing(recorder, tmp_path, told):
    recorder.stop()
    recorder.start((160, 90), 30.0)
    recorder.stop()
    assert told[-1] == "nothing was recorded"
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_told_and_the_window_lives(tmp_path, told):
    recorder = Recorder("walk", tmp_path / "gone", told.append)
    recorder.picture(picture())
    recorder.start((160, 90), 30.0)
    recorder.add(picture())
    recorder.stop()
    assert [line.split(":")[0] for line in told] == ["no picture", "no video"]


def test_titles_become_names_of_files(tmp_path):
    assert free_name(tmp_path, "a.poses.h5 | b/c.poses.h5", ".png").name == "a.poses.h5___b_c-1.png"
    assert free_name(tmp_path, "", ".mp4").name == "lift3d-1.mp4"


def test_too_many_files_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr("lift3d.viz.window_recorder.MAX_NUMBER", 1)
    with pytest.raises(InputError, match="move them"):
        free_name(tmp_path, "a", ".png")


def test_what_the_window_drew_gets_its_words(walkers):
    scene = build_scene(walkers())
    view = scene.viewpoint("front", size=(640, 360))
    plain = picture((640, 360), 250)
    words = finished(plain.copy(), scene, 0, view, title="walk", shown={"cameras": False, "axes": True})
    rows = np.flatnonzero((words != 250).any((1, 2)))
    assert rows.max() > 330
    assert (words != plain).any()
