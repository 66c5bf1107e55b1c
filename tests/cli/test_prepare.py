"""``lift3d prepare`` as it is typed."""

import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.cli.prepare import LAYOUT_NAMES
from lift3d.datasets.mocap import read_mocap
from lift3d.datasets.mocap_formats import LAYOUTS


@pytest.fixture
def videopose(tmp_path, mocap_body):
    positions = np.empty((), dtype=object)
    positions[()] = {"S1": {"Walking 1": np.repeat(mocap_body[None], 20, 0).astype("f4")}}
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=positions)
    return tmp_path / "data_3d_h36m.npz"


def run(*arguments):
    return CliRunner().invoke(main, ["prepare", *map(str, arguments)])


def test_it_writes_what_training_reads_and_says_what(videopose, tmp_path):
    result = run(videopose, "-o", tmp_path / "m.h5", "--fps", 25)
    assert result.exit_code == 0, result.output
    assert "1 clips of 1 subjects (S1), 10 frames, 0.0 minutes, 0 with cameras" in result.output
    (clip,) = read_mocap(tmp_path / "m.h5")
    assert (clip.action, clip.trial, clip.fps, len(clip.xyz)) == ("Walking", "1", 25.0, 10)


def test_two_recordings_of_one_name_are_refused(videopose, tmp_path):
    result = run(videopose, videopose, "-o", tmp_path / "m.h5")
    assert result.exit_code == 1
    assert "two recordings are called S1_Walking_1" in result.output
    assert not (tmp_path / "m.h5").exists()


def test_a_file_that_exists_is_kept(videopose, tmp_path):
    (tmp_path / "m.h5").write_text("mine")
    assert run(videopose, "-o", tmp_path / "m.h5").exit_code == 1
    assert (tmp_path / "m.h5").read_text() == "mine"


def test_the_command_knows_every_layout():
    assert set(LAYOUT_NAMES) == set(LAYOUTS)
