import json

import numpy as np
from click.testing import CliRunner

from lift3d.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["demo", *map(str, arguments)])


def test_prints_the_true_error_of_every_joint_and_where_things_are(tmp_path):
    answer = run(tmp_path / "walk", "--duration", 0.5)
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    for joint in ("nose", "left_knee", "right_heel", "all"):
        assert sum(line.split()[0] == joint for line in lines if line) == 1
    assert "verdict without the truth: " in answer.output
    assert f"lift3d view {tmp_path / 'walk' / 'result.poses.h5'}" in answer.output
    assert (tmp_path / "walk" / "truth.poses.h5").is_file()


def test_json_is_json_alone_and_the_seed_decides(tmp_path):
    reports = [json.loads(run(tmp_path / name, "--duration", 0.3, "--seed", seed, "--json").output)
               for name, seed in (("a", 1), ("b", 1), ("c", 2))]  # fmt: skip
    assert reports[0]["truth"] == reports[1]["truth"] != reports[2]["truth"]
    assert set(reports[0]) == {"folder", "region", "truth", "reconstruction"}


def test_an_earlier_demo_is_replaced_only_with_overwrite(tmp_path):
    assert run(tmp_path / "walk", "--duration", 0.3).exit_code == 0
    again = run(tmp_path / "walk", "--duration", 0.3)
    assert again.exit_code == 1
    assert again.output.strip().endswith("give --overwrite to make it anew, or another folder")
    assert run(tmp_path / "walk", "--duration", 0.3, "--overwrite").exit_code == 0


def test_impossible_settings_end_in_one_line(tmp_path):
    answer = run(tmp_path / "walk", "--duration", -1)
    assert answer.exit_code == 1
    assert answer.output.strip() == "lift3d: error: duration and fps must be above zero, got -1 s and 60 fps"
    assert run(tmp_path / "walk", "--cameras", 1).exit_code == 2
    assert not list(tmp_path.iterdir())


def test_video_is_said_and_is_shorter_by_default(tmp_path, monkeypatch):
    from lift3d import demo

    asked = {}

    def run_demo(folder, settings, **rest):
        asked.update(settings=settings, **rest)
        raise FileExistsError("far enough")

    monkeypatch.setattr(demo, "run_demo", run_demo)
    assert run(tmp_path / "walk", "--video").output.strip() == "lift3d: error: far enough"
    assert (asked["settings"].duration, asked["settings"].fps, asked["video"]) == (5.0, 30.0, True)
    run(tmp_path / "walk")
    assert (asked["settings"].duration, asked["settings"].fps, asked["video"]) == (10.0, 60.0, False)
    run(tmp_path / "walk", "--video", "--fps", 25, "--duration", 2)
    assert (asked["settings"].duration, asked["settings"].fps) == (2.0, 25.0)


def test_from_pixels_needs_its_detector_before_it_films(tmp_path):
    answer = run(tmp_path / "walk", "--from-pixels", "--detector", "ligth")
    assert answer.exit_code == 1
    assert answer.output.strip() == "lift3d: error: there is no detector 'ligth'; did you mean 'light'?"
    assert run(tmp_path / "walk", "--detector", "light").exit_code == 2
    assert not list(tmp_path.iterdir())


def test_from_pixels_runs_the_whole_chain_and_prints_what_came_of_it(tmp_path, monkeypatch):
    from dataclasses import replace

    from lift3d import demo
    from lift3d.datasets.demo_capture import synthesize
    from lift3d.datasets.skeleton import SKELETONS
    from lift3d.detectors import registry
    from lift3d.detectors.crops import boxes_around
    from lift3d.detectors.detection import Boxes, Detection

    small = replace(demo.FILMED, size=(160, 90), fps=10.0)
    capture = synthesize(replace(small, duration=0.3, n_cameras=3))
    cameras = iter(capture.rig)

    class Knowing:
        name, skeleton = "knowing", SKELETONS["body_25b"]

        def detect(self, pictures, *, in_sequence=True):
            camera = next(cameras)
            for t, _ in enumerate(pictures):
                xy = camera.project(capture.truth.xyz[t])
                seen = np.ones(xy.shape[:-1])
                yield Detection(xy, seen, Boxes(boxes_around(xy, seen > 0), np.ones(1)))

    monkeypatch.setattr(demo, "FILMED", small)
    monkeypatch.setitem(registry.DETECTORS, "knowing", lambda name, options: Knowing())
    answer = run(tmp_path / "walk", "--from-pixels", "--detector", "knowing", "--duration", 0.3, "--cameras", 3)
    assert answer.exit_code == 0, answer.output
    lines = {line.split()[0]: line.split() for line in answer.output.splitlines() if line}
    assert lines["nose"][1:4] == ["100.0", "0.0", "0.0"]
    assert lines["all"][-2:] == ["100.0", "0.0"]
    assert "keypoints by detector knowing from the videos" in answer.output
    assert f"lift3d overlay {tmp_path / 'walk'} " in answer.output
