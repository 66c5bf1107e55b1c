"""Recordings of human motion in the layouts they are published in, one module a layout."""

from .recordings import Recordings as Recordings
from .recordings import Sources as Sources
from .registry import LAYOUTS as LAYOUTS
from .registry import read_recordings as read_recordings
