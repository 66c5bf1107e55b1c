"""Clocks of cameras from the motion of the people before them: constant offsets and drift, to a fraction of a frame.

First every pair of views is compared over whole frames of shift (distance from epipolar lines, robust); then offsets,
drifts and camera poses are adjusted together, since a camera that stands wrong looks like one that is late. The image
velocity turns a delay into pixels: what does not move says nothing, and the result says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .body_adjustment import START_SIGMA, Adjustment, Prior, adjust
from .body_observations import BodyState, BodyViews, PairList, residuals, undo_lenses
from .distortion import Array
from .errors import InputError
from .rig import Rig
from .tracks import Track
from .view_pairs import epipolar_error

Progress = Callable[[str, int, int], None]

ROUNDS = 8
SETTLED = 0.02
"""Frames: when no camera's clock moves by more, it is done."""

DRIFT_SD = 2e-4
"""Clock drift, frames a frame: cameras' quartzes differ by some 50 ppm, phones' by up to 200."""

DELAY_SD = 3.0
UNSURE_FRAMES = 0.5
"""An offset that is less sure than this (one sigma) is none."""

CLEAR_CONTRAST = 0.03
"""By how much the best shift must beat the next one that is no neighbour of it, as a share of the loss."""


@dataclass(frozen=True)
class Clock:
    """One camera's clock: capture frame = rate · (1 + drift) · its own frame + offset.

    Args:
        name: the camera.
        offset: capture frames.
        sigma: frames, one standard deviation of the offset in the middle of the capture.
        drift_ppm: parts in a million by which its frames are longer.
        drift_sigma_ppm: its standard deviation.
        coherence: the share of the image motion that the other views confirm, 0 (noise) to 1.
        contrast: how much better the best whole shift fits than the next that is no neighbour.
        sure: whether the offset can be used.
        reason: why not; "" if it can.
    """

    name: str
    offset: float
    sigma: float
    drift_ppm: float
    drift_sigma_ppm: float
    coherence: float
    contrast: float
    sure: bool
    reason: str


@dataclass(frozen=True, eq=False)
class Synchronisation:
    """Clocks of all cameras; the first camera's is the capture's.

    Args:
        clocks: one a camera.
        adjustment: cameras and noise that were found with them.
    """

    clocks: tuple[Clock, ...]
    adjustment: Adjustment

    @property
    def sure(self) -> bool:
        """Whether all offsets can be used."""
        return all(clock.sure for clock in self.clocks)


@dataclass(frozen=True, eq=False)
class SyncSettings:
    """What can be set.

    Args:
        reach: frames to either side that are searched.
        drift: whether clocks may run at different speeds.
        poses: whether cameras may stand other than the calibration says.
        bones: pairs of joints whose distance stays.
        symmetric: pairs of positions in ``bones``.
        moments: how many are compared, evenly spread over what the cameras share.
    """

    reach: int = 60
    drift: bool = True
    poses: bool = True
    bones: PairList = ()
    symmetric: PairList = ()
    moments: int = 240


def synchronise(
    tracks: Sequence[Track], rig: Rig, settings: SyncSettings | None = None, *, progress: Progress | None = None
) -> Synchronisation:
    """Find the clocks.

    Args:
        tracks: V, what each camera saw of the same person.
        rig: the V cameras; roughly right is enough.
        settings: None: the defaults.
        progress: called with (stage, done, total).

    Raises:
        InputError: the tracks are not as many as the cameras, or share too little.
    """
    settings = settings or SyncSettings()
    if len(tracks) != len(rig):
        raise InputError(f"there are {len(tracks)} tracks but the rig has {len(rig)} cameras")
    if len(rig) < 2:
        raise InputError("synchronising needs at least two cameras, got 1")
    offset, contrast = whole_shifts(tracks, rig, settings, progress=progress)
    drift = np.zeros(len(rig))
    times = _times(tracks, offset, settings.moments)
    middle = (times[0] + times[-1]) / 2
    cameras = rig
    for k in range(ROUNDS):
        views = sample(tracks, times, offset, drift, settings)
        found = adjust(views, cameras, _prior(len(rig), settings, k), rounds=2 if k < ROUNDS - 1 else 3)
        step = found.delay - found.delay[0]
        offset, drift = offset + np.clip(step, -4, 4), drift + (found.drift - found.drift[0])
        cameras = found.rig
        if progress:
            progress("setting clocks", k + 1, ROUNDS)
        if k > (2 if settings.drift else 0) and np.abs(step).max() < SETTLED:
            break
    views = sample(tracks, times, offset, drift, settings)
    coherence = motion_coherence(views, found)
    clocks = tuple(
        _clock(rig.names[v], v, (offset - drift * middle, drift), found, (coherence[v], contrast[v]))
        for v in range(len(rig))
    )
    return Synchronisation(clocks, found)


