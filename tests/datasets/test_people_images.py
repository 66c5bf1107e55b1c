"""Sets of labelled people: what is read, and what each kind of bad input is answered with."""

import json

import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.people_images import read_people_images
from lift3d.datasets.picture_file import read_picture
from lift3d.datasets.skeleton import SKELETONS

COCO_NAMES = list(SKELETONS["coco_17"].joints)
H36M_NAMES = ["root", "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot", "spine", "thorax",
              "neck_base", "head", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow",
              "right_wrist"]  # fmt: skip


@pytest.fixture
def write_set(tmp_path):
    """A function: annotations to a COCO file and its folder of pictures of 100x80 pixels."""

    def write(annotations, names=COCO_NAMES, pictures=None):
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        for i in range(len(annotations)) if pictures is None else pictures:
            cv2.imwrite(str(folder / f"{i}.png"), np.full((80, 100, 3), 90, np.uint8))
        images = [{"id": i, "file_name": f"{i}.png", "width": 100, "height": 80} for i in range(len(annotations))]
        category = {"id": 1, "name": "person", "keypoints": names, "skeleton": []}
        content = {"images": images, "annotations": annotations, "categories": [category]}
        path = tmp_path / "people.json"
        path.write_text(json.dumps(content))
        return path, folder

    return write


def annotation(i, joints=17, **changed):
    """One person in picture i; joint j at (j + 1, 2 (j + 1)), the last one hidden, the first not labelled."""
    points = [[j + 1.0, 2.0 * (j + 1), 2] for j in range(joints)]
    points[0], points[-1][2] = [0, 0, 0], 1
    box = {"id": 10 + i, "image_id": i, "category_id": 1, "iscrowd": 0, "bbox": [1, 2, 30, 40], "area": 700}
    return {**box, "keypoints": list(np.ravel(points)), **changed}


def test_coco_people_are_read(write_set):
    people = read_people_images(*write_set([annotation(0), annotation(1, kp_kind="-" + "t" * 8 + "h" * 8)]))
    assert people.skeleton is SKELETONS["coco_17"]
    assert np.isnan(people.xy[0, 0]).all()
    np.testing.assert_array_equal(people.xy[1, 3], [4, 8])
    np.testing.assert_array_equal(people.labelled[0], [0, *[2] * 15, 1])
    np.testing.assert_array_equal(people.teacher.sum(1), [0, 8])
    np.testing.assert_array_equal(people.without_teacher().labelled[1], [0] * 9 + [2] * 7 + [1])
    assert [path.name for path in people.take([1, 0]).paths] == ["1.png", "0.png"]


def test_human36m_people_are_read_by_the_same_file_form(write_set):
    people = read_people_images(*write_set([annotation(0)], names=H36M_NAMES))
    assert people.skeleton is SKELETONS["h36m_17"]
    np.testing.assert_array_equal(people.xy[0, 16], [17, 34])


def test_crowds_and_people_without_labels_are_left_out(write_set):
    people = [annotation(0), annotation(1, keypoints=[0] * 51), annotation(2, iscrowd=1), annotation(3)]
    del people[3]["keypoints"]
    np.testing.assert_array_equal(read_people_images(*write_set(people, pictures=[0])).ids, [10])


def test_all_missing_pictures_are_counted_and_the_first_ten_named(write_set):
    path, folder = write_set([annotation(i) for i in range(14)], pictures=[5])
    first = "0.png, 1.png, 10.png, 11.png, 12.png, 13.png, 2.png, 3.png, 4.png, 6.png and 3 more"
    with pytest.raises(InputError, match=f"lacks 13 of the 14 pictures of .*: {first}$"):
        read_people_images(path, folder)


