"""Strides from gait events: their times, lengths, and what left and right have of them.

Convention:
    a stride goes from a foot's strike to the next strike of the same foot; a foot's step from the other foot's strike
    to its own. Strides longer than ``LONGEST_S`` are pauses and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .contacts import Event

Array = NDArray[np.float64]

LONGEST_S = 2.5
SHORTEST_M = 0.1  # a foot that is set down where it stood made no stride
QUANTITIES = {
    "stride_time": "s",
    "stance_time": "s",
    "stance_share": "%",
    "stride_length": "m",
    "stride_speed": "m/s",
    "step_time": "s",
    "step_length": "m",
}
"""What :func:`strides` measures, and the units."""


def strides(events: Sequence[Event]) -> dict[str, dict[str, Array]]:
    """Everything about each stride that the events tell.

    Args:
        events: of one person, in order of time.

    Returns:
        {"left": {quantity: [N]}, "right": …} with the quantities of :data:`QUANTITIES`, one entry a stride; NaN
        where an event within the stride was not seen.
    """
    return {side: _strides_of(side, events) for side in ("left", "right")}


def cadence(events: Sequence[Event]) -> float:
    """Steps a minute: from the mean time between strikes of alternate feet, pauses left out; NaN without steps."""
    strikes = [event for event in events if event.kind == "foot_strike"]
    gaps = np.array([b.time - a.time for a, b in pairwise(strikes) if a.side != b.side])
    gaps = gaps[gaps < LONGEST_S / 2]
    if not len(gaps):
        return float("nan")
    return 60.0 / float(gaps[gaps <= 1.5 * np.median(gaps)].mean())


def _strides_of(side: str, events: Sequence[Event]) -> dict[str, Array]:
    """One side's strides."""
    strikes = [event for event in events if event.side == side and event.kind == "foot_strike"]
    rows = []
    for first, last in pairwise(strikes):
        duration = last.time - first.time
        length = _level_distance(first, last)
        if duration > LONGEST_S or length < SHORTEST_M:
            continue
        within = [event for event in events if first.time < event.time < last.time]
        off = next((e.time for e in within if e.side == side and e.kind == "foot_off"), float("nan"))
        other = [e for e in within if e.side != side and e.kind == "foot_strike"]
        step_time = last.time - other[-1].time if other else float("nan")
        stance = off - first.time
        rows.append(
            (duration, stance, 100 * stance / duration, length, length / duration, step_time, _step(first, last, other))
        )
    table = np.array(rows, np.float64).reshape(-1, len(QUANTITIES))
    return {name: table[:, i] for i, name in enumerate(QUANTITIES)}


def _level_distance(a: Event, b: Event) -> float:
    """Between two strikes, on the floor."""
    return float(np.hypot(b.at[0] - a.at[0], b.at[1] - a.at[1]))


def _step(first: Event, last: Event, other: Sequence[Event]) -> float:
    """How far the last strike lies before the other foot's, along the stride."""
    if not other:
        return float("nan")
    along = np.subtract(last.at, first.at)[:2]
    return float(np.subtract(last.at, other[-1].at)[:2] @ along / np.linalg.norm(along))
