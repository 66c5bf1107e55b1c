"""Where the cameras stand, from nothing but their lenses and a person who moves through the volume.

Pairs of views give relative poses (essential matrix); they are chained along the tree of the pairs that know most of
each other, each link as long as the joints' depths say; bundle adjustment with bones that keep their length does the
rest. The result has the first camera's frame and no scale; :mod:`lift3d.calib.people_world` gives it floor and metres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .body_adjustment import START_SIGMA, Adjustment, Prior, adjust
from .body_observations import BodyViews, IdealViews, undo_lenses
from .distortion import Array
from .errors import CalibrationError
from .rig import Rig
from .view_pairs import RelativePose, relative_pose

Progress = Callable[[str, int, int], None]

START_BASELINE_M = 3.0
"""What the first link is taken to measure until something tells the scale; of the order of a room."""


@dataclass(frozen=True, eq=False)
class PeopleExtrinsics:
    """Cameras from a moving person.

    Args:
        adjustment: the cameras in the first camera's frame, of unknown scale, and what goes with them.
        tree: pairs of views, in the order in which cameras were joined.
        pairs: all pairs that have a relative pose.
    """

    adjustment: Adjustment
    tree: tuple[tuple[int, int], ...]
    pairs: tuple[RelativePose, ...]


def calibrate_from_person(
    views: BodyViews, rig: Rig, *, sigma: float | None = None, progress: Progress | None = None
) -> PeopleExtrinsics:
    """Find the cameras' poses from the 2D joints of one person.

    Args:
        views: the person, in all views.
        rig: the lenses; the poses in it do not count.
        sigma: pixels, the noise of a joint; None: a share of the picture's size.
        progress: called with (stage, done, total).

    Returns:
        The cameras. The first camera stands at the origin.

    Raises:
        CalibrationError: cameras that share too little with the rest (named).
        InputError: shapes disagree, or there is nothing to calibrate with.
    """
    V = len(rig)
    noise = sigma or START_SIGMA * float(np.mean([max(camera.size) for camera in rig]))
    ideal = undo_lenses(views, rig)
    order = [(i, j) for i in range(V) for j in range(i + 1, V)]
    pairs = []
    for k, pair in enumerate(order):
        found = relative_pose(ideal, rig, pair, noise)
        if found is not None:
            pairs.append(found)
        if progress:
            progress("comparing views", k + 1, len(order))
    tree = best_tree(pairs, rig)
    start = chain(tree, rig)
    placed = [tree[0].pair[0], tree[0].pair[1]]
    for link in tree[1:]:  # adjusting after every camera keeps an error from growing along the chain
        start = _adjust_placed(views, start, placed)
        start = _attach(link, start, placed, ideal)
        placed.append(next(v for v in link.pair if v not in placed))
    first, second = tree[0].pair
    fixed = np.full(V, np.inf)
    fixed[first] = 0.0
    zero = np.zeros(V)
    prior = Prior(fixed, fixed, zero, zero, zero, baseline=(first, second))
    done = adjust(views, start, prior, rounds=6, progress=progress)
    return PeopleExtrinsics(done, tuple(link.pair for link in tree), tuple(pairs))


def best_tree(pairs: list[RelativePose], rig: Rig) -> list[RelativePose]:
    """The spanning tree of strongest pairs, in the order in which it grows from the strongest of all (Prim).

    Raises:
        CalibrationError: it does not reach all cameras.
    """
    joined: set[int] = set()
    tree: list[RelativePose] = []
    while pairs:
        links = [p for p in pairs if not joined or len(joined & set(p.pair)) == 1]
        if not links:
            break
        tree.append(max(links, key=lambda p: p.strength))
        joined |= set(tree[-1].pair)
    lost = [rig.names[v] for v in range(len(rig)) if v not in joined]
    if lost:
        raise CalibrationError(
            f"{', '.join(lost)}: too few joints shared with the other cameras, or seen from the same "
            "side only: let the person walk where several cameras see them, or leave the camera out"
        )
    return tree


def chain(tree: list[RelativePose], rig: Rig) -> Rig:
    """The first link's two cameras in place, START_BASELINE_M apart; the others still at the origin."""
    (_, second), cameras = tree[0].pair, [c.with_pose(np.eye(3), np.zeros(3)) for c in rig]
    cameras[second] = cameras[second].with_pose(tree[0].R, tree[0].t * START_BASELINE_M)
    return Rig(tuple(cameras))


def _attach(link: RelativePose, rig: Rig, placed: list[int], ideal: IdealViews) -> Rig:
    """Put the link's new camera in place, as far off as the joints' depths in the old one say."""
    i, j = link.pair
    old, new = (i, j) if i in placed else (j, i)
    X = _points(ideal, rig, placed)
    x_old = X @ rig[old].R.T + rig[old].t
    R, t = link.R, link.t
    if old == i:
        ratio = x_old[..., 2] / link.depth
    else:  # depths stand in the new camera's frame: take them over into the old one
        xy = np.concatenate([ideal.xy[:, i], np.ones((*link.depth.shape, 1))], axis=-1)
        ratio = x_old[..., 2] / ((xy * link.depth[..., None]) @ R.T + t)[..., 2]
        R, t = R.T, -R.T @ t
    good = np.isfinite(ratio) & (ratio > 0)
    length = float(np.median(ratio[good])) if good.any() else START_BASELINE_M
    cameras = list(rig)
    cameras[new] = cameras[new].with_pose(R @ rig[old].R, R @ rig[old].t + t * length)
    return Rig(tuple(cameras))


def _points(ideal: IdealViews, rig: Rig, placed: list[int]) -> Array:
    """Joints [T, J, 3] from the cameras that stand."""
    from .body_adjustment import triangulate_robustly

    which = np.array(placed)
    part = IdealViews(
        ideal.xy[:, which], ideal.scale[:, which], ideal.velocity[:, which], ideal.seen[:, which], ideal.phase
    )
    return triangulate_robustly(part, Rig(tuple(rig[v] for v in placed)))


def _adjust_placed(views: BodyViews, rig: Rig, placed: list[int]) -> Rig:
    """Adjust the cameras that stand, on a sample of the frames."""
    T = len(views.xy)
    frames = np.linspace(0, T - 1, min(T, 100)).astype(int)
    part = Rig(tuple(rig[v] for v in placed))
    zero, fixed = np.zeros(len(placed)), np.full(len(placed), np.inf)
    fixed[0] = 0.0
    done = adjust(views.take(frames, placed), part, Prior(fixed, fixed, zero, zero, zero, baseline=(0, 1)), rounds=2)
    cameras = list(rig)
    for v, camera in zip(placed, done.rig, strict=True):
        cameras[v] = camera
    return Rig(tuple(cameras))
