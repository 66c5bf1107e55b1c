"""Small ONNX networks that really find something: spots of red, green and blue, for joints in turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def spots() -> np.ndarray:
    """Where red, green and blue lie in the picture, pixels."""
    return np.array([[61.3, 40.7], [88.0, 71.5], [70.6, 102.2]])


@pytest.fixture
def picture(spots: np.ndarray) -> np.ndarray:
    """A black BGR picture, 160x140, with a red, a green and a blue spot."""
    x, y = np.meshgrid(np.arange(160), np.arange(140))
    rgb = [255 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / 50) for spot in spots]
    return np.stack(rgb[::-1], -1).round().astype(np.uint8)


@pytest.fixture
def save_graph() -> Callable[..., Path]:
    """Saves a network whose input is called "picture" and whose other names in ``shapes`` are its outputs."""
    pytest.importorskip("onnx", reason="onnx makes the test's networks; it is in the extra dev")
    from onnx import TensorProto, checker, helper, numpy_helper, save

    def write(nodes: list[Any], shapes: dict[str, list[Any]], path: Path, **constants: np.ndarray) -> Path:
        values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
        inputs, known = [values.pop("picture")], [numpy_helper.from_array(c, name) for name, c in constants.items()]
        made = helper.make_graph(nodes, "spots", inputs, list(values.values()), known)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        checker.check_model(model)
        save(model, path)
        return path

    return write


@pytest.fixture
def simcc_file(save_graph: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Makes a SimCC network: joint j sees the colour j modulo 3, two bins a pixel, crops of 96x128."""
    from onnx import helper

    def make(joints: int = 17, *, batch: int | str = "batch", channels_last: bool = False, bins: int = 2) -> Path:
        constants = {
            "colours": np.arange(joints) % 3,
            "longer": np.array([1, 1, bins], np.float32),
        }
        source, nodes = "picture", []
        if channels_last:
            nodes.append(helper.make_node("Transpose", ["picture"], ["first"], perm=[0, 3, 1, 2]))
            source = "first"
        nodes.append(helper.make_node("Gather", [source, "colours"], ["maps"], axis=1))
        for name, axis in (("simcc_x", 2), ("simcc_y", 3)):
            nodes.append(helper.make_node("ReduceMax", ["maps"], [name + "_row"], axes=[axis], keepdims=0))
            nodes.append(
                helper.make_node(
                    "Resize",
                    [name + "_row", "", "longer"],
                    [name],
                    mode="linear",
                    coordinate_transformation_mode="asymmetric",  # bin k is pixel k / bins
                )
            )
        shapes = {
            "picture": [batch, 128, 96, 3] if channels_last else [batch, 3, 128, 96],
            "simcc_x": [batch, joints, 96 * bins],
            "simcc_y": [batch, joints, 128 * bins],
        }
        return save_graph(nodes, shapes, tmp_path / f"simcc{joints}_{batch}_{channels_last}_{bins}.onnx", **constants)

    return make


@pytest.fixture
def heatmap_file(save_graph: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Makes a heatmap network of stride 4 whose cells are means of 4x4 pixels; crops of 96x128, or of any size."""
    from onnx import helper

    def make(*, size: tuple[Any, Any] = (96, 128)) -> Path:
        nodes = [
            helper.make_node("Gather", ["picture", "colours"], ["maps"], axis=1),
            helper.make_node("AveragePool", ["maps"], ["heatmaps"], kernel_shape=[4, 4], strides=[4, 4]),
        ]
        width, height = size
        cells = [each // 4 if isinstance(each, int) else each + "_cells" for each in (height, width)]
        shapes = {"picture": ["batch", 3, height, width], "heatmaps": ["batch", 17, *cells]}
        return save_graph(nodes, shapes, tmp_path / "heatmaps.onnx", colours=np.arange(17) % 3)

    return make
