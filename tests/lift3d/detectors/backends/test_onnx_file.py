from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.detectors.backends.onnx_file import OnnxKeypoints, OnnxSettings, open_onnx, settings_beside
from lift3d.detectors.detection import Boxes

pytest.importorskip("onnxruntime", reason="the ONNX backend needs onnxruntime, which is in the extras onnx and dev")

Maker = Callable[..., Path]
PLAIN = OnnxSettings(mean=(0, 0, 0), std=(255, 255, 255))
BOX = Boxes(np.array([[48.0, 30.0, 50.0, 84.0]]), np.array([0.9]))


def farthest(xy: np.ndarray, spots: np.ndarray) -> float:
    """How far the worst joint lies from the spot of its colour, pixels."""
    return float(np.linalg.norm(xy - spots[np.arange(len(xy)) % 3], axis=-1).max())


@pytest.mark.parametrize(("batch", "last", "bins"), [("batch", False, 2), (1, False, 2), (4, True, 1)])
def test_simcc_network_finds_spots_to_a_fraction_of_a_pixel(
    simcc_file: Maker, picture: np.ndarray, spots: np.ndarray, batch: int | str, last: bool, bins: int
) -> None:
    network = OnnxKeypoints(simcc_file(17, batch=batch, channels_last=last, bins=bins), PLAIN)
    nobody, one = Boxes.none(), BOX
    two = Boxes(np.concatenate([BOX.xywh, BOX.xywh + [[-7, -9, 20, 12]]]), np.array([0.9, 0.8]))
    found = network([picture, picture, picture], [two, nobody, one])
    assert [len(each.xy) for each in found] == [2, 0, 1]
    assert network.skeleton.name == "coco_17"
    for xy, confidence in zip(found[0].xy, found[0].confidence, strict=True):
        assert farthest(xy, spots) < 0.3
        assert ((confidence > 0.9) & (confidence <= 1)).all()
    np.testing.assert_allclose(found[2].xy[0], found[0].xy[0], atol=1e-4)
    assert found[0].boxes is two


def test_normalisation_of_rtmpose_is_the_default(simcc_file: Maker, picture: np.ndarray, spots: np.ndarray) -> None:
    path = simcc_file()
    usual = OnnxKeypoints(path)([picture], [BOX])[0]
    assert farthest(usual.xy[0], spots) < 0.3  # the scale of the input moves no peak
    white = OnnxKeypoints(path)._read(np.full((1, 128, 96, 3), 255, np.uint8))
    assert usual.confidence.max() == 1  # (255 - 123.7) / 58.4 is above 1
    dark = OnnxKeypoints(path, OnnxSettings(mean=(255, 255, 255)))([picture], [BOX])[0]
    assert white[1].min() > 2
    assert np.isnan(dark.xy).all()  # nothing above zero: RTMPose's word for a joint that is not there
    assert (dark.confidence == 0).all()


def test_colours_go_in_as_red_green_blue_unless_said_otherwise(
    simcc_file: Maker, picture: np.ndarray, spots: np.ndarray
) -> None:
    swapped = OnnxKeypoints(simcc_file(), replace(PLAIN, bgr=True))([picture], [BOX])[0]
    assert farthest(swapped.xy[0], spots[::-1]) < 0.3


def test_heatmap_network_finds_spots_by_the_custom_that_its_cells_follow(
    heatmap_file: Maker, picture: np.ndarray, spots: np.ndarray
) -> None:
    path = heatmap_file()
    right = OnnxKeypoints(path, replace(PLAIN, cells="centre"))([picture], [BOX])[0]
    assert farthest(right.xy[0], spots) < 0.3
    off = OnnxKeypoints(path, replace(PLAIN, cells="stride"))([picture], [BOX])[0]
    scale = 84 * 1.25 / 128  # pixels of the picture in one of the crop
    np.testing.assert_allclose(off.xy - right.xy, -1.5 * scale, atol=1e-6)


def test_size_that_the_model_leaves_open_is_asked_for(
    heatmap_file: Maker, picture: np.ndarray, spots: np.ndarray
) -> None:
    path = heatmap_file(size=("width", "height"))
    with pytest.raises(InputError, match=r"heatmaps.onnx leaves its picture size open; give it as \(width, height\)"):
        OnnxKeypoints(path, PLAIN)
    network = OnnxKeypoints(path, replace(PLAIN, cells="centre", size=(96, 128)))
    assert farthest(network([picture], [BOX])[0].xy[0], spots) < 0.3


@pytest.mark.parametrize(("count", "name", "joints"), [(26, "halpe_26", 26), (133, "coco_wholebody_23", 23)])
def test_joint_set_is_told_by_the_number_of_joints(
    simcc_file: Maker, picture: np.ndarray, count: int, name: str, joints: int
) -> None:
    network = OnnxKeypoints(simcc_file(count), PLAIN)
    assert network.skeleton.name == name
    assert network([picture], [BOX])[0].xy.shape == (1, joints, 2)


