import json

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.detectors.box_file import read_boxes


def write(path, text):
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def test_a_table_with_a_heading_counts_frames_from_0_in_any_order_of_columns(tmp_path):
    path = write(
        tmp_path / "b.csv", "id,frame,w,h,x,y,score\n2,1,10,20,5,6,0.5\n1,1,11,21,7,8,0.25\n\n1,0,1,2,3,4,0.9\n"
    )
    table = read_boxes(path, count=3)
    assert table.at(0).xywh.tolist() == [[3, 4, 1, 2]]
    assert table.at(1).xywh.tolist() == [[7, 8, 11, 21], [5, 6, 10, 20]]  # in the order of the people's numbers
    assert table.at(1).score.tolist() == [0.25, 0.5]
    assert len(table.at(2)) == 0
    assert table.notes == ()


@pytest.mark.parametrize(
    ("lines", "count", "first"),
    [
        ("1,1,5,6,10,20\n2,1,5,6,10,20\n", 5, 1),  # not a heading, and nothing says that it counts from 1
        ("0,1,5,6,10,20\n2,1,5,6,10,20,0.5\n", 3, 0),
        ("1,1,5,6,10,20\n3,1,5,6,10,20\n", 3, 0),  # frame 3 of 3: it counts from 1
        ("1,1,5,6,10,20,0.9,-1,-1,-1\n2,1,5,6,10,20,0.9,-1,-1,-1\n", 5, 0),  # MOTChallenge
    ],
)
def test_frames_count_from_1_where_the_file_shows_it(tmp_path, lines, count, first):
    table = read_boxes(write(tmp_path / "b.txt", lines), count=count)
    assert min(table.frames) == first
    assert bool(table.notes) == (lines[0] == "1" and first == 0)


def test_coco_results_and_data_sets_are_read(tmp_path):
    results = [
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
        {"image_id": 1, "category_id": 7, "bbox": [9, 9, 9, 9], "score": 0.5},
    ]
    table = read_boxes(write(tmp_path / "r.json", results))
    assert {frame: boxes.xywh.tolist() for frame, boxes in table.frames.items()} == {1: [[1, 2, 3, 4]]}
    data = {
        "images": [{"id": 70, "file_name": "sub/b.jpg"}, {"id": 80, "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": 70, "category_id": 3, "bbox": [1, 2, 3, 4]},
            {"image_id": 80, "category_id": 3, "bbox": [5, 6, 7, 8]},
        ],
        "categories": [{"id": 3, "name": "person"}],
    }
    path = write(tmp_path / "d.json", data)
    by_name = read_boxes(path, count=2, names=("a.jpg", "b.jpg"))
    assert by_name.at(0).xywh.tolist() == [[5, 6, 7, 8]]
    assert by_name.at(1).xywh.tolist() == [[1, 2, 3, 4]]
    assert read_boxes(path, count=2).at(0).xywh.tolist() == [[1, 2, 3, 4]]  # of a video: in the list's order


def test_boxes_without_an_area_or_a_frame_are_left_out_and_said(tmp_path):
    path = write(tmp_path / "b.csv", "frame,id,x,y,w,h\n0,1,5,6,10,20\n1,1,5,6,0,20\n1,2,5,6,10,-1\n9,1,5,6,10,20\n")
    table = read_boxes(path, count=5)
    assert list(table.frames) == [0]
    assert table.notes == (
        "b.csv: boxes without an area, left out: 2, first in frame 1",
        "b.csv: boxes of frames that are not there, left out: 1",
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("b.csv", "", "holds no box"),
        ("b.csv", "frame,id,x,y,w,h\n0,1,2,3,0,0\n", "1 boxes, none of which has an area"),
        ("b.csv", "frame,id,x,y,w,h\n40,1,2,3,4,5\n", "its frames 40 to 40 are none of the 5 there are"),
        ("b.csv", "frame,id,x,y,w\n0,1,2,3,4\n", "has no h; wanted frame,id,x,y,w,h"),
        ("b.csv", "0,1,2,3,4\n", r"line 1 is '0,1,2,3,4', wanted numbers"),
        ("b.csv", "0,1,2,3,4,5\n1,1,x,3,4,5\n", r"line 2 is '1,1,x,3,4,5', wanted numbers"),
        ("b.csv", "0,1,2,nan,4,5\n", "line 1 is"),
        ("b.json", "{", "is not COCO's JSON"),
        ("b.json", '{"images": []}', "is not COCO's JSON .KeyError: 'annotations'"),
        ("b.json", '[{"image_id": 0, "bbox": [1, 2, 3]}]', "is not COCO's JSON"),
    ],
)
def test_a_broken_file_is_told_with_the_line(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message):
        read_boxes(write(tmp_path / name, text), count=5)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.csv does not exist; wanted boxes"):
        read_boxes(tmp_path / "gone.csv")


def test_scores_that_are_none_count_in_full(tmp_path):
    table = read_boxes(write(tmp_path / "b.csv", "0,1,2,3,4,5,-1\n"))
    assert np.array_equal(table.at(0).score, [1.0])
