"""``lift3d calibrate`` from the outside: a synthetic board filmed by two cameras, drawn in pictures."""

from __future__ import annotations

import json
import sys

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.calib import Camera, Rig
from lift3d.calib.boards import Board
from lift3d.calib.formats import read_rig, write_rig
from lift3d.calib.rotation import rotation_matrix
from lift3d.cli import main

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BOARD = Board(6, 5, 0.05)
SPELLED = "chessboard:6x5:50mm"
SIDE = 40  # pixels of a square in the drawing
SIZE = (640, 480)
K = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])


def camera_at(name, x):
    R = rotation_matrix(np.array([0, np.arctan2(x, 1.0), 0]))
    return Camera(name, K, np.zeros(5), R, -R @ np.array([x, 0, -1.0]), SIZE)


CAMERAS = [camera_at("cam1", -0.25), camera_at("cam2", 0.25)]


def drawing():
    i, j = np.meshgrid(np.arange(BOARD.columns + 1), np.arange(BOARD.rows + 1))
    squares = np.where((i + j) % 2 == 0, 25, 230).astype(np.uint8)
    return cv2.copyMakeBorder(np.kron(squares, np.ones((SIDE, SIDE), np.uint8)), 30, 30, 30, 30, 0, value=230)


def photograph(camera, R, t):
    """What a camera sees of the board at a pose in the world."""
    metres = BOARD.square / SIDE
    first = 30 - 0.5 + SIDE
    to_board = np.array([[metres, 0, -first * metres], [0, metres, -first * metres], [0, 0, 1]])
    pose = np.column_stack([camera.R @ R[:, :2], camera.R @ t + camera.t])
    photo = cv2.warpPerspective(drawing(), camera.K @ pose @ to_board, SIZE, flags=cv2.INTER_AREA, borderValue=128)
    return cv2.GaussianBlur(photo, (3, 3), 0.8)


