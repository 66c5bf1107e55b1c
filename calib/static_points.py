"""Points of the scene that stay where they are, clicked in the pictures, as a part of a calibration by people.

People show the rig's shape alone. Points whose places are known also tell where that shape lies in the world; others
that several cameras see help with the shape. Clicks are fitted together with the people: points of unknown place are
solved for at every step and leave equations in the cameras alone (variable projection).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .body_observations import CAMERA_PARAMETERS, BodyState, BodyViews, IdealViews, residuals, undo_lenses
from .body_problem import BEHIND, MEDIAN_T, robust_loss
from .distortion import Array
from .errors import CalibrationError, InputError
from .rig import Rig
from .scene import ON_LINE
from .triangulation import triangulate_linear

LEAST_KNOWN = 3
"""Points of known place, not on one line, that hold a world."""

OTHER_WORLD = 0.25
"""Of the cameras' distance: known points farther from where the calibration has them speak of other axes or units."""

CLICK_PX = 2.0
"""What clicks are taken to be good for before they tell, and how many clicks' worth that belief is."""
BELIEF = 10

LEAST_PX = 1.0
STEPS = 30

SUSPECT, SUSPECT_PX = 4.0, 5.0
"""A click that is off by so many widths of the noise, and pixels, is worth another look."""


@dataclass(frozen=True, eq=False)
class StaticPoints:
    """Points that were clicked.

    Args:
        names: of N points.
        xy: [V, N, 2] pixels; NaN: not clicked.
        xyz: [N, 3] metres, world; NaN: not known.

    Raises:
        InputError: shapes disagree.
    """

    names: tuple[str, ...]
    xy: Array
    xyz: Array

    def __post_init__(self) -> None:
        N = len(self.names)
        if self.xy.ndim != 3 or self.xy.shape[1:] != (N, 2) or self.xyz.shape != (N, 3):
            raise InputError(
                f"{N} clicked points must be [V, {N}, 2] pixels and [{N}, 3] metres, got {list(self.xy.shape)} and "
                f"{list(self.xyz.shape)}"
            )

    @property
    def known(self) -> NDArray[np.bool_]:
        """[N] clicked, and of known place."""
        return np.asarray(np.isfinite(self.xyz).all(-1) & np.isfinite(self.xy).all(-1).any(0))

    def check_world(self, rig: Rig) -> None:
        """Refuse points that cannot hold the world that a calibration speaks of.

        Raises:
            CalibrationError: fewer than three known points are clicked, or all on one line.
            InputError: they lie far from where the calibration has them.
        """
        xyz = self.xyz[self.known]
        extents = np.linalg.svd(xyz - xyz.mean(0), compute_uv=False) if len(xyz) else np.zeros(3)
        if len(xyz) < LEAST_KNOWN or extents[1] < ON_LINE * extents[0]:
            line = " and lie on one line" if len(xyz) >= LEAST_KNOWN else ""
            raise CalibrationError(
                f"{len(xyz)} points of known place are clicked{line}; "
                f"{LEAST_KNOWN} or more that are not on one line are needed to hold the world"
            )
        seen = triangulate_linear(rig.undistort(self.xy), rig) - self.xyz
        off = np.linalg.norm(seen[np.isfinite(seen).all(-1)], axis=-1)
        reach = float(np.median(np.linalg.norm(rig.centers - xyz.mean(0), axis=1)))
        if len(off) and np.median(off) > OTHER_WORLD * reach:
            raise InputError(
                f"the known points lie {np.median(off):.1f} m (median) from where the calibration has them; their "
                "coordinates must be metres in the calibration's own world"
            )


@dataclass(frozen=True)
class BadClick:
    """A click that the other clicks and the people contradict.

    Args:
        camera: where it was made.
        point: on what.
        off_px: pixels.
    """

    camera: str
    point: str
    off_px: float


@dataclass(frozen=True, eq=False)
class ClickFit:
    """How clicks fit adjusted cameras.

    Args:
        error: [V, N] pixels, NaN where nothing was clicked.
        known: how many points of known place take part; others: how many of unknown place.
        sigma: pixels, the width of the clicks' noise.
        bad: clicks worth another look, the worst first.
        trust: how many of a person's joints one of their kind is worth, as they err alike; clicks count by themselves.
    """

    error: Array
    known: int
    others: int
    sigma: float
    bad: tuple[BadClick, ...]
    trust: float


