import dataclasses

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets.detections import mirror_joints
from lift3d.datasets.people_images import read_people_images
from lift3d.detectors.samples import CropSettings, Pictures, make_crops

SIZE = (96, 128)
PLAIN = CropSettings(size=SIZE).plain()


@pytest.fixture
def people(people_files):
    return read_people_images(*people_files(8))


def crops_of(people, settings, seed=0):
    return make_crops(people, np.arange(len(people)), np.random.default_rng(seed), settings, Pictures())


def limb_colour(crop, a, b):
    """The colour in the middle of a limb, RGB."""
    x, y = np.round((a + b) / 2).astype(int)
    return crop[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(0)


def assert_sides_are_right(crops, skeleton, left="red"):
    """Left limbs are red and right ones green, wherever the crop says that they are; in a mirror it is the reverse."""
    checked = 0
    for crop, xy in zip(crops.pictures, crops.xy, strict=True):
        for a, b in skeleton.limb_bones:
            ends = xy[[a, b]]
            if not np.isfinite(ends).all() or (ends < 2).any() or (ends > np.array(SIZE) - 3).any():
                continue
            red, green, _ = limb_colour(crop, *ends)
            assert (red > green) == (skeleton.joints[a].startswith("left") == (left == "red"))
            checked += 1
    assert checked > 20


def test_plain_crops_hold_the_whole_person_and_the_joints_lie_on_them(people):
    crops = crops_of(people, PLAIN)
    assert crops.pictures.shape == (8, 128, 96, 3)
    assert np.isfinite(crops.xy).all()
    assert_sides_are_right(crops, people.skeleton)


@pytest.mark.parametrize("change", [{"turn": 1.0, "turn_deg": 60.0}, {"scale": 1.5, "move": 0.1}])
def test_joints_move_with_the_picture(people, change):
    crops = crops_of(people, dataclasses.replace(PLAIN, **change))
    assert_sides_are_right(crops, people.skeleton)


def test_a_mirror_exchanges_left_and_right(people):
    assert_sides_are_right(crops_of(people, dataclasses.replace(PLAIN, mirror=1.0)), people.skeleton, left="green")


@pytest.mark.parametrize("seed", range(3))
def test_joints_stay_where_they_are_under_colours_patches_and_backgrounds(people, seed):
    plain = crops_of(people, PLAIN, seed)
    for change in ({"colour": 1.0}, {"occlude": 1.0}, {"backgrounds": 1.0}):
        changed = crops_of(people, dataclasses.replace(PLAIN, **change), seed)
        assert np.array_equal(changed.xy, plain.xy)
        assert not np.array_equal(changed.pictures, plain.pictures)


def test_half_bodies_show_joints_larger(people):
    halves = crops_of(people, dataclasses.replace(PLAIN, half_body=1.0))
    assert np.isnan(halves.xy).any()
    assert (halves.weight > 0).all()  # they are known to be outside: the map is to stay empty


def test_the_same_stream_makes_the_same_crops(people):
    first, again, other = (crops_of(people, CropSettings(size=SIZE), seed) for seed in (1, 1, 2))
    assert np.array_equal(first.pictures, again.pictures)
    assert not np.array_equal(first.pictures, other.pictures)


def test_labels_of_a_teacher_weigh_less_and_hard_joints_more(people):
    weight = crops_of(people, dataclasses.replace(PLAIN, teacher=0.5)).weight[0]
    joints = people.skeleton.joints
    assert weight[joints.index("nose")] == pytest.approx(0.5)
    assert weight[joints.index("left_hip")] == pytest.approx(1.0)
    assert weight[joints.index("left_wrist")] == pytest.approx(1.5)


def test_a_joint_that_is_not_labelled_weighs_nothing(people):
    labelled = people.labelled.copy()
    labelled[:, 9] = 0
    xy = people.xy.copy()
    xy[:, 9] = np.nan
    crops = crops_of(dataclasses.replace(people, labelled=labelled, xy=xy), PLAIN)
    assert (crops.weight[:, 9] == 0).all()
    assert np.isnan(crops.xy[:, 9]).all()


def test_a_face_that_a_teacher_could_not_see_is_taught_as_absent(people):
    joints = people.skeleton.joints
    nose, left_eye, right_eye, wrist = (joints.index(n) for n in ("nose", "left_eye", "right_eye", "left_wrist"))
    labelled, teacher = np.full_like(people.labelled, 2), np.ones_like(people.teacher)
    labelled[:, [nose, left_eye, wrist]] = 1
    teacher[4:] = False
    hidden = dataclasses.replace(people, labelled=labelled, teacher=teacher)
    crops = crops_of(hidden, dataclasses.replace(PLAIN, mirror=1.0))
    absent = ~np.isfinite(crops.xy).all(-1)
    assert absent[:4, [nose, right_eye]].all(), "in a mirror image the left eye is the right one"
    assert not absent[:4, [left_eye, wrist]].any()
    assert not absent[4:].any(), "a human who labels a hidden nose knows where it is"
    assert (crops.weight[:, nose] > 0).all()


def test_the_mirror_s_order_is_its_own_inverse(people):
    order = mirror_joints(people.skeleton)
    assert np.array_equal(order[order], np.arange(17))
    assert order[0] == 0
    assert order[people.skeleton.index("left_knee")] == people.skeleton.index("right_knee")


def test_a_damaged_picture_is_named(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff no picture")
    with pytest.raises(InputError, match=r"bad\.jpg is a JPEG that ends too early \(14 bytes\)"):
        Pictures()[tmp_path / "bad.jpg"]
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty\.jpg cannot be decoded"):
        Pictures()[tmp_path / "empty.jpg"]


def test_pictures_are_kept_only_up_to_the_limit(people):
    kept = Pictures(limit=60_000)
    for path in people.paths:
        kept[path]
    assert sum(picture.nbytes for picture in kept._kept.values()) <= 60_000
