"""``lift3d train``: a group whose sub-commands are imported when they run."""

from __future__ import annotations

from ..group import CommandGroup

COMMANDS = {
    "keypoints": "Train the network that finds joints in pictures.",
    "people": "Train the network that finds people in pictures.",
    "lifter": "Train the network that lifts one camera's 2D joints to 3D.",
}

command = CommandGroup(
    name="train", help="Train a network with this project's own commands.", package=__name__, texts=COMMANDS
)
