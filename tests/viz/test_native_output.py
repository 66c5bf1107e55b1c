"""What C code prints stays out of the terminal, buffered or not."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import ctypes
from lift3d.viz.native_output import native_output_to_log
libc = ctypes.CDLL(None)
print("before")
with native_output_to_log():
    libc.printf(b"from C\\n")  # into a pipe this is buffered until exit, unless somebody flushes
    print("within")
print("after")
"""


def test_what_c_code_buffers_within_does_not_come_out_after():
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # it unbuffers C as well
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.split() == ["before", "after"]
