"""The whole command with detectors of others, from pictures to the file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from lift3d.cli import main
from lift3d.datasets.keypoint_formats import read_provenance
from lift3d.datasets.keypoint_formats.lift3d_h5 import read_h5

pytest.importorskip("onnxruntime", reason="the ONNX backend needs onnxruntime, which is in the extras onnx and dev")


def detect(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["detect", *map(str, arguments)])


@pytest.fixture
def pictures(picture: np.ndarray, tmp_path: Path) -> Path:
    """A folder with the picture, and the same moved by 20 pixels."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), picture)
    cv2.imwrite(str(folder / "b.png"), np.roll(picture, 20, axis=1))
    return folder


def test_onnx_file_finds_joints_in_pictures(
    simcc_file: Callable[..., Path], pictures: Path, spots: np.ndarray, tmp_path: Path
) -> None:
    model = simcc_file(26)
    model.with_suffix(".toml").write_text("mean = [0, 0, 0]\nstd = [255, 255, 255]\n")
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("frame,x,y,w,h\n0,48,30,50,84\n1,68,30,50,84\n")
    out = tmp_path / "found.h5"
    result = detect(pictures, "--detector", model, "--boxes", boxes, "-o", out)
    assert result.exit_code == 0, result.output
    found = read_h5(out).keypoints
    assert found.skeleton.name == "halpe_26"
    wanted = np.stack([spots, spots + [20, 0]])[:, np.arange(26) % 3]
    np.testing.assert_allclose(found.xy[:, 0, 0], wanted, atol=0.3)
    told = read_provenance(out)
    assert told is not None
    assert told["detector"] == "onnx"
    assert told["settings"]["std"] == [255, 255, 255]
    assert len(told["settings"]["weights_sha256"]) == 64


@pytest.mark.parametrize("name", ["rtmpose", "mediapipe", "torchvision"])
def test_missing_package_is_one_line_with_the_command(
    monkeypatch: pytest.MonkeyPatch, pictures: Path, tmp_path: Path, name: str
) -> None:
    package = {"rtmpose": "rtmlib"}.get(name, name)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    result = detect(pictures, "--detector", name, "-o", tmp_path / "found.h5")
    assert result.exit_code == 1
    assert result.stderr == (
        f"lift3d: error: the Python package {package} is not installed; run: pip install 'lift3d[{name}]'\n"
    )
