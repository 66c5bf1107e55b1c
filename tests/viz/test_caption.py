import numpy as np
import pytest

from lift3d.datasets.poses import Status
from lift3d.viz.caption import (
    draw_caption,
    draw_labels,
    draw_picture_edge,
    draw_text,
    fitting,
    text_size,
    text_width,
    words_width,
)
from lift3d.viz.palette import INK
from lift3d.viz.scene import build_scene
from lift3d.viz.wording import Word, legend_words, moment_words, status_line

LONG = "cam_02 disagrees with the others by 11.3 px (median) and its clock may be 4 frames late; look at the report"


def blank(width=640, height=360):
    return np.full((height, width, 3), 250, np.uint8)


def inked(image):
    """Rows and columns that differ from the blank."""
    return np.nonzero((image != 250).any(-1))


def words(row):
    return [word.text for word in row]


@pytest.mark.parametrize("text", ["frame 50 of 100", "i", "Wettkampf · 3 µm", "millimetres taken for metres, and more"])
def test_text_is_as_wide_as_it_is_said_to_be(text):
    image = blank()
    draw_text(image, text, (100, 100), size=20, color=INK)
    rows, columns = inked(image)
    assert columns.min() >= 97
    assert columns.max() - 100 == pytest.approx(text_width(text, 20), abs=3)
    assert 70 < rows.min() < rows.max() < 110


def test_text_grows_with_the_picture_within_reason():
    assert 16 <= text_size((1280, 720)) <= 20
    assert text_size((100, 80)) == 11
    assert text_size((8000, 8000)) == 48


def test_a_row_that_does_not_fit_ends_in_dots():
    row = [Word("doubtful", INK), Word(LONG, INK)]
    short = fitting(row, 16, 400)
    assert words_width(short, 16) <= 400
    assert short[0].text == "doubtful"
    assert short[-1].text.endswith("…")
    assert fitting(row, 16, 5000) == row


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (200, 150), (64, 64)])
def test_the_caption_stays_inside_and_at_the_lower_edge(walkers, size):
    poses = walkers(3).replace(verdict={"level": "doubtful", "reasons": [LONG]})
    image = blank(*size)
    draw_caption(image, build_scene(poses), 3, title="a_capture_with_a_long_name.poses.h5", grid=1.0)
    rows, columns = inked(image)
    text = text_size(size)
    assert rows.min() > size[1] - 6 * text
    assert columns.min() > 2
    assert columns.max() < size[0] - 2


def test_the_legend_names_only_what_is_seen(walkers):
    poses = walkers(2)
    assert words(legend_words(build_scene(poses), 0, 1.0)) == ["1", "2", "left", "right", "grid 1 m"]
    poses.xyz[0, 1] = np.nan
    assert words(legend_words(build_scene(poses), 0, 0.0)) == ["left", "right"]
    poses.status[0, 0, 4] = Status.LIFTED
    assert "filled in" in words(legend_words(build_scene(poses), 0, 0.0))
    poses.xyz[0] = np.nan
    assert words(legend_words(build_scene(poses), 0, 0.0)) == ["no joints in this frame"]


def test_the_status_line_tells_verdict_and_gaps(walkers):
    poses = walkers(1).replace(verdict={"level": "bad", "reasons": ["cameras swapped", "more"]})
    poses.xyz[0, 0, :3] = np.nan
    poses.status[0, 0, 5] = Status.INTERPOLATED
    assert status_line(poses, 0) == "bad: cameras swapped   14 of 17 joints, 1 filled in"
    assert status_line(poses.replace(verdict={}), 1) == "17 of 17 joints"


def test_frames_are_counted_as_on_the_command_line(walkers):
    poses = walkers(1)
    last = len(poses.xyz) - 1
    assert [word.text for word in moment_words(poses, last, "")][-1] == f"frame {last} of {last}"


def test_a_camera_is_named_beside_where_it_stands(walkers):
    scene = build_scene(walkers())
    view = scene.viewpoint("overview", size=(640, 360))
    image = blank()
    labels = [label for label in scene.labels if label.group == "cameras"][:1]
    draw_labels(image, labels, view)
    rows, columns = inked(image)
    xy, _ = view.project(labels[0].at)
    assert np.abs([columns.mean() - xy[0], rows.mean() - xy[1]]).max() < 8


def test_the_edge_of_a_cameras_picture_is_drawn_where_the_drawing_is_larger(walkers):
    scene = build_scene(walkers())
    name = scene.rig.names[0]
    image = blank(640, 640)  # the camera's picture is 16:9
    draw_picture_edge(image, scene.viewpoint(name, size=(640, 640)))
    assert len(inked(image)[0]) > 600
    same = blank(640, 360)
    draw_picture_edge(same, scene.viewpoint(name, size=(640, 360)))
    assert not len(inked(same)[0])
