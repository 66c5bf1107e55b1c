import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pycocotools")

from click.testing import CliRunner  # noqa: E402

from lift3d.calib import InputError  # noqa: E402
from lift3d.checkpoint import load_checkpoint  # noqa: E402
from lift3d.cli import main  # noqa: E402
from lift3d.datasets.people_images import read_people_images  # noqa: E402
from lift3d.datasets.picture_file import read_picture  # noqa: E402
from lift3d.detectors.detection import Boxes  # noqa: E402
from lift3d.detectors.keypoint_network import Joints, KeypointNetwork, calibrate_confidence  # noqa: E402
from lift3d.detectors.learning import TrainSettings, check_settings  # noqa: E402
from lift3d.detectors.registry import DetectorOptions, open_detector  # noqa: E402
from lift3d.detectors.samples import CropSettings  # noqa: E402
from lift3d.detectors.training import split_people, train_keypoints  # noqa: E402
from lift3d.heatmaps import to_crop  # noqa: E402

TINY = {"widths": (16, 16, 16, 16, 16), "decoder": 16}
CROPS = CropSettings(size=(64, 64), half_body=0.0, occlude=0.0, colour=0.0)
SETTINGS = TrainSettings(sizes=TINY, crops=CROPS, epochs=2, batch=8, select=6, warm_up=2)


def weights(path):
    return load_checkpoint(path, "keypoints").state


def assert_equal(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_network_learns_drawn_people_and_says_where_their_joints_are(people_files, tmp_path):
    data, images = people_files(60)
    seen = []
    settings = dataclasses.replace(SETTINGS, epochs=25, rate=1e-2, ema=0.9, select=20)
    path = train_keypoints(data, images, tmp_path / "run", settings=settings, on_epoch=seen.append)
    assert seen[-1].select > 0.6 > 0.3 > seen[0].select
    assert (tmp_path / "run" / "log.csv").read_text().startswith("epoch,epochs,train_PCK@0.2")
    assert (tmp_path / "run" / "curve.svg").read_text().startswith("<svg")
    told = load_checkpoint(path, "keypoints").description
    assert told["arch"] == "light"
    assert told["joints"][0] == "nose"
    assert told["select_pck"] == pytest.approx(max(record.select for record in seen))
    assert told["groups"] == {"drawn": 60}
    network = KeypointNetwork.load(path)
    people = read_people_images(data, images)
    box = Boxes(people.boxes[:1], np.ones(1))
    found = network([read_picture(people.paths[0])], [box])[0]
    assert found.xy.shape == (1, 17, 2)
    assert np.median(np.linalg.norm(found.xy[0] - people.xy[0], axis=-1)) < 0.1 * people.boxes[0, 3]
    assert ((found.confidence > 0) & (found.confidence <= 1)).all()


def test_two_calls_give_what_one_gives_bit_for_bit(people_files, tmp_path):
    data, images = people_files()
    once = train_keypoints(data, images, tmp_path / "once", settings=SETTINGS)
    train_keypoints(data, images, tmp_path / "twice", settings=dataclasses.replace(SETTINGS, save_s=0.0))
    assert_equal(weights(once), weights(tmp_path / "twice" / "keypoints.pt"))


@pytest.mark.slow
def test_a_run_killed_at_any_step_ends_with_the_same_weights(people_files, tmp_path):
    data, images = people_files()
    once = train_keypoints(data, images, tmp_path / "once", settings=dataclasses.replace(SETTINGS, save_s=0.0))
    script = (
        "import dataclasses, os, signal, sys\n"
        "from lift3d.detectors import training as t\n"
        "from lift3d.detectors.samples import CropSettings\n"
        "from lift3d.detectors.learning import TrainSettings\n"
        f"settings = TrainSettings(sizes={TINY!r}, crops=CropSettings(size=(64, 64), half_body=0.0, occlude=0.0,"
        " colour=0.0), epochs=2, batch=8, select=6, warm_up=2, save_s=0.0)\n"
        "steps = iter(range(100))\n"
        "def progress(stage, done, total):\n"
        "    if next(steps) == int(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)\n"
        f"t.train_keypoints({str(data)!r}, {str(images)!r}, sys.argv[2], settings=settings, progress=progress)\n"
    )
    step = int(np.random.default_rng(time.time_ns()).integers(0, 4))
    command = [sys.executable, "-c", script, str(step), str(tmp_path / "killed")]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    killed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = train_keypoints(data, images, tmp_path / "killed", settings=dataclasses.replace(SETTINGS, save_s=0.0))
    assert_equal(weights(once), weights(again))
    first, second = (load_checkpoint(tmp_path / run / "last.pt", "keypoints-run").state for run in ("once", "killed"))
    assert_equal(first["network"], second["network"])


def test_a_run_with_other_settings_is_not_gone_on_with(people_files, tmp_path):
    data, images = people_files()
    train_keypoints(data, images, tmp_path / "run", settings=dataclasses.replace(SETTINGS, epochs=1))
    with pytest.raises(InputError, match=r"holds a run with training\.rate = 0\.002, not 0\.1"):
        train_keypoints(data, images, tmp_path / "run", settings=dataclasses.replace(SETTINGS, rate=0.1))


def test_half_crops_come_first_and_never_choose_the_weights(people_files, tmp_path):
    data, images = people_files()
    seen = []
    crops = dataclasses.replace(CROPS, size=(128, 128))
    settings = dataclasses.replace(SETTINGS, crops=crops, epochs=2, half_epochs=1)
    train_keypoints(data, images, tmp_path / "run", settings=settings, on_epoch=seen.append)
    assert [record.best for record in seen] == [False, True]


def test_people_who_select_share_no_picture_with_those_who_train(people_files):
    people = read_people_images(*people_files(30))
    train, select = split_people(people, 10, 0)
    assert len(select) == 10
    assert not set(train.paths) & set(select.paths)
    assert np.isnan(select.without_teacher().xy[:, 0]).all()  # the nose is a teacher's, who judges nobody
    assert np.isfinite(train.xy[:, 0]).all()


@pytest.mark.parametrize(("change", "message"), [
    ({"crops": CropSettings(size=(100, 128))}, "multiples of 32, 64 or more; got 100x128"),
    ({"crops": CropSettings(size=(96, 128)), "half_epochs": 1}, "half crops of 96x128 are not multiples"),
    ({"epochs": 0}, "epochs must be 1 or more"),
    ({"half_epochs": 5}, "half epochs must be 0 to 2, got 5"),
    ({"behind": 1.0}, "people seen from behind must be 0 to below 1, got 1"),
    ({"device": "cuda"}, "torch sees no GPU here"),
])  # fmt: skip
def test_impossible_settings_are_refused(change, message):
    if change.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match=message):
        check_settings(dataclasses.replace(SETTINGS, **change))


