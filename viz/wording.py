"""What is to be said about a frame: when it is, how good it is, what the colours mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.datasets import Poses
from lift3d.datasets.poses import Status

from .ellipsoids import SHARE
from .layers import Layer
from .palette import INK, INK_SOFT, RAMP, STATUS_COLORS, UNKNOWN, VERDICTS, paler
from .scene import Scene

Array = NDArray[np.float64]

MAX_NAMED = 6  # people, or results
QUANTITIES = {"sigma": "uncertainty", "residual": "reprojection error", "confidence": "confidence"}
FILLED = (Status.INTERPOLATED, Status.LIFTED)


@dataclass(frozen=True)
class Word:
    """A piece of text in one colour, with an optional chip of colour [3], or of several [N, 3], before it."""

    text: str
    color: Array
    chip: Array | None = None


def moment_words(poses: Poses, frame: int, title: str) -> list[Word]:
    """File, time and frame, which counts from 0 as `--frame` does."""
    total = len(poses.xyz)
    parts = [Word(title, INK)] if title else []
    return [*parts, Word(f"{poses.time[frame]:.2f} s", INK_SOFT), Word(f"frame {frame} of {total - 1}", INK_SOFT)]


def verdict_words(poses: Poses) -> list[Word]:
    """The verdict and its first reason."""
    level = str(poses.verdict.get("level", ""))
    if not level:
        return []
    reasons = [str(reason) for reason in poses.verdict.get("reasons", [])]
    words = [Word(level, VERDICTS.get(level, INK))]
    if reasons and level != "good":
        words.append(Word(reasons[0], INK_SOFT))
    return words


def status_line(poses: Poses, frame: int) -> str:
    """Verdict, first reason, and how many joints the frame has, for a window's lower edge."""
    present = int(np.isfinite(poses.xyz[frame]).all(-1).sum())
    filled = int(np.isin(poses.status[frame], FILLED).sum())
    words = [": ".join(word.text for word in verdict_words(poses))]
    words.append(f"{present} of {poses.xyz[frame, ..., 0].size} joints" + (f", {filled} filled in" if filled else ""))
    return "   ".join(word for word in words if word)


def legend_words(scene: Scene, frame: int, grid: float) -> list[Word]:
    """What the colours, ellipsoids, paths and the grid mean; only of what can be seen in the frame.

    Args:
        scene: what is drawn.
        frame: of the scene.
        grid: metres between the floor's lines; 0 for no floor.
    """
    shown = [(layer, int(layer.frames[frame])) for layer in scene.layers]
    shown = [(layer, own) for layer, own in shown if own >= 0 and _seen(layer.poses, own).any()]
    words: list[Word] = []
    for layer, own in shown[:1]:
        words += _colors(scene, layer, own)
    if not shown:
        words.append(Word("no joints in this frame", INK))
    elif scene.layers[0].ellipsoids is not None:
        words.append(Word(f"rings hold a joint with {100 * SHARE:.0f} %", INK_SOFT))
    if shown and scene.look.trails:
        words.append(Word(f"paths of {scene.look.trails:g} s", INK_SOFT))
    return [*words, Word(f"grid {grid:g} m", INK_SOFT)] if grid else words


def _colors(scene: Scene, layer: Layer, own: int) -> list[Word]:
    """What the colours mean, by the first result that is seen."""
    coloring, poses = layer.coloring, layer.poses
    seen = _seen(poses, own)
    if coloring.scale is not None:
        scale = coloring.scale
        ends = f"{scale.good:g} to {scale.bad:g} {scale.unit}".rstrip()
        words = [Word(f"{QUANTITIES[scale.name]} {ends}", INK_SOFT, RAMP)]
        unknown = bool((coloring.joints(own)[seen] == UNKNOWN).all(-1).any())
        return [*words, Word("not known", INK_SOFT, UNKNOWN)] if unknown else words
    if coloring.mode == "status":
        there = sorted(set(poses.status[own][seen].tolist()))
        return [Word(Status(status).name.lower(), INK_SOFT, STATUS_COLORS[status]) for status in there]
    people = np.flatnonzero(seen.any(-1))
    words = _who(scene, layer, people.tolist())
    shades = coloring.shades(int(people[0]))
    if any(joint.startswith("left_") for joint in poses.skeleton.joints):
        words += [Word("left", INK_SOFT, shades[0]), Word("right", INK_SOFT, shades[2])]
    filled = seen & np.isin(poses.status[own], FILLED)
    if filled.any():
        shade = coloring.shades(int(np.flatnonzero(filled.any(-1))[0]))[1]
        words.append(Word("filled in", INK_SOFT, paler(shade)))
    return words


def _who(scene: Scene, layer: Layer, people: list[int]) -> list[Word]:
    """Which colour is whom, or which result."""
    mode = layer.coloring.mode
    if mode == "file" and len(scene.layers) > 1:
        return [Word(each.name, INK_SOFT, each.coloring.shades(0)[1]) for each in scene.layers[:MAX_NAMED]]
    if mode == "person" and len(people) > 1 and len(scene.layers) == 1:
        return [Word(f"{person + 1}", INK_SOFT, layer.coloring.shades(person)[1]) for person in people[:MAX_NAMED]]
    return []


def _seen(poses: Poses, frame: int) -> NDArray[np.bool_]:
    """[P, J] whether a joint is there."""
    return np.asarray(np.isfinite(poses.xyz[frame]).all(-1))
