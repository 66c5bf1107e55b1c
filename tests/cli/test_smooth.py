import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.cli.smooth import METHODS
from lift3d.datasets import Poses
from lift3d.datasets.gait import walk_turn_squat
from lift3d.datasets.skeleton import SKELETONS
from lift3d.smoothing import Method


@pytest.fixture
def result(tmp_path, rng):
    xyz = walk_turn_squat(1.0, 50.0)[:, None]
    xyz = xyz + 0.01 * rng.normal(size=xyz.shape)
    xyz[20:24, 0, 3] = np.nan
    return Poses.from_xyz(xyz, SKELETONS["body_25b"], 50.0).save(tmp_path / "walk.poses.h5")


def run(*arguments):
    return CliRunner().invoke(main, ["smooth", *map(str, arguments)])


def test_the_help_names_every_method():
    assert {"none", *METHODS} == set(Method.__args__)


def test_writes_a_smoothed_file_beside_the_result_and_says_what_changed(result):
    answer = run(result, "--method", "butterworth")
    assert answer.exit_code == 0, answer.output
    path = result.with_name("walk_smooth.poses.h5")
    assert answer.output.splitlines()[-1] == f"wrote {path}"
    row = next(line.split() for line in answer.output.splitlines() if "acceleration" in line)
    assert float(row[-1]) < 0.3 * float(row[-2])
    smoothed = Poses.load(path)
    assert np.isfinite(smoothed.xyz).all()
    assert (smoothed.status == 2).sum() == 4
    assert np.isnan(Poses.load(result).xyz[20:24, 0, 3]).all()


def test_longer_gaps_stay(result, tmp_path):
    out = tmp_path / "b.poses.h5"
    assert run(result, "--method", "median", "--max-gap", "0.06", "-o", out).exit_code == 0
    assert np.isnan(Poses.load(out).xyz[20:24, 0, 3]).all()


def test_an_existing_file_is_kept_unless_told(result):
    assert run(result, "--method", "savgol").exit_code == 0
    answer = run(result, "--method", "savgol")
    assert answer.exit_code == 1
    assert "exists" in answer.output
    assert run(result, "--method", "savgol", "--overwrite").exit_code == 0


def test_what_cannot_be_done_is_one_line(result, tmp_path):
    for arguments, message in (
        ([result], "hold no cameras, keypoints or mask of used keypoints"),
        ([result, "--method", "kalman", "--cutoff", "30"], "half the frame rate (25 Hz), got 30 Hz"),
        ([result, "--cutoff", "5"], "has no cutoff"),
        ([tmp_path / "absent.poses.h5"], "does not exist"),
    ):
        answer = run(*arguments)
        assert answer.exit_code == 1
        assert len(answer.output.strip().splitlines()) == 1
        assert message in answer.output
    assert not list(tmp_path.glob("*_smooth*"))
