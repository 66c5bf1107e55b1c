import json

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
