"""Can Open3D draw here? It ends the whole interpreter where a driver is missing, so another process tries first."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from functools import cache

from lift3d.calib.display import display_problem as display_problem

logger = logging.getLogger(__name__)

TIMEOUT_S = 90.0
_DONE = "lift3d-open3d-draws"
_PROBE = f"""
import numpy
from open3d.visualization import rendering
numpy.asarray(rendering.OffscreenRenderer(16, 16).render_to_image())
print("{_DONE}", flush=True)
"""
# Debian's and Ubuntu's names; other systems name the library in the message.
PACKAGES = {
    "libusb-1.0": "libusb-1.0-0",
    "libGL": "libgl1",
    "libGLX": "libglx0",
    "libEGL": "libegl1",
    "libgomp": "libgomp1",
    "libX11": "libx11-6",
    "libvulkan": "libvulkan1",
}
VULKAN_DRIVER = "mesa-vulkan-drivers"


def begin_open3d_check() -> None:
    """Start the trial in the background, for callers that have other work to do first."""
    _probe()


@cache
def open3d_problem() -> str | None:
    """Why Open3D cannot draw here, in one line that names what to install; None where it can.

    The first call waits for a trial picture in another process (about two seconds); the answer is kept.
    """
    try:
        process = _probe()
        output, errors = process.communicate(timeout=TIMEOUT_S)
    except OSError as error:
        return f"Open3D could not be tried in another process ({error.strerror})"
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"Open3D drew nothing within {TIMEOUT_S:g} s"
    if process.returncode == 0 and _DONE in output:
        return None
    logger.debug("Open3D's trial picture failed: %s", errors)
    return explain(errors, process.returncode)


def explain(errors: str, returncode: int) -> str:
    """Turn what a failed trial wrote to stderr into one line.

    Args:
        errors: the trial's stderr.
        returncode: its exit status; negative is a signal.
    """
    if re.search(r"No module named '?open3d'?", errors):
        return "Open3D is not installed: pip install 'lift3d[view]'"
    if "Failed to load vulkan library" in errors:
        return f"the Vulkan library is missing: apt-get install libvulkan1 {VULKAN_DRIVER}"
    if "createVkInstance" in errors or "ErrorIncompatibleDriver" in errors:
        return f"no Vulkan driver was found: apt-get install {VULKAN_DRIVER}"
    library = re.search(r"(lib[\w+-]+(?:\.\d+)*?)\.so[.\d]*: (?:cannot open|file too short)", errors)
    if library:
        package = PACKAGES.get(library[1])
        advice = f"apt-get install {package}" if package else "install the package that holds it"
        return f"the system library {library[1]} is missing: {advice}"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    ended = f"signal {-returncode}" if returncode < 0 else f"status {returncode}"
    return f"Open3D's renderer ended with {ended}" + (f" ({lines[-1][:120]})" if lines else "")


@cache
def _probe() -> subprocess.Popen[str]:
    """The process that tries, started once."""
    return subprocess.Popen(
        [sys.executable, "-c", _PROBE],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
