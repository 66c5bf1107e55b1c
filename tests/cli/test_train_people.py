"""``lift3d train people`` as it is typed."""

import json

import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="lift3d[train] is not installed")
pytest.importorskip("pycocotools", reason="lift3d[train] is not installed")

from lift3d.cli import main

ENTRY = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 20, 40], "keypoints": [5, 5, 2] * 17}


def run(*arguments):
    return CliRunner().invoke(main, ["train", "people", *map(str, arguments)])


@pytest.fixture
def data(tmp_path):
    from lift3d.datasets.skeleton import SKELETONS

    category = {"id": 1, "name": "person", "keypoints": list(SKELETONS["coco_17"].joints)}
    pictures = [{"id": n, "file_name": f"{n}.jpg", "width": 50, "height": 60} for n in (1, 2)]
    people = [{**ENTRY, "id": n, "image_id": n} for n in (1, 2)]
    path = tmp_path / "people.json"
    path.write_text(json.dumps({"images": pictures, "annotations": people, "categories": [category]}))
    return path


def test_pictures_that_are_missing_are_one_line(data, tmp_path):
    result = run("--data", data, "--images", tmp_path, "-o", tmp_path / "run")
    assert result.exit_code == 1
    assert result.output.strip() == (f"lift3d: error: {tmp_path} lacks 2 of the 2 pictures of {data}: 1.jpg, 2.jpg")


def test_it_trains_and_says_how_it_goes(data, tmp_path, rng):
    import cv2
    import numpy as np

    for n in (1, 2):
        cv2.imwrite(str(tmp_path / f"{n}.jpg"), rng.integers(0, 255, (60, 50, 3)).astype(np.uint8))
    typed = ("--epochs", 1, "--half-epochs", 1, "--scenes", 2, "--batch", 2)
    result = run("--data", data, "--images", tmp_path, "-o", tmp_path / "run", *typed)
    assert result.exit_code == 0, result.output
    assert "epoch 1/1: AP training" in result.output
    assert (tmp_path / "run/person.pt").is_file()
