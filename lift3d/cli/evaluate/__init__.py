"""``lift3d evaluate``: a group whose sub-commands are imported when they run."""

from __future__ import annotations

from ..group import CommandGroup

COMMANDS = {
    "keypoints": "Measure a 2D detector on labelled people: PCK, OKS, joint by joint, and its confidence.",
    "lifter": "Measure a lifter on its test subjects, beside the baselines.",
    "poses": "Measure poses, of lift3d or of another tool, against the truth.",
}

command = CommandGroup(
    name="evaluate", help="Measure networks and results against truth.", package=__name__, texts=COMMANDS
)