def whole_shifts(
    tracks: Sequence[Track], rig: Rig, settings: SyncSettings, *, progress: Progress | None = None
) -> tuple[Array, Array]:
    """Offsets [V] in whole frames against the first camera, and the contrast [V] of each choice."""
    V, reach = len(tracks), settings.reach
    table = np.full((V, V, 2 * reach + 1), np.nan)
    pairs = [(i, j) for i in range(V) for j in range(i + 1, V)]
    for k, (i, j) in enumerate(pairs):
        table[i, j] = _shift_costs(tracks, rig, (i, j), settings)
        table[j, i] = table[i, j][::-1]
        if progress:
            progress("comparing views over time", k + 1, len(pairs))
    offset = np.zeros(V, int)
    placed = [0]
    while len(placed) < V:
        curves = {v: _curve(table, v, placed, offset) for v in range(V) if v not in placed}
        v = max(curves, key=lambda v: np.nan_to_num(_contrast(curves[v]), nan=-1.0))
        offset[v] = _best(curves[v], reach)
        placed.append(v)
    for _ in range(3):
        for v in range(1, V):
            offset[v] = _best(_curve(table, v, [u for u in range(V) if u != v], offset), reach)
    others = [[u for u in range(V) if u != v] for v in range(V)]
    contrast = np.array([_contrast(_curve(table, v, others[v], offset)) for v in range(V)])
    return offset.astype(np.float64), contrast


def _shift_costs(tracks: Sequence[Track], rig: Rig, pair: tuple[int, int], settings: SyncSettings) -> Array:
    """Loss [2 reach + 1] of the second view's offset against the first's, mean over the joints both see."""
    (i, j), reach = pair, settings.reach
    (a0, a1), (b0, b1) = tracks[i].span(0), tracks[j].span(0)
    two = Rig((rig[i], rig[j]))
    costs = np.full(2 * reach + 1, np.nan)
    focal_sigma = START_SIGMA * float(np.mean([max(camera.size) for camera in two]))
    for k, shift in enumerate(range(-reach, reach + 1)):
        first, last = max(a0, b0 + shift), min(a1, b1 + shift)
        if last - first < max(8, 0.3 * min(a1 - a0, b1 - b0)):
            continue
        times = np.linspace(first, last, min(settings.moments, int(last - first) + 1))
        seen = [tracks[i].at(times, np.zeros(len(times))), tracks[j].at(times, np.full(len(times), float(shift)))]
        views = BodyViews(np.stack([s[0] for s in seen], axis=1), np.stack([s[1] for s in seen], axis=1))
        error = epipolar_error(undo_lenses(views, two), two, (0, 1))
        error = error[np.isfinite(error)]
        if len(error) >= 30:
            costs[k] = float(np.log1p((error / focal_sigma) ** 2).mean())
    return costs


