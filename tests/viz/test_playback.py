import numpy as np
import pytest

from lift3d.viz.playback import SPEEDS, Playback


def evenly(frames=10, fps=10.0, **settings):
    return Playback(np.arange(frames) / fps, fps, **settings)


def test_time_carries_the_head_on_and_round():
    head = evenly(playing=True)
    seen = [(head.advance(0.05), head.frame)[1] for _ in range(24)]
    assert seen == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 0, 0, 1, 1, 2]


def test_only_a_new_frame_asks_to_be_drawn():
    head = evenly(playing=True)
    assert [head.advance(0.05) for _ in range(4)] == [False, True, False, True]
    head.toggle()
    assert not head.advance(0.2)
    assert head.frame == 2


def test_speed_changes_within_its_range():
    head = evenly(playing=True)
    head.change_speed(1)
    assert head.speed == 2
    head.advance(0.1)
    assert head.frame == 2
    head.change_speed(-99)
    assert head.speed == SPEEDS[0]
    head.change_speed(99)
    assert head.speed == SPEEDS[-1]


def test_steps_stop_at_the_ends_and_pause():
    head = evenly(frame=1, playing=True)
    head.step(-1)
    head.step(-1)
    assert (head.frame, head.playing) == (0, False)
    head.seek(99)
    assert head.frame == 9
    head.step(1)
    assert head.frame == 9


def test_a_gap_in_time_takes_its_time():
    head = Playback(np.array([2.0, 2.1, 3.1, 3.2]), 10.0, playing=True)
    frames = []
    for _ in range(13):
        head.advance(0.1 + 1e-12)
        frames.append(head.frame)
    assert frames == [1] * 10 + [2, 3, 0]
    assert head.seconds == 0


@pytest.mark.parametrize("time", [[0.0, 0.0, 0.0], [np.nan] * 3, [3.0, 2.0, 1.0]])
def test_times_that_do_not_rise_give_way_to_the_frame_rate(time):
    head = Playback(np.array(time), 10.0, playing=True)
    head.advance(0.1 + 1e-12)
    assert head.frame == 1


def test_a_long_stop_of_the_program_does_not_jump():
    head = evenly(100, playing=True)
    head.advance(1000.0)
    assert head.frame <= 3


def test_one_frame_does_not_play():
    head = evenly(1, playing=True)
    head.toggle()
    assert not head.playing
    assert not head.advance(1.0)
    assert head.frame == 0
