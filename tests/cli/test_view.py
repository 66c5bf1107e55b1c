from click.testing import CliRunner

from lift3d.cli import main


def test_without_a_display_one_line_names_the_other_way(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    answer = CliRunner().invoke(main, ["view", str(tmp_path / "any.poses.h5")])
    assert answer.exit_code == 1
    assert answer.output == (
        "lift3d: error: there is no display (DISPLAY is not set); `lift3d render FILE OUT.png` (or .mp4) needs none\n"
    )


def test_a_file_that_is_no_result_is_refused_before_a_window_opens(monkeypatch, tmp_path):
    monkeypatch.setattr("lift3d.viz.window.display_problem", lambda: None)
    monkeypatch.setattr("lift3d.viz.open3d_check.begin_open3d_check", lambda: None)
    (tmp_path / "a.poses.h5").write_text("text")
    answer = CliRunner().invoke(main, ["view", str(tmp_path / "a.poses.h5")])
    assert answer.exit_code == 1
    assert "not a complete lift3d result" in answer.output
    assert answer.output.count("\n") == 1


def test_the_options_reach_the_window(monkeypatch, tmp_path, mocap_body):
    from lift3d.datasets import Poses
    from lift3d.datasets.skeleton import SKELETONS
    from lift3d.viz import Look, WindowOptions

    seen = {}
    monkeypatch.setattr("lift3d.viz.window.display_problem", lambda: None)
    monkeypatch.setattr("lift3d.viz.open3d_check.begin_open3d_check", lambda: None)
    monkeypatch.setattr("lift3d.viz.window.show", lambda results, **given: seen.update(given, names=list(results)))
    file = Poses.from_xyz(mocap_body[None, None], SKELETONS["h36m_17"], 30.0).save(tmp_path / "one.poses.h5")
    other = Poses.from_xyz(mocap_body[None, None], SKELETONS["h36m_17"], 30.0).save(tmp_path / "two.poses.h5")
    options = ["--frame", "0", "--paused", "--size", "640x400", "--color", "side", "--follow", "1"]
    answer = CliRunner().invoke(main, ["view", str(file), str(other), *options])
    assert answer.exit_code == 0, answer.output
    assert seen == {
        "title": "one.poses.h5 | two.poses.h5",
        "names": ["one.poses.h5", "two.poses.h5"],
        "look": Look(color="side", follow=0),
        "options": WindowOptions(frame=0, playing=False, size=(640, 400), videos={}),
    }
