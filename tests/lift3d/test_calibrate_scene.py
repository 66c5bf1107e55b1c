"""Clicking the points of a scene in real windows, on a display of its own (Xvfb), with real key presses and clicks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.calib.click_window import BAR, View, click_points
from lift3d.calib.formats import read_rig, write_rig
from lift3d.calib.scene import read_clicks
from lift3d.datasets.synthetic import ring_rig

POINTS = {
    "door left": (-1.0, 1.0, 0.0),
    "door right": (1.0, 1.0, 0.0),
    "mast": (0.0, -1.0, 1.5),
    "box": (-1.0, -1.0, 0.4),
    "corner": (1.2, -0.8, 0.0),
    "lamp": (0.3, 0.2, 2.0),
}
PATIENCE_S = 120


def test_without_a_display_the_file_of_clicks_is_named_and_nothing_crashes(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", ":7654")
    with pytest.raises(InputError, match=r"no window can be opened: the display :7654.*give --clicks"):
        click_points(np.zeros((20, 20, 3), np.uint8), ["a"], title="none")


@pytest.mark.parametrize("size", [(1920, 1080), (1088, 1920), (640, 480)])
def test_a_view_that_zooms_shows_the_pixel_below_the_pointer_where_it_was(size, rng):
    view = View(size)
    assert view.shown[0] <= 1200
    assert view.shown[1] <= 820
    image = rng.integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
    for factor in (2.0, 1.25, 4.0, 0.5, 0.1):
        pointer = rng.uniform(0.3, 0.7, 2) * view.shown
        before = view.to_picture(pointer)
        view.zoom_at(pointer, factor)
        if view.zoom > 1:
            np.testing.assert_allclose(view.to_picture(pointer), before, atol=1e-9)
        assert (view.corner >= 0).all()
        if view.scale > 3:
            x, y = view.to_picture(pointer.round()).round().astype(int)
            column, row = pointer.round().astype(int)
            np.testing.assert_array_equal(view.draw(image)[row, column], image[y, x])
    assert view.zoom == 1
    np.testing.assert_allclose(view.corner, 0)


@pytest.fixture
def display():
    """The name of an X display."""
    for tool in ("Xvfb", "xdotool"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        yield f":{answer.readline().strip()}"
    process.terminate()
    process.wait()


class Hand:
    """Somebody who clicks in a window of the display."""

    def __init__(self, display):
        self.environment = {**os.environ, "DISPLAY": display}
        self.zoom = 1.0

    def act(self, *words):
        """Real input events; what the program printed."""
        done = subprocess.run(["xdotool", *map(str, words)], env=self.environment, capture_output=True, text=True)
        time.sleep(0.4)
        return done.stdout

    def wait_for(self, camera):
        """Until the camera's window is there; its view at first."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self.act("search", "--name", f"lift3d: {camera.name}"):
                time.sleep(1.0)
                return View(camera.size)
        raise AssertionError(f"no window for {camera.name}")

    def click(self, view, xy):
        """On a pixel of the picture."""
        x, y = view.to_window(xy).round().astype(int)
        self.act("mousemove", x, y + BAR, "sleep", 0.3, "click", 1)

    def nearer(self, view, xy):
        """Zoom at a pixel of the picture."""
        place = view.to_window(xy).round()
        self.act(
            "mousemove", int(place[0]), int(place[1]) + BAR, "sleep", 0.3, "key", "plus", "sleep", 0.3, "key", "plus"
        )
        view.zoom_at(place, 2.0)
        view.zoom_at(place, 2.0)


@pytest.fixture
def scene(tmp_path):
    """A folder of pictures with dots at the points, lenses and points; and the rig."""
    rig = ring_rig(2)
    (tmp_path / "pictures").mkdir()
    for camera in rig:
        image = np.full((camera.size[1], camera.size[0], 3), 200, np.uint8)
        for xyz in POINTS.values():
            cv2.circle(image, tuple(int(x) for x in camera.project(np.array(xyz)).round()), 5, (60, 60, 60), -1)
        cv2.imwrite(str(tmp_path / "pictures" / f"{camera.name}.png"), image)
    write_rig(rig, tmp_path / "lenses.toml", "pose2sim")
    rows = [",".join(map(str, (name, *xyz))) for name, xyz in POINTS.items()]
    (tmp_path / "points.csv").write_text("\n".join(["point,x,y,z", *rows]) + "\n")
    return tmp_path, rig


def start(folder, hand):
    """`lift3d calibrate scene` in a process of its own."""
    command = [sys.executable, "-c", "from lift3d.cli import main; main()", "calibrate", "scene", "pictures"]
    command += ["--points", "points.csv", "--intrinsics", "lenses.toml", "-o", "calib.toml"]
    return subprocess.Popen(
        command, cwd=folder, env=hand.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.window
@pytest.mark.slow
def test_points_are_clicked_skipped_undone_and_zoomed_at_and_place_the_cameras(scene, display):
    folder, rig = scene
    hand = Hand(display)
    with start(folder, hand) as process:
        view = hand.wait_for(rig[0])
        for name, xyz in POINTS.items():
            xy = rig[0].project(np.array(xyz))
            if name == "mast":
                hand.act("key", "space")
                continue
            if name == "box":  # a slip, and undone
                hand.click(view, xy + 80)
                hand.act("key", "BackSpace")
                hand.nearer(view, xy)
            hand.click(view, xy)
            if name == "box":
                if os.environ.get("LIFT3D_PICTURES"):
                    picture = Path(os.environ["LIFT3D_PICTURES"]) / "click-window.png"
                    subprocess.run(["import", "-window", "root", str(picture)], env=hand.environment, check=True)
                hand.act("key", "minus", "sleep", 0.3, "key", "minus")
                view = View(rig[0].size)
        hand.act("key", "Return")
        hand.wait_for(rig[1])
        hand.act("key", "Escape")
        _, error = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 1
        assert error == "lift3d: error: clicking was given up; what was clicked in the pictures before is kept\n"
    assert list(read_clicks(folder / "pictures" / "clicks.csv")) == [rig[0].name]
    with start(folder, hand) as process:  # goes on where it was left
        view = hand.wait_for(rig[1])
        for xyz in POINTS.values():
            hand.click(view, rig[1].project(np.array(xyz)))
        hand.act("key", "Return")
        output, error = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, output + error
    clicks = read_clicks(folder / "pictures" / "clicks.csv")
    assert "mast" not in clicks[rig[0].name]
    for camera in rig:
        for name, xy in clicks[camera.name].items():
            assert np.abs(xy - camera.project(np.array(POINTS[name]))).max() < 0.8
    box = clicks[rig[0].name]["box"] - rig[0].project(np.array(POINTS["box"]))
    assert np.abs(box).max() < 0.2  # clicked from four times as near
    found = read_rig(folder / "calib.toml")
    np.testing.assert_allclose(found.centers, rig.centers, atol=0.05)
