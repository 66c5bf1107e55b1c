"""The row of controls under the scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, SupportsFloat

from lift3d.datasets import Poses

from .look import COLOR_MODES, ColorMode, Look
from .playback import SPEEDS, Playback
from .timeline import frame_at, strip, with_head

STRIP_SIZE = (1200, 14)  # pixels of the picture of time; the width is stretched to the window's


LETTER = 0.46  # of the font's size: how wide a letter is on the average


class Controlled(Protocol):
    """What the controls act on: :class:`lift3d.viz.window.PoseWindow`."""

    playback: Playback

    def show_frame(self) -> None:
        """Draw the frame under the playing head."""

    def look_from(self, view: str) -> None:
        """Take one of the views."""

    def show_cameras(self, shown: bool) -> None:
        """Show or hide the cameras."""

    def show_floor(self, shown: bool) -> None:
        """Show or hide the floor."""

    def show_plates(self, shown: bool) -> None:
        """Show or hide the cameras' pictures in their pyramids."""

    def color_by(self, mode: ColorMode) -> None:
        """Let colours tell something else."""

    def act(self, action: str) -> None:
        """What a key of that action does."""


class Panel:
    """Play, step, slide, speed, view, what is shown, and a line about the data.

    Args:
        window: Open3D's, for its theme.
        views: names to choose from.
        poses: what the strip of time tells of.
        on: what the controls act on.
        has_pictures: whether there are cameras' videos to show.
    """

    def __init__(
        self, window: Any, *, views: Sequence[str], poses: Poses, on: Controlled, has_pictures: bool = False
    ) -> None:
        from open3d.visualization import gui

        frames = len(poses.xyz)
        self._on = on
        self._frames = frames
        self._strip_image = strip(poses, STRIP_SIZE)
        self._window = window
        self._em = window.theme.font_size
        self._longest = (0, 0)
        self._shown = 0
        self.play = self._button("Play", self._toggle, "Play or pause (Space)")
        self.slider = gui.Slider(gui.Slider.INT)
        self.slider.set_limits(0, max(frames - 1, 1))
        self.slider.enabled = frames > 1
        self.slider.set_on_value_changed(self._slide)
        self.readout = gui.Label("")
        self.speed = self._choice([f"{speed:g}x" for speed in SPEEDS], self._set_speed, "Speed (+ and -)")
        self.view = self._choice(list(views), lambda text, _: on.look_from(text), "From where")
        self.color = self._choice(list(COLOR_MODES), lambda text, _: on.color_by(text), "What colours tell (O)")
        self.cameras = self._checkbox("Cameras", on.show_cameras)
        self.floor = self._checkbox("Floor", on.show_floor)
        self.ellipsoids = self._checkbox("Ellipsoids", lambda _: on.act("ellipsoids"))
        self.trails = self._checkbox("Paths", lambda _: on.act("trails"))
        self.plates = self._checkbox("Pictures", on.show_plates)
        self.plates.checked, self.plates.visible = False, has_pictures
        self.plates.tooltip = "The videos' pictures in the cameras (I); beside the scene: P"
        self.help = self._button("Help", lambda: on.act("help"), "Keys and mouse (H)")
        self.status = gui.Label("")
        self.strip = gui.ImageWidget(self._picture(0))
        self.strip.ui_image.scaling = gui.UIImage.Scaling.ANY
        self.strip.tooltip = "Joints measured (blue), filled in (yellow, violet), missing (red); below, the verdict"
        self.strip.set_on_mouse(self._jump)
        margin = round(0.5 * self._em)
        self.root = gui.Vert(round(0.4 * self._em), gui.Margins(margin, margin, margin, margin))
        self.root.add_child(self.strip)
        self.root.add_child(self._row(self.play, *self._steps(), self.slider))
        self.root.add_child(self._row(self.speed, self.view, self.color, self.help, self.readout))
        self.root.add_child(self._row(self.cameras, self.plates, self.floor, self.ellipsoids, self.trails))
        self.root.add_child(self.status)

    def height(self, context: Any) -> int:
        """Pixels that the panel needs."""
        from open3d.visualization import gui

        return int(self.root.calc_preferred_size(context, gui.Widget.Constraints()).height)

    def update(self, playback: Playback, status: str) -> None:
        """Show where playback stands."""
        frame, total = playback.frame, len(playback)
        self.play.text = "Pause" if playback.playing else "Play"
        self.slider.int_value = frame
        self.readout.text = f"  {playback.seconds:.2f} s   frame {frame} of {total - 1}      "
        self.speed.selected_index = SPEEDS.index(playback.speed)
        if frame != self._shown:
            self._shown = frame
            self.strip.update_image(self._picture(frame))
        status = cut(status, int(self._window.size.width / (LETTER * self._em)))
        self.status.text = status
        lengths = (len(self.readout.text), len(status))
        longest = (max(lengths[0], self._longest[0]), max(lengths[1], self._longest[1]))
        if longest != self._longest:  # labels keep the width of the last layout, and fold what is longer
            self._longest = longest
            self._window.set_needs_layout()

    def follow_look(self, look: Look, mode: ColorMode) -> None:
        """Let the controls show a look that a key has changed."""
        self.color.selected_index = COLOR_MODES.index(mode)
        self.ellipsoids.checked, self.trails.checked = look.ellipsoids, look.trails > 0

    def _picture(self, frame: int) -> Any:
        """The strip with the playing head, as Open3D's image."""
        from open3d import geometry

        picture: Any = with_head(self._strip_image, frame, self._frames)
        return geometry.Image(picture)

    def _jump(self, event: Any) -> Any:
        """A press or drag on the strip moves the playing head there."""
        from open3d.visualization import gui

        kinds = (gui.MouseEvent.Type.BUTTON_DOWN, gui.MouseEvent.Type.DRAG)
        if event.type not in kinds:
            return gui.Widget.EventCallbackResult.IGNORED
        area = self.strip.frame
        self._on.playback.seek(frame_at(event.x - area.x, area.width, self._frames))
        self._on.show_frame()
        return gui.Widget.EventCallbackResult.HANDLED

    def _steps(self) -> tuple[Any, Any]:
        """One frame back, one frame on."""
        return (
            self._button("<", lambda: self._step(-1), "One frame back (left arrow)"),
            self._button(">", lambda: self._step(1), "One frame on (right arrow)"),
        )

    def _toggle(self) -> None:
        self._on.playback.toggle()
        self._on.show_frame()

    def _step(self, frames: int) -> None:
        self._on.playback.step(frames)
        self._on.show_frame()

    def _slide(self, value: SupportsFloat) -> None:
        self._on.playback.seek(round(float(value)))
        self._on.show_frame()

    def _set_speed(self, _: str, index: int) -> None:
        self._on.playback.speed = SPEEDS[index]

    def _row(self, *widgets: Any) -> Any:
        """Widgets side by side."""
        from open3d.visualization import gui

        row = gui.Horiz(round(0.5 * self._em))
        for widget in widgets:
            row.add_child(widget)
        return row

    def _button(self, text: str, act: Any, tip: str) -> Any:
        from open3d.visualization import gui

        button = gui.Button(text)
        button.tooltip = tip
        button.horizontal_padding_em, button.vertical_padding_em = 0.6, 0.1
        button.set_on_clicked(act)
        return button

    def _choice(self, texts: list[str], act: Any, tip: str) -> Any:
        from open3d.visualization import gui

        box = gui.Combobox()
        for text in texts:
            box.add_item(text)
        box.tooltip = tip
        box.set_on_selection_changed(act)
        return box

    def _checkbox(self, text: str, act: Any) -> Any:
        from open3d.visualization import gui

        box = gui.Checkbox(text)
        box.checked = True
        box.set_on_checked(act)
        return box


def cut(text: str, letters: int) -> str:
    """As much of a text as there is room for, ending in dots where something was left out."""
    return text if len(text) <= letters else text[: max(letters - 3, 0)].rstrip() + "..."
