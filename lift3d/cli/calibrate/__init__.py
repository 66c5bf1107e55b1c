"""``lift3d calibrate``: a group whose sub-commands are imported when they run."""

from __future__ import annotations

from pathlib import Path

import click

from ..group import CommandGroup

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


class CalibrateGroup(CommandGroup):
    """Knows its sub-commands by name; a folder in place of a name means "do what this capture allows"."""

    hidden_commands = (WHOLE,)
    unknown = "No folder and no sub-command"

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command; a folder goes to the hidden one."""
        name = args[0]
        if name not in self.list_commands(ctx) and not ctx.resilient_parsing and Path(name).is_dir():
            return WHOLE, self.get_command(ctx, WHOLE), args
        return super().resolve_command(ctx, args)


@click.command(
    "calibrate",
    cls=CalibrateGroup,
    package=__name__,
    texts=COMMANDS,
    epilog="lift3d calibrate CAPTURE, without a sub-command, does what the capture allows: lenses from its board "
    "pictures, then places from its board videos.",
)
def command() -> None:
    """Find cameras' lenses and places, check them, put them right."""
