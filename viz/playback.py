"""Which frame is shown when: the clock behind the window, free of any toolkit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
LONGEST_TICK_S = 0.25  # after a pause of the whole program, playback goes on instead of jumping ahead


class Playback:
    """A playing head over the frames of a result, in a loop.

    Args:
        time: [T] seconds, T at least 1; where they do not rise, frames are evenly spaced.
        fps: frames a second, for that case.
        frame: where to start, 0..T-1.
        playing: whether to run at once.
    """

    def __init__(self, time: Array, fps: float, *, frame: int = 0, playing: bool = False) -> None:
        rising = np.isfinite(time).all() and (np.diff(time) > 0).all()
        rate = fps if np.isfinite(fps) and fps > 0 else 30.0
        self._time = np.asarray(time - time[0] if rising else np.arange(len(time)) / rate, np.float64)
        last = float(np.median(np.diff(self._time))) if len(time) > 1 else 1.0 / rate
        self._duration = float(self._time[-1]) + last
        self.speed = 1.0
        self.playing = playing and len(time) > 1
        self.seek(frame)

    @property
    def frame(self) -> int:
        """The frame under the head, 0..T-1."""
        return int(np.searchsorted(self._time, self._head + 1e-9, side="right")) - 1

    @property
    def seconds(self) -> float:
        """When the frame under the head was, counted from the first."""
        return float(self._time[self.frame])

    def __len__(self) -> int:
        return len(self._time)

    def frames_in(self, seconds: float) -> int:
        """How many frames a time takes, as a rule."""
        return round(len(self) * seconds / self._duration)

    def seek(self, frame: int) -> None:
        """Move to a frame; beyond either end, to that end."""
        self._head = float(self._time[int(np.clip(frame, 0, len(self) - 1))])

    def step(self, frames: int) -> None:
        """Stop, and move by some frames."""
        self.playing = False
        self.seek(self.frame + frames)

    def toggle(self) -> None:
        """Play or pause."""
        self.playing = not self.playing and len(self) > 1

    def change_speed(self, steps: int) -> None:
        """The next faster or slower of :data:`SPEEDS`."""
        now = int(np.argmin(np.abs(np.array(SPEEDS) - self.speed)))
        self.speed = SPEEDS[int(np.clip(now + steps, 0, len(SPEEDS) - 1))]

    def advance(self, seconds: float) -> bool:
        """Let time pass; True when another frame is due."""
        if not self.playing:
            return False
        before = self.frame
        self._head = (self._head + min(seconds, LONGEST_TICK_S) * self.speed) % self._duration
        return self.frame != before
