"""The window on a display of its own (Xvfb), with real key presses and clicks."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from lift3d.calib import InputError
from lift3d.datasets import Poses
from lift3d.datasets.skeleton import SKELETONS
from lift3d.viz import show
from lift3d.viz.open3d_check import open3d_problem
from lift3d.viz.palette import BACKGROUND
from lift3d.viz.scene import build_scene
from lift3d.viz.viewpoint import FIELD_OF_VIEW
from lift3d.viz.window import WindowOptions

SIZE = (720, 540)
PICTURES_OF = os.environ.get("LIFT3D_PICTURES_OF")
PATIENCE_S = 180
FILMED = (200, 20, 200)  # BGR


def test_without_a_display_the_other_way_is_named(walkers, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(InputError, match=r"no display.*`lift3d render FILE OUT\.png`"):
        show(walkers())


def test_a_frame_that_is_not_there_is_named(walkers, monkeypatch):
    monkeypatch.setattr("lift3d.viz.window.display_problem", lambda: None)
    with pytest.raises(InputError, match="no frame 12; the poses have frames 0 to 11"):
        show(walkers(), options=WindowOptions(frame=12))


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


class Window:
    """What is where in a picture of the window."""

    def __init__(self, picture):
        dark = (picture[:, 2].max(-1) < 70).astype(int)
        self.top = int(np.flatnonzero(np.convolve(dark, np.ones(5), "valid") == 5)[0])  # of the controls

    def scene(self, picture):
        return picture[: self.top].astype(int)

    def strip(self, share):
        """A place on the strip of time."""
        return round(8 + share * (SIZE[0] - 16)), self.top + 13

    def slider(self, picture):
        """The middle of the slider's handle: the widest patch of light grey."""
        grey = np.abs(picture[self.top + 28 : self.top + 56].astype(int) - 170).max(-1) < 25
        tall = grey.sum(0) > 10
        edges = np.flatnonzero(np.diff(np.concatenate([[0], tall.astype(int), [0]])))
        left, right = max(zip(edges[::2], edges[1::2], strict=True), key=lambda pair: pair[1] - pair[0])
        return int(left + right) // 2, self.top + 28 + int(np.flatnonzero(grey[:, (left + right) // 2]).mean())

    def changed(self, picture, before, least=200):
        """Whether the scene looks otherwise."""
        different = np.abs(self.scene(picture) - self.scene(before)).max(-1) > 30
        return different.sum() > least

    def where(self, scene, xyz):
        """The pixel of a point of the world in the first view: about the middle of the people."""
        seen = scene.viewpoint("three-quarter", size=(SIZE[0], self.top))
        ahead = scene.bounds.center - seen.center
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, -seen.R[1])
        right /= np.linalg.norm(right)
        x, y, z = np.stack([right, np.cross(ahead, right), ahead]) @ (xyz - seen.center)
        focal = 0.5 * self.top / np.tan(0.5 * FIELD_OF_VIEW)
        return round(SIZE[0] / 2 + focal * x / z), round(self.top / 2 + focal * y / z)


@pytest.fixture
def viewer(walkers, tmp_path, screen):
    """`lift3d view` of two people, paused, in the test's folder, and the first picture of it."""
    if PICTURES_OF:
        poses = Poses.load(PICTURES_OF)
    else:
        poses = walkers(2, 60)
        covariance = np.zeros((*poses.status.shape, 6))
        covariance[..., [0, 3, 5]] = np.square([0.010, 0.014, 0.008])
        poses.status[20:30, 1, 12:] = 0
        poses = poses.replace(covariance=covariance, verdict={"level": "good", "reasons": []})
    film(tmp_path / f"{poses.rig.names[1]}.mp4", poses.rig[1].size, len(poses.xyz))
    file = poses.save(tmp_path / "walk.poses.h5")
    with opened(file, screen) as (process, first):
        yield process, poses, first


