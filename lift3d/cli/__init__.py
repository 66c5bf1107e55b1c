"""The command line: ``lift3d COMMAND``, one small file a command."""

from .group import main as main
