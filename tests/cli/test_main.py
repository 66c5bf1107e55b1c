"""The command group: laziness, help, and one line for whatever goes wrong."""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner, Result

from lift3d import __version__
from lift3d.calib import CalibrationError, InputError
from lift3d.cli import group, main

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _quiet_logger_again() -> Iterator[None]:
    logger = logging.getLogger("lift3d")
    before = logger.level, list(logger.handlers)
    yield
    logger.setLevel(before[0])
    logger.handlers = before[1]


@pytest.fixture
def run_raising(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``lift3d demo`` with a command in its place that raises what it is told to."""

    def run(error: BaseException | None, *args: str) -> Result:
        @click.command("demo")
        def command() -> None:
            """Stand in for a command."""
            logging.getLogger("lift3d.somewhere").info("heard")
            if error is not None:
                raise error

        module = ModuleType("lift3d.cli.demo")
        module.command = command  # type: ignore[attr-defined]
        module.__spec__ = ModuleSpec("lift3d.cli.demo", None)
        monkeypatch.setitem(sys.modules, "lift3d.cli.demo", module)
        return CliRunner().invoke(main, args or ("demo",))

    return run


def test_version_is_the_packages() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.output == f"lift3d {__version__}\n"


def test_help_lists_every_command_that_is_installed_and_imports_none() -> None:
    code = (
        "import sys; from lift3d.cli import main; main(['--help'], standalone_mode=False);"
        "print(*sorted(set(sys.modules) & {f'lift3d.cli.{name}' for name in sys.argv[1:]}), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code, *group.COMMANDS], capture_output=True, text=True, check=True)
    listed = [line.split()[0] for line in result.stdout.partition("Commands:")[2].splitlines() if line[:2] == "  "]
    installed = [name for name in group.COMMANDS if find_spec(f"lift3d.cli.{name}") is not None]
    assert [name for name in listed if name in group.COMMANDS] == installed
    assert result.stderr.strip() == ""


@pytest.mark.parametrize("name", group.COMMANDS)
def test_each_command_explains_itself(name: str) -> None:
    if find_spec(f"lift3d.cli.{name}") is None:
        pytest.skip(f"this checkout has no lift3d/cli/{name}.py")
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "--debug" in result.output


def test_command_without_its_module_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(group.COMMANDS, "teleport", "Not written yet.")
    result = CliRunner().invoke(main, ["--help"])
    assert "teleport" not in result.output
    assert CliRunner().invoke(main, ["teleport"]).exit_code == 2


def test_mistyped_command_names_the_nearest(run_raising: Run) -> None:
    result = run_raising(None, "dmeo")
    assert result.exit_code == 2
    assert "No such command 'dmeo'. Did you mean 'demo'?" in result.stderr


def test_word_like_no_command_lists_what_there_is(run_raising: Run) -> None:
    result = run_raising(None, "xyzzy")
    assert result.exit_code == 2
    assert "There are: demo" in result.stderr


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("rig.toml has no camera"), "rig.toml has no camera"),
        (CalibrationError("camera a: no K"), "camera a: no K"),
        (FileNotFoundError("x does not exist; make it"), "x does not exist; make it"),
        (FileExistsError("b.poses.h5 exists; --overwrite"), "b.poses.h5 exists; --overwrite"),
        (PermissionError(13, "Permission denied", "/a b/c"), "/a b/c: Permission denied"),
        (OSError("No space left"), "No space left"),
        (OSError(), "OSError"),
        (InputError("two\nlines"), "two lines"),
    ],
)
def test_bad_input_is_one_line_and_exit_1(run_raising: Run, error: Exception, line: str) -> None:
    result = run_raising(error)
    assert result.exit_code == 1
    assert result.stderr == f"lift3d: error: {line}\n"
    assert result.stdout == ""


def test_fault_of_the_program_is_one_line_that_points_to_debug(run_raising: Run) -> None:
    result = run_raising(ValueError("shapes differ"))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("lift3d: internal error (ValueError: shapes differ); run again with --debug")


@pytest.mark.parametrize("args", [("--debug", "demo"), ("demo", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(run_raising: Run, args: tuple[str, ...]) -> None:
    result = run_raising(InputError("no camera"), *args)
    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.endswith("lift3d: error: no camera\n")


@pytest.mark.parametrize(
    ("args", "heard"),
    [(("demo",), ""), (("-v", "demo"), "lift3d: heard\n"), (("demo", "--verbose"), "lift3d: heard\n")],
)
def test_verbose_lets_information_through(run_raising: Run, args: tuple[str, ...], heard: str) -> None:
    assert run_raising(None, *args).stderr == heard


def test_verbose_after_debug_does_not_quieten(run_raising: Run) -> None:
    assert "Traceback" in run_raising(InputError("x"), "--debug", "demo", "-v").stderr


def test_group_within_a_group_reports_once_and_hears_debug(run_raising: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run_raising(None)
    inner = group.CommandGroup(name="inner", package="lift3d.cli", texts={"demo": "A command of the inner group."})
    module = ModuleType("lift3d.cli.inner")
    module.command = inner  # type: ignore[attr-defined]
    module.__spec__ = ModuleSpec("lift3d.cli.inner", None)
    monkeypatch.setitem(sys.modules, "lift3d.cli.inner", module)
    monkeypatch.setitem(group.COMMANDS, "inner", "A group.")
    result = run_raising(InputError("no camera"), "inner", "demo", "--debug")
    assert result.exit_code == 1
    assert result.stderr.count("Traceback") == 1
    assert result.stderr.count("lift3d: error: no camera") == 1


def test_interrupt_is_one_line_and_exit_130(run_raising: Run) -> None:
    result = run_raising(KeyboardInterrupt())
    assert result.exit_code == 130
    assert result.stderr == "lift3d: stopped\n"


def test_missing_package_says_how_to_install_it(run_raising: Run) -> None:
    result = run_raising(ModuleNotFoundError("No module named 'open3d'", name="open3d"))
    assert result.exit_code == 1
    assert (
        result.stderr == "lift3d: error: the Python package open3d is not installed; run: pip install 'lift3d[view]'\n"
    )


@pytest.mark.parametrize("advice", group._EXTRAS.values())
def test_extra_that_is_advised_exists(advice: str) -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    extra = advice.removeprefix("'lift3d[").removesuffix("]'")
    assert re.search(rf"^{extra} = \[", project, flags=re.MULTILINE)


def test_missing_module_of_our_own_is_our_fault(run_raising: Run) -> None:
    result = run_raising(ModuleNotFoundError("No module named 'lift3d.gone'", name="lift3d.gone"))
    assert "internal error" in result.stderr


def test_missing_system_library_points_to_the_install_page(run_raising: Run) -> None:
    result = run_raising(ImportError("libGL.so.1: cannot open shared object file: No such file or directory"))
    assert "a system library is missing (libGL.so.1:" in result.stderr
    assert "docs/install.md" in result.stderr


def test_unknown_option_is_a_usage_error(run_raising: Run) -> None:
    assert run_raising(None, "demo", "--nonsense").exit_code == 2


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_closed_pipe_is_quiet() -> None:
    program = f"'{sys.executable}' -m lift3d --help"
    result = subprocess.run(["bash", "-c", f"{program} | true"], capture_output=True, text=True, check=False)
    assert result.stderr == ""