class StaticTerms:
    """The clicks' share in the adjustment of cameras.

    Args:
        points: what was clicked.
        rig: the cameras at the start.
    """

    def __init__(self, points: StaticPoints, rig: Rig) -> None:
        self.points = points
        self.views = BodyViews(points.xy[None])
        self.ideal: IdealViews = undo_lenses(self.views, rig)
        self.known = points.known
        xyz = triangulate_linear(rig.undistort(points.xy), rig)
        self.X = np.where(self.known[:, None], points.xyz, xyz)
        self.used: NDArray[np.bool_] = np.asarray(np.isfinite(self.X).all(-1))
        self.sigma, self.trust = CLICK_PX, 1.0

    def terms(self, state: BodyState) -> tuple[Array, Array, float]:
        """H [9V, 9V], g [9V] and the cost at a state, points solved for."""
        self._solve(state)
        res = residuals(self.ideal, self._at(state), derive=True)
        assert res.J_camera is not None
        assert res.J_point is not None
        e, A, B = res.e[0], res.J_camera[0], res.J_point[0]
        information, cost = self._weigh(e, res.valid[0])
        V, n = len(e), len(e) * CAMERA_PARAMETERS
        H, g = np.zeros((n, n)), np.zeros(n)
        weighted = A * information[..., None, None]
        for v in range(V):
            own = slice(v * CAMERA_PARAMETERS, (v + 1) * CAMERA_PARAMETERS)
            H[own, own] = np.einsum("nab,nac->bc", weighted[v], A[v])
            g[own] = np.einsum("nab,na->b", weighted[v], e[v])
        C, b = self._of_points(e, B, information)
        D = np.einsum("vnab,vnac->nbvc", B, weighted).reshape(-1, 3, n)[self._free]
        H -= np.einsum("nbg,nbh->gh", D, np.linalg.solve(C, D))
        g -= np.einsum("nbg,nb->g", D, np.linalg.solve(C, b[..., None])[..., 0])
        return H * self.trust, g * self.trust, cost * self.trust

    def spread(self, state: BodyState) -> Array:
        """[9V, 9V] of the clicks' gradient, as clicks err one by one."""
        return self.terms(state)[0] * self.trust

    def learn(self, state: BodyState, trust: float) -> None:
        """Take the width of the clicks' noise from their residuals."""
        self._solve(state)
        res = residuals(self.ideal, self._at(state))
        r2 = (res.e[0] ** 2).sum(-1)[res.valid[0] & self.used]
        numbers = 2 * len(r2) - 3 * int(self._free.sum()) - 6
        told = float(np.median(r2)) * 2 * len(r2) / numbers / MEDIAN_T if numbers > 0 else 0.0
        count = max(numbers, 0) / 2
        self.sigma = max(float(np.sqrt((told * count + CLICK_PX**2 * BELIEF) / (count + BELIEF))), LEAST_PX)
        self.trust = max(trust, 1.0)

    def fit(self, state: BodyState, names: tuple[str, ...]) -> ClickFit:
        """What is left at the end."""
        self._solve(state)
        res = residuals(self.ideal, self._at(state))
        error = np.where(res.valid[0] & self.used, np.linalg.norm(res.e[0], axis=-1), np.nan)
        limit = max(SUSPECT * self.sigma, SUSPECT_PX)
        bad = [
            BadClick(names[v], self.points.names[n], float(error[v, n])) for v, n in np.argwhere(error > limit).tolist()
        ]
        bad.sort(key=lambda click: -click.off_px)
        return ClickFit(error, int(self.known.sum()), int(self._free.sum()), self.sigma, tuple(bad), self.trust)

    @property
    def _free(self) -> NDArray[np.bool_]:
        """[N] points to solve for."""
        return np.asarray(self.used & ~self.known)

    def _at(self, state: BodyState) -> BodyState:
        """The cameras of a state and these points."""
        return replace(state, X=np.where(self.used[:, None], self.X, np.nan)[None])

    def _weigh(self, e: Array, valid: NDArray[np.bool_]) -> tuple[Array, float]:
        """Student's t: information [V, N] of each click, and the cost."""
        weight, loss = robust_loss(np.where(valid, (e**2).sum(-1) / self.sigma**2, BEHIND))
        clicked = self.ideal.seen[0] & self.used
        return valid * clicked * weight / self.sigma**2, float(loss[clicked].sum())

    def _of_points(self, e: Array, B: Array, information: Array) -> tuple[Array, Array]:
        """[M, 3, 3] and [M, 3]: normal equations of the points to solve for."""
        C = np.einsum("vnab,vnac,vn->nbc", B, B, information)[self._free]
        return C + 1e-9 * np.eye(3), np.einsum("vnab,vna,vn->nb", B, e, information)[self._free]

    def _solve(self, state: BodyState) -> None:
        """Move the points of unknown place to where their clicks agree best."""
        if not self._free.any():
            return
        for _ in range(STEPS):
            res = residuals(self.ideal, self._at(state), derive=True)
            assert res.J_point is not None
            information, _ = self._weigh(res.e[0], res.valid[0])
            C, b = self._of_points(res.e[0], res.J_point[0], information)
            step = np.linalg.solve(C, b[..., None])[..., 0]
            self.X[self._free] -= step
            if np.abs(step).max(initial=0.0) < 1e-7:
                break
