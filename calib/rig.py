"""Several calibrated cameras in one world frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .camera import Camera
from .distortion import Array
from .errors import CalibrationError


@dataclass(frozen=True, eq=False)
class Rig:
    """Ordered cameras with unique names, all in one world frame (metres, Z up).

    Raises:
        CalibrationError: two cameras share a name.
    """

    cameras: tuple[Camera, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "cameras", tuple(self.cameras))
        names = self.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise CalibrationError(f"two cameras of the calibration are called {', '.join(twice)}; names must differ")

    @property
    def names(self) -> tuple[str, ...]:
        """Camera names, in order."""
        return tuple(camera.name for camera in self.cameras)

    @property
    def centers(self) -> Array:
        """Optical centres [V, 3] metres, world."""
        return np.array([camera.center for camera in self.cameras]).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self.cameras)

    def __iter__(self) -> Iterator[Camera]:
        return iter(self.cameras)

    def __getitem__(self, key: int | str) -> Camera:
        if isinstance(key, str):
            if key not in self.names:
                raise KeyError(f"no camera {key}; there are {', '.join(self.names)}")
            return self.cameras[self.names.index(key)]
        return self.cameras[key]

    def select(self, names: Sequence[str]) -> Rig:
        """The cameras of these names, in this order."""
        return Rig(tuple(self[name] for name in names))

    def project(self, xyz: Array) -> Array:
        """World points [..., 3] metres to pixels [V, ..., 2]; NaN behind a camera."""
        return np.stack([camera.project(xyz) for camera in self.cameras])

    def undistort(self, xy: Array) -> Array:
        """Pixels [V, ..., 2] to ideal coordinates on z = 1, [V, ..., 2]."""
        return np.stack([camera.undistort(view) for camera, view in zip(self.cameras, xy, strict=True)])
