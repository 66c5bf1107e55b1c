"""Work beside the window: the newest wins, nothing is shown twice, a failure hurts nobody."""

import logging
from threading import Event

from lift3d.viz.latest import Latest


def test_what_has_been_overtaken_is_left_out():
    begun, go, made = Event(), Event(), []

    def make(number):
        begun.set()
        assert go.wait(20)
        made.append(number)
        return 10 * number

    late = Latest(make)
    assert late.idle
    late.ask(1)
    assert begun.wait(20)
    for number in (2, 3, 4):
        late.ask(number)
    assert not late.idle
    assert late.take() is None
    go.set()
    late.wait()
    assert late.idle
    assert made == [1, 4]
    assert late.take() == (4, 40)
    assert late.take() is None
    late.close()


def test_a_failure_is_logged_and_the_next_is_made(caplog):
    late = Latest(lambda number: 1 // number)
    with caplog.at_level(logging.WARNING):
        late.ask(0)
        late.wait()
    assert late.take() is None
    assert "ZeroDivisionError" in caplog.text
    late.ask(1)
    late.wait()
    assert late.take() == (1, 1)
    late.close()


def test_closing_ends_what_waits():
    late = Latest(lambda number: number)
    late.close()
    late.ask(1)
    late.wait()
    assert late.take() is None
