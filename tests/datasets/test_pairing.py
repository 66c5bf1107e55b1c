import itertools

import pytest

from lift3d.datasets.pairing import Pair, natural_key, pair_names, similar_key


def test_natural_order_counts_numbers_as_numbers():
    assert sorted(["cam10", "cam2", "Cam1"], key=natural_key) == ["Cam1", "cam2", "cam10"]
    assert sorted(["b", "10", "a2", "a"], key=natural_key) == ["10", "a", "a2", "b"]


@pytest.mark.parametrize("name", ["cam_01", "cam01", "Cam1", "camera-1", "CAM 001", "01", "cam1_json"])
def test_spellings_of_one_camera_have_one_key(name):
    assert similar_key(name) == ("1",)


@pytest.mark.parametrize(
    ("a", "b"), [("cam1", "cam2"), ("cam1", "cam10"), ("left", "right"), ("cam_1_2", "cam_12"), ("gopro1", "cam1")]
)
def test_different_cameras_have_different_keys(a, b):
    assert similar_key(a) != similar_key(b)


def names_of(pairs):
    return {camera: pair.name for camera, pair in pairs.items()}


def test_equal_names_go_before_similar_ones():
    pairs = pair_names(["cam1", "cam_01"], ["cam_01", "cam1"])
    assert pairs == {"cam1": Pair("cam1", "name"), "cam_01": Pair("cam_01", "name")}


@pytest.mark.parametrize(
    "found",
    [
        ["Cam1", "camera-2", "10"],
        ["trial7_cam01", "trial7_cam02", "trial7_cam10"],
        ["01_sync", "02_sync", "10_sync"],
        ["2024-05-01 1", "2024-05-01 2", "2024-05-01 10"],
    ],
)
def test_similar_names_pair_in_whatever_order_they_come(found):
    expected = dict(zip(["cam_01", "cam_02", "cam_10"], found, strict=True))
    for order in itertools.permutations(found):
        pairs = pair_names(["cam_01", "cam_02", "cam_10"], order)
        assert names_of(pairs) == expected
        assert {pair.how for pair in pairs.values()} == {"similar name"}


def test_order_is_taken_only_when_no_name_fits_and_the_counts_agree():
    by_order = pair_names(["40", "7"], ["east", "west"])
    assert by_order == {"40": Pair("west", "order"), "7": Pair("east", "order")}
    assert pair_names(["40", "7"], ["east", "west", "north"]) == {}
    assert names_of(pair_names(["40", "7"], ["7", "west"])) == {"7": "7"}
    assert names_of(pair_names(["40", "7"], ["east", "west"], {"7": "west"})) == {"7": "west"}


def test_a_name_that_could_be_two_cameras_pairs_with_neither():
    assert pair_names(["cam1", "cam2"], ["Cam_1", "cam01", "cam_2"]) == {"cam2": Pair("cam_2", "similar name")}


def test_what_capture_toml_says_wins_over_names():
    pairs = pair_names(["a", "b"], ["a", "b"], {"a": "b", "b": "a"})
    assert pairs == {"a": Pair("b", "capture.toml"), "b": Pair("a", "capture.toml")}


def test_missing_cameras_are_left_out_and_others_keep_their_names():
    assert names_of(pair_names(["cam_01", "cam_02", "cam_03"], ["cam03", "cam01"])) == {
        "cam_01": "cam01",
        "cam_03": "cam03",
    }
    assert pair_names([], ["a"]) == pair_names(["a"], []) == {}