def test_too_few_people_to_hold_out_is_one_line(people_files):
    people = read_people_images(*people_files(10))
    with pytest.raises(InputError, match="9 people are to be held out, but only 10 can be judged"):
        split_people(people, 9, 0)


def test_a_checkpoint_that_is_not_what_it_says_is_refused(people_files, tmp_path):
    data, images = people_files()
    path = train_keypoints(data, images, tmp_path / "run", settings=dataclasses.replace(SETTINGS, epochs=1))
    checkpoint = load_checkpoint(path, "keypoints")
    from lift3d.checkpoint import save_checkpoint

    other = dataclasses.replace(checkpoint, description={**checkpoint.description, "arch": "unet", "sizes": {}})
    save_checkpoint(tmp_path / "other.pt", other)
    with pytest.raises(InputError, match=r"other\.pt says it is a network 'unet', but its weights do not fit"):
        KeypointNetwork.load(tmp_path / "other.pt")
    with pytest.raises(InputError, match="holds a keypoints-run, wanted a keypoints"):
        KeypointNetwork.load(tmp_path / "run" / "last.pt")


def test_the_mirror_agrees_with_the_picture_on_a_mirrored_person(people_files, tmp_path):
    # With the mirror's maps averaged in, a mirrored crop gives mirrored joints, left and right exchanged, exactly.
    data, images = people_files()
    path = train_keypoints(data, images, tmp_path / "run", settings=dataclasses.replace(SETTINGS, epochs=1))
    network = KeypointNetwork.load(path, flip=True)
    network.bf16 = False  # so coarse that an untrained network's peaks are level
    batch = torch.randn(2, 3, 64, 64)
    cells, peak = network.maps_to_cells(batch)
    mirrored, mirrored_peak = network.maps_to_cells(batch.flip(-1))
    from lift3d.datasets.detections import mirror_joints

    order = mirror_joints(network.skeleton)
    assert torch.allclose(mirrored_peak[:, order], peak, atol=1e-5)
    alike = torch.isclose(15 - mirrored[:, order, 0], cells[..., 0], atol=1e-3)
    assert alike.float().mean() > 0.9  # of level peaks, rounding chooses another one


