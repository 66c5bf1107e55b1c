"""What commands share in speaking to a person: log lines, progress bars and tables."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Report = Callable[[str, int, int], None]

PATIENCE_S = 1.0  # shorter work is over before a person has read the bar
PIPED_WIDTH = 1000  # a table in a file or a pipe is never folded
NO_VALUE = "-"


class _EchoHandler(logging.Handler):
    """Writes to whatever stderr is now, so that a progress bar or a test may stand in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        click.echo(self.format(record), err=True)


class _LineFormatter(logging.Formatter):
    """``lift3d: warning: text``; plain information goes without its level."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line without a traceback."""
        if record.levelno == logging.INFO:
            return f"lift3d: {record.message}"
        source = f"{record.name}: " if record.levelno < logging.INFO else ""
        return f"lift3d: {record.levelname.lower()}: {source}{record.message}"


def configure_logging(level: int) -> None:
    """Send lift3d's log records of at least ``level`` to stderr, and no other library's; calling again is harmless."""
    handler = _EchoHandler()
    handler.setFormatter(_LineFormatter())
    logger = logging.getLogger("lift3d")
    logger.handlers = [handler]
    logger.setLevel(level)


@contextmanager
def progress_bar(*, rate: str | None = None) -> Iterator[Report]:
    """A ``progress(stage, done, total)`` callback for long-running library functions.

    It draws on stderr while the block lasts, one line a stage: only on a terminal, and only when the work takes
    longer than a second. ``total`` 0 means that nobody knows how much there is.

    Args:
        rate: what is done so many times a second, such as "fps", to show how fast it goes.
    """
    bar = _Bar(enabled=sys.stderr.isatty(), rate=rate)
    try:
        yield bar
    finally:
        bar.close()


class _Bar:
    """Starts to draw once the work has lasted, then keeps one line a stage."""

    def __init__(self, *, enabled: bool, rate: str | None = None) -> None:
        self._enabled = enabled
        self._rate = rate
        self._started = time.monotonic()
        self._progress: Progress | None = None
        self._lines: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage has come."""
        if not self._enabled or (self._progress is None and time.monotonic() - self._started < PATIENCE_S):
            return
        if self._progress is None:
            self._progress = _rich_progress(self._rate)
            self._progress.start()
        if stage not in self._lines:
            self._lines[stage] = self._progress.add_task(stage, total=None)
        self._progress.update(self._lines[stage], completed=done, total=total or None)

    def close(self) -> None:
        """Take the lines off the terminal."""
        if self._progress is not None:
            self._progress.stop()


def _rich_progress(rate: str | None) -> Progress:
    """The bar's columns; rich is imported here since most runs never draw."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """How many a second."""

        def render(self, task: Task) -> Text:
            """Nothing until it is known."""
            return Text(f"{task.speed:.1f} {rate}" if task.speed else "")

    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()]
    columns += [Rate()] if rate else []
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """Print rows in aligned columns on stdout, numbers to the right; None prints as a dash.

    On a terminal long cells are folded to its width; in a pipe or a file a row is always one line of plain text.

    Args:
        columns: the headings.
        rows: one sequence of as many cells as there are columns a row; numbers come formatted, as text.
        title: a line above the table.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    cells = [[NO_VALUE if cell is None else str(cell) for cell in row] for row in rows]
    for i, name in enumerate(columns):
        column = [row[i] for row in cells]
        table.add_column(Text(name), justify="right" if all(map(_is_number, column)) else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else PIPED_WIDTH, highlight=False)
    if title:
        console.print(Text(title, style="bold"))
    if terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def _is_number(cell: str) -> bool:
    """Whether a cell reads as a quantity, with or without a unit: ``12``, ``-0.3``, ``4.2 mm``, ``98 %``, ``-``."""
    return cell == NO_VALUE or cell.lstrip("+-±<>~ ")[:1].isdigit()