def test_a_file_without_keypoints_is_refused(write_set):
    boxes_only = annotation(0)
    del boxes_only["keypoints"]
    with pytest.raises(InputError, match="none of its 1 annotations has keypoints"):
        read_people_images(*write_set([boxes_only]))
    with pytest.raises(InputError, match=r"annotation 10 of 0.png has 48 keypoint numbers; wanted 51"):
        read_people_images(*write_set([annotation(0, joints=16)]))
    with pytest.raises(InputError, match="no category names its keypoints"):
        read_people_images(*write_set([annotation(0)], names=[]))


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([1, 2, 0, 40], r"has the box \[1, 2, 0, 40\]; wanted .* with an area"),
        ([1, 2, 30], r"has the box \[1, 2, 30\]; wanted"),
        ([1, 2, float("nan"), 40], "with an area"),
        ([100, 2, 30, 40], "outside of its picture of 100x80"),
        ([-40, 2, 30, 40], "outside of its picture of 100x80"),
    ],
)
def test_boxes_that_cannot_be_are_refused(write_set, box, message):
    with pytest.raises(InputError, match=message):
        read_people_images(*write_set([annotation(0, bbox=box)]))


def test_names_that_leave_the_folder_are_refused(write_set):
    path, folder = write_set([annotation(0)])
    path.write_text(path.read_text().replace("0.png", "../0.png"))
    with pytest.raises(InputError, match="lies outside of"):
        read_people_images(path, folder)


def test_what_is_no_json_is_refused(tmp_path):
    path = tmp_path / "people.json"
    path.write_text('{"images": [')
    with pytest.raises(InputError, match="is not a COCO keypoint file"):
        read_people_images(path, tmp_path)
    path.write_text("[1, 2]")
    with pytest.raises(InputError, match="is no list of people as MPII's"):
        read_people_images(path, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"absent.json does not exist"):
        read_people_images(tmp_path / "absent.json", tmp_path)


def mpii_person(**changed):
    joints = [[10.0 * j + 1, 5.0 * j + 1] for j in range(16)]
    person = {"image": "0.png", "center": [41, 31], "scale": 0.2, "joints": joints, "joints_vis": [0] + [1] * 15}
    return {**person, **changed}


@pytest.fixture
def write_mpii(write_set, tmp_path):
    def write(*people):
        path, folder = write_set([annotation(0)])
        path.write_text(json.dumps(people))
        return path, folder

    return write


def test_mpii_people_count_from_one_in_the_file_and_from_zero_here(write_mpii):
    people = read_people_images(*write_mpii(mpii_person(), mpii_person(joints_vis=[0] * 16)))
    assert people.skeleton is SKELETONS["mpii_16"]
    assert len(people) == 1
    assert np.isnan(people.xy[0, 0]).all()
    np.testing.assert_array_equal(people.xy[0, 1], [10, 5])
    np.testing.assert_allclose(people.boxes[0], [20, 13, 40, 40])  # 200 * 0.2 wide about (40, 30 + 15 * 0.2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"joints": [[1, 2]]}, r"person 0 \(0.png\) has joints \[1, 2\]"),
        ({"scale": 0}, "a box without an area"),
        ({"scale": "big"}, "cannot be read"),
        ({"image": "9.png"}, "lacks 1 of the 1 pictures"),
        ({"joints_vis": [0] * 16}, "none of its 1 people has joints"),
    ],
)
def test_bad_mpii_people_are_refused(write_mpii, changed, message):
    with pytest.raises(InputError, match=message):
        read_people_images(*write_mpii(mpii_person(**changed)))


def test_a_damaged_jpeg_is_named(tmp_path, rng):
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), rng.integers(0, 255, (64, 64, 3), np.uint8))
    assert read_picture(path).shape == (64, 64, 3)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a.jpg is a JPEG that ends too early"):
        read_picture(path)
    path.write_bytes(b"\xff\xd8\xff\xe0 nothing \xff\xd9")
    with pytest.raises(InputError, match=r"a.jpg cannot be decoded"):
        read_picture(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"a.jpg cannot be decoded .*0 bytes"):
        read_picture(path)
