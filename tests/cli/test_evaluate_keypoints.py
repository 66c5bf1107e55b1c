"""``lift3d evaluate keypoints`` on a network that was never trained."""

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.datasets.skeleton import SKELETONS

torch = pytest.importorskip("torch")
pytest.importorskip("pycocotools")

from lift3d.checkpoint import Checkpoint, save_checkpoint  # noqa: E402
from lift3d.detectors.networks import build_network  # noqa: E402

JOINTS = SKELETONS["coco_17"].joints


@pytest.fixture(scope="module")
def files(standing_person, tmp_path_factory):
    """Weights, COCO.json and the folder of pictures: four standing people, labelled by humans and by a network."""
    folder = tmp_path_factory.mktemp("set")
    images, annotations = [], []
    for n in range(4):
        cv2.imwrite(str(folder / f"{n}.jpg"), np.full((120, 100, 3), 60 * n, np.uint8))
        xy = standing_person(JOINTS, shift=(0, 10 + n), height=100)
        keypoints = np.column_stack([xy, np.full(17, 2)]).ravel().tolist()
        images.append({"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 120})
        annotations.append({"id": n, "image_id": n, "category_id": 1, "iscrowd": 0, "bbox": [25, 8, 50, 105],
                            "area": 5250, "keypoints": keypoints, "kp_kind": "hhhhhhhhhhhhhhhtt"})  # fmt: skip
    categories = [{"id": 1, "name": "person", "keypoints": JOINTS}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "people.json").write_text(json.dumps(content))
    torch.manual_seed(0)
    network = build_network("light", 17)
    described = {
        "arch": "light",
        "sizes": {},
        "joints": JOINTS,
        "skeleton": "coco_17",
        "size": (64, 64),
        "padding": 1.25,
    }
    weights = save_checkpoint(folder / "keypoints.pt", Checkpoint("keypoints", described, network.state_dict()))
    return weights, folder / "people.json", folder


def run(files, *options):
    weights, data, images = map(str, files)
    return CliRunner().invoke(main, ["evaluate", "keypoints", weights, "--data", data, "--images", images, *options])


def test_tables_sheet_and_curve_are_made(files, tmp_path):
    sheet, curve = tmp_path / "sheet.png", tmp_path / "curve.svg"
    result = run(files, "--no-flip", "--decode", "window", "--sheet", str(sheet), "--reliability", str(curve))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split()[:3] == ["people", "number", "judged"]
    assert lines[1].split()[:3] == ["all", "4", "4"]
    assert any(line.startswith("left_ankle") for line in lines)
    assert "boxes as labelled, window decoding, no flip test; joints labelled by humans;" in result.stdout
    assert cv2.imread(str(sheet)) is not None
    assert curve.read_text().startswith("<svg")
    again = run(files, "--sheet", str(sheet))
    assert again.exit_code == 1
    assert "sheet.png exists; give --overwrite" in again.stderr


def test_json_is_json_and_leaves_the_teachers_labels_out(files):
    told = [json.loads(run(files, "--json", *more).stdout, parse_constant=pytest.fail) for more in ([], ["--teacher"])]
    assert [side["groups"][0]["keypoints"] for side in told] == [4 * 15, 4 * 17]
    assert told[0]["groups"][0]["pckh"] is None
    assert told[0]["settings"].endswith("boxes as labelled, dark decoding, with flip test")
    assert "humans and networks" in told[1]["protocol"]


def test_missing_weights_are_said_in_one_line(files):
    result = run(("absent.pt", *files[1:]))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "absent.pt does not exist" in result.stderr


def test_a_detector_of_others_sees_whole_pictures(files, monkeypatch):
    from lift3d.detectors import registry
    from lift3d.detectors.detection import Boxes, Detection

    class Blind:
        name, skeleton, settings = "blind", SKELETONS["coco_17"], None

        def detect(self, pictures, *, in_sequence=True):
            for n, _ in enumerate(pictures):
                boxes = Boxes(np.array([[0.0, 0, 90, 110]]), np.ones(1))
                yield Detection(np.full((1, 17, 2), 50.0), np.ones((1, 17)), boxes) if n else Detection.none(17)

    monkeypatch.setitem(registry.DETECTORS, "blind", lambda name, options: Blind())
    lines = run(("blind", *files[1:])).stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["all", "4"], ["those", "found"]]
    assert "blind, whole pictures" in lines[-1]