def film(path, size, frames):
    """A video of nothing but one colour that is nowhere else in the window."""
    small = tuple(round(side / 4) for side in size)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 60.0, small)
    for _ in range(frames):
        writer.write(np.full((small[1], small[0], 3), FILMED, np.uint8))
    writer.release()


@contextmanager
def opened(file, screen):
    """The window on a file: its process, and its first picture."""
    command = [sys.executable, "-c", "from lift3d.cli import main; main()", "view", str(file), "--paused"]
    command += ["--size", f"{SIZE[0]}x{SIZE[1]}"]
    environment = {**os.environ, "DISPLAY": screen.display}
    with subprocess.Popen(command, env=environment, cwd=file.parent, stderr=subprocess.PIPE) as process:
        try:
            background = 255 * BACKGROUND[::-1]
            screen.wait_for(lambda p: np.abs(p[2, SIZE[0] // 2] - background).max() < 2 and p[-20:].mean() < 90)
            screen.wait_for(lambda p: len(np.unique(p[: SIZE[1] // 2].reshape(-1, 3), axis=0)) > 12)
            time.sleep(1.0)  # the view is fitted to the window once that is laid out
            yield process, screen.picture()
        finally:
            process.kill()


def keep(picture, name, tmp_path):
    """Keep a picture; the documentation's are made here.

    With LIFT3D_PICTURES=docs/images they go there, and show the result that LIFT3D_PICTURES_OF names.
    """
    cv2.imwrite(str(Path(os.environ.get("LIFT3D_PICTURES", tmp_path)) / name), picture)


@pytest.mark.window
@pytest.mark.slow
def test_the_window_plays_steps_slides_and_turns(viewer, screen, tmp_path):
    process, _, first = viewer
    window = Window(first)

    def drag(start, end):
        """Slowly: what is pressed and released between two pictures of a busy machine is not noticed."""
        steps = [("mousemove", *start), ("mousedown", 1), ("mousemove", *end), ("mouseup", 1)]
        for step in steps:
            screen.act(*step, "sleep", 1)

    screen.act("mousemove", 320, 60, "key", "End")
    last = screen.wait_for(lambda p: window.changed(p, first))
    screen.act("key", "Home")
    screen.wait_for(lambda p: not window.changed(p, first))
    screen.act("key", "space")
    screen.wait_for(lambda p: window.changed(p, first) and window.changed(p, last))
    for _ in range(10):  # values that the driver reads too late would be anything, in any colour
        picture = window.scene(screen.picture())
        assert (np.ptp(picture, axis=-1) > 235).sum() < 20
        time.sleep(0.2)
    screen.act("key", "space", "sleep", 1, "key", "Home")
    still = screen.wait_for(lambda p: not window.changed(p, first))
    x, y = window.slider(still)
    drag((x, y), (x + 200, y))
    dragged = screen.wait_for(lambda p: window.changed(p, still))
    assert window.slider(dragged)[0] - x == pytest.approx(200, abs=20)
    drag(window.strip(0.99), window.strip(0.99))
    screen.wait_for(lambda p: not window.changed(p, last))
    drag((320, 60), (380, 90))
    screen.wait_for(lambda p: window.changed(p, last))
    assert process.poll() is None


@pytest.mark.window
@pytest.mark.slow
def test_joints_are_clicked_and_measured_a_camera_is_chosen_and_pictures_are_taken(viewer, screen, tmp_path):
    process, poses, first = viewer
    window, scene = Window(first), build_scene(poses)
    wrist, hip = (window.where(scene, poses.xyz[0, 0, poses.skeleton.index(name)]) for name in ("left_wrist", "pelvis"))

    def note(picture):
        """How much is written in the scene's upper left corner."""
        return (picture[: window.top, :250].max(-1) < 90).sum()

    def filmed(picture):
        """How much of the scene has the video's colour."""
        return (np.abs(window.scene(picture) - np.array(FILMED)).max(-1) < 40).sum()

    def press(*place):
        screen.act("mousemove", *place, "sleep", 0.5, "mousedown", 1, "sleep", 0.5, "mouseup", 1)

    press(*wrist)
    clicked = screen.wait_for(lambda p: note(p) > note(first) + 150)
    keep(clicked, "window-joint.png", tmp_path)
    ringed = np.abs(clicked[: window.top].astype(int) - first[: window.top]).max(-1) > 60
    assert ringed[wrist[1] - 20 : wrist[1] + 20, wrist[0] - 20 : wrist[0] + 20].sum() > 20
    screen.act("keydown", "shift")
    press(*hip)
    keep(screen.wait_for(lambda p: note(p) != note(clicked)), "window-measure.png", tmp_path)
    screen.act("keyup", "shift")
    screen.act("key", "x")
    screen.wait_for(lambda p: not window.changed(p, first))
    screen.act("key", "p")  # the cameras' pictures, of which there is one: else plain tiles with skeletons

    def tiles(picture):
        return (window.scene(picture)[-150:, -200:].max(-1) < 100).mean()

    keep(screen.wait_for(lambda p: tiles(p) > 0.5 and filmed(p) > 100), "window-cameras.png", tmp_path)
    screen.act("key", "p")
    screen.wait_for(lambda p: not window.changed(p, first))
    screen.act("key", "e")
    rings = screen.wait_for(lambda p: window.changed(p, first))
    screen.act("key", "t", "key", "End")
    paths = screen.wait_for(lambda p: window.changed(p, first) and window.changed(p, rings))
    time.sleep(0.5)
    keep(screen.picture() if PICTURES_OF else paths, "window.png", tmp_path)
    screen.act("key", "e", "sleep", 1, "key", "t", "sleep", 1, "key", "Home")
    screen.wait_for(lambda p: not window.changed(p, first))
    for number in range(5):  # behind five views, a camera
        before = screen.picture()
        screen.act("key", "v")
        screen.wait_for(lambda p, before=before: window.changed(p, before))
        if number == 3:  # all cameras are in view: let them hold their pictures
            screen.act("key", "i")
            keep(screen.wait_for(lambda p: filmed(p) > 100), "window-pictures.png", tmp_path)
            screen.act("key", "i")
            screen.wait_for(lambda p: filmed(p) == 0)
    screen.act("key", "s")
    wait_for_file(tmp_path / "walk-1.png")
    saved = cv2.imread(str(tmp_path / "walk-1.png")).astype(int)
    assert saved.shape == (window.top, SIZE[0], 3)

    def alike(picture):  # but for the caption, and the names of cameras in another font
        return (np.abs(saved - window.scene(picture)).max(-1) < 30)[: window.top - 60].mean() > 0.97

    screen.wait_for(alike)
    assert not alike(first)
    screen.act("key", "r", "sleep", 3, "key", "r")
    wait_for_file(tmp_path / "walk-1.mp4")
    video = cv2.VideoCapture(str(tmp_path / "walk-1.mp4"))
    assert video.read()[0]
    video.release()
    assert process.poll() is None


@pytest.mark.window
@pytest.mark.slow
@pytest.mark.parametrize("shape", [(5, 0, 17, 3), (5, 2, 17, 3)], ids=["nobody", "nothing but NaN"])
def test_a_result_without_anybody_opens_and_stays_open(shape, screen, tmp_path):
    poses = Poses.from_xyz(np.full(shape, np.nan), SKELETONS["h36m_17"], 30.0)
    with opened(poses.save(tmp_path / "none.poses.h5"), screen) as (process, first):
        screen.act("mousemove", 320, 60, *(word for key in "etofsv" for word in ("key", key)), "key", "End", "click", 1)
        wait_for_file(tmp_path / "none-1.png")
        assert process.poll() is None
    assert first[: SIZE[1] // 2].std() > 1  # the floor


def wait_for_file(path):
    """Until a file has appeared, whole."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if path.is_file():
            return
        time.sleep(0.2)
    raise AssertionError(f"{path.name} was never written")