def test_feet_of_a_whole_body_model_come_left_first(simcc_file: Maker) -> None:
    joints = OnnxKeypoints(simcc_file(133)).skeleton.joints
    assert joints[17:] == tuple(f"{s}_{p}" for s in ("left", "right") for p in ("big_toe", "small_toe", "heel"))


@pytest.mark.parametrize(
    ("count", "settings", "message"),
    [
        (21, OnnxSettings(), "gives 21 joints, which is no known set; name one of coco_17"),
        (17, OnnxSettings(joints="halpe_26"), "gives 17 joints, but halpe_26 has 26"),
        (17, OnnxSettings(joints="smpl"), "joint set 'smpl' is not known; there are coco_17"),
        (17, OnnxSettings(size=(192, 256)), "takes pictures of 96x128, not 192x256"),
        (17, OnnxSettings(split=3.0), r"gives 192 and 256 bins for crops of 96x128; wanted 3.0 a pixel"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_refused(
    simcc_file: Maker, count: int, settings: OnnxSettings, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        OnnxKeypoints(simcc_file(count), settings)


def test_unknown_custom_of_cells_is_refused() -> None:
    with pytest.raises(InputError, match="cells must be one of stride, centre, udp, got 'corner'"):
        OnnxSettings(cells="corner")


def test_network_that_is_no_pose_network_is_refused(save_graph: Callable[..., Path], tmp_path: Path) -> None:
    helper = pytest.importorskip("onnx.helper")
    boxes = save_graph(
        [helper.make_node("ReduceMax", ["picture"], ["most"], axes=[2, 3], keepdims=0)],
        {"picture": [1, 3, 64, 48], "most": [1, 3]},
        tmp_path / "boxes.onnx",
    )
    with pytest.raises(InputError, match=r"boxes.onnx gives \[1, 3\]; wanted two \[B, J, bins\] \(SimCC\) or one"):
        OnnxKeypoints(boxes)
    flat = save_graph(
        [helper.make_node("Identity", ["picture"], ["same"])], {"picture": [1, 9], "same": [1, 9]}, tmp_path / "a.onnx"
    )
    with pytest.raises(InputError, match=r"a.onnx takes tensor\(float\) \[1, 9\]; wanted one float input"):
        OnnxKeypoints(flat)


def test_missing_and_damaged_files_and_devices_are_named(simcc_file: Maker, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none.onnx does not exist; wanted a top-down pose model in ONNX: "):
        OnnxKeypoints(tmp_path / "none.onnx")
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(InputError, match=r"broken.onnx cannot be loaded by onnxruntime \(.+\); export it again"):
        OnnxKeypoints(path)
    with pytest.raises(InputError, match="device 'tpu' is not known to the ONNX backend"):
        OnnxKeypoints(simcc_file(), device="tpu")


def test_settings_are_read_from_the_toml_beside_the_model(tmp_path: Path) -> None:
    assert settings_beside(tmp_path / "pose.onnx") == OnnxSettings()
    (tmp_path / "pose.toml").write_text('joints = "halpe_26"\nmean = [0, 0, 0]\nsize = [192, 256]\ncells = "udp"\n')
    wanted = OnnxSettings(joints="halpe_26", mean=(0, 0, 0), size=(192, 256), cells="udp")
    assert settings_beside(tmp_path / "pose.onnx") == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("joint = 3", "pose.toml says 'joint'; known are joints, mean"),
        ("= 3", r"pose.toml is not TOML \("),
        ("mean = [1, 2]", r"mean must be 3 numbers, got \(1, 2\)"),
        ('std = "abc"', "std must be 3 numbers, got 'abc'"),
        ('split = "two"', "split must be a number above 0, got 'two'"),
    ],
)
def test_wrong_settings_beside_the_model_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pose.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        settings_beside(tmp_path / "pose.onnx")


def test_opened_by_name_it_takes_boxes_and_tells_how_it_was_made(
    simcc_file: Maker, picture: np.ndarray, spots: np.ndarray
) -> None:
    class Everywhere:
        def __call__(self, pictures: list[np.ndarray]) -> list[Boxes]:
            return [BOX] * len(pictures)

    detector = open_onnx(simcc_file(), person=Everywhere(), settings=PLAIN)
    found = list(detector.detect([picture, None, picture], in_sequence=False))
    assert [len(each.xy) for each in found] == [1, 0, 1]
    assert farthest(found[2].xy[0], spots) < 0.3
    assert detector.name == "onnx"
    assert detector.settings["std"] == (255, 255, 255)
    assert len(detector.settings["weights_sha256"]) == 64
