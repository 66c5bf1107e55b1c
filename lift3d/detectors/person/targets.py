"""What the person detector's network is to say of a picture, how far it is from it, and its maps back into boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lift3d.detectors.detection import Array, Boxes

from .boxes import suppressed
from .network import STRIDE

SPREAD = 0.54 / 6
"""Of the bell around a person's middle over the box's size, as in Liu et al., AAAI 2020."""

JOINTS = 17
"""Of COCO's skeleton, which the training people are labelled in."""

BOX_WEIGHT = 5.0
"""Of the boxes' loss against the middles', as there."""


def make_targets(
    boxes: Sequence[Array], ignored: Sequence[Array], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The maps that pictures call for.

    Args:
        boxes: B times [P, 4] left, top, width, height of people, pixels.
        ignored: B times [Q, 4] of whom too little is seen to call it right or wrong.
        size: (width, height) of the pictures.

    Returns:
        heat [B, h, w]: bells around the middles, 1 at each middle's cell, -1 where nothing is asked;
        sides [B, 4, h, w]: left, top, right, bottom of the box that a cell belongs to, pixels;
        weight [B, h, w] of the box there.
    """
    w, h = size[0] // STRIDE, size[1] // STRIDE
    heat, weight = (np.zeros((len(boxes), h, w), np.float32) for _ in range(2))
    sides = np.zeros((len(boxes), 4, h, w), np.float32)
    for n, (people, others) in enumerate(zip(boxes, ignored, strict=True)):
        for box in others:
            heat[n][_bell(box, w, h)[0] > 0.05] = -1
        for box in people[np.argsort(-people[:, 2] * people[:, 3])]:  # the smaller ones last: they lie on top
            bell, (row, column) = _bell(box, w, h)
            heat[n] = np.maximum(heat[n], bell)
            heat[n, row, column] = 1
            inside = bell > 0.3
            inside[row, column] = True
            weight[n][inside] = bell[inside] / bell[inside].sum()
            sides[n][:, inside] = np.concatenate([box[:2], box[:2] + box[2:]])[:, None]
    return heat, sides, weight


def joint_targets(
    joints: Sequence[Array], boxes: Sequence[Array], ignored: Sequence[Array], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Maps of where joints are: while training they are asked for too, so that a person is known by the body.

    Args:
        joints: B times [P, J, 2] of people, pixels, NaN where not labelled.
        boxes: B times [P, 4] of the same.
        ignored: B times [Q, 4], see :func:`make_targets`.
        size: (width, height) of the pictures.

    Returns:
        [B, J, h, w]: bells around the joints, 1 at a joint's cell, -1 where nothing is asked.
    """
    w, h = size[0] // STRIDE, size[1] // STRIDE
    out = np.zeros((len(joints), JOINTS, h, w), np.float32)
    for heat, people, around, others in zip(out, joints, boxes, ignored, strict=True):
        for box in others:
            rows, columns = _cells(box, w, h)
            heat[:, rows, columns] = -1
        for xy, box in zip(people, around, strict=True):
            rows, columns = _cells(box, w, h)
            heat[~np.isfinite(xy).all(-1), rows, columns] = -1
        for xy, box in zip(people, around, strict=True):
            spread = max(0.05 * box[2:].max() / STRIDE, 0.6)
            middle = (xy + 0.5) / STRIDE - 0.5
            for joint in np.flatnonzero(np.isfinite(xy).all(-1)):
                column, row = np.round(middle[joint]).astype(int)
                if not (0 <= column < w and 0 <= row < h):
                    continue
                across = np.exp(-0.5 * ((np.arange(w) - middle[joint, 0]) / spread) ** 2)
                down = np.exp(-0.5 * ((np.arange(h) - middle[joint, 1]) / spread) ** 2)
                bell = np.maximum(heat[joint], down[:, None] * across)
                heat[joint] = np.where(heat[joint] < 0, -1, bell)
                heat[joint, row, column] = 1
    return out


def _cells(box: Array, w: int, h: int) -> tuple[slice, slice]:
    """Rows and columns of the maps in which a box lies."""
    low = np.maximum(np.floor((box[:2] + 0.5) / STRIDE), 0).astype(int)
    high = np.ceil((box[:2] + box[2:] + 0.5) / STRIDE).astype(int)
    return np.s_[low[1] : min(high[1], h)], np.s_[low[0] : min(high[0], w)]


def _bell(box: Array, w: int, h: int) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """A map with a bell around the middle of a box, and the cell where the middle is."""
    middle = (box[:2] + box[2:] / 2 + 0.5) / STRIDE - 0.5
    spread = np.maximum(box[2:] / STRIDE * SPREAD, 0.4)
    column, row = np.clip(np.round(middle), 0, (w - 1, h - 1)).astype(int)
    across = np.exp(-0.5 * ((np.arange(w) - column) / spread[0]) ** 2)
    down = np.exp(-0.5 * ((np.arange(h) - row) / spread[1]) ** 2)
    return (down[:, None] * across).astype(np.float32), (int(row), int(column))


def cell_middles(h: int, w: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """The x [w] and y [h] of the cells' middles, pixels of the picture."""
    x, y = (STRIDE * (torch.arange(count, device=device, dtype=torch.float32) + 0.5) - 0.5 for count in (w, h))
    return x, y


def person_loss(output: tuple[Tensor, Tensor], heat: Tensor, sides: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Loss of the middles and of the boxes, each for one person in the mean.

    Args:
        output: of the network.
        heat: [B, h, w], see :func:`make_targets`, as all that follows.
        sides: [B, 4, h, w]
        weight: [B, h, w]
    """
    logits, distances = output
    people = (heat == 1).sum().clamp(min=1)
    middles = heat_loss(logits, heat)
    x, y = cell_middles(logits.shape[1], logits.shape[2], device=logits.device)
    found = torch.stack(
        [x - distances[:, 0], y[:, None] - distances[:, 1], x + distances[:, 2], y[:, None] + distances[:, 3]], dim=1
    )
    boxes = (weight * (1 - _generalised_overlap(found, sides))).sum() / people
    return middles, BOX_WEIGHT * boxes


def heat_loss(logits: Tensor, heat: Tensor) -> Tensor:
    """Of maps of bells, for one bell in the mean: the focal loss of Zhou et al., Objects as Points, 2019.

    Args:
        logits: [...]
        heat: of the same shape, 1 at the middles, -1 where nothing is asked.
    """
    positive = functional.logsigmoid(logits) * torch.sigmoid(-logits).square()
    negative = functional.logsigmoid(-logits) * torch.sigmoid(logits).square() * (1 - heat).pow(4)
    total = torch.where(heat == 1, positive, torch.where(heat < 0, 0.0, negative)).sum()
    return -total / (heat == 1).sum().clamp(min=1)


def _generalised_overlap(one: Tensor, other: Tensor) -> Tensor:
    """Of boxes [B, 4, h, w] given by their sides, -1..1: Rezatofighi et al., CVPR 2019."""
    low, high = torch.maximum(one[:, :2], other[:, :2]), torch.minimum(one[:, 2:], other[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    areas = [(box[:, 2:] - box[:, :2]).prod(1) for box in (one, other)]
    union = (areas[0] + areas[1] - shared).clamp(min=1e-3)
    hull = (torch.maximum(one[:, 2:], other[:, 2:]) - torch.minimum(one[:, :2], other[:, :2])).prod(1).clamp(min=1e-3)
    return shared / union - (hull - union) / hull


def boxes_from_maps(output: tuple[Tensor, Tensor], *, least: float, most: int = 30) -> list[Boxes]:
    """People from the network's maps: cells that no neighbour surpasses.

    Args:
        output: of the network.
        least: score below which a cell is nobody.
        most: people a picture.

    Returns:
        B times the boxes in pixels of the network's picture, best first.
    """
    logits, distances = output
    score = torch.sigmoid(logits.float())
    peak = functional.max_pool2d(score[:, None], 3, 1, 1)[:, 0] == score
    kept = torch.where(peak, score, 0.0).flatten(1)  # [B, h * w]
    best, cell = kept.topk(min(most, kept.shape[1]), dim=1)
    x, y = cell_middles(logits.shape[1], logits.shape[2], device=logits.device)
    width = logits.shape[2]
    sides = distances.float().flatten(2).gather(2, cell[:, None].expand(-1, 4, -1))  # [B, 4, most]
    left, top = x[cell % width] - sides[:, 0], y[cell // width] - sides[:, 1]
    xywh = torch.stack([left, top, sides[:, 0] + sides[:, 2], sides[:, 1] + sides[:, 3]], dim=-1)
    out = []
    for scores, boxes in zip(best.cpu().numpy().astype(float), xywh.cpu().numpy().astype(float), strict=True):
        good = scores >= least
        out.append(suppressed(Boxes(boxes[good], scores[good])))
    return out
