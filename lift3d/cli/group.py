"""The command group: commands are imported when they run, and errors become one line in one place."""

from __future__ import annotations

import difflib
import logging
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NoReturn

import click

from lift3d import __version__

from .console import configure_logging

# Short texts stand here so that `lift3d --help` imports no command.
COMMANDS = {
    "demo": "Make a small synthetic capture with known truth and reconstruct it.",
    "check": "Say what a capture holds, how cameras were paired, and what is wrong with it.",
    "calibrate": "Find lenses and places of cameras: by boards, scene points or people; check, repair, convert.",
    "detect": "Find people's joints in videos or pictures: 2D keypoints of every camera.",
    "reconstruct": "Make 3D skeletons from a capture: calibrated cameras and their videos or 2D keypoints.",
    "lift": "Lift one camera's 2D keypoints to 3D.",
    "prepare": "Turn published motion data into the file that lifters are trained on.",
    "train": "Train a network: the lifter from one camera's 2D to 3D.",
    "evaluate": "Measure networks and results against truth.",
    "smooth": "Smooth a result in time and fill its short gaps.",
    "view": "Look at a result in an interactive window.",
    "render": "Draw a result into a picture or a video; no display needed.",
    "analyze": "Joint angles, lengths, centre of mass, foot contacts and symmetry of a result.",
    "overlay": "Draw a result on the capture's videos, all cameras side by side.",
    "report": "Write one self-contained page about a result: verdict, 3D scene, errors, gaps.",
    "export": "Write a result in another program's format.",
}
LEVEL = "lift3d.level"
_EXTRAS = {
    "open3d": "'lift3d[view]'",
    "torch": "'lift3d[train]'",
    "pycocotools": "'lift3d[train]'",
    "cdflib": "'lift3d[h36m]'",
    "onnxruntime": "'lift3d[onnx]'",
    "rtmlib": "'lift3d[rtmpose]'",
    "mediapipe": "'lift3d[mediapipe]'",
    "torchvision": "'lift3d[torchvision]'",
}


class CommandGroup(click.Group):
    """A group that knows its commands by name and imports ``<package>.<name>`` for the one that runs.

    Args:
        package: where the commands live, one module each, which exposes it as ``command``.
        texts: one line on each command, by name, in the order of the list.
    """

    hidden_commands: tuple[str, ...] = ()  # run by a sub-class, never listed
    unknown = "No such command"

    def __init__(self, *, package: str, texts: dict[str, str], **settings: Any) -> None:
        super().__init__(**settings)
        self.package = package
        self.texts = texts

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that this installation has."""
        return [name for name in self.texts if find_spec(f"{self.package}.{name}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in (*self.list_commands(ctx), *self.hidden_commands):
            return None
        command = import_module(f"{self.package}.{cmd_name}").command
        assert isinstance(command, click.Command)
        taken = {flag for option in command.params for flag in option.opts}
        command.params += [option for option in shared_options() if not taken & set(option.opts)]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed, or name the nearest one."""
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(known)}."
            ctx.fail(f"{self.unknown} '{name}'. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        rows = [(name, self.texts[name]) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and end in one line whatever goes wrong."""
        try:
            value = super().invoke(ctx)
            sys.stdout.flush()  # a closed pipe shows here, not while Python shuts down
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except (KeyboardInterrupt, click.Abort):
            ctrl_c_echo = "\n" if sys.stderr.isatty() else ""
            click.echo(f"{ctrl_c_echo}lift3d: stopped", err=True)
            ctx.exit(130)
        except Exception as error:
            _report(ctx, error)
        return value


def shared_options() -> list[click.Option]:
    """``--verbose`` and ``--debug``, which may stand before and after the command's name."""
    shared: dict[str, Any] = {"is_flag": True, "expose_value": False, "callback": _set_level}
    return [
        click.Option(["-v", "--verbose"], help="Say what is being done.", **shared),
        click.Option(["--debug"], help="Say everything, and show the traceback of an error.", **shared),
    ]


def _set_level(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    """Raise the volume; a flag that was not given changes nothing."""
    if value:
        wanted = logging.DEBUG if option.name == "debug" else logging.INFO
        ctx.meta[LEVEL] = min(wanted, ctx.meta.get(LEVEL, wanted))
        configure_logging(ctx.meta[LEVEL])


def _report(ctx: click.Context, error: Exception) -> NoReturn:
    """One line on stderr, exit 1; before it the traceback where it was asked for."""
    debug = ctx.meta.get(LEVEL) == logging.DEBUG
    if debug:
        click.echo(traceback.format_exc().rstrip(), err=True)
    message = _explain(error)
    if message is not None:
        line = f"lift3d: error: {message}"
    else:
        line = f"lift3d: internal error ({type(error).__name__}: {error})"
        if not debug:
            line += "; run again with --debug for the traceback, and report it with that"
    click.echo(" ".join(line.splitlines()), err=True)
    ctx.exit(1)


def _explain(error: Exception) -> str | None:
    """What is wrong with the input or the machine; None where the program itself is at fault."""
    from lift3d.calib.errors import InputError

    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ImportError | OSError) and "cannot open shared object file" in str(error):
        return f"a system library is missing ({error}); docs/install.md names the package that holds it"
    if isinstance(error, ModuleNotFoundError) and not (error.name or "lift3d").startswith("lift3d"):
        package = (error.name or "").partition(".")[0]
        extra = _EXTRAS.get(package, "--force-reinstall lift3d")
        return f"the Python package {package} is not installed; run: pip install {extra}"
    if isinstance(error, OSError):
        about = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        return about or type(error).__name__
    return None


@click.command(
    cls=CommandGroup,
    package="lift3d.cli",
    texts=COMMANDS,
    params=shared_options(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command explains itself: lift3d COMMAND --help",
)
@click.version_option(__version__, prog_name="lift3d", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """3D skeletons one can trust, from what cameras saw of people."""
    configure_logging(ctx.meta.get(LEVEL, logging.WARNING))
