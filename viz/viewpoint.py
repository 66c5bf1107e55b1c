"""From where a scene is looked at: fixed views that frame the people, a turntable, a calibrated camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lift3d.calib import Camera, InputError, Rig

from .bounds import Bounds

Array = NDArray[np.float64]

FIELD_OF_VIEW = np.radians(32.0)  # of the shorter side: long enough a lens that limbs keep their proportions
FILL = 0.86  # of the picture, at most, that the people's box takes
RAISE = 0.03  # of the picture's height: the middle of the people stands this much higher, above the caption
THREE_QUARTER = (np.radians(38.0), np.radians(14.0))  # to the side of the people's front; above the horizon
FIXED_VIEWS = ("three-quarter", "front", "side", "top", "overview", "turntable")
DEFAULT_VIEW = FIXED_VIEWS[0]
NO_HEADING = -np.pi / 2  # where no shoulders and hips tell the front, the viewer stands at -y


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """A pinhole camera without distortion, for drawing.

    Convention:
        as :class:`lift3d.calib.Camera`: x_cam = R @ x_world + t, x right, y down, z forward, metres and pixels.

    Args:
        K: [3, 3] pixels.
        R: [3, 3].
        t: [3] metres.
        size: (width, height) pixels.
        near: metres; nothing closer is drawn.
        far: metres.
        picture: the part of the picture that a calibrated camera covers, (x0, y0, x1, y1) pixels.
    """

    K: Array
    R: Array
    t: Array
    size: tuple[int, int]
    near: float = 0.05
    far: float = 200.0
    picture: tuple[float, float, float, float] | None = None

    @property
    def center(self) -> Array:
        """Where the eye is, [3] metres."""
        return -self.R.T @ self.t

    def project(self, xyz: Array) -> tuple[Array, Array]:
        """World points [..., 3] to pixels [..., 2] and depth [...] in metres; NaN pixels nearer than ``near``."""
        x_cam = xyz @ self.R.T + self.t
        depth = x_cam[..., 2]
        z = np.where(depth > self.near, depth, np.nan)
        xy = (x_cam[..., :2] / z[..., None]) * self.K[[0, 1], [0, 1]] + self.K[:2, 2]
        return xy, depth

    def scaled(self, factor: float) -> Viewpoint:
        """The same view with ``factor`` times as many pixels a side."""
        K = self.K.copy()
        K[:2, 2] = (K[:2, 2] + 0.5) * factor - 0.5  # pixel centres, not corners, sit on whole numbers
        K[[0, 1], [0, 1]] *= factor
        width, height = self.size
        return replace(self, K=K, size=(round(width * factor), round(height * factor)), picture=None)


def check_view(view: str, rig: Rig | None) -> None:
    """Make sure that a view's name means something.

    Raises:
        InputError: it is neither a fixed view nor one of the rig's cameras.
    """
    names = () if rig is None else rig.names
    if view not in FIXED_VIEWS and view not in names:
        cameras = f" or a camera ({', '.join(names)})" if names else "; the file holds no cameras"
        raise InputError(f"there is no view {view!r}; choose {', '.join(FIXED_VIEWS)}{cameras}")


def viewpoint_around(
    bounds: Bounds, *, azimuth: float, elevation: float, size: tuple[int, int], extra: Array | None = None
) -> Viewpoint:
    """A view of a box from outside, as close as the box fits.

    Args:
        bounds: what must be seen.
        azimuth: where the viewer stands, radians from +x towards +y.
        elevation: above the horizon, radians; pi / 2 looks straight down.
        size: (width, height) pixels.
        extra: [N, 3] metres, more points that must be seen.
    """
    R = look_along(azimuth, elevation)
    width, height = size
    focal = 0.5 * min(size) / np.tan(0.5 * FIELD_OF_VIEW)
    points = bounds.corners if extra is None else np.concatenate([bounds.corners, extra])
    x, y, z = ((points - bounds.center) @ R.T).T
    share = FILL * 0.5 / focal
    # Shift the aim to the middle of what is seen, then step back until everything fits.
    shift = np.array([0.5 * (x.min() + x.max()), 0.5 * (y.min() + y.max())])
    distance = max(
        (np.abs(x - shift[0]) / (share * width) - z).max(), (np.abs(y - shift[1]) / (share * height) - z).max(), 0.1
    )
    t = np.array([-shift[0], -shift[1], distance]) - R @ bounds.center
    middle = (0.5 * (width - 1), 0.5 * (height - 1) - RAISE * height)
    K = np.array([[focal, 0.0, middle[0]], [0.0, focal, middle[1]], [0.0, 0.0, 1.0]])
    return Viewpoint(K, R, t, size, near=0.02 * distance, far=20.0 * distance + 100.0)


def turntable(
    bounds: Bounds, *, heading: float, turn: float, size: tuple[int, int], elevation: float = THREE_QUARTER[1]
) -> Viewpoint:
    """A view from a circle around the people, whose radius is the same for every ``turn``.

    Args:
        bounds: what must be seen.
        heading: where the people look, radians.
        turn: 0..1 of a full circle, from the three-quarter view on.
        size: (width, height) pixels.
        elevation: above the horizon, radians.
    """
    half = 0.5 * (bounds.high - bounds.low)
    reach = float(np.hypot(half[0], half[1])) / np.sqrt(2.0)
    upright = np.array([reach, reach, half[2]])
    box = Bounds(bounds.center - upright, bounds.center + upright)
    azimuth = heading + THREE_QUARTER[0]
    at_start = viewpoint_around(box, azimuth=azimuth, elevation=elevation, size=size)
    distance = float(np.linalg.norm(at_start.center - bounds.center))
    R = look_along(azimuth + 2 * np.pi * turn, elevation)
    return replace(at_start, R=R, t=np.array([0.0, 0.0, distance]) - R @ bounds.center)


def fixed_view(
    view: str, bounds: Bounds, *, heading: float, size: tuple[int, int], extra: Array | None = None
) -> Viewpoint:
    """One of :data:`FIXED_VIEWS` that stand still.

    Args:
        view: its name.
        bounds: where the people are.
        heading: where they look, radians.
        size: (width, height) pixels.
        extra: [N, 3] metres, more points that must be seen.
    """
    azimuth, elevation = {
        "three-quarter": (heading + THREE_QUARTER[0], THREE_QUARTER[1]),
        "front": (heading, np.radians(4.0)),
        "side": (heading + np.pi / 2, np.radians(4.0)),
        "top": (heading + np.pi, np.pi / 2),  # the people look up the picture
        "overview": (heading + THREE_QUARTER[0], np.radians(24.0)),
    }[view]
    return viewpoint_around(bounds, azimuth=azimuth, elevation=elevation, size=size, extra=extra)


def camera_view(camera: Camera, *, size: tuple[int, int], distance: float) -> Viewpoint:
    """Look through a calibrated camera, its picture as large as it fits and in the middle; the lens is left out.

    Args:
        camera: of the rig.
        size: (width, height) pixels of the drawing.
        distance: metres to what is looked at, for the clipping planes.
    """
    width, height = camera.size
    scale = min(size[0] / width, size[1] / height)
    x0, y0 = 0.5 * (size[0] - scale * width), 0.5 * (size[1] - scale * height)
    K = camera.K.copy()
    K[[0, 1], [0, 1]] *= scale
    K[:2, 2] = (K[:2, 2] + 0.5) * scale - 0.5 + [x0, y0]
    picture = (x0, y0, x0 + scale * width, y0 + scale * height)
    return Viewpoint(K, camera.R, camera.t, size, near=0.02 * distance, far=20 * distance + 100, picture=picture)


def viewpoint_of(view: Array, projection: Array, size: tuple[int, int]) -> Viewpoint:
    """The viewpoint of a renderer that speaks OpenGL (camera x right, y up, z backward).

    Args:
        view: [4, 4] camera from world.
        projection: [4, 4] clip from camera.
        size: (width, height) pixels.
    """
    flip = np.diag([1.0, -1.0, -1.0])
    half = 0.5 * np.array(size)
    K = np.eye(3)
    K[0, 0], K[1, 1] = half[0] * projection[0, 0], half[1] * projection[1, 1]
    K[0, 2], K[1, 2] = half[0] * (1 - projection[0, 2]) - 0.5, half[1] * (1 + projection[1, 2]) - 0.5
    return Viewpoint(K, flip @ view[:3, :3], flip @ view[:3, 3], size)


def camera_picture_size(camera: Camera, *, longest: int) -> tuple[int, int]:
    """The size of a drawing in a camera's proportions, with even sides as video needs them."""
    width, height = camera.size
    scale = longest / max(width, height)
    return max(2, 2 * round(0.5 * scale * width)), max(2, 2 * round(0.5 * scale * height))


def look_along(azimuth: float, elevation: float) -> Array:
    """World to camera rotation [3, 3] of a viewer who stands at (azimuth, elevation) and looks at the middle, Z up."""
    forward = -np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    return np.stack([right, np.cross(forward, right), forward])
