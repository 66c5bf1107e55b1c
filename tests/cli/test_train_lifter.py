"""``lift3d train lifter`` as it is typed."""

import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="lift3d[train] is not installed")

from lift3d.cli import main
from lift3d.datasets.mocap import Clip, write_mocap


@pytest.fixture
def data(tmp_path, mocap_body):
    clips = [Clip(name, mocap_body[None].repeat(40, 0).astype("f4"), 30.0, name) for name in ("a", "b", "c")]
    return write_mocap(tmp_path / "m.h5", clips)


def run(*arguments):
    return CliRunner().invoke(main, ["train", "lifter", *map(str, arguments)])


def test_it_trains_says_how_it_goes_and_goes_on(data, tmp_path):
    typed = ("--data", data, "-o", tmp_path / "run", "--test", "a", "--select", "b", "--width", 8, "--batch", 16)
    first = run(*typed, "--epochs", 2, "--without", "noise", "--without", "views")
    assert first.exit_code == 0, first.output
    assert "epoch 2/2: training" in first.output
    assert "samples/s" in first.output
    again = run(*typed, "--epochs", 2, "--without", "noise", "--without", "views")
    assert "epoch" not in again.output.replace(str(tmp_path), "")  # nothing was left to do
    assert (tmp_path / "run/lifter.pt").is_file()


def test_an_unknown_subject_is_one_line(data, tmp_path):
    result = run("--data", data, "-o", tmp_path / "run", "--test", "S9", "--select", "b")
    assert result.exit_code == 1
    assert result.output.strip() == "lift3d: error: there is no subject S9; there are a, b, c"


def test_help_names_the_sub_commands_that_are_there():
    result = CliRunner().invoke(main, ["train", "--help"])
    assert "lifter" in result.output
