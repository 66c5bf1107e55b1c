"""Whether a lens from elsewhere agrees with one that was fitted to pictures of a board."""

from __future__ import annotations

from dataclasses import dataclass

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
