"""Several people as typed: ``--people``, ``--roi``, and what the summary says of them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.datasets import Poses
from lift3d.datasets.demo_capture import DemoSettings, write_demo_capture


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return write_demo_capture(tmp_path_factory.mktemp("demo") / "demo", DemoSettings(duration=4.0, fps=10.0))


def test_everybody_is_reconstructed_and_listed_and_one_on_demand(demo, tmp_path):
    result = run("reconstruct", demo, "-o", tmp_path / "all.poses.h5")
    assert result.exit_code == 0, result.output
    assert "person  frames" in result.stdout
    assert Poses.load(tmp_path / "all.poses.h5").xyz.shape[1] == 2
    result = run("reconstruct", demo, "-o", tmp_path / "one.poses.h5", "--people", 1)
    assert "left out" in result.stdout
    assert "more than were asked for" in result.stdout
    assert Poses.load(tmp_path / "one.poses.h5").xyz.shape[1] == 1


def test_the_region_takes_who_is_in_it(demo, tmp_path):
    result = run("reconstruct", demo, "-o", tmp_path / "r.poses.h5", "--roi", "-3,-1.5,0,3,1.5,2.5", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["people"] == 1
    assert summary["left_out"]["count"]["outside the region"] == 1


def test_a_region_without_people_writes_nothing(demo, tmp_path):
    result = run("reconstruct", demo, "-o", tmp_path / "r.poses.h5", "--roi", "8,8,0,9,9,2")
    assert result.exit_code == 1
    assert "outside the region" in result.stderr
    assert "--roi" in result.stderr
    assert not (tmp_path / "r.poses.h5").exists()


@pytest.mark.parametrize("words", [("--roi", "1,2,3"), ("--roi", "a,b,c,d,e,f"), ("--people", "0")])
def test_options_that_make_no_sense_are_usage_errors(demo, tmp_path, words):
    result = run("reconstruct", demo, "-o", tmp_path / "r.poses.h5", *words)
    assert result.exit_code == 2
    assert words[0] in result.stderr


def test_a_region_turned_inside_out_is_refused(demo, tmp_path):
    result = run("reconstruct", demo, "-o", tmp_path / "r.poses.h5", "--roi", "3,0,0,-3,1,2")
    assert result.exit_code == 1
    assert "x0 < x1" in result.stderr
