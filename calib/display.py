"""Can a window be opened here? Window libraries end the whole interpreter where there is no display."""

from __future__ import annotations

import ctypes
import os
import sys


def display_problem() -> str | None:
    """Why no window can be opened here, in a few words; None where one can."""
    if sys.platform != "linux":
        return None
    name = os.environ.get("DISPLAY", "")
    if not name:
        return "there is no display (DISPLAY is not set)"
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return "the system library libX11 is missing (apt-get install libx11-6)"
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    display = x11.XOpenDisplay(name.encode())
    if not display:
        return f"the display {name} cannot be opened"
    x11.XCloseDisplay(display)
    return None
