"""Heatmaps: the targets a network learns, the losses, and how joints are read from maps.

Convention:
    a map is [..., H, W]; its pixel (0, 0) is the centre of the first cell, x runs along W. A map of stride k belongs
    to a crop k times as large: crop = (heat + 0.5) * k - 0.5. Logits are what networks give; sigmoid makes a map.

Sources:
    Xiao, Wu, Wei, Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018 (Gaussian targets);
    Sun et al., Integral Human Pose Regression, ECCV 2018 (soft-argmax);
    Zhang et al., Distribution-Aware Coordinate Representation, CVPR 2020, equations 5 to 8 (DARK).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

RADIUS = 5
"""Half the width of the window of :func:`soft_argmax_window`, in cells: 11 x 11, 2.5 sigma of the targets."""

DECODINGS = ("window", "global", "dark", "argmax")

TOGETHER = 2.0
"""Cells below which the peaks of a left and a right joint are in one place: a sigma of the targets."""

SECOND = 0.6
"""How high a map's second peak must be, as a share of the first, to be believed where left and right are in one place;
docs/detector.md says how it was chosen."""


def to_crop(heat: Tensor, stride: float) -> Tensor:
    """From cells of a map to pixels of the crop."""
    return (heat + 0.5) * stride - 0.5


def to_heat(crop: Tensor, stride: float) -> Tensor:
    """From pixels of the crop to cells of a map."""
    return (crop + 0.5) / stride - 0.5


def gaussian_targets(xy: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Maps with a Gaussian of height one at each joint, exact to a fraction of a cell.

    Args:
        xy: [..., 2] cells; NaN makes an empty map.
        size: (width, height) of the maps, cells.
        sigma: of the Gaussian, cells.

    Returns:
        [..., H, W].
    """
    across = torch.arange(size[0], dtype=xy.dtype, device=xy.device)
    down = torch.arange(size[1], dtype=xy.dtype, device=xy.device)
    row = torch.exp(-0.5 * ((across - xy[..., :1]) / sigma) ** 2)  # [..., W]
    column = torch.exp(-0.5 * ((down - xy[..., 1:]) / sigma) ** 2)  # [..., H]
    return torch.nan_to_num(column[..., :, None] * row[..., None, :])


