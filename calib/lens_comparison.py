"""Whether a lens from elsewhere agrees with one that was fitted to pictures of a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .camera import Camera
from .errors import CalibrationError
from .intrinsics import Intrinsics, lens_values

CONTRADICTED = 4.0  # standard deviations


@dataclass(frozen=True)
class LensDifference:
    """One parameter in two calibrations.

    Args:
        parameter: fx, fy, cx or cy.
        theirs: pixels. ours: pixels. sigma: the standard deviation of ours.
        supported: whether the pictures allow their value.
    """

    parameter: str
    theirs: float
    ours: float
    sigma: float
    supported: bool

    @property
    def text(self) -> str:
        """For people."""
        verdict = "agrees with" if self.supported else "is not supported by"
        return (
            f"{self.parameter} {self.theirs:.1f} {verdict} the board pictures ({self.ours:.1f} +- {self.sigma:.1f}, "
            f"{abs(self.theirs - self.ours) / self.sigma:.1f} standard deviations)"
        )


def look_like_one(lenses: Sequence[Intrinsics]) -> bool:
    """Whether every two lenses agree in focal length and principal point within their error bars.

    Lenses of one make differ by more, as a rule; so the pictures may all be one camera's.

    Args:
        lenses: fitted to board pictures, one a camera; fewer than two never look like one.
    """
    pairs = list(combinations(lenses, 2))
    return bool(pairs) and all(_agree(a, b) for a, b in pairs)


def _agree(a: Intrinsics, b: Intrinsics) -> bool:
    """Whether fx, fy, cx, cy are equal within the error bars of both."""
    sigma = np.hypot(a.sigma[:4], b.sigma[:4])
    same = np.abs(a.values[:4] - b.values[:4]) <= CONTRADICTED * sigma
    return a.camera.size == b.camera.size and bool(same.all()) and bool((sigma < 0.01 * a.camera.focal[0]).all())


def compare_lens(intrinsics: Intrinsics, camera: Camera) -> list[LensDifference]:
    """Set a calibration's focal lengths and principal point against what board pictures say.

    Parameters that the pictures did not determine are left out.

    Args:
        intrinsics: fitted to board pictures.
        camera: from elsewhere.

    Raises:
        CalibrationError: the two speak of pictures of different sizes.
    """
    if camera.size != intrinsics.camera.size:
        raise CalibrationError(
            f"camera {camera.name}: the calibration speaks of {camera.size[0]}x{camera.size[1]} pictures, the "
            f"board's are {intrinsics.camera.size[0]}x{intrinsics.camera.size[1]}; compare those of one size"
        )
    theirs, ours = lens_values(camera), intrinsics.values
    differences = []
    for i, name in enumerate(("fx", "fy", "cx", "cy")):
        sigma = float(intrinsics.sigma[i])
        if sigma > 0 and np.isfinite(sigma):
            supported = bool(abs(theirs[i] - ours[i]) <= CONTRADICTED * sigma)
            differences.append(LensDifference(name, float(theirs[i]), float(ours[i]), sigma, supported))
    return differences
