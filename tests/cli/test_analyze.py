"""``lift3d analyze`` as typed."""

import csv
import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.datasets import Poses
from lift3d.datasets.gait import walk_past
from lift3d.datasets.skeleton import SKELETONS
from lift3d.kinematics import ANGLES
from lift3d.viz.chart import Chart, Curve, Panel, Strip, ticks, value_range

TABLES = ("angles", "com", "events", "segments", "speeds", "symmetry")
PLOTS = ("arms", "com", "legs", "trunk")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A result of two people who walk for three seconds; the second misses a knee at first."""
    walk = walk_past(3.0, 60.0)
    xyz = np.stack([walk, walk + [0, 1.5, 0]], axis=1)
    skeleton = SKELETONS["body_25b"]
    xyz[:20, 1, skeleton.index("left_knee")] = np.nan
    poses = Poses.from_xyz(xyz, skeleton, 60.0)
    covariance = np.where(np.isfinite(xyz).all(-1)[..., None], [1e-5, 0, 0, 1e-5, 0, 1e-5], np.nan)
    path = tmp_path_factory.mktemp("result") / "walk.poses.h5"
    return poses.replace(covariance=covariance).save(path)


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    """The folder that the command wrote for everybody, and what it printed."""
    folder = tmp_path_factory.mktemp("analysis") / "out"
    done = run(result, "-o", folder)
    assert done.exit_code == 0, done.output
    return folder, done.output


def run(*arguments):
    return CliRunner().invoke(main, ["analyze", *map(str, arguments)])


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_tables_and_pictures_of_everybody_are_written(written):
    folder, output = written
    names = {f"{name}_P{p}.csv" for name in TABLES for p in (1, 2)} | {f"{n}_P{p}.png" for n in PLOTS for p in (1, 2)}
    assert {path.name for path in folder.iterdir()} == names
    assert "left_knee_flexion" in output
    assert "cadence" in output


def test_one_person_alone_is_written_when_asked_for(result, tmp_path):
    done = run(result, "-o", tmp_path, "--person", 2, "--json")
    report = json.loads(done.output)
    assert [someone["person"] for someone in report["people"]] == [2]
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == [f"{name}_P2.csv" for name in TABLES]


def test_angles_have_units_in_their_headings_and_empty_cells_where_nothing_is_known(written):
    rows = rows_of(written[0] / "angles_P2.csv")
    assert len(rows) == 180
    assert {f"{name} [deg]" for name in ANGLES} | {f"{name} sigma [deg]" for name in ANGLES} < set(rows[0])
    assert rows[0]["left_knee_flexion [deg]"] == rows[0]["left_knee_flexion sigma [deg]"] == ""
    flexion = np.array([float(row["right_knee_flexion [deg]"]) for row in rows])
    assert 55 < flexion.max() < 70, "a walker's knee bends by some 60 degrees"
    sigma = float(rows[50]["left_knee_flexion sigma [deg]"])
    # A middle joint between limbs of 0.43 m, 3.2 mm each way: sqrt(1 + 4 + 1) * 0.0032 / 0.43 rad, less when bent.
    assert 0.6 < sigma < 1.1


def test_the_tables_of_events_and_segments_agree_with_the_walk(written):
    events = rows_of(written[0] / "events_P1.csv")
    assert [e["side"] for e in events if e["event"] == "foot_strike"] in (
        ["left", "right"] * 2 + ["left"],
        ["right", "left"] * 2 + ["right"],
        ["left", "right"] * 2,
        ["right", "left"] * 2,
    )
    lengths = {row["segment"]: float(row["median length [m]"]) for row in rows_of(written[0] / "segments_P1.csv")}
    assert lengths["left_thigh"] == pytest.approx(0.245 * 1.75, abs=1e-3)


def test_nothing_is_written_over_unless_asked_for(result, tmp_path):
    first = tmp_path / "angles_P1.csv"
    first.write_text("mine")
    refused = run(result, "-o", tmp_path)
    assert refused.exit_code == 1
    assert "exists; give --overwrite" in refused.output
    assert [path.name for path in tmp_path.iterdir()] == ["angles_P1.csv"]
    assert first.read_text() == "mine"
    assert run(result, "-o", tmp_path, "--person", 1, "--overwrite").exit_code == 0
    assert first.read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.poses.h5"], "does not exist"),
        (["RESULT", "--person", "3"], "has no person 3; it holds 2"),
        (["RESULT", "-o", "FILE"], "is a file; give the name of a folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(result, tmp_path, arguments, message):
    (tmp_path / "taken").write_text("")
    places = {"RESULT": result, "FILE": tmp_path / "taken"}
    done = run(*(places.get(argument, argument) for argument in arguments))
    assert done.exit_code == 1
    assert message in done.output
    assert len(done.output.splitlines()) == 1


def test_a_result_in_which_nobody_is_ever_seen_is_refused_and_nothing_written(tmp_path):
    path = Poses.from_xyz(np.full((5, 1, 25, 3), np.nan), SKELETONS["body_25b"], 30.0).save(tmp_path / "empty.poses.h5")
    done = run(path, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "none of the 5 frames" in done.output
    assert not (tmp_path / "out").exists()


def test_a_chart_draws_bands_lines_and_strips_where_they_belong():
    time = np.linspace(0, 2, 201)
    color = np.array([1.0, 0.0, 0.0])
    values = np.where((time > 0.8) & (time < 1.2), np.nan, 0.0)
    curve = Curve("", values, color, np.full(201, 1.0))
    image = Chart(time, [Panel("", [curve])], strips=[Strip("", time < 1.0, color)]).draw()
    red = (image[..., 2] > 200) & (image[..., 0] < 80)  # BGR
    middle = 72 + 115
    assert red[middle - 2 : middle + 3, 300].any()
    assert not red[middle - 40 : middle - 10, 300].any(), "the band is paler than the line"
    assert image[middle - 30, 300, 2] > image[middle - 30, 300, 0] + 20
    assert not red[middle - 2 : middle + 3, 600:650].any(), "a gap breaks the line"
    strip = 72 + 230 + 8 + 8
    assert red[strip, 100:600].all()
    assert not red[strip, 660:1100].any()


def test_a_chart_of_nothing_is_still_a_picture():
    nothing = Curve("a", np.full(3, np.nan), np.zeros(3))
    assert Chart(np.arange(3.0), [Panel("", [nothing])]).draw().shape[1] == 1200
    assert Chart(np.zeros(0), [Panel("", [Curve("a", np.zeros(0), np.zeros(3))])]).draw().shape[1] == 1200
    assert value_range([nothing]) == (-1.0, 1.0)


def test_ticks_are_round_numbers_inside_the_range():
    assert ticks(-8, 63, 6) == [0, 20, 40, 60]
    assert ticks(0, 1.65, 10) == pytest.approx(np.arange(0, 1.7, 0.2))


def test_the_pictures_can_be_read(written):
    for name in PLOTS:
        image = cv2.imread(str(written[0] / f"{name}_P1.png"), cv2.IMREAD_GRAYSCALE)
        assert image.shape[1] == 1200
        assert len(np.unique(image)) > 50
