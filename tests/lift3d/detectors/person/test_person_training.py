import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pycocotools")

from lift3d.calib import InputError  # noqa: E402
from lift3d.checkpoint import load_checkpoint  # noqa: E402
from lift3d.detectors.person.detector import PersonNetwork  # noqa: E402
from lift3d.detectors.person.scenes import SceneSettings  # noqa: E402
from lift3d.detectors.person.training import TrainSettings, halved, held_out, train_people  # noqa: E402

TINY = {"widths": (4, 4, 8, 8, 8), "depths": (0, 0, 0, 0, 0), "head": 8}
SETTINGS = TrainSettings(
    sizes=TINY, pictures=((96, 64), (64, 64)), epochs=3, half_epochs=1, scenes_per_epoch=8, batch=4, select_scenes=3
)


class StoppedError(Exception):
    pass


def weights(path):
    return load_checkpoint(path, "person").state


def test_a_run_that_was_stopped_ends_like_one_that_was_not(people_files, tmp_path):
    data, images = people_files(10)
    whole = train_people(data, images, tmp_path / "whole", settings=SETTINGS)

    def stop(stage, done, total):
        if stage == "epoch 3 of 3" and done == 1:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_people(data, images, tmp_path / "parts", settings=SETTINGS, progress=stop)
    epochs = []
    parts = train_people(data, images, tmp_path / "parts", settings=SETTINGS, on_epoch=epochs.append)
    assert [record.epoch for record in epochs] == [3]
    first, second = (load_checkpoint(tmp_path / name / "last.pt", "person-run").state for name in ("whole", "parts"))
    assert first["step"] == second["step"] == 6
    for side in ("network", "average", "joints"):
        assert all(torch.equal(first[side][name], second[side][name]) for name in first[side])
    assert all(torch.equal(value, weights(parts)[name]) for name, value in weights(whole).items())


def test_the_checkpoint_says_what_it_is_and_finds_boxes(people_files, tmp_path):
    data, images = people_files(10)
    path = train_people(data, images, tmp_path / "run", settings=dataclasses.replace(SETTINGS, epochs=1))
    told = load_checkpoint(path, "person").description
    assert told["arch"] == "centre"
    assert told["people"] == {"all": 10, "held_out": 1, "sources": {"drawn": 10}}
    assert told["training"]["scenes_per_epoch"] == 8
    assert len(told["data_sha256"]) == 64
    assert 0 <= told["select_ap50"] <= 1
    assert len(PersonNetwork.load(path)([np.zeros((50, 60, 3), np.uint8)])) == 1


def test_learning_lowers_the_error_on_people_held_out(people_files, tmp_path):
    data, images = people_files(12)
    scenes = SceneSettings(
        heights=(0.5, 0.9), people=(0, 1), alone=0, mosaic=0, rooms=0, bars=0, decoys=0, disturbed=False
    )
    settings = dataclasses.replace(
        SETTINGS, sizes={**TINY, "widths": (8, 8, 16, 16, 16), "head": 16}, scenes=scenes, pictures=((96, 96),),
        epochs=6, half_epochs=0, scenes_per_epoch=160, batch=8, rate=1e-2, ema=0.9, select_scenes=24,
    )  # fmt: skip
    seen = []
    train_people(data, images, tmp_path / "run", settings=settings, on_epoch=seen.append)
    assert max(record.select for record in seen) > 0.3 > seen[0].select


def test_mixed_precision_learns_and_ends_in_float32_weights(people_files, tmp_path):
    data, images = people_files(6)
    settings = dataclasses.replace(SETTINGS, sizes={}, arch="light", epochs=1, bf16=True)
    path = train_people(data, images, tmp_path / "run", settings=settings)
    assert all(value.dtype != torch.bfloat16 for value in weights(path).values())
    assert not any(name.startswith("joints") for name in weights(path))


def test_neighbours_in_the_file_are_held_out_together():
    chosen = held_out(1000, 0.05)
    assert chosen.sum() == 50
    assert np.flatnonzero(np.diff(chosen.astype(int))).tolist() == [249, 274, 749, 774]
    assert held_out(10, 0.05).sum() == 1


def test_half_as_large_pictures_hold_nobody_smaller():
    size, kind = halved((320, 192), SceneSettings(heights=(0.08, 0.95)))
    assert size == (160, 96)
    assert kind.heights == (0.16, 0.95)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"epochs": 0}, "epochs and scenes per epoch must be 1 or more"),
        ({"pictures": ((100, 64),)}, "must be multiples of 32"),
        ({"arch": "yolo"}, "yolo is no architecture of the person detector"),
    ],
)
def test_settings_that_cannot_be_are_refused(people_files, tmp_path, changed, words):
    with pytest.raises(InputError, match=words):
        train_people(*people_files(4), tmp_path / "run", settings=dataclasses.replace(SETTINGS, **changed))


def test_a_folder_with_another_run_is_refused(people_files, tmp_path):
    data, images = people_files(6)
    one = dataclasses.replace(SETTINGS, epochs=1)
    train_people(data, images, tmp_path / "run", settings=one)
    with pytest.raises(InputError, match=r"holds a run with training\.rate"):
        train_people(data, images, tmp_path / "run", settings=dataclasses.replace(one, rate=0.1))
