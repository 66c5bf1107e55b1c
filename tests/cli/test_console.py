"""What commands print: log lines, progress bars, tables."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from lift3d.cli import console


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logger_as_before() -> Iterator[None]:
    logger = logging.getLogger("lift3d")
    before = logger.level, list(logger.handlers)
    yield
    logger.setLevel(before[0])
    logger.handlers = before[1]


def test_log_lines_carry_their_level_and_hide_other_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    console.configure_logging(logging.DEBUG)
    console.configure_logging(logging.DEBUG)
    logging.getLogger("lift3d.calib").warning("far %s", "off")
    logging.getLogger("lift3d.calib").info("read")
    logging.getLogger("lift3d.calib").debug("detail")
    logging.getLogger("elsewhere").error("not ours")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["lift3d: warning: far off", "lift3d: read", "lift3d: debug: lift3d.calib: detail"]


def test_bar_is_silent_where_nobody_watches(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "PATIENCE_S", 0.0)
    with console.progress_bar() as progress:
        progress("triangulating", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_bar_is_silent_while_the_work_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with console.progress_bar() as progress:
        progress("triangulating", 1, 2)
    assert terminal.getvalue() == ""


def test_bar_shows_stage_and_count_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(console, "PATIENCE_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    with console.progress_bar() as progress:
        progress("reading [cam01]", 0, 0)
        progress("triangulating", 3, 7)
    assert "reading [cam01]" in terminal.getvalue()
    assert "3/7" in terminal.getvalue()


def test_bar_leaves_the_terminal_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(console, "PATIENCE_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")

    def work() -> None:
        with console.progress_bar() as progress:
            progress("triangulating", 3, 7)
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        work()
    assert terminal.getvalue().rstrip().endswith("\x1b[2K")  # the last thing written erases the bar's line


def test_piped_table_is_plain_aligned_and_never_folded(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(["camera", "px"], [["[bold]a", "0.5"], ["b" * 120, None]], title="Residuals")
    long = "b" * 120
    assert capsys.readouterr().out.splitlines() == [
        "Residuals",
        f"{'camera':<120}   px",
        f"{'[bold]a':<120}  0.5",
        f"{long}    -",
    ]


def test_terminal_table_folds_to_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    console.print_table(["camera", "reason"], [["cam01", "far " * 40]])
    lines = terminal.getvalue().splitlines()
    assert len(lines) > 2
    assert max(len(line.replace("\x1b[1m", "").replace("\x1b[0m", "")) for line in lines) <= 80
