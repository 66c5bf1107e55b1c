"""Whose corners of a board are taken: what the commands that look at boards share."""

from __future__ import annotations

import click

corners_option = click.option(
    "--corners",
    type=click.Choice(["lift3d", "opencv"]),
    default="lift3d",
    show_default=True,
    help="opencv: to compare with other tools' calibrations, find corners as OpenCV's tutorial does and take the print "
    "for even. Less accurate.",
)


def corner_notes(corners: str) -> list[str]:
    """What is to be said of a result from these corners."""
    if corners == "lift3d":
        return []
    return ["corners as OpenCV's tutorial finds them, the print taken for even: for comparisons only"]
