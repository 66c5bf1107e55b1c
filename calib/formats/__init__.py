"""Calibration files of other tools, one module a format; all lengths are metres on this side."""

from .content import Unit as Unit
from .registry import FORMATS as FORMATS
from .registry import Format as Format
from .registry import detect_format as detect_format
from .registry import read_rig as read_rig
from .registry import write_rig as write_rig
