"""The window on a display of its own (Xvfb), with real key presses and clicks."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.viz import show
from lift3d.viz.open3d_check import open3d_problem
from lift3d.viz.palette import BACKGROUND

SIZE = (1280, 800)
PATIENCE_S = 60


def test_without_a_display_the_other_way_is_named(walkers, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(InputError, match=r"no display.*`lift3d render FILE OUT\.png`"):
        show(walkers())


def test_a_frame_that_is_not_there_is_named(walkers, monkeypatch):
    monkeypatch.setattr("lift3d.viz.window.display_problem", lambda: None)
    with pytest.raises(InputError, match="no frame 12; the poses have frames 0 to 11"):
        show(walkers(), frame=12)


def test_without_a_driver_the_message_says_what_is_missing(walkers, monkeypatch):
    monkeypatch.setattr("lift3d.viz.window.display_problem", lambda: None)
    monkeypatch.setattr("lift3d.viz.window.open3d_problem", lambda: "no Vulkan driver was found: apt-get install it")
    with pytest.raises(InputError, match=r"no window can be drawn: no Vulkan driver.*lift3d render"):
        show(walkers())


class Screen:
    """An Xvfb whose framebuffer is a file in XWD format."""

    def __init__(self, folder):
        read, write = os.pipe()
        size = f"{SIZE[0]}x{SIZE[1]}x24"
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-fbdir", str(folder), "-nolisten", "tcp"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as answer:
            self.display = f":{answer.readline().strip()}"
        self.file = folder / "Xvfb_screen0"

    def picture(self):
        """[H, W, 3] BGR."""
        data = self.file.read_bytes()
        header = struct.unpack(">25I", data[:100])
        start, (width, height), row = header[0] + 12 * header[19], header[4:6], header[12]
        return np.frombuffer(data, np.uint8, row * height, start).reshape(height, -1, 4)[:, :width, :3].copy()

    def wait_for(self, ready):
        """The first picture that is ready; fails after a while."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            picture = self.picture()
            if ready(picture):
                return picture
            time.sleep(0.2)
        raise AssertionError("the window never showed it")

    def act(self, *words):
        """Real input events."""
        subprocess.run(["xdotool", *map(str, words)], env={**os.environ, "DISPLAY": self.display}, check=True)


@pytest.fixture
def screen(tmp_path):
    for tool in ("Xvfb", "xdotool"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if open3d_problem() is not None:
        pytest.skip(open3d_problem())
    folder = tmp_path / "screen"
    folder.mkdir()
    screen = Screen(folder)
    yield screen
    screen.process.terminate()
    screen.process.wait()


def scene_of(picture):
    return picture[: SIZE[1] - 120].astype(int)


def changed(picture, before):
    return (np.abs(scene_of(picture) - scene_of(before)).max(-1) > 30).sum() > 200


@pytest.mark.window
@pytest.mark.slow
def test_the_window_shows_plays_steps_and_takes_a_view(walkers, tmp_path, screen):
    file = walkers(2, 60).save(tmp_path / "walk.poses.h5")
    command = [sys.executable, "-c", "from lift3d.cli import main; main()", "view", str(file), "--paused"]
    with subprocess.Popen(command, env={**os.environ, "DISPLAY": screen.display}, stderr=subprocess.PIPE) as viewer:
        try:
            background = 255 * BACKGROUND[::-1]
            first = screen.wait_for(lambda p: np.abs(p[2, SIZE[0] // 2] - background).max() < 2 and p[-60:].mean() < 90)
            first = screen.wait_for(lambda p: len(np.unique(scene_of(p).reshape(-1, 3), axis=0)) > 100)
            screen.act("mousemove", 640, 300, "key", "End")
            last = screen.wait_for(lambda p: changed(p, first))
            screen.act("key", "Home")
            screen.wait_for(lambda p: not changed(p, first))
            screen.act("key", "space")
            screen.wait_for(lambda p: changed(p, first) and changed(p, last))
            screen.act("key", "space", "sleep", 1, "key", "Home")
            still = screen.wait_for(lambda p: not changed(p, first))
            screen.act("mousedown", 1, "sleep", 0.3, "mousemove", 760, 330, "sleep", 0.3, "mouseup", 1)  # orbit
            screen.wait_for(lambda p: changed(p, still))
            assert viewer.poll() is None
        finally:
            viewer.kill()
    cv2.imwrite(str(tmp_path / "window.png"), first)
