"""What may have happened to the keypoints of a camera, and how to undo it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from lift3d.calib import Rig
from lift3d.datasets import Keypoints

from .association import associate
from .point_solver import Array
from .triangulation import triangulate

Change = Callable[[Keypoints, Rig], tuple[Keypoints, Rig]]


@dataclass(frozen=True)
class Remedy:
    """A change under which a view agrees with the others.

    Args:
        cameras: whom it concerns.
        found: what seems to have happened, for the message.
        apply: makes the changed input.
    """

    cameras: tuple[str, ...]
    found: str
    apply: Change = field(repr=False, compare=False)


def remedies(keypoints: Keypoints, rig: Rig, suspects: set[str]) -> Iterator[Remedy]:
    """All that may have happened, the simplest first.

    Args:
        keypoints: detections of a few frames.
        rig: the cameras, in the views' order.
        suspects: the cameras that disagree. Exchanges are tried between all, since two exchanged cameras can make
            two sound ones look wrong.
    """
    names = rig.names
    for a in names:
        for b in names[names.index(a) + 1 :]:
            yield Remedy((a, b), f"{a} and {b} exchanged their keypoints", _exchange(a, b))
    for who in (names, *((name,) for name in names if name in suspects)):
        whose = f"{who[0]}'s keypoints" if len(who) == 1 else "all keypoints"
        for quarters in (1, 2, 3):
            text = f"{whose} were turned by {90 * quarters} degrees clockwise"
            yield Remedy(tuple(who), text, _turn(tuple(who), quarters))
        for factor in (2.0, 0.5):
            yield Remedy(tuple(who), f"{whose} were {factor:g} times as large", _scale(tuple(who), factor))
        if len(who) == 1:
            for unit, factor in (("millimetres", 0.001), ("metres, unlike the others", 1000.0)):
                yield Remedy(who, f"{who[0]}'s translation is read as {unit}", _rescale_pose(who[0], factor))
            shift = _likely_shift(keypoints, rig, who[0])
            if shift is not None:
                dx, dy = shift
                yield Remedy(who, f"{whose} were shifted by ({dx:+.0f}, {dy:+.0f}) px", _shift(who[0], dx, dy))


def _map_views(keypoints: Keypoints, names: tuple[str, ...], change: Callable[[Array, int], Array]) -> Keypoints:
    """Change the pixels of some views."""
    xy = keypoints.xy.copy()
    for name in names:
        v = keypoints.cameras.index(name)
        xy[:, v] = change(xy[:, v], v)
    return replace(keypoints, xy=xy)


def _exchange(a: str, b: str) -> Change:
    """Give two cameras each other's keypoints."""

    def apply(keypoints: Keypoints, rig: Rig) -> tuple[Keypoints, Rig]:
        order = list(range(len(rig)))
        i, j = rig.names.index(a), rig.names.index(b)
        order[i], order[j] = j, i
        return replace(keypoints, xy=keypoints.xy[:, order], confidence=keypoints.confidence[:, order]), rig

    return apply


def _turn(names: tuple[str, ...], quarters: int) -> Change:
    """Turn a picture clockwise into the size that the calibration speaks of."""

    def apply(keypoints: Keypoints, rig: Rig) -> tuple[Keypoints, Rig]:
        def change(xy: Array, v: int) -> Array:
            width, height = rig.cameras[v].size
            x, y = xy[..., 0], xy[..., 1]
            turned = {1: (width - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, height - 1 - x)}[quarters]
            return np.stack(turned, axis=-1)

        return _map_views(keypoints, names, change), rig

    return apply


def _scale(names: tuple[str, ...], factor: float) -> Change:
    """Resize a picture; pixel centres map by (x + 0.5) s - 0.5."""
    return lambda keypoints, rig: (_map_views(keypoints, names, lambda xy, v: (xy + 0.5) * factor - 0.5), rig)


def _shift(name: str, dx: float, dy: float) -> Change:
    """Move a view's keypoints."""
    return lambda keypoints, rig: (_map_views(keypoints, (name,), lambda xy, v: xy + np.array((dx, dy))), rig)


def _rescale_pose(name: str, factor: float) -> Change:
    """Read one camera's position in another unit."""

    def apply(keypoints: Keypoints, rig: Rig) -> tuple[Keypoints, Rig]:
        cameras = [camera.with_pose(camera.R, camera.t * factor) if camera.name == name else camera for camera in rig]
        return keypoints, Rig(tuple(cameras))

    return apply


def reorder(order: list[int], rig: Rig) -> Remedy:
    """Give camera k the keypoints of camera order[k]."""

    def apply(keypoints: Keypoints, rig: Rig) -> tuple[Keypoints, Rig]:
        return replace(keypoints, xy=keypoints.xy[:, order], confidence=keypoints.confidence[:, order]), rig

    moved = [(rig.names[k], rig.names[a]) for k, a in enumerate(order) if k != a]
    text = ", ".join(f"{camera} took the keypoints given to {source}" for camera, source in moved)
    return Remedy(tuple(camera for camera, _ in moved), text, apply)


def predicted_view(keypoints: Keypoints, rig: Rig, name: str) -> tuple[Array, Array] | None:
    """Where the other cameras say the person is in a view: pixels [T, J, 2], and the view's candidates [T, P, J, 2]."""
    others = [other for other in rig.names if other != name]
    if len(others) < 2:
        return None
    rest = keypoints.select_views(others)
    chosen = associate(rest, rig.select(others)).gather(rest)
    xyz = triangulate(chosen.xy, rig.select(others), chosen.confidence).xyz[:, 0]
    return rig[name].project(xyz), keypoints.xy[:, rig.names.index(name)]


def _likely_shift(keypoints: Keypoints, rig: Rig, name: str) -> tuple[float, float] | None:
    """The median offset from a view's closest candidate to where the others place the person."""
    predicted = predicted_view(keypoints, rig, name)
    if predicted is None:
        return None
    offset = predicted[0][:, None] - predicted[1]  # [T, P, J, 2]
    with np.errstate(invalid="ignore"):
        middle = _nanmedian(offset, axis=2)  # [T, P, 2]
        spread = _nanmedian(np.linalg.norm(offset - middle[:, :, None], axis=-1), axis=2)
    spread = np.where(np.isfinite(spread), spread, np.inf)
    best = middle[np.arange(len(middle)), spread.argmin(1)]
    best = best[np.isfinite(best).all(-1)]
    return (float(np.median(best[:, 0])), float(np.median(best[:, 1]))) if len(best) >= 3 else None


def _nanmedian(value: Array, axis: int) -> Array:
    """Median of the finite values, NaN where there are none, without a warning."""
    return np.asarray(np.ma.median(np.ma.masked_invalid(value), axis=axis).filled(np.nan))
