"""What keys do, as far as no window is needed for it."""

from pathlib import Path

import pytest

from lift3d.viz.look import COLOR_MODES, Look
from lift3d.viz.playback import Playback
from lift3d.viz.scene import build_comparison, build_scene
from lift3d.viz.shortcuts import MOUSE, SHORTCUTS
from lift3d.viz.window_actions import Actions, move_head, next_look
from lift3d.viz.window_notes import help_lines
from lift3d.viz.window_panel import cut


def test_no_key_does_two_things_and_every_key_does_something(walkers):
    keys = [key for shortcut in SHORTCUTS for key in shortcut.keys]
    assert len(set(keys)) == len(keys)
    playback = Playback(walkers(1, 90).time, 60.0, frame=70)
    for shortcut in SHORTCUTS:
        before = (playback.frame, playback.playing, playback.speed)
        move_head(playback, shortcut.action)
        moved = (playback.frame, playback.playing, playback.speed) != before
        styled = shortcut.action in ("ellipsoids", "trails", "color", "follow", "cameras", "floor", "plates", "close")
        assert moved or styled or hasattr(Actions, f"_{shortcut.action}"), shortcut.action


def test_the_help_panel_lists_everything_once():
    lines = help_lines()
    for shown, text in [*((s.shown, s.text) for s in SHORTCUTS), *MOUSE]:
        assert lines.count(shown) == 1
        assert lines[lines.index(shown) + 1] == text
    assert len(lines) % 4 == 0


def test_the_guide_names_every_key():
    guide = (Path(__file__).parents[2] / "docs" / "viewing.md").read_text()
    for shortcut in SHORTCUTS:
        for key in shortcut.shown.split(", "):
            assert any(key in line.split("|")[1] for line in guide.splitlines() if line.count("|") == 3), key


@pytest.mark.parametrize(("action", "frame"), [("second_on", 80), ("second_back", 0), ("on", 21), ("last", 89)])
def test_keys_move_the_head(walkers, action, frame):
    playback = Playback(walkers(1, 90).time, 60.0, frame=20, playing=True)
    move_head(playback, action)
    assert playback.frame == frame


def test_looks_go_round(walkers):
    scene = build_scene(walkers(2))
    seen = []
    for _ in COLOR_MODES:
        scene = scene.restyled(next_look(scene, "color"))
        seen.append(scene.look.color)
    assert sorted(seen) == sorted(COLOR_MODES)
    followed = []
    for _ in range(3):
        scene = scene.restyled(next_look(scene, "follow"))
        followed.append(scene.look.follow)
    assert followed == [0, 1, None]
    assert next_look(scene, "trails").trails > 0
    assert next_look(scene.restyled(Look(ellipsoids=True)), "ellipsoids") == Look()


def test_nobody_is_followed_who_is_never_there(walkers):
    poses = walkers(3)
    poses.status[:, 0] = 0
    assert next_look(build_scene(poses), "follow").follow == 1


def test_another_look_leaves_results_where_they_stand(walkers):
    scene = build_comparison({"a": walkers(), "b": walkers()}, look=Look(layout="side"))
    again = scene.restyled(Look(layout="side", color="status", ellipsoids=True))
    assert again.layers[1].poses is scene.layers[1].poses
    assert set(again.moving(0)) == {"people", "ellipsoids"}


def test_a_line_that_is_too_long_ends_in_dots():
    assert cut("good", 10) == "good"
    assert cut("doubtful: cameras disagree", 15) == "doubtful: ca..."
    assert len(cut("doubtful: cameras disagree", 2)) <= 3
