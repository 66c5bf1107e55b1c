import numpy as np
import pytest
from click.testing import CliRunner

from lift3d.cli import main
from lift3d.cli.export import FORMATS
from lift3d.datasets import Poses
from lift3d.datasets.pose_formats import POSE_FORMATS, read_trc
from lift3d.datasets.skeleton import SKELETONS


@pytest.fixture
def result(tmp_path, rng):
    xyz = rng.normal(size=(4, 1, 17, 3))
    xyz[0, 0, :2] = np.nan
    return Poses.from_xyz(xyz, SKELETONS["coco_17"], 50.0).save(tmp_path / "walk.poses.h5")


def run(*arguments):
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def test_writes_beside_the_result_and_says_what(result):
    answer = run(result, "--to", "trc")
    assert answer.exit_code == 0, answer.output
    path = result.with_name("walk.trc")
    assert answer.output.strip() == f"{path}: 4 frames at 50 fps, 17 markers, 2.9 % gaps"
    np.testing.assert_allclose(read_trc(path).xyz, Poses.load(result).xyz, atol=1e-6)


def test_out_may_be_a_file_or_a_folder(result, tmp_path):
    (tmp_path / "there").mkdir()
    assert run(result, "--to", "trc", "-o", tmp_path / "there", "--unit", "mm").exit_code == 0
    assert read_trc(tmp_path / "there" / "walk.trc").settings["trc"]["unit"] == "mm"
    assert run(result, "--to", "trc", "-o", tmp_path / "mine.trc").exit_code == 0
    assert (tmp_path / "mine.trc").is_file()


def test_an_existing_file_is_kept_unless_told(result):
    assert run(result, "--to", "trc").exit_code == 0
    again = run(result, "--to", "trc")
    assert again.exit_code == 1
    assert "walk.trc exists; give --overwrite" in again.output
    assert len(again.output.strip().splitlines()) == 1
    assert run(result, "--to", "trc", "--overwrite").exit_code == 0


def test_several_people_are_listed(tmp_path):
    two = Poses.from_xyz(np.zeros((2, 2, 17, 3)), SKELETONS["coco_17"], 50.0).save(tmp_path / "two.poses.h5")
    lines = run(two, "--to", "trc").output.splitlines()
    assert [line.split(":")[0] for line in lines] == [str(tmp_path / "two_P1.trc"), str(tmp_path / "two_P2.trc")]


def test_what_is_not_a_result_ends_in_one_line(tmp_path):
    answer = run(tmp_path / "nothing.poses.h5", "--to", "trc")
    assert answer.exit_code == 1
    assert "nothing.poses.h5 does not exist" in answer.output
    (tmp_path / "text.poses.h5").write_text("no")
    answer = run(tmp_path / "text.poses.h5", "--to", "trc")
    assert answer.exit_code == 1
    assert len(answer.output.strip().splitlines()) == 1


def test_the_command_offers_every_format():
    assert tuple(POSE_FORMATS) == FORMATS
