"""When a foot stands on the floor, and the events that begin and end it.

Convention:
    the floor is what a point of the foot touches at its lowest, taken point by point: keypoints of heel and toe lie
    above the sole by different amounts. So the floor may be a beam, but it must be level: on stairs and slopes only the
    lowest steps are found. World Z up.

Limits: nothing measures that a foot touches: one that never comes down counts as standing at its lowest place, and so
does one that is dragged slowly along the floor. A person who runs at 25 frames a second stands for only three of
them. A joint set without heels and toes leaves the ankle, which rises before the toes do, so its foot-off comes early.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Skeleton
from lift3d.datasets.skeleton import SIDES

from .derivatives import velocity
from .points import Points

Array = NDArray[np.float64]
State = NDArray[np.int8]

UNKNOWN, AIR, FLOOR = -1, 0, 1


@dataclass(frozen=True)
class ContactConfig:
    """What counts as standing on the floor.

    Args:
        slow: metres a second; a point slower than this may begin to stand. A walker's foot swings at 3 to 4 m/s.
        fast: metres a second; a point that stands goes on to do so until it is faster than this.
        height: metres above its own floor up to which a point may stand.
        shortest_s: seconds; shorter contacts, and shorter breaks in one, are noise.
        window_s: seconds over which velocities are fitted.
    """

    slow: float = 0.5
    fast: float = 0.7
    height: float = 0.05
    shortest_s: float = 0.06
    window_s: float = 0.1


@dataclass(frozen=True)
class Event:
    """A foot comes to the floor or leaves it.

    Args:
        time: seconds, half way between the frames before and after.
        frame: the first frame after it.
        side: "left" or "right".
        kind: "foot_strike" or "foot_off".
        point: which point touched first or left last: "heel", "toe", "ankle".
        at: [3] metres, world: where that point was.
    """

    time: float
    frame: int
    side: str
    kind: str
    point: str
    at: tuple[float, float, float]


def foot_contacts(
    xyz: Array, skeleton: Skeleton, time: Array, *, config: ContactConfig | None = None
) -> dict[str, dict[str, State]]:
    """Whether each foot, and each of its points, stands on the floor.

    Args:
        xyz: [T, J, 3] metres, world, Z up.
        skeleton: the joint set.
        time: [T] seconds, increasing.
        config: what counts as standing.

    Returns:
        {"left": {"foot": [T], "heel": [T], "toe": [T]}, "right": …}: 1 stands, 0 does not, -1 not known. A set
        without toes has "ankle" in the place of both.
    """
    config = config or ContactConfig()
    points = Points(xyz, skeleton)
    found = {}
    for side in SIDES:
        names = [name for name in ("heel", "toe") if points.has(side + name)] or ["ankle"]
        states = {name: _standing(points[side + name], time, config) for name in names}
        every = np.stack(list(states.values()))
        foot = np.where((every == FLOOR).any(0), FLOOR, np.where((every == UNKNOWN).any(0), UNKNOWN, AIR))
        found[side[:-1]] = {"foot": _settled(foot.astype(np.int8), time, config.shortest_s), **states}
    return found


def gait_events(
    contacts: dict[str, dict[str, State]], xyz: Array, skeleton: Skeleton, time: Array
) -> tuple[Event, ...]:
    """Foot strikes and foot offs in order of time; a contact whose beginning was not seen has none.

    Args:
        contacts: of :func:`foot_contacts`.
        xyz: [T, J, 3] metres, world.
        skeleton: the joint set.
        time: [T] seconds.
    """
    points = Points(xyz, skeleton)
    events = []
    for side, states in contacts.items():
        foot = states["foot"].astype(int)
        parts = {name: state for name, state in states.items() if name != "foot"}
        for frame in np.flatnonzero((foot[1:] != foot[:-1]) & (foot[1:] >= 0) & (foot[:-1] >= 0)) + 1:
            strike = foot[frame] == FLOOR
            standing = frame if strike else frame - 1
            point = next((name for name, state in parts.items() if state[standing] == FLOOR), next(iter(parts)))
            if not strike:
                point = next((name for name in reversed(parts) if parts[name][standing] == FLOOR), point)
            x, y, z = points[f"{side}_{point}"][standing].tolist()
            moment = float((time[frame] + time[frame - 1]) / 2)
            events.append(Event(moment, int(frame), side, "foot_strike" if strike else "foot_off", point, (x, y, z)))
    return tuple(sorted(events, key=lambda event: event.time))


def _standing(point: Array, time: Array, config: ContactConfig) -> State:
    """One point's state: slow and low, with hysteresis in the speed."""
    speed = np.linalg.norm(velocity(point, time, window_s=config.window_s), axis=-1)
    known = np.isfinite(speed)
    if not known.any():
        return np.full(len(point), UNKNOWN, np.int8)
    still = known & (speed < config.slow)
    heights = point[:, 2]
    floor = np.quantile(heights[still if still.any() else known], 0.1)
    low = heights < floor + config.height
    may_begin, may_stay = still & low, known & low & (speed < config.fast)
    return np.where(known, _hysteresis(may_begin, may_stay), UNKNOWN).astype(np.int8)


def _hysteresis(begin: NDArray[np.bool_], stay: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Runs of ``stay`` that hold a ``begin``."""
    run = np.cumsum(np.diff(stay, prepend=False) & stay)  # the number of the run that a frame of `stay` belongs to
    started = np.zeros(int(run[-1]) + 1 if len(run) else 1, bool)
    started[run[begin & stay]] = True
    return np.asarray(stay & started[run])


def _settled(state: State, time: Array, shortest_s: float) -> State:
    """Breaks in a contact, then contacts, that are too short to be real, taken away; what touches an edge stays."""
    step = float(np.median(np.diff(time))) if len(time) > 1 else 1.0
    state = state.copy()
    for value, other in ((AIR, FLOOR), (FLOOR, AIR)):
        edges = np.flatnonzero(np.diff(state)) + 1
        for start, end in pairwise(edges):
            brief = (end - start) * step < shortest_s
            if brief and state[start] == value and state[start - 1] == other and state[end] == other:
                state[start:end] = other
    return state
