import subprocess
import sys

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.datasets import Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.datasets.synthetic import ring_rig
from lift3d.viz.open3d_check import open3d_problem


@pytest.fixture
def file(mocap_body, tmp_path):
    """A result of 8 frames: two people standing."""
    xyz = np.stack([mocap_body, mocap_body + [0.0, 1.0, 0.0]])[None].repeat(8, axis=0)
    poses = Poses.from_xyz(xyz, SKELETONS["h36m_17"], 60.0, ring_rig(3))
    return poses.replace(verdict={"level": "good", "reasons": []}).save(tmp_path / "walk.poses.h5")


def run(*arguments):
    return CliRunner().invoke(main, ["render", *map(str, arguments)])


def refused(answer, *words, code=1):
    assert answer.exit_code == code, answer.output
    assert all(word in answer.output for word in words), answer.output
    if code == 1:
        assert answer.output.count("\n") == 1
        assert answer.output.startswith("lift3d: error: ")


def test_a_picture_is_written_and_told(file, tmp_path):
    out = tmp_path / "a.png"
    answer = run(file, out, "--size", "320x180", "--renderer", "painter", "--view", "front", "--frame", -1)
    assert answer.exit_code == 0, answer.output
    assert answer.output == f"wrote {out}: 320x180, frame 7\n"
    assert cv2.imread(str(out)).shape == (180, 320, 3)


def test_a_video_is_written_and_told(file, tmp_path):
    out = tmp_path / "a.mp4"
    answer = run(file, out, "--size", "161x91", "--renderer", "painter", "--start", 2, "--stop", 6, "--fps", 60)
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith(f"wrote {out}: 162x92, 4 frames at 60 fps (")


def test_words_cameras_and_floor_can_be_left_out(file, tmp_path):
    for name, flags in (("with", []), ("without", ["--no-caption", "--no-cameras", "--no-floor"])):
        assert run(file, tmp_path / f"{name}.png", "--renderer", "painter", "--size", "320x180", *flags).exit_code == 0
    drawn = {name: cv2.imread(str(tmp_path / f"{name}.png")).astype(int) for name in ("with", "without")}
    shares = {name: (np.abs(image - image[0, 0]).max(-1) > 5).mean() for name, image in drawn.items()}
    assert shares["with"] > shares["without"] + 0.1
    assert shares["without"] > 0.01


def test_mistakes_end_in_one_line(file, tmp_path):
    refused(run(file, tmp_path / "a.bmp"), "a.bmp must end in .png")
    refused(run(file, tmp_path / "none" / "a.png"), "none does not exist")
    refused(run(tmp_path / "no.poses.h5", tmp_path / "a.png"), "no.poses.h5 does not exist")
    (tmp_path / "text.poses.h5").write_text("not HDF5")
    refused(run(tmp_path / "text.poses.h5", tmp_path / "a.png"), "text.poses.h5 is not a complete lift3d result")
    refused(run(file, tmp_path / "a.png", "--view", "cam9"), "no view 'cam9'", ring_rig(3).names[0])
    refused(run(file, tmp_path / "a.png", "--frame", 8), "frames 0 to 7")
    refused(run(file, tmp_path / "a.png", "--size", "9x9"), "32 to 8192 pixels")
    (tmp_path / "a.png").write_text("mine")
    refused(run(file, tmp_path / "a.png"), "a.png exists; give --overwrite")
    assert (tmp_path / "a.png").read_text() == "mine"


def test_options_that_would_do_nothing_are_refused(file, tmp_path):
    refused(run(file, tmp_path / "a.png", "--fps", 30), "--fps means nothing for a picture", code=2)
    refused(run(file, tmp_path / "a.mp4", "--frame", 3), "--frame means nothing for a video", code=2)
    refused(run(file, tmp_path / "a.png", "--capture", tmp_path), "--capture means nothing but", code=2)
    refused(run(file, tmp_path / "a.png", "--trail-joints", "head"), "nothing without --trails", code=2)
    refused(run(file, tmp_path / "a.png", "--size", "big"), "write it as 1280x720", code=2)


def test_results_are_compared_and_looked_at_otherwise(file, tmp_path, mocap_body):
    other = Poses.from_xyz(mocap_body[None, None].repeat(8, 0), SKELETONS["h36m_17"], 60.0).save(
        tmp_path / "b.poses.h5"
    )
    look = ["--color", "sigma", "--ellipsoids", "--trails", 1, "--follow", 2, "--side-by-side"]
    answer = run(file, other, tmp_path / "a.png", "--size", "320x180", "--renderer", "painter", *look)
    assert answer.exit_code == 0, answer.output
    refused(run(file, file, tmp_path / "b.png"), "given twice")
    refused(run(file, tmp_path / "b.png", "--follow", 3, "--renderer", "painter"), "no person 3", "people 1 to 2")
    refused(run(file, tmp_path / "b.png", "--trails", 1, "--trail-joints", "tail", "--renderer", "painter"), "no tail")
    refused(run(file, tmp_path / "b.png", "--trails", 99), "0 to 60 seconds")


def test_a_contact_sheet_is_written_and_told(file, tmp_path):
    out = tmp_path / "a.png"
    answer = run(file, out, "--sheet", "--moments", 4, "--size", "320x240", "--renderer", "painter")
    assert answer.output == f"wrote {out}: 320x240, 4 moments\n"
    refused(run(file, tmp_path / "a.mp4", "--sheet"), "--sheet makes a picture", code=2)
    refused(run(file, tmp_path / "b.png", "--sheet", "--frame", 3), "--frame means nothing for a sheet", code=2)
    refused(run(file, tmp_path / "b.png", "--moments", 3), "--moments means nothing for a picture", code=2)


def test_a_capture_without_videos_is_refused_and_one_beside_the_file_is_found(file, tmp_path, write_video):
    camera = ring_rig(3).names[0]
    view = ["--view", camera, "--size", "160x90", "--renderer", "painter", "--frame", 0, "--overwrite"]
    assert run(file, tmp_path / "plain.png", *view).exit_code == 0
    refused(run(file, tmp_path / "a.png", *view, "--capture", tmp_path / "none"), "none does not exist")
    (tmp_path / "empty").mkdir()
    refused(run(file, tmp_path / "a.png", *view, "--capture", tmp_path / "empty"), "has no video of", camera)
    write_video(tmp_path / "videos" / f"{camera}.mp4", frames=8)
    assert run(file, tmp_path / "a.png", *view).exit_code == 0
    plain, behind = (cv2.imread(str(tmp_path / f"{name}.png"))[80, 5].mean() for name in ("plain", "a"))
    assert plain - behind > 100


def test_open3d_and_the_simpler_renderer_draw_the_same_scene(file, tmp_path):
    if open3d_problem() is not None:
        pytest.skip(open3d_problem())
    command = [sys.executable, "-c", "from lift3d.cli import main; main()", "render", str(file)]
    options = ["--size", "320x180", "--view", "front", "--no-floor"]  # lines thinner than a pixel differ
    drawn = {}
    for renderer in ("open3d", "painter"):
        out = tmp_path / f"{renderer}.png"
        done = subprocess.run([*command, str(out), *options, "--renderer", renderer], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("\n") == 1  # nothing of what the driver says
        drawn[renderer] = cv2.GaussianBlur(cv2.imread(str(out)), (0, 0), 1.5).astype(int)
    assert np.abs(drawn["open3d"] - drawn["painter"]).mean() < 2.0
    assert np.corrcoef(drawn["open3d"].ravel(), drawn["painter"].ravel())[0, 1] > 0.985
