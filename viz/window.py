"""An interactive window: people, cameras and floor, with a clock to play, step and search."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lift3d.calib import InputError, Rig
from lift3d.datasets import Poses

from .mesh import Mesh
from .native_output import native_output_to_log
from .offscreen import background_for_open3d, flat_material, intrinsics_for_open3d, open3d_mesh
from .open3d_check import display_problem, open3d_problem
from .playback import Playback
from .scene import Scene, build_scene
from .viewpoint import DEFAULT_VIEW, FIELD_OF_VIEW
from .window_panel import Panel
from .wording import status_line

SIZE = (1280, 800)
REDRAWS = 3  # labels follow the scene a picture later, so a change is drawn more than once


def check_display() -> None:
    """Make sure, before long work, that a window can be opened.

    Raises:
        InputError: it cannot; the message names the way without a display.
    """
    problem = display_problem()
    if problem:
        raise InputError(f"{problem}; `lift3d render FILE OUT.png` (or .mp4) needs none")


def show(poses: Poses, rig: Rig | None = None, *, title: str = "lift3d", frame: int = 0, playing: bool = True) -> None:
    """Open a window on some poses and return when it is closed.

    Args:
        poses: T frames, P people, J joints.
        rig: cameras to draw; None takes those of the poses.
        title: of the window, for example the file's name.
        frame: where to start; negative counts from the end.
        playing: whether to play at once.

    Raises:
        InputError: there is no display, no driver for Open3D, or no frame.
    """
    check_display()
    total = len(poses.xyz)
    if total and not -total <= frame < total:
        raise InputError(f"there is no frame {frame}; the poses have frames 0 to {total - 1}")
    scene = build_scene(poses, rig)
    problem = open3d_problem()
    if problem:
        raise InputError(f"no window can be drawn: {problem}; `lift3d render` also draws without Open3D")
    from open3d import utility
    from open3d.visualization import gui

    utility.set_verbosity_level(utility.VerbosityLevel.Error)
    with native_output_to_log():
        gui.Application.instance.initialize()
        window = PoseWindow(scene, title=title, frame=frame % total, playing=playing)
        gui.Application.instance.run_one_tick()
    window.run()


class PoseWindow:
    """The window itself; :func:`show` makes one and runs it.

    Args:
        scene: what is shown.
        title: of the window.
        frame: where to start, 0..T-1.
        playing: whether to play at once.
    """

    def __init__(self, scene: Scene, *, title: str, frame: int = 0, playing: bool = True) -> None:
        from open3d.visualization import gui, rendering

        self.scene = scene
        self.playback = Playback(scene.poses.time, scene.poses.fps, frame=frame, playing=playing)
        self.window = gui.Application.instance.create_window(title, *SIZE)
        self.widget = gui.SceneWidget()
        self.widget.scene = rendering.Open3DScene(self.window.renderer)
        self._material = flat_material()
        self._labels: dict[str, list[Any]] = {}
        self._shown_frame = -1
        self._redraws = REDRAWS
        self._view = ""
        self._above = True
        self._clock = time.monotonic()
        self._prepare_view(gui, rendering)
        views = [*("three-quarter", "front", "side", "top", "overview"), *(scene.rig.names if scene.rig else ())]
        self.panel = Panel(self.window, views=views, frames=len(self.playback), on=self)
        self.window.add_child(self.widget)
        self.window.add_child(self.panel.root)
        self.window.set_on_layout(self._layout)
        self.window.set_on_tick_event(self._tick)
        self.window.set_on_key(self._key)
        self.look_from(DEFAULT_VIEW)
        self.show_frame()

    def run(self) -> None:
        """Hand over to the toolkit until the window is closed."""
        from open3d.visualization import gui

        gui.Application.instance.run()

    def show_frame(self) -> None:
        """Draw the frame under the playing head."""
        frame = self.playback.frame
        if frame != self._shown_frame:
            people = self.scene.people(frame)
            self._put("people", people)
            self._put_shadows(people)
            self._shown_frame = frame
            self._redraws = REDRAWS
        self.panel.update(self.playback, status_line(self.scene.poses, frame))

    def look_from(self, view: str) -> None:
        """Take one of the views."""
        from open3d import geometry

        self._view = view
        self._put("cameras", self.scene.cameras(without=view))
        self.show_cameras(self.panel.cameras.checked)
        frame = self.widget.frame
        size = (max(frame.width, 1), max(frame.height, 1)) if frame.width > 1 else SIZE
        seen = self.scene.viewpoint(view, size=size)
        low, high = self._extent()
        box = geometry.AxisAlignedBoundingBox(low, high)
        if self.scene.rig and view in self.scene.rig.names:
            extrinsic = np.eye(4)
            extrinsic[:3, :3], extrinsic[:3, 3] = seen.R, seen.t
            self.widget.setup_camera(intrinsics_for_open3d(seen), extrinsic, *size, box)
        else:
            center = self.scene.bounds.center.astype(np.float32)
            self.widget.setup_camera(float(np.degrees(FIELD_OF_VIEW)), box, center)
            self.widget.look_at(center, seen.center.astype(np.float32), (-seen.R[1]).astype(np.float32))
        self._redraws = REDRAWS

    def show_cameras(self, shown: bool) -> None:
        """Show or hide the cameras and their names."""
        self._show("cameras", shown)

    def show_floor(self, shown: bool) -> None:
        """Show or hide the floor, the shadows and the axes."""
        self.widget.scene.show_geometry("floor", shown and self._above)
        self._show("axes", shown)
        self._put_shadows(self.scene.people(self.playback.frame))

    def _prepare_view(self, gui: Any, rendering: Any) -> None:
        """What never moves."""
        scene = self.widget.scene
        scene.set_background([*background_for_open3d(), 1.0])
        scene.view.set_post_processing(False)
        scene.view.set_shadowing(False, rendering.View.ShadowType.PCF)
        scene.show_skybox(False)
        self.widget.set_view_controls(gui.SceneWidget.Controls.ROTATE_CAMERA_SPHERE)  # the horizon stays level
        self._put("floor", self.scene.floor.mesh())
        self._put("axes", self.scene.axes())
        self._show("axes", True)

    def _put(self, name: str, mesh: Mesh) -> None:
        """Replace the mesh of a name."""
        scene = self.widget.scene
        if scene.has_geometry(name):
            scene.remove_geometry(name)
        if len(mesh.faces):
            scene.add_geometry(name, open3d_mesh(mesh), self._material)

    def _put_shadows(self, people: Mesh) -> None:
        """Shadows, where the floor is seen from above."""
        shown = self._above and self.panel.floor.checked
        self._put("shadows", self.scene.shadows(people) if shown else Mesh.empty())

    def _show(self, group: str, shown: bool) -> None:
        """Show or hide a mesh with its labels."""
        from open3d.visualization import gui

        if self.widget.scene.has_geometry(group):
            self.widget.scene.show_geometry(group, shown)
        for label in self._labels.pop(group, []):
            self.widget.remove_3d_label(label)
        if shown:
            self._labels[group] = []
            for label in self.scene.labels:
                if label.group == group and label.text != self._view:
                    drawn = self.widget.add_3d_label(label.at.astype(np.float32), label.text)
                    drawn.color = gui.Color(*label.color)
                    self._labels[group].append(drawn)
        self._redraws = REDRAWS

    def _extent(self) -> tuple[Any, Any]:
        """All that is drawn, for the clipping planes: [3] and [3] metres."""
        floor, bounds = self.scene.floor, self.scene.bounds
        low = np.minimum(bounds.low, [floor.x[0], floor.y[0], floor.z])
        high = np.maximum(bounds.high, [floor.x[-1], floor.y[-1], floor.z])
        return low, high

    def _layout(self, context: Any) -> None:
        """The panel below, the scene above it."""
        from open3d.visualization import gui

        area = self.window.content_rect
        height = self.panel.height(context)
        self.widget.frame = gui.Rect(area.x, area.y, area.width, max(area.height - height, 1))
        self.panel.root.frame = gui.Rect(area.x, area.get_bottom() - height, area.width, height)

    def _tick(self) -> bool:
        """Let the clock run; True asks for a redraw."""
        now = time.monotonic()
        due = self.playback.advance(now - self._clock)
        self._clock = now
        if due:
            self.show_frame()
        above = bool(self.widget.scene.camera.get_model_matrix()[2, 3] > self.scene.floor.z)
        if above != self._above:  # from below, the floor would hide the people
            self._above = above
            self.show_floor(self.panel.floor.checked)
        self._redraws -= 1
        if self._redraws >= 0:
            self.widget.force_redraw()
        return self._redraws >= 0

    def _key(self, event: Any) -> bool:
        """Keyboard shortcuts; True keeps the key from the focused widget."""
        from open3d.visualization import gui

        if event.type != gui.KeyEvent.Type.DOWN:
            return False
        keys: dict[Any, Callable[[], None]] = {
            gui.KeyName.SPACE: self.playback.toggle,
            gui.KeyName.LEFT: lambda: self.playback.step(-1),
            gui.KeyName.RIGHT: lambda: self.playback.step(1),
            gui.KeyName.HOME: lambda: self.playback.seek(0),
            gui.KeyName.END: lambda: self.playback.seek(len(self.playback) - 1),
            gui.KeyName.PLUS: lambda: self.playback.change_speed(1),
            gui.KeyName.EQUALS: lambda: self.playback.change_speed(1),
            gui.KeyName.MINUS: lambda: self.playback.change_speed(-1),
        }
        if event.key not in keys:
            return False
        keys[event.key]()
        self.show_frame()
        self.window.post_redraw()
        return True