def _curve(table: Array, v: int, others: list[int], offset: Array) -> Array:
    """Loss of a camera's offset, all others' being what they are."""
    reach = table.shape[2] // 2
    shifts = np.arange(-reach, reach + 1)
    rows = []
    for u in others:
        place = shifts - offset[u] + reach
        inside = (place >= 0) & (place <= 2 * reach)
        rows.append(np.where(inside, table[u, v][np.clip(place, 0, 2 * reach)], np.nan))
    known = np.isfinite(rows).sum(0)
    total = np.where(np.isfinite(rows), rows, 0.0).sum(0)
    return np.where(known >= max(1, len(others) // 2), total / np.maximum(known, 1), np.nan)


def _best(curve: Array, reach: int) -> int:
    """The shift of least loss; 0 where nothing is known."""
    return int(np.nanargmin(curve)) - reach if np.isfinite(curve).any() else 0


def _contrast(curve: Array) -> float:
    """How much worse the next valley is, as a share of its loss; NaN without one."""
    if not np.isfinite(curve).any():
        return float("nan")
    best = int(np.nanargmin(curve))
    padded = np.concatenate([[np.inf], np.where(np.isfinite(curve), curve, np.inf), [np.inf]])
    valleys = [
        k for k in range(len(curve))
        if abs(k - best) > 2 and np.isfinite(curve[k]) and padded[k + 1] <= min(padded[k], padded[k + 2])
    ]  # fmt: skip
    rival = min((curve[k] for k in valleys), default=float(np.nanmax(curve)))
    return float(1 - curve[best] / rival) if rival > 0 else 0.0


def _times(tracks: Sequence[Track], offset: Array, moments: int) -> Array:
    """Moments in whole capture frames that most cameras saw."""
    spans = np.array([track.span(float(o)) for track, o in zip(tracks, offset, strict=True)])
    first, last = float(np.sort(spans[:, 0])[-1]), float(np.sort(spans[:, 1])[0])
    if last - first < 8:
        raise InputError("the cameras share fewer than 8 frames at the offsets that fit best; film longer together")
    return np.unique(np.round(np.linspace(first, last, min(moments, int(last - first) + 1))))


def sample(tracks: Sequence[Track], times: Array, offset: Array, drift: Array, settings: SyncSettings) -> BodyViews:
    """What all cameras saw at some moments, by clocks (offsets hold in the middle of the moments)."""
    phase = times - (times[0] + times[-1]) / 2
    seen = [track.at(times, offset[v] + drift[v] * phase) for v, track in enumerate(tracks)]
    xy, confidence, velocity = (np.stack(part, axis=1) for part in zip(*seen, strict=True))
    return BodyViews(xy, confidence, settings.bones, settings.symmetric, velocity=velocity, time=times)


def _prior(n: int, settings: SyncSettings, k: int) -> Prior:
    """Poses and clocks as loose as asked for, the first camera's clock fixed; drifts come after offsets."""
    delay = np.full(n, DELAY_SD)
    drift = np.full(n, DRIFT_SD if settings.drift and k > 1 else 0.0)
    delay[0] = drift[0] = 0.0
    rotation, center = (np.radians(2.0), 0.1) if settings.poses else (0.0, 0.0)
    return Prior(np.full(n, rotation), np.full(n, center), np.zeros(n), delay, drift)


def motion_coherence(views: BodyViews, found: Adjustment) -> Array:
    """The share [V] of each view's image motion that the motion in the other views predicts.

    Noise in one view is unknown to the others: the product of what a view saw move and what the others say moved is
    real motion only, however noisy the velocities are. With two cameras, where one other view cannot tell all of the
    motion, what it cannot tell is taken as predicted by half.
    """
    ideal = undo_lenses(views, found.rig)
    res = residuals(ideal, BodyState.of_rig(found.rig, found.X, np.zeros(0)), derive=True)
    assert res.J_point is not None
    motion = (ideal.scale @ ideal.velocity[..., None])[..., 0]  # [T, V, J, 2] px a frame
    use = res.valid & (np.abs(motion).sum(-1) > 0)
    J = res.J_point * use[..., None, None]
    H = np.einsum("tvjab,tvjac->tvjbc", J, J)
    g = np.einsum("tvjab,tvja->tvjb", J, motion)
    out = np.zeros(use.shape[1])
    for v in range(use.shape[1]):
        others = [u for u in range(use.shape[1]) if u != v]
        H_o, g_o = H[:, others].sum(1), g[:, others].sum(1)
        damping = 1e-3 * np.trace(H_o, axis1=-2, axis2=-1)[..., None, None] * np.eye(3) + 1e-9 * np.eye(3)
        predicted = np.einsum("tjab,tjb->tja", J[:, v], np.linalg.solve(H_o + damping, g_o[..., None])[..., 0])
        counted = use[:, v] & (use[:, others].sum(1) >= min(2, len(others)))
        power = (motion[:, v] ** 2).sum(-1)[counted]
        both = (motion[:, v] * predicted).sum(-1)[counted]
        limit = 9 * np.median(power) if len(power) else 0.0
        keep = power <= max(limit, 1e-12)  # wild velocities of single joints are no motion
        out[v] = both[keep].sum() / max(power[keep].sum(), 1e-12)
    return np.clip(out, 0.0, 1.0)


def _clock(name: str, v: int, clock: tuple[Array, Array], found: Adjustment, quality: tuple[float, float]) -> Clock:
    """One camera's clock and whether it can be used."""
    coherence, contrast = float(quality[0]), float(quality[1])
    sd = found.deviation[v]
    # Noise among the velocities pretends to be information: only the confirmed share of their power counts.
    inflate = 1 / np.sqrt(max(coherence, 1e-4))
    sigma, drift_sigma = float(sd[7] * inflate), float(sd[8] * inflate)
    reason = ""
    if v > 0:
        if coherence < 0.1:
            reason = "nobody moves: the image motion is no more than noise"
        elif sigma > UNSURE_FRAMES:
            reason = f"too little motion: the offset is sure to {sigma:.1f} frames only"
        elif np.isfinite(contrast) and contrast < CLEAR_CONTRAST:
            reason = "another offset fits about as well (a motion that repeats itself, or hardly any)"
    offset, drift = clock
    return Clock(
        name,
        float(offset[v]),
        sigma if v else 0.0,
        float(1e6 * drift[v]),
        1e6 * drift_sigma if v else 0.0,
        coherence,
        contrast,
        not reason,
        reason,
    )
