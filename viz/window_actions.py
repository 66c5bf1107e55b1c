"""What keys and the mouse do to the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lift3d.datasets.poses import Status

from .layers import color_mode
from .look import COLOR_MODES, ColorMode, Look
from .mesh import Mesh
from .picking import Picked, joint_lines, marks_mesh, measure_lines, pick_joint, position
from .playback import Playback
from .scene import Scene
from .shortcuts import SHORTCUTS

if TYPE_CHECKING:
    from .window_notes import Note
    from .window_panel import Panel
    from .window_recorder import Recorder
    from .window_stage import WindowStage
    from .window_videos import VideoPanel

TRAILS_S = 1.0  # where nobody said how long
CLICK = 4  # pixels: a press that moves further is a drag
MEASURED = 3  # joints at most


class Actions:
    """The half of :class:`lift3d.viz.window.PoseWindow` that answers to the user."""

    scene: Scene
    playback: Playback
    window: Any
    stage: WindowStage
    panel: Panel
    recorder: Recorder
    help: Note
    info: Note
    videos: VideoPanel | None
    view: str
    views: list[str]
    picked: tuple[Picked, ...] = ()
    _pressed: tuple[int, int] | None = None

    def act(self, action: str) -> None:
        """What a key of that action does; see :data:`lift3d.viz.shortcuts.SHORTCUTS`."""
        if action in ("ellipsoids", "trails", "color", "follow"):
            self._restyle(next_look(self.scene, action))
        elif action in ("cameras", "floor", "plates"):
            box = getattr(self.panel, action)
            box.checked = not box.checked and box.visible
            getattr(self, f"show_{action}")(box.checked)
        else:
            move_head(self.playback, action)
            getattr(self, f"_{action}", lambda: None)()
        self.show_frame()
        self.redraw()

    def color_by(self, mode: ColorMode) -> None:
        """Let colours tell something else."""
        self._restyle(replace(self.scene.look, color=mode))
        self.show_frame()

    def draw_marks(self) -> None:
        """What is picked, in the scene and in words."""
        frame = self.playback.frame
        points = [position(self.scene, frame, picked) for picked in self.picked]
        self.stage.put("marks", marks_mesh(points, self.scene.figures.scale) if points else Mesh.empty())
        lines = joint_lines(self.scene, frame, self.picked[-1]) if len(self.picked) == 1 else []
        if len(self.picked) > 1:
            lines = [joint_lines(self.scene, frame, picked)[0] for picked in self.picked]
            lines += measure_lines(points) or ["not all are there in this frame"]
        self.info.write(lines)
        self.window.set_needs_layout()

    def show_frame(self) -> None:
        """Draw the frame under the playing head."""
        raise NotImplementedError

    def look_from(self, view: str) -> None:
        """Take one of the views."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw the next pictures anew."""
        raise NotImplementedError

    def take_picture(self) -> None:
        """Save what is seen."""
        raise NotImplementedError

    def _restyle(self, look: Look) -> None:
        """Take another look at the same results."""
        self.scene = self.scene.restyled(look)
        self.panel.follow_look(look, color_mode(look, len(self.scene.layers)))
        if look.follow is not None and self.scene.camera(self.view) is None:
            self.look_from(self.view)

    def _view(self) -> None:
        """The next view."""
        self.look_from(self.views[(self.views.index(self.view) + 1) % len(self.views)])

    def _screenshot(self) -> None:
        """Save what is seen."""
        self.take_picture()

    def _record(self) -> None:
        """Begin a video, or end it."""
        if self.recorder.recording:
            self.recorder.stop()
        else:
            self.recorder.start(self.stage.size, self.scene.poses.fps)

    def _clear(self) -> None:
        """Forget what is picked."""
        self.picked = ()
        self.draw_marks()

    def _help(self) -> None:
        """Show or hide the help panel."""
        self.help.root.visible = not self.help.root.visible
        self.window.set_needs_layout()

    def _pictures(self) -> None:
        """Show or hide the cameras' pictures."""
        if self.videos:
            self.videos.toggle()
            self.window.set_needs_layout()

    def _key(self, event: Any) -> bool:
        """Keyboard shortcuts; True keeps the key from the focused widget."""
        from open3d.visualization import gui

        if event.type != gui.KeyEvent.Type.DOWN:
            return False
        for shortcut in SHORTCUTS:
            if any(event.key == getattr(gui.KeyName, key) for key in shortcut.keys):
                self.act(shortcut.action)
                return True
        return False

    def _mouse(self, event: Any) -> Any:
        """A click picks a joint, with Shift one more; drags are left to Open3D."""
        from open3d.visualization import gui

        if event.type == gui.MouseEvent.Type.BUTTON_DOWN and event.is_button_down(gui.MouseButton.LEFT):
            self._pressed = (event.x, event.y)
        elif event.type == gui.MouseEvent.Type.BUTTON_UP and self._pressed is not None:
            pressed, self._pressed = self._pressed, None
            if max(abs(event.x - pressed[0]), abs(event.y - pressed[1])) <= CLICK:
                self._pick(event, more=event.is_modifier_down(gui.KeyModifier.SHIFT))
        return gui.Widget.EventCallbackResult.IGNORED

    def _pick(self, event: Any, *, more: bool) -> None:
        """Take the joint under the mouse; a click beside all joints forgets them."""
        area = self.stage.widget.frame
        at = (event.x - area.x - 0.5, event.y - area.y - 0.5)
        found = pick_joint(self.scene, self.playback.frame, self.stage.view, at)
        if found is not None and more:
            self.picked = (*(p for p in self.picked if p != found), found)[-MEASURED:]
        elif not more:
            self.picked = () if found is None else (found,)
        self.draw_marks()
        self.redraw()


def move_head(playback: Playback, action: str) -> None:
    """Play, step, jump or change the speed, where the action is one of these."""
    second = max(1, playback.frames_in(1.0))
    moves: dict[str, Callable[[], None]] = {
        "play": playback.toggle,
        "back": lambda: playback.step(-1),
        "on": lambda: playback.step(1),
        "second_back": lambda: playback.step(-second),
        "second_on": lambda: playback.step(second),
        "first": lambda: playback.seek(0),
        "last": lambda: playback.seek(len(playback) - 1),
        "faster": lambda: playback.change_speed(1),
        "slower": lambda: playback.change_speed(-1),
    }
    if action in moves:
        moves[action]()


def next_look(scene: Scene, action: str) -> Look:
    """The look after a key: the next colouring, ellipsoids or paths on or off, the next person to follow."""
    look = scene.look
    if action == "ellipsoids":
        return replace(look, ellipsoids=not look.ellipsoids)
    if action == "trails":
        return replace(look, trails=0.0 if look.trails else TRAILS_S)
    if action == "color":
        now = COLOR_MODES.index(color_mode(look, len(scene.layers)))
        return replace(look, color=COLOR_MODES[(now + 1) % len(COLOR_MODES)])
    people = scene.poses.xyz.shape[1]
    following = 0 if look.follow is None else look.follow + 1
    seen = np.isfinite(scene.poses.xyz).all(-1) & (scene.poses.status != Status.MISSING)
    there = [p for p in range(following, people) if seen[:, p].any()]
    return replace(look, follow=there[0] if there else None)
