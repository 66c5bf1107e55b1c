"""People drawn by the tests: sticks with coloured sides, so that a network can learn them in seconds."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from lift3d.datasets.skeleton import SKELETONS

COCO = SKELETONS["coco_17"]


def draw_person(picture, points):
    """Left limbs red, right ones green."""
    for a, b in COCO.limb_bones:
        colour = (0, 0, 255) if COCO.joints[a].startswith("left") else (0, 255, 0)
        ends = [tuple(round(float(v)) for v in points[i]) for i in (a, b)]
        cv2.line(picture, *ends, colour, 4)
    cv2.circle(picture, tuple(round(float(v)) for v in points[0]), 6, (255, 255, 0), -1)


@pytest.fixture
def people_files(tmp_path, standing_person):
    """A function: how many people, to (COCO JSON, folder of pictures)."""

    def make(count=24, seed=0):
        rng = np.random.default_rng(seed)
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        images, annotations = [], []
        base = standing_person(COCO.joints)
        base = (base - base.min(0)) / 400
        for i in range(count):
            size = int(rng.integers(90, 150))
            points = base * size + rng.uniform(10, 30, 2) + rng.normal(0, 2, base.shape)
            picture = rng.integers(60, 110, (size + 60, size + 40, 3)).astype(np.uint8)
            draw_person(picture, points)
            name = f"{i:03d}.png"
            cv2.imwrite(str(folder / name), picture)
            low, high = points.min(0), points.max(0)
            flags = np.full((len(COCO), 1), 2)
            images.append({"id": i, "file_name": name, "width": picture.shape[1], "height": picture.shape[0]})
            annotations.append({
                "id": 100 + i, "image_id": i, "category_id": 1, "iscrowd": 0,
                "bbox": [*low.tolist(), *(high - low).tolist()], "area": float(np.prod(high - low)),
                "keypoints": np.hstack([points, flags]).ravel().tolist(), "num_keypoints": 17,
                "source": "drawn", "kp_kind": "t" * 5 + "h" * 12,
            })  # fmt: skip
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 1, "name": "person", "keypoints": list(COCO.joints)}],
        }
        path = tmp_path / "people.json"
        path.write_text(json.dumps(content))
        return path, folder

    return make
