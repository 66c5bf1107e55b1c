"""``lift3d calibrate``: a group whose sub-commands are imported when they run."""

from __future__ import annotations

import difflib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

from ..group import shared_options

COMMANDS = {
    "intrinsics": "Lenses from photos or videos of a board.",
    "board": "Where cameras stand, from videos of a moving board.",
    "scene": "Where cameras stand, from points of the scene whose places are known.",
    "people": "Where cameras stand, from people who move before them.",
    "repair": "Put a calibration right that has drifted.",
    "sync": "By how much cameras are out of step.",
    "check": "Which camera of a calibration is off, and how.",
    "convert": "Write a calibration in another tool's format.",
}
WHOLE = "capture"  # hidden: what `lift3d calibrate CAPTURE` runs


class CalibrateGroup(click.Group):
    """Knows its sub-commands by name; a folder in place of a name means "do what this capture allows"."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The sub-commands that this installation has."""
        return [name for name in COMMANDS if find_spec(f"{__name__}.{name}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one sub-command."""
        if cmd_name not in (*self.list_commands(ctx), WHOLE):
            return None
        command = import_module(f"{__name__}.{cmd_name}").command
        assert isinstance(command, click.Command)
        taken = {flag for option in command.params for flag in option.opts}
        command.params += [option for option in shared_options() if not taken & set(option.opts)]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command; a folder goes to the hidden one."""
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not ctx.resilient_parsing:
            if Path(name).is_dir():
                return WHOLE, self.get_command(ctx, WHOLE), args
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(known)}."
            ctx.fail(f"No folder and no sub-command '{name}'. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.command(
    "calibrate",
    cls=CalibrateGroup,
    epilog="lift3d calibrate CAPTURE, without a sub-command, does what the capture allows: lenses from its board "
    "pictures, then places from its board videos.",
)
def command() -> None:
    """Find cameras' lenses and places, check them, put them right."""
