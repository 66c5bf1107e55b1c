"""The parameters of a lens by name, and which of them a set of board pictures can tell."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .camera import Camera
from .distortion import Array, LensModel
from .errors import InputError

PINHOLE = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
FISHEYE = ("k1", "k2", "k3", "k4")
MAX_COEFFICIENTS = 8

# A parameter whose standard deviation exceeds this is not known better than by a guess. Lengths are parts of the
# picture's larger side; the coefficients' limits are the values that ordinary lenses reach.
FOCAL_LIMIT = 0.05  # of the focal length
CENTER_LIMIT = 0.025
ASPECT_LIMIT = 0.01
COEFFICIENT_LIMITS = {"k1": 0.2, "k2": 0.3, "p1": 0.01, "p2": 0.01, "k3": 0.3, "k4": 0.5, "k5": 0.5, "k6": 0.5}
# The order in which to give parameters up: the higher ones stand in for the lower, not the other way round.
LEAST_FIRST = ("k6", "k5", "k4", "k3", "p2", "p1", "k2", "k1", "fy", "cx", "cy")


@dataclass(frozen=True)
class LensShape:
    """Which lens to fit.

    Args:
        model: "pinhole" or "fisheye".
        coefficients: how many distortion coefficients may differ from zero. Pinhole: 0; 1 (k1); 2 (k1, k2); 3 (k1,
            k2, k3); 4 (k1, k2, p1, p2); 5 (those and k3); 6, 7, 8 (rational: k4, k5, k6). A fisheye: 0 to 4.

    Raises:
        InputError: another model, or more coefficients than it has.
    """

    model: LensModel = "pinhole"
    coefficients: int = 5

    def __post_init__(self) -> None:
        most = {"pinhole": MAX_COEFFICIENTS, "fisheye": 4}.get(self.model)
        if most is None:
            raise InputError(f"the lens must be pinhole or fisheye, got {self.model!r}")
        if not 0 <= self.coefficients <= most:
            raise InputError(f"a {self.model} lens has 0 to {most} distortion coefficients, got {self.coefficients}")

    @property
    def length(self) -> int:
        """How many numbers the camera's ``dist`` holds."""
        if self.model == "fisheye":
            return 4
        return (0, 4, 4, 5, 4, 5, 8, 8, 8)[self.coefficients]

    @property
    def names(self) -> tuple[str, ...]:
        """fx, fy, cx, cy and every number of ``dist``."""
        return parameter_names(self.model, self.length)

    @property
    def free(self) -> frozenset[str]:
        """The parameters that may be fitted."""
        if self.model == "fisheye":
            chosen: Sequence[str] = FISHEYE[: self.coefficients]
        else:
            chosen = ("k1", "k2", "k3") if self.coefficients == 3 else PINHOLE[: self.coefficients]
        return frozenset(("fx", "fy", "cx", "cy", *chosen))


def parameter_names(model: LensModel, length: int) -> tuple[str, ...]:
    """fx, fy, cx, cy and the first ``length`` distortion coefficients."""
    return ("fx", "fy", "cx", "cy", *(FISHEYE if model == "fisheye" else PINHOLE)[:length])


def lens_basis(camera: Camera, free: Collection[str]) -> Array:
    """[4 + D, m]: the directions in which a lens may move; without "fy", both focal lengths move in proportion.

    Args:
        camera: the lens.
        free: names of the parameters that may move.
    """
    names = parameter_names(camera.model, len(camera.dist))
    columns = [np.eye(len(names))[i] for i, name in enumerate(names) if name in free]
    if "fx" in free and "fy" not in free:
        columns[0] = columns[0] + camera.focal[1] / camera.focal[0] * np.eye(len(names))[1]
    return np.array(columns).reshape(-1, len(names)).T


def undetermined(camera: Camera, covariance: Array, free: Collection[str]) -> dict[str, str]:
    """A parameter that the pictures do not tell, the most dispensable first: its name and the reason.

    Args:
        camera: the fitted lens.
        covariance: [4 + D, 4 + D] of fx, fy, cx, cy, dist.
        free: the names that were fitted.

    Returns:
        One entry; empty if every parameter is determined.
    """
    names = parameter_names(camera.model, len(camera.dist))
    sigma = np.sqrt(np.maximum(np.diag(covariance), 0))
    side = float(max(camera.size))
    excess: dict[str, tuple[float, str]] = {}
    for name, value in zip(names[4:], sigma[4:], strict=True):
        if name in free:
            limit = COEFFICIENT_LIMITS[name]
            excess[name] = (value / limit, f"uncertain by {value:.2g}, more than {limit:g}: fixed at 0")
    for i, name in ((2, "cx"), (3, "cy")):
        if name in free:
            limit = CENTER_LIMIT * side
            reason = f"uncertain by {sigma[i]:.0f} px, more than {limit:.0f}: fixed at the picture's middle"
            excess[name] = (sigma[i] / limit, reason)
    if "fy" in free:
        ratio = np.zeros(len(names))
        ratio[0], ratio[1] = 1 / camera.focal[0], -1 / camera.focal[1]
        aspect = float(np.sqrt(np.maximum(ratio @ covariance @ ratio, 0)))
        reason = f"fx / fy uncertain by {100 * aspect:.1f} %, more than {100 * ASPECT_LIMIT:g} %: square pixels assumed"
        excess["fy"] = (aspect / ASPECT_LIMIT, reason)
    found = next((name for name in LEAST_FIRST if name in excess and excess[name][0] > 1), None)
    return {} if found is None else {found: excess[found][1]}


def reset(camera: Camera, names: Collection[str]) -> Camera:
    """The camera with these parameters at the values they have when nothing is known."""
    K, dist = camera.K.copy(), camera.dist.copy()
    for i, name in enumerate(parameter_names(camera.model, len(dist))):
        if name not in names:
            continue
        if name in ("cx", "cy"):
            K[i - 2, 2] = (camera.size[i - 2] - 1) / 2
        elif name == "fy":
            K[1, 1] = K[0, 0]
        elif i >= 4:
            dist[i - 4] = 0.0
    return replace(camera, K=K, dist=dist)