def poses(rng, count):
    middle = BOARD.corners.mean(0)
    for _ in range(count):
        R = rotation_matrix(np.array([*rng.uniform(-0.45, 0.45, 2), rng.uniform(-0.3, 0.3)]))
        yield R, rng.uniform(-0.06, 0.06, 3) - R @ middle


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """A capture with photos for the lenses and the same photos, in step, for the places."""
    rng = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("capture")
    for i, (R, t) in enumerate(poses(rng, 7)):
        for camera in CAMERAS:
            for part in ("intrinsics", "extrinsics"):
                place = folder / part / camera.name
                place.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(place / f"{i:02d}.png"), photograph(camera, R, t))
    return folder


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["calibrate", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def baseline(rig):
    return float(np.linalg.norm(rig[0].center - rig[1].center))


def test_a_capture_is_calibrated_in_one_go(capture, tmp_path):
    out = tmp_path / "calib.toml"
    text = run(capture, "--board", SPELLED, "-o", out).output
    assert "lenses from" in text
    assert "places from" in text
    assert baseline(read_rig(out)) == pytest.approx(0.5, rel=0.01)


def test_lenses_come_with_errors_a_report_and_a_comparison(capture, tmp_path):
    out, report = tmp_path / "lenses.toml", tmp_path / "report"
    theirs = tmp_path / "theirs.toml"
    off = [Camera(c.name, K + [[0, 0, 40], [0, 0, 0], [0, 0, 0]], c.dist, c.R, c.t, SIZE) for c in CAMERAS]
    write_rig(Rig(tuple(off)), theirs, "caliscope")
    options = ("--board", SPELLED, "-o", out, "--coefficients", 0, "--report", report, "--compare", theirs, "--json")
    summary = json.loads(run("intrinsics", capture / "intrinsics", *options).output)
    assert [row["camera"] for row in summary["cameras"]] == ["cam1", "cam2"]
    for row in summary["cameras"]:
        assert abs(row["fx"] - 600) < max(4 * row["sigma"]["fx"], 6)
        assert row["held_out_rms_px"] < 0.3
    assert any("cx 360.0 is not supported by the board pictures" in note for note in summary["notes"])
    assert (report / "calibration.html").is_file()
    assert (report / "cam1_coverage.png").is_file()


def test_corners_as_others_find_them_are_taken_when_asked_for_and_that_is_said(capture, tmp_path):
    lenses, out = tmp_path / "lenses.toml", tmp_path / "calib.toml"
    ours = run("intrinsics", capture / "intrinsics", "--board", SPELLED, "-o", tmp_path / "ours.toml", "--json")
    asked = ("--board", SPELLED, "--corners", "opencv")
    said = run("intrinsics", capture / "intrinsics", *asked, "-o", lenses, "--json")
    rows = [json.loads(answer.output)["cameras"] for answer in (ours, said)]
    assert [row["corners"] for row in rows[0] + rows[1]] == ["lift3d", "lift3d", "opencv", "opencv"]
    assert rows[0][0]["rms_px"] < rows[1][0]["rms_px"] < 1
    assert any("as OpenCV's tutorial finds them" in note for note in json.loads(said.output)["notes"])
    assert tomllib.loads(lenses.read_text())["cam1"]["corners"] == "opencv"
    text = run("board", capture / "extrinsics", *asked, "--intrinsics", lenses, "-o", out).output
    assert "as OpenCV's tutorial finds them" in text
    assert baseline(read_rig(out)) == pytest.approx(0.5, rel=0.02)


def test_places_are_written_in_the_world_that_was_asked_for(capture, tmp_path):
    lenses, out = tmp_path / "truth.toml", tmp_path / "calib.toml"
    write_rig(Rig(tuple(CAMERAS)), lenses, "caliscope")
    options = (
        "--board",
        SPELLED,
        "--intrinsics",
        lenses,
        "-o",
        out,
        "--up",
        "-y",
        "--report",
        tmp_path / "r",
        "--json",
    )
    summary = json.loads(run("board", capture / "extrinsics", *options).output)
    assert summary["held_out"]["corner_distance_error_mm"] < 0.5
    rig = read_rig(out)
    assert baseline(rig) == pytest.approx(0.5, rel=0.005)
    assert rig[0].center[2] == pytest.approx(rig[1].center[2], abs=0.01)
    assert (tmp_path / "r/layout.png").is_file()


def test_a_wrong_square_is_found_by_a_second_length(capture, tmp_path):
    lenses = tmp_path / "truth.toml"
    write_rig(Rig(tuple(CAMERAS)), lenses, "caliscope")
    options = ("--intrinsics", lenses, "-o", tmp_path / "c.toml", "--distance", "cam1", "cam2", 0.5)
    text = run("board", capture / "extrinsics", "--board", "chessboard:6x5:40mm", *options, code=1).output
    assert "would fit" in text
    assert not (tmp_path / "c.toml").exists()


def test_clicked_points_place_the_cameras(tmp_path):
    points = {f"p{i}": xyz for i, xyz in enumerate(np.random.default_rng(0).uniform(-0.2, 0.2, (8, 3)).round(3))}
    rows = [f"{name},{x},{y},{z}" for name, (x, y, z) in points.items()]
    (tmp_path / "points.csv").write_text("\n".join(["point,x,y,z", *rows]))
    rows = [
        f"{c.name},{name},{x:.2f},{y:.2f}"
        for c in CAMERAS
        for name, (x, y) in zip(points, c.project(np.array(list(points.values()))), strict=True)
    ]
    (tmp_path / "clicks.csv").write_text("\n".join(["camera,point,x,y", *rows]))
    lenses, out = tmp_path / "truth.toml", tmp_path / "calib.toml"
    write_rig(
        Rig(tuple(camera.with_pose(np.eye(3), [i, 0, 0]) for i, camera in enumerate(CAMERAS))), lenses, "caliscope"
    )
    run("scene", tmp_path, "--points", tmp_path / "points.csv", "--intrinsics", lenses, "-o", out)
    np.testing.assert_allclose(read_rig(out).centers, [c.center for c in CAMERAS], atol=1e-3)


def test_a_calibration_is_converted(tmp_path):
    source = tmp_path / "a.toml"
    write_rig(Rig(tuple(CAMERAS)), source, "caliscope")
    run("convert", source, tmp_path / "b.json", "--to", "voxelpose")
    assert (
        "give --size WIDTH HEIGHT"
        in run("convert", tmp_path / "b.json", tmp_path / "c.toml", "--to", "anipose", code=1).output
    )
    run("convert", tmp_path / "b.json", tmp_path / "c.toml", "--to", "caliscope", "--size", *SIZE)
    np.testing.assert_allclose(read_rig(tmp_path / "c.toml").centers, [c.center for c in CAMERAS], atol=1e-9)


def test_help_lists_the_ways_and_a_typo_gets_a_hint():
    assert "intrinsics" in run("--help").output
    assert "Did you mean 'intrinsics'?" in run("intrinsic", code=2).output


def test_a_capture_without_a_board_is_refused(tmp_path):
    assert "holds no board pictures" in run(tmp_path, "--board", SPELLED, code=1).output


def test_an_existing_file_is_kept(tmp_path, capture):
    out = tmp_path / "lenses.toml"
    out.write_text("mine")
    assert "exists" in run("intrinsics", capture / "intrinsics", "--board", SPELLED, "-o", out, code=1).output
    assert out.read_text() == "mine"
