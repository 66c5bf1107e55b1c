"""An interactive window: people, cameras and floor, with a clock to play, step and search."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lift3d.calib import InputError, Rig
from lift3d.datasets import Poses

from .backdrop import Video
from .inline import in_notebook, show_inline
from .layers import color_mode
from .look import Look
from .mesh import Mesh
from .native_output import native_output_to_log
from .open3d_check import display_problem, open3d_problem
from .playback import Playback
from .scene import Scene, build_comparison
from .viewpoint import DEFAULT_VIEW
from .window_actions import Actions
from .window_notes import Note, help_lines
from .window_panel import Panel
from .window_pictures import Asked, ScenePictures
from .window_recorder import Recorder, advance_for_video, finished, rgb_to_bgr
from .window_stage import WindowStage
from .window_videos import VideoPanel
from .wording import status_line

SIZE = (1280, 800)
# After a change, both: labels follow a picture later, a busy driver leaves pictures out, a busy machine is slow.
REDRAW_S, REDRAWS = 1.0, 4


def check_display() -> None:
    """Make sure, before long work, that a window can be opened.

    Raises:
        InputError: it cannot; the message names the way without a display.
    """
    problem = display_problem()
    if problem:
        raise InputError(f"{problem}; `lift3d render FILE OUT.png` (or .mp4) needs none")


@dataclass(frozen=True)
class WindowOptions:
    """What rarely changes.

    Args:
        frame: where to start; negative counts from the end.
        playing: whether to play at once.
        size: (width, height) pixels of the window.
        videos: camera name to video file, whose pictures stand behind the views of cameras.
    """

    frame: int = 0
    playing: bool = True
    size: tuple[int, int] = SIZE
    videos: Mapping[str, Video] | None = None


def show(
    poses: Poses | Mapping[str, Poses],
    rig: Rig | None = None,
    *,
    title: str = "lift3d",
    look: Look | None = None,
    options: WindowOptions | None = None,
) -> None:
    """Open a window on some poses and return when it is closed; in a notebook, show an interactive figure instead.

    Args:
        poses: T frames, P people, J joints; or several results by name, to compare.
        rig: cameras to draw; None takes those of the (first) poses.
        title: of the window, for example the file's name.
        look: colours, ellipsoids, paths, who is followed.
        options: see :class:`WindowOptions`.

    Raises:
        InputError: there is no display, no driver for Open3D, or no frame.
    """
    options = options or WindowOptions()
    results = {title: poses} if isinstance(poses, Poses) else poses
    first = next(iter(results.values()))
    if in_notebook():
        show_inline(first if rig is None else first.replace(rig=rig), title=title)
        return
    check_display()
    total = len(first.xyz)
    if total and not -total <= options.frame < total:
        raise InputError(f"there is no frame {options.frame}; the poses have frames 0 to {total - 1}")
    scene = build_comparison(results, rig, look=look)
    problem = open3d_problem()
    if problem:
        raise InputError(f"no window can be drawn: {problem}; `lift3d render` also draws without Open3D")
    from open3d import utility
    from open3d.visualization import gui

    utility.set_verbosity_level(utility.VerbosityLevel.Error)
    with native_output_to_log():
        gui.Application.instance.initialize()
        window = PoseWindow(scene, title=title, options=options)
        gui.Application.instance.run_one_tick()
    window.run()


class PoseWindow(Actions):
    """The window itself; :func:`show` makes one and runs it.

    Args:
        scene: what is shown.
        title: of the window.
        options: see :class:`WindowOptions`.
    """

    def __init__(self, scene: Scene, *, title: str, options: WindowOptions) -> None:
        from open3d.visualization import gui

        self.scene = scene
        self.title = title
        frame = options.frame % len(scene.poses.xyz)
        self.playback = Playback(scene.poses.time, scene.poses.fps, frame=frame, playing=options.playing)
        self.window = gui.Application.instance.create_window(title, *options.size)
        self.stage = WindowStage(self.window, scene)
        self.recorder = Recorder(title, Path.cwd(), self.tell)
        self.view = ""
        self._hidden: frozenset[str] = frozenset()
        self.views = [*("three-quarter", "front", "side", "top", "overview"), *(scene.rig.names if scene.rig else ())]
        has_videos = bool(scene.rig and options.videos)
        self.panel = Panel(self.window, views=self.views, poses=scene.poses, on=self, has_pictures=has_videos)
        self.help, self.info = Note(self.window, columns=4), Note(self.window)
        self.pictures = ScenePictures(scene, options.videos) if scene.rig and options.videos else None
        self.videos = VideoPanel(scene.poses, options.videos or {}) if scene.poses.rig else None
        self._shown: tuple[int, Scene] | None = None
        self._redraw_until, self._redraws = 0.0, REDRAWS
        self._above, self._behind, self._waiting = True, False, False
        self._news = ("", 0.0)
        self._fitted = (0, 0)
        self._clock = time.monotonic()
        self.stage.put("floor", scene.floor.mesh())
        self.stage.put("axes", scene.axes())
        self.stage.label("axes", self._names("axes"))
        self.stage.label("names", self._names("names"))
        for child in (
            self.stage.widget,
            self.panel.root,
            self.videos and self.videos.root,
            self.help.root,
            self.info.root,
        ):
            if child is not None:
                self.window.add_child(child)
        self.help.write(help_lines())
        self.help.root.visible = False
        self.window.set_on_layout(self._layout)
        self.window.set_on_tick_event(self._tick)
        self.window.set_on_key(self._key)
        self.window.set_on_close(self._close)
        self.stage.widget.set_on_mouse(self._mouse)
        self.panel.follow_look(scene.look, color_mode(scene.look, len(scene.layers)))
        self.look_from(DEFAULT_VIEW)
        self.show_frame()

    def run(self) -> None:
        """Hand over to the toolkit until the window is closed."""
        from open3d.visualization import gui

        gui.Application.instance.run()

    def show_frame(self) -> None:
        """Draw the frame under the playing head."""
        frame = self.playback.frame
        if self._shown is None or self._shown[0] != frame or self._shown[1] is not self.scene:
            before = frame if self._shown is None else self._shown[0]
            moving = self.scene.moving(frame)
            for name in ("people", "ellipsoids", "trails"):
                self.stage.move(name, moving.get(name, Mesh.empty()))
            self._draw_shadows(moving["people"])
            if self.scene.followed is not None and self._is_free():
                self.stage.shift(self.scene.followed.middle[frame] - self.scene.followed.middle[before])
            self._shown = frame, self.scene
            self._draw_backdrop()
            self._ask_for_plates()
            self.draw_marks()
            self.redraw()
        if self.videos:
            self.videos.show_frame(frame)
        self.panel.update(self.playback, self._status())

    def look_from(self, view: str) -> None:
        """Take one of the views."""
        self.view = view
        self.panel.view.selected_index = self.views.index(view)
        self._ask_for_plates()
        seen = self.scene.viewpoint(view, size=self.stage.size, frame=self.playback.frame)
        self._fitted = self.stage.size
        self.stage.look(seen, through_camera=self.scene.camera(view) is not None)
        self._draw_cameras()
        self._draw_backdrop()
        self.redraw()

    def show_cameras(self, shown: bool) -> None:
        """Show or hide the cameras, their names and their pictures."""
        self.stage.show("cameras", shown)
        self.stage.show("plates", shown)
        self.stage.label("cameras", [n for n in self._names("cameras") if n.text not in self._hidden] if shown else [])
        self.redraw()

    def show_floor(self, shown: bool) -> None:
        """Show or hide the floor, the shadows and the axes; never before a camera's picture."""
        shown = shown and not self._behind
        self.stage.show("floor", shown and self._above)
        self.stage.show("axes", shown)
        self.stage.label("axes", self._names("axes") if shown else [])
        self._draw_shadows(self.scene.people(self.playback.frame))
        self.redraw()

    def show_plates(self, shown: bool) -> None:
        """Show or hide the cameras' pictures in their pyramids, which are larger then."""
        self.panel.cameras.checked = self.panel.cameras.checked or shown
        self._draw_cameras()
        self._ask_for_plates()

    def _draw_cameras(self) -> None:
        """The cameras, but for those that cannot be seen well from here."""
        self._hidden = self._cameras_to_hide()
        self.stage.put("cameras", self.scene.cameras(without=self._hidden, large=self._plates_shown))
        self.show_cameras(self.panel.cameras.checked)

    def _cameras_to_hide(self) -> frozenset[str]:
        """The camera that is looked through and those too near the eye."""
        return self.scene.near_cameras(self.stage.view.center) | {self.view}

    def redraw(self) -> None:
        """Draw the next few pictures anew."""
        self._redraw_until, self._redraws = time.monotonic() + REDRAW_S, REDRAWS
        self.window.post_redraw()

    def tell(self, text: str) -> None:
        """A line for the user, shown for some seconds in place of the verdict."""
        self._news = (text, time.monotonic() + 6.0)

    def take_picture(self) -> None:
        """Save what is seen."""
        self._show_late(wait=True)
        self.stage.widget.scene.scene.render_to_image(lambda image: self.recorder.picture(self._finished(image)))
        self.redraw()

    def _finished(self, image: Any) -> Any:
        """The caption and names on a picture of the scene."""
        frame, floor = self.playback.frame, self.panel.floor.checked and not self._behind
        shown = {"cameras": self.panel.cameras.checked, "axes": floor}
        return finished(rgb_to_bgr(image), self.scene, frame, self.stage.view, title=self.title, shown=shown)

    def _names(self, group: str) -> list[Any]:
        """The words of a group that stand in the scene."""
        return [label for label in self.scene.labels if label.group == group]

    def _is_free(self) -> bool:
        """Whether the eye may move: not while it is a camera's."""
        return self.scene.camera(self.view) is None

    def _draw_shadows(self, people: Mesh) -> None:
        """Shadows, where the floor is seen from above."""
        shown = self._above and self.panel.floor.checked and not self._behind
        self.stage.move("shadows", self.scene.shadows(people) if shown else Mesh.empty())

    @property
    def _plates_shown(self) -> bool:
        """Whether the cameras hold pictures, which would stand before that of a camera that is looked through."""
        return self.pictures is not None and bool(self.panel.plates.checked) and self._is_free()

    def _ask_for_plates(self) -> None:
        """Have the pictures in the cameras made for the frame under the playing head."""
        if self.pictures and self._plates_shown:
            self.pictures.ask_for_plates(self.playback.frame)
        else:
            self.stage.remove("plates")

    def _asked(self) -> Asked:
        """Which picture belongs behind the scene."""
        return self.view, self.playback.frame, self.stage.size

    def _draw_backdrop(self) -> None:
        """The picture of the camera that is looked through, as long as it is looked through it.

        Where the video must be searched for it, the background is plain until it comes: a picture of another moment
        would belie the skeleton.
        """
        if self.pictures is None or self.view not in self.pictures or self.stage.turned():
            self._put_backdrop(None)
            return
        there, picture = self.pictures.behind(self._asked())
        if there:
            self._put_backdrop(picture)
        else:
            self.stage.backdrop(None)

    def _put_backdrop(self, picture: Any) -> None:
        """Put a picture, or the plain background, behind everything; before a picture stands no floor."""
        if picture is not None or self._behind:
            self.stage.backdrop(picture)
        if self._behind != (picture is not None):
            self._behind = picture is not None
            self.show_floor(self.panel.floor.checked)

    def _show_late(self, *, wait: bool = False) -> None:
        """Show the cameras' pictures that have been made meanwhile."""
        new = self.videos is not None and self.videos.refresh(wait=wait)
        if self.pictures:
            if wait:
                self.pictures.wait()
            there, picture = self.pictures.late_behind(self._asked())
            if there:
                self._put_backdrop(None if self.stage.turned() else picture)
            plates = self.pictures.late_plates()
            if plates is not None and self._plates_shown:
                self.stage.move("plates", plates)
                self.stage.show("plates", self.panel.cameras.checked)
            new = new or there or plates is not None
        if new:
            self.redraw()

    def _status(self) -> str:
        """News while they are fresh, else the verdict and the frame's joints."""
        text, until = self._news
        return text if time.monotonic() < until else status_line(self.scene.poses, self.playback.frame)

    def _layout(self, context: Any) -> None:
        """The panel below, the scene above it, notes in its corners."""
        from open3d.visualization import gui

        area = self.window.content_rect
        height = self.panel.height(context)
        self.stage.widget.frame = gui.Rect(area.x, area.y, area.width, max(area.height - height, 1))
        self.panel.root.frame = gui.Rect(area.x, area.get_bottom() - height, area.width, height)
        self.help.place(context, self.stage.widget.frame, right=True)
        self.info.place(context, self.stage.widget.frame, right=False)
        if self.videos:
            self.videos.place(self.stage.widget.frame)

    def _tick(self) -> bool:
        """Let the clock run; True asks for a redraw."""
        now = time.monotonic()
        if self.recorder.recording:
            self._take_frame()
        elif self.playback.advance(now - self._clock):
            self.show_frame()
        if self._news[0] and now >= self._news[1]:
            self._news = ("", 0.0)
            self.panel.update(self.playback, self._status())
        self._clock = now
        self._show_late()
        above = bool(self.stage.view.center[2] > self.scene.floor.z)
        if above != self._above:  # from below, the floor would hide the people
            self._above = above
            self.show_floor(self.panel.floor.checked)
        if self._hidden != self._cameras_to_hide():
            self._draw_cameras()
        if self._behind and self.stage.turned():
            self._draw_backdrop()
        if self.stage.size != self._fitted and not self.stage.turned():  # the window has been given another size
            self.look_from(self.view)
        due = now < self._redraw_until or self._redraws > 0
        self._redraws -= 1
        if due:
            self.stage.widget.force_redraw()
        return due

    def _take_frame(self) -> None:
        """One more picture of the video, as soon as the last has come."""
        if self._waiting:
            self.redraw()
            return
        advance_for_video(self.playback, self.recorder.fps)
        self.show_frame()
        self._show_late(wait=True)
        self._waiting = True

        def arrived(image: Any) -> None:
            self._waiting = False
            self.recorder.add(self._finished(image))

        self.stage.widget.scene.scene.render_to_image(arrived)
        self.redraw()

    def _close(self) -> bool:
        """A video under way is ended; True lets the window go."""
        self.recorder.stop()
        for pictures in (self.pictures, self.videos):
            if pictures:
                pictures.close()
        return True