def test_the_enlarged_look_reads_joints_where_the_plain_one_does():
    # A network that answers with the picture itself: a blob stays where it is, whichever size it was looked at.
    class Echo(torch.nn.Module):
        def forward(self, batch):
            maps = torch.nn.functional.avg_pool2d(batch[:, :1], 4)
            return 12 * maps - 6

    described = {"joints": ["nose"], "skeleton": "one", "size": [64, 96], "padding": 1.25}
    y, x = np.mgrid[:96, :64]
    batch = torch.from_numpy(np.exp(-((x - 21.3) ** 2 + (y - 50.2) ** 2) / 128)).float().expand(1, 3, 96, 64)
    network = KeypointNetwork(Echo(), described, flip=True)
    cells, peak = network.maps_to_cells(batch)
    np.testing.assert_allclose(to_crop(cells, 4)[0, 0], (21.3, 50.2), atol=0.4)
    assert 0.9 < float(peak) <= 1


def test_confidence_is_learnt_with_the_flip_test_that_detectors_make(people_files, tmp_path, monkeypatch):
    data, images = people_files()
    path = train_keypoints(data, images, tmp_path / "run", settings=dataclasses.replace(SETTINGS, epochs=1))
    asked, looks = [], KeypointNetwork.on_people
    monkeypatch.setattr(
        KeypointNetwork, "on_people", lambda self, people: asked.append(self.flip) or looks(self, people)
    )
    calibrate_confidence(path, read_people_images(data, images))
    assert asked == [open_detector(str(path), DetectorOptions(boxes_given=True)).keypoints.flip]


def test_a_peak_on_a_face_that_nobody_can_see_means_little(people_files, tmp_path, monkeypatch):
    data, images = people_files(60)
    path = train_keypoints(data, images, tmp_path / "run", settings=dataclasses.replace(SETTINGS, epochs=1))
    people = read_people_images(data, images)
    many = people.take(np.tile(np.arange(60), 5))
    nose, wrist = (people.skeleton.joints.index(name) for name in ("nose", "left_wrist"))
    seen, teacher = np.full_like(many.labelled, 2), np.zeros_like(many.teacher)
    teacher[:, nose] = True
    seen[::2, nose] = 1
    many = dataclasses.replace(many, labelled=seen, teacher=teacher)
    peak = np.full(seen.shape, 0.8) + np.random.default_rng(0).uniform(0, 1e-3, seen.shape)
    peak[::2, nose] = 0.3
    monkeypatch.setattr(KeypointNetwork, "on_people", lambda self, p: Joints(p.xy, peak))
    calibrate_confidence(path, many)
    confidence = KeypointNetwork.load(path).confidence(np.full((1, len(people.skeleton)), 0.3))
    assert confidence[0, nose] < 0.05 < 0.3 < confidence[0, wrist]
    assert KeypointNetwork.load(path).confidence(np.full((1, len(people.skeleton)), 0.8))[0, nose] > 0.9


def test_the_command_line_trains_and_says_how_far_it_is(people_files, tmp_path):
    data, images = people_files()
    words = ["train", "keypoints", "--data", str(data), "--images", str(images), "-o", str(tmp_path / "run"),
             "--size", "64x64", "--epochs", "1", "--batch", "8", "--select", "6"]  # fmt: skip
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "epoch 1/1: PCK@0.2 training" in result.output
    assert (tmp_path / "run" / "keypoints.pt").is_file()
    missing = sorted(images.iterdir())[:2]
    for path in missing:
        path.unlink()
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "lacks 2 of the 24 pictures" in result.output
    assert missing[0].name in result.output


@pytest.mark.slow
def test_two_processes_train_one_network_and_one_of_them_writes(people_files, tmp_path):
    data, images = people_files()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = [sys.executable, "-m", "lift3d", "train", "keypoints", "--data", str(data), "--images", str(images),
             "-o", str(tmp_path / "run"), "--size", "64x64", "--epochs", "1", "--batch", "8",
             "--select", "6"]  # fmt: skip
    started = [
        subprocess.Popen(
            words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "WORLD_SIZE": "2", "RANK": str(rank),
                 "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
        )
        for rank in range(2)
    ]  # fmt: skip
    first, second = (process.communicate(timeout=300)[0] for process in started)
    assert [process.returncode for process in started] == [0, 0], first + second
    assert "epoch 1/1" in first
    assert "epoch" not in second
    assert "wrote" not in second
    assert KeypointNetwork.load(tmp_path / "run" / "keypoints.pt").size == (64, 64)