def heatmap_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Binary cross entropy, summed over a map and averaged over the maps that count.

    The sum is divided by the cells that a Gaussian covers, so that its size depends neither on the map's nor on how
    many joints are labelled.

    Args:
        logits: [B, J, H, W].
        target: [B, J, H, W] in 0..1.
        weight: [B, J], 0 where a joint is not labelled.
    """
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(2).sum(-1)  # [B, J]
    covered = target.flatten(2).sum(-1).mean().clamp(min=1.0)
    return (each * weight).sum() / (covered * weight.sum().clamp(min=1.0))


def coordinate_loss(logits: Tensor, xy: Tensor, weight: Tensor, *, beta: float = 1.0) -> Tensor:
    """L1 between the global soft-argmax and the truth, in widths and heights of the map.

    Args:
        logits: [B, J, H, W].
        xy: [B, J, 2] cells; NaN where the weight is 0.
        weight: [B, J].
        beta: see :func:`soft_argmax`.
    """
    size = torch.tensor(logits.shape[:1:-1], dtype=logits.dtype, device=logits.device)
    distance = ((soft_argmax(logits, beta=beta) - torch.nan_to_num(xy)) / size).abs().sum(-1)
    return (distance * weight).sum() / weight.sum().clamp(min=1.0)


def soft_argmax(logits: Tensor, *, beta: float = 1.0) -> Tensor:
    """The mean place under the softmax of a whole map.

    Biased towards the map's middle: whatever the background weighs pulls. docs/detector.md has the figures.

    Args:
        logits: [..., H, W].
        beta: what the logits are multiplied by; a larger one is less biased and nearer to the argmax.

    Returns:
        [..., 2] cells.
    """
    weight = torch.softmax(beta * logits.flatten(-2), -1).unflatten(-1, logits.shape[-2:])  # type: ignore[no-untyped-call]
    return _mean_place(weight)


def argmax(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The highest cell of each map.

    Args:
        maps: [..., H, W].

    Returns:
        [..., 2] cells, and the values there [...].
    """
    value, index = maps.flatten(-2).max(-1)
    width = maps.shape[-1]
    return torch.stack([index % width, index // width], -1).to(maps.dtype), value


def argmax_apart(maps: Tensor, pairs: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """The highest cell of each map, but of left and right in one place one goes to its second peak, if it has one.

    A network that sees two ankles and cannot tell which is which puts both names on the one that it sees better. The
    other ankle then is the second peak of both maps; the joint that loses less by it goes there. Should the names be
    exchanged by that, other views can tell, which they cannot where the other ankle is lost.

    Args:
        maps: [..., J, H, W] in 0..1.
        pairs: (left, right) joints.

    Returns:
        [..., J, 2] cells, and the values there [..., J].
    """
    peak, value = argmax(maps)
    if not len(pairs):
        return peak, value
    other, lower = _second_peak(maps, peak)
    left, right = ([pair[side] for pair in pairs] for side in (0, 1))
    together = torch.linalg.vector_norm(peak[..., left, :] - peak[..., right, :], dim=-1) < TOGETHER
    share = lower / value.clamp(min=1e-9)
    moves = torch.zeros_like(value, dtype=torch.bool)
    first = share[..., left] > share[..., right]
    moves[..., left] = together & first & (share[..., left] >= SECOND)
    moves[..., right] = together & ~first & (share[..., right] >= SECOND)
    return torch.where(moves[..., None], other, peak), torch.where(moves, lower, value)


def _second_peak(maps: Tensor, peak: Tensor) -> tuple[Tensor, Tensor]:
    """The highest cell [..., 2] that is a peak of its own, and its value [...]; 0 where there is none."""
    hill = functional.max_pool2d(maps.flatten(0, -3)[:, None], 3, 1, 1).reshape(maps.shape) == maps
    rows, columns = (torch.arange(size, device=maps.device) for size in maps.shape[-2:])
    beside = (columns - peak[..., :1]).abs() <= TOGETHER + 1  # [..., W]
    near = beside[..., None, :] & ((rows - peak[..., 1:]).abs() <= TOGETHER + 1)[..., None]
    return argmax(torch.where(hill & ~near, maps, torch.zeros_like(maps)))


def soft_argmax_window(logits: Tensor, *, radius: int = RADIUS, peak: Tensor | None = None) -> Tensor:
    """The mean place under the map itself, in a window about its highest cell.

    Args:
        logits: [..., H, W].
        radius: of the window, 2 radius + 1 cells wide; cells outside of the map weigh nothing.
        peak: [..., 2] the cells to take instead of the highest ones.

    Returns:
        [..., 2] cells.
    """
    peak = argmax(logits)[0] if peak is None else peak
    window = _around(torch.sigmoid(logits), peak, radius)
    # Near the map's edge the window is made narrower on both sides: half a hill has its mean beside its peak.
    last = torch.tensor(logits.shape[:-3:-1], device=logits.device) - 1
    room = torch.minimum(peak, last - peak)[..., None]  # [..., 2, 1]
    inside = (torch.arange(-radius, radius + 1, device=logits.device).abs() <= room).to(window.dtype)
    window = window * inside[..., 1, :, None] * inside[..., 0, None, :]
    return peak + _mean_place(window / window.sum((-2, -1), keepdim=True).clamp(min=1e-12)) - radius


def dark(logits: Tensor, *, peak: Tensor | None = None) -> Tensor:
    """The maximum of the parabola through the log of the map about its highest cell: exact for a Gaussian.

    Args:
        logits: [..., H, W], at least 3 x 3.
        peak: [..., 2] the cells to take instead of the highest ones.

    Returns:
        [..., 2] cells; the highest cell itself where the map is not a hill there, and near it anyway.
    """
    highest = argmax(logits)[0] if peak is None else peak
    last = torch.tensor(logits.shape[:-3:-1], device=logits.device, dtype=highest.dtype) - 1
    peak = highest.clamp(min=1).minimum(last - 1)  # at an edge the parabola is laid beside the cell
    w = _around(functional.logsigmoid(logits), peak, 1)  # [..., 3, 3]
    slope_x, slope_y = (w[..., 1, 2] - w[..., 1, 0]) / 2, (w[..., 2, 1] - w[..., 0, 1]) / 2
    xx = w[..., 1, 2] - 2 * w[..., 1, 1] + w[..., 1, 0]
    yy = w[..., 2, 1] - 2 * w[..., 1, 1] + w[..., 0, 1]
    xy = (w[..., 2, 2] - w[..., 0, 2] - w[..., 2, 0] + w[..., 0, 0]) / 4
    det = xx * yy - xy * xy
    hill = (det > 1e-9) & (xx < 0)
    safe = torch.where(hill, det, 1.0)
    step = torch.stack([xy * slope_y - yy * slope_x, xy * slope_x - xx * slope_y], -1) / safe[..., None]
    found = torch.where(hill[..., None], peak + step, highest)
    return highest + (found - highest).clamp(-1.0, 1.0)


def decode(logits: Tensor, how: str = "window", *, pairs: Sequence[tuple[int, int]] = ()) -> tuple[Tensor, Tensor]:
    """Joints from maps.

    Args:
        logits: [..., H, W]; with ``pairs`` [..., J, H, W].
        how: one of :data:`DECODINGS`.
        pairs: (left, right) joints that are not both to be found in one place, see :func:`argmax_apart`; without
            effect on "global", which asks for no peak.

    Returns:
        [..., 2] cells, and the height of each map's peak [...] in 0..1.
    """
    peak, value = argmax_apart(torch.sigmoid(logits), pairs) if len(pairs) else argmax(logits)
    readers: dict[str, Callable[[], Tensor]] = {
        "window": lambda: soft_argmax_window(logits, peak=peak),
        "global": lambda: soft_argmax(logits),
        "dark": lambda: dark(logits, peak=peak),
        "argmax": lambda: peak,
    }
    return readers[how](), value if len(pairs) else torch.sigmoid(value)


def mirror_maps(maps: Tensor, order: list[int]) -> Tensor:
    """The maps of a mirrored crop as maps of the crop: turned back, left and right joints exchanged.

    Args:
        maps: [B, J, H, W].
        order: J, the joint that each one is in the mirror.
    """
    return maps.flip(-1)[:, order]


def ideal_logits(xy: Tensor, size: tuple[int, int], sigma: float, *, floor: float = 0.01) -> Tensor:
    """What a network that had learnt its targets perfectly would give, down to a floor.

    Args:
        xy: [..., 2] cells.
        size: (width, height), cells.
        sigma: of the Gaussian, cells.
        floor: the least probability that it says, and one less the greatest.
    """
    return torch.logit(gaussian_targets(xy, size, sigma).clamp(floor, 1 - floor))


def bias(how: str, size: tuple[int, int] = (48, 64), *, sigma: float = 2.0, count: int = 2000) -> np.ndarray:
    """How far a decoding of ideal maps lies from the truth, at places all over the map.

    Args:
        how: one of :data:`DECODINGS`.
        size: (width, height), cells.
        sigma: of the Gaussian, cells.
        count: places, the same ones each time.

    Returns:
        [count] cells.
    """
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.uniform(0, np.array(size) - 1, (count, 2)))
    found = decode(ideal_logits(truth, size, sigma), how)[0]
    return torch.linalg.vector_norm(found - truth, dim=-1).numpy()


def _mean_place(weight: Tensor) -> Tensor:
    """The mean cell [..., 2] under weights [..., H, W] that sum to one."""
    across = torch.arange(weight.shape[-1], dtype=weight.dtype, device=weight.device)
    down = torch.arange(weight.shape[-2], dtype=weight.dtype, device=weight.device)
    return torch.stack([(weight.sum(-2) * across).sum(-1), (weight.sum(-1) * down).sum(-1)], -1)


def _around(maps: Tensor, peak: Tensor, radius: int) -> Tensor:
    """Windows [..., 2 radius + 1, 2 radius + 1] of the maps about cells; outside of a map 0."""
    lead, (high, wide) = maps.shape[:-2], maps.shape[-2:]
    padded = functional.pad(maps.reshape(1, -1, high, wide), (radius,) * 4).flatten(2)[0]  # [N, (H + 2r) (W + 2r)]
    offset = torch.arange(2 * radius + 1, device=maps.device)
    cell = peak.reshape(-1, 2).long()
    rows, columns = cell[:, 1:] + offset, cell[:, :1] + offset  # [N, 2r + 1] each
    index = rows[:, :, None] * (wide + 2 * radius) + columns[:, None, :]
    return padded.gather(1, index.flatten(1)).reshape(*lead, 2 * radius + 1, 2 * radius + 1)
