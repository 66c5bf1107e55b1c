import subprocess

import pytest

from lift3d.viz import open3d_check
from lift3d.viz.open3d_check import display_problem, explain, open3d_problem

# What Open3D 0.20 writes when the library or driver is taken away.
FAILURES = {
    "ModuleNotFoundError: No module named 'open3d'": "lift3d[view]",
    "ImportError: libusb-1.0.so.0: cannot open shared object file: No such file or directory": "install libusb-1.0-0",
    "ImportError: /lib/x86_64-linux-gnu/libEGL.so.1: file too short": "install libegl1",
    "OSError: libGL.so.1: cannot open shared object file: No such file or directory": "install libgl1",
    "ImportError: libfancy.so.3: cannot open shared object file": "libfancy is missing",
    "RuntimeError: Failed to load vulkan library!": "install libvulkan1 mesa-vulkan-drivers",
    "terminate called\nin createVkInstance:939\nUnable to create Vulkan instance.": "install mesa-vulkan-drivers",
    "something else\n": "signal 6 (something else)",
}


@pytest.mark.parametrize("errors", FAILURES)
def test_a_failure_names_what_to_install(errors):
    text = explain(errors, -6)
    assert "\n" not in text
    assert FAILURES[errors] in text


@pytest.fixture
def fresh_check():
    """The check as in a new process."""
    for cached in (open3d_problem, open3d_check._probe):
        cached.cache_clear()
    yield
    for cached in (open3d_problem, open3d_check._probe):
        cached.cache_clear()


def test_a_crash_of_the_trial_is_a_problem_and_not_a_crash(fresh_check, monkeypatch):
    monkeypatch.setattr(open3d_check, "_PROBE", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert "signal 11" in open3d_problem()


def test_a_trial_that_hangs_is_ended(fresh_check, monkeypatch):
    monkeypatch.setattr(open3d_check, "_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(open3d_check, "TIMEOUT_S", 0.5)
    assert "nothing within 0.5 s" in open3d_problem()


def test_a_trial_that_draws_is_made_once(fresh_check, monkeypatch):
    monkeypatch.setattr(open3d_check, "_PROBE", f"print('{open3d_check._DONE}')")
    open3d_check.begin_open3d_check()
    assert open3d_problem() is None
    monkeypatch.setattr(subprocess, "Popen", None)
    assert open3d_problem() is None


@pytest.mark.parametrize(
    ("display", "match"), [("", "DISPLAY is not set"), (":7654", "display :7654 cannot be opened")]
)
def test_a_display_that_is_not_there_is_named(monkeypatch, display, match):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", display)
    problem = display_problem()
    assert match in problem or "libX11" in problem
